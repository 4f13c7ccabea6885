//! Deltas and joins of records: paid per replicated write and per repaired key.

use std::hint::black_box;

use bytes::Bytes;
use criterion::Criterion;
use kinring_common::causal::{Change, Horizon, Kind, Path, Record};
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, Dot};

const NOW_MS: u64 = 1_700_000_000_000;

/// A SET's delta, the join of two strings, and of two hashes of a thousand fields.
pub fn bench(criterion: &mut Criterion) {
    let horizon = Horizon::default();
    let mut group = criterion.benchmark_group("causal");
    let old = after(&Record::default(), set("a"), 1, 1);
    group.bench_function("plan_and_apply_set", |b| {
        b.iter(|| {
            let mut record = old.clone();
            let delta = record.plan(set("b"), dot(1, 2), &horizon, NOW_MS);
            record.apply(black_box(&delta), &horizon)
        });
    });
    let other = after(&old, set("c"), 2, 2);
    group.bench_function("join_strings", |b| {
        b.iter(|| {
            let mut record = old.clone();
            record.join(&horizon, black_box(&other), &horizon);
            record
        });
    });
    let hash = after(&Record::default(), fields(0..1000), 1, 1);
    let more = after(&hash, fields(500..1500), 2, 2);
    group.bench_function("join_hashes_of_1000", |b| {
        b.iter(|| {
            let mut record = hash.clone();
            record.join(&horizon, black_box(&more), &horizon);
            record
        });
    });
    group.finish();
}

fn dot(actor: u64, at: u64) -> Dot {
    Dot { actor: Actor(actor), hlc: Hlc::new(NOW_MS + at, 0) }
}

fn set(value: &'static str) -> Change {
    Change::Replace { value: Bytes::from_static(value.as_bytes()), deadline_ms: None }
}

fn fields(range: std::ops::Range<u32>) -> Change {
    let put = range.map(|n| (Path::Field(Bytes::from(format!("f{n}"))), Bytes::from_static(b"v")));
    Change::Cells { kind: Kind::Hash, put: put.collect(), remove: Vec::new() }
}

fn after(record: &Record, change: Change, actor: u64, at: u64) -> Record {
    let horizon = Horizon::default();
    let mut record = record.clone();
    let delta = record.plan(change, dot(actor, at), &horizon, NOW_MS);
    record.apply(&delta, &horizon);
    record
}
