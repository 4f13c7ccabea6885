//! The expiry sweep: what it takes, what it leaves, what it tells.

use super::twin::{SEED, START_MS, Twin};
use crate::causal::{Change, Kind, NEVER, Path};
use crate::keyspace::table::Payload;
use crate::keyspace::{Effect, Effects, EventClass, Slots, Ttl};
use crate::placement::slot::Slot;
use crate::random::Random;
use crate::testing::for_all;
use bytes::Bytes;
use std::collections::BTreeMap;

fn events(effects: &[Effect]) -> Vec<(EventClass, &'static str)> {
    let event = |effect: &Effect| match effect {
        Effect::Event { class, name, .. } => Some((*class, *name)),
        _ => None,
    };
    effects.iter().filter_map(event).collect()
}

fn sweep(twin: &Twin, key: &[u8], due_ms: u64, keys_max: usize) -> (usize, Vec<Effect>) {
    let partition = SEED.locate(0, key).partition;
    let mut effects = Effects::new(twin.interest());
    let mut locks = twin.space.lock_one(partition);
    let (n, _) = locks.sweep((partition, Slots::ALL), due_ms, twin.now, keys_max, &mut effects);
    (n, effects.drain().collect())
}

/// Puts fields with deadlines into the hash `h`.
fn put_fields(twin: &mut Twin, fields: [(&'static str, u64); 2]) {
    let path = |name: &'static str| Path::Field(Bytes::from_static(name.as_bytes()));
    let put = fields.map(|(name, _)| (path(name), Bytes::from_static(b"1"))).to_vec();
    twin.run(0, |txn| {
        txn.change(b"h", Change::Cells { kind: Kind::Hash, put, remove: Vec::new() });
        for (name, at_ms) in fields {
            let (paths, deadline_ms) = (vec![path(name)], Some(at_ms));
            txn.change(b"h", Change::FieldDeadline { paths, deadline_ms });
        }
    });
}

#[test]
fn a_sweep_ahead_of_the_clock_forgets_no_deadline() {
    let mut twin = Twin::new(1, true, false);
    twin.run(0, |txn| txn.set(b"k", b"v", Ttl::At(START_MS + 500)));
    assert_eq!(sweep(&twin, b"k", START_MS + 1000, 9).0, 0, "it still shows");
    twin.now.wall_ms += 500;
    let (n, effects) = sweep(&twin, b"k", START_MS + 500, 9);
    assert_eq!(n, 1);
    assert_eq!(events(&effects), [(EventClass::Expired, "expired")]);
}

#[test]
fn a_sweep_stops_at_its_bound_and_goes_on_where_it_stopped() {
    let mut twin = Twin::new(1, true, false);
    for n in 0..300 {
        let key = format!("{{t}}{n}");
        twin.run(0, |txn| txn.set(key.as_bytes(), b"v", Ttl::At(START_MS + 1)));
    }
    twin.now.wall_ms += 1;
    let mut left = 300;
    while left > 0 {
        let (n, _) = sweep(&twin, b"{t}", twin.now.wall_ms, 7);
        assert_eq!(n, left.min(7));
        left -= n;
        assert_eq!(twin.space.counts(0).deadlines, left as u64);
    }
    let partition = SEED.locate(0, b"{t}").partition;
    assert_eq!(twin.space.sweep(partition, twin.now.wall_ms, twin.now, 7), (0, true));
}

#[test]
fn a_field_that_expires_is_no_key_that_expires() {
    let mut twin = Twin::new(1, true, false);
    put_fields(&mut twin, [("a", START_MS + 5), ("b", START_MS + 9)]);
    twin.now.wall_ms += 5;
    let (_, effects) = sweep(&twin, b"h", twin.now.wall_ms, 9);
    assert_eq!(events(&effects), [(EventClass::Hash, "hexpired")]);
    twin.now.wall_ms += 4;
    let (_, effects) = sweep(&twin, b"h", twin.now.wall_ms, 9);
    assert_eq!(events(&effects), [(EventClass::Expired, "expired")]);
    assert_eq!(twin.space.counts(0), crate::keyspace::Counts::default());
}

/// Keys of one slot with random deadlines, enough of them for segments to split and to merge.
fn run(random: &mut Random) {
    let mut twin = Twin::new(1, true, false);
    let mut model: BTreeMap<Vec<u8>, Option<u64>> = BTreeMap::new();
    let steps = if cfg!(miri) { 300 } else { 6000 };
    for step in 0..steps {
        let key = format!("{{t}}{}", random.below(1500)).into_bytes();
        let grows = step / 1500 % 2 == 0;
        let deadline = random.chance(50).then(|| twin.now.wall_ms + 1 + random.below(900) as u64);
        match random.below(20) {
            0 => {
                twin.now.wall_ms += random.below(40) as u64;
                let due = twin.now.wall_ms - *random.pick(&[0, 0, 100]);
                let keys_max = *random.pick(&[1, 10, 1000]);
                let gone = model.values().flatten().filter(|ms| **ms <= due).count();
                let (n, effects) = sweep(&twin, b"{t}", due, keys_max);
                assert_eq!(n, gone.min(keys_max));
                for (_, key) in effects.iter().filter_map(super::twin::touched) {
                    let ms = model.remove(&key).expect("it was there");
                    assert!(ms.is_some_and(|ms| ms <= due));
                }
            }
            1..=3 => {
                twin.run(0, |txn| txn.set_deadline(&key, deadline));
                let now = twin.now.wall_ms;
                if let Some(ms) = model.get_mut(&key).filter(|ms| ms.is_none_or(|ms| ms > now)) {
                    *ms = deadline;
                }
            }
            n if n < if grows { 16 } else { 7 } => {
                let ttl = deadline.map_or(Ttl::Clear, Ttl::At);
                twin.run(0, |txn| txn.set(&key, b"value", ttl));
                model.insert(key, deadline);
            }
            _ => {
                twin.run(0, |txn| txn.delete(&key));
                model.remove(&key);
            }
        }
    }
    let counts = twin.space.counts(0);
    assert_eq!(counts.keys, model.len() as u64);
    assert_eq!(counts.deadlines, model.values().flatten().count() as u64);
}

#[test]
fn a_sweep_finds_every_deadline_through_splits_and_merges() {
    for_all(6, |random| run(random));
}

#[test]
fn a_string_with_siblings_is_read_at_the_time_of_the_view() {
    // Three write without having seen each other; the last two values expire.
    let write = |actor: u64, wall_ms: u64, value: &[u8], ttl: Ttl| {
        let mut twin = Twin::new(actor, false, true);
        twin.now.wall_ms = wall_ms;
        let (_, effects) = twin.run(0, |txn| txn.set(b"k", value, ttl));
        (twin, effects)
    };
    let (mut twin, _) = write(1, START_MS, b"long", Ttl::Clear);
    let at = SEED.locate(0, b"k");
    let mut read_after = |(_, effects): (Twin, Vec<Effect>)| {
        let Some(Effect::Delta { delta, .. }) = effects.last() else { panic!("{effects:?}") };
        twin.partition(at.partition, 0, |partition, pass| partition.apply(&at, b"k", delta, pass));
        let read = |txn: &mut crate::keyspace::Txn<'_, '_>| {
            let text = txn.text(b"k").expect("a string").expect("something shows");
            text.bytes(&mut itoa::Buffer::new()).to_vec()
        };
        twin.run(0, read).0
    };
    let short = write(2, START_MS + 50, b"short", Ttl::At(START_MS + 100));
    assert_eq!(read_after(short), b"short");
    // Now the partition knows of a later clock, and the wall stays behind.
    let past = write(3, START_MS + 200, b"past", Ttl::At(START_MS + 150));
    assert_eq!(read_after(past), b"long");
}

#[test]
fn a_sweep_takes_nothing_that_is_not_due() {
    let mut twin = Twin::new(1, false, true);
    put_fields(&mut twin, [("a", START_MS + 5), ("b", START_MS + 400)]);
    // Both are past by this shard's wall; another's may be behind, so only `a` is due.
    twin.now.wall_ms = START_MS + 500;
    let (n, effects) = sweep(&twin, b"h", START_MS + 5, 9);
    assert_eq!(n, 1);
    assert_eq!(events(&effects), [(EventClass::Hash, "hexpired")]);
    let record = twin.stored(&(0, b"h".to_vec())).0.expect("it is there");
    assert_eq!(record.fields(START_MS + 399).count(), 1, "b was due in 395 ms");
    assert_eq!(record.min_deadline_ms(), Some(START_MS + 400));
}

/// What the entry of `k` is, and the deadline that it stores.
fn packed(twin: &Twin) -> (bool, Option<u64>) {
    let at = SEED.locate(0, b"k");
    let mut locks = twin.space.lock_one(at.partition);
    let table = locks.partition(at.partition).table();
    let entry = table.get(table.find(&at, 0, b"k").expect("it is there"));
    let boxed = matches!(entry.payload(), Payload::Record(_));
    (!boxed, if boxed { None } else { entry.deadline().map(|(at_ms, _)| at_ms) })
}

#[test]
fn a_counter_stays_packed_whatever_is_done_to_its_deadline() {
    for (lone, deltas) in [(true, false), (true, true), (false, false), (false, true)] {
        for from_bottom in [true, false] {
            let mut twin = Twin::new(1, lone, deltas);
            if !from_bottom {
                twin.run(0, |txn| txn.set(b"k", b"5", Ttl::Clear));
            }
            let mut step = |run: &dyn Fn(&mut crate::keyspace::Txn<'_, '_>)| {
                twin.now.wall_ms += 1;
                twin.run(0, |txn| run(txn));
                packed(&twin)
            };
            let count = |txn: &mut crate::keyspace::Txn<'_, '_>| {
                txn.increment(b"k", 1).expect("a counter");
            };
            let at_ms = Some(START_MS + 999);
            let never = (!lone).then_some(NEVER);
            assert_eq!(step(&count), (true, None));
            assert_eq!(step(&|txn| assert!(txn.set_deadline(b"k", at_ms))), (true, at_ms));
            assert_eq!(step(&count), (true, at_ms));
            assert_eq!(step(&|txn| assert!(txn.set_deadline(b"k", None))), (true, never));
            assert_eq!(step(&count), (true, never), "a lone owner keeps nothing");
            assert_eq!(step(&|txn| assert!(txn.set_deadline(b"k", None))), (true, never));
            assert_eq!(twin.space.counts(0).deadlines, 0);
        }
    }
}

#[test]
fn a_sweep_of_some_slots_leaves_the_others_keys() {
    let mut twin = Twin::new(1, false, true);
    let tag = |n: usize| format!("{{{n}}}");
    let partition = |n: usize| SEED.locate(0, tag(n).as_bytes()).partition;
    let other = (1..).find(|&n| partition(n) == partition(0)).expect("there are only 256");
    for name in [tag(0), tag(other)] {
        twin.run(0, |txn| txn.set(name.as_bytes(), b"v", Ttl::At(START_MS + 5)));
    }
    twin.now.wall_ms += 5;
    let swept = |name: &str| {
        let slots = Slots::from(Slot::of(name.as_bytes()));
        let mut effects = Effects::new(twin.interest());
        let mut locks = twin.space.lock_one(partition(0));
        let at = (partition(0), slots);
        let (n, done) = locks.sweep(at, twin.now.wall_ms, twin.now, 9, &mut effects);
        assert!(done);
        n
    };
    assert_eq!(
        [swept(&tag(0)), swept(&tag(0)), swept(&tag(other)), swept(&tag(other))],
        [1, 0, 1, 0]
    );
}

#[test]
fn a_look_at_what_is_due_may_mint_its_expire_event() {
    for expires in [true, false] {
        let mut twin = Twin::new(1, false, true);
        twin.run(0, |txn| txn.set(b"k", b"v", Ttl::At(START_MS + 5)));
        twin.now.wall_ms += 5;
        let mut effects = Effects::new(twin.interest());
        let mut locks = twin.space.lock_one(SEED.locate(0, b"k").partition);
        let mut txn = crate::keyspace::Txn::new(&mut locks, &mut effects, twin.now, 0, 1);
        txn.expires = expires;
        assert!(!txn.exists(b"k") && !txn.exists(b"k"));
        let deltas = effects.iter().filter(|effect| matches!(effect, Effect::Delta { .. }));
        assert_eq!(deltas.count(), usize::from(expires));
    }
}
