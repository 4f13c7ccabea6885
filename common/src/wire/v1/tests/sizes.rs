//! How many bytes a SET takes to another owner.

use super::*;
use crate::causal::{Change, Context, Floor, Horizon, Record};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::placement::layout::Epoch;
use crate::random::Random;
use crate::wire::peer::WriteNumber;
use crate::wire::request::{Executed, RequestId};
use crate::wire::{GroupHorizon, Item, Name};

const NOW_MS: u64 = 1_800_000_000_000;

/// Beside key and value.
const SET_BYTES_MAX: usize = 64;

/// A SET as it is in a cluster that has been at work for long: large numbers everywhere.
struct Ordinary {
    horizon: GroupHorizon,
    actor: Actor,
    random: Random,
}

impl Ordinary {
    fn new(seed: u64, floor_actors: usize) -> Ordinary {
        let mut random = Random::new(seed);
        let actors: Vec<Actor> = (0..floor_actors.max(1)).map(|_| Actor(random.word())).collect();
        let settled = |actor: &Actor| Dot { actor: *actor, hlc: Hlc::new(NOW_MS - 60_000, 3) };
        let floor = actors[..floor_actors].iter().map(settled).collect::<Context>();
        let horizon = GroupHorizon { floor: Floor::from(floor), cuts: Vec::new() };
        Ordinary { horizon, actor: *random.pick(&actors), random }
    }

    fn set(&mut self, key: usize, value: usize, deadline_ms: Option<u64>) -> Batch {
        let random = &mut self.random;
        let horizon = Horizon { floor: self.horizon.floor.clone(), cut: self.horizon.cut(0) };
        let mut record = Record::default();
        if random.chance(70) {
            // Written since the floor, which is at most a minute or so old.
            let before = Hlc::new(NOW_MS - random.below(60_000) as u64 - 1, random.word() as u16);
            record.context.insert(Dot { actor: self.actor, hlc: before });
        }
        let hlc = Hlc::new(NOW_MS, random.word() as u16);
        let dot = Dot { actor: self.actor, hlc };
        let change = Change::Replace { value: Bytes::from(vec![7; value]), deadline_ms };
        let delta = record.plan(change, dot, &horizon, NOW_MS);
        let name = Name { db: 0, key: Bytes::from(random.bytes(key)) };
        let sequence = random.word() % (1 << 35);
        let id = RequestId { session: random.word(), number: random.word() % (1 << 35) };
        let reply = Some(Bytes::from_static(b"+OK\r\n"));
        Batch {
            group: GroupId(random.below(1 << 14) as u32),
            epoch: Epoch::new(1 + random.below(16_000) as u64).expect("it is not 0"),
            number: WriteNumber { tenure: random.word(), sequence },
            stable: sequence.saturating_sub(random.below(1 << 13) as u64),
            is_available: false,
            items: [Item::Delta { name, delta }].into(),
            executed: Some(Executed { id, reply }),
        }
    }
}

#[test]
fn a_set_takes_64_bytes_beside_key_and_value() {
    for_all(CASES, |case| {
        for floor_actors in [0, 1, 3, 7] {
            let mut ordinary = Ordinary::new(case.word(), floor_actors);
            let (key, value) = (1 + case.below(100), case.below(1_001));
            let batch = ordinary.set(key, value, None);
            let bytes = short(&batch);
            assert!(
                bytes.len() <= key + value + SET_BYTES_MAX,
                "{} bytes for {key} + {value}, {floor_actors} actors in the floor",
                bytes.len() - key - value,
            );
            let Ok(Frame::Write(write)) = decode(bytes) else { panic!("it is a short write") };
            assert_eq!(write.open(&[&ordinary.horizon]), Ok(Some(batch)));
        }
    });
}

#[test]
fn a_flush_long_ago_costs_a_set_nothing() {
    let mut ordinary = Ordinary::new(1, 3);
    let plain = short(&ordinary.set(10, 10, None)).len();
    ordinary = Ordinary::new(1, 3);
    ordinary.horizon.cuts = vec![(0, Hlc::new(NOW_MS - 1_000_000_000, 0))];
    assert_eq!(short(&ordinary.set(10, 10, None)).len(), plain);
}

#[test]
fn a_deadline_takes_a_few_bytes_more() {
    let day_ms = 24 * 3_600_000;
    for (ahead_ms, bytes) in [(1_000, 2), (3_600_000, 4), (30 * day_ms, 5)] {
        let plain = short(&Ordinary::new(1, 3).set(10, 10, None)).len();
        let expiring = short(&Ordinary::new(1, 3).set(10, 10, Some(NOW_MS + ahead_ms))).len();
        assert_eq!(expiring, plain + bytes);
    }
}

#[test]
fn acks_of_one_tenure_name_it_once() {
    let tenure = Random::new(1).word();
    let held = (0..100).map(|n| WriteNumber { tenure, sequence: 1 << 30 | n }).collect();
    let ack = Message::Ack(crate::wire::peer::Ack { group: GroupId(7), held, gaps: Vec::new() });
    let bytes = bytes_of(&Frame::Peer(ack)).len();
    assert!(bytes < 130, "{bytes} bytes for 100 acks");
}
