//! Messages as bytes: paid per SET and other owner.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::Criterion;
use kinring_common::causal::{Change, Context, Floor, Horizon, Record};
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, Dot};
use kinring_common::placement::layout::{Epoch, GroupId};
use kinring_common::wire::peer::{Ack, Batch, Message, WriteNumber};
use kinring_common::wire::request::{Executed, RequestId};
use kinring_common::wire::v1::{Frame, decode, encode, encode_short};
use kinring_common::wire::{GroupHorizon, Item, Name};
use std::sync::Arc;

const NOW_MS: u64 = 1_800_000_000_000;
const ACTORS: [u64; 3] = [0x3f51_9a0c_77e2_d1b4, 0x8812_6e5d_90ab_43f6, 0xd7c0_11f8_2b39_65ea];

/// A SET's write there and its ack back.
pub fn bench(criterion: &mut Criterion) {
    let settled = |actor| Dot { actor: Actor(actor), hlc: Hlc::new(NOW_MS - 30_000, 3) };
    let floor = Floor::from(ACTORS.map(settled).into_iter().collect::<Context>());
    let horizon = GroupHorizon { floor, cuts: Vec::new() };
    let batch = set(&horizon.of(0));
    let write = Message::Write(Arc::new(batch.clone()));
    let ack = Ack { group: GroupId(77), held: [batch.number].into(), gaps: Vec::new() };
    let ack = Message::Ack(ack);
    let (mut short, mut whole) = (BytesMut::new(), BytesMut::new());
    encode_short(&batch, &mut short).expect("it is short enough");
    encode(&write, &mut whole).expect("it is short enough");
    let (short, whole) = (short.freeze(), whole.freeze());

    let mut group = criterion.benchmark_group("wire");
    let mut out = BytesMut::with_capacity(1 << 16);
    group.bench_function("encode_short_set", |b| {
        b.iter(|| {
            out.clear();
            encode_short(black_box(&batch), &mut out)
        });
    });
    group.bench_function("encode_whole_set", |b| {
        b.iter(|| {
            out.clear();
            encode(black_box(&write), &mut out)
        });
    });
    group.bench_function("encode_ack", |b| {
        b.iter(|| {
            out.clear();
            encode(black_box(&ack), &mut out)
        });
    });
    group.bench_function("decode_short_set", |b| {
        b.iter(|| match decode(black_box(&short).clone()) {
            Ok(Frame::Write(write)) => write.open(&[&horizon]),
            _ => unreachable!("it is a short write"),
        });
    });
    group.bench_function("decode_whole_set", |b| b.iter(|| decode(black_box(&whole).clone())));
    group.finish();
}

/// A key of 17 bytes, a value of 64.
fn set(horizon: &Horizon) -> Batch {
    let actor = Actor(ACTORS[1]);
    let before = Dot { actor, hlc: Hlc::new(NOW_MS - 5_000, 9) };
    let record = Record { context: Context::single(before), ..Record::default() };
    let change = Change::Replace { value: Bytes::from(vec![b'v'; 64]), deadline_ms: None };
    let dot = Dot { actor, hlc: Hlc::new(NOW_MS, 4) };
    let delta = record.plan(change, dot, horizon, NOW_MS);
    let name = Name { db: 0, key: Bytes::from_static(b"session:000012345") };
    let id = RequestId { session: 0x5e0d_3c2b_9a81_7f64, number: 1_234_567 };
    Batch {
        group: GroupId(77),
        epoch: Epoch::new(12).expect("it is not 0"),
        number: WriteNumber { tenure: 0x9b1e_44d0_c3a2_5f78, sequence: 1_234_567 },
        stable: 1_234_500,
        is_available: false,
        items: [Item::Delta { name, delta }].into(),
        executed: Some(Executed { id, reply: Some(Bytes::from_static(b"+OK\r\n")) }),
    }
}
