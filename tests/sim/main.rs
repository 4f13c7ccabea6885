//! Whole clusters from seeds: every run goes through ten minutes of trouble, and keeps the promises.
//!
//! `SIM_SEEDS=10000` runs more of them, `SIM_SEED=17 SIM_SEEDS=1` one; `SIM_FROM` and `SIM_TO` (in
//! microseconds of the run) print what happened between, `SIM_ALL=1` heartbeats, beats, pings and syncs
//! of disks as well, `SIM_LINE=2000` so many bytes of each line.

/// The servers' own: a run takes a tenth less time than with the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Tests, and a list of them: a way to break the protocol may break one.
macro_rules! stories {
    ($($(#[$attribute:meta])* fn $name:ident() $told:block)*) => {
        $($(#[$attribute])* fn $name() $told)*

        #[cfg(feature = "mutants")]
        pub const STORIES: &[(&str, fn())] = &[$((stringify!($name), $name),)*];
    };
}

mod direct;
mod disks;
#[cfg(feature = "mutants")]
mod mutants;
mod scenarios;

use kinring_tests::sim::{Plan, Run, Watch, attempt, classes, run};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seeds of an ordinary run: two minutes on two cores.
const SEEDS: u64 = 200;

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
    let (begun, commit) = (Instant::now(), commit());
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    one(seed, &commit, &sum);
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

fn one(seed: u64, commit: &str, sum: &Mutex<Sum>) {
    let plan = Plan::new(seed);
    let watch = asked_for();
    let tried = attempt(&plan, commit, &watch, run);
    let mut said = tried.failure.clone().unwrap_or_default();
    watch.lines().iter().for_each(|line| said.push_str(&format!("  {line}\n")));
    // One in a hundred runs twice: a seed says everything.
    let differs = |once: &Run| {
        let again = run(&plan, &Watch::nothing());
        (again.hash, again.history.operations()) != (once.hash, once.history.operations())
    };
    let differs = seed.is_multiple_of(100) && tried.run.as_ref().is_some_and(differs);
    let mut sum = sum.lock().expect("no thread panicked");
    if !said.is_empty() {
        eprintln!("{said}");
    }
    tried.run.iter().for_each(|run| sum.add(&plan, run));
    if tried.failure.is_some() {
        sum.failed.push(seed.to_string());
    }
    if differs {
        sum.failed.push(format!("{seed} (it does not repeat itself)"));
    }
}

/// What of every run is to be printed, whether it fails or not.
fn asked_for() -> Watch {
    let (from, to) = (number("SIM_FROM", 0), number("SIM_TO", 0));
    let watch = Watch::over(from..to).with_all(number("SIM_ALL", 0) > 0);
    match number("SIM_LINE", 0) {
        0 => watch,
        bytes => watch.with_lines_of(bytes as usize),
    }
}

/// Which code this is, and whether exactly that.
fn commit() -> String {
    let of_git = |args: &[&str]| {
        let out = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let out = out.ok().filter(|out| out.status.success())?;
        Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let Some(commit) = of_git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".into() };
    match of_git(&["--no-optional-locks", "status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit} with changes that are not committed"),
    }
}
