//! One key with its record in one allocation, behind an 8-byte pointer.
//!
//! A million small keys are the ordinary case, and there a struct of owned fields costs more than
//! the data. So the ordinary record (one actor, one sibling) lies packed:
//!
//! ```text
//! hlc 8 | lru 24 bit, encoding 4, flags 4 | actor varint | key length varint | value length varint
//!   | db 1? | deadline 8? | base hlc 8? | deadline hlc 8? | key | value
//! ```
//!
//! `hlc` is the whole context (of `actor`); the base's and the deadline's own clocks follow only
//! where they differ from it. Anything else is a boxed [`Record`] in the place of the value. LRU and
//! encoding are local: they are in no delta and no digest.
//!
//! **Invariant of the `unsafe` here:** `ptr` comes from one allocation of exactly `self.size()`
//! bytes with alignment 8, written whole by [`Entry::new`]; header fields that decide the size never
//! change afterwards. Every other read goes through bounds derived from that header.

use super::payload::{
    Counter, Draft, ENCODING_COUNTER, ENCODING_GRAVE, ENCODING_INLINE, ENCODING_RECORD,
    ENCODING_SHARED, ENCODING_TOMBSTONE, INLINE_BYTES_MAX, NewPayload, POINTER_BYTES, Payload,
};
use crate::causal::{NEVER, Record};
use crate::clock::Hlc;
use bytes::Bytes;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

const ENCODING_MASK: u8 = 0x0f;
const FLAG_DB: u8 = 0x10;
const FLAG_DEADLINE: u8 = 0x20;
const FLAG_BASE: u8 = 0x40;
const FLAG_DEADLINE_HLC: u8 = 0x80;

/// Where the encoding and flags byte lies; the three bytes before it are the LRU clock.
const AT_LRU: usize = 8;
const AT_KIND: usize = 11;
const AT_VARINTS: usize = 12;

/// An owned entry. See the module.
pub struct Entry {
    ptr: NonNull<u8>,
}

// SAFETY: an entry owns its allocation, and all it can own inside (`Bytes`, `Record`) is Send.
#[expect(unsafe_code, reason = "the pointer is owned, as in a Box")]
unsafe impl Send for Entry {}

/// Lengths and offsets read from the header.
#[derive(Clone, Copy)]
struct Shape {
    actor: u16,
    kind: u8,
    key_at: usize,
    key_len: usize,
    value_len: usize,
    /// Offset of the first optional field.
    optional_at: usize,
}

impl Shape {
    fn value_at(&self) -> usize {
        self.key_at + self.key_len
    }
    fn size(&self) -> usize {
        self.value_at() + self.value_len
    }
}

fn varint_len(value: usize) -> usize {
    (usize::BITS - value.max(1).leading_zeros()).div_ceil(7) as usize
}

/// Writes into a fresh allocation, front to back; [`Writer::finish`] checks that it is full.
struct Writer {
    ptr: NonNull<u8>,
    at: usize,
    size: usize,
}

#[expect(unsafe_code, reason = "one allocation a key: header and bytes are written by offset")]
impl Writer {
    fn new(size: usize) -> Writer {
        let layout = layout(size);
        // SAFETY: the layout is never empty: an entry has at least its 12-byte header.
        let Some(ptr) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        Writer { ptr, at: 0, size }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.size - self.at, "an entry is written within its allocation");
        // SAFETY: the assertion above keeps the copy inside the allocation, which is ours alone.
        unsafe {
            let to = self.ptr.as_ptr().add(self.at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
        self.at += bytes.len();
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.bytes(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.bytes(&[value as u8]);
    }

    /// Takes over a box; [`Entry::drop`] gives it back.
    fn pointer<T>(&mut self, pointer: *mut T) {
        assert!(POINTER_BYTES <= self.size - self.at, "an entry is written within its allocation");
        // SAFETY: in bounds by the assertion; unaligned on purpose.
        unsafe { self.ptr.as_ptr().add(self.at).cast::<*mut T>().write_unaligned(pointer) };
        self.at += POINTER_BYTES;
    }

    fn finish(self) -> Entry {
        assert!(self.at == self.size, "an entry is written whole");
        Entry { ptr: self.ptr }
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a key of at most a few GB fits an allocation")
}

impl Entry {
    /// A new entry with an LRU clock of `lru`.
    ///
    /// # Panics
    /// When an inline value is longer than [`INLINE_BYTES_MAX`]: a caller's bug.
    pub fn new(draft: Draft<'_>, lru: u32) -> Entry {
        let Draft { db, key, actor, hlc, base_hlc, deadline, payload } = draft;
        let mut kind = payload.encoding();
        let mut optional = 0;
        if db != 0 {
            kind |= FLAG_DB;
            optional += 1;
        }
        if base_hlc != hlc {
            kind |= FLAG_BASE;
            optional += 8;
        }
        if let Some((_, dot)) = deadline {
            kind |= FLAG_DEADLINE;
            optional += 8;
            if dot != base_hlc {
                kind |= FLAG_DEADLINE_HLC;
                optional += 8;
            }
        }
        let value_len = payload.len();
        assert!(
            kind & ENCODING_MASK != ENCODING_INLINE || value_len <= INLINE_BYTES_MAX,
            "an inline value is short"
        );
        let varints =
            varint_len(usize::from(actor)) + varint_len(key.len()) + varint_len(value_len);
        let mut out = Writer::new(AT_VARINTS + varints + optional + key.len() + value_len);
        out.bytes(&hlc.0.to_le_bytes());
        out.bytes(&lru.to_le_bytes()[..3]);
        out.bytes(&[kind]);
        out.varint(usize::from(actor));
        out.varint(key.len());
        out.varint(value_len);
        if db != 0 {
            out.bytes(&[db]);
        }
        if let Some((ms, _)) = deadline {
            out.bytes(&ms.to_le_bytes());
        }
        if base_hlc != hlc {
            out.bytes(&base_hlc.0.to_le_bytes());
        }
        if let Some((_, dot)) = deadline
            && dot != base_hlc
        {
            out.bytes(&dot.0.to_le_bytes());
        }
        out.bytes(key);
        match payload {
            NewPayload::Inline(bytes) => out.bytes(bytes),
            NewPayload::Owned(bytes) => out.bytes(&bytes),
            NewPayload::Shared(bytes) => out.pointer(Box::into_raw(Box::new(bytes))),
            NewPayload::Counter(counter) => {
                out.bytes(&[u8::from(counter.base.is_some())]);
                // An integer, or on ⊥ since when it is counted there.
                let on = counter.base.map_or(counter.since.0, |base| base as u64);
                out.bytes(&on.to_le_bytes());
                out.bytes(&counter.sum.to_le_bytes());
                out.bytes(&counter.last.0.to_le_bytes());
            }
            NewPayload::Tombstone => {}
            NewPayload::Record(record) => out.pointer(Box::into_raw(record)),
        }
        out.finish()
    }

    /// Overwrites the value in place when the new entry would have the very same shape: the same
    /// key and length, no deadline, one clock. The common SET of a cache refreshing its keys.
    /// Returns whether it did.
    #[inline]
    pub fn overwrite_inline(&mut self, value: &[u8], actor: u16, hlc: Hlc) -> bool {
        let shape = self.shape();
        if shape.kind & !FLAG_DB != ENCODING_INLINE
            || shape.value_len != value.len()
            || shape.actor != actor
        {
            return false;
        }
        self.bytes_mut(0, 8).copy_from_slice(&hlc.0.to_le_bytes());
        self.bytes_mut(shape.value_at(), value.len()).copy_from_slice(value);
        true
    }

    /// The context's clock: the highest that this key has seen.
    #[inline]
    pub fn hlc(&self) -> Hlc {
        Hlc(self.u64_at(0))
    }

    /// Interned number of the actor; meaningless when the payload is a `Record`.
    pub fn actor(&self) -> u16 {
        self.shape().actor
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let shape = self.shape();
        self.bytes(shape.key_at, shape.key_len)
    }

    /// Whether this is that key of that database.
    #[inline]
    pub fn is(&self, db: u8, key: &[u8]) -> bool {
        let shape = self.shape();
        shape.key_len == key.len()
            && self.db_of(&shape) == db
            && self.bytes(shape.key_at, shape.key_len) == key
    }

    /// The database the key is in.
    #[inline]
    pub fn db(&self) -> u8 {
        self.db_of(&self.shape())
    }

    /// Whether only a context is left. Of a boxed record it says how the entry was made: whoever
    /// empties one makes a new entry.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        matches!(self.kind() & ENCODING_MASK, ENCODING_TOMBSTONE | ENCODING_GRAVE)
    }

    #[inline]
    fn is_boxed(&self) -> bool {
        matches!(self.kind() & ENCODING_MASK, ENCODING_RECORD | ENCODING_GRAVE)
    }

    /// The deadline in milliseconds since the Unix epoch; of a `Record`, the earliest in it. `None`
    /// also for one that never comes.
    #[inline]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.stored_deadline_ms().filter(|&at_ms| at_ms != NEVER)
    }

    /// The deadline with the clock of its dot, one that never comes too. Not of a `Record`.
    pub fn deadline(&self) -> Option<(u64, Hlc)> {
        self.stored_deadline_ms().zip(self.dots().1)
    }

    #[inline]
    fn stored_deadline_ms(&self) -> Option<u64> {
        let kind = self.kind();
        if kind & FLAG_DEADLINE == 0 {
            return None;
        }
        let shape = self.shape();
        Some(self.u64_at(shape.optional_at + usize::from(kind & FLAG_DB != 0)))
    }

    /// The clocks of the value's own dot and of the deadline's.
    pub fn dots(&self) -> (Hlc, Option<Hlc>) {
        let shape = self.shape();
        let mut at = shape.optional_at + usize::from(shape.kind & FLAG_DB != 0);
        if shape.kind & FLAG_DEADLINE != 0 {
            at += 8;
        }
        let base = if shape.kind & FLAG_BASE != 0 {
            at += 8;
            Hlc(self.u64_at(at - 8))
        } else {
            self.hlc()
        };
        let deadline = match (shape.kind & FLAG_DEADLINE != 0, shape.kind & FLAG_DEADLINE_HLC != 0)
        {
            (false, _) => None,
            (true, false) => Some(base),
            (true, true) => Some(Hlc(self.u64_at(at))),
        };
        (base, deadline)
    }

    /// The boxed record, to change in place; `None` for every other payload. Whoever changes it
    /// says the new context with [`Entry::set_hlc`].
    pub fn record_mut(&mut self) -> Option<&mut Record> {
        self.is_boxed().then(|| self.boxed_mut())
    }

    /// Sets the context's clock of an entry with a boxed record.
    pub fn set_hlc(&mut self, hlc: Hlc) {
        assert!(self.is_boxed() && self.kind() & FLAG_BASE == 0, "only of a record");
        self.bytes_mut(0, 8).copy_from_slice(&hlc.0.to_le_bytes());
    }

    /// What stands in the place of the value.
    #[inline]
    pub fn payload(&self) -> Payload<'_> {
        let shape = self.shape();
        match shape.kind & ENCODING_MASK {
            ENCODING_INLINE => Payload::Inline(self.bytes(shape.value_at(), shape.value_len)),
            ENCODING_TOMBSTONE => Payload::Tombstone,
            ENCODING_COUNTER => Payload::Counter(self.counter(&shape)),
            ENCODING_SHARED => Payload::Shared(self.shared()),
            _ => Payload::Record(self.record()),
        }
    }

    /// The 24-bit LRU clock of the last touch.
    pub fn lru(&self) -> u32 {
        let b = self.bytes(AT_LRU, 3);
        u32::from_le_bytes([b[0], b[1], b[2], 0])
    }

    /// Sets the LRU clock; writes only when it differs, to leave clean cache lines clean.
    #[inline]
    pub fn touch(&mut self, lru: u32) {
        let new = lru.to_le_bytes();
        let old = self.bytes_mut(AT_LRU, 3);
        if old != &new[..3] {
            old.copy_from_slice(&new[..3]);
        }
    }

    /// Bytes that the entry takes, its allocation rounded as it was asked for, shared values and
    /// records not counted.
    pub fn size(&self) -> usize {
        self.shape().size()
    }

    fn counter(&self, shape: &Shape) -> Counter {
        let at = shape.value_at();
        let on = self.u64_at(at + 1);
        let (base, since) = match self.bytes(at, 1)[0] {
            1 => (Some(on as i64), Hlc::ZERO),
            _ => (None, Hlc(on)),
        };
        Counter { base, since, sum: self.u64_at(at + 9) as i64, last: Hlc(self.u64_at(at + 17)) }
    }

    #[inline]
    fn db_of(&self, shape: &Shape) -> u8 {
        if shape.kind & FLAG_DB == 0 { 0 } else { self.bytes(shape.optional_at, 1)[0] }
    }

    #[inline]
    fn kind(&self) -> u8 {
        self.bytes(AT_KIND, 1)[0]
    }

    #[inline]
    fn shape(&self) -> Shape {
        let kind = self.kind();
        let (mut at, mut actor, mut key_len, mut value_len) = (AT_VARINTS + 3, 0, 0, 0);
        // Three one-byte varints are the ordinary case: one load.
        let head = u32::from_le_bytes(self.array(AT_KIND)) >> 8;
        if head & 0x80_8080 == 0 {
            actor = (head & 0x7f) as usize;
            key_len = (head >> 8 & 0x7f) as usize;
            value_len = (head >> 16 & 0x7f) as usize;
        } else {
            at = AT_VARINTS;
            for field in [&mut actor, &mut key_len, &mut value_len] {
                *field = self.varint(&mut at);
            }
        }
        let flag = |bit: u8, bytes: usize| if kind & bit != 0 { bytes } else { 0 };
        let optional = flag(FLAG_DB, 1)
            + flag(FLAG_DEADLINE, 8)
            + flag(FLAG_BASE, 8)
            + flag(FLAG_DEADLINE_HLC, 8);
        let key_at = at + optional;
        Shape { actor: actor as u16, kind, key_at, key_len, value_len, optional_at: at }
    }

    fn varint(&self, at: &mut usize) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bytes(*at, 1)[0];
            *at += 1;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    #[inline]
    fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}

#[expect(unsafe_code, reason = "fields are read by offset; bounds come from the header")]
impl Entry {
    /// Address to prefetch.
    #[inline]
    pub fn prefetch(&self) {
        super::prefetch::read(self.ptr.as_ptr());
        super::prefetch::read(self.ptr.as_ptr().wrapping_add(64));
    }

    #[inline]
    fn bytes(&self, at: usize, len: usize) -> &[u8] {
        // SAFETY: callers pass ranges derived from the header, inside the allocation (module).
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr().add(at), len) }
    }

    #[inline]
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        // SAFETY: as in `bytes`; the read is unaligned. Every entry has at least 15 bytes.
        unsafe { self.ptr.as_ptr().add(at).cast::<[u8; N]>().read_unaligned() }
    }

    #[inline]
    fn bytes_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes it the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr().add(at), len) }
    }

    fn value_ptr(&self) -> *mut u8 {
        // SAFETY: the value lies inside the allocation.
        unsafe { self.ptr.as_ptr().add(self.shape().value_at()) }
    }

    /// The boxed payload; `T` is `Bytes` for `ENCODING_SHARED`, `Record` for `ENCODING_RECORD`.
    fn boxed<T>(&self) -> *mut T {
        // SAFETY: `new` wrote a pointer from `Box::into_raw` there.
        unsafe { self.value_ptr().cast::<*mut T>().read_unaligned() }
    }

    /// Only for `ENCODING_SHARED`.
    fn shared(&self) -> &Bytes {
        // SAFETY: the box is owned by this entry and borrowed with self.
        unsafe { &*self.boxed::<Bytes>() }
    }

    /// Only for `ENCODING_RECORD`.
    fn boxed_mut(&mut self) -> &mut Record {
        // SAFETY: the box is owned by this entry and borrowed mutably with self.
        unsafe { &mut *self.boxed::<Record>() }
    }

    /// Only for `ENCODING_RECORD`.
    fn record(&self) -> &Record {
        // SAFETY: the box is owned by this entry and borrowed with self.
        unsafe { &*self.boxed::<Record>() }
    }
}

impl Drop for Entry {
    #[expect(unsafe_code, reason = "gives back what `new` took")]
    fn drop(&mut self) {
        let size = self.size();
        // SAFETY: the payload was moved in by `new` and is moved out once; the allocation has
        // exactly this layout.
        unsafe {
            match self.kind() & ENCODING_MASK {
                ENCODING_SHARED => drop(Box::from_raw(self.boxed::<Bytes>())),
                ENCODING_RECORD | ENCODING_GRAVE => drop(Box::from_raw(self.boxed::<Record>())),
                _ => {}
            }
            dealloc(self.ptr.as_ptr(), layout(size));
        }
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("db", &self.db())
            .field("key", &String::from_utf8_lossy(self.key()))
            .field("hlc", &self.hlc())
            .field("payload", &self.payload())
            .finish()
    }
}
