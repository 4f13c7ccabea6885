//! One client's socket: read what is there, decode it all, run it as one batch, write once.
//!
//! The buffers of the ordinary case belong to the thread, not to the connection: what one read
//! brings is run and answered before the next await, so all connections of a thread share them, and
//! they stay in the processor's cache. Only a partial request, or replies that the client does not
//! take, are kept with the connection.

use crate::clients::Client;
use crate::core::leaving::Leaving;
use crate::core::partial::{Partial, Used};
use crate::core::replies::Replies;
use crate::core::session::{Cx, Session, Step};
use crate::listener::log_unread;
use crate::log;
use crate::node::{Clock, Node};
use crate::stats::{ThreadStats, add, most};
use crate::stop::Stop;
use bytes::{Buf, Bytes};
use kinring_common::command::{Command, KeysJob};
use kinring_common::keyspace::{Effects, Txn};
use kinring_common::resp::{Batch, Decoder, Limits, ReplyBuf};
use socket2::SockRef;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::futures::Notified;

/// Bytes of one read: a pipeline of some hundred small commands.
const READ_BYTES: usize = 64 * 1024;

/// Requests decoded at a time.
const BATCH_REQUESTS_MAX: usize = 512;

/// Pieces of one write: a shared value takes two.
const SLICES_MAX: usize = 64;

/// So long a job goes on before others have their turn: about as long as the largest batch takes.
const SLICE_US_MAX: u64 = 500;

/// What the connections of one thread share between two awaits.
struct Scratch {
    input: Vec<u8>,
    batch: Batch,
    out: ReplyBuf,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        input: vec![0; READ_BYTES],
        batch: Batch::new(),
        out: ReplyBuf::default(),
    });
}

/// A connection, to be served by whichever thread holds it.
pub struct Connection {
    node: Arc<Node>,
    session: Session,
    decoder: Decoder,
    /// The start of a request whose rest has not arrived.
    partial: Partial,
    replies: Replies,
    limits: Limits,
}

/// Why serving ended.
pub enum End {
    /// The connection is over.
    Closed,
    /// It is to go on with the thread of this number.
    Moves(Box<Connection>, usize),
}

/// What the connections of one thread are served with.
#[derive(Clone)]
pub struct Served {
    /// The process.
    pub node: Arc<Node>,
    /// The thread's numbers.
    pub stats: Arc<crossbeam::utils::CachePadded<ThreadStats>>,
    /// The clocks.
    pub clock: Clock,
    /// Connections that the thread is asked to give away.
    pub leaving: Arc<Leaving>,
}

/// What one run over decoded requests came to.
enum Ran {
    /// All input was used up as far as it goes; `keep`: a partial request begins there.
    All,
    /// Replies are to be written before going on.
    Write,
    /// A job is to be run before going on; `silent`: its reply is lost.
    Job { job: Box<KeysJob>, silent: bool },
}

impl Connection {
    /// A new client's.
    pub fn new(node: &Arc<Node>, client: Arc<Client>, seed: u64) -> Connection {
        let authenticated = !node.settings.now().requirepass.is_set();
        Connection {
            node: Arc::clone(node),
            session: Session::new(client, authenticated, seed),
            decoder: Decoder::new(),
            partial: Partial::default(),
            replies: Replies::default(),
            limits: Limits::default(),
        }
    }

    /// Its client.
    pub fn client(&self) -> &Arc<Client> {
        &self.session.client
    }

    /// Serves until the client goes, is ended, or the connection is to move.
    pub async fn serve(mut self: Box<Self>, socket: &mut TcpStream, served: &Served) -> End {
        let stop = &served.node.stop;
        let heard = pin!(stop.requested_later());
        let mut stopping = Stopping { stop, heard, turns: None };
        loop {
            if let Some(thread) = served.leaving.take() {
                return End::Moves(self, thread);
            }
            let read = if self.partial.is_wanted() {
                self.read_into_partial(socket, served, &mut stopping).await
            } else {
                self.read_into_scratch(socket, served, &mut stopping).await
            };
            match read {
                Ok(true) => {}
                Ok(false) | Err(_) => return End::Closed,
            }
        }
    }

    /// The ordinary case: nothing is left over from before.
    async fn read_into_scratch(
        &mut self,
        socket: &mut TcpStream,
        served: &Served,
        stopping: &mut Stopping<'_, '_>,
    ) -> io::Result<bool> {
        let got = poll_fn(|cx| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut buf = ReadBuf::new(&mut scratch.input);
                match Pin::new(&mut *socket).poll_read(cx, &mut buf) {
                    Poll::Ready(Ok(())) => Poll::Ready(Ok(buf.filled().len())),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending if stopping.drained(cx, socket) => Poll::Ready(Ok(0)),
                    Poll::Pending => Poll::Pending,
                }
            })
        })
        .await?;
        if got == 0 {
            return Ok(false);
        }
        self.note_read(served, got, got);
        // From here to the write there is no await: the scratch is this connection's alone.
        let whole = SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { input, batch, out } = scratch;
            out.set_protocol(self.session.protocol);
            let (used, ran) = self.run(served, (&input[..got], None), batch, out);
            let sent = matches!(ran, Ran::All) && send_at_once(socket, served, out);
            if sent && used.bytes == got {
                return None;
            }
            let rest = &input[used.bytes..got];
            self.partial.keep(rest, self.decoder.missing_bytes(rest.len()));
            let mut own = ReplyBuf::new(self.session.protocol);
            std::mem::swap(out, &mut own);
            Some((own, ran))
        });
        match whole {
            None => {
                self.note_left();
                Ok(!self.session.closing)
            }
            // It is still at work: a stop waits until the client has taken these replies.
            Some((own, ran)) => self.go_on(socket, served, own, ran).await,
        }
    }

    /// A request came in part: its bytes gather in the connection's own buffer.
    async fn read_into_partial(
        &mut self,
        socket: &mut TcpStream,
        served: &Served,
        stopping: &mut Stopping<'_, '_>,
    ) -> io::Result<bool> {
        let got = loop {
            let ready = poll_fn(|cx| match socket.poll_read_ready(cx) {
                Poll::Ready(ready) => Poll::Ready(ready.map(|()| true)),
                Poll::Pending if stopping.drained(cx, socket) => Poll::Ready(Ok(false)),
                Poll::Pending => Poll::Pending,
            });
            if !ready.await? {
                return Ok(false);
            }
            let missing = self.decoder.missing_bytes(self.partial.len());
            match socket.try_read_buf(self.partial.room(missing)) {
                Ok(0) => return Ok(false),
                Ok(got) => break got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.partial.rest(),
                Err(error) => return Err(error),
            }
        };
        self.note_read(served, got, self.partial.len());
        self.go_on(socket, served, ReplyBuf::new(self.session.protocol), Ran::Write).await
    }

    /// Runs what is in the partial buffer, with writes and jobs in between.
    async fn go_on(
        &mut self,
        socket: &mut TcpStream,
        served: &Served,
        mut out: ReplyBuf,
        mut ran: Ran,
    ) -> io::Result<bool> {
        loop {
            if let Ran::Job { job, silent } = ran {
                let ticket = self.replies.late();
                let mut reply = self.run_job(served, job).await;
                if silent {
                    reply = ReplyBuf::new(self.session.protocol);
                }
                self.replies.complete(&ticket, reply);
                self.replies.drain(&mut out);
            }
            self.write(socket, served, &mut out).await?;
            if self.session.closing {
                return Ok(false);
            }
            ran = self.run_partial(served, &mut out);
            if matches!(ran, Ran::All) {
                self.write(socket, served, &mut out).await?;
                self.note_left();
                return Ok(!self.session.closing);
            }
        }
    }

    /// Runs what the partial buffer has, and keeps what is left of it.
    fn run_partial(&mut self, served: &Served, out: &mut ReplyBuf) -> Ran {
        let all = self.decoder.missing_bytes(self.partial.len()) == 0;
        let arrived = self.partial.take(all);
        let (input, mut batch) = (arrived.bytes(), Batch::new());
        let (used, ran) = self.run(served, (input, arrived.source()), &mut batch, out);
        let missing = self.decoder.missing_bytes(input.len() - used.bytes);
        self.partial.give_back(arrived, used, missing);
        ran
    }

    /// Decodes and runs from the start of `input`, which may be kept if it is given as a source;
    /// returns what is done with.
    fn run(
        &mut self,
        served: &Served,
        (input, source): (&[u8], Option<&Bytes>),
        batch: &mut Batch,
        out: &mut ReplyBuf,
    ) -> (Used, Ran) {
        let mut at = 0;
        let mut requests = 0;
        let nanos = &|| served.clock.nanos();
        loop {
            self.renew_limits(served, out);
            let decoded =
                self.decoder.decode(&input[at..], &self.limits, batch, BATCH_REQUESTS_MAX);
            requests += batch.len();
            let moment = served.clock.moment();
            let cx = Cx { node: &served.node, stats: &served.stats, moment, source, nanos };
            let step = self.session.run(&cx, (batch, &input[at..]), 0, out);
            if out.is_overflowed() {
                self.end_for_output(served);
                self.session.closing = true;
                out.clear();
                return (Used { bytes: input.len(), requests }, Ran::All);
            }
            let next = match (step, &decoded) {
                (Step::Done, Ok(used)) => *used,
                (Step::Done, Err(error)) => {
                    if !self.session.closing {
                        let Client { id, addr, .. } = &*self.session.client;
                        log::verbose(format_args!("client {id} ({addr}): {error}"));
                        self.session.refuse_input(&served.node, *error, out);
                    }
                    return (Used { bytes: input.len(), requests }, Ran::All);
                }
                (Step::Full(request), _) => {
                    // Decoded again after the write: rare, and the bytes are still there.
                    self.decoder = Decoder::new();
                    let bytes = at + batch.start_of(request);
                    return (Used { bytes, requests }, Ran::Write);
                }
                (Step::Slices { job, silent, next }, _) => {
                    self.decoder = Decoder::new();
                    let bytes = at + batch.start_of(next);
                    return (Used { bytes, requests }, Ran::Job { job, silent });
                }
            };
            at += next;
            if self.session.closing || batch.is_empty() || at == input.len() {
                return (Used { bytes: at, requests }, Ran::All);
            }
        }
    }

    fn renew_limits(&mut self, served: &Served, out: &mut ReplyBuf) {
        let config = served.node.settings.now();
        out.set_limit(config.client_output_buffer_limit.normal.output_bytes_max());
        self.limits.bulk_bytes_max = config.proto_max_bulk_len_bytes as usize;
        self.limits.total_bytes_max = config.client_query_buffer_limit_bytes as usize;
        self.limits.authenticated = self.session.authenticated;
    }

    /// KEYS in slices; others run in between.
    async fn run_job(&mut self, served: &Served, mut job: Box<KeysJob>) -> ReplyBuf {
        let space = served.node.shard.keyspace();
        let mut spent_nanos = 0;
        let mut since_us = served.clock.nanos() / 1000;
        while let Some(partition) = job.next() {
            let now = served.clock.moment().now;
            if now.mono_us.saturating_sub(since_us) > SLICE_US_MAX {
                tokio::task::yield_now().await;
                self.renew_active(served);
                since_us = served.clock.nanos() / 1000;
            }
            let mut effects = Effects::new(space.interest());
            let mut locks = space.lock_one(partition);
            let mut txn = Txn::new(&mut locks, &mut effects, now, self.session.db, 0);
            let begun = served.clock.nanos();
            job.step(&mut txn);
            spent_nanos += served.clock.nanos() - begun;
        }
        served.stats.commands.took(Command::Keys.row(), spent_nanos, 1);
        let mut reply = ReplyBuf::new(self.session.protocol);
        job.finish(&mut reply);
        reply
    }

    /// Writes everything. While a client does not read, none of its commands run.
    async fn write(
        &mut self,
        socket: &mut TcpStream,
        served: &Served,
        out: &mut ReplyBuf,
    ) -> io::Result<()> {
        while !out.is_empty() {
            self.session.client.output_bytes.store(out.len() as u64, Relaxed);
            most(&served.stats.output_most, out.len() as u64);
            self.check_output_limit(served, out.len())?;
            let written = socket.write_buf(out).await?;
            self.renew_active(served);
            add(&served.stats.writes, 1);
            add(&served.stats.output_bytes, written as u64);
        }
        out.clear();
        self.session.client.output_bytes.store(0, Relaxed);
        self.session.client.over_soft_us.store(0, Relaxed);
        Ok(())
    }

    fn check_output_limit(&self, served: &Served, bytes: usize) -> io::Result<()> {
        let limit = served.node.settings.now().client_output_buffer_limit.normal;
        let bytes = bytes as u64;
        if !limit.is_above_soft(bytes) {
            self.session.client.over_soft_us.store(0, Relaxed);
        }
        if limit.is_above_hard(bytes) {
            self.end_for_output(served);
            return Err(io::Error::other("the client's replies exceed client-output-buffer-limit"));
        }
        Ok(())
    }

    fn end_for_output(&self, served: &Served) {
        served.node.stats.output_limit_closed.fetch_add(1, Relaxed);
        log_unread(&self.session.client);
    }

    /// The client sent or took bytes, or is worked for: `timeout` does not mean it.
    fn renew_active(&self, served: &Served) {
        self.session.client.active_us.store(served.clock.nanos() / 1000, Relaxed);
    }

    /// A read brought so many bytes; so many wait to be run then.
    fn note_read(&self, served: &Served, bytes: usize, waiting: usize) {
        add(&served.stats.reads, 1);
        add(&served.stats.input_bytes, bytes as u64);
        most(&served.stats.input_most, waiting as u64);
    }

    fn note_left(&self) {
        self.session.client.input_bytes.store(self.partial.len() as u64, Relaxed);
    }
}

impl Drop for Connection {
    /// However it ends: what it holds elsewhere is given up.
    fn drop(&mut self) {
        self.session.release_watches(self.node.shard.keyspace());
    }
}

/// Tries to write all replies in one call. False when something is left.
fn send_at_once(socket: &TcpStream, served: &Served, out: &mut ReplyBuf) -> bool {
    if out.is_empty() {
        out.clear();
        return true;
    }
    let written = match out.as_slice() {
        Some(bytes) => socket.try_write(bytes),
        None => {
            let mut slices = [io::IoSlice::new(&[]); SLICES_MAX];
            let n = out.chunks_vectored(&mut slices);
            socket.try_write_vectored(&slices[..n])
        }
    };
    let Ok(written) = written else { return false };
    add(&served.stats.writes, 1);
    add(&served.stats.output_bytes, written as u64);
    out.advance(written);
    if out.is_empty() {
        out.clear();
        return true;
    }
    false
}

/// How a connection hears of a stop while it waits for bytes: a task has one waker, and the read is
/// what looks.
struct Stopping<'a, 's> {
    stop: &'s Stop,
    heard: Pin<&'a mut Notified<'s>>,
    /// [`Stop::turns`] when the waker was last left there.
    turns: Option<u64>,
}

impl Stopping<'_, '_> {
    /// Whether the server stops and the client's last byte has been read. The system is asked: the
    /// runtime may not have heard yet of what has arrived, and will tell later.
    fn drained(&mut self, cx: &mut Context<'_>, socket: &TcpStream) -> bool {
        let stop = self.stop;
        // A stop that was aborted used the waker up. It is left first and then looked: a request in
        // between is seen or heard.
        while self.turns != Some(stop.turns()) {
            self.turns = Some(stop.turns());
            self.heard.set(stop.requested_later());
            if self.heard.as_mut().poll(cx).is_ready() {
                self.turns = None;
            }
        }
        let nothing = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        stop.requested()
            && SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]).is_err_and(nothing)
    }
}
