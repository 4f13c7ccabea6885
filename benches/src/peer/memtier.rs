//! The same comparison with memtier_benchmark, where it is installed.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::figures::{Report, Turn};
use super::options::Options;
use super::server::{Programs, Server};
use super::turns::rounds;
use crate::load::request::Shape;

const PROGRAM: &str = "memtier_benchmark";

const SHAPE: Shape = Shape { key_digits: 8, value_bytes: 64 };

/// memtier writes numbers without leading zeros: from here on they have all eight digits.
const FIRST: u32 = 10_000_000;

/// GET, 1:10 and SET, without a pipeline and with 16.
pub fn measure(options: &Options, programs: &Programs, report: &mut Report) -> Result<()> {
    let found = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status();
    if found.is_err_and(|e| e.kind() == ErrorKind::NotFound) {
        println!("{PROGRAM} is not on the PATH: not measured");
        return Ok(());
    }
    let keys = FIRST..FIRST + options.keys;
    let out = std::env::temp_dir().join(format!("kinring-memtier-{}.json", std::process::id()));
    for (name, ratio) in [("get", "0:1"), ("mixed", "1:10"), ("set", "1:0")] {
        for pipeline in [16, 1] {
            let name = format!("{name}-p{pipeline}");
            let traffic = rounds(options, programs, &name, SHAPE, keys.clone(), |server, _| {
                run(options, server, ratio, pipeline, &out)
            })?;
            report.add_traffic(traffic);
        }
    }
    let _ = std::fs::remove_file(out);
    Ok(())
}

fn run(options: &Options, server: &Server, ratio: &str, pipeline: u32, out: &Path) -> Result<Turn> {
    let mut command = Command::new(PROGRAM);
    command.args(["--server=127.0.0.1", "--threads=1", "--data-size=64", "--hide-histogram"]);
    command.args(["--key-prefix=key:", "--key-pattern=R:R"]);
    command.arg(format!("--port={}", server.address.port()));
    command.arg(format!("--clients={}", options.connections));
    command.arg(format!("--pipeline={pipeline}")).arg(format!("--ratio={ratio}"));
    command.arg(format!("--key-minimum={FIRST}"));
    command.arg(format!("--key-maximum={}", FIRST + options.keys - 1));
    command.arg(format!("--test-time={}", options.seconds.as_secs_f64().ceil()));
    command.arg(format!("--json-out-file={}", out.display()));
    let before = server.cpu()?;
    let output = command.output().context("cannot start memtier_benchmark")?;
    let cpu = server.cpu()? - before;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{PROGRAM} ended with {}: {}", output.status, error.trim());
    let json = std::fs::read_to_string(out).context("memtier_benchmark wrote no figures")?;
    let figures = serde_json::from_str(&json).context("the figures of memtier_benchmark")?;
    turn_of(&figures, cpu.as_secs_f64()).context("memtier_benchmark left out a figure")
}

fn turn_of(figures: &Value, cpu_s: f64) -> Option<Turn> {
    let totals = figures.get("ALL STATS")?.get("Totals")?;
    let ops = totals.get("Count")?.as_u64()?;
    let ops_per_s = totals.get("Ops/sec")?.as_f64()?;
    let percentiles = totals.get("Percentile Latencies")?;
    let percentile = |name| Some(percentiles.get(name)?.as_f64()? * 1e3);
    Some(Turn {
        ops,
        seconds: ops as f64 / ops_per_s,
        ops_per_s,
        p50_us: percentile("p50.00")?,
        p99_us: percentile("p99.00")?,
        p999_us: percentile("p99.90"),
        server_cpu_us: cpu_s * 1e6 / ops as f64,
        generator_cpu_us: None,
        others_cores: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_memtier_are_read() {
        let figures = serde_json::json!({"ALL STATS": {"Totals": {
            "Count": 1000, "Ops/sec": 500.0,
            "Percentile Latencies": {"p50.00": 0.5, "p99.00": 2.0, "p99.90": 3.0},
        }}});
        let turn = turn_of(&figures, 0.004).expect("all figures are there");
        assert_eq!((turn.ops, turn.seconds, turn.server_cpu_us), (1000, 2.0, 4.0));
        assert_eq!((turn.p50_us, turn.p99_us, turn.p999_us), (500.0, 2000.0, Some(3000.0)));
        assert!(turn_of(&serde_json::json!({}), 1.0).is_none());
    }
}
