//! Tombstones go, and nothing that they killed comes back; contexts go, and records pack again.

use super::twin::{Name, SEED, START_MS, Twin};
use crate::causal::{Applied, Change, Context, Delta, Floor, Horizon};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::keyspace::table::Payload;
use crate::keyspace::{Counts, Txn};
use crate::placement::slot::Slot;

fn name() -> Name {
    (0, b"k".to_vec())
}

fn owners() -> [Twin; 2] {
    [1, 2].map(|actor| Twin::new(actor, false, true))
}

fn set(twin: &mut Twin, value: &'static str) -> Delta {
    let change = Change::Replace { value: value.into(), deadline_ms: None };
    let run = |txn: &mut Txn<'_, '_>| txn.change(b"k", change.clone());
    twin.change(&name(), |_, _, _| change.clone(), run)
}

fn settle(twins: &mut [Twin]) {
    let slot = Slot::of(b"k");
    let mut floor = Floor::new();
    for twin in twins.iter_mut() {
        floor.merge(&twin.report(slot));
    }
    twins.iter_mut().for_each(|twin| twin.raise_floor(slot, &floor));
}

#[test]
fn what_a_dropped_tombstone_killed_stays_dead() {
    let [mut a, mut b] = owners();
    let put = set(&mut a, "value");
    let gone = a.delete(&name()).expect("it was there");
    assert_eq!(b.apply(&name(), &put), Applied::Applied);
    let stale = b.stored(&name());
    assert_eq!(b.apply(&name(), &gone), Applied::Applied);
    let mut both = [a, b];
    settle(&mut both);
    for twin in &mut both {
        assert_eq!(twin.stored(&name()).0, None, "the tombstone is dropped");
        assert_eq!(twin.apply(&name(), &put), Applied::Covered);
        twin.join(&name(), &stale.0.clone().expect("it was stored"), &stale.1);
        assert_eq!(twin.stored(&name()).0, None, "an old copy brings nothing back");
    }
}

#[test]
fn the_tombstone_of_two_writers_is_no_key() {
    let [mut a, mut b] = owners();
    let put = set(&mut a, "value");
    b.apply(&name(), &put);
    b.delete(&name());
    assert_eq!(b.space.counts(0), Counts::default());
    assert_eq!(b.delete(&name()), None, "there is nothing to delete twice");
    b.check_all();
}

#[test]
fn a_record_packs_again_once_its_past_is_settled() {
    let [mut a, mut b] = owners();
    let first = set(&mut a, "first");
    b.apply(&name(), &first);
    let second = set(&mut b, "second");
    a.apply(&name(), &second);
    let boxed = |twin: &Twin| {
        let at = SEED.locate(0, b"k");
        let mut locks = twin.space.lock_one(at.partition);
        let table = locks.partition(at.partition).table();
        let spot = table.find(&at, 0, b"k").expect("it is there");
        matches!(table.get(spot).payload(), Payload::Record(_))
    };
    let mut both = [a, b];
    assert!(both.iter().all(boxed), "two actors are in its context");
    settle(&mut both);
    assert!(!both.iter().any(boxed));
    let third = set(&mut both[0], "third");
    assert!(third.base.is_empty(), "the floor says it all");
    assert_eq!(both[1].apply(&name(), &third), Applied::Applied);
    assert!(!both.iter().any(boxed));
}

#[test]
fn a_floor_that_comes_with_a_record_is_below_the_next_mint() {
    let [mut a, b] = owners();
    let late = Dot { hlc: Hlc::new(START_MS + 9_000, 0), actor: Actor(7) };
    let floor = Floor::from(Context::single(late));
    let horizon = Horizon { floor: floor.clone(), cut: Hlc::new(START_MS + 8_000, 0) };
    let (record, _) = b.stored(&name());
    a.join(&name(), &record.unwrap_or_default(), &horizon);
    assert!(set(&mut a, "value").dot.hlc > late.hlc);
    let [mut a, _] = owners();
    a.raise_floor(Slot::of(b"k"), &floor);
    assert!(set(&mut a, "value").dot.hlc > late.hlc);
}

#[test]
fn a_flush_of_nothing_still_kills_what_others_hold() {
    let [mut a, mut b] = owners();
    set(&mut b, "written before, heard of never");
    a.now.wall_ms += 1;
    let cuts = a.flush(0);
    assert_eq!(cuts.len(), 256, "an empty partition is cut too");
    for (partition, cut) in cuts {
        b.cut(partition, 0, cut);
    }
    assert_eq!(b.stored(&name()).0, None);
    set(&mut b, "after");
    assert!(b.stored(&name()).0.is_some());
}
