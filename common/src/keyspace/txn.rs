//! A command's view of the keys: reads that never see what expired, and writes that mint dots and
//! leave effects. A `Txn` is used under locks that name all of its keys; it takes none itself.

use super::effect::{Effect, Effects, EventClass};
use super::locate::Cursor;
use super::partition::{Counts, Found, Partition, Pass, Slots, Source, Ttl};
use super::rebuild;
use super::scan::{Steps, Visit};
use super::table::Entry;
use super::{Located, Locks, PARTITIONS};
use crate::causal::{Change, Kind, Record, Value};
use crate::clock::Now;
use crate::command::error::CommandError;
use crate::command::number::parse_i64;
use crate::id::Dot;
use bytes::Bytes;
use std::cell::Cell;

/// A key that was located before the locks were taken: by address, so that it costs a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    address: usize,
    len: usize,
    db: u8,
    /// Where it belongs.
    pub at: Located,
}

impl Hint {
    /// Of this very slice; valid while it lives.
    pub fn new(db: u8, key: &[u8], at: Located) -> Hint {
        Hint { address: key.as_ptr().addr(), len: key.len(), db, at }
    }

    fn is_of(&self, db: u8, key: &[u8]) -> bool {
        self.address == key.as_ptr().addr() && self.len == key.len() && self.db == db
    }
}

/// A string as read.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Short.
    Bytes(&'a [u8]),
    /// Long: may be kept past the lock without a copy.
    Shared(Bytes),
    /// A number that was incremented.
    Integer(i64),
}

impl Text<'_> {
    /// Its bytes.
    pub fn bytes<'b>(&'b self, digits: &'b mut itoa::Buffer) -> &'b [u8] {
        match self {
            Text::Bytes(bytes) => bytes,
            Text::Shared(bytes) => bytes,
            Text::Integer(n) => digits.format(*n).as_bytes(),
        }
    }

    /// Its value as an integer, as INCR would read it.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Text::Bytes(bytes) => parse_i64(bytes),
            Text::Shared(bytes) => parse_i64(bytes),
            Text::Integer(n) => Some(*n),
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    /// Whether it is the empty string.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How far ahead a key is looked for among the hints: a command may skip a few.
const HINTS_AHEAD: usize = 3;

/// Segments that a SCAN looks into at most, if it does not ask for more keys than that: some hundred
/// keys each, which may all be of other databases.
const SEGMENTS_A_SCAN: usize = 64;

/// See the module.
pub struct Txn<'t, 'k> {
    locks: &'t mut Locks<'k>,
    hints: &'t [Hint],
    /// Where the last key was found in `hints`.
    next_hint: Cell<usize>,
    effects: &'t mut Effects,
    /// The time of the batch.
    pub now: Now,
    /// The selected database.
    pub db: u8,
    /// Whether reads stamp the LRU clock (CLIENT NO-TOUCH).
    pub touch: bool,
    /// Randomness from outside.
    pub random: u64,
    /// Largest string that a command may make (`proto-max-bulk-len`).
    pub text_bytes_max: usize,
    /// What the command's words lie in.
    pub source: Source<'t>,
    /// See [`Pass::expires`].
    pub expires: bool,
    /// Looks at keys that found something, and that found nothing.
    looks: (u64, u64),
    /// Those of a command that writes, too, and whose reply shows what was there.
    shown: (u64, u64),
}

/// Redis's `proto-max-bulk-len`, unless it is set.
const TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;

impl<'t, 'k> Txn<'t, 'k> {
    /// A transaction under these locks.
    pub fn new(
        locks: &'t mut Locks<'k>,
        effects: &'t mut Effects,
        now: Now,
        db: u8,
        random: u64,
    ) -> Txn<'t, 'k> {
        // The locks are held now: who watches a key of theirs from here on waits for them.
        effects.interest.touched |= locks.space().watchers.any();
        Txn {
            locks,
            hints: &[],
            next_hint: Cell::new(0),
            effects,
            now,
            db,
            touch: true,
            random,
            text_bytes_max: TEXT_BYTES_MAX,
            source: Source::Fleeting,
            expires: false,
            looks: (0, 0),
            shown: (0, 0),
        }
    }

    /// Knows where these keys are.
    pub fn with_hints(mut self, hints: &'t [Hint]) -> Txn<'t, 'k> {
        self.hints = hints;
        self
    }

    /// Where a key is: from the hints when it is one of the next few (commands use their keys in
    /// the order in which their row names them, mostly), else computed again.
    #[inline]
    fn locate(&self, key: &[u8]) -> Located {
        let next = self.next_hint.get();
        for (ahead, hint) in self.hints[next..].iter().take(HINTS_AHEAD).enumerate() {
            if hint.is_of(self.db, key) {
                // Stays on it: the same key is often used twice in a row.
                self.next_hint.set(next + ahead);
                return hint.at;
            }
        }
        if next > 0 && self.hints[0].is_of(self.db, key) {
            self.next_hint.set(0);
            return self.hints[0].at;
        }
        self.locks.space().locate(self.db, key)
    }

    #[inline]
    fn lru(&self) -> u32 {
        (self.now.mono_us / 1_000_000) as u32 & 0x00ff_ffff
    }

    /// Notes that the reply shows what was at a key, or that nothing was.
    pub fn note_shown(&mut self, found: bool) {
        self.shown.0 += u64::from(found);
        self.shown.1 += u64::from(!found);
    }

    /// Hits and misses as Redis counts them: the looks of a command that only reads, and of others
    /// what their replies show.
    pub fn hits_and_misses(&self, only_reads: bool) -> (u64, u64) {
        if only_reads { self.looks } else { self.shown }
    }

    /// How many databases there are.
    pub fn databases(&self) -> u16 {
        self.locks.space().options().databases
    }

    #[inline]
    fn find(&mut self, key: &[u8]) -> Option<Found<'_>> {
        let at = self.locate(key);
        let (now, db, lru, touch) = (self.now, self.db, self.lru(), self.touch);
        let partition = self.locks.partition(at.partition);
        let expires = self.expires;
        let source = Source::Fleeting;
        let mut pass = Pass { db, now, lru, effects: self.effects, source, expires };
        let found = partition.look(&at, key, touch, &mut pass);
        self.looks.0 += u64::from(found.is_some());
        self.looks.1 += u64::from(found.is_none());
        found
    }

    /// The string at a key; `None` when nothing shows.
    ///
    /// # Errors
    /// `WrongType` when something else shows.
    #[inline]
    pub fn text(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, CommandError> {
        let view = self.view_ms(key);
        match self.find(key) {
            None => Ok(None),
            Some(Found::Bytes(bytes)) => Ok(Some(Text::Bytes(bytes))),
            Some(Found::Shared(bytes)) => Ok(Some(Text::Shared(bytes.clone()))),
            Some(Found::Integer(n)) => Ok(Some(Text::Integer(n))),
            Some(Found::Record(record)) => {
                match record.text(view).ok_or(CommandError::WrongType)?.value {
                    Value::Integer(n) => Ok(Some(Text::Integer(n))),
                    Value::Bytes(bytes) => Ok(Some(Text::Shared(bytes))),
                }
            }
        }
    }

    /// The time by which the deadlines of a key are judged.
    pub fn view_ms(&mut self, key: &[u8]) -> u64 {
        let at = self.locate(key);
        let now = self.now;
        self.locks.partition(at.partition).view_ms(now)
    }

    /// What kind of thing shows at a key.
    pub fn kind(&mut self, key: &[u8]) -> Option<Kind> {
        let view = self.view_ms(key);
        match self.find(key)? {
            Found::Record(record) => record.kind(view),
            _ => Some(Kind::Text),
        }
    }

    /// Whether something shows at a key.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The deadline of a key in milliseconds since the Unix epoch: `None` when nothing shows,
    /// `Some(None)` when it has none.
    pub fn deadline(&mut self, key: &[u8]) -> Option<Option<u64>> {
        let touch = std::mem::replace(&mut self.touch, false);
        let shows = self.find(key).is_some();
        self.touch = touch;
        let (at, now, db) = (self.locate(key), self.now, self.db);
        shows.then(|| self.locks.partition(at.partition).deadline(&at, db, key, now).flatten())
    }

    /// Whether what shows at a key has a deadline, or a part of it.
    pub fn is_to_expire(&mut self, key: &[u8]) -> bool {
        let (at, now, db) = (self.locate(key), self.now, self.db);
        self.locks.partition(at.partition).is_to_expire(&at, db, key, now)
    }

    /// The record of a collection, to read its elements; `None` when nothing shows.
    ///
    /// # Errors
    /// `WrongType` when something of another kind shows.
    pub fn collection(&mut self, key: &[u8], kind: Kind) -> Result<Option<&Record>, CommandError> {
        let view = self.view_ms(key);
        match self.find(key) {
            None => Ok(None),
            Some(Found::Record(record)) if record.kind(view) == Some(kind) => Ok(Some(record)),
            Some(_) => Err(CommandError::WrongType),
        }
    }

    /// SET: supersedes whatever is there.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: &[u8], ttl: Ttl) {
        let at = self.locate(key);
        self.pass(at, |partition, pass| partition.set(&at, key, value, ttl, pass));
    }

    /// APPEND: a SET of what shows with `tail` after it, that keeps the deadline. Returns the
    /// length.
    ///
    /// # Errors
    /// `WrongType`, or `StringTooLong` past `text_bytes_max`; nothing changed then.
    pub fn append(&mut self, key: &[u8], tail: &[u8]) -> Result<usize, CommandError> {
        let bytes_max = self.text_bytes_max;
        let Some(text) = self.text(key)? else {
            self.set(key, tail, Ttl::Clear);
            return Ok(tail.len());
        };
        let len = text.len().checked_add(tail.len()).filter(|len| *len <= bytes_max);
        let len = len.ok_or(CommandError::StringTooLong)?;
        match text {
            Text::Shared(value) => {
                let deadline = self.deadline(key).flatten();
                let at = self.locate(key);
                let shown = (value, deadline);
                self.pass(at, |partition, pass| partition.append(&at, key, shown, tail, pass));
            }
            short => {
                let value = [short.bytes(&mut itoa::Buffer::new()), tail].concat();
                self.set(key, &value, Ttl::Keep);
            }
        }
        Ok(len)
    }

    /// DEL. Returns whether something showed.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let at = self.locate(key);
        self.pass(at, |partition, pass| partition.delete(&at, key, pass))
    }

    /// INCR by any amount. Returns the sum.
    ///
    /// # Errors
    /// `WrongType`, `NotInteger` or `Overflow`; nothing changed then.
    pub fn increment(&mut self, key: &[u8], by: i64) -> Result<i64, CommandError> {
        let before = match self.text(key)? {
            None => 0,
            Some(text) => text.integer().ok_or(CommandError::NotInteger)?,
        };
        before.checked_add(by).ok_or(CommandError::Overflow)?;
        let at = self.locate(key);
        Ok(self.pass(at, |partition, pass| partition.increment(&at, key, by, pass)))
    }

    /// EXPIRE (`Some`, milliseconds since the Unix epoch) and PERSIST (`None`). Returns whether
    /// something shows at the key.
    pub fn set_deadline(&mut self, key: &[u8], deadline_ms: Option<u64>) -> bool {
        let at = self.locate(key);
        self.pass(at, |partition, pass| partition.set_deadline(&at, key, deadline_ms, pass))
    }

    /// A change that depends on the record as it is, on the event's dot and on the view's time.
    pub fn change_with(&mut self, key: &[u8], change: impl FnOnce(&Record, Dot, u64) -> Change) {
        let at = self.locate(key);
        self.pass(at, |partition, pass| partition.change_with(&at, key, change, pass));
    }

    /// Any change of a record: collections.
    pub fn change(&mut self, key: &[u8], change: Change) {
        let at = self.locate(key);
        self.pass(at, |partition, pass| partition.change(&at, key, change, pass));
    }

    /// Copies what a key shows, deadline included, to another name in `to_db`, superseding what is
    /// there. `None` when nothing shows; `Some(false)` when both names are one.
    pub fn copy(&mut self, from: &[u8], to: &[u8], to_db: u8) -> Option<bool> {
        let (from_at, from_db, now) = (self.locate(from), self.db, self.now);
        let partition = self.locks.partition(from_at.partition);
        partition.read(&from_at, from_db, from, now)?;
        if from == to && from_db == to_db {
            return Some(false);
        }
        let record = partition.record(&from_at, from_db, from)?;
        let view = partition.view_ms(now);
        self.db = to_db;
        self.delete(to);
        for step in rebuild::steps(&record, view) {
            self.change_with(to, |_, dot, _| step.change(dot));
        }
        self.db = from_db;
        Some(true)
    }

    /// Notes a keyspace event.
    #[inline]
    pub fn event(&mut self, class: EventClass, name: &'static str, key: &[u8]) {
        if self.effects.interest.events {
            let db = self.db;
            self.effects.push(Effect::Event { class, name, db, key: key.to_vec() });
        }
    }

    /// Notes that a collection got elements that somebody may wait for.
    pub fn ready(&mut self, key: &[u8]) {
        if self.effects.interest.ready {
            let db = self.db;
            self.effects.push(Effect::Ready { db, key: key.to_vec() });
        }
    }

    /// Keys and deadlines of the selected database. Needs the locks of all partitions.
    pub fn counts(&mut self) -> Counts {
        let db = self.db;
        let mut sum = Counts::default();
        for partition in 0..PARTITIONS {
            let counts = self.locks.partition(partition as u8).counts(db);
            sum.keys += counts.keys;
            sum.deadlines += counts.deadlines;
        }
        sum
    }

    /// FLUSHDB of the selected database. Needs the locks of all partitions.
    pub fn flush(&mut self) {
        self.touch_watched(Some(self.db));
        self.each_partition(|partition, pass| partition.flush(Slots::ALL, pass));
    }

    /// FLUSHALL. Needs the locks of all partitions.
    pub fn flush_all(&mut self) {
        self.touch_watched(None);
        self.each_partition(Partition::flush_all);
    }

    /// Touches the watched keys that show, of one database or of all: a flush that touched every key
    /// would take a walk over all of them.
    fn touch_watched(&mut self, db: Option<u8>) {
        for (of, key) in self.locks.space().watchers.keys(db) {
            let at = self.locks.space().locate(of, &key);
            if self.locks.partition(at.partition).read(&at, of, &key, self.now).is_some() {
                self.effects.touched(of, &key);
            }
        }
    }

    fn each_partition(&mut self, flush: impl Fn(&mut Partition, &mut Pass<'_>)) {
        let (now, db, lru) = (self.now, self.db, self.lru());
        for partition in 0..=u8::MAX {
            let (source, expires) = (self.source, self.expires);
            let mut pass = Pass { db, now, lru, effects: self.effects, source, expires };
            flush(self.locks.partition(partition), &mut pass);
        }
    }

    /// Walks from `cursor` over at least `count` keys (or to the end), calling `each` with key and
    /// kind; takes the locks it comes through. Returns where to go on.
    ///
    /// It stops sooner where it has passed very many keys of other databases.
    pub fn scan(
        &mut self,
        cursor: Cursor,
        count: usize,
        mut each: impl FnMut(&[u8], Kind),
    ) -> Option<Cursor> {
        let mut at = cursor;
        let count = count.max(1);
        let mut left = Steps { count, segments: SEGMENTS_A_SCAN.max(count) };
        loop {
            self.locks.also(at.partition);
            at = self.scan_partition(at, &mut left, &mut each)?;
            if left.are_done() {
                return Some(at);
            }
        }
    }

    /// The same within one partition, whose lock is held. Returns where to go on; what it did is
    /// taken off `left`.
    pub fn scan_partition(
        &mut self,
        cursor: Cursor,
        left: &mut Steps,
        mut each: impl FnMut(&[u8], Kind),
    ) -> Option<Cursor> {
        let (now, db) = (self.now, self.db);
        let seed = self.locks.space().options().seed;
        let locate = |entry: &Entry| seed.locate(entry.db(), entry.key());
        let mut visit = Visit {
            db,
            now,
            left,
            each: &mut |partition, entry| {
                if let Some(kind) = partition.kind(entry, now) {
                    each(entry.key(), kind);
                }
            },
        };
        self.locks.partition(cursor.partition).scan(cursor, &locate, &mut visit)
    }

    /// A key of the selected database at random. Needs the locks of all partitions.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        self.locks.random_key(self.db, self.now, self.random)
    }

    #[inline]
    fn pass<T>(&mut self, at: Located, run: impl FnOnce(&mut Partition, &mut Pass<'_>) -> T) -> T {
        let (db, now, lru) = (self.db, self.now, self.lru());
        let (source, expires) = (self.source, self.expires);
        let mut pass = Pass { db, now, lru, effects: self.effects, source, expires };
        run(self.locks.partition(at.partition), &mut pass)
    }
}
