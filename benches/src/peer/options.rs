//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::{Parser, ValueEnum};

use super::loads::Load;

/// Runs the same load on redis-server and on kinring, in turns, and prints what both cost.
#[derive(Parser, Debug)]
#[command(name = "peer", bin_name = "cargo bench -p kinring-benches --bench peer --")]
pub struct Options {
    /// Loads to run: {get,set,mixed}-pN with an optional value size -1k or -100k, such as get-p16
    /// or set-p1-1k; memory, churn-pairs, churn-waves, churn (both), flushall. Default: all
    #[arg(long, value_delimiter = ',', default_value = "all", hide_default_value = true)]
    loads: Vec<String>,

    /// Rounds; in each round both servers get one turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// How long a turn is measured
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub seconds: Duration,

    /// How long a turn runs before it is measured
    #[arg(long, default_value = "0.5", value_parser = seconds, value_name = "SECONDS")]
    pub warmup: Duration,

    /// Rounds of a load, at most, to discard and repeat because other programs used over a tenth of
    /// a core meanwhile
    #[arg(long, default_value_t = 0, value_name = "ROUNDS")]
    pub repeats: u32,

    /// Start a fresh pair of servers for each round too: where a process happens to lie in memory
    /// is then part of the noise
    #[arg(long)]
    pub fresh: bool,

    /// Connections
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: u16,

    /// Keys of a load, at most; fewer when its values are large
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
    pub keys: u32,

    /// Keys that churn sets and deletes
    #[arg(long, default_value_t = 10_000_000, value_name = "KEYS",
          value_parser = clap::value_parser!(u32).range(1_000..=99_000_000))]
    pub churn: u32,

    /// What makes the load
    #[arg(long, value_enum, default_value_t = Tool::Own)]
    pub tool: Tool,

    /// The kinring to measure; without it, it is built with the release profile
    #[arg(long, value_name = "PATH")]
    pub kinring: Option<PathBuf>,

    /// The peer: redis-server, or a server that takes its flags
    #[arg(long, value_name = "PATH", default_value = "redis-server")]
    pub redis: PathBuf,

    /// One more argument for kinring, such as --kinring-arg=--io-threads=1; may be repeated
    #[arg(long = "kinring-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub kinring_args: Vec<String>,

    /// One more argument for the peer; may be repeated
    #[arg(long = "redis-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub redis_args: Vec<String>,

    /// Print the tables of the README
    #[arg(long)]
    pub markdown: bool,

    /// Write the raw figures
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// The loads, in the order of their names.
    pub fn loads(&self) -> Result<Vec<Load>> {
        let lists: Result<Vec<_>, _> =
            self.loads.iter().map(|name| Load::parse_list(name)).collect();
        lists.map(|lists| lists.concat()).map_err(|unknown| anyhow!("--loads: {unknown}"))
    }
}

/// A load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// The one of this crate
    Own,
    /// redis-benchmark: GET and SET, without a pipeline and with 16
    RedisBenchmark,
    /// memtier_benchmark: GET, 1:10 and SET, without a pipeline and with 16
    Memtier,
    /// Ours, with the server's system calls counted by strace
    Syscalls,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is not a number of seconds"))?;
    if !(0.0..=3600.0).contains(&seconds) {
        return Err("0 to 3600 seconds".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}
