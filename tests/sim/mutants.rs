//! Every way to break the protocol that we know is found, and how soon.
//!
//! First by the stories, which are short; then by clusters from seeds. A seed proves something if its run
//! is clean when nothing is broken. `SIM_MUTANT=NoFence,GapApplied` asks for these alone,
//! `SIM_MUTANT_SEEDS=100` for so many seeds, `SIM_MUTANT_STORIES=0` for no stories.

use crate::{direct, disks, scenarios};
use kinring_common::mutant::{Mutant, set};
use kinring_tests::checker::Verdict;
use kinring_tests::sim::failure::message;
use kinring_tests::sim::{Plan, Watch, run};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Letters of what was said that are shown.
const SAID_MAX: usize = 120;

/// Seeds until a mutant counts as not caught.
fn seeds_max() -> u64 {
    super::number("SIM_MUTANT_SEEDS", 2_000)
}

/// Which seeds are clean when nothing is broken, as far as anybody asked.
type Clean = Mutex<BTreeMap<u64, bool>>;

/// How a mutant was caught: by which story or seed, and what was said.
fn hunt(mutant: Mutant, clean: &Clean) -> Option<String> {
    let stories = super::number("SIM_MUTANT_STORIES", 1) > 0;
    stories.then(|| by_story(mutant)).flatten().or_else(|| by_seed(mutant, clean))
}

fn by_story(mutant: Mutant) -> Option<String> {
    let of = [scenarios::STORIES, scenarios::OF_ABSENT, scenarios::OF_FENCES, scenarios::OF_GUARDS];
    let others = [scenarios::FOUND, scenarios::OF_MIXED, scenarios::UNSETTLED];
    let more = [disks::STORIES, direct::STORIES];
    let mut stories = of.into_iter().chain(others).chain(more).flatten();
    stories.find_map(|(name, story)| {
        set(Some(mutant));
        let told = catch_unwind(story);
        set(None);
        told.err().map(|panic| format!("story {name}: {}", short(&message(&*panic))))
    })
}

fn by_seed(mutant: Mutant, clean: &Clean) -> Option<String> {
    (1..=seeds_max()).find_map(|seed| {
        let said = wrong(seed, Some(mutant))?;
        let known = clean.lock().expect("nobody panics with it").get(&seed).copied();
        let is_clean = known.unwrap_or_else(|| wrong(seed, None).is_none());
        clean.lock().expect("nobody panics with it").insert(seed, is_clean);
        is_clean.then(|| format!("seed {seed}: {}", short(&said)))
    })
}

/// What is wrong with a run.
fn wrong(seed: u64, mutant: Option<Mutant>) -> Option<String> {
    set(mutant);
    let run = catch_unwind(AssertUnwindSafe(|| {
        let run = run(&Plan { finds_one: true, ..Plan::new(seed) }, &Watch::nothing());
        let found = !run.report.findings.is_empty() || run.report.verdicts.iter().any(is_violation);
        let wrong = run.wrong.map(|wrong| wrong.to_string());
        wrong.or_else(|| found.then(|| run.report.to_string()))
    }));
    set(None);
    run.unwrap_or_else(|panic| Some(format!("an assertion: {}", message(&*panic))))
}

fn is_violation(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Violation(_))
}

/// The first line, and not too much of it.
fn short(said: &str) -> String {
    said.lines().next().unwrap_or_default().chars().take(SAID_MAX).collect()
}

#[test]
#[ignore = "an hour: run it by name"]
fn every_mutant_is_caught() {
    let only = std::env::var("SIM_MUTANT").ok();
    let wanted = |mutant: &&Mutant| {
        only.as_ref().is_none_or(|only| only.split(',').any(|name| name == format!("{mutant:?}")))
    };
    let mutants: Vec<Mutant> = Mutant::ALL.iter().filter(wanted).copied().collect();
    let (next, caught, clean) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Clean::default());
    let threads = super::number("SIM_MUTANT_THREADS", 2);
    // What breaks, breaks often.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let how = hunt(*mutant, &clean);
                    let said = how.as_deref().unwrap_or("not caught");
                    eprintln!("MUTANT {mutant:?}: {said}");
                    caught.lock().expect("nobody panics with it").push((*mutant, how));
                }
            });
        }
    });
    drop(std::panic::take_hook());
    let caught = caught.into_inner().expect("nobody panics with it");
    let missed: Vec<_> = caught.iter().filter(|(_, how)| how.is_none()).collect();
    assert!(missed.len() * 20 <= caught.len(), "not caught: {missed:?}");
}
