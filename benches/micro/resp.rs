//! Requests from bytes and replies to bytes: paid once per request.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use kinring_common::resp::{Batch, Decoder, Limits, Protocol, ReplyBuf};

const REQUESTS: u64 = 16;

/// A pipeline of 16, as one read brings it, and the replies that go back.
pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(REQUESTS));
    for (name, request) in [("get", get()), ("set", set())] {
        let input = request.repeat(REQUESTS as usize);
        let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
        group.bench_function(name, |b| {
            b.iter(|| decoder.decode(black_box(&input), &Limits::default(), &mut batch, 512));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(REQUESTS));
    let mut out = ReplyBuf::new(Protocol::Resp2);
    let value = [b'v'; 64];
    group.bench_function("bulk", |b| {
        b.iter(|| {
            out.clear();
            (0..REQUESTS).for_each(|_| out.bulk(black_box(&value)));
        });
    });
    group.bench_function("ok", |b| {
        b.iter(|| {
            out.clear();
            (0..REQUESTS).for_each(|_| out.ok());
        });
    });
    group.finish();
}

fn get() -> Vec<u8> {
    b"*2\r\n$3\r\nGET\r\n$17\r\nkey:0000000123456\r\n".to_vec()
}

fn set() -> Vec<u8> {
    let mut request = b"*3\r\n$3\r\nSET\r\n$17\r\nkey:0000000123456\r\n$64\r\n".to_vec();
    request.extend_from_slice(&[b'v'; 64]);
    request.extend_from_slice(b"\r\n");
    request
}
