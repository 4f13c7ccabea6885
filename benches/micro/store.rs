//! The table through a transaction: GET and SET of a million keys, and of a hundred that stay in
//! the processor's cache. A batch of 16 shares its locks and its misses, as a pipeline does.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use kinring_common::clock::Now;
use kinring_common::id::Actor;
use kinring_common::keyspace::{
    Effects, HashSeed, Hint, Keyspace, Options, PartitionSet, Ttl, Txn,
};

const BATCH: usize = 16;
const NOW: Now = Now { wall_ms: 1_700_000_000_000, mono_us: 0 };

/// See the module.
pub fn bench(criterion: &mut Criterion) {
    for (name, keys) in [("hot", 100), ("million", 1_000_000)] {
        let space = filled(keys);
        let mut group = criterion.benchmark_group(format!("table_{name}"));
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut random = 1u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            key((random >> 33) % keys)
        };
        group.bench_function("get", |b| {
            b.iter(|| {
                batch(&space, &std::array::from_fn(|_| next()), |txn, key| {
                    black_box(txn.text(key).is_ok());
                });
            });
        });
        group.bench_function("set", |b| {
            b.iter(|| {
                batch(&space, &std::array::from_fn(|_| next()), |txn, key| {
                    txn.set(key, &[b'w'; 64], Ttl::Clear);
                });
            });
        });
        group.finish();
    }
}

fn key(n: u64) -> Vec<u8> {
    format!("key:{n:013}").into_bytes()
}

fn filled(keys: u64) -> Keyspace {
    let space = Keyspace::new(Options {
        seed: HashSeed(1),
        actor: Actor(1),
        databases: 16,
        lone: true,
        deltas: false,
        events: false,
        digests: false,
    });
    for n in (0..keys).step_by(BATCH) {
        let keys: [Vec<u8>; BATCH] = std::array::from_fn(|i| key((n + i as u64) % keys));
        batch(&space, &keys, |txn, key| txn.set(key, &[b'v'; 64], Ttl::Clear));
    }
    space
}

fn batch(space: &Keyspace, keys: &[Vec<u8>; BATCH], run: impl Fn(&mut Txn<'_, '_>, &[u8])) {
    let mut set = PartitionSet::default();
    let hints: Vec<Hint> = keys
        .iter()
        .map(|key| {
            let at = space.locate(0, key);
            set.insert(at.partition);
            Hint::new(0, key, at)
        })
        .collect();
    let mut effects = Effects::new(space.interest());
    let mut locks = space.lock(&set);
    locks.prefetch(hints.iter().map(|hint| hint.at));
    for (at, key) in keys.iter().enumerate() {
        let mut txn = Txn::new(&mut locks, &mut effects, NOW, 0, 1).with_hints(&hints[at..=at]);
        run(&mut txn, key);
    }
}
