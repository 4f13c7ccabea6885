//! The same comparison with redis-benchmark, a generator that is not ours.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::figures::{Report, Turn};
use super::options::Options;
use super::server::{Programs, Server};
use super::turns::rounds;
use crate::load::request::Shape;

/// redis-benchmark writes its random numbers with twelve digits.
const SHAPE: Shape = Shape { key_digits: 12, value_bytes: 64 };

/// Requests of the run that tells how many make a turn.
const TRIAL: u64 = 200_000;

/// GET and SET, without a pipeline and with 16.
pub fn measure(options: &Options, programs: &Programs, report: &mut Report) -> Result<()> {
    for (test, pipeline) in [("get", 16), ("set", 16), ("get", 1), ("set", 1)] {
        let name = format!("{test}-p{pipeline}");
        let traffic = rounds(options, programs, &name, SHAPE, 0..options.keys, |server, _| {
            let trial = run(options, server, test, pipeline, TRIAL)?;
            let requests = (trial.ops_per_s * options.seconds.as_secs_f64()).max(1.0) as u64;
            run(options, server, test, pipeline, requests)
        })?;
        report.add_traffic(traffic);
    }
    Ok(())
}

fn run(options: &Options, server: &Server, test: &str, depth: u32, requests: u64) -> Result<Turn> {
    let port = server.address.port().to_string();
    let (depth, requests_text) = (depth.to_string(), requests.to_string());
    let (clients, keys) = (options.connections.to_string(), options.keys.to_string());
    let before = server.cpu()?;
    let output = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &port, "-t", test, "-P", &depth, "-c", &clients])
        .args(["-r", &keys, "-n", &requests_text, "-d", "64", "--csv"])
        .output()
        .context("cannot start redis-benchmark")?;
    let cpu = server.cpu()? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("redis-benchmark ended with {}: {}{}", output.status, text.trim(), error.trim());
    }
    let row = Row::parse(&text).with_context(|| format!("redis-benchmark printed {text:?}"))?;
    Ok(Turn {
        ops: requests,
        seconds: requests as f64 / row.ops_per_s,
        ops_per_s: row.ops_per_s,
        p50_us: row.p50_ms * 1e3,
        p99_us: row.p99_ms * 1e3,
        p999_us: None,
        server_cpu_us: cpu.as_secs_f64() * 1e6 / requests as f64,
        generator_cpu_us: None,
        others_cores: None,
    })
}

#[derive(Debug, PartialEq)]
struct Row {
    ops_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Row {
    /// Reads the last line: name, rps, then average, min, p50, p95, p99 and max in milliseconds.
    fn parse(csv: &str) -> Option<Row> {
        let last = csv.lines().rfind(|line| line.starts_with('"'))?;
        let mut numbers = last.split("\",\"").skip(1).map(|n| n.trim_matches('"').parse().ok());
        let (ops_per_s, p50_ms) = (numbers.next()??, numbers.nth(2)??);
        Some(Row { ops_per_s, p50_ms, p99_ms: numbers.nth(1)?? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csv_of_redis_benchmark_is_read() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
                   \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                   \"GET\",\"833333.31\",\"0.861\",\"0.136\",\"0.831\",\"1.223\",\"1.639\",\"3.2\"\n";
        let row = Row { ops_per_s: 833_333.31, p50_ms: 0.831, p99_ms: 1.639 };
        assert_eq!(Row::parse(csv), Some(row));
        assert_eq!(Row::parse("\"test\",\"rps\"\n"), None);
    }
}
