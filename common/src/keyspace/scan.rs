//! SCAN: a walk in the order of slot and hash that returns whatever is there from its start to its
//! end, through inserts, removals and splits, because a cursor is a place in that order and not a
//! place in memory.

use super::locate::Cursor;
use super::partition::Partition;
use super::table::{Entry, Located};
use crate::clock::Now;

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
