//! Deadlines: what has expired stays expired, what nobody meant to expire stays, and who says
//! "never" is heard.

use super::CASES;
use super::oracle::{self, Fact, History, deadline_in};
use super::slot::{Closing, Slot};
use super::world::{Copy, World, everything, expiring, strings};
use crate::causal::{BaseId, Change, Element, Kind, Part, Path, Record, Sight};
use crate::random::Random;
use crate::testing::{Case, cases, for_all};
use bytes::Bytes;
use std::cell::Cell;

/// After every deadline that comes.
const FAR: u64 = u64::MAX - 1;

/// Whether a copy shows nothing and no deadline there is ahead, and everything that it holds has
/// expired by the word of somebody who had seen it. What a deadline hides that its issuer had not
/// seen is not meant here: that lives on when the deadline goes, as an INCR does that a DEL had not
/// seen. Nor is a value whose longer deadline, given concurrently, is known where the value is not.
pub fn has_expired(history: &History, copy: &Copy, now_ms: u64) -> bool {
    let live = history.live(copy.known, copy.horizon.cut);
    let (deadlines, values): (Vec<&Fact>, Vec<&Fact>) =
        live.iter().partition(|fact| deadline_in(fact).is_some());
    let passed = |fact: &&Fact| deadline_in(fact).is_some_and(|at_ms| at_ms <= now_ms);
    let meant = |value: &Fact| {
        let Element { path, base, .. } = &value.element;
        deadlines.iter().any(|deadline| {
            let at = (&deadline.element.path, deadline.element.base);
            let here = at == (path, *base) || *path != Path::Text && *at.0 == Path::Deadline;
            here && deadline.saw(value)
        })
    };
    oracle::presented(&live, now_ms).is_empty()
        && deadlines.iter().all(passed)
        && values.into_iter().all(meant)
}

fn holds_values(copy: &Copy) -> bool {
    copy.record.elements().any(|element| element.part != Part::Deadline)
}

#[test]
fn what_has_expired_on_every_copy_stays_expired() {
    let met = Cell::new(0);
    for_all(CASES, |rng| {
        let menu = if rng.chance(60) { expiring } else { strings };
        let flushes = rng.chance(20);
        let world = World::run(rng, menu, flushes);
        // Later than every view that a change was made by.
        let now_ms = world.now_ms + 8 + rng.below(30) as u64;
        // Any copies of any age are all the copies there are: backups, returning nodes.
        let expired: Vec<&Copy> =
            world.past.iter().filter(|copy| has_expired(&world.history, copy, now_ms)).collect();
        let mut copies: Vec<Copy> = Vec::new();
        for _ in 0..2 + rng.below(3) {
            copies.push((*rng.pick(&expired)).clone());
        }
        met.set(met.get() + u64::from(copies.iter().filter(|copy| holds_values(copy)).count() > 1));
        let known = copies.iter().fold(0, |known, copy| known | copy.known);
        // A delta may bring a value before the deadline that it has meanwhile.
        let deltas = rng.chance(50);
        let mut all = copies.clone();
        for _ in 0..3 * copies.len() {
            let at = rng.below(copies.len());
            if !deltas || rng.chance(50) {
                let other = rng.pick(&copies).clone();
                copies[at].join(&other);
                assert!(deltas || copies[at].record.kind(now_ms).is_none());
            } else if !world.sent.is_empty() {
                // Late or twice, but nothing that nobody has.
                let parcel = rng.pick(&world.sent);
                if known >> parcel.event & 1 == 1 {
                    let Copy { record, horizon, .. } = &mut copies[at];
                    record.apply(&parcel.delta, horizon);
                }
            }
        }
        all.extend(copies);
        rng.shuffle(&mut all);
        let mut together = all.pop().expect("a copy");
        all.iter().for_each(|copy| together.join(copy));
        assert_eq!(together.record.kind(now_ms), None);
        assert_eq!(together.record.kind(FAR), None);
    });
    assert!(met.get() > 0 || cases_are_few(), "the law has met no case");
}

/// A run of one seed says nothing about how often a law applies.
fn cases_are_few() -> bool {
    cases(CASES) < 1000
}

#[test]
fn what_has_expired_on_every_copy_stays_expired_whatever_floors_do() {
    let met = Cell::new(0);
    for_all(CASES, |rng| {
        let closing = match rng.chance(50) {
            true => Closing::WhenAllTakePart,
            false => Closing::ReturningGivesUp,
        };
        let mut slot = Slot::new(rng, expiring, closing);
        for _ in 0..2 * rng.size {
            slot.step(rng);
        }
        let now_ms = slot.now_ms + 8 + rng.below(30) as u64;
        let expired = |slot: &Slot, key: usize| {
            let mut copies = slot.nodes.iter().map(|node| &node.keys[key]);
            copies.all(|copy| has_expired(&slot.histories[key], copy, now_ms))
        };
        let keys: Vec<usize> = (0..2).filter(|&key| expired(&slot, key)).collect();
        let holds = |key: &usize| slot.nodes.iter().any(|node| holds_values(&node.keys[*key]));
        met.set(met.get() + keys.iter().filter(|key| holds(key)).count());
        slot.settle(rng);
        for node in &slot.nodes {
            for &key in &keys {
                assert_eq!(node.keys[key].record.kind(now_ms), None);
            }
        }
    });
    assert!(met.get() > 0 || cases_are_few(), "the law has met no case");
}

#[test]
fn a_deadline_reaches_no_increment_on_bottom_that_its_issuer_had_not_seen() {
    for_all(CASES, |rng| {
        let menu = *rng.pick(&[expiring, strings, everything]);
        let world = World::run(rng, menu, false);
        let Copy { record, known, horizon, .. } = rng.pick(&world.past);
        let live = world.history.live(*known, horizon.cut);
        for (path, register) in record.cells.iter() {
            let Some(sibling) = register.sibling(BaseId::Bottom) else { continue };
            let here =
                |fact: &&&Fact| fact.element.path == *path && fact.element.base == BaseId::Bottom;
            let (deadlines, values): (Vec<&Fact>, Vec<&Fact>) =
                live.iter().filter(here).partition(|fact| deadline_in(fact).is_some());
            let left: Vec<_> =
                sibling.unexpired(Sight::at(FAR)).map(|(actor, entry)| entry.dot(actor)).collect();
            for value in values {
                let unseen = !deadlines.iter().any(|deadline| deadline.saw(value));
                assert!(!unseen || left.contains(&value.element.dot));
            }
        }
    });
}

/// A value-adding change of what shows.
fn addition(rng: &mut Random, record: &Record, now_ms: u64) -> Option<Change> {
    let name = Bytes::from_static([&b"a"[..], b"new"][rng.below(2)]);
    let put =
        |kind, path| Change::Cells { kind, put: vec![(path, "1".into())], remove: Vec::new() };
    Some(match record.kind(now_ms)? {
        Kind::Text => Change::Increment { path: Path::Text, by: 7 },
        Kind::Hash if rng.chance(50) => Change::Increment { path: Path::Field(name), by: 7 },
        Kind::Hash => put(Kind::Hash, Path::Field(name)),
        Kind::Set => put(Kind::Set, Path::Member(name)),
        Kind::Zset => put(Kind::Zset, Path::Scored(name)),
        Kind::List => return None,
    })
}

/// Two copies that know the same, and what shows there has a deadline.
fn two_that_agree(rng: &mut Case) -> Option<(World, u64)> {
    let mut world = if rng.chance(60) {
        World::run(rng, expiring, false)
    } else {
        World::run(rng, everything, false)
    };
    let copy = world.nodes[1].copy.clone();
    world.join(0, &copy);
    let copy = world.nodes[0].copy.clone();
    world.join(1, &copy);
    world.nodes.iter_mut().for_each(|node| node.skew_ms = 0);
    let clocks = world.nodes.iter().map(|node| node.clock.max(node.copy.record.context.highest()));
    world.now_ms = clocks.map(|hlc| hlc.wall_ms()).fold(world.now_ms, u64::max);
    let at_ms = world.nodes[0].copy.record.deadline_ms(world.now_ms)?;
    Some((world, at_ms))
}

/// Cells without deadlines of their own, and the string.
fn lasting(record: &Record, now_ms: u64) -> Vec<(Path, Bytes)> {
    let kind = record.kind(now_ms);
    let cells = record.cells.iter().filter(|(path, _)| path.kind() == kind);
    let shown = cells.filter_map(|(path, _)| Some((path, record.shown(path, now_ms)?)));
    let lasting =
        shown.filter(|(path, shown)| **path == Path::Text || shown.deadline_ms().is_none());
    lasting.map(|(path, shown)| (path.clone(), shown.value().to_bytes())).collect()
}

#[test]
fn a_persist_concurrent_with_a_change_that_adds_a_value_leaves_it_persistent() {
    let met = Cell::new(0);
    for_all(CASES, |rng| {
        let Some((mut world, at_ms)) = two_that_agree(rng) else { return };
        let now_ms = world.now_ms;
        let Some(change) = addition(rng, &world.nodes[1].copy.record, now_ms) else { return };
        met.set(met.get() + 1);
        world.write_this(1, change);
        let added = world.nodes[1].copy.clone();
        assert_eq!(added.record.deadline_ms(now_ms), Some(at_ms), "it keeps the deadline");
        // PERSIST, or a longer EXPIRE.
        let later = rng.chance(40).then(|| at_ms + 50);
        world.write_this(0, Change::Deadline(later));
        world.join(0, &added);
        let record = &world.nodes[0].copy.record;
        assert_eq!(record.deadline_ms(now_ms), later);
        let until = later.map_or(FAR, |later| later - 1);
        let values = lasting(record, until);
        for (path, value) in lasting(&added.record, now_ms) {
            assert!(values.contains(&(path, value)), "an acknowledged value is gone");
        }
        assert!(later.is_none_or(|later| record.kind(later).is_none() || !values.is_empty()));
    });
    assert!(met.get() > 0 || cases_are_few(), "the law has met no case");
}

#[test]
fn no_copy_keeps_a_key_of_which_only_deadlines_are_left() {
    for_all(CASES, |rng| {
        let world = World::run(rng, expiring, false);
        let Copy { record, .. } = rng.pick(&world.past);
        let only_deadlines = record.elements().all(|element| element.part == Part::Deadline);
        if only_deadlines && !record.cells.is_empty() {
            assert!(record.min_deadline_ms().is_some(), "the sweep will come for it");
        }
        assert_eq!(oracle::flat(record).is_empty(), record.cells.is_empty());
    });
}
