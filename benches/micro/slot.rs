//! key → slot: paid once per key of every request.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use kinring_common::placement::slot::{Slot, crc16};

const KEY: &[u8] = b"key:0000000123456";
const TAGGED: &[u8] = b"{user:123456}:session";

/// The whole way from a key, and the checksum alone at the lengths keys have.
pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot_of");
    group.bench_function("plain", |b| b.iter(|| Slot::of(black_box(KEY))));
    group.bench_function("tagged", |b| b.iter(|| Slot::of(black_box(TAGGED))));
    group.finish();

    let mut group = criterion.benchmark_group("crc16");
    for bytes in [8, 17, 64, 1024] {
        let key = vec![b'k'; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(bytes.to_string(), |b| b.iter(|| crc16(black_box(&key))));
    }
    group.finish();
}
