//! The program behind `--bench peer`: Kinring beside redis-server, in turns. The crate's
//! documentation says how to run it and how to read its figures.
//!
//! | module | what it does |
//! |---|---|
//! | [`options`], [`loads`] | what is asked for |
//! | [`server`], [`process`], [`client`] | starting, watching and asking the servers |
//! | [`turns`] | rounds of turns with our own generator |
//! | [`memory`] | what keys, churn and FLUSHALL leave resident |
//! | [`redis_benchmark`], [`memtier`], [`syscalls`] | the other tools |
//! | [`figures`], [`report`] | ratios, and how they are printed |

pub mod client;
pub mod figures;
pub mod loads;
pub mod memory;
pub mod memtier;
pub mod options;
pub mod process;
pub mod redis_benchmark;
pub mod report;
pub mod server;
pub mod syscalls;
pub mod turns;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use figures::Report;
use loads::{Load, Probe};
use options::{Options, Tool};
use server::Programs;

/// The whole program. `cargo test` runs bench targets too, without `--bench`: nothing to do then.
pub fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        eprintln!("peer measures only under cargo bench");
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    server::end_servers_on_signal_or_panic();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let loads = options.loads()?;
    let programs = Programs::find(options)?;
    let mut report = Report::new(programs.machine());
    println!("{}", report.machine);
    let measured = measure(options, &loads, &programs, &mut report);
    // What was measured before an error is worth keeping.
    report.print_ratios();
    if options.markdown {
        print!("{}", report.markdown());
    }
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json).with_context(|| path.display().to_string())?;
    }
    measured
}

fn measure(
    options: &Options,
    loads: &[Load],
    programs: &Programs,
    report: &mut Report,
) -> Result<()> {
    match options.tool {
        Tool::Own => {}
        Tool::RedisBenchmark => return redis_benchmark::measure(options, programs, report),
        Tool::Memtier => return memtier::measure(options, programs, report),
        Tool::Syscalls => return syscalls::measure(options, programs),
    }
    for load in loads {
        match load {
            Load::Traffic(traffic) => {
                report.add_traffic(turns::measure(options, programs, traffic)?);
            }
            Load::Probe(probe) => report.add_memory(memory::measure(options, programs, *probe)?),
        }
    }
    Ok(())
}

/// The loads that run when none is named: those of the README's table, then the probes of memory.
pub fn default_loads() -> Vec<Load> {
    let traffic = [
        "get-p16",
        "set-p16",
        "mixed-p16",
        "get-p1",
        "set-p1",
        "mixed-p1",
        "get-p16-1k",
        "set-p16-1k",
        "get-p1-1k",
        "set-p1-1k",
        "get-p1-100k",
        "set-p1-100k",
    ];
    let named = traffic.iter().map(|name| name.parse().expect("a load's name"));
    named.chain(Probe::ALL.map(Load::Probe)).collect()
}
