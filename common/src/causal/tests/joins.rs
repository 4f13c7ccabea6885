//! Joins and deltas: whatever the network does, copies that have seen the same are the same.

use super::CASES;
use super::world::{Copy, Menu, World, everything, strings};
use crate::causal::{Applied, Horizon};
use crate::id::Actor;
use crate::random::Random;
use crate::testing::{Case, for_all};
use std::collections::HashMap;

fn world(rng: &mut Case) -> World {
    let flushes = rng.chance(50);
    let menu = menu(rng);
    World::run(rng, menu, flushes)
}

/// Strings alone now and then: their siblings meet more often than among all types.
fn menu(rng: &mut Random) -> Menu {
    if rng.chance(40) { strings } else { everything }
}

/// A world and three copies from any time of it.
fn copies(rng: &mut Case) -> (World, [Copy; 3]) {
    let world = world(rng);
    let three = [(); 3].map(|()| rng.pick(&world.past).clone());
    (world, three)
}

fn joined(a: &Copy, b: &Copy) -> Copy {
    let mut copy = a.clone();
    copy.join(b);
    copy
}

fn assert_same(a: &Copy, b: &Copy, actors: &[Actor]) {
    assert_eq!(a.record.cells, b.record.cells);
    assert_eq!(a.effective(actors), b.effective(actors));
    assert_eq!(a.horizon.cut, b.horizon.cut);
}

#[test]
fn a_copy_holds_and_has_seen_what_its_history_says() {
    for_all(CASES, |rng| {
        let flushes = rng.chance(50);
        let menu = menu(rng);
        let mut world = World::new(rng, menu, flushes);
        for _ in 0..rng.size {
            world.step(rng);
            world.check(world.past.last().expect("a step leaves a copy"));
        }
    });
}

#[test]
fn join_is_commutative() {
    for_all(CASES, |rng| {
        let (world, [a, b, _]) = copies(rng);
        assert_same(&joined(&a, &b), &joined(&b, &a), &world.actors());
    });
}

#[test]
fn join_is_associative() {
    for_all(CASES, |rng| {
        let (world, [a, b, c]) = copies(rng);
        let (left, right) = (joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        assert_same(&left, &right, &world.actors());
    });
}

#[test]
fn join_is_idempotent() {
    for_all(CASES, |rng| {
        let (world, [a, b, _]) = copies(rng);
        assert_same(&joined(&a, &a), &a, &world.actors());
        let both = joined(&a, &b);
        assert_same(&joined(&both, &b), &both, &world.actors());
        assert_same(&joined(&a, &both), &both, &world.actors());
    });
}

#[test]
fn a_join_knows_what_either_side_knew_and_no_more() {
    for_all(CASES, |rng| {
        let (world, [a, b, _]) = copies(rng);
        world.check(&joined(&a, &b));
    });
}

/// A join with a copy whose cut is not raised first comes to the same when it is raised after.
#[test]
fn a_cut_may_be_raised_before_or_after_the_join() {
    for_all(CASES, |rng| {
        let world = World::run(rng, everything, true);
        let (a, b) = (rng.pick(&world.past).clone(), rng.pick(&world.past).clone());
        let mut late = a.clone();
        late.record.join(&a.horizon, &b.record, &b.horizon);
        let cut = a.horizon.cut.max(b.horizon.cut);
        assert!(late.record.elements().all(|element| element.dot.hlc > cut));
        late.raise_cut(b.horizon.cut);
        assert_same(&late, &joined(&a, &b), &world.actors());
    });
}

#[test]
fn deltas_in_any_order_lost_and_repeated_end_equal_with_repair() {
    for_all(CASES, |rng| {
        let mut world = world(rng);
        for _ in 0..2 * world.net.len() {
            let (parcel, at) = (rng.below(world.net.len()), rng.below(world.nodes.len()));
            if world.deliver(parcel, at) == Applied::Gap && rng.chance(70) {
                let other = rng.below(world.nodes.len());
                world.join(at, &world.nodes[other].copy.clone());
            }
        }
        world.heal();
        for node in &world.nodes {
            assert_same(&node.copy, &world.nodes[0].copy, &world.actors());
            world.check(&node.copy);
        }
    });
}

/// No repair: each node takes every delta that was ever sent, in any order, until none fits.
#[test]
fn deltas_alone_bring_every_copy_to_the_same_record() {
    for_all(CASES, |rng| {
        let menu = menu(rng);
        let mut world = World::run(rng, menu, false);
        world.net = world.sent.clone();
        rng.shuffle(&mut world.net);
        for at in 0..world.nodes.len() {
            for _pass in 0..world.net.len() {
                (0..world.net.len()).for_each(|parcel| {
                    world.deliver(parcel, at);
                });
            }
            assert_same(&world.nodes[at].copy, &world.nodes[0].copy, &world.actors());
        }
    });
}

#[test]
fn equal_contexts_mean_equal_records() {
    for_all(CASES, |rng| {
        let world = world(rng);
        let actors = world.actors();
        let mut by_context: HashMap<_, &Copy> = HashMap::new();
        for copy in &world.past {
            let key = (copy.effective(&actors), copy.horizon.cut);
            let first = by_context.entry(key).or_insert(copy);
            assert_eq!(first.record.cells, copy.record.cells);
        }
    });
}

/// Delivers every parcel to a copy of every node, and says what must come of it.
fn deliver_all(rng: &mut Case, check: impl Fn(&World, &Copy, &Copy, Applied, Applied)) {
    let mut world = world(rng);
    for parcel in 0..world.net.len() {
        for at in 0..world.nodes.len() {
            let (before, expected) = (world.nodes[at].copy.clone(), world.expected(parcel, at));
            let applied = world.deliver(parcel, at);
            check(&world, &before, &world.nodes[at].copy, expected, applied);
            if rng.chance(60) {
                world.nodes[at].copy = before;
            }
        }
    }
}

#[test]
fn a_delta_with_a_gap_is_never_applied() {
    for_all(CASES, |rng| {
        deliver_all(rng, |_, before, after, expected, applied| {
            assert_eq!(expected == Applied::Gap, applied == Applied::Gap);
            if applied == Applied::Gap {
                assert_eq!(before.record, after.record);
            }
        });
    });
}

#[test]
fn a_covered_delta_is_discarded_whole() {
    for_all(CASES, |rng| {
        deliver_all(rng, |_, before, after, expected, applied| {
            assert_eq!(expected == Applied::Covered, applied == Applied::Covered);
            if applied == Applied::Covered {
                assert_eq!(before.record, after.record);
            }
        });
    });
}

#[test]
fn a_delta_does_what_a_join_with_its_coordinator_would() {
    for_all(CASES, |rng| {
        let mut world = world(rng);
        let (from, to) = (rng.below(world.nodes.len()), rng.below(world.nodes.len()));
        let source = world.nodes[from].copy.clone();
        world.join(to, &source);
        world.write(rng, from);
        let source = world.nodes[from].copy.clone();
        let by_join = joined(&world.nodes[to].copy, &source);
        if from != to
            && world.nodes[to].copy.horizon.cut < world.net.last().expect("one").delta.dot.hlc
        {
            assert_eq!(world.deliver(world.net.len() - 1, to), Applied::Applied);
        }
        assert_same(&world.nodes[to].copy, &by_join, &world.actors());
    });
}

#[test]
fn a_cut_kills_what_is_at_or_below_it_and_nothing_above() {
    for_all(CASES, |rng| {
        let world = World::run(rng, everything, true);
        let copy = rng.pick(&world.past);
        let dots: Vec<_> = copy.record.elements().map(|element| element.dot).collect();
        let cut = dots.get(rng.below(dots.len() + 1)).map_or(copy.horizon.cut, |dot| dot.hlc);
        let mut flushed = copy.clone();
        flushed.raise_cut(cut);
        let left: Vec<_> = flushed.record.elements().collect();
        let cut = flushed.horizon.cut;
        let above: Vec<_> =
            copy.record.elements().filter(|element| element.dot.hlc > cut).collect();
        assert_eq!(left, above);
        world.check(&flushed);
    });
}

/// A cut may be raised long before a record is pruned: a join must not wait for that.
#[test]
fn a_join_kills_what_a_cut_says_even_where_both_still_hold_it() {
    for_all(CASES, |rng| {
        let (world, [a, b, _]) = copies(rng);
        let cut = a.record.context.highest();
        let late = Horizon { cut: cut.max(a.horizon.cut), ..a.horizon.clone() };
        let mut joined_late = a.clone();
        joined_late.record.join(&late, &b.record, &b.horizon);
        joined_late.raise_cut(late.cut.max(b.horizon.cut));
        let mut raised = Copy { horizon: late.clone(), ..a.clone() };
        raised.record.join(&late, &a.record, &a.horizon);
        assert!(raised.record.elements().all(|element| element.dot.hlc > late.cut));
        raised.join(&b);
        assert_same(&joined_late, &raised, &world.actors());
    });
}

#[test]
fn a_cut_is_forgotten_by_no_exchange() {
    for_all(CASES, |rng| {
        let mut world = World::run(rng, everything, true);
        let cut = world.nodes.iter().map(|node| node.copy.horizon.cut).max().expect("nodes");
        world.heal();
        for parcel in 0..world.net.len() {
            for at in 0..world.nodes.len() {
                let dead = world.net[parcel].delta.dot.hlc <= cut;
                let applied = world.deliver(parcel, at);
                assert!(!dead || applied == Applied::Covered);
            }
        }
        let old = rng.pick(&world.past).clone();
        world.join(0, &old);
        for node in &world.nodes {
            assert_eq!(node.copy.horizon.cut, cut);
            assert!(node.copy.record.elements().all(|element| element.dot.hlc > cut));
        }
    });
}
