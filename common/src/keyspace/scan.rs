//! Which keys there are. SCAN: a walk in the order of slot and hash that returns whatever is there from its start to its
//! end, through inserts, removals and splits, because a cursor is a place in that order and not a
//! place in memory. RANDOMKEY: one of them.

use super::Locks;
use super::locate::Cursor;
use super::partition::Partition;
use super::table::{Entry, Located};
use crate::clock::Now;

/// Looks at keys by chance before RANDOMKEY walks.
const RANDOM_KEY_TRIES: usize = 32;

/// What a step of a walk looks at.
pub struct Visit<'a> {
    /// The database.
    pub db: u8,
    /// The time of the batch.
    pub now: Now,
    /// Entries of the database to visit at least, before stopping.
    pub count: usize,
    /// Called with each entry that shows something.
    pub each: &'a mut dyn FnMut(&Partition, &Entry),
}

impl Partition {
    /// Visits entries from `cursor` on, within this partition, until the count is reached or the
    /// partition ends. Returns where to go on; `None` at the end of the whole walk. Takes the
    /// visited entries off `visit.count`.
    pub fn scan(
        &self,
        cursor: Cursor,
        locate: &impl Fn(&Entry) -> Located,
        visit: &mut Visit<'_>,
    ) -> Option<Cursor> {
        let mut order = cursor.order;
        loop {
            let (entries, next) = self.table().segment_at(order);
            let mut here: Vec<(u64, &Entry)> = entries
                .filter(|entry| entry.db() == visit.db)
                .map(|entry| (locate(entry).order, entry))
                .filter(|(at, _)| *at >= order)
                .collect();
            if here.len() > visit.count {
                here.sort_unstable_by_key(|(at, _)| *at);
            }
            let whole = here.len() <= visit.count;
            let mut last = None;
            for (at, entry) in here {
                let group = Cursor::group(at);
                // Keys of one group cannot be told apart by a cursor: all or none.
                if let Some(before) = last
                    && !whole
                    && visit.count == 0
                    && group != before
                {
                    return Cursor::after(cursor.partition, before << super::locate::GROUP_SHIFT);
                }
                if self.show(entry, visit.now).is_some() {
                    (visit.each)(self, entry);
                }
                visit.count = visit.count.saturating_sub(1);
                last = Some(group);
            }
            match next {
                None => return Cursor::next_partition(cursor.partition),
                Some(next) if visit.count == 0 => {
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
    pub fn random_key(&mut self, db: u8, now: Now, mut random: u64) -> Option<Vec<u8>> {
        let total: u64 = (0..=u8::MAX).map(|p| self.partition(p).counts(db).keys).sum();
        // SplitMix64 (Steele, Lea, Flood, 2014), from the randomness that came in.
        let mut next = || {
            random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
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
            let shows = |e: &&Entry| e.db() == db && partition.show(e, now).is_some();
            partition.table().iter().find(shows).map(|entry| entry.key().to_vec())
        })
    }
}
