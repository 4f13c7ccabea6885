//! Whole clusters from seeds: every run goes through ten minutes of trouble, and keeps the promises.
//!
//! `SIM_SEEDS=10000` runs more of them, `SIM_SEED=17 SIM_SEEDS=1` one; `SIM_FROM` and `SIM_TO` (in
//! microseconds of the run) print what happened between.

mod direct;
mod disks;
#[cfg(feature = "mutants")]
mod mutants;
mod scenarios;

use kinring_tests::checker::Verdict;
use kinring_tests::sim::{Plan, Run, classes, run};
use std::fmt::Write;
use std::ops::Range;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seeds of an ordinary run: two minutes on two cores.
const SEEDS: u64 = 200;

/// Lines of a trace that are printed unless more are asked for.
const LINES: usize = 200;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(otherwise)
}

/// What many runs came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    calls: usize,
    answered: usize,
    busy_us: u64,
    longest_rest_us: u64,
    classes: classes::Counts,
    failed: Vec<String>,
}

impl Sum {
    fn add(&mut self, plan: &Plan, run: &Run) {
        self.runs += 1;
        self.calls += run.calls.0;
        self.answered += run.calls.1;
        self.busy_us += plan.busy_us;
        self.longest_rest_us = self.longest_rest_us.max(run.rest_us);
        for (class, count) in classes::counts(plan, run) {
            *self.classes.entry(class).or_default() += count;
        }
    }
}

#[test]
fn seeds_keep_the_promises() {
    let (first, seeds) = (number("SIM_SEED", 1), number("SIM_SEEDS", SEEDS));
    let (next, sum) = (AtomicU64::new(first), Mutex::new(Sum::default()));
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    one(seed, &sum);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("no thread panicked");
    eprintln!(
        "{} seeds, {} simulated hours, {} calls, {} answered, at rest after {} ms at most; {:.0?}",
        sum.runs,
        sum.busy_us / 3_600_000_000,
        sum.calls,
        sum.answered,
        sum.longest_rest_us / 1_000,
        begun.elapsed(),
    );
    eprintln!("{:?}", sum.classes);
    assert!(sum.failed.is_empty(), "{} seeds failed: {}", sum.failed.len(), sum.failed.join(", "));
    let few = classes::too_few(&sum.classes, seeds);
    assert!(few.is_empty(), "trouble that hardly bit proves nothing: {few:?}");
}

fn one(seed: u64, sum: &Mutex<Sum>) {
    let plan = Plan::new(seed);
    let watch = number("SIM_FROM", 0)..number("SIM_TO", 0);
    let run_ = run(&plan, watch.clone());
    let mut said = String::new();
    if !run_.is_clean() {
        said = explain(&plan, &run_);
    }
    if !watch.is_empty() {
        said.push_str(&lines(&run_, usize::MAX));
    }
    // One in a hundred runs twice: a seed says everything.
    let differs = seed.is_multiple_of(100) && {
        let again = run(&plan, 0..0);
        (again.hash, again.history.operations()) != (run_.hash, run_.history.operations())
    };
    let mut sum = sum.lock().expect("no thread panicked");
    if !said.is_empty() {
        eprintln!("{said}");
    }
    sum.add(&plan, &run_);
    if !run_.is_clean() {
        sum.failed.push(seed.to_string());
    }
    if differs {
        sum.failed.push(format!("{seed} (it does not repeat itself)"));
    }
}

/// What is wrong, and what happened before it.
fn explain(plan: &Plan, found: &Run) -> String {
    let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = commit.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let seed = plan.seed;
    let mut said = format!(
        "SEED {seed} FAILED at commit {}: {} nodes, R = {}, {:?}, {:?}; again with SIM_SEED={seed} \
         SIM_SEEDS=1\n",
        commit.unwrap_or_default(),
        plan.nodes,
        plan.layout.factor().number(),
        plan.mode,
        plan.durability,
    );
    if let Some(wrong) = &found.wrong {
        said.push_str(wrong);
    }
    let _: std::fmt::Result = write!(said, "{}", found.report);
    let violation = found.report.verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Violation(violation) => Some(violation.broke_at),
        _ => None,
    });
    if let Some(until_us) = violation {
        let traced = run(plan, window(until_us));
        said.push_str("what happened before it:\n");
        said.push_str(&lines(&traced, LINES));
    }
    said
}

/// The last second before something broke.
fn window(until_us: u64) -> Range<u64> {
    until_us.saturating_sub(1_000_000)..until_us + 1
}

fn lines(run: &Run, most: usize) -> String {
    let skip = run.trace.len().saturating_sub(most);
    run.trace.iter().skip(skip).map(|line| format!("  {line}\n")).collect()
}
