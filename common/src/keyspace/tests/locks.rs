//! Locks of any sets never wait for each other in a circle.

#![expect(clippy::disallowed_methods, reason = "the test is about threads")]

use super::twin::Twin;
use crate::keyspace::PartitionSet;
use crate::random::Random;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn threads_that_take_random_sets_all_come_through() {
    let twin = Twin::new(1, true, false);
    let sum = AtomicU64::new(0);
    let rounds = if cfg!(miri) { 10 } else { 3000 };
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (twin, sum) = (&twin, &sum);
            scope.spawn(move || {
                let mut random = Random::new(thread);
                for _ in 0..rounds {
                    let mut set = PartitionSet::default();
                    for _ in 0..random.below(12) {
                        set.insert(random.below(20) as u8 * 13);
                    }
                    let mut locks = twin.space.lock(&set);
                    if random.chance(50) {
                        let last = set.iter().last().unwrap_or(0);
                        locks.also(last);
                        locks.also(last.saturating_add(5));
                    }
                    sum.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 3 * rounds);
}

#[test]
fn a_set_lists_its_members_once_and_upwards() {
    let mut random = Random::new(1);
    for _ in 0..200 {
        let (mut a, mut b) = (PartitionSet::default(), PartitionSet::default());
        let mut wanted = BTreeSet::new();
        for n in 0..random.below(40) {
            let partition = random.below(256) as u8;
            let half = if n % 2 == 0 { &mut a } else { &mut b };
            half.insert(partition);
            wanted.insert(partition);
        }
        a.extend(&b);
        assert!(a.iter().eq(wanted.iter().copied()));
    }
    assert!(PartitionSet::ALL.iter().eq(0..=u8::MAX));
}

#[test]
fn one_more_lock_is_taken_upwards_only() {
    let twin = Twin::new(1, true, false);
    let mut locks = twin.space.lock_one(9);
    locks.also(9);
    locks.also(200);
    locks.also(9);
    assert_eq!(locks.partition(200).table().len(), 0);
    let down = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| locks.also(100)));
    assert!(down.is_err(), "downwards could wait in a circle");
}

#[test]
#[should_panic(expected = "a command touches only keys that its table row names")]
fn a_partition_that_is_not_held_is_not_given() {
    let twin = Twin::new(1, true, false);
    twin.space.lock_one(9).partition(10);
}
