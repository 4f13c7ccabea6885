//! The thread behind a shard: reads the clocks and runs the expiry sweep of [`crate::core::expiry`].

use crate::Shard;
use crate::core::expiry::{CYCLE_MS, KEYS_A_LOCK, Sweep};
use kinring_common::clock::Now;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Starts the thread. `now` reads the clocks, `effort` the setting (1 to 10) at each cycle. It ends
/// when the shard has no other user.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    shard: &Arc<Shard>,
    now: impl Fn() -> Now + Send + 'static,
    effort: impl Fn() -> u8 + Send + 'static,
) -> io::Result<()> {
    let shard = Arc::downgrade(shard);
    let run = move || {
        let mut sweep = Sweep::default();
        loop {
            std::thread::sleep(Duration::from_millis(CYCLE_MS));
            let Some(shard) = shard.upgrade() else { return };
            sweep.start_cycle(effort());
            cycle(&shard, &mut sweep, &now);
        }
    };
    std::thread::Builder::new().name("kinring-expiry".to_owned()).spawn(run).map(drop)
}

fn cycle(shard: &Shard, sweep: &mut Sweep, now: &impl Fn() -> Now) {
    while let Some(partition) = sweep.next() {
        let started = Instant::now();
        let now = now();
        let (expired, at_end) = shard.keyspace().sweep(partition, now.wall_ms, now, KEYS_A_LOCK);
        shard.note_expired(expired as u64);
        sweep.done(started.elapsed().as_micros() as u64, at_end);
    }
}
