//! Repair by ranges: whatever changes meanwhile, it is a join with a copy that the other had, and it
//! sends little of what is equal.

mod costs;

use super::CASES;
use super::slot::{Closing, Slot};
use super::world::{Copy, Menu, World, everything, strings, value};
use crate::causal::ranges::Range;
use crate::causal::{
    Answer, Change, Counterpart, DigestSeed, Kind, Path, Progress, Record, Repair,
};
use crate::id::Dot;
use crate::random::Random;
use crate::testing::{Case, for_all};
use bytes::Bytes;
use std::num::NonZeroU64;

const BYTES_MAX: usize = 64 << 10;

fn seed() -> DigestSeed {
    DigestSeed::new(7)
}

/// A repair, with every answer that was given and the copy that gave it.
struct Talk {
    repair: Repair,
    bytes_max: usize,
    given: Vec<(Answer, Copy)>,
    asked_bytes: usize,
    answered_bytes: usize,
}

impl Talk {
    fn new(mine: &Copy, bytes_max: usize) -> Talk {
        let repair = Repair::new(&mine.record, &mine.horizon, seed(), bytes_max);
        Talk { repair, bytes_max, given: Vec::new(), asked_bytes: 0, answered_bytes: 0 }
    }

    /// Asks a copy; nothing is taken yet.
    fn ask(&mut self, other: &Copy) {
        let ask = self.repair.ask();
        let answer = other.record.answer(&ask, &other.horizon, seed(), self.bytes_max);
        assert!(!answer.findings.is_empty(), "every ask is answered with something");
        self.asked_bytes += ask.bytes();
        self.answered_bytes += answer.bytes();
        self.given.push((answer, other.clone()));
    }

    /// Takes one of the answers: what it comes to is the copy that gave this one.
    fn take(&mut self, mine: &Copy, at: usize) -> Option<(Counterpart, Copy)> {
        let (answer, other) = self.given[at].clone();
        match self.repair.take(&mine.record, &mine.horizon, answer) {
            Progress::Asks => None,
            Progress::Complete(counterpart) => Some((counterpart, other)),
        }
    }

    fn turn(&mut self, mine: &Copy, other: &Copy) -> Option<(Counterpart, Copy)> {
        self.ask(other);
        self.take(mine, self.given.len() - 1)
    }

    /// Turns until it is complete, with how many there were.
    fn finish(&mut self, mine: &Copy, other: &Copy, turns_max: usize) -> (Counterpart, usize) {
        for turn in 1..=turns_max {
            if let Some((counterpart, _)) = self.turn(mine, other) {
                return (counterpart, turn);
            }
        }
        panic!("not complete after {turns_max} turns");
    }
}

/// Asserts that joining a counterpart is joining the copy that it was made of.
fn assert_joins(mine: &Copy, counterpart: Counterpart, other: &Copy) -> Copy {
    let (mut repaired, mut joined) = (mine.clone(), mine.clone());
    let record = counterpart.record(&mine.record, &mine.horizon).expect("it knows more");
    if record.cells.digest(seed()) == counterpart.standing().digest {
        assert_eq!(record, other.record);
    }
    let mut by_record = mine.clone();
    by_record.record.join(&mine.horizon, &record, &other.horizon);
    let theirs = counterpart.join(&mut repaired.record, &repaired.horizon).expect("it knows more");
    assert_eq!(theirs, other.horizon);
    joined.record.join(&joined.horizon, &other.record, &other.horizon);
    assert_eq!(repaired.record, joined.record);
    assert_eq!(by_record.record, joined.record);
    let mut joined = mine.clone();
    joined.join(other);
    repaired.raise_cut(theirs.cut);
    assert_eq!(repaired.record, joined.record);
    joined
}

/// A world in which a node repairs its copy: it asks whom it likes, answers are lost, late and taken
/// again, and everybody goes on writing.
fn repairs_in(rng: &mut Case, menu: Menu) {
    let flushes = rng.chance(50);
    let mut world = World::run(rng, menu, flushes);
    let to = rng.below(world.nodes.len());
    let bytes_max = *rng.pick(&[0, 600, 2_000, BYTES_MAX]);
    let mut talk = Talk::new(&world.nodes[to].copy, bytes_max);
    let mut changes = if rng.chance(80) { 100 - world.history.events.len() } else { 0 };
    let (busy, tells) = (*rng.pick(&[5, 40, 90]), rng.chance(50));
    let mut from = rng.below(world.nodes.len());
    for turn in 0.. {
        assert!(turn < 5_000, "it ends");
        while changes > 0 && rng.chance(busy) {
            world.step(rng);
            changes -= 1;
        }
        if turn < 60 && rng.chance(10) {
            from = rng.below(world.nodes.len());
        }
        if tells && turn < 60 && !world.sent.is_empty() {
            let delta = &rng.pick(&world.sent).delta;
            talk.repair.follow(&world.nodes[to].copy.record, delta);
        }
        talk.ask(&world.nodes[from].copy.clone());
        while changes > 0 && rng.chance(busy) {
            world.step(rng);
            changes -= 1;
        }
        let late = turn < 60 && rng.chance(20);
        let at = if late { rng.below(talk.given.len()) } else { talk.given.len() - 1 };
        let Some((counterpart, other)) = talk.take(&world.nodes[to].copy, at) else { continue };
        while changes > 0 && rng.chance(busy) {
            world.step(rng);
            changes -= 1;
        }
        if rng.chance(20) {
            talk.repair.resume(counterpart);
            continue;
        }
        let mut joined = assert_joins(&world.nodes[to].copy, counterpart, &other);
        world.check(&joined);
        joined.join(&other);
        world.nodes[to].copy = joined;
        if changes == 0 || rng.chance(50) {
            return;
        }
    }
}

#[test]
fn a_repair_is_a_join_with_the_copy_that_answered() {
    for_all(CASES, |rng| {
        let menu = if rng.chance(30) { strings } else { everything };
        repairs_in(rng, menu);
    });
}

#[test]
fn a_repair_of_many_cells_is_a_join_with_the_copy_that_answered() {
    for_all(CASES / 50, |rng| {
        rng.size = rng.size.min(30);
        repairs_in(rng, wide);
    });
}

/// Hundreds of cells of all types at first, and few changes then.
fn wide(rng: &mut Random, record: &Record, now_ms: u64, dot: Dot) -> Change {
    if rng.chance(25) {
        return everything(rng, record, now_ms, dot);
    }
    let (puts, names) = if record.cells.len() < 200 { (150, 1_000) } else { (4, 1_000) };
    let (kind, path): (Kind, fn(Bytes) -> Path) = match rng.below(3) {
        0 => (Kind::Set, Path::Member),
        1 => (Kind::Zset, Path::Scored),
        _ => (Kind::Hash, Path::Field),
    };
    let put = (0..rng.below(puts + 1)).map(|_| (path(name(rng.below(names))), value(rng)));
    let put = put.collect();
    let held: Vec<&Path> = record.cells.keys().filter(|path| path.kind() == Some(kind)).collect();
    let gone = if held.is_empty() { 0 } else { rng.below(3) };
    let remove = (0..gone).map(|_| held[rng.below(held.len())].clone()).collect();
    Change::Cells { kind, put, remove }
}

fn name(number: usize) -> Bytes {
    Bytes::from(format!("name-{number:08}"))
}

/// Floors, crashes and lost data: what a repair brings in harms nobody.
#[test]
fn repairs_among_crashes_and_floors_resurrect_nothing_and_lose_nothing() {
    for_all(CASES, |rng| {
        let mut slot = Slot::new(rng, everything, Closing::WhenAllTakePart);
        let (to, from, key) = (rng.below(3), rng.below(3), rng.below(2));
        let mut talk = Talk::new(&slot.nodes[to].keys[key], *rng.pick(&[0, BYTES_MAX]));
        for _ in 0..4 * rng.size {
            slot.step(rng);
            if slot.can_talk(to, from) && rng.chance(60) {
                let mine = slot.nodes[to].keys[key].clone();
                let other = slot.nodes[from].keys[key].clone();
                if let Some((counterpart, other)) = talk.turn(&mine, &other) {
                    assert_joins(&mine, counterpart, &other);
                    slot.take_in(to, key, &other);
                }
            }
            slot.check();
        }
        slot.settle(rng);
        slot.check();
        assert!(slot.agrees());
    });
}

#[test]
fn the_parts_of_a_range_are_all_of_it() {
    for_all(CASES, |rng| {
        let width = rng.word() >> rng.below(64);
        let first = if rng.chance(20) { 0 } else { rng.word() };
        let range = Range::new(first, first.saturating_add(width)).expect("ascending");
        let width = NonZeroU64::MIN.saturating_add(width / (1 + rng.below(100) as u64));
        let parts: Vec<Range> = range.parts(width).collect();
        assert_eq!(
            (parts[0].first(), parts[parts.len() - 1].last()),
            (range.first(), range.last())
        );
        assert!(parts.is_sorted_by(|a, b| a.last() + 1 == b.first()));
        let (narrow, wide) = parts.split_last().expect("it is not empty");
        assert!(wide.iter().all(|part| part.last() - part.first() == width.get() - 1));
        assert!(narrow.last() - narrow.first() < width.get());
    });
}
