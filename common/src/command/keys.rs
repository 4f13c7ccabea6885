//! KEYS in slices: one partition at a time, so that a pattern over millions of keys does not keep
//! everybody else waiting. What is there from its start to its end is in the reply.

use super::glob;
use crate::keyspace::{Cursor, PARTITIONS, Txn};
use crate::resp::ReplyBuf;

/// A KEYS on its way.
#[derive(Debug)]
pub struct KeysJob {
    pattern: Vec<u8>,
    next: Option<u8>,
    found: Vec<Vec<u8>>,
}

impl KeysJob {
    /// Of the words of a KEYS command.
    pub fn new(args: &[&[u8]]) -> KeysJob {
        KeysJob { pattern: args[1].to_vec(), next: Some(0), found: Vec::new() }
    }

    /// The partition whose lock the next step needs; `None` when it is done.
    pub fn next(&self) -> Option<u8> {
        self.next
    }

    /// Looks at the keys of one partition.
    pub fn step(&mut self, txn: &mut Txn<'_, '_>) {
        let Some(partition) = self.next else { return };
        let all = self.pattern == b"*";
        let (pattern, found) = (&self.pattern, &mut self.found);
        txn.scan_partition(Cursor { partition, order: 0 }, usize::MAX, |key, _| {
            if all || glob::matches(pattern, key, glob::Case::Sensitive) {
                found.push(key.to_vec());
            }
        });
        self.next = (usize::from(partition) + 1 < PARTITIONS).then(|| partition + 1);
    }

    /// Writes the reply.
    pub fn finish(self, out: &mut ReplyBuf) {
        out.array(self.found.len());
        for key in &self.found {
            out.bulk(key);
        }
    }
}
