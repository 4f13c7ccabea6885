//! Which keys there are. SCAN: a walk in the order of slot and hash that returns whatever is there
//! from its start to its end, through inserts, removals and splits, because a cursor is a place in
//! that order and not a place in memory. RANDOMKEY: one of them.

use super::Locks;
use super::locate::Cursor;
use super::partition::Partition;
use super::table::{Entry, Located};
use crate::clock::Now;
use crate::random::Random;

/// Looks at keys by chance before RANDOMKEY walks.
const RANDOM_KEY_TRIES: usize = 32;

/// How far a step of a walk may still go.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Keys of the database.
    pub count: usize,
    /// Segments of the table that are looked into; those without keys of the database are not.
    pub segments: usize,
}

/// What a step of a walk looks at.
pub struct Visit<'a> {
    /// The database.
    pub db: u8,
    /// The time of the batch.
    pub now: Now,
    /// When to stop.
    pub left: &'a mut Steps,
    /// Called with each entry that shows something.
    pub each: &'a mut dyn FnMut(&Partition, &Entry),
}

impl Steps {
    /// To the end, however far it is.
    pub const ALL: Steps = Steps { count: usize::MAX, segments: usize::MAX };

    /// Whether the step is over.
    pub fn are_done(&self) -> bool {
        self.count == 0 || self.segments == 0
    }
}

impl Partition {
    /// Visits entries from `cursor` on, within this partition, until `visit.left` is used up or the
    /// partition ends. Returns where to go on; `None` at the end of the whole walk.
    pub fn scan(
        &self,
        cursor: Cursor,
        locate: &impl Fn(&Entry) -> Located,
        visit: &mut Visit<'_>,
    ) -> Option<Cursor> {
        let mut order = cursor.order;
        if self.counts(visit.db).keys == 0 {
            return Cursor::next_partition(cursor.partition);
        }
        loop {
            let (entries, next) = self.table().database_at(order, visit.db);
            visit.left.segments =
                visit.left.segments.saturating_sub(usize::from(entries.is_some()));
            let mut here: Vec<(u64, &Entry)> = entries
                .into_iter()
                .flatten()
                .map(|entry| (locate(entry).order, entry))
                .filter(|(at, _)| *at >= order)
                .collect();
            let count = &mut visit.left.count;
            if here.len() > *count {
                here.sort_unstable_by_key(|(at, _)| *at);
            }
            let whole = here.len() <= *count;
            let mut last = None;
            for (at, entry) in here {
                let group = Cursor::group(at);
                // Keys of one group cannot be told apart by a cursor: all or none.
                if let Some(before) = last
                    && !whole
                    && *count == 0
                    && group != before
                {
                    return Cursor::after(cursor.partition, before << super::locate::GROUP_SHIFT);
                }
                if self.show(entry, visit.now).is_some() {
                    (visit.each)(self, entry);
                }
                *count = count.saturating_sub(1);
                last = Some(group);
            }
            match next {
                None => return Cursor::next_partition(cursor.partition),
                Some(next) if visit.left.are_done() => {
                    return Some(Cursor { partition: cursor.partition, order: next });
                }
                Some(next) => order = next,
            }
        }
    }
}

impl Locks<'_> {
    /// A key of the database that shows, each as likely as any other unless most have expired.
    /// Needs all locks.
    pub fn random_key(&mut self, db: u8, now: Now, random: u64) -> Option<Vec<u8>> {
        let total: u64 = (0..=u8::MAX).map(|p| self.partition(p).counts(db).keys).sum();
        let mut random = Random::new(random);
        let mut next = || random.word();
        // A few tries by chance, weighted by partition; many fail only where most keys are expired.
        for _ in 0..RANDOM_KEY_TRIES {
            let mut nth = next() % total.max(1);
            let partition = (0..=u8::MAX).find(|partition| {
                let keys = self.partition(*partition).counts(db).keys;
                let here = nth < keys;
                nth = nth.wrapping_sub(keys);
                here
            });
            let partition = self.partition(partition?);
            let entry = partition.table().random_entry(&mut next);
            if let Some(entry) = entry.filter(|e| e.db() == db && partition.show(e, now).is_some())
            {
                return Some(entry.key().to_vec());
            }
        }
        let start = next() as u8;
        (0..=u8::MAX).find_map(|n| {
            let partition = self.partition(start.wrapping_add(n));
            let shows = |e: &&Entry| partition.show(e, now).is_some();
            partition.table().database(db).find(shows).map(|entry| entry.key().to_vec())
        })
    }
}
