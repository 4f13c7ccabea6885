//! A packed entry is the record that it stands for, and what does not pack is kept whole.

use super::twin::SEED;
use crate::causal::{
    Base, BaseId, Cells, Context, Deadline, Horizon, Increment, NEVER, Part, Path, Record,
    Register, Sibling,
};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::keyspace::Actors;
use crate::keyspace::packed::{digest, is_small, pack, unpack};
use crate::keyspace::table::{Draft, Entry, NewPayload};
use crate::random::Random;
use crate::testing::for_all;
use bytes::Bytes;
use std::collections::BTreeMap;

fn dot(random: &mut Random, actors: usize) -> Dot {
    let hlc = Hlc::new(1 + random.below(3) as u64, random.below(4) as u16);
    Dot { hlc, actor: Actor(1 + random.below(actors) as u64) }
}

fn sibling(random: &mut Random, actors: usize) -> Sibling {
    let value = *random.pick(&["", "12", "-3", "007", "+1", "x", "9223372036854775807"]);
    let value = match random.below(10) {
        0 => Bytes::from(vec![b'v'; 4096 + random.below(2)]),
        _ => Bytes::from_static(value.as_bytes()),
    };
    let mut increments: Vec<(Actor, Increment)> = (0..*random.pick(&[0, 0, 1, 1, 2]))
        .map(|_| {
            let dot = dot(random, actors);
            let sum = *random.pick(&[0, 7, -9, i64::MAX.into(), i128::from(i64::MAX) + 1]);
            let since = *random.pick(&[Hlc::ZERO, dot.hlc]);
            (dot.actor, Increment { sum, since, last: dot.hlc })
        })
        .collect();
    increments.sort_by_key(|(actor, _)| *actor);
    increments.dedup_by_key(|(actor, _)| *actor);
    let mut deadlines: Vec<Deadline> = (0..*random.pick(&[0, 0, 1, 2]))
        .map(|_| {
            let at_ms = if random.chance(20) { NEVER } else { random.word() >> 20 };
            let named = increments.iter().map(|&(actor, entry)| entry.dot(actor));
            let covers = match random.below(4) {
                0 => Context::single(dot(random, actors)),
                _ => named.collect(),
            };
            Deadline { dot: dot(random, actors), at_ms, covers }
        })
        .collect();
    deadlines.sort_by_key(|deadline| deadline.dot);
    deadlines.dedup_by_key(|deadline| deadline.dot);
    let base = match random.below(4) {
        0 => Base::Bottom,
        1 if increments.is_empty() => {
            Base::Value { dot: dot(random, actors), live: false, value: Bytes::new() }
        }
        n => Base::Value { dot: dot(random, actors), live: n > 1, value },
    };
    Sibling { base, increments, deadlines }
}

/// Any record in canonical form, whether histories lead to it or not.
fn record(random: &mut Random) -> Record {
    let actors = *random.pick(&[1, 1, 1, 3]);
    let mut cells = BTreeMap::new();
    let paths = [Path::Text, Path::Deadline, Path::Field(Bytes::from_static(b"f"))];
    for _ in 0..*random.pick(&[0, 1, 1, 1, 1, 2]) {
        let path = if random.chance(80) { Path::Text } else { random.pick(&paths).clone() };
        let mut siblings: Vec<Sibling> =
            (0..*random.pick(&[1, 1, 1, 2])).map(|_| sibling(random, actors)).collect();
        siblings.retain(|s| s.has_value() || !s.deadlines.is_empty());
        siblings.sort_by_key(|s| s.base.id());
        siblings.dedup_by_key(|s| s.base.id());
        if !siblings.is_empty() {
            cells.insert(path, Register { siblings });
        }
    }
    let cells: Cells = cells.into_iter().collect();
    let mut record = Record { cells, ..Record::default() };
    let dots: Vec<Dot> = record.elements().map(|element| element.dot).collect();
    record.context = dots.into_iter().collect();
    if record.cells.is_empty() || random.chance(50) {
        record.context.insert(dot(random, actors));
    }
    record
}

#[test]
fn unpack_gives_the_packed_record() {
    for_all(20_000, |random| {
        let actors = Actors::new(Actor(1 + random.below(2) as u64));
        let record = record(random);
        let entry = Entry::new(pack(Box::new(record.clone()), 3, b"key", &actors), 1);
        assert_eq!(unpack(&entry, &actors), record);
        assert_eq!(entry.deadline_ms(), record.min_deadline_ms());
        assert_eq!(entry.is_tombstone(), record.cells.is_empty());
        assert_eq!(entry.hlc(), record.context.highest());
        let seed = SEED.digests();
        let cells = record.cell_digests(seed).map(|cell| cell.digest);
        let seen = record.context.iter().map(|dot| seed.seen(dot));
        let walked = cells.chain(seen).fold(0, u64::wrapping_add);
        let digest = |entry: &Entry| digest(entry, &actors, seed, |_| false);
        assert_eq!(digest(&entry), walked, "in whatever form it lies");
        let mut boxed = Box::new(record.clone());
        boxed.cells.keep_digest(seed);
        let payload = NewPayload::Record(boxed);
        let (hlc, actor) = (entry.hlc(), entry.actor());
        let draft =
            Draft { db: 3, key: b"key", actor, hlc, base_hlc: hlc, deadline: None, payload };
        assert_eq!(digest(&Entry::new(draft, 1)), walked, "boxed");
    });
}

#[test]
fn a_record_with_a_settled_context_packs_and_means_the_same() {
    let mut packed = 0;
    for seed in 0..20_000 {
        let random = &mut Random::new(seed);
        let actors = Actors::new(Actor(1));
        let mut record = record(random);
        let floor = record.context.clone();
        record.context = Context::new();
        if record.cells.is_empty() {
            continue;
        }
        packed += u32::from(is_small(&record, &actors));
        let entry = Entry::new(pack(Box::new(record.clone()), 0, b"key", &actors), 1);
        let mut back = unpack(&entry, &actors);
        assert!(floor.includes(&back.context), "seed {seed}: nothing is seen that was not");
        back.prune(&Horizon { floor: floor.into(), cut: Hlc::ZERO });
        assert_eq!(back, record, "seed {seed}");
    }
    assert!(packed > 2000, "{packed}");
}

#[test]
fn every_flag_of_the_ordinary_record_packs() {
    let actors = Actors::new(Actor(1));
    let dot = |hlc| Dot { hlc: Hlc(hlc), actor: Actor(2) };
    for deadline in [None, Some(3), Some(5)] {
        for seen in [5, 9] {
            for counter in [false, true] {
                let value = Bytes::from_static(b"41");
                let base = Base::Value { dot: dot(3), live: true, value };
                let last = Hlc(4);
                let increments: Vec<_> = counter
                    .then_some((Actor(2), Increment { sum: 1, since: Hlc::ZERO, last }))
                    .into_iter()
                    .collect();
                let deadlines = deadline.map(|hlc| Deadline {
                    dot: dot(hlc),
                    at_ms: 99,
                    covers: increments.iter().map(|_| dot(4)).collect(),
                });
                let deadlines = deadlines.into_iter().collect();
                let siblings = vec![Sibling { base, increments, deadlines }];
                let cells = [(Path::Text, Register { siblings })].into_iter().collect();
                let record = Record { context: Context::single(dot(seen)), cells };
                assert!(is_small(&record, &actors));
                let base = BaseId::Value(dot(3));
                assert!(record.elements().all(|e| e.base == base || e.part == Part::Deadline));
            }
        }
    }
}
