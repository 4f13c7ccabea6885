//! Up to 64 buckets of the table with linear probing: the unit that grows, splits and merges.

use super::bucket::{self, Bucket, CELLS};
use super::{Entry, Located};

/// A full segment has this many buckets (4 KiB); past it, it splits.
pub const BUCKETS_MAX: usize = 64;

/// Above this load a segment grows: past it, probing costs more than the memory saved.
const LOAD_PERCENT_MAX: usize = 82;

/// Buckets of the keys whose order begins with one prefix of `depth` bits.
pub struct Segment {
    buckets: Box<[Bucket]>,
    len: u32,
    /// Removals since the last rebuild: overflow marks they left behind are swept by a rebuild.
    removals: u32,
    /// How many leading bits of the order its keys share.
    pub depth: u8,
    /// The lowest order that belongs here: those bits, then zeros.
    pub start: u64,
    /// No key in it has an earlier deadline: the expiry sweep skips it until then.
    pub deadline_min_ms: u64,
    /// Which databases may have entries here, bit by number mod 64: a walk over one of them passes
    /// by. Set by inserts, true again after each rebuild.
    databases: u64,
}

/// A cell of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    bucket: u32,
    cell: u32,
}

impl Segment {
    /// The one segment of an empty table.
    pub fn root() -> Segment {
        Segment::with_buckets(0, 0, 1)
    }

    fn with_buckets(depth: u8, start: u64, buckets: usize) -> Segment {
        let buckets = std::iter::repeat_with(Bucket::default).take(buckets).collect();
        Segment {
            buckets,
            len: 0,
            removals: 0,
            depth,
            start,
            deadline_min_ms: u64::MAX,
            databases: 0,
        }
    }

    /// Smallest segment that holds `entries` with room for one more.
    fn fitting(depth: u8, start: u64, entries: usize) -> Segment {
        let mut buckets = 1;
        while (entries + 1) * 100 > buckets * CELLS * LOAD_PERCENT_MAX {
            buckets *= 2;
        }
        Segment::with_buckets(depth, start, buckets)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether a database may have entries here.
    pub fn may_hold(&self, db: u8) -> bool {
        self.databases & database_bit(db) != 0
    }

    /// Whether a database other than `db` may have entries here.
    pub fn may_hold_others(&self, db: u8) -> bool {
        self.databases & !database_bit(db) != 0
    }

    /// Address of the bucket where a search begins.
    #[inline]
    pub fn home(&self, at: &Located) -> &Bucket {
        &self.buckets[at.bucket() & (self.buckets.len() - 1)]
    }

    /// The cell of a key.
    #[inline]
    pub fn find(&self, at: &Located, db: u8, key: &[u8]) -> Option<Cell> {
        let mask = self.buckets.len() - 1;
        let mut index = at.bucket() & mask;
        for _ in 0..=mask {
            let bucket = &self.buckets[index];
            let mut cells = bucket.matches(at.tag());
            while let Some(cell) = bucket::next(&mut cells) {
                if bucket.get(cell).is_some_and(|entry| entry.is(db, key)) {
                    return Some(Cell { bucket: index as u32, cell: cell as u32 });
                }
            }
            if !bucket.overflowed() {
                return None;
            }
            index = (index + 1) & mask;
        }
        None
    }

    /// The first entry at the home bucket whose tag agrees: worth prefetching, not yet compared.
    #[inline]
    pub fn likely(&self, at: &Located) -> Option<&Entry> {
        let bucket = self.home(at);
        let mut cells = bucket.matches(at.tag());
        bucket::next(&mut cells).and_then(|cell| bucket.get(cell))
    }

    /// The entry in a cell that [`Segment::find`] named.
    #[inline]
    pub fn get(&self, cell: Cell) -> &Entry {
        self.buckets[cell.bucket as usize].get(cell.cell as usize).expect("a found cell is full")
    }

    /// The same, to change.
    #[inline]
    pub fn get_mut(&mut self, cell: Cell) -> &mut Entry {
        self.buckets[cell.bucket as usize]
            .get_mut(cell.cell as usize)
            .expect("a found cell is full")
    }

    /// Takes an entry out.
    pub fn take(&mut self, cell: Cell) -> Entry {
        self.len -= 1;
        self.removals += 1;
        self.buckets[cell.bucket as usize].take(cell.cell as usize).expect("a found cell is full")
    }

    /// Whether one more entry needs a larger segment.
    pub fn is_full(&self) -> bool {
        (self.len() + 1) * 100 > self.buckets.len() * CELLS * LOAD_PERCENT_MAX
    }

    /// Whether it has all the buckets it may have.
    pub fn is_largest(&self) -> bool {
        self.buckets.len() >= BUCKETS_MAX
    }

    /// Whether removals left so many overflow marks, or so much room, that a rebuild pays.
    pub fn is_worn(&self) -> bool {
        let cells = self.buckets.len() * CELLS;
        self.removals as usize > cells || (self.buckets.len() > 1 && self.len() * 6 < cells)
    }

    /// Rebuilds with as many buckets as its entries (and one more) need.
    pub fn rebuild(&mut self, locate: &impl Fn(&Entry) -> Located) {
        let mut fresh = Segment::fitting(self.depth, self.start, self.len() + self.len() / 8);
        fresh.deadline_min_ms = self.deadline_min_ms;
        self.pour(locate, |_| 0, [&mut fresh]);
        *self = fresh;
    }

    /// Twice the buckets, past [`BUCKETS_MAX`] too: only where no further split is possible.
    pub fn grow(&mut self, locate: &impl Fn(&Entry) -> Located) {
        let mut fresh = Segment::with_buckets(self.depth, self.start, self.buckets.len() * 2);
        fresh.deadline_min_ms = self.deadline_min_ms;
        self.pour(locate, |_| 0, [&mut fresh]);
        *self = fresh;
    }

    /// Splits by the next bit of the order: what stays (bit 0) and what leaves (bit 1).
    pub fn split(&mut self, locate: &impl Fn(&Entry) -> Located) -> Segment {
        let bit = 63 - self.depth;
        let half = self.len() / 2;
        let mut low = Segment::fitting(self.depth + 1, self.start, half + half / 4);
        let start = self.start | 1 << bit;
        let mut high = Segment::fitting(self.depth + 1, start, half + half / 4);
        low.deadline_min_ms = self.deadline_min_ms;
        high.deadline_min_ms = self.deadline_min_ms;
        self.pour(locate, |at| (at.order >> bit & 1) as usize, [&mut low, &mut high]);
        *self = low;
        high
    }

    /// Takes all entries of its buddy in, one bit shallower.
    pub fn merge(&mut self, mut buddy: Segment, locate: &impl Fn(&Entry) -> Located) {
        let mut fresh =
            Segment::fitting(self.depth - 1, self.start.min(buddy.start), self.len() + buddy.len());
        fresh.deadline_min_ms = self.deadline_min_ms.min(buddy.deadline_min_ms);
        self.pour(locate, |_| 0, [&mut fresh]);
        buddy.pour(locate, |_| 0, [&mut fresh]);
        *self = fresh;
    }

    fn pour<const N: usize>(
        &mut self,
        locate: &impl Fn(&Entry) -> Located,
        choose: impl Fn(&Located) -> usize,
        mut into: [&mut Segment; N],
    ) {
        for bucket in &mut self.buckets {
            for entry in bucket.drain() {
                let at = locate(&entry);
                let target = &mut into[choose(&at)];
                if target.len() + 1 >= target.buckets.len() * CELLS {
                    target.grow(locate);
                }
                target.insert(&at, entry);
            }
        }
        self.len = 0;
    }

    /// Adds an entry whose key is not there; the caller has made room.
    pub fn insert(&mut self, at: &Located, entry: Entry) {
        assert!(self.len() < self.buckets.len() * CELLS, "a segment grows before it is full");
        self.databases |= database_bit(entry.db());
        let mask = self.buckets.len() - 1;
        let mut index = at.bucket() & mask;
        let mut entry = entry;
        loop {
            match self.buckets[index].put(at.tag(), entry) {
                Ok(()) => break,
                Err(back) => entry = back,
            }
            self.buckets[index].set_overflowed();
            index = (index + 1) & mask;
        }
        self.len += 1;
    }

    /// Takes all entries of a database out.
    pub fn take_database(&mut self, db: u8, locate: &impl Fn(&Entry) -> Located) -> Vec<Entry> {
        let (gone, kept): (Vec<Entry>, Vec<Entry>) =
            self.buckets.iter_mut().flat_map(Bucket::drain).partition(|entry| entry.db() == db);
        let mut fresh = Segment::fitting(self.depth, self.start, kept.len() + kept.len() / 8);
        fresh.deadline_min_ms = self.deadline_min_ms;
        kept.into_iter().for_each(|entry| fresh.insert(&locate(&entry), entry));
        *self = fresh;
        gone
    }

    /// What is in one cell by chance of a segment with `buckets_min` buckets or more: a smaller
    /// segment has fewer chances, so that every entry of the table has the same.
    pub fn random_entry(&self, random: u64, buckets_min: usize) -> Option<&Entry> {
        let cell = random as usize % (self.buckets.len().max(buckets_min) * CELLS);
        self.buckets.get(cell / CELLS)?.get(cell % CELLS)
    }

    /// Its entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(Bucket::iter)
    }

    /// How many buckets a search for a key that is not there reads.
    #[cfg(test)]
    pub fn probes(&self, at: &Located) -> usize {
        let mask = self.buckets.len() - 1;
        let marks = (0..mask).take_while(|n| self.buckets[(at.bucket() + n) & mask].overflowed());
        1 + marks.count()
    }

    /// Bytes of its buckets.
    pub fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
    }
}

fn database_bit(db: u8) -> u64 {
    1 << (db % 64)
}
