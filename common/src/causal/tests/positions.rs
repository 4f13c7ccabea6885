//! List positions: dense, ordered, distinct.

use super::CASES;
use crate::causal::Position;
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::testing::for_all;
use bytes::Bytes;
use std::collections::BTreeSet;

#[test]
fn a_position_lies_strictly_between_its_neighbours() {
    for_all(CASES, |rng| {
        let mut list: Vec<(Position, Dot)> = Vec::new();
        let mut clock = Hlc::new(1_000, 0);
        for _ in 0..2 * rng.size {
            clock = clock.tick(1_000 + rng.below(50) as u64);
            let dot = Dot { hlc: clock, actor: Actor(rng.word()) };
            // Favour one gap, so that fractions grow deep.
            let at = if rng.chance(50) { list.len() / 2 } else { rng.below(list.len() + 1) };
            for at in at..=at + rng.below(3) {
                let left = at.checked_sub(1).map(|at| &list[at].0);
                let position = Position::between(left, list.get(at).map(|item| &item.0), dot);
                assert!(left.is_none_or(|left| *left < position));
                assert!(list.get(at).is_none_or(|right| position < right.0));
                list.insert(at, (position, dot));
            }
        }
    });
}

#[test]
fn concurrent_positions_are_distinct_and_leave_room_between_them() {
    for_all(CASES, |rng| {
        let dot = |hlc: u64, actor: u64| Dot { hlc: Hlc(hlc), actor: Actor(actor) };
        let mut list = vec![Position::between(None, None, dot(1 << 20, 1))];
        for round in 2..2 + rng.size as u64 / 4 {
            let at = rng.below(list.len() + 1);
            let (left, right) = (at.checked_sub(1).map(|at| &list[at]), list.get(at));
            // The same clock on every actor: the worst case.
            let writers = (1..4).map(|actor| dot((1 << 20) + round, actor));
            let new: BTreeSet<Position> =
                writers.map(|dot| Position::between(left, right, dot)).collect();
            assert_eq!(new.len(), 3, "distinct");
            assert!(left.is_none_or(|left| new.iter().all(|position| left < position)));
            assert!(right.is_none_or(|right| new.iter().all(|position| position < right)));
            list.splice(at..at, new);
        }
    });
}

#[test]
fn a_push_lies_outside_and_costs_no_fraction() {
    for_all(CASES, |rng| {
        let (mut first, mut last): (Option<Position>, Option<Position>) = (None, None);
        let mut clock = Hlc::new(5, 0);
        for _ in 0..rng.size {
            clock = clock.tick(rng.below(30) as u64);
            let dot = Dot { hlc: clock, actor: Actor(rng.word()) };
            let right = rng.chance(50);
            for _ in 0..1 + rng.below(3) {
                let new = if right {
                    Position::between(last.as_ref(), None, dot)
                } else {
                    Position::between(None, first.as_ref(), dot)
                };
                assert_eq!(new.fraction, Bytes::new());
                if right {
                    assert!(last.as_ref().is_none_or(|last| *last < new));
                    first.get_or_insert(new.clone());
                    last = Some(new);
                } else {
                    assert!(first.as_ref().is_none_or(|first| new < *first));
                    last.get_or_insert(new.clone());
                    first = Some(new);
                }
            }
        }
    });
}

#[test]
fn between_one_place_and_itself_there_is_a_place_above() {
    let dot = Dot { hlc: Hlc(1 << 20), actor: Actor(1) };
    let end = Position::between(None, None, dot);
    assert!(Position::between(Some(&end), Some(&end), dot) > end);
}

#[test]
fn inserts_in_one_gap_grow_by_a_byte_in_several() {
    let dot = |hlc: u64| Dot { hlc: Hlc(hlc), actor: Actor(7) };
    let left = Position::between(None, None, dot(1 << 20));
    let right = Position::between(Some(&left), None, dot(2 << 20));
    let (mut after, mut before) = (left.clone(), right.clone());
    for n in 0..1_000 {
        after = Position::between(Some(&after), Some(&right), dot((3 << 20) + n));
        before = Position::between(Some(&left), Some(&before), dot((3 << 20) + n));
    }
    assert!(after.fraction.len() <= 20, "upwards: {}", after.fraction.len());
    assert!(before.fraction.len() <= 160, "downwards: {}", before.fraction.len());
}
