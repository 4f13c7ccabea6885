//! WATCH: a touched key marks its watches, another one does not, and no writer slips through.

#![expect(clippy::disallowed_methods, reason = "the test is about threads")]

use super::twin::{START_MS, Twin};
use crate::clock::Now;
use crate::keyspace::{Effects, Interest, PartitionSet, Ttl, Txn, Watch};
use std::sync::Barrier;

const NOW: Now = Now { wall_ms: START_MS, mono_us: 0 };

/// Runs a transaction as a shell does: effects from the keyspace's own interest, settled.
fn run<T>(twin: &Twin, now: Now, db: u8, run: impl FnOnce(&mut Txn<'_, '_>) -> T) -> T {
    let mut effects = Effects::new(twin.space.interest());
    let mut locks = twin.space.lock(&PartitionSet::ALL);
    let out = run(&mut Txn::new(&mut locks, &mut effects, now, db, 1));
    locks.settle(&effects);
    out
}

fn watch(twin: &Twin, db: u8, key: &[u8], now: Now) -> (Watch, bool) {
    let watch = Watch::default();
    let expired = twin.space.watch(db, key, &watch, now);
    (watch, expired)
}

#[test]
fn only_the_touched_key_of_that_database_marks() {
    let twin = Twin::new(1, true, false);
    let (a, _) = watch(&twin, 0, b"a", NOW);
    let (b, _) = watch(&twin, 0, b"b", NOW);
    let (other, _) = watch(&twin, 1, b"a", NOW);
    run(&twin, NOW, 0, |txn| txn.set(b"a", b"1", Ttl::Clear));
    assert_eq!([a, b.clone(), other].map(|w| w.is_dirty()), [true, false, false]);
    twin.space.unwatch(0, b"b", &b);
    run(&twin, NOW, 0, |txn| txn.set(b"b", b"1", Ttl::Clear));
    assert!(!b.is_dirty(), "an ended watch is not marked");
}

#[test]
fn every_write_marks_and_a_delete_of_nothing_does_not() {
    let writes: [fn(&mut Txn<'_, '_>); 5] = [
        |txn| txn.set(b"k", b"2", Ttl::Keep),
        |txn| assert!(txn.delete(b"k")),
        |txn| assert_eq!(txn.increment(b"k", 1), Ok(6)),
        |txn| assert!(txn.set_deadline(b"k", Some(START_MS + 5))),
        |txn| txn.flush(),
    ];
    for lone in [true, false] {
        for write in writes {
            let twin = Twin::new(1, lone, false);
            let (none, _) = watch(&twin, 0, b"none", NOW);
            run(&twin, NOW, 0, |txn| assert!(!txn.delete(b"none")));
            run(&twin, NOW, 0, |txn| txn.set(b"k", b"5", Ttl::Clear));
            let (k, _) = watch(&twin, 0, b"k", NOW);
            run(&twin, NOW, 0, write);
            assert!(k.is_dirty());
            assert!(!none.is_dirty(), "nothing was there");
        }
    }
}

#[test]
fn a_deleted_key_is_not_an_expired_one() {
    let twin = Twin::new(1, false, false);
    run(&twin, NOW, 0, |txn| txn.set(b"k", b"5", Ttl::Clear));
    run(&twin, NOW, 0, |txn| txn.delete(b"k"));
    assert!(!watch(&twin, 0, b"k", NOW).1);
}

#[test]
fn the_sweep_marks_who_watched_before_the_deadline_only() {
    let twin = Twin::new(1, true, false);
    run(&twin, NOW, 0, |txn| txn.set(b"k", b"5", Ttl::At(START_MS + 5)));
    let later = Now { wall_ms: START_MS + 5, ..NOW };
    let ((before, was), (after, is)) = (watch(&twin, 0, b"k", NOW), watch(&twin, 0, b"k", later));
    assert_eq!((was, is), (false, true));
    let partition = twin.space.locate(0, b"k").partition;
    assert_eq!(twin.space.sweep(partition, later.wall_ms, later, 9), (1, true));
    assert_eq!((before.is_dirty(), after.is_dirty()), (true, false));
    run(&twin, later, 0, |txn| txn.set(b"k", b"5", Ttl::At(START_MS + 6)));
    assert!(after.is_dirty(), "a write after the sweep does");
}

#[test]
fn a_watch_between_the_writers_look_and_its_lock_is_marked() {
    let twin = Twin::new(1, true, false);
    let mut effects = Effects::new(twin.space.interest());
    assert_eq!(effects.interest, Interest { events: true, ..Interest::default() });
    let (watched, _) = watch(&twin, 0, b"k", NOW);
    let mut locks = twin.space.lock(&PartitionSet::ALL);
    Txn::new(&mut locks, &mut effects, NOW, 0, 1).set(b"k", b"1", Ttl::Clear);
    locks.settle(&effects);
    assert!(watched.is_dirty());
}

/// Optimistic increments by many threads: one lost mark is one lost increment.
#[test]
fn no_mark_is_lost_among_threads() {
    let (threads, rounds) = if cfg!(miri) { (2, 5) } else { (4, 800) };
    let twin = Twin::new(1, true, false);
    let keys: [&[u8]; 2] = [b"a", b"b"];
    let start = Barrier::new(threads);
    let number = |txn: &mut Txn<'_, '_>, key: &[u8]| {
        txn.text(key).expect("a string").map_or(0, |text| text.integer().expect("a number"))
    };
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (twin, start) = (&twin, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..rounds {
                    let key = keys[(thread + round) % 2];
                    loop {
                        let (watch, _) = watch(twin, 0, key, NOW);
                        let old = run(twin, NOW, 0, |txn| number(txn, key));
                        let done = run(twin, NOW, 0, |txn| {
                            let clean = !watch.is_dirty();
                            if clean {
                                txn.set(key, (old + 1).to_string().as_bytes(), Ttl::Clear);
                            }
                            clean
                        });
                        twin.space.unwatch(0, key, &watch);
                        if done {
                            break;
                        }
                    }
                }
            });
        }
    });
    let sum: i64 = keys.iter().map(|key| run(&twin, NOW, 0, |txn| number(txn, key))).sum();
    assert_eq!(sum, (threads * rounds) as i64);
}

#[test]
fn who_watches_what_has_expired_is_spared_when_it_goes_for_that() {
    let looks: [fn(&mut Txn<'_, '_>); 3] = [
        |txn| assert!(!txn.exists(b"k")),
        |txn| assert!(!txn.delete(b"k")),
        |txn| assert_eq!(txn.increment(b"k", 1), Ok(1)),
    ];
    let later = Now { wall_ms: START_MS + 10, ..NOW };
    for (look, writes) in looks.into_iter().zip([false, false, true]) {
        let twin = Twin::new(1, true, false);
        run(&twin, NOW, 0, |txn| txn.set(b"k", b"v", Ttl::At(START_MS + 10)));
        let (alive, _) = watch(&twin, 0, b"k", NOW);
        let (expired, was_expired) = watch(&twin, 0, b"k", later);
        assert!(was_expired);
        run(&twin, later, 0, look);
        assert!(alive.is_dirty(), "it saw the key, and the key is gone");
        assert_eq!(expired.is_dirty(), writes, "to it nothing changed but by a write");
    }
}
