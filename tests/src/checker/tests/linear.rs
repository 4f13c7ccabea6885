//! The search against the definition, and against its clock.

use super::brute;
use super::workload::{Fault, MENUS, Menu, Shape, TINY, damage, run, texts};
use crate::checker::executions::Executions;
use crate::checker::history::{Call, History, Key, Operation, Outcome, Reply, Text, Verb};
use crate::checker::linear::problem::{self, Window};
use crate::checker::linear::search::{Found, search};
use crate::checker::linear::{Limits, Verdict, check};
use crate::checker::parts::project;
use kinring_common::random::Random;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Instant;

/// Menus with calls over several keys.
const GROUPS: [&str; 2] = ["groups", "mixed"];

fn keys(shape: &Shape) -> BTreeSet<Key> {
    (0..shape.keys as u32).map(Key).collect()
}

fn judge(operations: &[Operation], shape: &Shape) -> Verdict {
    let limits = Limits { skew_us: shape.skew_us, ..Limits::default() };
    check(&History::new(operations.to_vec()), &keys(shape), &limits)
}

#[track_caller]
fn accept(operations: &[Operation], shape: &Shape, case: &str) {
    match judge(operations, shape) {
        Verdict::Linearizable => {}
        Verdict::Violation(why) => panic!("{case}: {why}"),
        Verdict::Undecided { .. } => panic!("{case}: undecided"),
    }
}

/// Executions that somebody says there were: some of them may be true.
fn made_up(random: &mut Random, operations: &[Operation]) -> Executions {
    let mut executions = Executions::default();
    for op in operations {
        let keys = if random.chance(70) { op.call.keys() } else { BTreeSet::new() };
        for key in keys {
            let ended = op.finished_at().unwrap_or(op.invoked_at + 50);
            let at_us = op.invoked_at + random.below(2 + (ended - op.invoked_at) as usize) as u64;
            executions.add((op.client, op.order), key, at_us);
        }
    }
    executions
}

/// The search and the definition say the same of what a store with this fault gives, and of what
/// clients are made to believe.
fn agree(name: &str, menu: Menu, fault: Fault, seeds: Range<u64>) -> (u32, u32) {
    let (mut good, mut bad) = (0, 0);
    for seed in seeds {
        let mut random = Random::new(seed);
        let case = format!("{name} {fault:?} {seed}");
        let group = GROUPS.contains(&name) || random.chance(10);
        let shape = Shape {
            keys: if group { 2 + random.below(2) } else { 1 },
            clients: 2 + random.below(3),
            operations: 3 + random.below(5),
            unknown_percent: *random.pick(&[0, 15, 40, 60]),
            kinds: *random.pick(&[0, 0, 2]),
            fault,
            ..TINY
        };
        let (mut operations, ..) = run(&mut random, menu, &shape);
        if fault == Fault::None {
            accept(&operations, &shape, &case);
            for _ in 0..random.below(3) {
                damage(&mut random, &mut operations);
            }
        }
        let parts = project(&History::new(operations.clone()), &keys(&shape));
        let expected = brute::linearizable(&parts, shape.skew_us);
        let said = History::new(operations.clone());
        let said = said.with_executions(made_up(&mut random, &operations));
        let limits = Limits { skew_us: shape.skew_us, ..Limits::default() };
        for verdict in [judge(&operations, &shape), check(&said, &keys(&shape), &limits)] {
            match verdict {
                Verdict::Linearizable => assert!(expected, "{case}: accepted a bad one"),
                Verdict::Violation(why) => assert!(!expected, "{case}: {why}"),
                Verdict::Undecided { .. } => panic!("{case}: undecided"),
            }
        }
        if expected { good += 1 } else { bad += 1 }
    }
    (good, bad)
}

#[test]
fn the_search_agrees_with_the_definition_on_tiny_histories() {
    for (name, menu) in MENUS {
        let (good, bad) = agree(name, *menu, Fault::None, 0..1500);
        assert!(good > 300 && bad > 200, "{name}: {good} good, {bad} bad");
    }
}

#[test]
fn the_search_agrees_with_the_definition_on_stores_with_a_fault() {
    for fault in [Fault::Lost, Fault::Double, Fault::Half, Fault::Stale] {
        for (name, menu) in
            MENUS.iter().filter(|(name, _)| fault != Fault::Half || GROUPS.contains(name))
        {
            let (good, bad) = agree(name, *menu, fault, 0..300);
            assert!(good > 20 && bad > 5, "{name} {fault:?}: {good} good, {bad} bad");
        }
    }
}

#[test]
#[ignore = "takes minutes"]
fn the_search_agrees_with_the_definition_on_very_many_tiny_histories() {
    for fault in [Fault::None, Fault::Lost, Fault::Double, Fault::Half, Fault::Stale] {
        for (name, menu) in MENUS {
            let seeds = if GROUPS.contains(name) { 15_000 } else { 3_000 };
            let (good, bad) = agree(name, *menu, fault, 10_000..10_000 + seeds);
            println!("{name} {fault:?}: {good} good, {bad} bad");
        }
    }
}

/// A history of one busy key, or of a busy group.
fn long(
    random: &mut Random,
    name: &str,
    menu: Menu,
    clients: usize,
    unknown_percent: usize,
) -> (Vec<Operation>, Shape) {
    let shape = Shape {
        clients,
        operations: 2000,
        unknown_percent,
        keys: if GROUPS.contains(&name) { 4 } else { 1 },
        kinds: 0,
        length_us: 1000,
        ..TINY
    };
    (run(random, menu, &shape).0, shape)
}

#[test]
fn a_window_of_a_sound_history_has_an_order() {
    let mut windows = 0;
    for (name, menu) in
        MENUS.iter().filter(|(name, _)| !GROUPS.contains(name) && *name != "expiring")
    {
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let unknown_percent = *random.pick(&[0, 10]);
            let shape = Shape { operations: 40, unknown_percent, clients: 4, ..TINY };
            let (operations, ..) = run(&mut random, *menu, &shape);
            let parts = project(&History::new(operations), &keys(&shape));
            if parts.iter().any(|op| op.call.has_deadline()) {
                continue;
            }
            for begin in (0..parts.len()).filter(|at| problem::begins(&parts[*at])) {
                let began = parts[begin].finished_at().expect("it has a reply");
                let window = Window { begin: Some(begin), until: began + random.below(100) as u64 };
                let found = search(&parts, window, shape.skew_us, 100_000);
                assert!(matches!(found, Found::Order), "{name} {seed} {window:?}");
                windows += 1;
            }
        }
    }
    assert!(windows > 2000, "{windows}");
}

#[test]
fn a_long_history_of_a_busy_key_is_accepted() {
    for (name, menu) in MENUS {
        let mut random = Random::new(1);
        let (operations, shape) = long(&mut random, name, *menu, 6, 2);
        accept(&operations, &shape, name);
    }
    let mut random = Random::new(2);
    let (operations, shape) = long(&mut random, "texts", texts, 20, 3);
    accept(&operations, &shape, "20 clients");
}

#[test]
fn a_stale_read_in_a_long_history_is_found_and_explained_in_short() {
    for clients in [6, 20] {
        let mut random = Random::new(3);
        let (mut operations, shape) = long(&mut random, "texts", texts, clients, 1);
        let value =
            |op: &Operation| op.reply().is_some_and(|reply| matches!(reply, Reply::Bulk(_)));
        let old = operations[800..].iter().position(value).expect("somebody reads") + 800;
        let new = operations[1200..].iter().position(value).expect("somebody reads") + 1200;
        let stale = operations[old].reply().cloned().expect("it has one");
        let Outcome::Reply { reply, at } = &mut operations[new].outcome else { unreachable!() };
        *reply = stale;
        let latest = *at + 2 * shape.length_us as u64;
        let Verdict::Violation(why) = judge(&operations, &shape) else {
            panic!("{clients} clients: it is not found");
        };
        assert!(why.broke_at <= latest, "{why}");
        assert!(why.linearised.len() < 100, "{why}");
        assert!(why.to_string().lines().count() < 40, "{why}");
    }
}

#[test]
#[ignore = "prints how fast the search is"]
fn speed() {
    for (name, menu) in MENUS {
        for (clients, unknown_percent) in [(5, 1), (10, 2), (20, 1), (20, 3)] {
            let mut figures = String::new();
            for bad in [false, true] {
                let (mut times, mut counts) = (Vec::new(), [0; 3]);
                for seed in 0..8 {
                    let mut random = Random::new(seed);
                    let (mut operations, shape) =
                        long(&mut random, name, *menu, clients, unknown_percent);
                    if bad {
                        damage(&mut random, &mut operations[1000..1300]);
                    }
                    let start = Instant::now();
                    counts[match judge(&operations, &shape) {
                        Verdict::Linearizable => 0,
                        Verdict::Violation(_) => 1,
                        Verdict::Undecided { .. } => 2,
                    }] += 1;
                    times.push(start.elapsed());
                }
                times.sort_unstable();
                figures += &format!(" | median {:?} worst {:?} {counts:?}", times[4], times[7]);
            }
            println!("{name:10} {clients:3} clients {unknown_percent}% unknown{figures}");
        }
    }
}

#[test]
fn what_is_said_of_executions_decides_what_takes_too_long_to_search() {
    let key = Key(0);
    let mut operations = Vec::new();
    let mut executions = Executions::default();
    let (mut sum, mut at_us) = (0, 0);
    for client in 0..40 {
        at_us += 10;
        let by = 1_000 + 37 * i64::from(client) * i64::from(client);
        let outcome = Outcome::Unknown { at: None };
        let call = Call::On(key, Verb::Incr(by));
        operations.push(Operation { client, order: 0, call, invoked_at: at_us, outcome });
        // A third were executed by a home that was none any more, and are lost.
        executions.add((client, 0), key, at_us + 5);
        sum += if client % 3 == 0 { 0 } else { by };
        if client % 4 == 3 {
            let reply = Reply::Bulk(Text::from(sum.to_string()));
            let outcome = Outcome::Reply { at: at_us + 8, reply };
            let (call, invoked_at) = (Call::On(key, Verb::Get), at_us + 7);
            operations.push(Operation { client, order: 1, call, invoked_at, outcome });
        }
    }
    let limits = Limits { skew_us: 0, states_max: 2_000 };
    let keys = BTreeSet::from([key]);
    let silent = History::new(operations);
    assert!(matches!(check(&silent, &keys, &limits), Verdict::Undecided { .. }));
    let said = silent.with_executions(executions);
    assert!(matches!(check(&said, &keys, &limits), Verdict::Linearizable));
}
