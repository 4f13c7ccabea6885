//! The digests that are kept are those of what lives and what was seen: after every kind of change
//! they are what a walk over plain records makes, and two owners' are equal exactly where they hold and
//! know the same.

use super::twin::{Name, SEED, START_MS, Twin};
use crate::causal::{BaseId, Change, Context, Element, Floor, Kind, Part, Path, Record};
use crate::clock::{Hlc, Now};
use crate::id::{Actor, Dot};
use crate::keyspace::table::{Entry, Payload};
use crate::keyspace::{Effects, Keyspace, Options, PARTITIONS, PartitionSet, Ttl, Txn};
use crate::merkle::{KEY_BYTES_MAX, KeyName, KeyRef, Leaf, Leaves, Page};
use crate::placement::slot::Slot;
use crate::random::Random;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

const NOW: Now = Now { wall_ms: START_MS, mono_us: 0 };

/// The leaves of plain records, element by element.
fn from_scratch<'a>(
    records: impl Iterator<Item = (&'a Name, &'a Record)>,
) -> BTreeMap<u16, Leaves> {
    let mut all: BTreeMap<u16, Leaves> = BTreeMap::new();
    for (name, record) in records {
        let at = SEED.locate(name.0, &name.1);
        let cells = record.cell_digests(SEED.digests()).map(|cell| cell.digest);
        let seen = record.context.iter().map(|dot| SEED.digests().seen(dot));
        let weight = SEED.digests().of_key(at.hash, cells.chain(seen).fold(0, u64::wrapping_add));
        let leaf = Leaf::new((at.hash >> 60) as u8).expect("four bits");
        let leaves = all.entry(Slot::of(&name.1).number()).or_default();
        leaves.change(leaf, 0, weight);
    }
    all.retain(|_, leaves| *leaves != Leaves::default());
    all
}

/// What the keyspace keeps, of slots where something lives.
fn kept(space: &Keyspace) -> BTreeMap<u16, Leaves> {
    let mut locks = space.lock(&PartitionSet::ALL);
    let slots = (0..16_384).filter_map(Slot::new);
    let leaves = slots.map(|slot| (slot.number(), locks.of_slot(slot).leaves(slot)));
    leaves.filter(|(_, leaves)| *leaves != Leaves::default()).collect()
}

fn leaves(space: &Keyspace, slot: u16) -> Leaves {
    let slot = Slot::new(slot).expect("it is one");
    space.lock_one(partition_of_slot(slot)).of_slot(slot).leaves(slot)
}

fn partition_of_slot(slot: Slot) -> u8 {
    (usize::from(slot.number()) % PARTITIONS) as u8
}

impl Twin {
    /// The digests of one key's slot are those of the plain records.
    pub fn check_slot_digest(&self, slot: Slot) {
        let there = self.model.records.iter().filter(|(name, _)| Slot::of(&name.1) == slot);
        let wanted = from_scratch(there).remove(&slot.number()).unwrap_or_default();
        assert_eq!(leaves(&self.space, slot.number()), wanted, "the digests of {slot:?}");
    }

    /// Those of all slots, and what they are made of.
    pub fn check_digests(&self) {
        assert_eq!(kept(&self.space), from_scratch(self.model.records.iter()));
        let mut locks = self.space.lock(&PartitionSet::ALL);
        for number in 0..=u8::MAX {
            for entry in locks.partition(number).table().iter() {
                if let Payload::Record(record) = entry.payload() {
                    assert!(record.cells.keeps_digest(SEED.digests()), "{entry:?}");
                }
            }
        }
    }

    /// What lives and was seen, by slot.
    fn held(&self) -> BTreeMap<u16, BTreeMap<&Name, (Vec<Element>, Context)>> {
        let mut all: BTreeMap<u16, BTreeMap<_, _>> = BTreeMap::new();
        for (name, record) in &self.model.records {
            let held = (record.elements().collect(), record.context.clone());
            all.entry(Slot::of(&name.1).number()).or_default().insert(name, held);
        }
        all
    }
}

/// Digests agree exactly where elements and contexts do.
pub fn check_pair(one: &Twin, other: &Twin) {
    let held = [one, other].map(Twin::held);
    let slots: BTreeSet<&u16> = held.iter().flat_map(BTreeMap::keys).collect();
    for slot in slots {
        let same = held[0].get(slot) == held[1].get(slot);
        let [mine, theirs] = [one, other].map(|twin| leaves(&twin.space, *slot));
        assert_eq!(mine == theirs, same, "slot {slot}: {held:?}");
        assert_eq!(mine.digest() == theirs.digest(), same);
    }
}

/// A space of an owner with such keys, each a SET with its own dot.
fn filled(actor: u64, keys: &[Vec<u8>]) -> Keyspace {
    let (actor, databases) = (Actor(actor), 4);
    let options = Options {
        seed: SEED,
        actor,
        databases,
        lone: false,
        deltas: false,
        events: false,
        digests: true,
    };
    let space = Keyspace::new(options);
    run(&space, |txn| keys.iter().for_each(|key| txn.set(key, b"value", Ttl::Clear)));
    space
}

fn run(space: &Keyspace, run: impl FnOnce(&mut Txn<'_, '_>)) {
    let mut effects = Effects::new(space.interest());
    let mut locks = space.lock(&PartitionSet::ALL);
    run(&mut Txn::new(&mut locks, &mut effects, NOW, 0, 1));
}

/// So many keys of one slot, some of them long.
fn keys(number: usize) -> Vec<Vec<u8>> {
    let long = |n: usize| "x".repeat(if n.is_multiple_of(7) { KEY_BYTES_MAX } else { n % 30 });
    (0..number).map(|n| format!("{{t}}{n}{}", long(n)).into_bytes()).collect()
}

fn walk(space: &Keyspace) -> Vec<(Name, Record)> {
    let mut locks = space.lock(&PartitionSet::ALL);
    let mut all = Vec::new();
    for number in 0..=u8::MAX {
        let partition = locks.partition(number);
        let names = partition.table().iter().map(|entry| (entry.db(), entry.key().to_vec()));
        all.extend(names.map(|name| {
            let record = partition.record(&SEED.locate(name.0, &name.1), name.0, &name.1);
            (name, record.expect("it is in the table"))
        }));
    }
    all
}

fn check_against_a_walk(space: &Keyspace) {
    let records = walk(space);
    assert_eq!(kept(space), from_scratch(records.iter().map(|(name, record)| (name, record))));
}

#[test]
fn splits_and_merges_of_the_table_leave_digests_as_they_are() {
    let number = if cfg!(miri) { 200 } else { 6_000 };
    let mut keys: Vec<Vec<u8>> = (0..number).map(|n| format!("{}", n).into_bytes()).collect();
    keys.extend(self::keys(number));
    let space = filled(1, &keys);
    check_against_a_walk(&space);
    Random::new(3).shuffle(&mut keys);
    for some in keys.chunks(keys.len() / 4 + 1) {
        run(&space, |txn| {
            for key in some {
                assert!(txn.delete(key));
            }
        });
        check_against_a_walk(&space);
    }
    assert_ne!(kept(&space), BTreeMap::new(), "tombstones weigh until they are settled");
    settle(&space, 1);
    assert_eq!(kept(&space), BTreeMap::new());
}

/// Settles all that was written in all slots.
fn settle(space: &Keyspace, actor: u64) {
    let mut locks = space.lock(&PartitionSet::ALL);
    for slot in (0..16_384).filter_map(Slot::new) {
        let partition = locks.of_slot(slot);
        let dot = Dot { hlc: partition.clock(), actor: Actor(actor) };
        partition.raise_floor(slot.into(), &Floor::from(Context::single(dot)));
    }
}

#[test]
fn a_floor_takes_what_it_settles_out_of_the_digests_and_leaves_what_lives() {
    let (space, other) = (filled(1, &keys(600)), filled(2, &keys(600)));
    run(&space, |txn| keys(600)[..300].iter().for_each(|key| assert!(txn.delete(key))));
    let before = kept(&space);
    settle(&space, 1);
    assert_ne!(kept(&space), before);
    check_against_a_walk(&space);
    let settled = kept(&space);
    settle(&space, 1);
    assert_eq!(kept(&space), settled);
    settle(&other, 1);
    check_against_a_walk(&other);
}

#[test]
fn a_flush_takes_its_database_out_of_the_digests_and_no_other() {
    let space = filled(1, &keys(500));
    run(&space, |txn| {
        txn.db = 2;
        (0..500).for_each(|n| txn.set(format!("{n}").as_bytes(), b"v", Ttl::Clear));
        txn.change(b"{t}many", Change::Cells { kind: Kind::Set, put: members(50), remove: vec![] });
    });
    check_against_a_walk(&space);
    run(&space, |txn| txn.flush());
    assert!(walk(&space).iter().all(|(name, _)| name.0 == 2));
    check_against_a_walk(&space);
    run(&space, |txn| txn.flush_all());
    assert_eq!(kept(&space), BTreeMap::new());
}

fn members(number: usize) -> Vec<(Path, Bytes)> {
    let member = |n| Path::Member(Bytes::from(format!("{n}")));
    (0..number).map(|n| (member(n), Bytes::new())).collect()
}

#[test]
fn every_part_of_an_elements_name_is_in_its_digest() {
    let seed = SEED.digests();
    let dot = |hlc, actor| Dot { hlc: Hlc(hlc), actor: Actor(actor) };
    let name = || Bytes::from_static(b"n");
    let put = |path: Path, dot: Dot| {
        let mut record = Record::default();
        let kind = path.kind().expect("a cell");
        let put = vec![(path, Bytes::new())];
        let change = Change::Cells { kind, put, remove: Vec::new() };
        let delta = record.plan(change, dot, &Default::default(), 0);
        record.apply(&delta, &Default::default());
        record
    };
    let count = |base: Option<Dot>, dot: Dot| {
        let mut record = Record::default();
        let path = Path::Text;
        for (change, dot) in [
            base.map(|dot| (Change::Replace { value: name(), deadline_ms: Some(9) }, dot)),
            Some((Change::Increment { path, by: 1 }, dot)),
        ]
        .into_iter()
        .flatten()
        {
            let delta = record.plan(change, dot, &Default::default(), 0);
            record.apply(&delta, &Default::default());
        }
        record
    };
    let records = [
        put(Path::Field(name()), dot(1, 1)),
        put(Path::Member(name()), dot(1, 1)),
        put(Path::Scored(name()), dot(1, 1)),
        put(Path::Field(Bytes::from_static(b"m")), dot(1, 1)),
        put(Path::Field(name()), dot(2, 1)),
        put(Path::Field(name()), dot(1, 2)),
        count(None, dot(3, 1)),
        count(None, dot(4, 1)),
        count(Some(dot(1, 1)), dot(3, 1)),
        count(Some(dot(2, 1)), dot(3, 1)),
        count(Some(dot(1, 1)), dot(4, 1)),
    ];
    let digests: BTreeSet<u64> = records.iter().map(|record| record.digest(seed)).collect();
    assert_eq!(digests.len(), records.len());
    let elements: BTreeSet<Element> = records.iter().flat_map(Record::elements).collect();
    assert!(elements.len() >= records.len());
    let bases = [BaseId::Bottom, BaseId::Value(dot(1, 1)), BaseId::Value(dot(1, 2))];
    let parts = [Part::Increment, Part::Deadline];
    let hashes = bases.map(|base| parts.map(|part| seed.text_element(base, part, dot(3, 1))));
    let hashes: BTreeSet<u64> = hashes.into_iter().flatten().collect();
    assert_eq!(hashes.len(), 6, "one event on several siblings, and two parts of one");
    let other = crate::keyspace::HashSeed(12).digests();
    assert!(records.iter().all(|r| r.digest(seed) != r.digest(other)), "the seed is in it");
}

#[test]
fn two_keys_that_swap_their_records_have_another_digest() {
    let seed = SEED.digests();
    let swapped = |a, b| seed.of_key(a, 1).wrapping_add(seed.of_key(b, 2));
    assert_ne!(swapped(7, 8), swapped(8, 7));
    let text = |hlc| {
        let dot = Dot { hlc: Hlc(hlc), actor: Actor(1) };
        seed.text_element(BaseId::Value(dot), Part::Base, dot)
    };
    // Neighbouring clocks: sums of other pairs would agree if the hash were linear in them.
    let sums: BTreeSet<u64> =
        (0..100).flat_map(|a| (0..a).map(move |b| text(a).wrapping_add(text(b)))).collect();
    assert_eq!(sums.len(), 100 * 99 / 2);
}

fn page(space: &Keyspace, slot: Slot, leaf: Leaf, from: u64, looks_max: usize) -> Page {
    space.lock_one(partition_of_slot(slot)).of_slot(slot).leaf_keys(slot, leaf, from, looks_max)
}

#[test]
fn the_pages_of_all_leaves_name_every_key_once_until_it_is_deleted_and_settled() {
    // More than a segment of the table holds in each leaf.
    let mut keys = keys(if cfg!(miri) { 100 } else { 16_000 });
    let space = filled(1, &keys);
    let dead = keys.split_off(keys.len() / 2);
    run(&space, |txn| dead.iter().for_each(|key| assert!(txn.delete(key))));
    let slot = Slot::of(b"t");
    let mut left: BTreeSet<Vec<u8>> = keys.iter().chain(&dead).cloned().collect();
    for looks_max in [1, 7, 100_000] {
        let mut named = BTreeSet::new();
        for leaf in Leaf::all() {
            let (mut from, mut sum) = (Some(0), 0u64);
            while let Some(start) = from {
                let page = page(&space, slot, leaf, start, looks_max);
                assert!(page.keys.len() <= looks_max && page.keys.is_sorted());
                let mut locks = space.lock_one(partition_of_slot(slot));
                for (key, digest) in &page.keys {
                    let found = locks.of_slot(slot).key_named(key).expect("it is there");
                    assert_eq!(matches!(key.name, KeyName::Whole(_)), found.len() <= KEY_BYTES_MAX);
                    let at = SEED.locate(0, found);
                    sum = sum.wrapping_add(SEED.digests().of_key(at.hash, *digest));
                    assert_eq!(at.order, key.order);
                    assert!(named.insert(found.to_vec()), "each once");
                }
                assert!(page.next.is_none_or(|next| next > start), "a walk comes to its end");
                from = page.next;
            }
            assert_eq!(sum, kept(&space)[&slot.number()].sums()[usize::from(leaf.number())]);
        }
        assert!(named == left);
        settle(&space, 1);
        left = keys.iter().cloned().collect();
    }
}

#[test]
fn an_exchange_finds_the_keys_that_differ_and_no_others() {
    let keys = keys(if cfg!(miri) { 100 } else { 1_500 });
    let (mine, theirs) = (filled(1, &keys), filled(1, &keys));
    assert_eq!(kept(&mine), kept(&theirs));
    let (changed, gone, fresh) = (&keys[3], &keys[14], b"{t}only there".to_vec());
    run(&theirs, |txn| {
        txn.set(changed, b"value", Ttl::Clear);
        txn.delete(gone);
        txn.set(&fresh, b"value", Ttl::Clear);
    });
    let slot = Slot::of(b"t");
    let [a, b] = [&mine, &theirs].map(|space| kept(space)[&slot.number()]);
    assert_ne!(a.digest(), b.digest());
    let mut found: Vec<KeyRef> = Vec::new();
    for leaf in a.differing(&b) {
        let mut from = Some(0);
        while let Some(start) = from {
            let own = page(&mine, slot, leaf, start, 50);
            let (keys, next) = own.differing(&page(&theirs, slot, leaf, start, 20));
            found.extend(keys);
            from = next;
        }
    }
    let mut wanted = [changed, gone, &fresh].map(|key| SEED.locate(0, key).order);
    wanted.sort_unstable();
    found.sort();
    assert_eq!(found.iter().map(|key| key.order).collect::<Vec<_>>(), wanted);
    let mut locks = theirs.lock(&PartitionSet::ALL);
    let name = |key: &KeyRef| locks.of_slot(slot).key_named(key).map(<[u8]>::to_vec);
    let names: BTreeSet<Vec<u8>> = found.iter().filter_map(name).collect();
    assert!([changed, gone, &fresh].into_iter().all(|key| names.contains(key)));
}

#[test]
fn a_record_is_compared_by_ranges_of_its_cells() {
    let seed = SEED.digests();
    let dot = Dot { hlc: Hlc(5), actor: Actor(1) };
    let mut record = Record::default();
    let change = Change::Cells { kind: Kind::Set, put: members(300), remove: Vec::new() };
    let delta = record.plan(change, dot, &Default::default(), 0);
    record.apply(&delta, &Default::default());
    let cells: Vec<_> = record.cell_digests(seed).collect();
    let sum = cells.iter().fold(0u64, |sum, cell| sum.wrapping_add(cell.digest));
    assert_eq!(sum.wrapping_add(seed.seen(dot)), record.digest(seed));
    let quarters = cells.iter().fold([0; 4], |mut quarters, cell| {
        quarters[(cell.place >> 62) as usize] += 1;
        quarters
    });
    assert!(quarters.iter().all(|n| (40..120).contains(n)), "{quarters:?}");
}

#[test]
fn a_large_record_keeps_its_digest_however_it_came() {
    let keeps = |space: &Keyspace| {
        let at = SEED.locate(0, b"k");
        let mut locks = space.lock_one(at.partition);
        let table = locks.partition(at.partition).table();
        let entry: &Entry = table.get(table.find(&at, 0, b"k").expect("it is there"));
        matches!(entry.payload(), Payload::Record(r) if r.cells.keeps_digest(SEED.digests()))
    };
    let put = || Change::Cells { kind: Kind::Set, put: members(200), remove: Vec::new() };
    let space = filled(1, &[b"k".to_vec()]);
    run(&space, |txn| {
        txn.change(b"k", Change::Clear);
        txn.change(b"k", put());
    });
    assert!(keeps(&space), "written whole");
    let record = walk(&space).remove(0).1;
    let other = filled(2, &[]);
    let at = SEED.locate(0, b"k");
    let mut locks = other.lock_one(at.partition);
    let mut effects = Effects::default();
    let mut pass = crate::keyspace::Pass {
        db: 0,
        now: NOW,
        lru: 0,
        effects: &mut effects,
        source: crate::keyspace::Source::Fleeting,
        expires: false,
    };
    let partition = locks.partition(at.partition);
    partition.join(&at, b"k", &record, &Default::default(), &mut pass);
    drop(locks);
    assert!(keeps(&other), "joined");
    assert_eq!(kept(&space), kept(&other));
    run(&other, |txn| {
        assert!(txn.delete(b"k"));
        txn.change(b"k", put());
    });
    assert!(keeps(&other), "in the place of a tombstone of two actors");
    check_against_a_walk(&other);
    run(&space, |txn| {
        txn.set(b"k", b"replaces all", Ttl::Clear);
        txn.change(b"k", Change::Clear);
        txn.change(b"k", put());
    });
    check_against_a_walk(&space);
}
