//! How figures are printed: as they come, in the end as ratios, and as the README's tables.

use std::fmt::Write;

use super::figures::{Machine, Memory, Probed, Ratio, Report, Traffic, Turn, median_of};

impl Report {
    /// Nothing measured yet.
    pub fn new(machine: Machine) -> Report {
        Report { machine, traffic: Vec::new(), memory: Vec::new() }
    }

    /// Prints a load's figures and keeps them.
    pub fn add_traffic(&mut self, traffic: Traffic) {
        if self.traffic.is_empty() {
            println!(
                "\n{:16} {:8} {:>10} {:>9} {:>9} {:>9} {:>10} {:>10} {:>9}",
                "load",
                "server",
                "ops/s",
                "p50 µs",
                "p99 µs",
                "p99.9 µs",
                "CPU µs/op",
                "gen. busy",
                "bytes/key"
            );
        }
        print_server(&traffic.load, "redis", &traffic.turns.redis, traffic.bytes_per_key.redis);
        print_server("", "kinring", &traffic.turns.kinring, traffic.bytes_per_key.kinring);
        self.traffic.push(traffic);
    }

    /// Prints a probe's figures and keeps them.
    pub fn add_memory(&mut self, probed: Probed) {
        if self.memory.is_empty() {
            println!(
                "\n{:16} {:8} {:>9} {:>9} {:>10} {:>10} {:>9} {:>13} {:>9}",
                "memory",
                "server",
                "empty MB",
                "peak MB",
                "at once MB",
                "settled MB",
                "after s",
                "settled/empty",
                "bytes/key"
            );
        }
        print_memory(&probed.load, "redis", &probed.memory.redis);
        print_memory("", "kinring", &probed.memory.kinring);
        self.memory.push(probed);
    }

    /// kinring / redis of every timed load, and of the memory.
    pub fn print_ratios(&self) {
        if !self.traffic.is_empty() {
            println!("\nkinring / redis: median of the rounds [smallest, largest]");
            println!("{:16} {:22} {:22} {:22} {:22}", "load", "CPU/op", "ops/s", "p50", "p99");
        }
        for traffic in &self.traffic {
            let row = [
                traffic.ratio(|turn| turn.server_cpu_us),
                traffic.ratio(|turn| turn.ops_per_s),
                traffic.ratio(|turn| turn.p50_us),
                traffic.ratio(|turn| turn.p99_us),
            ];
            let cells = row.each_ref().map(|ratio| format!("{:22}", spread(ratio))).join(" ");
            println!("{:16} {cells}", traffic.load);
            println!("{:16}   CPU/op by round: {}", "", by_round(&row[0]));
        }
        self.warn_of_others();
        if !self.memory.is_empty() {
            println!("\n{:16} {:>14}", "kinring / redis", "resident");
        }
        for probed in &self.memory {
            let ratio = probed.memory.kinring.settled as f64 / probed.memory.redis.settled as f64;
            println!("{:16} {ratio:>14.3}", probed.load);
        }
    }

    fn warn_of_others(&self) {
        let counts = self.traffic.iter().map(Traffic::disturbed);
        let (disturbed, all) = counts.fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1));
        if disturbed > 0 {
            println!(
                "\nother programs took over a tenth of a core in {disturbed} of {all} turns: \
                 measure again when it is quiet"
            );
        }
    }

    /// The tables of the README.
    pub fn markdown(&self) -> String {
        let mut out = format!("\n{}\n", self.machine);
        if !self.traffic.is_empty() {
            out.push_str(
                "\n| load | CPU µs/op Redis | Kinring | ratio (min–max) | ops/s Redis | Kinring \
                 | ratio | p99 µs Redis | Kinring |\n|---|---|---|---|---|---|---|---|---|\n",
            );
        }
        for traffic in &self.traffic {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{}", traffic_row(traffic));
        }
        if !self.memory.is_empty() {
            out.push_str(
                "\n| resident memory | Redis | Kinring | ratio | bytes per key Redis | Kinring |\n\
                 |---|---|---|---|---|---|\n",
            );
        }
        for Probed { load, memory } in &self.memory {
            let (redis, kinring) = (&memory.redis, &memory.kinring);
            let ratio = kinring.settled as f64 / redis.settled as f64;
            let per_key =
                |m: &Memory| m.bytes_per_key().map_or("–".into(), |b| format!("{b:.0}"));
            let _ = writeln!(
                out,
                "| {load} | {:.0} MB | {:.0} MB | {ratio:.2} | {} | {} |",
                megabytes(redis.settled),
                megabytes(kinring.settled),
                per_key(redis),
                per_key(kinring),
            );
        }
        out
    }
}

fn print_server(load: &str, server: &str, turns: &[Turn], bytes_per_key: f64) {
    let busy = Traffic::generator_busy(turns).map(|busy| format!("{:.0} %", busy * 100.0));
    let p999 = turns.iter().all(|turn| turn.p999_us.is_some());
    let p999 = p999.then(|| median_of(turns, |turn| turn.p999_us.unwrap_or(f64::NAN)));
    println!(
        "{load:16} {server:8} {:>10.0} {:>9.0} {:>9.0} {:>9} {:>10.3} {:>10} {:>9.0}",
        median_of(turns, |turn| turn.ops_per_s),
        median_of(turns, |turn| turn.p50_us),
        median_of(turns, |turn| turn.p99_us),
        p999.map_or("–".to_owned(), |p999| format!("{p999:.0}")),
        median_of(turns, |turn| turn.server_cpu_us),
        busy.unwrap_or("–".to_owned()),
        bytes_per_key,
    );
}

fn print_memory(load: &str, server: &str, memory: &Memory) {
    println!(
        "{load:16} {server:8} {:>9.1} {:>9.1} {:>10.1} {:>10.1} {:>9.1} {:>13.2} {:>9}",
        megabytes(memory.empty),
        megabytes(memory.peak),
        megabytes(memory.at_once),
        megabytes(memory.settled),
        memory.settled_s,
        memory.settled as f64 / memory.empty as f64,
        memory.bytes_per_key().map_or("–".to_owned(), |bytes| format!("{bytes:.1}")),
    );
}

fn traffic_row(traffic: &Traffic) -> String {
    let (redis, kinring) = (&traffic.turns.redis, &traffic.turns.kinring);
    let cpu = traffic.ratio(|turn| turn.server_cpu_us);
    let throughput = traffic.ratio(|turn| turn.ops_per_s);
    format!(
        "| {} | {:.2} | {:.2} | **{:.2}** ({:.2}–{:.2}) | {:.0} k | {:.0} k | {:.2} | {:.0} | {:.0} |",
        traffic.load,
        median_of(redis, |turn| turn.server_cpu_us),
        median_of(kinring, |turn| turn.server_cpu_us),
        cpu.median,
        cpu.min,
        cpu.max,
        median_of(redis, |turn| turn.ops_per_s) / 1e3,
        median_of(kinring, |turn| turn.ops_per_s) / 1e3,
        throughput.median,
        median_of(redis, |turn| turn.p99_us),
        median_of(kinring, |turn| turn.p99_us),
    )
}

fn spread(ratio: &Ratio) -> String {
    format!("{:.3} [{:.3}, {:.3}]", ratio.median, ratio.min, ratio.max)
}

fn by_round(ratio: &Ratio) -> String {
    ratio.rounds.iter().map(|r| format!("{r:.3}")).collect::<Vec<_>>().join(" ")
}

/// Of a million bytes.
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
