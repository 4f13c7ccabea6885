//! What waits for what, case by case and beside a model that knows which owner holds which write.

use super::*;
use kinring_common::random::Random;
use std::collections::BTreeSet;

fn named(key: &[u8]) -> Name {
    Name { db: 0, key: bytes::Bytes::copy_from_slice(key) }
}

fn keys(names: &[&str]) -> Touched {
    Touched::Keys(names.iter().map(|name| named(name.as_bytes())).collect())
}

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

#[test]
fn a_read_waits_for_the_write_that_it_saw_and_for_no_other() {
    let mut flight = Flight::new(Quorum::majority(3), Keyed::new(1));
    let x = flight.begin(keys(&["x"]));
    assert_eq!(flight.reply(&keys(&["x"]), "of x"), None);
    assert_eq!(flight.reply(&keys(&["y"]), "of y"), Some("of y"));
    assert!(flight.acknowledged(x, A).is_empty());
    assert!(flight.acknowledged(x, A).is_empty(), "the same owner again");
    assert_eq!(flight.acknowledged(x, B)[..], ["of x"]);
    assert_eq!(flight.reply(&keys(&["x"]), "of x"), Some("of x"));
    assert!(flight.acknowledged(x, NodeId(3)).is_empty(), "late");
}

#[test]
fn a_later_write_of_the_key_speaks_for_the_earlier() {
    let mut flight = Flight::new(Quorum::majority(3), Keyed::new(1));
    let first = flight.begin(keys(&["x"]));
    assert_eq!(flight.reply(&keys(&["x"]), 1), None);
    let second = flight.begin(keys(&["x", "y"]));
    assert_eq!(flight.reply(&keys(&["y", "x"]), 2), None);
    assert!(flight.acknowledged(second, A).is_empty());
    assert_eq!(flight.acknowledged(second, B)[..], [2]);
    assert!(flight.acknowledged(first, A).is_empty());
    assert_eq!(flight.acknowledged(first, B)[..], [1]);
}

#[test]
fn everybody_waits_for_a_flush_and_a_flush_for_everybody() {
    let mut flight = Flight::new(Quorum::majority(3), Keyed::new(1));
    let x = flight.begin(keys(&["x"]));
    let flush = flight.begin(Touched::All);
    assert_eq!(flight.reply(&Touched::All, "flush"), None);
    assert_eq!(flight.reply(&keys(&["z"]), "z"), None);
    assert!(flight.acknowledged(flush, A).is_empty());
    assert_eq!(flight.acknowledged(flush, B)[..], ["z"]);
    assert!(flight.acknowledged(x, A).is_empty());
    assert_eq!(flight.acknowledged(x, B)[..], ["flush"]);
}

#[test]
fn what_waits_for_all_is_noted_once_and_leaves_after_the_last_of_them() {
    let mut flight = Flight::new(Quorum::majority(1), Keyed::new(1));
    let writes: Vec<Sequence> = (0..100).map(|n| flight.begin(keys(&[&format!("k{n}")]))).collect();
    (0..1_000).for_each(|number| assert_eq!(flight.reply(&Touched::All, number), None));
    let later = flight.begin(keys(&["later"]));
    assert_eq!(flight.reply(&Touched::All, 1_000), None);
    let noted = flight.writes.iter().map(|(_, write)| write.waiting.len()).sum::<usize>();
    assert_eq!((noted, flight.shared.len(), flight.replies()), (0, 0, 1_001));
    for write in writes[1..].iter().rev() {
        assert!(flight.acknowledged(*write, A).is_empty());
    }
    assert_eq!(flight.acknowledged(writes[0], A).len(), 1_000);
    assert_eq!(flight.acknowledged(later, A)[..], [1_000]);
    assert_eq!((flight.replies(), flight.reply(&Touched::All, 0)), (0, Some(0)));
}

#[test]
fn what_is_abandoned_comes_back_whole_and_leaves_nothing() {
    let mut flight = Flight::new(Quorum::majority(3), Keyed::new(1));
    let x = flight.begin(keys(&["x"]));
    flight.begin(Touched::All);
    assert_eq!((flight.reply(&keys(&["x"]), 1), flight.reply(&keys(&["y"]), 2)), (None, None));
    assert_eq!(flight.missing(A).count(), 2);
    assert_eq!(flight.abandon(), [1, 2]);
    assert!(flight.is_empty() && flight.acknowledged(x, A).is_empty());
    assert_eq!(flight.reply(&keys(&["x"]), 3), Some(3));
}

#[test]
fn a_full_table_says_so() {
    let mut flight = Flight::<()>::new(Quorum::majority(1), Keyed::new(1));
    let all: Vec<Sequence> = (0..WRITES_MAX).map(|_| flight.begin(keys(&["x"]))).collect();
    assert!(flight.is_full());
    flight.acknowledged(all[0], A);
    assert!(!flight.is_full());
}

/// Which owners hold which writes of each key, told apart from the table: an owner holds a key's
/// writes up to one of them.
struct Model {
    writes: Vec<(Sequence, BTreeSet<usize>, BTreeSet<u64>)>,
    replies: Vec<(BTreeSet<usize>, usize, bool)>,
}

#[test]
fn a_reply_leaves_as_soon_as_all_that_it_saw_is_on_enough_owners_and_no_sooner() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let quorum = *random.pick(&[Quorum::majority(3), Quorum::majority(5), Quorum::majority(1)]);
        let mut flight = Flight::new(quorum, Keyed::new(seed));
        let mut model = Model { writes: Vec::new(), replies: Vec::new() };
        for _ in 0..200 {
            let some: BTreeSet<usize> = (0..1 + random.below(2)).map(|_| random.below(4)).collect();
            let names: Names = some.iter().map(|key| named(&[*key as u8])).collect();
            let mut left = Vec::new();
            match random.below(3) {
                0 => {
                    let sequence = flight.begin(Touched::Keys(names));
                    model.writes.push((sequence, some, BTreeSet::new()));
                }
                1 => {
                    let number = model.replies.len();
                    model.replies.push((some, model.writes.len(), false));
                    left.extend(flight.reply(&Touched::Keys(names), number));
                }
                _ if !model.writes.is_empty() => {
                    let (at, by) =
                        (random.below(model.writes.len()), random.below(quorum.replicas()));
                    model.hold(at, by as u64);
                    // The owner acknowledges the write, and those that it took before on the way.
                    for before in 0..=at {
                        if model.writes[before].2.contains(&(by as u64)) {
                            let sequence = model.writes[before].0;
                            left.extend(flight.acknowledged(sequence, NodeId(by as u64)));
                        }
                    }
                }
                _ => {}
            }
            for number in left {
                assert!(!model.replies[number].2, "a reply leaves once");
                model.replies[number].2 = true;
            }
            for number in 0..model.replies.len() {
                let (_, _, gone) = model.replies[number];
                assert_eq!(gone, model.may_leave(number, quorum), "seed {seed}, reply {number}");
            }
        }
    }
}

impl Model {
    /// An owner takes a write, and so all earlier ones of its keys, and of theirs.
    fn hold(&mut self, at: usize, by: u64) {
        let mut keys = self.writes[at].1.clone();
        for before in (0..=at).rev() {
            if before == at || !self.writes[before].1.is_disjoint(&keys) {
                keys.extend(self.writes[before].1.iter().copied());
                self.writes[before].2.insert(by);
            }
        }
    }

    fn may_leave(&self, number: usize, quorum: Quorum) -> bool {
        let (keys, until, _) = &self.replies[number];
        let seen = self.writes[..*until].iter().filter(|write| !write.1.is_disjoint(keys));
        seen.into_iter().all(|write| write.2.len() >= quorum.acks())
    }
}
