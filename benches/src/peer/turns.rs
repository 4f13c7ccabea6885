//! Rounds of turns, A B A B.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figures::{Both, Traffic, Turn};
use super::loads;
use super::options::Options;
use super::process;
use super::server::{Programs, Server};
use crate::load::feed::{Keys, Mix};
use crate::load::generator::{Generator, Plan, Window};
use crate::load::request::{Shape, Verb};

/// Deep enough that loading a million keys takes a second.
const PRELOAD_PIPELINE: usize = 32;

/// Whoever disturbs a round may be done by then; if not, it is run all the same.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(60);

/// Runs a load with our generator on a fresh pair of servers.
pub fn measure(options: &Options, programs: &Programs, load: &loads::Traffic) -> Result<Traffic> {
    let keys = load.keys(options.keys);
    rounds(options, programs, &load.to_string(), load.shape, 0..keys, |server, round| {
        one_turn(options, server, &load.plan(keys, options.connections, round.into()))
    })
}

/// Rounds of any tool's turns on a fresh pair of servers that hold these keys.
pub fn rounds(
    options: &Options,
    programs: &Programs,
    name: &str,
    shape: Shape,
    keys: Range<u32>,
    mut turn: impl FnMut(&Server, u32) -> Result<Turn>,
) -> Result<Traffic> {
    let start = || -> Result<Both<Server>> {
        let servers = programs.start()?;
        servers.try_map(|server| preload(server, shape, keys.clone()))?;
        Ok(servers)
    };
    let mut servers = start()?;
    let mut turns = Both { redis: Vec::new(), kinring: Vec::new() };
    let mut repeats = options.repeats;
    let mut round = 0;
    while round < options.rounds {
        let now = servers.try_map(|server| {
            let turn = turn(server, round);
            turn.with_context(|| format!("{name} on {}, round {}", server.name, round + 1))
        })?;
        let disturbed = now.redis.is_disturbed() || now.kinring.is_disturbed();
        let again = disturbed && repeats > 0;
        eprintln!(
            "{name} round {}: CPU {:.3}, throughput {:.3}{}",
            round + 1,
            now.kinring.server_cpu_us / now.redis.server_cpu_us,
            now.kinring.ops_per_s / now.redis.ops_per_s,
            if again { ", disturbed: again" } else { "" },
        );
        if again {
            repeats -= 1;
            wait_for_quiet()?;
            continue;
        }
        turns.redis.push(now.redis);
        turns.kinring.push(now.kinring);
        round += 1;
        if options.fresh && round < options.rounds {
            servers = start()?;
        }
    }
    let bytes_per_key = servers.try_map(|server| {
        let bytes = server.resident()?.bytes.saturating_sub(server.empty.bytes);
        anyhow::Ok(bytes as f64 / keys.len() as f64)
    })?;
    Ok(Traffic { load: name.to_owned(), bytes_per_key, turns })
}

/// Waits for half a second in which the machine does next to nothing.
fn wait_for_quiet() -> Result<()> {
    let step = Duration::from_millis(500);
    let start = Instant::now();
    while start.elapsed() < QUIET_WAIT_MAX {
        let before = process::machine_cpu()?;
        std::thread::sleep(step);
        if process::machine_cpu()?.saturating_sub(before) < step / 10 {
            break;
        }
    }
    Ok(())
}

/// Sets these keys and asks the server whether it counts as many.
pub fn preload(server: &Server, shape: Shape, keys: Range<u32>) -> Result<()> {
    let count = keys.len() as u64;
    let all = Keys::Each { next: keys.start, end: keys.end };
    run_through(server, shape, Mix::Only(Verb::Set), all)
        .with_context(|| format!("loading {count} keys into {}", server.name))?;
    let held = server.client()?.keys()?;
    ensure!(held == count, "{} holds {held} keys of {count}", server.name);
    Ok(())
}

/// Uses each key of a range once.
pub fn run_through(server: &Server, shape: Shape, mix: Mix, keys: Keys) -> Result<()> {
    let plan = Plan { shape, mix, keys, pipeline: PRELOAD_PIPELINE, connections: 10 };
    Generator::connect(server.address, &plan)?.run_to_end().map(drop)
}

fn one_turn(options: &Options, server: &Server, plan: &Plan) -> Result<Turn> {
    let mut generator = Generator::connect(server.address, plan)?;
    generator.run_for(options.warmup)?;
    let before = Cpu::read(server)?;
    let window = generator.run_for(options.seconds)?;
    let used = Cpu::read(server)?.since(&before);
    generator.drain()?;
    ensure!(window.replies > 0, "no reply within {:?}", options.seconds);
    Ok(turn_of(&window, &used))
}

/// Who has used the processors.
struct Cpu {
    server: Duration,
    generator: Duration,
    machine: Duration,
}

impl Cpu {
    fn read(server: &Server) -> Result<Cpu> {
        let generator = process::cpu(std::process::id())?;
        Ok(Cpu { server: server.cpu()?, generator, machine: process::machine_cpu()? })
    }

    fn since(&self, before: &Cpu) -> Cpu {
        Cpu {
            server: self.server - before.server,
            generator: self.generator - before.generator,
            machine: self.machine.saturating_sub(before.machine),
        }
    }

    fn others(&self) -> Duration {
        self.machine.saturating_sub(self.server + self.generator)
    }
}

fn turn_of(window: &Window, used: &Cpu) -> Turn {
    let seconds = window.elapsed.as_secs_f64();
    let per_op = |cpu: Duration| cpu.as_secs_f64() * 1e6 / window.replies as f64;
    let percentile = |q| window.latency_ns.value_at_quantile(q) as f64 / 1e3;
    Turn {
        ops: window.replies,
        seconds,
        ops_per_s: window.replies as f64 / seconds,
        p50_us: percentile(0.5),
        p99_us: percentile(0.99),
        p999_us: Some(percentile(0.999)),
        server_cpu_us: per_op(used.server),
        generator_cpu_us: Some(per_op(used.generator)),
        others_cores: Some(used.others().as_secs_f64() / seconds),
    }
}
