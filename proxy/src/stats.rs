//! What the server counts. Each data thread has numbers of its own, which it alone writes.

use crate::command_stats::{Calls, CommandStats};
use crossbeam::utils::CachePadded;
use kinring_common::command::Command;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Error codes that are counted apart; a client cannot make more of them up than this.
const ERROR_CODES_MAX: usize = 128;

/// One data thread's numbers.
#[derive(Debug, Default)]
pub struct ThreadStats {
    /// Commands that were executed.
    pub commands: CommandStats,
    /// Bytes read from clients.
    pub input_bytes: AtomicU64,
    /// Bytes written to clients.
    pub output_bytes: AtomicU64,
    /// Reads that found their key.
    pub hits: AtomicU64,
    /// Reads that did not.
    pub misses: AtomicU64,
    /// Reads from sockets.
    pub reads: AtomicU64,
    /// Writes to sockets.
    pub writes: AtomicU64,
    /// Connections that it serves.
    pub connections: AtomicU64,
    /// The most input that a client had since the last sample.
    pub input_most: AtomicU64,
    /// The most replies that waited for a client since then.
    pub output_most: AtomicU64,
}

/// Adds to a number that only this thread writes: no locked instruction.
#[inline]
pub fn add(number: &AtomicU64, by: u64) {
    number.store(number.load(Relaxed).wrapping_add(by), Relaxed);
}

/// Raises a number that this thread writes. A sampler takes it down: what it misses of one sample
/// is of no weight.
#[inline]
pub fn most(number: &AtomicU64, now: u64) {
    if now > number.load(Relaxed) {
        number.store(now, Relaxed);
    }
}

/// Samples that "recent" means, about a second each, as many as in Redis.
const RECENT_SAMPLES: usize = 8;

/// The largest buffers of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Input that waited to be run, in bytes.
    pub input: u64,
    /// Replies that waited to be taken, in bytes.
    pub output: u64,
}

impl Buffers {
    /// The larger one of each.
    #[must_use]
    pub fn max(self, other: Buffers) -> Buffers {
        Buffers { input: self.input.max(other.input), output: self.output.max(other.output) }
    }
}

/// The sums over all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in ThreadStats")]
pub struct Sums {
    pub commands: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
    pub hits: u64,
    pub misses: u64,
    pub reads: u64,
    pub writes: u64,
}

/// All numbers of the process.
#[derive(Debug, Default)]
pub struct Stats {
    threads: Mutex<Vec<Arc<CachePadded<ThreadStats>>>>,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections refused because of `maxclients`.
    pub rejected: AtomicU64,
    /// Connections closed because a client did not read its replies.
    pub output_limit_closed: AtomicU64,
    /// Connections closed because a request was too long.
    pub query_limit_closed: AtomicU64,
    /// Error replies.
    error_replies: AtomicU64,
    /// The same by their code.
    errors: Mutex<BTreeMap<String, u64>>,
    /// The most memory that was in use when somebody looked.
    memory_peak_bytes: AtomicU64,
    /// What CONFIG RESETSTAT subtracts.
    base: Mutex<Base>,
    rate: Mutex<Rate>,
    /// The last samples, and where the next one goes.
    recent: Mutex<([Buffers; RECENT_SAMPLES], usize)>,
    /// Wrong passwords since the start.
    pub denied_auths: AtomicU64,
    at_start: OnceLock<AtStart>,
}

/// What was in use when the first client could come, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtStart {
    /// Of all memory.
    pub allocated: u64,
    /// Of that, the empty tables.
    pub tables: u64,
}

#[derive(Debug, Default)]
struct Base {
    sums: Sums,
    calls: Vec<Calls>,
    expired: u64,
}

#[derive(Debug, Default)]
struct Rate {
    sums: Sums,
    at_us: u64,
    commands: u64,
    input_bytes: u64,
    output_bytes: u64,
}

/// Work in the last second or so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerSecond {
    /// Commands.
    pub commands: u64,
    /// Bytes read.
    pub input_bytes: u64,
    /// Bytes written.
    pub output_bytes: u64,
}

impl Stats {
    /// Numbers for one more data thread.
    pub fn thread(&self) -> Arc<CachePadded<ThreadStats>> {
        let stats = Arc::new(CachePadded::new(ThreadStats::default()));
        self.threads.lock().push(Arc::clone(&stats));
        stats
    }

    fn total(&self) -> Sums {
        let commands = self.all_calls().iter().map(|calls| calls.calls).sum();
        let mut sums = Sums { commands, ..Sums::default() };
        for thread in self.threads.lock().iter() {
            sums.input_bytes += thread.input_bytes.load(Relaxed);
            sums.output_bytes += thread.output_bytes.load(Relaxed);
            sums.hits += thread.hits.load(Relaxed);
            sums.misses += thread.misses.load(Relaxed);
            sums.reads += thread.reads.load(Relaxed);
            sums.writes += thread.writes.load(Relaxed);
        }
        sums
    }

    /// The sums since the start or the last reset.
    pub fn sums(&self) -> Sums {
        // The base first, and no underflow: another thread may reset or correct a number meanwhile.
        let base = self.base.lock().sums;
        let now = self.total();
        Sums {
            commands: now.commands.saturating_sub(base.commands),
            input_bytes: now.input_bytes.saturating_sub(base.input_bytes),
            output_bytes: now.output_bytes.saturating_sub(base.output_bytes),
            hits: now.hits.saturating_sub(base.hits),
            misses: now.misses.saturating_sub(base.misses),
            reads: now.reads.saturating_sub(base.reads),
            writes: now.writes.saturating_sub(base.writes),
        }
    }

    fn all_calls(&self) -> Vec<Calls> {
        let mut sums = Vec::new();
        self.threads.lock().iter().for_each(|thread| thread.commands.add_to(&mut sums));
        sums
    }

    /// Calls since the start or the last reset, in the order of the command table.
    pub fn calls(&self) -> Vec<Calls> {
        let base = self.base.lock().calls.clone();
        let since =
            |(at, calls): (usize, &Calls)| calls.since(base.get(at).copied().unwrap_or_default());
        self.all_calls().iter().enumerate().map(since).collect()
    }

    /// Keys that expired since the last reset, out of all since the start.
    pub fn expired(&self, all: u64) -> u64 {
        all.saturating_sub(self.base.lock().expired)
    }

    /// How many data threads serve somebody.
    pub fn threads_active(&self) -> usize {
        let serves = |thread: &&Arc<CachePadded<ThreadStats>>| thread.connections.load(Relaxed) > 0;
        self.threads.lock().iter().filter(serves).count()
    }

    /// Notes the memory in use; returns the most so far.
    pub fn memory_peak(&self, bytes: u64) -> u64 {
        self.memory_peak_bytes.fetch_max(bytes, Relaxed).max(bytes)
    }

    /// Notes what was in use before the first client; the first note is it.
    pub fn note_start(&self, at_start: AtStart) {
        self.at_start.get_or_init(|| at_start);
    }

    /// What was noted.
    pub fn at_start(&self) -> AtStart {
        self.at_start.get().copied().unwrap_or_default()
    }

    /// The largest buffers of the last seconds.
    pub fn recent_most(&self) -> Buffers {
        let (samples, _) = *self.recent.lock();
        let before = samples.into_iter().fold(Buffers::default(), Buffers::max);
        self.threads.lock().iter().fold(before, |so_far, thread| {
            let (input, output) = (&thread.input_most, &thread.output_most);
            so_far.max(Buffers { input: input.load(Relaxed), output: output.load(Relaxed) })
        })
    }

    fn sample_buffers(&self) {
        let mut sample = Buffers::default();
        for thread in self.threads.lock().iter() {
            let (input, output) = (&thread.input_most, &thread.output_most);
            let last = Buffers { input: input.swap(0, Relaxed), output: output.swap(0, Relaxed) };
            sample = sample.max(last);
        }
        let (samples, next) = &mut *self.recent.lock();
        samples[*next] = sample;
        *next = (*next + 1) % RECENT_SAMPLES;
    }

    /// CONFIG RESETSTAT. `expired`: keys since the start; `running`: the commands by which it came,
    /// which are counted after it as in Redis.
    pub fn reset(&self, expired: u64, running: &[Command]) {
        let mut base = Base { sums: self.total(), calls: self.all_calls(), expired };
        for command in running {
            if let Some(calls) = base.calls.get_mut(*command as usize) {
                calls.calls = calls.calls.saturating_sub(1);
                base.sums.commands = base.sums.commands.saturating_sub(1);
            }
        }
        *self.base.lock() = base;
        self.error_replies.store(0, Relaxed);
        for number in
            [&self.accepted, &self.rejected, &self.output_limit_closed, &self.query_limit_closed]
        {
            number.store(0, Relaxed);
        }
        self.errors.lock().clear();
    }

    /// Notes an error reply.
    pub fn error(&self, line: &[u8]) {
        let code = line.split(|byte| *byte == b' ').next().unwrap_or(b"ERR");
        let code = String::from_utf8_lossy(&code[..code.len().min(32)]).into_owned();
        self.error_replies.fetch_add(1, Relaxed);
        let mut errors = self.errors.lock();
        if errors.len() < ERROR_CODES_MAX || errors.contains_key(&code) {
            *errors.entry(code).or_default() += 1;
        }
    }

    /// Error replies since the start or the last reset.
    pub fn error_replies(&self) -> u64 {
        self.error_replies.load(Relaxed)
    }

    /// Errors by their code.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().iter().map(|(code, n)| (code.clone(), *n)).collect()
    }

    /// Takes a sample for [`Stats::per_second`] and [`Stats::recent_most`]; called about once a second.
    pub fn sample(&self, now_us: u64) {
        self.sample_buffers();
        let sums = self.total();
        let mut rate = self.rate.lock();
        let elapsed = now_us.saturating_sub(rate.at_us).max(1);
        let each = |now: u64, before: u64| now.saturating_sub(before) * 1_000_000 / elapsed;
        rate.commands = each(sums.commands, rate.sums.commands);
        rate.input_bytes = each(sums.input_bytes, rate.sums.input_bytes);
        rate.output_bytes = each(sums.output_bytes, rate.sums.output_bytes);
        (rate.sums, rate.at_us) = (sums, now_us);
    }

    /// Work a second between the last two samples.
    pub fn per_second(&self) -> PerSecond {
        let rate = self.rate.lock();
        PerSecond {
            commands: rate.commands,
            input_bytes: rate.input_bytes,
            output_bytes: rate.output_bytes,
        }
    }
}
