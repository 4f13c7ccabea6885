//! What all connections of the process share.

use crate::clients::Clients;
use crate::config::Settings;
use crate::stats::Stats;
use crate::stop::Stop;
use kinring_common::clock::{Now, SteadyWall};
use kinring_shard::Shard;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// See the module.
pub struct Node {
    /// The keys.
    pub shard: Arc<Shard>,
    /// What CONFIG reads and sets.
    pub settings: Settings,
    /// Who is connected.
    pub clients: Clients,
    /// What is counted.
    pub stats: Stats,
    /// The request to stop.
    pub stop: Stop,
    /// What stays the same from start to end.
    pub facts: Facts,
}

/// What stays the same from start to end.
#[derive(Clone, Debug)]
pub struct Facts {
    /// 40 random hex digits, new at each start.
    pub run_id: String,
    /// The addresses that are listened on.
    pub listening: Vec<SocketAddr>,
    /// Whether `--io-threads` fixes the number of data threads, and to how many they may grow.
    pub threads: (bool, usize),
    /// The path of the running program.
    pub executable: String,
}

/// The moment of a batch: read once, handed to everything below.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For the keys.
    pub now: Now,
    /// Microseconds since the Unix epoch, for TIME.
    pub wall_us: u64,
}

/// Reads the clocks; clones are one clock.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    steady: Arc<Mutex<SteadyWall>>,
}

impl Clock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::new_without_default, reason = "it reads the time, as a default must not")]
    pub fn new() -> Clock {
        Clock { start: Instant::now(), steady: Arc::default() }
    }

    /// Monotonic nanoseconds.
    pub fn nanos(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// The moment. A wall clock before 1970 counts as 1970.
    pub fn moment(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_us = wall.as_micros() as u64;
        let mono_us = self.start.elapsed().as_micros() as u64;
        let steady_us = self.steady.lock().read(wall_us, mono_us);
        Moment { now: Now { wall_ms: steady_us / 1000, mono_us }, wall_us }
    }
}
