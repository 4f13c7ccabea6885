//! Every way to break the protocol that we know is found, and how soon.

use kinring_common::mutant::{Mutant, set};
use kinring_tests::sim::{Plan, run};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seeds until a mutant counts as not caught.
fn seeds_max() -> u64 {
    super::number("SIM_MUTANT_SEEDS", 2_000)
}

/// How a mutant was caught: the seed, and what was said.
fn hunt(mutant: Mutant) -> Option<(u64, String)> {
    set(Some(mutant));
    let caught = (1..=seeds_max()).find_map(|seed| {
        let found = catch_unwind(AssertUnwindSafe(|| {
            let run = run(&Plan { finds_one: true, ..Plan::new(seed) }, 0..0);
            let said = run.wrong.clone().or_else(|| {
                (!run.report.findings.is_empty() || run.report.verdicts.iter().any(is_violation))
                    .then(|| run.report.to_string())
            });
            said.map(|said| said.lines().next().unwrap_or_default().to_owned())
        }));
        let said = found.unwrap_or_else(|_| Some("an assertion of the protocol's own".into()));
        said.map(|said| (seed, said.chars().take(100).collect()))
    });
    set(None);
    caught
}

fn is_violation(verdict: &kinring_tests::checker::Verdict) -> bool {
    matches!(verdict, kinring_tests::checker::Verdict::Violation(_))
}

#[test]
#[ignore = "an hour: run it by name"]
fn every_mutant_is_caught() {
    let only = std::env::var("SIM_MUTANT").ok();
    let wanted = |mutant: &&Mutant| {
        only.as_ref().is_none_or(|only| only.split(',').any(|name| name == format!("{mutant:?}")))
    };
    let mutants: Vec<Mutant> = Mutant::ALL.iter().filter(wanted).copied().collect();
    let (next, caught) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let how = hunt(*mutant);
                    eprintln!("MUTANT {mutant:?}: {how:?}");
                    caught.lock().expect("nobody panics with it").push((*mutant, how));
                }
            });
        }
    });
    let caught = caught.into_inner().expect("nobody panics with it");
    let missed: Vec<_> = caught.iter().filter(|(_, how)| how.is_none()).collect();
    assert!(missed.len() * 20 <= caught.len(), "not caught: {missed:?}");
}
