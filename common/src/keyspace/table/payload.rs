//! What stands in the place of the value: as it is read from an entry, and on its way into one.

use crate::causal::Record;
use crate::clock::Hlc;
use bytes::Bytes;

/// Values up to this length lie in the entry; longer ones behind a shared pointer that a GET clones
/// under the lock instead of copying the bytes there.
pub const INLINE_BYTES_MAX: usize = 4096;

pub(super) const ENCODING_INLINE: u8 = 0;
pub(super) const ENCODING_SHARED: u8 = 1;
pub(super) const ENCODING_COUNTER: u8 = 2;
pub(super) const ENCODING_TOMBSTONE: u8 = 3;
pub(super) const ENCODING_RECORD: u8 = 4;
/// A boxed record without cells: the tombstone of a key that several actors wrote.
pub(super) const ENCODING_GRAVE: u8 = 5;

/// An integer with one actor's increments on it: base and sum apart, as the causal model needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The integer under the increments; `None` is ⊥, the canonical 0 of an absent key.
    pub base: Option<i64>,
    /// What the actor added.
    pub sum: i64,
    /// Since when it adds on ⊥; zero, and not stored, on an integer.
    pub since: Hlc,
    /// The clock of its last increment.
    pub last: Hlc,
}

impl Counter {
    /// What a read shows: base and sum, clamped to 64 bits.
    pub fn shown(&self) -> i64 {
        self.base.unwrap_or(0).saturating_add(self.sum)
    }
}

/// What stands in the place of the value.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// A short string.
    Inline(&'a [u8]),
    /// A long string.
    Shared(&'a Bytes),
    /// An integer that was incremented.
    Counter(Counter),
    /// Deleted: the context alone is left.
    Tombstone,
    /// Everything else: siblings, several actors, collections.
    Record(&'a Record),
}

/// A payload on its way into a new entry.
#[derive(Debug)]
pub enum NewPayload<'a> {
    /// A short string, at most [`INLINE_BYTES_MAX`] bytes.
    Inline(&'a [u8]),
    /// The same, from bytes that are shared until here.
    Owned(Bytes),
    /// A long string.
    Shared(Bytes),
    /// An integer that was incremented.
    Counter(Counter),
    /// Deleted.
    Tombstone,
    /// Everything else.
    Record(Box<Record>),
}

/// What an entry is made from.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The database the key is in.
    pub db: u8,
    /// The key.
    pub key: &'a [u8],
    /// Interned number of the actor that every clock here belongs to (unused by `Record`).
    pub actor: u16,
    /// The context: the highest clock seen for this key.
    pub hlc: Hlc,
    /// The clock of the value's own dot.
    pub base_hlc: Hlc,
    /// Deadline in milliseconds since the Unix epoch, and the clock of its dot. For a `Record`, the
    /// earliest deadline anywhere in it; its dot is not used.
    pub deadline: Option<(u64, Hlc)>,
    /// The value.
    pub payload: NewPayload<'a>,
}

const COUNTER_BYTES: usize = 25;
/// Shared values and records are boxed: their pointer stands unaligned in the place of the value.
pub(super) const POINTER_BYTES: usize = size_of::<usize>();

impl NewPayload<'_> {
    /// The number of its encoding in an entry's header.
    pub(super) fn encoding(&self) -> u8 {
        match self {
            NewPayload::Inline(_) | NewPayload::Owned(_) => ENCODING_INLINE,
            NewPayload::Shared(_) => ENCODING_SHARED,
            NewPayload::Counter(_) => ENCODING_COUNTER,
            NewPayload::Tombstone => ENCODING_TOMBSTONE,
            NewPayload::Record(record) if record.cells.is_empty() => ENCODING_GRAVE,
            NewPayload::Record(_) => ENCODING_RECORD,
        }
    }

    /// How many bytes it takes in an entry.
    pub(super) fn len(&self) -> usize {
        match self {
            NewPayload::Inline(bytes) => bytes.len(),
            NewPayload::Owned(bytes) => bytes.len(),
            NewPayload::Counter(_) => COUNTER_BYTES,
            NewPayload::Tombstone => 0,
            NewPayload::Shared(_) | NewPayload::Record(_) => POINTER_BYTES,
        }
    }
}
