//! The table of one partition: extendible hashing (Fagin et al., 1979) over packed entries.
//!
//! A directory indexed by the first bits of a key's *order* points to segments of at most 64
//! buckets; one segment splits at a time, so no insert waits for a rehash of everything. The order
//! begins with the slot, so a slot's keys lie together, and walking the directory walks the keys in
//! order: that is what SCAN's cursor counts.
//!
//! This is the one module of the workspace that may use `unsafe` (in `entry` and `prefetch`).

mod bucket;
mod entry;
mod payload;
pub mod prefetch;
mod segment;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use payload::{Counter, Draft, INLINE_BYTES_MAX, NewPayload, Payload};
use segment::{Cell, Segment};

/// Where a key belongs: computed once from its bytes, used for lock, lookup, split and SCAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Which partition: the low bits of the slot.
    pub partition: u8,
    /// Position in the partition's order: the high bits of the slot, then hash bits.
    pub order: u64,
    /// The keyed hash of database and key.
    pub hash: u64,
}

impl Located {
    /// Low hash bits, which the order's prefix does not use, choose the bucket: those below the tag,
    /// then those above it, for a segment that cannot split.
    #[inline]
    fn bucket(&self) -> usize {
        (self.hash & 0xffff | self.hash >> 8 & !0xffff) as usize
    }

    #[inline]
    fn tag(&self) -> u8 {
        (self.hash >> 16) as u8
    }
}

/// Deepest prefix a directory may use: a cursor can tell no more bits apart.
const DEPTH_MAX: u8 = 40;

/// The directory doubles only while it has at most this many entries a segment: 4 bytes a key or so
/// when all keys are in one slot (1/64 of the orders). Keys that share more bits than that can only
/// be made on purpose, by one who knows the hash key; their segment grows instead.
const SPREAD_MAX: usize = 256;

/// Segments this small together merge again.
const MERGE_LEN_MAX: usize = 96;

/// Looks for a full cell by chance before giving up: half of them are full in an ordinary table.
const ENTRY_TRIES: usize = 64;

/// A place in the table, good until the table changes.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    segment: u32,
    cell: Cell,
}

/// See the module. Keys are unique by (database, key).
pub struct Table {
    /// 2^depth entries: prefix of the order → index into `segments`.
    directory: Vec<u32>,
    depth: u8,
    segments: Vec<Segment>,
    /// Segments at full depth; when none is left the directory halves.
    deepest: u32,
    len: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table { directory: vec![0], depth: 0, segments: vec![Segment::root()], deepest: 1, len: 0 }
    }
}

impl Table {
    /// Entries, tombstones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn index_of(&self, order: u64) -> usize {
        // A shift by 64 is not a shift: with depth 0 there is one segment.
        if self.depth == 0 { 0 } else { (order >> (64 - self.depth)) as usize }
    }

    #[inline]
    fn segment_of(&self, order: u64) -> usize {
        self.directory[self.index_of(order)] as usize
    }

    /// Hints that the bucket of a key will be read.
    #[inline]
    pub fn prefetch_bucket(&self, at: &Located) {
        prefetch::read(self.segments[self.segment_of(at.order)].home(at));
    }

    /// Hints that the entry of a key will be read; reads its bucket.
    #[inline]
    pub fn prefetch_entry(&self, at: &Located) {
        if let Some(entry) = self.segments[self.segment_of(at.order)].likely(at) {
            entry.prefetch();
        }
    }

    /// Where a key is, if it is there.
    #[inline]
    pub fn find(&self, at: &Located, db: u8, key: &[u8]) -> Option<Spot> {
        let segment = self.segment_of(at.order);
        let cell = self.segments[segment].find(at, db, key)?;
        Some(Spot { segment: segment as u32, cell })
    }

    /// The entry at a spot.
    #[inline]
    pub fn get(&self, spot: Spot) -> &Entry {
        self.segments[spot.segment as usize].get(spot.cell)
    }

    /// The entry at a spot, to touch or to overwrite in place.
    #[inline]
    pub fn get_mut(&mut self, spot: Spot) -> &mut Entry {
        self.segments[spot.segment as usize].get_mut(spot.cell)
    }

    /// Puts another entry with the same key in its place.
    pub fn replace(&mut self, spot: Spot, entry: Entry) -> Entry {
        let segment = &mut self.segments[spot.segment as usize];
        segment.deadline_min_ms =
            segment.deadline_min_ms.min(entry.deadline_ms().unwrap_or(u64::MAX));
        std::mem::replace(segment.get_mut(spot.cell), entry)
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, at: &Located, entry: Entry, locate: &impl Fn(&Entry) -> Located) {
        let mut index = self.segment_of(at.order);
        while self.segments[index].is_full() {
            if self.segments[index].is_largest() && self.may_split(index) {
                self.split(at.order, locate);
                index = self.segment_of(at.order);
            } else {
                self.segments[index].grow(locate);
            }
        }
        let segment = &mut self.segments[index];
        segment.deadline_min_ms =
            segment.deadline_min_ms.min(entry.deadline_ms().unwrap_or(u64::MAX));
        segment.insert(at, entry);
        self.len += 1;
    }

    /// Takes an entry out, and gives memory back when little is left around it.
    pub fn remove(&mut self, spot: Spot, locate: &impl Fn(&Entry) -> Located) -> Entry {
        let index = spot.segment as usize;
        let entry = self.segments[index].take(spot.cell);
        self.len -= 1;
        if self.segments[index].is_worn() {
            self.segments[index].rebuild(locate);
            self.merge(locate(&entry).order, locate);
        }
        entry
    }

    fn may_split(&self, index: usize) -> bool {
        let depth = self.segments[index].depth;
        let doubles = depth == self.depth;
        depth < DEPTH_MAX
            && (!doubles || self.directory.len() * 2 <= SPREAD_MAX * self.segments.len())
    }

    fn split(&mut self, order: u64, locate: &impl Fn(&Entry) -> Located) {
        let index = self.segment_of(order);
        if self.segments[index].depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&s| [s, s]).collect();
            self.depth += 1;
            self.deepest = 0;
        }
        let high = self.segments[index].split(locate);
        let depth = high.depth;
        let fresh = self.segments.len() as u32;
        self.segments.push(high);
        if depth == self.depth {
            self.deepest += 2;
        }
        let (start, span) = self.span(order, depth - 1);
        self.directory[start + span / 2..start + span].fill(fresh);
    }

    /// Directory range of the segment with `depth` bits that holds `order`: (start, length).
    fn span(&self, order: u64, depth: u8) -> (usize, usize) {
        let span = 1usize << (self.depth - depth);
        (self.index_of(order) & !(span - 1), span)
    }

    /// Merges the segment of `order` with its buddy as often as both are small.
    fn merge(&mut self, order: u64, locate: &impl Fn(&Entry) -> Located) {
        loop {
            let index = self.segment_of(order);
            let depth = self.segments[index].depth;
            if depth == 0 {
                return;
            }
            let (start, span) = self.span(order, depth);
            let buddy = self.directory[start ^ span] as usize;
            let small = self.segments[index].len() + self.segments[buddy].len() <= MERGE_LEN_MAX;
            if self.segments[buddy].depth != depth || !small {
                return;
            }
            let (keep, gone) = (index.min(buddy), index.max(buddy));
            if depth == self.depth {
                self.deepest -= 2;
            }
            let taken = self.take_segment(gone);
            self.segments[keep].merge(taken, locate);
            let (start, span) = self.span(order, depth - 1);
            self.directory[start..start + span].fill(keep as u32);
            self.halve();
        }
    }

    /// Removes a segment from the list; the last one takes its number.
    fn take_segment(&mut self, index: usize) -> Segment {
        let taken = self.segments.swap_remove(index);
        let moved = self.segments.len() as u32;
        if index < self.segments.len() {
            let (start, depth) = (self.segments[index].start, self.segments[index].depth);
            let (at, span) = self.span(start, depth);
            debug_assert!(self.directory[at..at + span].iter().all(|&s| s == moved));
            self.directory[at..at + span].fill(index as u32);
        }
        taken
    }

    fn halve(&mut self) {
        while self.deepest == 0 && self.depth > 0 {
            self.directory = self.directory.chunks_exact(2).map(|pair| pair[0]).collect();
            self.depth -= 1;
            self.deepest = self.segments.iter().filter(|s| s.depth == self.depth).count() as u32;
        }
        if self.directory.capacity() > 4 * self.directory.len() {
            self.directory.shrink_to_fit();
            self.segments.shrink_to_fit();
        }
    }

    /// The entries of the segment that holds `order`, and the first order past it (`None` at the
    /// end): the step of every walk.
    pub fn segment_at(&self, order: u64) -> (impl Iterator<Item = &Entry>, Option<u64>) {
        let segment = &self.segments[self.segment_of(order)];
        (segment.iter(), next_prefix(order, segment.depth))
    }

    /// The same of one database; `None` instead of the entries, without a look at them, where it
    /// cannot have any.
    pub fn database_at(
        &self,
        order: u64,
        db: u8,
    ) -> (Option<impl Iterator<Item = &Entry>>, Option<u64>) {
        let segment = &self.segments[self.segment_of(order)];
        (of_database(segment, db), next_prefix(order, segment.depth))
    }

    /// The same with the segment's earliest deadline, for the expiry sweep.
    pub fn deadline_at(&self, order: u64) -> (u64, Option<u64>) {
        let segment = &self.segments[self.segment_of(order)];
        (segment.deadline_min_ms, next_prefix(order, segment.depth))
    }

    /// Notes the true earliest deadline of the segment that holds `order` after a sweep.
    pub fn set_deadline_at(&mut self, order: u64, deadline_min_ms: u64) {
        let index = self.segment_of(order);
        self.segments[index].deadline_min_ms = deadline_min_ms;
    }

    /// Every entry, segment by segment.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.segments.iter().flat_map(Segment::iter)
    }

    /// Every entry of a database.
    pub fn database(&self, db: u8) -> impl Iterator<Item = &Entry> {
        self.segments.iter().filter_map(move |segment| of_database(segment, db)).flatten()
    }

    /// Whether no other database has an entry.
    pub fn is_all_of(&self, db: u8) -> bool {
        let mixed = self.segments.iter().filter(|segment| segment.may_hold_others(db));
        mixed.flat_map(Segment::iter).all(|entry| entry.db() == db)
    }

    /// Takes all entries of a database out.
    pub fn take_database(&mut self, db: u8, locate: &impl Fn(&Entry) -> Located) -> Vec<Entry> {
        let mut gone = Vec::new();
        let mut next = Some(0);
        while let Some(order) = next {
            let index = self.segment_of(order);
            next = next_prefix(order, self.segments[index].depth);
            if self.segments[index].may_hold(db) {
                gone.append(&mut self.segments[index].take_database(db, locate));
                self.merge(order, locate);
            }
        }
        self.len -= gone.len();
        gone
    }

    /// An entry by chance, each as likely as any other; `None` when a few dozen tries hit none.
    pub fn random_entry(&self, mut random: impl FnMut() -> u64) -> Option<&Entry> {
        let largest = if self.segments.len() == 1 { 1 } else { segment::BUCKETS_MAX };
        (0..ENTRY_TRIES).find_map(|_| {
            let segment = &self.segments[random() as usize % self.segments.len()];
            segment.random_entry(random(), largest)
        })
    }

    /// How many buckets a search for a key that is not there reads.
    #[cfg(test)]
    fn probes(&self, at: &Located) -> usize {
        self.segments[self.segment_of(at.order)].probes(at)
    }

    /// Bytes of the table itself, entries not counted.
    pub fn overhead_bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum::<usize>()
            + self.segments.capacity() * size_of::<Segment>()
            + self.directory.capacity() * size_of::<u32>()
    }
}

fn of_database(segment: &Segment, db: u8) -> Option<impl Iterator<Item = &Entry>> {
    let holds = segment.may_hold(db);
    holds.then(|| segment.iter().filter(move |entry| entry.db() == db))
}

/// The first order after all those that share the first `depth` bits with `order`.
fn next_prefix(order: u64, depth: u8) -> Option<u64> {
    if depth == 0 {
        return None;
    }
    let shift = 64 - depth;
    ((order >> shift) + 1).checked_shl(u32::from(shift)).filter(|next| *next != 0)
}
