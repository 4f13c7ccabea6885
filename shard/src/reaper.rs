//! The thread that frees what a flush took out, so that nobody waits for it.

use crossbeam::channel::{Sender, bounded};
use kinring_common::keyspace::table::Table;

/// Flushes whose tables may wait to be freed; past it, the one who flushes frees its own.
const WAITING_MAX: usize = 64;

/// The way to that thread, or none when the system gave none: then freeing happens in place.
pub struct Reaper(Option<Sender<Vec<Table>>>);

impl Reaper {
    /// Starts the thread; it ends with the shard.
    pub fn start() -> Reaper {
        let (sender, receiver) = bounded::<Vec<Table>>(WAITING_MAX);
        let thread = std::thread::Builder::new().name("kinring-reaper".to_owned());
        let started = thread.spawn(move || receiver.into_iter().for_each(drop));
        Reaper(started.is_ok().then_some(sender))
    }

    /// Frees these tables, now or soon.
    pub fn free(&self, tables: Vec<Table>) {
        if tables.is_empty() {
            return;
        }
        if let Some(sender) = &self.0 {
            // What does not fit comes back in the error and is freed with it.
            let _ = sender.try_send(tables);
        }
    }
}
