//! What stays resident: after loading keys, after churn, after FLUSHALL.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figures::{Memory, Probed};
use super::loads::Probe;
use super::options::Options;
use super::server::{Programs, Server};
use super::turns::{preload, run_through};
use crate::load::feed::{Keys, Mix};
use crate::load::request::{Shape, Verb};

/// Keys of one wave.
const WAVE: u32 = 1_000_000;

/// An allocator gives memory back within ten seconds or so (jemalloc's decay); then we look no
/// more.
const SETTLE_MAX: Duration = Duration::from_secs(15);

/// How often to look.
const SETTLE_STEP: Duration = Duration::from_millis(100);

/// Runs a probe on a fresh pair of servers, one after the other.
pub fn measure(options: &Options, programs: &Programs, probe: Probe) -> Result<Probed> {
    let servers = programs.start()?;
    let memory = servers.try_map(|server| {
        eprintln!("{probe} on {}", server.name);
        let memory = probe_one(options, server, probe);
        memory.with_context(|| format!("{probe} on {}", server.name))
    })?;
    Ok(Probed { load: probe.to_string(), memory })
}

fn probe_one(options: &Options, server: &Server, probe: Probe) -> Result<Memory> {
    let shape = Shape::with_values_of(64);
    let mut keys_held = 0;
    match probe {
        Probe::Memory => {
            preload(server, shape, 0..options.keys)?;
            keys_held = options.keys.into();
        }
        Probe::ChurnPairs => {
            let keys = Keys::Each { next: 0, end: options.churn };
            run_through(server, shape, Mix::SetThenDel, keys)?;
        }
        Probe::ChurnWaves => {
            for next in (0..options.churn).step_by(WAVE as usize) {
                let keys = Keys::Each { next, end: options.churn.min(next + WAVE) };
                run_through(server, shape, Mix::Only(Verb::Set), keys)?;
                run_through(server, shape, Mix::Only(Verb::Del), keys)?;
            }
        }
        Probe::Flushall => {
            preload(server, shape, 0..options.keys)?;
            server.client()?.call(&["FLUSHALL"])?;
        }
    }
    let now = server.resident()?;
    let (settled, after) = settle(server)?;
    let held = server.client()?.keys()?;
    ensure!(held == keys_held, "{held} keys are left, not {keys_held}");
    Ok(Memory {
        keys_held,
        empty: server.empty.bytes,
        peak: now.peak_bytes,
        at_once: now.bytes,
        settled,
        settled_s: after.as_secs_f64(),
    })
}

/// Watches the resident memory for [`SETTLE_MAX`]; returns the last value and when it was first
/// reached, within a megabyte.
fn settle(server: &Server) -> Result<(u64, Duration)> {
    const NEAR: u64 = 1_000_000;
    let start = Instant::now();
    let mut seen = Vec::new();
    loop {
        let now = server.resident()?.bytes;
        seen.push((start.elapsed(), now));
        if start.elapsed() >= SETTLE_MAX {
            let reached = seen.iter().find(|(_, bytes)| *bytes <= now + NEAR);
            return Ok((now, reached.map_or(SETTLE_MAX, |(at, _)| *at)));
        }
        sleep(SETTLE_STEP);
    }
}
