//! Stopping: who asked, who must know, and what happens when the operator insists.
//!
//! SIGTERM and SIGINT ask the server to drain; every thread sees it in a [`Stop`]. Signals are
//! received on a thread of their own, so that a second one ends the process at once however busy or
//! stuck the others are. Invariant: a stop that was requested stays requested, with its first cause.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// The same as `cause.is_some()`, without a lock: the request path reads it.
    requested: AtomicBool,
    cause: watch::Sender<Option<Cause>>,
    /// For those who are many: cheap to wait for, and tells nothing but that it happened.
    notify: Notify,
}

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(Inner {
            requested: AtomicBool::new(false),
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
            current.get_or_insert(cause);
            first
        });
        self.0.requested.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
        first
    }

    /// Whether to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
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
        let (interrupt, terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let stop = self.clone();
        let body = move || match runtime.block_on(stop.hear(interrupt, terminate)) {};
        std::thread::Builder::new().name("kinring-signals".into()).spawn(body)?;
        Ok(())
    }

    async fn hear(
        self,
        mut interrupt: tokio::signal::unix::Signal,
        mut terminate: tokio::signal::unix::Signal,
    ) -> Infallible {
        loop {
            let cause = tokio::select! {
                _ = interrupt.recv() => Cause::Interrupt,
                _ = terminate.recv() => Cause::Terminate,
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
