//! The thread that frees what commands took out, so that nobody waits for it.

use crossbeam::channel::{Sender, bounded};
use kinring_common::keyspace::Doomed;

/// Commands whose leavings may wait to be freed; past it, each frees its own.
const WAITING_MAX: usize = 64;

/// The way to that thread, or none when the system gave none: then freeing happens in place.
pub struct Reaper(Option<Sender<Vec<Doomed>>>);

impl Reaper {
    /// Starts the thread; it ends with the shard.
    pub fn start() -> Reaper {
        let (sender, receiver) = bounded::<Vec<Doomed>>(WAITING_MAX);
        let thread = std::thread::Builder::new().name("kinring-reaper".to_owned());
        let started = thread.spawn(move || receiver.into_iter().for_each(drop));
        Reaper(started.is_ok().then_some(sender))
    }

    /// Frees these, now or soon.
    pub fn free(&self, doomed: Vec<Doomed>) {
        if doomed.is_empty() {
            return;
        }
        if let Some(sender) = &self.0 {
            // What does not fit comes back in the error and is freed with it.
            let _ = sender.try_send(doomed);
        }
    }
}
