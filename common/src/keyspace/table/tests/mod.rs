//! The table against a plain map, and its walk against what it promises SCAN.

mod entry;
mod speed;

use super::*;
use crate::clock::Hlc;
use crate::random::Random;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};

fn spread(key: &[u8], db: u8, skew: u32) -> Located {
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(key, u64::from(db));
    // Skewed: all keys share their first bits, as one hash tag would make them.
    Located { partition: 0, order: hash >> skew, hash }
}

fn located(skew: u32) -> impl Fn(&Entry) -> Located {
    move |entry: &Entry| spread(entry.key(), entry.db(), skew)
}

fn entry(db: u8, key: &[u8], value: &[u8], hlc: u64) -> Entry {
    let hlc = Hlc(hlc);
    Entry::new(
        Draft {
            db,
            key,
            actor: 0,
            hlc,
            base_hlc: hlc,
            deadline: None,
            payload: NewPayload::Inline(value),
        },
        0,
    )
}

fn inline(entry: &Entry) -> Vec<u8> {
    match entry.payload() {
        Payload::Inline(bytes) => bytes.to_vec(),
        other => panic!("expected an inline value, found {other:?}"),
    }
}

/// Random inserts, overwrites, removals and look-ups; the table must answer as a map does.
fn behaves_as_a_map(seed: u64, operations: usize, keys: usize, skew: u32) {
    let mut random = Random::new(seed);
    let mut table = Table::default();
    let mut model: HashMap<(u8, Vec<u8>), Vec<u8>> = HashMap::new();
    let locate = located(skew);
    for step in 0..operations {
        let db = random.below(2) as u8;
        let key = format!("key:{}", random.below(keys)).into_bytes();
        let at = spread(&key, db, skew);
        let spot = table.find(&at, db, &key);
        assert_eq!(spot.is_some(), model.contains_key(&(db, key.clone())), "seed {seed}, {step}");
        // Phases of growth and of shrinking, so that splits and merges both happen.
        let grow = step / 2000 % 2 == 0;
        if random.below(10) < if grow { 8 } else { 2 } {
            let value = vec![b'v'; random.below(40)];
            match spot {
                Some(spot) if table.get_mut(spot).overwrite_inline(&value, 0, Hlc(step as u64)) => {
                }
                Some(spot) => drop(table.replace(spot, entry(db, &key, &value, step as u64))),
                None => table.insert(&at, entry(db, &key, &value, step as u64), &locate),
            }
            model.insert((db, key), value);
        } else if let Some(spot) = spot {
            assert_eq!(inline(table.get(spot)), model[&(db, key.clone())], "seed {seed}, {step}");
            table.remove(spot, &locate);
            model.remove(&(db, key));
        }
        if random.below(1500) == 0 {
            let of_db = |name: &(u8, Vec<u8>)| name.0 == db;
            let walked = table.database(db).count();
            assert_eq!(walked, model.keys().filter(|name| of_db(name)).count());
            assert_eq!(table.is_all_of(db), model.keys().all(of_db));
            let gone = table.take_database(db, &locate);
            assert_eq!(gone.len(), walked);
            assert!(gone.iter().all(|entry| model.contains_key(&(db, entry.key().to_vec()))));
            model.retain(|name, _| !of_db(name));
            assert!(table.is_all_of(1 - db));
        }
        assert_eq!(table.len(), model.len());
    }
    let mut all: Vec<_> = table.iter().map(|e| (e.db(), e.key().to_vec())).collect();
    let mut wanted: Vec<_> = model.into_keys().collect();
    all.sort();
    wanted.sort();
    assert_eq!(all, wanted, "seed {seed}");
}

#[test]
fn a_table_behaves_as_a_map() {
    let (seeds, operations) = if cfg!(miri) { (1, 3_000) } else { (12, 12_000) };
    for seed in 0..seeds {
        behaves_as_a_map(seed, operations, 4_000, 0);
        behaves_as_a_map(seed, operations, 4_000, 12);
        behaves_as_a_map(seed, operations, 20, 60);
    }
}

#[test]
fn keys_that_share_every_order_bit_still_fit() {
    behaves_as_a_map(5, if cfg!(miri) { 2_000 } else { 20_000 }, 3_000, 63);
}

#[test]
fn a_walk_visits_every_key_once_and_in_order_of_segments() {
    let mut table = Table::default();
    let locate = located(0);
    for i in 0..20_000u32 {
        let key = i.to_be_bytes();
        table.insert(&spread(&key, 0, 0), entry(0, &key, b"x", 1), &locate);
    }
    let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let (mut at, mut last) = (Some(0), 0);
    while let Some(order) = at {
        let (entries, next) = table.segment_at(order);
        for entry in entries {
            let place = locate(entry).order;
            assert!(place >= order && next.is_none_or(|n| place < n));
            *seen.entry(entry.key().to_vec()).or_default() += 1;
        }
        assert!(next.is_none_or(|n| n > last));
        last = next.unwrap_or(last);
        at = next;
    }
    assert_eq!(seen.len(), 20_000);
    assert!(seen.values().all(|&n| n == 1));
}

#[test]
fn an_emptied_table_gives_its_memory_back() {
    let mut table = Table::default();
    let locate = located(0);
    let keys: Vec<[u8; 4]> = (0..50_000u32).map(u32::to_be_bytes).collect();
    for key in &keys {
        table.insert(&spread(key, 0, 0), entry(0, key, b"x", 1), &locate);
    }
    let full = table.overhead_bytes();
    for key in &keys {
        let spot = table.find(&spread(key, 0, 0), 0, key).expect("it was inserted");
        table.remove(spot, &locate);
    }
    assert!(table.is_empty());
    let empty = table.overhead_bytes();
    assert!(empty * 50 < full, "{empty} bytes are left of {full}");
}

#[test]
fn a_growing_table_spends_few_bytes_a_key() {
    let mut table = Table::default();
    let locate = located(0);
    let (mut sum, mut samples) = (0.0, 0.0);
    for i in 0..120_000u32 {
        let key = i.to_be_bytes();
        table.insert(&spread(&key, 0, 0), entry(0, &key, b"x", 1), &locate);
        // Over one doubling, because the load of a table swings with its size.
        if i >= 60_000 && i % 2_000 == 0 {
            sum += table.overhead_bytes() as f64 / f64::from(i + 1);
            samples += 1.0;
        }
    }
    let mean = sum / samples;
    assert!(mean < 18.0, "{mean} bytes a key");
}

#[test]
fn an_entry_keeps_every_field_at_every_length() {
    let lengths: &[usize] =
        if cfg!(miri) { &[0, 1, 127, 128] } else { &[0, 1, 127, 128, 300, 4096] };
    for &key_len in lengths {
        for &value_len in lengths {
            for (db, base, deadline, actor) in [
                (0u8, 9u64, None, 0u16),
                (3, 9, Some((77, Hlc(9))), 1),
                (255, 5, Some((u64::MAX - 1, Hlc(5))), 127),
                (0, 5, Some((1, Hlc(7))), 128),
                (1, 5, None, u16::MAX),
            ] {
                let key = vec![b'k'; key_len];
                let value = vec![b'v'; value_len];
                let draft = Draft {
                    db,
                    key: &key,
                    actor,
                    hlc: Hlc(9),
                    base_hlc: Hlc(base),
                    deadline,
                    payload: NewPayload::Inline(&value),
                };
                let mut entry = Entry::new(draft, 0xabcdef);
                assert!(entry.is(db, &key));
                assert_eq!((entry.db(), entry.actor(), entry.hlc()), (db, actor, Hlc(9)));
                assert_eq!(entry.dots(), (Hlc(base), deadline.map(|d| d.1)));
                assert_eq!(entry.deadline_ms(), deadline.map(|d| d.0));
                assert_eq!((entry.key(), inline(&entry)), (&key[..], value.clone()));
                assert_eq!(entry.lru(), 0xabcdef);
                entry.touch(0x123456);
                assert_eq!((entry.lru(), inline(&entry)), (0x123456, value));
            }
        }
    }
}

#[test]
fn owned_payloads_are_dropped_once() {
    let shared = Bytes::from(vec![7u8; 10_000]);
    let draft = |payload| Draft {
        db: 0,
        key: b"k",
        actor: 0,
        hlc: Hlc(1),
        base_hlc: Hlc(1),
        deadline: None,
        payload,
    };
    let entry = Entry::new(draft(NewPayload::Shared(shared.clone())), 0);
    let Payload::Shared(inside) = entry.payload() else { panic!("a shared value") };
    let reader = inside.clone();
    drop(entry);
    assert_eq!(reader, shared, "a reader keeps the value past the entry");
    let counter = Counter { base: Some(-5), sum: i64::MAX, since: Hlc::ZERO, last: Hlc(1) };
    let entry = Entry::new(draft(NewPayload::Counter(counter)), 0);
    assert!(matches!(entry.payload(), Payload::Counter(c) if c == counter));
    let record = Box::new(crate::causal::Record::default());
    let entry = Entry::new(draft(NewPayload::Record(record)), 0);
    assert!(matches!(entry.payload(), Payload::Record(r) if r.cells.is_empty()));
    assert!(entry.is_tombstone(), "without cells it is one");
    assert!(Entry::new(draft(NewPayload::Tombstone), 0).is_tombstone());
}

#[test]
fn every_entry_has_the_same_chance_however_full_its_segment_is() {
    let mut table = Table::default();
    let locate = located(0);
    let low = |key: &[u8]| spread(key, 0, 0).order >> 63 == 0;
    let mut kept = [0u32; 2];
    for i in 0..3_000u32 {
        let key = i.to_be_bytes();
        table.insert(&spread(&key, 0, 0), entry(0, &key, b"x", 1), &locate);
    }
    for i in 0..3_000u32 {
        let key = i.to_be_bytes();
        if low(&key) && i % 16 != 0 {
            let spot = table.find(&spread(&key, 0, 0), 0, &key).expect("it was inserted");
            table.remove(spot, &locate);
        } else {
            kept[usize::from(low(&key))] += 1;
        }
    }
    let (mut random, mut drawn) = (Random::new(1), [0u32; 2]);
    for _ in 0..if cfg!(miri) { 200 } else { 20_000 } {
        let entry = table.random_entry(|| random.word()).expect("the table is not that empty");
        drawn[usize::from(low(entry.key()))] += 1;
    }
    let share = |pair: [u32; 2]| f64::from(pair[1]) / f64::from(pair[0] + pair[1]);
    let (drawn, kept) = (share(drawn), share(kept));
    assert!((drawn / kept - 1.0).abs() < 0.15, "{drawn} are drawn where {kept} are");
}
