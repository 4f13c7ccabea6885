//! What INFO tells of the keys: how many, for how long, and what finding them takes.
//!
//! Each partition is locked by itself, except inside EXEC, which holds all locks already.

use super::Section;
use crate::core::session::Cx;
use crate::node::Node;
use kinring_common::keyspace::{Counts, Locks, PARTITIONS, Partition};

/// Deadlines whose average stands for all: it is off by some percent then.
const DEADLINES_MAX: usize = 1024;

/// Keys that are looked at for them: about a millisecond.
const LOOKS_MAX: usize = 8192;

/// A line for each database that has keys.
pub(super) fn databases(cx: &Cx<'_>, locks: &mut Option<&mut Locks<'_>>, out: &mut Section<'_>) {
    for db in 0..cx.node.shard.keyspace().options().databases {
        let db = db as u8;
        let Counts { keys, deadlines } = counts(cx.node, locks, db);
        if keys > 0 {
            let ttl_ms = if deadlines > 0 { average_ttl_ms(cx, locks, db) } else { 0 };
            out.line(format_args!("db{db}:keys={keys},expires={deadlines},avg_ttl={ttl_ms}"));
        }
    }
}

/// Bytes of the tables that find the keys.
pub fn table_bytes(node: &Node, locks: &mut Option<&mut Locks<'_>>) -> u64 {
    let bytes = |partition: &Partition| partition.table().overhead_bytes() as u64;
    (0..PARTITIONS).map(|number| with(node, locks, number as u8, bytes)).sum()
}

fn counts(node: &Node, locks: &mut Option<&mut Locks<'_>>, db: u8) -> Counts {
    let mut sum = Counts::default();
    for number in 0..PARTITIONS {
        let counts = with(node, locks, number as u8, |partition| partition.counts(db));
        sum.keys += counts.keys;
        sum.deadlines += counts.deadlines;
    }
    sum
}

/// The average time that keys with a deadline have left, in milliseconds: of all of them in a small
/// database, in a large one of some that do not depend on their names. 0 when none is among these,
/// as in Redis before it has come by one.
fn average_ttl_ms(cx: &Cx<'_>, locks: &mut Option<&mut Locks<'_>>, db: u8) -> u64 {
    let mut sample = Sample::default();
    // Another start each time, so that a wrong guess does not stay.
    let start = cx.moment.wall_us as u8;
    for at in 0..PARTITIONS {
        if sample.is_full() {
            break;
        }
        let number = start.wrapping_add(at as u8);
        with(cx.node, locks, number, |partition| {
            sample.take(partition, db, partition.view_ms(cx.moment.now));
        });
    }
    sample.sum_ms.checked_div(sample.deadlines as u64).unwrap_or(0)
}

#[derive(Default)]
struct Sample {
    sum_ms: u64,
    deadlines: usize,
    looks: usize,
}

impl Sample {
    fn is_full(&self) -> bool {
        self.deadlines >= DEADLINES_MAX || self.looks >= LOOKS_MAX
    }

    /// Adds the deadlines of a partition, by whole segments: within one, keys lie by their hashes.
    fn take(&mut self, partition: &Partition, db: u8, view_ms: u64) {
        let mut next = (partition.counts(db).deadlines > 0).then_some(0);
        while let Some(order) = next
            && !self.is_full()
        {
            let (earliest_ms, after) = partition.table().deadline_at(order);
            next = after;
            if earliest_ms == u64::MAX {
                continue;
            }
            // What another database has in the segment is passed on the way: it counts, too.
            for entry in partition.table().segment_at(order).0 {
                self.looks += 1;
                let deadline =
                    entry.deadline_ms().filter(|_| entry.db() == db && !entry.is_tombstone());
                if let Some(deadline_ms) = deadline {
                    // One that has passed and was not swept yet has nothing left.
                    self.sum_ms = self.sum_ms.saturating_add(deadline_ms.saturating_sub(view_ms));
                    self.deadlines += 1;
                }
            }
        }
    }
}

fn with<T>(
    node: &Node,
    locks: &mut Option<&mut Locks<'_>>,
    number: u8,
    look: impl FnOnce(&Partition) -> T,
) -> T {
    match locks {
        Some(locks) => look(locks.partition(number)),
        None => look(node.shard.keyspace().lock_one(number).partition(number)),
    }
}
