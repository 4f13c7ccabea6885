//! Numbers of actors: there are always some left, and none is taken from who uses it.

use super::twin::Twin;
use crate::causal::{Applied, Context, Delta, Horizon};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::keyspace::Slots;
use crate::keyspace::table::Payload;
use bytes::Bytes;

/// More than there are numbers.
const MANY: u64 = 150_000;
const KEYS: u64 = 64;

/// The n-th write, by the n-th actor, of the keys in turn.
fn write(n: u64) -> (Vec<u8>, Delta) {
    let dot = Dot { hlc: Hlc(1 + n), actor: Actor(1_000 + n) };
    let horizon = Horizon { cut: cut(n), ..Horizon::default() };
    let delta = Delta::replace(Context::new(), horizon, dot, (Bytes::from(n.to_string()), None));
    (format!("key {}", n % KEYS).into_bytes(), delta)
}

/// Before it all keys were flushed: none is left of those who wrote then.
fn cut(n: u64) -> Hlc {
    Hlc(n / KEYS * KEYS)
}

fn take(twin: &mut Twin, n: u64) {
    let (key, delta) = write(n);
    let at = twin.space.locate(0, &key);
    let (applied, _) = twin.partition(at.partition, 0, |p, pass| {
        p.cut(Slots::ALL, cut(n), pass);
        p.apply(&at, &key, &delta, pass)
    });
    assert_eq!(applied, Applied::Applied);
}

/// Whether a key is packed, and who wrote it.
fn look(twin: &mut Twin, key: &[u8]) -> (bool, Vec<Dot>) {
    let at = twin.space.locate(0, key);
    twin.partition(at.partition, 0, |p, _| {
        let entry = p.table().get(p.table().find(&at, 0, key).expect("it is there"));
        let is_packed = !matches!(entry.payload(), Payload::Record(_));
        (is_packed, p.context(&at, 0, key).iter().collect())
    })
    .0
}

#[test]
fn a_shard_takes_another_name_after_any_number_of_others_came() {
    let mut twin = Twin::new(1, false, true);
    (0..1 << 16).for_each(|n| take(&mut twin, n));
    twin.space.rename(Actor(2));
}

#[test]
fn actors_whose_writes_are_overwritten_give_their_numbers_to_others() {
    let mut twin = Twin::new(1, false, true);
    for n in 0..MANY {
        take(&mut twin, n);
        if n % 8 == 0 {
            twin.space.reclaim_actors(64);
        }
    }
    for n in MANY - KEYS..MANY {
        let (key, delta) = write(n);
        assert_eq!(look(&mut twin, &key), (true, vec![delta.dot]));
    }
    assert!(twin.space.actors.count() < 4_096, "{}", twin.space.actors.count());
}

#[test]
fn past_all_numbers_records_are_boxed_until_some_are_free() {
    let mut twin = Twin::new(1, false, true);
    (0..1 << 16).for_each(|n| {
        twin.space.actors.intern(Actor(1 << 32 | n));
    });
    for n in 0..2 * KEYS {
        take(&mut twin, n);
    }
    for n in KEYS..2 * KEYS {
        let (key, delta) = write(n);
        assert_eq!(look(&mut twin, &key), (false, vec![delta.dot]));
    }
    (0..10).for_each(|_| twin.space.reclaim_actors(64));
    for n in 2 * KEYS..3 * KEYS {
        take(&mut twin, n);
        let (key, delta) = write(n);
        assert_eq!(look(&mut twin, &key), (true, vec![delta.dot]));
    }
}
