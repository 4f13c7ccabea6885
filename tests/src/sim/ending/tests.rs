//! The checks of what owners hold, fed with what they must complain of.

use super::super::cluster::Cluster;
use super::super::plan::Durability;
use super::super::watch::Watch;
use super::*;
use kinring_common::causal::{Added, Delta, Floor, Removed};
use kinring_common::clock::{Hlc, Now};
use kinring_common::id::{Actor, Dot};
use kinring_common::keyspace::{Effects, Pass, Source};

const NAME: Bytes = Bytes::from_static(b"{t0}k0");

/// Somebody sets the key to a value that nobody else knows.
fn write(ms: u64, value: &'static str) -> Delta {
    let value = Bytes::from(value);
    Delta {
        base: Context::new(),
        floor: Floor::new(),
        cut: Hlc::ZERO,
        dot: Dot { hlc: Hlc::new(ms, 0), actor: Actor(9) },
        removed: Removed::AllCovered,
        added: [Added::Base { path: Path::Text, value }].into_iter().collect(),
    }
}

fn copy(delta: &Delta) -> Stored {
    let (horizon, mut record) = (Horizon::default(), Record::default());
    record.apply(delta, &horizon);
    Stored { horizon, record }
}

fn copies_of(deltas: &[Delta]) -> Vec<(usize, Stored)> {
    deltas.iter().map(copy).enumerate().collect()
}

#[test]
fn copies_that_are_equal_are_neither_unequal_nor_diverged() {
    let copies = copies_of(&[write(1, "a"), write(1, "a"), write(1, "a")]);
    assert_eq!(unequal_copies(&NAME, &copies), None);
    assert_eq!(diverged_copies(&NAME, &copies), None);
    assert_eq!(diverged_copies(&NAME, &[]), None);
}

#[test]
fn copies_that_saw_the_same_and_differ_are_unequal_whichever_they_are() {
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        // The third one has seen more: it may hold something else.
        let mut deltas = vec![write(2, "c"), write(2, "c"), write(2, "c")];
        (deltas[one], deltas[other]) = (write(1, "a"), write(1, "b"));
        let found = unequal_copies(&NAME, &copies_of(&deltas)).expect("they differ");
        assert_eq!((found.one.0, found.other.0), (one, other));
        let said = found.to_string();
        assert!(said.contains("have seen the same and differ"), "{said}");
    }
}

#[test]
fn copies_that_saw_different_events_have_diverged_and_are_not_unequal() {
    let copies = copies_of(&[write(1, "a"), write(1, "a"), write(2, "b")]);
    assert_eq!(unequal_copies(&NAME, &copies), None);
    let found = diverged_copies(&NAME, &copies).expect("they differ");
    assert_eq!((found.one.0, found.other.0), (0, 2));
}

#[test]
fn what_is_settled_counts_as_seen() {
    let mut copies = copies_of(&[write(1, "a"), write(1, "b")]);
    let floor = Floor::from([write(1, "a").dot].into_iter().collect::<Context>());
    let horizon = Horizon { floor, cut: Hlc::ZERO };
    copies.iter_mut().for_each(|(_, copy)| copy.horizon = horizon.clone());
    copies[1].1.record.context = Context::new();
    assert!(unequal_copies(&NAME, &copies).is_some(), "one has pruned its context");
}

/// Three owners in peace; then some of them hold what nobody told them.
fn cluster<'p>(plan: &'p Plan, deltas: &[(usize, Delta)]) -> Cluster<'p> {
    let mut cluster = Cluster::new(plan, Watch::nothing());
    cluster.go(2_000_000, |_| false, false);
    for (n, delta) in deltas {
        let space = cluster.hosts[*n].node.as_ref().expect("it runs").keyspace();
        let at = space.locate(0, &NAME);
        let mut locks = space.lock_one(at.partition);
        let (now, effects) = (Now { wall_ms: 1, mono_us: 0 }, &mut Effects::default());
        let source = Source::Fleeting;
        let mut pass = Pass { db: 0, now, lru: 0, effects, source, expires: false };
        locks.partition(at.partition).apply(&at, &NAME, delta, &mut pass);
    }
    cluster
}

fn looked_at(plan: &Plan, deltas: &[(usize, Delta)]) -> (Option<Difference>, Option<Difference>) {
    let cluster = cluster(plan, deltas);
    let (names, hosts) = (BTreeSet::from([NAME]), &cluster.hosts);
    (unequal(&names, plan, hosts), diverged(&names, plan, hosts))
}

#[test]
fn whole_nodes_are_compared_key_by_key() {
    let plan = Plan::quiet(1, 3, Durability::Always, 10_000_000);
    assert_eq!(looked_at(&plan, &[]), (None, None));
    let same = [0, 1, 2].map(|n| (n, write(1, "a")));
    assert_eq!(looked_at(&plan, &same), (None, None));
    let (unequal, diverged) = looked_at(&plan, &[(0, write(1, "a")), (1, write(1, "a"))]);
    assert_eq!(unequal, None);
    assert_eq!(diverged.expect("the third one lacks it").other.0, 2);
    let (unequal, diverged) = looked_at(&plan, &[(0, write(1, "a")), (2, write(1, "b"))]);
    assert_eq!(diverged.expect("the second one lacks it").other.0, 1);
    let wrong = unequal.expect("they differ").wrong(&plan, 5..7);
    assert_eq!((wrong.about, wrong.span), (About::key(&plan, &NAME), 5..7));
}

#[test]
fn a_cluster_stops_at_copies_that_differ() {
    let plan = Plan::quiet(1, 3, Durability::Always, 10_000_000);
    let deltas = [(0, write(1, "a")), (1, write(1, "b")), (2, write(1, "b"))];
    let mut cluster = cluster(&plan, &deltas);
    cluster.names.insert(NAME);
    cluster.go(12_000_000, |_| false, false);
    let wrong = cluster.wrong.expect("they differ");
    assert!(wrong.what.contains("nodes 0 and 1 have seen the same and differ"), "{wrong}");
    assert!(wrong.span.contains(&cluster.now_us));
}

#[test]
fn a_queue_past_its_bound_is_named() {
    let queues = [("short", 1, 2), ("full", 7, 7), ("long", 8, 7), ("longer", 99, 7)];
    assert_eq!(longer(&queues), Some("long: 8, at most 7".into()));
    assert_eq!(longer(&queues[..2]), None);
}
