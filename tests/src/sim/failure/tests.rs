//! Made-up runs that went wrong, and what is said of them.

use super::super::plan::Durability;
use super::*;
use crate::checker::linear::{self, Limits};
use crate::checker::{History, Key, Mode, Outcome, Reply, Report, Text, Verb};
use crate::world::network::Faults;
use std::collections::BTreeSet;

const KEY: Key = Key(0);

fn plan() -> Plan {
    Plan { mode: Mode::Strong, ..Plan::quiet(17, 3, Durability::Always, 10_000_000) }
}

/// A run in which nothing happened.
fn calm() -> Run {
    Run {
        report: Report::default(),
        wrong: None,
        calls: (0, 0),
        troubles: super::super::classes::Counts::new(),
        faults: Faults::default(),
        rest_us: 0,
        hash: 0,
        history: History::default(),
    }
}

/// Of 300 seconds, a line each, and then a panic in the core.
fn panics(_: &Plan, watch: &Watch) -> Run {
    for second in 0..300 {
        watch.comes_to(second * 1_000_000);
        if watch.is_on() {
            watch.keep(&format!("0 -> 1 Ack {second}"));
        }
    }
    panic!("a rule of ours: {}", 7);
}

fn told(client: u32, at: u64, verb: Verb, reply: Reply) -> Operation {
    let outcome = Outcome::Reply { at: at + 10, reply };
    Operation { client, order: at as u32, call: Call::On(KEY, verb), invoked_at: at, outcome }
}

fn said(runs: impl Fn(&Plan, &Watch) -> Run) -> String {
    let tried = attempt(&plan(), "abc123", &Watch::nothing(), runs);
    tried.failure.expect("it failed")
}

#[track_caller]
fn has(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}

#[test]
fn a_run_that_is_clean_is_not_talked_about() {
    let tried = attempt(&plan(), "abc123", &Watch::nothing(), |_, _| calm());
    assert!(tried.failure.is_none() && tried.run.is_some());
}

#[test]
fn a_panic_is_caught_and_names_seed_commit_time_and_what_came_before() {
    let tried = attempt(&plan(), "abc123", &Watch::nothing(), panics);
    assert!(tried.run.is_none());
    let said = tried.failure.expect("it failed");
    let head = "SEED 17 FAILED at commit abc123: 3 nodes";
    has(&said, &[head, "SIM_SEED=17", "a panic at 299000000: a rule of ours: 7"]);
    has(&said, &["299000000 0 -> 1 Ack 299", "298000000 0 -> 1 Ack 298"]);
    assert!(!said.contains("Ack 297"), "the second before it is enough:\n{said}");
}

#[test]
fn what_owners_hold_is_told_with_what_happened_to_the_key_up_to_then() {
    let runs = |plan: &Plan, watch: &Watch| {
        let name = words::name(KEY);
        for (at_us, about) in [(4, "early"), (7, "\"{t0}k0\""), (8, "\"{t9}k9\""), (11, "late")] {
            watch.comes_to(at_us);
            if watch.is_on() {
                watch.keep(&format!("0 -> 1 Write {about}"));
            }
        }
        let about = About::key(plan, &name);
        let seen = if watch.is_nothing() { "late" } else { "at once" };
        let what = format!("promise 2: not at rest, seen {seen}");
        Run { wrong: Some(Wrong { what, about, span: 5..10 }), ..calm() }
    };
    let said = said(runs);
    has(&said, &["promise 2: not at rest, seen at once", "7 0 -> 1 Write", "SIM_FROM=5 SIM_TO=10"]);
    assert!(!said.contains("early") && !said.contains("k9") && !said.contains("late"), "{said}");
}

#[test]
fn of_many_findings_the_first_is_told_in_full_and_the_others_are_counted() {
    let finding = |at_us: u64, promise| Finding {
        promise,
        key: KEY,
        what: format!("what showed at {at_us}"),
        at_us,
    };
    let runs = |_: &Plan, watch: &Watch| {
        watch.comes_to(2_000_300);
        if watch.is_on() {
            watch.keep("0 -> 1 Write \"{t0}k0\"");
        }
        let mut findings: Vec<Finding> =
            (1..300).map(|n| finding(2_000_000 + n * 100, 1)).collect();
        findings.push(finding(2_000_050, 3));
        let sets = (0..40).map(|n| {
            told(1, 1_990_000 + n * 500, Verb::Set(Text::from(format!("v{n}"))), Reply::Ok)
        });
        let history = History::new(sets.collect());
        let report = Report { findings, ..Report::default() };
        Run { report, history, ..calm() }
    };
    let said = said(runs);
    has(&said, &["promise 3: k0: what showed at 2000050", "and 299 more of promise 1"]);
    has(&said, &["calls on k0 around 2000050, 24 of 40", "2000300 0 -> 1 Write"]);
    assert_eq!(said.matches("what showed").count(), 1, "{said}");
    assert!(said.lines().count() < 40, "{said}");
}

#[test]
fn the_first_object_without_an_order_is_told_and_the_others_are_counted() {
    let stale = |key: u32, at: u64| {
        let on = |op: Operation, verb| Operation { call: Call::On(Key(key), verb), ..op };
        let new = Verb::Set(Text::from("new"));
        let operations = vec![
            on(told(1, at, Verb::Get, Reply::Ok), new),
            on(told(2, at + 100, Verb::Get, Reply::Nil), Verb::Get),
        ];
        let limits = Limits { skew_us: 5, states_max: 1_000 };
        linear::check(&History::new(operations), &BTreeSet::from([Key(key)]), &limits)
    };
    let runs = |_: &Plan, watch: &Watch| {
        watch.comes_to(1_000_050);
        if watch.is_on() {
            watch.keep("0 -> 1 Write \"{t0}k1\"");
        }
        let verdicts = vec![stale(0, 5_000_000), stale(1, 1_000_000), stale(2, 6_000_000)];
        Run { report: Report { verdicts, ..Report::default() }, ..calm() }
    };
    let said = said(runs);
    has(&said, &["promise 4: {k1} has no order of its calls up to 1000110"]);
    has(&said, &["and 2 more objects without an order", "1000050 0 -> 1 Write"]);
    assert_eq!(said.matches("has no order").count(), 1, "{said}");
}

#[test]
fn a_seed_is_told_in_the_same_words_again() {
    let plan = Plan { busy_us: 5_000_000, ..Plan::new(3) };
    let watches = [(); 2].map(|()| Watch::over(2_000_000..4_000_000).with_all(true));
    let runs = watches.each_ref().map(|watch| super::super::run(&plan, watch).hash);
    let silent = super::super::run(&plan, &Watch::nothing()).hash;
    assert_eq!(runs, [silent, silent], "who watches changes nothing");
    assert_eq!(watches[0].lines(), watches[1].lines());
    let lines = watches[0].lines().concat();
    has(&lines, &["Heartbeat", "Beat", "client "]);
}
