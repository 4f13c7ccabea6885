//! What was measured, and the ratios that follow.

use std::fmt;
use std::fs;

use serde::Serialize;

/// One of each: the peer first, as in every table and every round.
#[derive(Clone, Debug, Serialize)]
pub struct Both<T> {
    /// Of redis-server.
    pub redis: T,
    /// Of kinring.
    pub kinring: T,
}

impl<T> Both<T> {
    /// The same of each, in turn.
    pub fn try_map<U, E>(&self, mut f: impl FnMut(&T) -> Result<U, E>) -> Result<Both<U>, E> {
        Ok(Both { redis: f(&self.redis)?, kinring: f(&self.kinring)? })
    }
}

/// Where the figures come from.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// What this process may use.
    pub cores: usize,
    /// The processor.
    pub model: String,
    /// The kernel's release.
    pub kernel: String,
    /// The servers' versions.
    pub versions: Both<String>,
}

impl Machine {
    /// This one.
    pub fn here(versions: Both<String>) -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            model: model.map_or("unknown", |(_, model)| model.trim()).to_owned(),
            kernel: kernel.trim().to_owned(),
            versions,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, model, kernel, versions } = self;
        write!(
            f,
            "{cores} cores, {model}, Linux {kernel}; {}; {}",
            versions.redis, versions.kinring
        )
    }
}

/// One server under one load for a few seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Turn {
    /// Replies.
    pub ops: u64,
    /// Seconds they took.
    pub seconds: f64,
    /// Replies per second.
    pub ops_per_s: f64,
    /// Latency percentiles, microseconds; not every tool tells all.
    pub p50_us: f64,
    /// See `p50_us`.
    pub p99_us: f64,
    /// See `p50_us`.
    pub p999_us: Option<f64>,
    /// User + system time of the server, microseconds per reply.
    pub server_cpu_us: f64,
    /// The same of our generator.
    pub generator_cpu_us: Option<f64>,
    /// Processors that neither of the two, but other programs or machines, used meanwhile.
    pub others_cores: Option<f64>,
}

impl Turn {
    /// Did others use so much of a processor that the figures are in doubt?
    pub fn is_disturbed(&self) -> bool {
        self.others_cores.is_some_and(|cores| cores > 0.1)
    }
}

/// One load on both servers.
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// The load's name.
    pub load: String,
    /// Resident bytes per key above those of the empty process, when the load had run.
    pub bytes_per_key: Both<f64>,
    /// One of each per round.
    pub turns: Both<Vec<Turn>>,
}

impl Traffic {
    /// kinring / redis of one figure.
    pub fn ratio(&self, figure: impl Fn(&Turn) -> f64) -> Ratio {
        let pairs = self.turns.redis.iter().zip(&self.turns.kinring);
        Ratio::of(pairs.map(|(redis, kinring)| figure(kinring) / figure(redis)).collect())
    }

    /// How many turns were disturbed, and how many there were.
    pub fn disturbed(&self) -> (usize, usize) {
        let turns = || self.turns.redis.iter().chain(&self.turns.kinring);
        (turns().filter(|turn| turn.is_disturbed()).count(), turns().count())
    }

    /// How much of the time our generator computed, over all turns.
    pub fn generator_busy(turns: &[Turn]) -> Option<f64> {
        let busy = turns.iter().map(|turn| Some(turn.generator_cpu_us? * turn.ops_per_s / 1e6));
        Some(median(&busy.collect::<Option<Vec<_>>>()?))
    }
}

/// The median of one figure over the turns of a server.
pub fn median_of(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    median(&turns.iter().map(figure).collect::<Vec<_>>())
}

fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "at least one round was run");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// A ratio per round, and what they say together.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Of the rounds.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// In the order of the rounds.
    pub rounds: Vec<f64>,
}

impl Ratio {
    fn of(rounds: Vec<f64>) -> Ratio {
        Ratio {
            median: median(&rounds),
            min: rounds.iter().copied().fold(f64::INFINITY, f64::min),
            max: rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            rounds,
        }
    }
}

/// What one probe of memory found on one server, in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Keys that the server holds in the end.
    pub keys_held: u64,
    /// Resident in the empty process.
    pub empty: u64,
    /// Resident at most.
    pub peak: u64,
    /// Resident at the last reply.
    pub at_once: u64,
    /// Resident when the allocator had time to give memory back.
    pub settled: u64,
    /// How long that took, seconds.
    pub settled_s: f64,
}

impl Memory {
    /// Resident bytes per key above those of the empty process, if there are keys.
    pub fn bytes_per_key(&self) -> Option<f64> {
        let bytes = self.settled.saturating_sub(self.empty) as f64;
        (self.keys_held > 0).then(|| bytes / self.keys_held as f64)
    }
}

/// One probe on both servers.
#[derive(Clone, Debug, Serialize)]
pub struct Probed {
    /// The probe's name.
    pub load: String,
    /// What it found.
    pub memory: Both<Memory>,
}

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// Loads that were timed.
    pub traffic: Vec<Traffic>,
    /// Probes of memory.
    pub memory: Vec<Probed>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let turn = |cpu: f64| Turn {
            ops: 1,
            seconds: 1.0,
            ops_per_s: 1.0,
            p50_us: 1.0,
            p99_us: 1.0,
            p999_us: None,
            server_cpu_us: cpu,
            generator_cpu_us: None,
            others_cores: None,
        };
        let turns = Both {
            redis: [1.0, 2.0, 4.0].map(turn).to_vec(),
            kinring: [2.0, 1.0, 4.0].map(turn).to_vec(),
        };
        let bytes_per_key = Both { redis: 1.0, kinring: 1.0 };
        let traffic = Traffic { load: "get-p1".into(), bytes_per_key, turns };
        let ratio = traffic.ratio(|turn| turn.server_cpu_us);
        assert_eq!(ratio, Ratio { median: 1.0, min: 0.5, max: 2.0, rounds: vec![2.0, 0.5, 1.0] });
        assert_eq!(Traffic::generator_busy(&traffic.turns.redis), None);
    }

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
