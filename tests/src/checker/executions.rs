//! When writes were executed, as the nodes themselves say: a hint, and nothing more.
//!
//! An order that is found among fewer is an order: [`Executions::timed`] leaves out unknown operations
//! that nobody executed, and lets no other take effect before it is said to have. Most histories are a
//! walk then, whatever their length ([`super::linear`]). Where none is found it says nothing, and one
//! has to look without it.

use super::history::{Key, Operation};
use std::collections::{BTreeMap, BTreeSet};

/// Who asked: a client, and the place among its calls.
type Who = (u32, u32);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Executions {
    /// By call: the keys that it changed, when, and how many changes there were before.
    changes: BTreeMap<Who, Vec<(Key, u64, u32)>>,
    count: u32,
}

/// An operation, and when it took effect. Times are microseconds of true time.
#[derive(Clone, Copy, Debug)]
pub struct Timed<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// Not before this.
    pub from_us: u64,
    /// Not after this.
    pub until_us: u64,
    /// It has a reply; otherwise it may have had no effect.
    pub is_owed: bool,
    /// Of two from the same time: which was said first.
    said: u32,
}

impl Executions {
    /// A call changed a key, at that true time. They are said in the order in which they happened.
    pub fn add(&mut self, who: Who, key: Key, at_us: u64) {
        self.changes.entry(who).or_default().push((key, at_us, self.count));
        self.count += 1;
    }

    /// The operations of some keys that took effect, by the time from which they may have; none if
    /// nothing is said of any.
    pub fn timed<'a>(
        &self,
        operations: &'a [Operation],
        keys: &BTreeSet<Key>,
    ) -> Option<Vec<Timed<'a>>> {
        if self.changes.is_empty() {
            return None;
        }
        let mut timed: Vec<Timed<'_>> =
            operations.iter().filter_map(|operation| self.one(operation, keys)).collect();
        timed.sort_by_key(|timed| (timed.from_us, timed.said));
        Some(timed)
    }

    fn one<'a>(&self, operation: &'a Operation, keys: &BTreeSet<Key>) -> Option<Timed<'a>> {
        let changes = self.changes.get(&(operation.client, operation.order));
        let ours = || changes.into_iter().flatten().filter(|(key, ..)| keys.contains(key));
        let (first, last) = (ours().next(), ours().next_back());
        let until_us = operation.finished_at().or(last.map(|(_, at_us, _)| *at_us))?;
        // The first execution may be one that was lost, and a later one have changed nothing.
        let since = first.filter(|(_, at_us, _)| (operation.invoked_at..=until_us).contains(at_us));
        Some(Timed {
            operation,
            from_us: since.map_or(operation.invoked_at, |(_, at_us, _)| *at_us),
            until_us,
            is_owed: operation.finished_at().is_some(),
            said: since.map_or(u32::MAX, |(.., said)| *said),
        })
    }
}
