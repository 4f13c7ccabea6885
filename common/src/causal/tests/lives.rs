//! One life of a key and the next: what a write leaves alone, what expired before it, and that one
//! history of many actors, each of which has seen all before it, is what Redis does.

use super::CASES;
use super::deadlines::has_expired;
use super::world::{Copy, World, everything, expiring, strings};
use crate::causal::{Change, Kind, Path, Record};
use crate::random::Random;
use crate::testing::{Case, for_all};
use bytes::Bytes;

/// What a client can see, deadlines aside.
fn looks(record: &Record, now_ms: u64) -> (Option<Kind>, Vec<(Path, Bytes)>) {
    let kind = record.kind(now_ms);
    let cells = record.cells.keys().filter(|path| kind.is_some() && path.kind() == kind);
    let shown = cells
        .filter_map(|path| Some((path.clone(), record.shown(path, now_ms)?.value().to_bytes())));
    (kind, shown.collect())
}

fn name(rng: &mut Random) -> Bytes {
    Bytes::from_static([&b"a"[..], b"b", b"c"][rng.below(3)])
}

/// What the next life of a key is made of.
type Life = fn(&mut Random) -> Change;

fn count(_: &mut Random) -> Change {
    Change::Increment { path: Path::Text, by: 3 }
}

fn add(rng: &mut Random) -> Change {
    let put = vec![(Path::Member(name(rng)), Bytes::new())];
    Change::Cells { kind: Kind::Set, put, remove: Vec::new() }
}

fn put(rng: &mut Random) -> Change {
    let put = vec![(Path::Field(name(rng)), "7".into())];
    Change::Cells { kind: Kind::Hash, put, remove: Vec::new() }
}

fn count_field(rng: &mut Random) -> Change {
    Change::Increment { path: Path::Field(name(rng)), by: 3 }
}

/// Whatever a copy of which all has expired writes next: joined with any other copy of which all has
/// expired it shows the same.
fn next_life(rng: &mut Case, life: Life) {
    let menu = if rng.chance(60) { expiring } else { everything };
    let mut world = World::run(rng, menu, false);
    let clocks = world.nodes.iter().map(|n| n.clock.max(n.copy.record.context.highest()).wall_ms());
    world.now_ms = clocks.fold(world.now_ms, u64::max) + 40;
    let now_ms = world.now_ms;
    let gone = |copy: &Copy| has_expired(&world.history, copy, now_ms);
    let expired: Vec<Copy> = world.past.iter().filter(|copy| gone(copy)).cloned().collect();
    let at = rng.below(world.nodes.len());
    if !gone(&world.nodes[at].copy) {
        return;
    }
    world.nodes[at].skew_ms = 0;
    for _ in 0..1 + rng.below(4) {
        let change = match rng.chance(75) {
            true => life(rng),
            false => Change::Deadline(Some(world.now_ms + 500 + rng.below(30) as u64)),
        };
        world.now_ms += 1;
        world.write_this(at, change);
    }
    let now_ms = world.now_ms + 1;
    let alone = world.nodes[at].copy.clone();
    let mut joined = alone.clone();
    joined.join(rng.pick(&expired));
    assert_eq!(looks(&alone.record, now_ms), looks(&joined.record, now_ms));
}

#[test]
fn what_expired_is_no_part_of_the_next_counter() {
    for_all(CASES, |rng| next_life(rng, count));
}

#[test]
fn what_expired_is_no_part_of_the_next_set() {
    for_all(CASES, |rng| next_life(rng, add));
}

#[test]
fn what_expired_is_no_part_of_the_next_hash() {
    for_all(CASES, |rng| next_life(rng, put));
}

#[test]
fn what_expired_is_no_part_of_the_next_hash_of_counters() {
    for_all(CASES, |rng| next_life(rng, count_field));
}

#[test]
fn a_write_changes_nothing_that_it_does_not_name() {
    for_all(CASES, |rng| {
        let menu = *rng.pick(&[expiring, strings, everything]);
        let mut world = World::run(rng, menu, false);
        let at = rng.below(world.nodes.len());
        if rng.chance(50) {
            let old = rng.pick(&world.past).clone();
            world.join(at, &old);
        }
        let node = &world.nodes[at];
        let seen = node.clock.max(node.copy.record.context.highest());
        world.now_ms = world.now_ms.max(seen.wall_ms() + 1);
        let now_ms = world.now_ms + node.skew_ms;
        let before = looks(&node.copy.record, now_ms);
        let event = world.write(rng, at);
        let after = looks(&world.nodes[at].copy.record, now_ms);
        let names = |path: &Path| match &world.changes[event] {
            Change::Replace { .. } | Change::Keep { .. } | Change::Clear => true,
            Change::Increment { path: named, .. } => named == path,
            Change::Cells { put, remove, .. } => {
                put.iter().any(|(named, _)| named == path) || remove.contains(path)
            }
            Change::Deadline(at_ms) => at_ms.is_some_and(|at_ms| at_ms <= now_ms),
            Change::FieldDeadline { paths, deadline_ms } => {
                paths.contains(path) && deadline_ms.is_some_and(|at_ms| at_ms <= now_ms)
            }
            Change::Expire => false,
        };
        // Another type replaces what was there.
        if before.0 == after.0 || before.0.is_none() {
            let unnamed = |looks: &(Option<Kind>, Vec<(Path, Bytes)>)| {
                looks.1.iter().filter(|(path, _)| !names(path)).cloned().collect::<Vec<_>>()
            };
            assert_eq!(unnamed(&before), unnamed(&after), "{:?}", world.changes[event]);
        }
    });
}
