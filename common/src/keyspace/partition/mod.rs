//! The keys of the slots that share one lock, and every way in which one of them changes.
//!
//! Each change mints one dot above the partition's clock. The ordinary ones (SET, DEL, INCR, EXPIRE
//! of a string with one history) work on the packed entry; all others, and all that arrive from
//! other owners, go through [`Record::plan`] and [`Record::apply`], which is the meaning that the
//! short ways must keep: a test holds them equal.

mod cuts;
mod digests;
mod settled;
mod update;
mod write;

pub use cuts::Slots;

use super::actors::{Actors, FIRST};
use super::effect::{Doomed, Effects};
use super::packed::{context, unpack};
use super::table::{Entry, Located, Payload, Spot, Table};
use crate::causal::{Context, DigestSeed, Floor, Horizon, Kind, Record};
use crate::clock::{Hlc, Now};
use crate::id::{Actor, Dot};
use crate::merkle::Leaves;
use bytes::Bytes;
use std::sync::Arc;

/// Slots of one partition.
const SLOTS_EACH: usize = crate::placement::slot::SLOTS as usize / super::PARTITIONS;

/// Elements that a DEL or a SET frees itself: some microseconds.
const CELLS_FREED_MAX: usize = 64;

/// What a partition shares with all others of its shard.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The keyed hash.
    pub seed: super::HashSeed,
    /// Actors by number.
    pub actors: Arc<Actors>,
    /// How many databases there are.
    pub databases: u16,
    /// This shard is the only owner of every slot: its own clock is the floor of each, so a
    /// tombstone has nobody left to tell and goes at once.
    pub lone: bool,
    /// What digests are keyed with, where they are kept.
    pub digests: Option<DigestSeed>,
}

/// What a change needs besides the key: where, when, and who reads its effects.
pub struct Pass<'e> {
    /// The database.
    pub db: u8,
    /// The time of the batch.
    pub now: Now,
    /// The LRU clock to stamp, 24 bits of seconds.
    pub lru: u32,
    /// What happened.
    pub effects: &'e mut Effects,
    /// What the command's words lie in.
    pub source: Source<'e>,
    /// Whether a look at what is due mints its expire event, so that nobody whose clock is behind
    /// shows it again: the settled home may do so.
    pub expires: bool,
}

impl Pass<'_> {
    /// A value to store for longer than the command: a copy, or a part of the buffer it came in when
    /// that is little more than the value.
    fn keep(&self, value: &[u8]) -> Bytes {
        match self.source {
            Source::Buffer(source) if is_most_of(value, source) => source.slice_ref(value),
            _ => Bytes::copy_from_slice(value),
        }
    }

    /// A key or a value for an effect: one of the first words of the command itself, if it may be. An effect
    /// lasts about as long as the message that the command came in.
    fn pass_on(&self, text: &[u8]) -> Bytes {
        let Source::Words(words) = self.source else { return self.keep(text) };
        let is_it = |word: &&Bytes| word.as_ptr() == text.as_ptr() && word.len() == text.len();
        let word = words.iter().take(WORDS_LOOKED_AT).find(is_it);
        word.cloned().unwrap_or_else(|| Bytes::copy_from_slice(text))
    }
}

/// So that what a command of many words costs does not grow with their square; the ordinary ones are short.
const WORDS_LOOKED_AT: usize = 4;

/// What the words of a command lie in.
#[derive(Clone, Copy, Debug, Default)]
pub enum Source<'s> {
    /// Something that may not be kept.
    #[default]
    Fleeting,
    /// One buffer that may be kept: a long value in it then needs no copy.
    Buffer(&'s Bytes),
    /// Each in its own, which may be passed on; what that is a part of may be long.
    Words(&'s [Bytes]),
}

/// Whether a value lies in a buffer and is seven eighths of it or more.
fn is_most_of(value: &[u8], source: &[u8]) -> bool {
    let (inside, around) = (value.as_ptr_range(), source.as_ptr_range());
    around.start <= inside.start
        && inside.end <= around.end
        && value.len() >= source.len() - source.len() / 8
}

/// What a write of a string does with the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// No deadline afterwards.
    Clear,
    /// The deadline it has.
    Keep,
    /// This one, in milliseconds since the Unix epoch.
    At(u64),
}

/// See the module. `keys` and `deadlines` count per database what the table holds.
pub struct Partition {
    number: u8,
    shared: Shared,
    table: Table,
    clock: Hlc,
    /// The shard's actor and its number.
    own: (u16, Actor),
    counts: Vec<Counts>,
    floors: Box<[Floor]>,
    cuts: cuts::Cuts,
    /// The digests of each slot; empty until a key comes, and where none are kept.
    leaves: Vec<Leaves>,
}

/// Keys of one database in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries that are no tombstones; expired ones count until the sweep takes them.
    pub keys: u64,
    /// Those with a deadline.
    pub deadlines: u64,
}

/// What a lookup found.
#[derive(Debug)]
pub enum Found<'a> {
    /// A string in the entry.
    Bytes(&'a [u8]),
    /// A long string behind a pointer.
    Shared(&'a Bytes),
    /// An integer that was incremented.
    Integer(i64),
    /// Anything else that shows something.
    Record(&'a Record),
}

impl Partition {
    /// The empty partition of this number.
    pub fn new(number: u8, shared: Shared) -> Partition {
        let databases = usize::from(shared.databases);
        Partition {
            number,
            table: Table::default(),
            clock: Hlc::ZERO,
            own: (FIRST, shared.actors.get(FIRST)),
            counts: vec![Counts::default(); databases],
            floors: vec![Floor::default(); SLOTS_EACH].into(),
            cuts: cuts::Cuts::new(shared.databases),
            leaves: Vec::new(),
            shared,
        }
    }

    /// Its table, to read and to walk.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Mints under another name from now on: the one before was closed, or lost what it wrote.
    ///
    /// # Panics
    /// When it had some hundred names in one life, and all are in use: a shard has two.
    pub fn rename(&mut self, actor: Actor) {
        let number = self.shared.actors.intern_own(actor);
        // What was minted under that one may lie where a walk has been.
        self.shared.actors.may_be_used(self.own.0);
        self.own = (number.expect("numbers are left for own names"), actor);
    }

    /// The number of the name that it mints under.
    pub(super) fn own_number(&self) -> u16 {
        self.own.0
    }

    /// Keys and deadlines of a database.
    pub fn counts(&self, db: u8) -> Counts {
        self.counts[usize::from(db)]
    }

    /// The time by which deadlines are judged: a node that saw a later clock is not younger.
    #[inline]
    pub fn view_ms(&self, now: Now) -> u64 {
        now.wall_ms.max(self.clock.wall_ms())
    }

    /// Settled history of the slot and database of a key.
    pub fn horizon(&self, at: &Located, db: u8) -> Horizon {
        let slot = slot_index(at);
        Horizon { floor: self.floors[slot].clone(), cut: self.cuts.get(slot, db) }
    }

    /// What the key shows now, if anything.
    #[inline]
    pub fn read(&self, at: &Located, db: u8, key: &[u8], now: Now) -> Option<Found<'_>> {
        let spot = self.table.find(at, db, key)?;
        self.show(self.table.get(spot), now)
    }

    /// The same for a command: removes what is due, and stamps the LRU clock if it is to `touch`.
    #[inline]
    pub fn look(
        &mut self,
        at: &Located,
        key: &[u8],
        touch: bool,
        pass: &mut Pass<'_>,
    ) -> Option<Found<'_>> {
        let mut spot = self.table.find(at, pass.db, key)?;
        let due = self.table.get(spot).deadline_ms();
        if due.is_some_and(|ms| ms <= self.view_ms(pass.now)) {
            self.drop_found(spot, pass);
            if pass.expires {
                self.expire(key, self.view_ms(pass.now), pass);
            }
            spot = self.table.find(at, pass.db, key)?;
        }
        if touch {
            self.table.get_mut(spot).touch(pass.lru);
        }
        self.show(self.table.get(spot), pass.now)
    }

    /// What an entry shows now.
    #[inline]
    pub fn show<'a>(&self, entry: &'a Entry, now: Now) -> Option<Found<'a>> {
        let found = match entry.payload() {
            Payload::Record(record) => {
                return record.kind(self.view_ms(now)).map(|_| Found::Record(record));
            }
            Payload::Inline(bytes) => Found::Bytes(bytes),
            Payload::Shared(bytes) => Found::Shared(bytes),
            Payload::Counter(counter) => Found::Integer(counter.shown()),
            Payload::Tombstone => return None,
        };
        let passed = entry.deadline_ms().is_some_and(|ms| ms <= self.view_ms(now));
        (!passed).then_some(found)
    }

    /// When an entry that shows something expires. May walk over a collection.
    fn deadline_of(&self, entry: &Entry, now: Now) -> Option<u64> {
        match entry.payload() {
            Payload::Record(record) => record.deadline_ms(self.view_ms(now)),
            _ => entry.deadline_ms(),
        }
    }

    /// Whether what a key shows has a deadline, or a part of it.
    pub fn is_to_expire(&self, at: &Located, db: u8, key: &[u8], now: Now) -> bool {
        let entry = self.table.find(at, db, key).map(|spot| self.table.get(spot));
        entry.is_some_and(|entry| match entry.payload() {
            Payload::Record(record) => record.is_to_expire(self.view_ms(now)),
            _ => entry.deadline_ms().is_some() && self.show(entry, now).is_some(),
        })
    }

    /// The deadline of a key: `None` when nothing shows, `Some(None)` when it has none.
    pub fn deadline(&self, at: &Located, db: u8, key: &[u8], now: Now) -> Option<Option<u64>> {
        let entry = self.table.get(self.table.find(at, db, key)?);
        self.show(entry, now).map(|_| self.deadline_of(entry, now))
    }

    /// What kind of thing an entry shows now.
    pub fn kind(&self, entry: &Entry, now: Now) -> Option<Kind> {
        kind_at(entry, self.view_ms(now))
    }

    /// The highest clock it has seen or minted.
    pub fn clock(&self) -> Hlc {
        self.clock
    }

    fn mint(&mut self, now: Now) -> Hlc {
        self.clock = self.clock.tick(now.wall_ms);
        self.clock
    }
    /// The record of a key, whether it shows something or not.
    pub fn record(&self, at: &Located, db: u8, key: &[u8]) -> Option<Record> {
        let spot = self.table.find(at, db, key)?;
        Some(self.unpack(self.table.get(spot), &self.horizon(at, db)))
    }

    /// What somebody finds out about the record of a key, which is not copied if it is large.
    pub fn with_record<T>(
        &self,
        at: &Located,
        db: u8,
        key: &[u8],
        find: impl FnOnce(&Record) -> T,
    ) -> T {
        let entry = self.table.find(at, db, key).map(|spot| self.table.get(spot));
        match entry.map(|entry| (entry, entry.payload())) {
            None => find(&Record::default()),
            Some((_, Payload::Record(record))) => find(record),
            Some((entry, _)) => find(&self.unpack(entry, &self.horizon(at, db))),
        }
    }

    /// The context of a key: what its record and nothing else has seen.
    pub fn context(&self, at: &Located, db: u8, key: &[u8]) -> Context {
        let spot = self.table.find(at, db, key);
        spot.map(|spot| self.seen(self.table.get(spot), &self.horizon(at, db))).unwrap_or_default()
    }
    /// The context of that record.
    fn seen(&self, entry: &Entry, horizon: &Horizon) -> Context {
        let mut context = context(entry, &self.shared.actors);
        context.remove_where(|dot| horizon.covers(dot));
        context
    }

    /// The record that an entry stands for, without what the horizon says for it: a packed entry
    /// keeps the clock of its context even when that is settled.
    fn unpack(&self, entry: &Entry, horizon: &Horizon) -> Record {
        let mut record = unpack(entry, &self.shared.actors);
        record.context.remove_where(|dot| horizon.covers(dot));
        record
    }

    fn store(&mut self, at: &Located, spot: Option<Spot>, entry: Entry) {
        self.count(&entry, 1);
        let after = self.weight(at, &entry);
        let before = match spot {
            Some(spot) => {
                let old = self.table.replace(spot, entry);
                self.count(&old, -1);
                self.weight(at, &old)
            }
            None => {
                let seed = self.shared.seed;
                self.table.insert(at, entry, &|e: &Entry| seed.locate(e.db(), e.key()));
                0
            }
        };
        self.reweigh(at, before, after);
    }

    /// Overwrites a string where it lies, if that is possible: see [`Entry::overwrite_inline`].
    #[inline]
    fn overwrite(
        &mut self,
        at: &Located,
        spot: Spot,
        value: &[u8],
        (number, dot): (u16, Dot),
    ) -> bool {
        let entry = self.table.get_mut(spot);
        let before = Dot { hlc: entry.hlc(), actor: dot.actor };
        let done = entry.overwrite_inline(value, number, dot.hlc);
        if done && let Some(seed) = self.shared.digests {
            let (db, hash) = (entry.db(), at.hash);
            let weigh = |dot| seed.of_key(hash, self.digest_of_text(slot_index(at), db, dot, seed));
            let (before, after) = (weigh(before), weigh(dot));
            self.reweigh(at, before, after);
        }
        done
    }

    /// Takes an entry out; a large one is freed with the effects.
    fn take(&mut self, spot: Spot, effects: &mut Effects) {
        let entry = self.remove(spot);
        if matches!(entry.payload(), Payload::Record(record) if record.cells.len() > CELLS_FREED_MAX)
        {
            effects.doomed.push(Doomed::Entries(vec![entry]));
        }
    }

    fn remove(&mut self, spot: Spot) -> Entry {
        let seed = self.shared.seed;
        let entry = self.table.remove(spot, &|e: &Entry| seed.locate(e.db(), e.key()));
        self.count(&entry, -1);
        self.forget(&entry);
        entry
    }

    fn count(&mut self, entry: &Entry, by: i64) {
        let counts = &mut self.counts[usize::from(entry.db())];
        if !entry.is_tombstone() {
            counts.keys = counts.keys.wrapping_add_signed(by);
            if entry.deadline_ms().is_some() {
                counts.deadlines = counts.deadlines.wrapping_add_signed(by);
            }
        }
    }
}

/// The place of a key's slot within the partition.
fn slot_index(at: &Located) -> usize {
    (at.order >> (u64::BITS - SLOTS_EACH.trailing_zeros())) as usize
}

/// What kind of thing an entry shows at a time.
fn kind_at(entry: &Entry, view_ms: u64) -> Option<Kind> {
    match entry.payload() {
        Payload::Record(record) => record.kind(view_ms),
        Payload::Tombstone => None,
        _ => entry.deadline_ms().is_none_or(|at_ms| at_ms > view_ms).then_some(Kind::Text),
    }
}
