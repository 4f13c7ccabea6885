//! The threads that serve connections: each a runtime of its own, connections handed to one of them
//! and moved when [`crate::core::packing`] says so.

use crate::connection::{Connection, End, Served};
use crate::core::leaving::Leaving;
use crate::core::packing::{Load, Packing};
use crate::log;
use crate::node::{Clock, Node};
use crate::stats::ThreadStats;
use crossbeam::utils::CachePadded;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A connection on its way to a thread. The channel needs no bound of its own: there is one of
/// these a connection, and `maxclients` bounds those.
struct Handover {
    socket: std::net::TcpStream,
    connection: Box<Connection>,
}

/// One thread, seen from outside.
#[derive(Clone)]
struct DataThread {
    sender: UnboundedSender<Handover>,
    stats: Arc<CachePadded<ThreadStats>>,
    leaving: Arc<Leaving>,
    runtime: Handle,
}

/// All data threads.
pub struct DataThreads {
    threads: Arc<Vec<DataThread>>,
    packing: Packing,
    fixed: bool,
    busy_before: Vec<Duration>,
}

impl DataThreads {
    /// Starts `max` threads; all of them serve from the start when `fixed`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        node: &Arc<Node>,
        clock: &Clock,
        fixed: bool,
        max: usize,
    ) -> io::Result<DataThreads> {
        let mut threads = Vec::with_capacity(max);
        let mut receivers = Vec::with_capacity(max);
        for _ in 0..max {
            // Ready sockets are all served before the next poll, so that their commands overlap.
            let runtime = Builder::new_current_thread().enable_io().event_interval(256).build()?;
            let (sender, receiver) = unbounded_channel();
            threads.push(DataThread {
                sender,
                stats: node.stats.thread(),
                leaving: Arc::new(Leaving::new(max)),
                runtime: runtime.handle().clone(),
            });
            receivers.push((runtime, receiver));
        }
        let threads = Arc::new(threads);
        for (at, (runtime, receiver)) in receivers.into_iter().enumerate() {
            let (node, clock, threads) = (Arc::clone(node), clock.clone(), Arc::clone(&threads));
            std::thread::Builder::new().name(format!("kinring-data-{at}")).spawn(move || {
                runtime.block_on(receive(receiver, node, clock, threads, at));
            })?;
        }
        let busy_before = vec![Duration::ZERO; max];
        Ok(DataThreads { threads, packing: Packing::new(max, fixed), fixed, busy_before })
    }

    /// Gives a new connection to a thread. False when the thread has ended.
    pub fn give(&self, socket: std::net::TcpStream, connection: Box<Connection>) -> bool {
        let at = self.packing.place(|at| self.threads[at].stats.connections.load(Relaxed) as usize);
        let thread = &self.threads[at];
        thread.stats.connections.fetch_add(1, Relaxed);
        thread.sender.send(Handover { socket, connection }).is_ok()
    }

    /// How many connections each thread serves.
    pub fn connections(&self) -> Vec<u64> {
        self.threads.iter().map(|thread| thread.stats.connections.load(Relaxed)).collect()
    }

    /// Looks at the threads' work over the last `elapsed` and moves connections if it must.
    pub fn judge(&mut self, elapsed: Duration) {
        let mut loads = Vec::with_capacity(self.threads.len());
        for (thread, before) in self.threads.iter().zip(&mut self.busy_before) {
            let busy = thread.runtime.metrics().worker_total_busy_duration(0);
            let share =
                busy.saturating_sub(*before).as_secs_f64() / elapsed.as_secs_f64().max(1e-3);
            *before = busy;
            let connections = thread.stats.connections.load(Relaxed) as usize;
            loads.push(Load { busy_percent: (share * 100.0).min(100.0) as u32, connections });
        }
        let moves = self.packing.judge(self.fixed, &loads);
        if moves.is_empty() {
            return;
        }
        for (at, thread) in self.threads.iter().enumerate() {
            let away = moves.iter().filter(|step| step.from == at);
            let plan: Vec<(usize, usize)> = away.map(|step| (step.to, step.connections)).collect();
            thread.leaving.plan(&plan);
        }
    }
}

async fn receive(
    mut receiver: UnboundedReceiver<Handover>,
    node: Arc<Node>,
    clock: Clock,
    threads: Arc<Vec<DataThread>>,
    at: usize,
) {
    let served = Served {
        node,
        stats: Arc::clone(&threads[at].stats),
        clock,
        leaving: Arc::clone(&threads[at].leaving),
    };
    while let Some(handover) = receiver.recv().await {
        let client = Arc::clone(handover.connection.client());
        // Made here, so that it is dropped even if the task is ended before it first runs.
        let here = Here { served: served.clone(), client: Arc::clone(&client), moved: false };
        let task = tokio::spawn(serve(handover, here, Arc::clone(&threads)));
        client.set_task(task.abort_handle());
    }
}

/// Serves one connection until it ends here.
async fn serve(handover: Handover, mut here: Here, threads: Arc<Vec<DataThread>>) {
    let Handover { socket, connection } = handover;
    let Ok(mut socket) = TcpStream::from_std(socket) else { return };
    if let End::Moves(connection, thread) = connection.serve(&mut socket, &here.served).await {
        let to = &threads[thread];
        if let Ok(socket) = socket.into_std() {
            to.stats.connections.fetch_add(1, Relaxed);
            here.moved = to.sender.send(Handover { socket, connection }).is_ok();
        }
    }
}

/// Counts the connection out of this thread however its task ends; out of the list too, unless it
/// goes on elsewhere.
struct Here {
    served: Served,
    client: Arc<crate::clients::Client>,
    moved: bool,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.served.stats.connections.fetch_sub(1, Relaxed);
        if !self.moved {
            self.served.node.clients.remove(self.client.id);
            log::verbose(format_args!("client {} closed", self.client.id));
        }
    }
}
