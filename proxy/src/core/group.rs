//! Requests of a pipeline that run under one set of locks.
//!
//! Consecutive commands on keys are gathered, the locks of all their partitions are taken once, in
//! order, their misses in memory are started together, and then each runs. Everything else (what
//! concerns the connection, what walks all keys, what cannot be told) runs alone in between.
//!
//! Invariant: a group that stops for its replies' size leaves no trace of the commands behind the
//! last that ran, so that they can be gathered again.

use super::session::Cx;
use crate::node::Node;
use crate::stats::add;
use kinring_common::command::plan::{self, Hints};
use kinring_common::command::{CommandError, Row, run_one};
use kinring_common::keyspace::{Effects, PartitionSet, Source, Txn};
use kinring_common::resp::ReplyBuf;
use smallvec::SmallVec;

/// Commands under one set of locks: enough to hide the misses in memory, few enough that the
/// partitions are held for some microseconds only.
pub const COMMANDS_MAX: usize = 32;

/// Replies past this many bytes are written before the connection's next command runs: a client
/// that does not read costs this much and one reply.
pub const HIGH_WATER_BYTES: usize = 256 * 1024;

/// The words of a request.
pub type Words<'b> = SmallVec<[&'b [u8]; 8]>;

/// Commands gathered so far.
#[derive(Default)]
pub struct Group<'b> {
    words: SmallVec<[&'b [u8]; 96]>,
    items: SmallVec<[Item; COMMANDS_MAX]>,
    set: PartitionSet,
    hints: Hints,
}

struct Item {
    row: &'static Row,
    /// Where its words and hints end.
    words: u32,
    hints: u32,
}

/// How the commands of a group are to run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The selected database.
    pub db: u8,
    /// Whether reads stamp the LRU clock.
    pub touch: bool,
    /// Randomness for this group.
    pub random: u64,
    /// Largest string that a command may make.
    pub text_bytes_max: usize,
}

impl<'b> Group<'b> {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many commands it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it should run before more is added.
    pub fn is_full(&self) -> bool {
        self.items.len() >= COMMANDS_MAX
    }

    /// Adds a command whose arity was checked.
    ///
    /// # Errors
    /// When its keys cannot be told; it was not added.
    #[inline]
    pub fn push(
        &mut self,
        node: &Node,
        row: &'static Row,
        words: &[&'b [u8]],
        db: u8,
    ) -> Result<(), CommandError> {
        let into = (&mut self.set, &mut self.hints);
        plan::reach(node.shard.keyspace(), row, words, db, false, into)?;
        self.words.extend_from_slice(words);
        let (words, hints) = (self.words.len() as u32, self.hints.len() as u32);
        self.items.push(Item { row, words, hints });
        Ok(())
    }

    /// Runs the commands, all of them unless their replies pile up past [`HIGH_WATER_BYTES`].
    /// Returns how many of those gathered have run. The group is empty then.
    pub fn run(&mut self, cx: &Cx<'_>, manner: Manner, out: &mut ReplyBuf) -> usize {
        let Cx { node, stats, moment, .. } = cx;
        let space = node.shard.keyspace();
        let mut effects = Effects::new(space.interest());
        let mut locks = space.lock(&self.set);
        if self.hints.len() > 1 {
            locks.prefetch(self.hints.iter().map(|hint| hint.at));
        }
        let (mut word, mut hint) = (0, 0);
        let mut counts = (0, 0);
        let mut ran = 0;
        for item in &self.items {
            let words = &self.words[word..item.words as usize];
            let hints = &self.hints[hint..item.hints as usize];
            (word, hint) = (item.words as usize, item.hints as usize);
            let mut txn = Txn::new(&mut locks, &mut effects, moment.now, manner.db, manner.random)
                .with_hints(hints);
            txn.touch = manner.touch;
            txn.text_bytes_max = manner.text_bytes_max;
            txn.source = cx.source.map_or(Source::Fleeting, Source::Buffer);
            let mark = out.mark();
            let begun = cx.begin(item.row);
            let done = run_one(item.row, &mut txn, words, out);
            cx.end(item.row, begun, done.is_err());
            if let Err(error) = done {
                out.truncate(mark);
                refuse(node, out, &error);
            }
            let (hits, misses) = txn.hits_and_misses(item.row.counts_looks());
            counts = (counts.0 + hits, counts.1 + misses);
            ran += 1;
            if out.len() > HIGH_WATER_BYTES {
                break;
            }
        }
        locks.settle(&effects);
        drop(locks);
        node.shard.finish(effects);
        add(&stats.hits, counts.0);
        add(&stats.misses, counts.1);
        self.clear();
        ran
    }

    fn clear(&mut self) {
        self.words.clear();
        self.items.clear();
        self.hints.clear();
        self.set = PartitionSet::default();
    }
}

/// Writes an error reply and counts it.
pub fn refuse(node: &Node, out: &mut ReplyBuf, error: &CommandError) {
    let line = error.line();
    node.stats.error(&line);
    out.error_line(&line);
}
