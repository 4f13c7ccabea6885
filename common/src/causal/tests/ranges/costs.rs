//! What a repair sends, how long it takes and what it holds, with copies of a large hash.

use super::{BYTES_MAX, Talk, assert_joins, name, seed};
use crate::causal::ranges::{PARTS, Range};
use crate::causal::tests::world::Copy;
use crate::causal::{Answer, Applied, Ask, Change, Delta, Finding, Kind, Path, Record};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::testing::for_all;
use bytes::Bytes;
use std::num::NonZeroU64;

/// Two copies of a hash, of which either may change.
struct Pair {
    mine: Copy,
    other: Copy,
    clock: Hlc,
}

impl Pair {
    fn equal(cells: usize) -> Pair {
        let mut pair =
            Pair { mine: Copy::default(), other: Copy::default(), clock: Hlc::new(9, 0) };
        pair.write(0..cells, 0..0);
        pair.mine = pair.other.clone();
        pair
    }

    /// A write by the other.
    fn write(
        &mut self,
        put: impl IntoIterator<Item = usize>,
        remove: impl IntoIterator<Item = usize>,
    ) -> Delta {
        write(&mut self.other, Actor(2), &mut self.clock, put, remove)
    }

    /// A write here.
    fn write_here(
        &mut self,
        put: impl IntoIterator<Item = usize>,
        remove: impl IntoIterator<Item = usize>,
    ) {
        write(&mut self.mine, Actor(1), &mut self.clock, put, remove);
    }

    fn talk(&self) -> Talk {
        Talk::new(&self.mine, BYTES_MAX)
    }
}

fn write(
    copy: &mut Copy,
    actor: Actor,
    clock: &mut Hlc,
    put: impl IntoIterator<Item = usize>,
    remove: impl IntoIterator<Item = usize>,
) -> Delta {
    *clock = clock.tick(10);
    let dot = Dot { hlc: *clock, actor };
    let put = put.into_iter();
    let put = put.map(|at| (Path::Field(name(at)), Bytes::from(format!("value {at:020}"))));
    let remove = remove.into_iter().map(|at| Path::Field(name(at)));
    let change = Change::Cells { kind: Kind::Hash, put: put.collect(), remove: remove.collect() };
    let delta = copy.record.plan(change, dot, &copy.horizon, 10);
    assert_eq!(copy.record.apply(&delta, &copy.horizon), Applied::Applied);
    delta
}

/// What the whole record would take.
fn whole_bytes(copy: &Copy) -> usize {
    let cells = copy.record.cells.iter().map(|(path, cell)| (path.clone(), cell.clone())).collect();
    let standing = copy.record.answer(&Ask::default(), &copy.horizon, seed(), 0).standing;
    Answer { standing, findings: vec![Finding::Cells { range: Range::ALL, cells }] }.bytes()
}

#[test]
fn ten_changes_among_twenty_thousand_cells_send_less_than_a_fiftieth() {
    let mut pair = Pair::equal(20_000);
    pair.write((0..4).map(|at| at * 4_999), [17, 1_717, 17_017]);
    pair.write((0..3).map(|at| at + 30_000), []);
    let mut talk = pair.talk();
    let (counterpart, turns) = talk.finish(&pair.mine, &pair.other, 5);
    let (sent, whole) = (talk.asked_bytes + talk.answered_bytes, whole_bytes(&pair.other));
    println!("{sent} bytes of {whole} in {turns} turns");
    assert!(sent * 100 < whole, "{sent} of {whole}");
    let joined = assert_joins(&pair.mine, counterpart, &pair.other);
    assert_eq!(joined.record, pair.other.record);
}

#[test]
fn what_is_missing_whole_is_sent_once() {
    let full = Pair::equal(20_000);
    let empty = Copy::default();
    let mut talk = Talk::new(&empty, BYTES_MAX);
    let (counterpart, turns) = talk.finish(&empty, &full.other, 40);
    let (sent, whole) = (talk.asked_bytes + talk.answered_bytes, whole_bytes(&full.other));
    println!("{sent} bytes of {whole} in {turns} turns");
    assert!(sent < whole + whole / 20, "{sent} of {whole}");
    assert_joins(&empty, counterpart, &full.other);
}

#[test]
fn what_was_rewritten_whole_costs_no_more_than_half_again() {
    let mut pair = Pair::equal(5_000);
    pair.write(0..5_000, 0..0);
    let mut talk = pair.talk();
    let (counterpart, turns) = talk.finish(&pair.mine, &pair.other, 40);
    let (sent, whole) = (talk.asked_bytes + talk.answered_bytes, whole_bytes(&pair.other));
    println!("{sent} bytes of {whole} in {turns} turns");
    assert!(sent < whole + whole / 2, "{sent} of {whole}");
    assert_joins(&pair.mine, counterpart, &pair.other);
}

#[test]
fn what_was_deleted_whole_costs_one_small_answer() {
    let mut pair = Pair::equal(5_000);
    pair.write(0..0, 0..5_000);
    let mut talk = pair.talk();
    let (counterpart, _) = talk.finish(&pair.mine, &pair.other, 1);
    assert!(talk.answered_bytes < 200);
    let joined = assert_joins(&pair.mine, counterpart, &pair.other);
    assert!(joined.record.cells.is_empty());
}

#[test]
fn equal_copies_find_out_in_one_turn() {
    let pair = Pair::equal(1_000);
    let (_, turns) = pair.talk().finish(&pair.mine, &pair.other, 1);
    assert_eq!(turns, 1);
}

#[test]
fn no_message_is_larger_than_its_bound() {
    for_all(20, |rng| {
        let mut pair = Pair::equal(2_000);
        let put: Vec<usize> = (0..500).map(|_| rng.below(4_000)).collect();
        pair.write(put, (0..50).map(|_| rng.below(2_000)));
        let bytes_max = 1_000 + rng.below(5_000);
        let mut talk = Talk::new(&pair.mine, bytes_max);
        for _ in 0..2_000 {
            assert!(talk.repair.ask().bytes() <= bytes_max);
            let complete = talk.turn(&pair.mine, &pair.other);
            let (answer, _) = talk.given.last().expect("given");
            assert!(answer.bytes() <= bytes_max, "{} of {bytes_max}", answer.bytes());
            talk.given.clear();
            if let Some((counterpart, other)) = complete {
                assert_joins(&pair.mine, counterpart, &other);
                return;
            }
        }
        panic!("it ends");
    });
}

#[test]
fn a_cell_larger_than_the_bound_goes_alone() {
    let mut pair = Pair::equal(100);
    let dot = Dot { hlc: pair.clock.tick(20), actor: Actor(2) };
    let large = Bytes::from(vec![b'x'; 10_000]);
    let put = (0..40).step_by(4).map(|at| (Path::Field(name(at)), large.clone())).collect();
    let change = Change::Cells { kind: Kind::Hash, put, remove: Vec::new() };
    let delta = pair.other.record.plan(change, dot, &pair.other.horizon, 20);
    pair.other.record.apply(&delta, &pair.other.horizon);
    pair.clock = dot.hlc;
    pair.write(50..60, 0..0);
    let mut talk = Talk::new(&pair.mine, 2_000);
    let (counterpart, _) = talk.finish(&pair.mine, &pair.other, 100);
    for (answer, _) in talk.given.iter().filter(|(answer, _)| answer.bytes() > 2_000) {
        let cells = |finding: &Finding| match finding {
            Finding::Cells { cells, .. } => cells.len(),
            digests => panic!("{digests:?} beside a large cell"),
        };
        assert_eq!(answer.findings.iter().map(cells).sum::<usize>(), 1);
    }
    assert_joins(&pair.mine, counterpart, &pair.other);
}

#[test]
fn it_ends_when_the_other_pauses_though_much_is_written_here() {
    for_all(10, |rng| {
        let mut pair = Pair::equal(3_000);
        let mut talk = pair.talk();
        for turn in 0..30 {
            pair.write_here([rng.below(4_000)], [rng.below(3_000)]);
            if turn < 20 {
                pair.write([rng.below(4_000)], [rng.below(3_000)]);
            }
            if let Some((counterpart, other)) = talk.turn(&pair.mine, &pair.other) {
                assert!(turn >= 20, "a change before every answer leaves no pass whole");
                pair.write_here([rng.below(4_000)], [rng.below(3_000)]);
                assert_joins(&pair.mine, counterpart, &other);
                return;
            }
        }
        panic!("two passes are at most nine turns");
    });
}

#[test]
fn it_ends_under_changes_that_it_is_told_of() {
    for_all(20, |rng| {
        let mut pair = Pair::equal(3_000);
        pair.write(0..300, 0..0);
        let mut talk = pair.talk();
        for _ in 0..5 {
            let delta = pair.write([rng.below(4_000), rng.below(4_000)], [rng.below(3_000)]);
            talk.repair.follow(&pair.mine.record, &delta);
            pair.write_here([rng.below(4_000)], [rng.below(4_000) + 4_000]);
            let Some((counterpart, other)) = talk.turn(&pair.mine, &pair.other) else { continue };
            assert_joins(&pair.mine, counterpart, &other);
            return;
        }
        panic!("it needs one pass");
    });
}

#[test]
fn under_changes_a_pass_sends_what_was_changed_since_the_one_before() {
    let mut pair = Pair::equal(20_000);
    pair.write(0..2_000, 0..0);
    let mut talk = pair.talk();
    let mut passes = Vec::new();
    for turn in 0..60 {
        if talk.repair.ask().compare == [Range::ALL] {
            passes.push(talk.answered_bytes);
        }
        pair.write([turn * 331 % 20_000, 20_000 + turn], [turn * 97 % 2_000]);
        assert!(talk.turn(&pair.mine, &pair.other).is_none());
    }
    println!("{passes:?}");
    assert!(passes.len() > 8);
    let later = passes[1..].windows(2).map(|pass| pass[1] - pass[0]);
    assert!(later.max().expect("passes") < passes[1] / 10);
    let (counterpart, _) = talk.finish(&pair.mine, &pair.other, 9);
    assert_joins(&pair.mine, counterpart, &pair.other);
}

#[test]
fn what_is_staged_is_what_differs() {
    let mut pair = Pair::equal(5_000);
    pair.write(0..100, 0..0);
    let mut talk = pair.talk();
    let mut most = 0;
    while talk.turn(&pair.mine, &pair.other).is_none() {
        most = most.max(talk.repair.bytes());
        // It never ends, and then all is equal again but for what is written now.
        pair.write([talk.given.len() % 5, 4_000 + talk.given.len() % 5], []);
        if talk.given.len() == 20 {
            pair.mine.join(&pair.other.clone());
        }
        if talk.given.len() == 40 {
            break;
        }
    }
    assert!(most > 100 * 60 && most < 100 * 200, "{most}");
    assert!(talk.repair.bytes() < 10 * 200, "{}", talk.repair.bytes());
}

#[test]
fn findings_that_were_not_asked_for_are_passed_over() {
    let mut pair = Pair::equal(500);
    pair.write(0..20, 20..30);
    let mut talk = pair.talk();
    talk.turn(&pair.mine, &pair.other);
    let before = format!("{:?}", talk.repair);
    let whole = Ask { compare: vec![Range::ALL], fetch: vec![Range::ALL] };
    let unasked = pair.other.record.answer(&whole, &pair.other.horizon, seed(), BYTES_MAX);
    let wanted = talk.repair.ask().compare[0];
    let wrong = |findings| Answer { standing: unasked.standing.clone(), findings };
    let width = NonZeroU64::new(1 << 50).expect("not 0");
    let backwards = vec![(wanted.last(), 1), (wanted.first(), 1)];
    for answer in [
        unasked.clone(),
        wrong(vec![Finding::Split { range: wanted, width, digests: vec![1; PARTS - 1] }]),
        wrong(vec![Finding::Listed { range: wanted, places: vec![(0, 1), (u64::MAX, 1)] }]),
        wrong(vec![Finding::Listed { range: wanted, places: backwards }]),
    ] {
        talk.repair.take(&pair.mine.record, &pair.mine.horizon, answer);
        assert_eq!(format!("{:?}", talk.repair), before);
    }
    let (counterpart, _) = talk.finish(&pair.mine, &pair.other, 9);
    assert_joins(&pair.mine, counterpart, &pair.other);
}

#[test]
fn ranges_that_overlap_are_answered_once() {
    let pair = Pair::equal(500);
    let ask = Ask { compare: vec![Range::ALL; 3], fetch: vec![Range::of_place(9), Range::ALL] };
    let answer = pair.other.record.answer(&ask, &pair.other.horizon, seed(), BYTES_MAX);
    assert_eq!(answer.findings.len(), 2);
}

#[test]
fn a_copy_that_has_forgotten_is_not_joined() {
    let mut pair = Pair::equal(10);
    pair.write(0..5, 0..0);
    let (counterpart, _) = pair.talk().finish(&pair.mine, &pair.other, 9);
    let mut forgot = Copy::default();
    assert_eq!(counterpart.join(&mut forgot.record, &forgot.horizon), None);
    assert_eq!(forgot.record, Record::default());
}

#[test]
fn while_nothing_goes_here_what_it_comes_to_is_the_copy_itself() {
    let mut pair = Pair::equal(2_000);
    pair.write(0..50, 100..150);
    // Of what counts no more where this copy is replaced.
    pair.write_here(200..250, 300..350);
    let (counterpart, _) = pair.talk().finish(&pair.mine, &pair.other, 9);
    let record = |pair: &Pair| counterpart.record(&pair.mine.record, &pair.mine.horizon);
    assert_eq!(record(&pair).as_ref(), Some(&pair.other.record));
    let digest = |record: Option<Record>| record.expect("it knows more").cells.digest(seed());
    pair.write_here(5_000..5_010, 0..0);
    assert_eq!(digest(record(&pair)), counterpart.standing().digest, "what is new is left out");
    pair.write_here(0..0, 400..401);
    assert_ne!(digest(record(&pair)), counterpart.standing().digest, "what has gone is missing");
    pair.mine = Copy::default();
    assert_eq!(record(&pair), None, "it has forgotten");
}
