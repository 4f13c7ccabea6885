//! Seven cells in one cache line: tags are compared at once, and an entry is touched only when its
//! tag agrees.

use super::Entry;

/// How many entries a bucket holds: seven pointers, seven tags and one byte fill 64 bytes.
pub const CELLS: usize = 7;

const OVERFLOWED: u8 = 0x80;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One cache line of a segment. **Invariant:** a presence bit is set exactly when its cell is full.
#[repr(C, align(64))]
#[derive(Default)]
pub struct Bucket {
    /// Byte 0: presence in the low seven bits, bit 7 = an entry whose home this is lies further on.
    /// Bytes 1 to 7: the tags.
    head: [u8; 8],
    cells: [Option<Entry>; CELLS],
}

impl Bucket {
    /// Cells whose tag agrees, as a bit mask to be drained with [`next`]; empty cells may be among
    /// them.
    #[inline]
    pub fn matches(&self, tag: u8) -> u64 {
        const TAGS: u64 = 0x00ff_ffff_ffff_ffff;
        let word = u64::from_le_bytes(self.head);
        let differences = (word >> 8) ^ ((LOW & TAGS) * u64::from(tag));
        // A zero byte sets its high bit. Mycroft's test can be wrong only above a true match, where
        // the key comparison decides anyway.
        differences.wrapping_sub(LOW) & !differences & HIGH & TAGS
    }

    /// The entry in a cell.
    #[inline]
    pub fn get(&self, cell: usize) -> Option<&Entry> {
        self.cells[cell].as_ref()
    }

    /// The entry in a cell, to change.
    #[inline]
    pub fn get_mut(&mut self, cell: usize) -> Option<&mut Entry> {
        self.cells[cell].as_mut()
    }

    /// Whether a search has to go on in the next bucket.
    #[inline]
    pub fn overflowed(&self) -> bool {
        self.head[0] & OVERFLOWED != 0
    }

    /// Notes that an entry whose home this is went further.
    pub fn set_overflowed(&mut self) {
        self.head[0] |= OVERFLOWED;
    }

    /// Puts an entry into a free cell, or gives it back when there is none.
    pub fn put(&mut self, tag: u8, entry: Entry) -> Result<(), Entry> {
        let cell = (!self.head[0]).trailing_zeros() as usize;
        if cell >= CELLS {
            return Err(entry);
        }
        self.head[0] |= 1 << cell;
        self.head[1 + cell] = tag;
        self.cells[cell] = Some(entry);
        Ok(())
    }

    /// Empties a cell.
    pub fn take(&mut self, cell: usize) -> Option<Entry> {
        self.head[0] &= !(1 << cell);
        self.cells[cell].take()
    }

    /// Its entries.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.cells.iter().flatten()
    }

    /// Its entries, leaving it empty.
    pub fn drain(&mut self) -> impl Iterator<Item = Entry> {
        self.head[0] = 0;
        self.cells.iter_mut().filter_map(Option::take)
    }
}

/// Takes the next cell out of a mask of [`Bucket::matches`].
#[inline]
pub fn next(mask: &mut u64) -> Option<usize> {
    if *mask == 0 {
        return None;
    }
    let cell = mask.trailing_zeros() as usize / 8;
    *mask &= *mask - 1;
    Some(cell)
}
