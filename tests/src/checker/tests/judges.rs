//! The judges by promise: what a sound store gives is clean, and each breach has its finding.

use super::workload::{MENUS, Shape, TINY, run};
use crate::checker::history::{Call, History, Key, Operation, Outcome, Reply, Text, Verb};
use crate::checker::model::{State, Value};
use crate::checker::steps::{Case, Final, Held, Mode, Place};
use crate::checker::{Report, judge};
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, Dot};
use kinring_common::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

type Ending = BTreeMap<Key, Final>;

const KEY: Key = Key(0);

fn text(from: &str) -> Text {
    Text::copy_from_slice(from.as_bytes())
}

fn bulk(from: &str) -> Reply {
    Reply::Bulk(text(from))
}

fn list(from: &[&str]) -> Reply {
    Reply::List(from.iter().map(|item| text(item)).collect())
}

fn set(value: &str) -> Verb {
    Verb::Set(text(value))
}

fn push(value: &str) -> Verb {
    Verb::LPush(text(value))
}

/// A call that was answered.
fn told(client: u32, times: Range<u64>, verb: Verb, reply: Reply) -> Operation {
    let outcome = Outcome::Reply { at: times.end, reply };
    let (call, invoked_at) = (Call::On(KEY, verb), times.start);
    Operation { client, order: invoked_at as u32, call, invoked_at, outcome }
}

/// A call of which nobody knows.
fn unknown(client: u32, invoked_at: u64, verb: Verb) -> Operation {
    let (call, outcome) = (Call::On(KEY, verb), Outcome::Unknown { at: None });
    Operation { client, order: invoked_at as u32, call, invoked_at, outcome }
}

fn dot(number: usize) -> Dot {
    Dot { hlc: Hlc(number as u64), actor: Actor(1) }
}

/// The key holds these strings, of which the first shows.
fn strings(values: &[&str]) -> Ending {
    let held = values.iter().enumerate().map(|(at, value)| (Place::Text, *value, at));
    ending(values.first().copied(), held)
}

fn elements(place: &Place, values: &[&str]) -> Ending {
    ending(None, values.iter().enumerate().map(|(at, value)| (place.clone(), *value, at)))
}

fn ending<'a>(shown: Option<&str>, held: impl Iterator<Item = (Place, &'a str, usize)>) -> Ending {
    let held = held.map(|(place, value, at)| Held { place, text: text(value), dot: dot(at) });
    Ending::from([(KEY, Final { shown: shown.map(text), held: held.collect() })])
}

fn report(
    mode: Mode,
    operations: &[Operation],
    (ending, ended_at): (&Ending, u64),
    seen: &[(u32, u32, &str)],
) -> Report {
    let history = History::new(operations.to_vec());
    let seen = seen.iter().map(|(client, order, value)| {
        let values = if value.is_empty() { Vec::new() } else { vec![text(value)] };
        ((*client, *order), values)
    });
    let seen = seen.collect();
    let case = Case { history: &history, ending, ended_at, seen: &seen, mode, skew_us: 5 };
    // Several keys are judged one by one, and together.
    let groups = [history.keys()];
    judge(&case, &groups[usize::from(groups[0].len() < 2)..], 100_000)
}

/// The promises of which the judges by promise say that they are broken.
#[track_caller]
fn check(mode: Mode, operations: &[Operation], ending: &Ending, expected: &[u8]) {
    let report = report(mode, operations, (ending, 10_000), &[]);
    let broken: BTreeSet<u8> = report.findings.iter().map(|finding| finding.promise).collect();
    assert_eq!(broken, expected.iter().copied().collect(), "{report}");
}

/// What a store with one owner would keep of this state.
fn kept(state: &State) -> Ending {
    let one = |(key, value): (Key, &Value)| {
        let mut end = Final::default();
        let mut keep = |place: Place, text: &Text| {
            let dot = dot(end.held.len());
            end.held.push(Held { place, text: text.clone(), dot });
        };
        match value {
            Value::Text(text) => keep(Place::Text, text),
            Value::Hash(hash) => hash.iter().for_each(|(f, v)| keep(Place::Field(f.clone()), v)),
            Value::Set(set) => set.iter().for_each(|member| keep(Place::Member, member)),
            Value::Sorted(all) => all.keys().for_each(|member| keep(Place::Scored, member)),
            Value::List(all) => all.iter().for_each(|item| keep(Place::Element, item)),
        }
        if let Value::Text(text) = value {
            end.shown = Some(text.clone());
        }
        (key, end)
    };
    state.values().map(one).collect()
}

#[test]
fn what_a_sound_store_gives_is_clean() {
    for (name, menu) in MENUS {
        for seed in 0..150 {
            let mut random = Random::new(seed);
            let shape = Shape {
                keys: if *name == "groups" { 3 } else { 1 },
                clients: 2 + random.below(5),
                operations: 10 + random.below(60),
                unknown_percent: *random.pick(&[0, 5]),
                kinds: 0,
                ..TINY
            };
            let (operations, end, ended_at) = run(&mut random, *menu, &shape);
            for mode in [Mode::Strong, Mode::Available] {
                let report = report(mode, &operations, (&kept(&end), ended_at), &[]);
                assert!(report.is_clean(), "{name} {seed} {mode:?}: {report}");
            }
        }
    }
}

#[test]
fn what_the_last_write_wrote_is_not_missed_when_it_is_there_and_missed_when_it_is_not() {
    let writes: &[(Verb, Reply, Place)] = &[
        (set("v1"), Reply::Ok, Place::Text),
        (Verb::Append(text("v1")), Reply::Int(2), Place::Text),
        (Verb::HSet(text("f"), text("v1")), Reply::Int(1), Place::Field(text("f"))),
        (Verb::SAdd(text("v1")), Reply::Int(1), Place::Member),
        (Verb::ZAdd(text("v1"), 3), Reply::Int(1), Place::Scored),
        (push("v1"), Reply::Int(1), Place::Element),
    ];
    for (verb, reply, place) in writes {
        let operations = [told(1, 10..20, verb.clone(), reply.clone())];
        for mode in [Mode::Strong, Mode::Available] {
            check(mode, &operations, &Ending::new(), &[1]);
            check(mode, &operations, &elements(place, &["v1"]), &[]);
        }
    }
}

#[test]
fn a_write_is_superseded_only_by_what_may_have_come_after_it() {
    let first = told(1, 10..20, set("v1"), Reply::Ok);
    let before = told(2, 1..9, set("v2"), Reply::Ok);
    let beside = told(2, 15..30, set("v2"), Reply::Ok);
    let late = unknown(2, 1, set("v2"));
    check(Mode::Strong, &[first.clone(), before], &strings(&["v2"]), &[1]);
    check(Mode::Strong, &[first.clone(), beside.clone()], &strings(&["v2"]), &[]);
    check(Mode::Strong, &[first.clone(), late], &strings(&["v2"]), &[]);
    check(Mode::Available, &[first.clone(), beside.clone()], &strings(&["v2", "v1"]), &[]);
    // An edit keeps what it edits, unless it may have missed it.
    let edit = told(2, 30..40, Verb::Append(text("w1")), Reply::Int(2));
    check(Mode::Strong, &[first.clone(), edit.clone()], &strings(&["w1"]), &[1]);
    check(Mode::Strong, &[first.clone(), edit.clone()], &strings(&["v1w1"]), &[]);
    check(Mode::Available, &[first.clone(), edit], &strings(&["w1"]), &[]);
    // Nor does a write remove what it is known not to have seen.
    let operations = [first, beside];
    let broken = report(Mode::Available, &operations, (&strings(&["v2"]), 100), &[(2, 15, "")]);
    assert_eq!(broken.findings.len(), 1, "{broken}");
    let sound = report(Mode::Available, &operations, (&strings(&["v2"]), 100), &[(2, 15, "v1")]);
    assert!(sound.is_clean(), "{sound}");
}

#[test]
fn what_was_deleted_is_neither_read_nor_there_at_the_end() {
    let write = told(1, 10..20, set("v1"), Reply::Ok);
    let delete = told(2, 30..40, Verb::Del, Reply::Int(1));
    let read = |from| told(3, from..from + 10, Verb::Get, bulk("v1"));
    let both = [write.clone(), delete.clone()];
    check(Mode::Strong, &both, &Ending::new(), &[]);
    check(Mode::Strong, &both, &strings(&["v1"]), &[3]);
    check(Mode::Strong, &[write.clone(), delete.clone(), read(35)], &Ending::new(), &[]);
    check(Mode::Strong, &[write.clone(), delete.clone(), read(50)], &Ending::new(), &[3]);
    // A deletion on the other side of a partition may not have seen it.
    check(Mode::Available, &both, &strings(&["v1"]), &[]);
    let broken = report(Mode::Available, &both, (&strings(&["v1"]), 100), &[(2, 30, "v1")]);
    assert_eq!(broken.findings.len(), 1, "{broken}");
    // A write that may be executed later may be there.
    check(Mode::Strong, &[unknown(1, 10, set("v1")), delete], &strings(&["v1"]), &[]);
}

#[test]
fn an_element_that_was_taken_out_stays_out() {
    let removed: &[(Verb, Verb, Reply, Place)] = &[
        (Verb::SAdd(text("v1")), Verb::SRem(text("v1")), Reply::Int(1), Place::Member),
        (push("v1"), Verb::LPop, bulk("v1"), Place::Element),
    ];
    for (add, remove, reply, place) in removed {
        let add = told(1, 10..20, add.clone(), Reply::Int(1));
        let operations = [add, told(2, 30..40, remove.clone(), reply.clone())];
        for mode in [Mode::Strong, Mode::Available] {
            check(mode, &operations, &elements(place, &["v1"]), &[3]);
            check(mode, &operations, &Ending::new(), &[]);
        }
    }
    let field = Place::Field(text("f"));
    let operations = [
        told(1, 10..20, Verb::HSet(text("f"), text("v1")), Reply::Int(1)),
        told(2, 30..40, Verb::HDel(text("f")), Reply::Int(1)),
    ];
    check(Mode::Strong, &operations, &elements(&field, &["v1"]), &[3]);
}

#[test]
fn an_expired_key_stays_expired_and_a_persistent_one_may_stay() {
    let write = told(1, 10..20, set("v1"), Reply::Ok);
    let expire = told(2, 30..40, Verb::Expire { ttl_us: 50 }, Reply::Int(1));
    let read = |from| told(3, from..from + 5, Verb::Get, bulk("v1"));
    let persist = told(4, 50..60, Verb::Persist, Reply::Int(1));
    let base = [write, expire];
    let with = |more: &[Operation]| [&base[..], more].concat();
    check(Mode::Strong, &with(&[read(95)]), &Ending::new(), &[]);
    check(Mode::Strong, &with(&[read(96)]), &Ending::new(), &[3]);
    check(Mode::Strong, &with(&[persist, read(96)]), &strings(&["v1"]), &[]);
}

#[test]
fn a_counter_ends_between_what_is_certain_and_what_is_possible() {
    let operations = [
        told(1, 10..20, Verb::Incr(5), Reply::Int(5)),
        unknown(2, 10, Verb::Incr(3)),
        unknown(3, 10, Verb::Incr(-2)),
    ];
    for (end, promises) in [("2", &[1][..]), ("3", &[]), ("8", &[]), ("9", &[1])] {
        for mode in [Mode::Strong, Mode::Available] {
            check(mode, &operations, &strings(&[end]), promises);
        }
    }
    check(Mode::Strong, &operations, &Ending::new(), &[1]);
}

#[test]
fn a_counter_on_the_way_counts_what_was_over_and_nothing_twice() {
    let first = told(1, 10..20, Verb::Incr(1), Reply::Int(1));
    let read = |reply| told(2, 30..40, Verb::Get, reply);
    check(Mode::Strong, &[first.clone(), read(bulk("1"))], &strings(&["1"]), &[]);
    check(Mode::Strong, &[first.clone(), read(Reply::Nil)], &strings(&["1"]), &[4]);
    check(Mode::Strong, &[first.clone(), read(bulk("2"))], &strings(&["1"]), &[4]);
    let beside = told(2, 15..25, Verb::Incr(1), Reply::Int(1));
    check(Mode::Strong, &[first, beside], &strings(&["2"]), &[8]);
}

#[test]
fn a_client_reads_its_own_writes_and_never_goes_back() {
    let old = told(1, 1..5, set("v1"), Reply::Ok);
    let new = told(1, 10..20, set("v2"), Reply::Ok);
    let read = |client, from, reply| told(client, from..from + 2, Verb::Get, reply);
    let both = |reads: &[Operation]| [&[old.clone(), new.clone()], reads].concat();
    let end = strings(&["v2"]);
    check(Mode::Strong, &both(&[read(1, 30, bulk("v2"))]), &end, &[]);
    check(Mode::Strong, &both(&[read(1, 30, bulk("v1"))]), &end, &[6]);
    check(Mode::Strong, &both(&[read(1, 30, Reply::Nil)]), &end, &[6]);
    check(Mode::Available, &both(&[read(1, 30, bulk("v1"))]), &end, &[]);
    // Another client may see either while the write is under way, but not the old after the new.
    let (seen, back) = (read(2, 12, bulk("v2")), read(2, 16, bulk("v1")));
    check(Mode::Strong, &both(&[read(2, 12, bulk("v1")), read(2, 16, bulk("v2"))]), &end, &[]);
    check(Mode::Strong, &both(&[seen.clone(), back]), &end, &[6]);
    check(Mode::Strong, &both(&[seen, read(2, 16, Reply::Nil)]), &end, &[6]);
    // Two writes at once: either may be the older, but not both in turn.
    let one = told(3, 30..60, set("w1"), Reply::Ok);
    let two = told(4, 30..60, set("w2"), Reply::Ok);
    let turns = |values: &[&str]| {
        let reads = values.iter().zip(0..).map(|(value, at)| read(5, 40 + 3 * at, bulk(value)));
        [one.clone(), two.clone()].into_iter().chain(reads).collect::<Vec<_>>()
    };
    check(Mode::Strong, &turns(&["w1", "w2"]), &strings(&["w2"]), &[]);
    check(Mode::Strong, &turns(&["w1", "w2", "w1"]), &strings(&["w1"]), &[6]);
}

#[test]
fn a_member_that_a_client_knows_of_is_missed_unless_somebody_may_have_removed_it() {
    let add = told(1, 10..20, Verb::SAdd(text("v1")), Reply::Int(1));
    let look = |from, members: &[&str]| told(1, from..from + 5, Verb::SMembers, list(members));
    let end = elements(&Place::Member, &["v1"]);
    check(Mode::Strong, &[add.clone(), look(30, &["v1"])], &end, &[]);
    check(Mode::Strong, &[add.clone(), look(30, &[])], &end, &[6]);
    let remove = unknown(2, 5, Verb::SRem(text("v1")));
    check(Mode::Strong, &[add.clone(), remove.clone(), look(30, &[])], &end, &[]);
    check(Mode::Strong, &[add.clone(), remove, look(30, &[]), look(40, &["v1"])], &end, &[6]);
    // A deadline that was set before it was added takes it along, and not before it is due.
    let expire = |ttl_us| told(2, 1..5, Verb::Expire { ttl_us }, Reply::Int(1));
    check(Mode::Strong, &[add.clone(), expire(30), look(30, &[])], &Ending::new(), &[]);
    check(Mode::Strong, &[add, expire(50), look(30, &[])], &Ending::new(), &[6]);
}

#[test]
fn what_is_written_once_is_there_once() {
    let push = told(1, 10..20, push("v1"), Reply::Int(1));
    let end = elements(&Place::Element, &["v1"]);
    check(
        Mode::Available,
        std::slice::from_ref(&push),
        &elements(&Place::Element, &["v1", "v1"]),
        &[8],
    );
    let look = told(2, 30..40, Verb::LRange, list(&["v1", "v1"]));
    check(Mode::Strong, &[push.clone(), look], &end, &[8]);
    let pop = |client, from| told(client, from..from + 20, Verb::LPop, bulk("v1"));
    check(Mode::Strong, &[push.clone(), pop(2, 30), pop(3, 40)], &Ending::new(), &[8]);
    check(Mode::Available, &[push, pop(2, 30), pop(3, 40)], &Ending::new(), &[]);
    let append = told(1, 10..20, Verb::Append(text("v1")), Reply::Int(2));
    check(Mode::Strong, std::slice::from_ref(&append), &strings(&["v1v1"]), &[8]);
}
