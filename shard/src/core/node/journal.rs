//! Nothing leaves before what it says is durable.
//!
//! What a node says after a log entry may rely on it. Where durability is asked for, it waits here until
//! that entry is on disk: many share one sync.

use super::Output;
use kinring_common::mutant::Mutant;
use std::collections::VecDeque;

/// What waits for the disk at most: some seconds of messages. Past that they are as good as lost on their
/// way, and whoever misses one asks again.
pub const WAITING_MAX: usize = 65_536;

/// What waits at a gate.
#[derive(Debug)]
pub enum Waiting {
    /// Something to be said.
    Output(Box<Output>),
    /// This node itself holds a write of its own.
    Own(kinring_common::placement::layout::GroupId, u64, u64),
}

/// See the module.
#[derive(Debug)]
pub struct Journal {
    is_durable: bool,
    appended: u64,
    synced: u64,
    waiting: VecDeque<(u64, Waiting)>,
}

impl Journal {
    /// Of a node that waits for its log, or does not.
    pub fn new(is_durable: bool) -> Journal {
        Journal { is_durable, appended: 0, synced: 0, waiting: VecDeque::new() }
    }

    /// An entry was given out.
    pub fn count(&mut self) {
        self.appended += 1;
    }

    /// Whether all that was given out is durable, as far as that is asked for.
    pub fn is_synced(&self) -> bool {
        !self.is_durable || self.synced == self.appended
    }

    /// How many entries were given out.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// Whether the first so many are durable, as far as that is asked for.
    pub fn has_synced(&self, entries: u64) -> bool {
        !self.is_durable || self.synced >= entries
    }

    /// Gives something back that may go now, and keeps it else until it may.
    pub fn gate(&mut self, output: Output) -> Option<Output> {
        if self.is_synced() || Mutant::AckBeforeDurable.is_on() {
            return Some(output);
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back((self.appended, Waiting::Output(Box::new(output))));
        }
        None
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Notes that this node holds a write when all until now is durable. Returns whether it does.
    pub fn gate_own(&mut self, own: Waiting) -> bool {
        let now = self.is_synced() || Mutant::OwnBeforeDurable.is_on();
        if !now {
            self.waiting.push_back((self.appended, own));
        }
        now
    }

    /// So many entries are durable. Returns what may go.
    pub fn synced(&mut self, entries: u64) -> Vec<Waiting> {
        self.synced = self.synced.max(entries);
        let mut out = Vec::new();
        while self.waiting.front().is_some_and(|(at, _)| *at <= self.synced) {
            out.extend(self.waiting.pop_front().map(|(_, waiting)| waiting));
        }
        out
    }
}
