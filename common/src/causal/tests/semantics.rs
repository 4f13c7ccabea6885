//! What shows, what adds up, what supersedes what: each law by a definition of its own.

use super::CASES;
use super::oracle::{self, Set, What};
use super::world::{Copy, World, deadline, everything, strings, value};
use crate::causal::{BaseId, Change, Kind, Path, Record, Value};
use crate::id::Dot;
use crate::random::Random;
use crate::testing::for_all;
use std::collections::BTreeMap;

fn sets_and_dels(rng: &mut Random, _: &Record, _: u64, _: Dot) -> Change {
    if rng.chance(20) {
        return Change::Clear;
    }
    Change::Replace { value: value(rng), deadline_ms: None }
}

fn increments(rng: &mut Random, _: &Record, _: u64, _: Dot) -> Change {
    Change::Increment { path: Path::Text, by: rng.below(100) as i64 - 30 }
}

fn sets_and_expiry(rng: &mut Random, record: &Record, now_ms: u64, dot: Dot) -> Change {
    match rng.below(10) {
        0..4 => Change::Replace { value: value(rng), deadline_ms: None },
        4 => increments(rng, record, now_ms, dot),
        5 => Change::Expire,
        _ => Change::Deadline(Some(deadline(rng, now_ms))),
    }
}

fn contains(known: Set, id: usize) -> bool {
    known >> id & 1 == 1
}

fn events(world: &World, known: Set) -> impl Iterator<Item = usize> {
    (0..world.history.events.len()).filter(move |&id| contains(known, id))
}

#[test]
fn the_view_is_what_the_history_shows() {
    for_all(CASES, |rng| {
        let flushes = rng.chance(30);
        let world = World::run(rng, everything, flushes);
        let Copy { record, horizon, known, .. } = rng.pick(&world.past);
        let now_ms = world.now_ms + rng.below(20) as u64;
        let live = world.history.live(*known, horizon.cut);
        let presented = oracle::presented(&live, now_ms);
        let kind = oracle::kind(&presented);
        assert_eq!(record.kind(now_ms), kind);
        let mut cells: BTreeMap<&Path, Value> = BTreeMap::new();
        for group in presented.iter().filter(|group| group.path.kind() == kind) {
            let shown = oracle::shown(&presented, group.path).expect("it is presented");
            cells.insert(group.path, shown.value());
        }
        let bytes = |of: Kind| {
            let cells = cells.iter().filter(move |_| kind == Some(of));
            cells.map(|(path, value)| ((*path).clone(), value.clone())).collect::<Vec<_>>()
        };
        let text = record.text(now_ms).map(|view| (Path::Text, view.value));
        assert_eq!(text.into_iter().collect::<Vec<_>>(), bytes(Kind::Text));
        let fields = record.fields(now_ms).map(|(name, value)| (Path::Field(name.clone()), value));
        assert_eq!(fields.collect::<Vec<_>>(), bytes(Kind::Hash));
        let members: Vec<_> = record.members(now_ms).cloned().map(Path::Member).collect();
        let expected: Vec<_> = bytes(Kind::Set).into_iter().map(|(path, _)| path).collect();
        assert_eq!(members, expected);
        let scored: Vec<_> = record.scores(now_ms).map(|(name, _)| name.clone()).collect();
        assert_eq!(scored.len(), bytes(Kind::Zset).len());
        let items = record
            .items(now_ms)
            .map(|(position, dot, value)| (Path::Item(position.clone(), dot), Value::Bytes(value)));
        assert_eq!(items.collect::<Vec<_>>(), bytes(Kind::List));
    });
}

#[test]
fn the_last_write_wins_by_the_highest_clock() {
    for_all(CASES, |rng| {
        let world = World::run(rng, sets_and_dels, false);
        let Copy { record, known, .. } = rng.pick(&world.past);
        let superseded =
            |id| events(&world, *known).any(|e| contains(world.history.events[e].seen, id));
        let heads = events(&world, *known).filter(|&id| !superseded(id));
        let sets = heads.filter(|&id| matches!(world.changes[id], Change::Replace { .. }));
        let last = sets.max_by_key(|&id| world.history.events[id].dot);
        let expected = last.map(|id| match &world.changes[id] {
            Change::Replace { value, .. } => Value::Bytes(value.clone()),
            _ => unreachable!("filtered above"),
        });
        assert_eq!(record.text(0).map(|view| view.value), expected);
    });
}

#[test]
fn siblings_are_exactly_the_concurrent_bases() {
    for_all(CASES, |rng| {
        let world = World::run(rng, sets_and_dels, false);
        let Copy { record, known, .. } = rng.pick(&world.past);
        let superseded =
            |id| events(&world, *known).any(|e| contains(world.history.events[e].seen, id));
        let heads = events(&world, *known).filter(|&id| !superseded(id));
        let sets = heads.filter(|&id| matches!(world.changes[id], Change::Replace { .. }));
        let mut expected: Vec<_> =
            sets.map(|id| BaseId::Value(world.history.events[id].dot)).collect();
        expected.sort();
        let register = record.cells.get(&Path::Text);
        let siblings = register.into_iter().flat_map(|register| &register.siblings);
        assert_eq!(siblings.map(|sibling| sibling.base.id()).collect::<Vec<_>>(), expected);
        assert_eq!(record.text(0).map_or(0, |view| view.siblings), expected.len());
    });
}

#[test]
fn increments_of_many_actors_add_up_from_an_absent_key_too() {
    for_all(CASES, |rng| {
        let mut world = World::new(rng, increments, false);
        let mut start = 0;
        if rng.chance(50) {
            let first = Change::Replace { value: "41".into(), deadline_ms: None };
            world.write_this(0, first);
            world.heal();
            start = 41;
        }
        for _ in 0..rng.size {
            world.step(rng);
        }
        // The empty copy of the beginning has not seen the base: no join with it changes a sum.
        let Copy { record, known, .. } = rng.pick(&world.past);
        let sums = events(&world, *known).filter_map(|id| match world.changes[id] {
            Change::Increment { by, .. } => Some(by),
            _ => None,
        });
        let sums: Vec<i64> = sums.collect();
        let expected = (!sums.is_empty()).then(|| Value::Integer(start + sums.iter().sum::<i64>()));
        let shown = record.text(0).map(|view| view.value);
        assert_eq!(shown.filter(|value| matches!(value, Value::Integer(_))), expected);
    });
}

#[test]
fn a_set_supersedes_what_it_saw_and_no_more() {
    for_all(CASES, |rng| {
        let mut world = World::run(rng, everything, false);
        let (at, other) = (rng.below(world.nodes.len()), rng.below(world.nodes.len()));
        let seen = world.nodes[at].copy.known;
        let there = world.nodes[other].copy.clone();
        let before: Vec<_> = there.record.elements().collect();
        let set = Change::Replace { value: value(rng), deadline_ms: None };
        let event = world.write_this(at, set);
        let mut copy = there.clone();
        copy.join(&world.nodes[at].copy);
        let dot = world.history.events[event].dot;
        let by = |dot: Dot| world.history.events.iter().position(|event| event.dot == dot);
        for element in &before {
            let was_seen = contains(seen, by(element.dot).expect("an event"));
            let lives = copy.record.elements().any(|left| left == *element);
            assert_eq!(lives, other != at && !was_seen);
        }
        assert!(copy.record.elements().any(|element| element.dot == dot));
        assert!(
            copy.record.elements().all(|element| element.dot == dot || before.contains(&element))
        );
    });
}

#[test]
fn a_deadline_reaches_no_value_that_its_issuer_had_not_seen() {
    for_all(CASES, |rng| {
        let menu = if rng.chance(50) { sets_and_expiry } else { strings };
        let world = World::run(rng, menu, false);
        let Copy { record, known, .. } = rng.pick(&world.past);
        let by = |dot: Dot| {
            world.history.events.iter().position(|event| event.dot == dot).expect("an event")
        };
        for (element, what, _) in oracle::flat(record) {
            let (What::Deadline(_), BaseId::Value(base)) = (what, element.base) else { continue };
            let (issuer, base) = (by(element.dot), by(base));
            assert!(issuer == base || contains(world.history.events[issuer].seen, base));
        }
        // However late: a value that nobody gave a deadline still shows.
        let given = |base: usize| {
            let dot = world.history.events[base].dot;
            oracle::flat(record).iter().any(|(element, what, _)| {
                matches!(what, What::Deadline(_)) && element.base == BaseId::Value(dot)
            })
        };
        let register = record.cells.get(&Path::Text);
        let lasting = register.into_iter().flat_map(|register| &register.siblings).any(|sibling| {
            matches!(sibling.base.id(), BaseId::Value(dot) if sibling.has_value() && !given(by(dot)))
        });
        assert!(!lasting || record.text(u64::MAX).is_some());
        assert!(events(&world, *known).count() > 0 || record.cells.is_empty());
    });
}

#[test]
fn an_expire_event_removes_nothing_that_shows() {
    for_all(CASES, |rng| {
        let world = World::run(rng, everything, false);
        let Copy { record, horizon, .. } = rng.pick(&world.past);
        let now_ms = world.now_ms + rng.below(30) as u64;
        let dot = Dot { hlc: record.context.highest().tick(now_ms), actor: crate::id::Actor(9) };
        let mut after = record.clone();
        after.apply(&record.plan(Change::Expire, dot, horizon, now_ms), horizon);
        for at_ms in [now_ms, now_ms + rng.below(30) as u64] {
            assert_eq!(after.kind(at_ms), record.kind(at_ms));
            assert_eq!(after.text(at_ms), record.text(at_ms));
            assert_eq!(after.deadline_ms(at_ms), record.deadline_ms(at_ms));
            assert!(after.fields(at_ms).eq(record.fields(at_ms)));
        }
        // Nothing that has expired is left, and the sweep has no reason to come back before that.
        assert!(after.min_deadline_ms().is_none_or(|at_ms| at_ms > now_ms));
        assert!(after.kind(now_ms).is_some() || after.cells.is_empty());
    });
}

/// One copy alone, against a model of Redis strings of a few lines.
#[test]
fn one_copy_alone_behaves_like_a_redis_string() {
    for_all(CASES, |rng| {
        let mut world = World::new(rng, strings, false);
        let mut model: Option<(Value, Option<u64>)> = None;
        for _ in 0..rng.size {
            world.now_ms += rng.below(5) as u64;
            let now_ms = world.now_ms + world.nodes[0].skew_ms;
            model = model.filter(|(_, at_ms)| at_ms.is_none_or(|at_ms| at_ms > now_ms));
            assert_eq!(
                world.nodes[0].copy.record.text(now_ms).map(|view| (view.value, view.deadline_ms)),
                model
            );
            let event = world.write(rng, 0);
            model = match world.changes[event].clone() {
                Change::Replace { value, deadline_ms } => Some((Value::Bytes(value), deadline_ms)),
                Change::Keep { value } => {
                    Some((Value::Bytes(value), model.and_then(|(_, at_ms)| at_ms)))
                }
                Change::Clear => None,
                Change::Deadline(at_ms) => model.map(|(value, _)| (value, at_ms)),
                Change::Increment { by, .. } => {
                    let (value, at_ms) = model.unwrap_or((Value::Integer(0), None));
                    let text = String::from_utf8(value.to_bytes().to_vec()).expect("our own text");
                    let number: i64 = text.parse().expect("a number");
                    Some((Value::Integer(number + by), at_ms))
                }
                _ => model,
            };
        }
    });
}
