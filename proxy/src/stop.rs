//! Stopping: who asked, who must know, and what happens when the operator insists.
//!
//! SIGTERM and SIGINT ask the server to drain; every thread sees it in a [`Stop`]. Signals are
//! received on a thread of their own, so that a second one ends the process at once however busy or
//! stuck the others are. SIGHUP means nothing, as in Redis: a terminal that goes away must not take
//! the server with it. Invariant: a stop that was requested stays requested, with its first cause,
//! until SHUTDOWN ABORT takes it back.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

/// Why the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
    /// A client's SHUTDOWN, or the server's own decision.
    Command,
}

impl Cause {
    /// The words for the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Command => "SHUTDOWN",
        }
    }

    /// The exit code when the process ends without draining: 128 and the signal's number.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Command => 1,
        }
    }
}

/// The request to stop, shared by all threads and runtimes of the process.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How often a stop was requested or taken back. Odd is the same as `cause.is_some()`, without
    /// a lock: the request path reads it.
    turns: AtomicU64,
    /// Not to wait for clients.
    at_once: AtomicBool,
    cause: watch::Sender<Option<Cause>>,
    /// For those who are many: cheap to wait for, and tells nothing but that it happened.
    notify: Notify,
}

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(Inner {
            turns: AtomicU64::new(0),
            at_once: AtomicBool::new(false),
            cause: watch::Sender::new(None),
            notify: Notify::new(),
        }))
    }
}

impl Stop {
    /// Asks all who hold this to stop. Only the first request counts: true for that one.
    pub fn request(&self, cause: Cause) -> bool {
        let first = self.0.cause.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(cause);
                self.0.turns.fetch_add(1, Ordering::Release);
            }
            first
        });
        self.0.notify.notify_waiters();
        first
    }

    /// The same, and not to wait for clients: a drain that has begun ends, too.
    pub fn request_at_once(&self, cause: Cause) {
        self.0.at_once.store(true, Ordering::Release);
        self.request(cause);
    }

    /// Takes the request back. False when there is none.
    pub fn abort(&self) -> bool {
        self.0.cause.send_if_modified(|current| {
            let requested = current.take().is_some();
            if requested {
                self.0.at_once.store(false, Ordering::Release);
                self.0.turns.fetch_add(1, Ordering::Release);
            }
            requested
        })
    }

    /// Whether to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.turns() % 2 == 1
    }

    /// Whether to stop without waiting for clients.
    #[must_use]
    pub fn at_once(&self) -> bool {
        self.requested() && self.0.at_once.load(Ordering::Acquire)
    }

    /// How often a stop was requested or taken back: who saw the same number missed nothing.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Acquire)
    }

    /// Ends when somebody asks after this call; whoever waits looks at [`Stop::requested`], too.
    pub fn requested_later(&self) -> Notified<'_> {
        self.0.notify.notified()
    }

    /// Who asked, if anybody has.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        *self.0.cause.borrow()
    }

    /// Waits until somebody asks; at once when somebody has. Safe to drop and to call again.
    pub async fn wait(&self) -> Cause {
        let mut receiver = self.0.cause.subscribe();
        loop {
            if let Some(cause) = *receiver.borrow_and_update() {
                return cause;
            }
            // The sender lives in `self`, so the channel cannot close while this waits.
            let _closed_never = receiver.changed().await;
        }
    }

    /// Starts the thread that turns signals into a request, and a second signal into an exit.
    ///
    /// # Errors
    /// When the system gives no thread or no signal handler; signals then act as before.
    pub fn on_signals(&self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        // Installed here rather than on the thread: a signal right after this returns is heard.
        let (interrupt, terminate, hangup) = {
            let _entered = runtime.enter();
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let [interrupt, terminate, hangup] = kinds.map(signal);
            (interrupt?, terminate?, hangup?)
        };
        let stop = self.clone();
        let body = move || match runtime.block_on(stop.hear(interrupt, terminate, hangup)) {};
        std::thread::Builder::new().name("kinring-signals".into()).spawn(body)?;
        Ok(())
    }

    async fn hear(
        self,
        mut interrupt: tokio::signal::unix::Signal,
        mut terminate: tokio::signal::unix::Signal,
        mut hangup: tokio::signal::unix::Signal,
    ) -> Infallible {
        loop {
            let cause = tokio::select! {
                _ = interrupt.recv() => Cause::Interrupt,
                _ = terminate.recv() => Cause::Terminate,
                // It is heard, and so does not end the process.
                _ = hangup.recv() => continue,
            };
            if let Some(code) = self.heard(cause) {
                std::process::exit(code);
            }
        }
    }

    /// One signal more: the code to exit with when there is no patience left. A signal during a
    /// drain that SHUTDOWN began is such a one, too.
    fn heard(&self, cause: Cause) -> Option<i32> {
        if self.request(cause) { None } else { Some(cause.exit_code()) }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    fn poll(wait: impl Future<Output = Cause>) -> Poll<Cause> {
        std::pin::pin!(wait).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn nobody_stops_before_somebody_asks() {
        let stop = Stop::default();
        assert!(!stop.requested() && stop.cause().is_none());
        assert_eq!(poll(stop.wait()), Poll::Pending);
    }

    #[test]
    fn all_who_hold_it_see_a_request_and_its_first_cause() {
        let (stop, other) = (Stop::default(), Stop::default());
        let copy = stop.clone();
        assert!(stop.request(Cause::Command));
        assert!(!copy.request(Cause::Interrupt));
        assert!(copy.requested() && !other.requested());
        assert_eq!(poll(copy.wait()), Poll::Ready(Cause::Command));
        assert_eq!(poll(copy.wait()), Poll::Ready(Cause::Command));
    }

    #[test]
    fn a_request_that_was_taken_back_can_be_made_again() {
        let stop = Stop::default();
        assert!(!stop.abort());
        stop.request_at_once(Cause::Command);
        assert!(stop.at_once() && stop.abort());
        assert!(!stop.requested() && !stop.at_once() && stop.cause().is_none());
        assert_eq!(poll(stop.wait()), Poll::Pending);
        assert!(stop.request(Cause::Terminate) && stop.requested() && !stop.at_once());
        assert_eq!(stop.turns(), 3);
    }

    #[test]
    fn a_request_wakes_waiters_on_other_runtimes() {
        let stop = Stop::default();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let stop = stop.clone();
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(stop.wait())
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(10));
        stop.request(Cause::Terminate);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Cause::Terminate);
        }
    }

    #[test]
    fn the_first_signal_drains_and_the_second_exits_with_its_own_code() {
        let stop = Stop::default();
        assert_eq!(stop.heard(Cause::Terminate), None);
        assert_eq!(stop.heard(Cause::Interrupt), Some(130));
        assert_eq!(stop.heard(Cause::Terminate), Some(143));
    }

    #[test]
    fn a_real_signal_becomes_a_request() {
        let stop = Stop::default();
        stop.on_signals().unwrap();
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::TERM).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(stop.wait()), Cause::Terminate);
    }
}
