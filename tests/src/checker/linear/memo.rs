//! The pairs that a search has visited.
//!
//! Pairs are remembered by 64-bit fingerprints of both halves: at a million pairs the chance that
//! any two of them are mistaken for each other is below one in ten million. The known half of the
//! operations is in the fingerprint; the rest of what is known of a pair can be better or worse.

use crate::checker::model::State;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// See the module.
#[derive(Default)]
pub struct Memo {
    visited: HashMap<(u64, u64), Vec<Way>>,
}

/// How a pair was reached.
pub struct Way {
    /// How many unknown operations of each class are taken.
    pub taken: Box<[u16]>,
    /// For each place of a key: no operation on it from here on was executed before this.
    pub from_us: Box<[u64]>,
    /// The keys of the run that it ends with.
    pub run: Box<[u64]>,
}

impl Way {
    /// What can be done from there after the other, can be done after this.
    fn dominates(&self, other: &Way) -> bool {
        let before = |(a, b): (&u64, &u64)| a <= b;
        self.taken.iter().zip(&other.taken).all(|(a, b)| a <= b)
            && self.from_us.iter().zip(&other.from_us).all(before)
            && (self.run.is_empty() || self.run == other.run)
    }
}

impl Memo {
    /// Notes a way, if the pair was not reached in one as good before.
    pub fn is_new(&mut self, known: u64, state: &State, mut way: Way) -> bool {
        // What comes later sets later deadlines: only those that are there may have passed.
        let whole_until = state.whole_until();
        let all_there = |from_us: &&mut u64| **from_us <= whole_until;
        way.from_us.iter_mut().filter(all_there).for_each(|from_us| *from_us = 0);
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        let ways = self.visited.entry((known, hasher.finish())).or_default();
        if ways.iter().any(|other| other.dominates(&way)) {
            return false;
        }
        ways.retain(|other| !way.dominates(other));
        ways.push(way);
        true
    }
}
