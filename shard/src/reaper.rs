//! Frees what commands took out, so that nobody waits for it.
//!
//! The thread lives only while there is something to free: an allocator's cache of a thread that
//! sleeps would keep the last freed objects of each size, and with them the pages around them.

use kinring_common::keyspace::Doomed;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Commands whose leavings may wait to be freed; past it, each frees its own.
const WAITING_MAX: usize = 64;

#[derive(Default)]
struct Queue {
    waiting: Vec<Vec<Doomed>>,
    running: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// See [`Reaper::pending`].
    pending: AtomicU64,
}

/// The way to that thread.
#[derive(Default)]
pub struct Reaper(Arc<Shared>);

impl Reaper {
    /// Frees these: soon, or at once where the system gives no thread or too much is waiting.
    pub fn free(&self, doomed: Vec<Doomed>) {
        if doomed.is_empty() {
            return;
        }
        let mut queue = self.0.queue.lock();
        if queue.waiting.len() >= WAITING_MAX {
            drop(queue);
            return drop(doomed);
        }
        self.0.pending.fetch_add(objects(&doomed), Relaxed);
        queue.waiting.push(doomed);
        if std::mem::replace(&mut queue.running, true) {
            return;
        }
        drop(queue);
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("kinring-reaper".to_owned());
        if thread.spawn(move || run(&shared)).is_err() {
            run(&self.0);
        }
    }

    /// Keys, and collections of keys, that are yet to be freed.
    pub fn pending(&self) -> u64 {
        self.0.pending.load(Relaxed)
    }
}

fn objects(doomed: &[Doomed]) -> u64 {
    let count = |doomed: &Doomed| match doomed {
        Doomed::Table(table) => table.len(),
        Doomed::Entries(entries) => entries.len(),
        Doomed::Cells(_) => 1,
    };
    doomed.iter().map(count).sum::<usize>() as u64
}

/// Frees until nothing waits.
fn run(shared: &Shared) {
    loop {
        let mut locked = shared.queue.lock();
        let Some(doomed) = locked.waiting.pop() else {
            locked.running = false;
            return;
        };
        drop(locked);
        let objects = objects(&doomed);
        drop(doomed);
        shared.pending.fetch_sub(objects, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn everything_is_freed_and_the_thread_ends() {
        let reaper = Reaper::default();
        for _ in 0..3 * WAITING_MAX {
            reaper.free(vec![Doomed::Cells(Default::default())]);
        }
        reaper.free(Vec::new());
        let until = Instant::now() + Duration::from_secs(10);
        while reaper.0.queue.lock().running {
            assert!(Instant::now() < until, "the thread ends when nothing is left");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(reaper.0.queue.lock().waiting.is_empty());
        assert_eq!(reaper.pending(), 0);
    }
}
