//! How many system calls a server makes per operation at pipeline 16, counted by strace.
//!
//! A traced server is several times slower, so more batches wait for it than otherwise: a server
//! that gathers what is ready looks a little better here than it is.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::loads::Load;
use super::options::Options;
use super::process;
use super::server::{Programs, Server};
use super::turns::preload;
use crate::load::feed::Keys;
use crate::load::generator::{Generator, Plan};

/// Attaching to all threads takes a moment.
const ATTACH_MAX: Duration = Duration::from_secs(5);

/// How many kinds of calls are named.
const SHOWN: usize = 6;

/// GET and SET with 50 connections and pipeline 16.
pub fn measure(options: &Options, programs: &Programs) -> Result<()> {
    let found = Command::new("strace").arg("--version").stdout(Stdio::null()).status();
    if found.is_err_and(|e| e.kind() == ErrorKind::NotFound) {
        println!("strace is not on the PATH: not measured");
        return Ok(());
    }
    println!("\n{:10} {:8} {:>12}   the most frequent", "load", "server", "calls per op");
    for name in ["get-p16", "set-p16"] {
        let Ok(Load::Traffic(load)) = name.parse() else { bail!("{name} is no load") };
        let keys = load.keys(options.keys);
        let servers = programs.start()?;
        servers.try_map(|server| {
            preload(server, load.shape, 0..keys)?;
            let plan = load.plan(keys, options.connections, 0);
            let counted = count(server, &plan, keys);
            let (ops, calls) = counted.with_context(|| format!("{name} on {}", server.name))?;
            print_calls(name, server.name, ops, &calls);
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

/// Traces a server while it answers `keys` requests, and nothing else.
fn count(server: &Server, plan: &Plan, keys: u32) -> Result<(u64, Vec<Call>)> {
    let each = Plan { keys: Keys::Each { next: 0, end: keys }, ..*plan };
    let mut generator = Generator::connect(server.address, &each)?;
    let out = std::env::temp_dir().join(format!("kinring-strace-{}", server.pid));
    let tracer = Tracer::attach(server.pid, &out)?;
    let window = generator.run_to_end();
    let table = tracer.detach(&out);
    let _ = std::fs::remove_file(&out);
    Ok((window?.replies, Call::parse_table(&table?)))
}

struct Tracer(Child);

impl Tracer {
    fn attach(pid: u32, out: &Path) -> Result<Tracer> {
        let mut strace = Command::new("strace");
        strace.args(["-c", "-f", "-p", &pid.to_string(), "-o"]).arg(out).stderr(Stdio::null());
        let mut tracer = Tracer(strace.spawn().context("cannot start strace")?);
        let start = Instant::now();
        while !process::is_traced(pid) {
            if tracer.0.try_wait()?.is_some() || start.elapsed() > ATTACH_MAX {
                bail!("strace may not trace the server");
            }
            sleep(Duration::from_millis(20));
        }
        // The main thread is the first to be attached to.
        sleep(Duration::from_millis(200));
        Ok(tracer)
    }

    /// strace writes its table when it is interrupted.
    fn detach(mut self, out: &Path) -> Result<String> {
        let interrupt = format!("kill -INT {}", self.0.id());
        Command::new("sh").args(["-c", &interrupt]).status().context("cannot start sh")?;
        self.0.wait()?;
        std::fs::read_to_string(out).context("strace wrote no table")
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Both fail when strace has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Debug, PartialEq)]
struct Call {
    name: String,
    count: u64,
}

impl Call {
    /// Reads the rows `% time, seconds, usecs/call, calls, [errors,] syscall`.
    fn parse_table(table: &str) -> Vec<Call> {
        let rows = table.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (name, count) = (fields.last()?, fields.get(3)?.parse().ok()?);
            (*name != "total").then(|| Call { name: name.to_string(), count })
        });
        let mut calls: Vec<Call> = rows.collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.count));
        calls
    }
}

fn print_calls(load: &str, server: &str, ops: u64, calls: &[Call]) {
    let per_op = |count: u64| count as f64 / ops as f64;
    let all = per_op(calls.iter().map(|call| call.count).sum());
    let shown = calls.iter().take(SHOWN);
    let shown: Vec<_> =
        shown.map(|call| format!("{} {:.4}", call.name, per_op(call.count))).collect();
    println!("{load:10} {server:8} {all:>12.4}   {}", shown.join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           3    200000           write
 40.00    0.400000           2    200010        10 read
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           2    400010        10 total
";
        let call = |name: &str, count| Call { name: name.to_owned(), count };
        assert_eq!(Call::parse_table(table), [call("read", 200_010), call("write", 200_000)]);
    }
}
