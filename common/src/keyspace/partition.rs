//! The keys of the slots that share one lock, and every way in which one of them changes.
//!
//! Each change mints one dot above the partition's clock. The ordinary ones (SET, DEL, INCR, EXPIRE
//! of a string with one history) work on the packed entry; all others, and all that arrive from
//! other owners, go through [`Record::plan`] and [`Record::apply`], which is the meaning that the
//! short ways must keep: a test holds them equal.

use super::effect::{Effect, Effects};
use super::packed::{Actors, OWN, pack, unpack};
use super::table::{
    Counter, Draft, Entry, INLINE_BYTES_MAX, Located, NewPayload, Payload, Spot, Table,
};
use crate::causal::{Applied, Change, Context, Delta, Floor, Horizon, Kind, Record, Value};
use crate::clock::{Hlc, Now};
use crate::command::number::parse_i64;
use crate::id::Dot;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// Slots of one partition.
const SLOTS_EACH: usize = crate::placement::slot::SLOTS as usize / super::PARTITIONS;

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
    shared: Shared,
    table: Table,
    clock: Hlc,
    counts: Vec<Counts>,
    floors: Box<[Floor]>,
    cuts: Vec<Hlc>,
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
    /// An empty one.
    pub fn new(shared: Shared) -> Partition {
        let databases = usize::from(shared.databases);
        Partition {
            shared,
            table: Table::default(),
            clock: Hlc::ZERO,
            counts: vec![Counts::default(); databases],
            floors: vec![Floor::default(); SLOTS_EACH].into(),
            cuts: vec![Hlc::ZERO; databases],
        }
    }

    /// Its table, to read and to walk.
    pub fn table(&self) -> &Table {
        &self.table
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
        let slot = (at.order >> (u64::BITS - SLOTS_EACH.trailing_zeros())) as usize;
        Horizon { floor: self.floors[slot].clone(), cut: self.cuts[usize::from(db)] }
    }

    /// What the key shows now, if anything, and until when.
    #[inline]
    pub fn read(
        &self,
        at: &Located,
        db: u8,
        key: &[u8],
        now: Now,
    ) -> Option<(Found<'_>, Option<u64>)> {
        let spot = self.table.find(at, db, key)?;
        self.show(self.table.get(spot), now)
    }

    /// The same, and stamps the LRU clock.
    #[inline]
    pub fn read_and_touch(
        &mut self,
        at: &Located,
        db: u8,
        key: &[u8],
        now: Now,
        lru: u32,
    ) -> Option<(Found<'_>, Option<u64>)> {
        let spot = self.table.find(at, db, key)?;
        self.table.get_mut(spot).touch(lru);
        self.show(self.table.get(spot), now)
    }

    /// What an entry shows now.
    #[inline]
    pub fn show<'a>(&self, entry: &'a Entry, now: Now) -> Option<(Found<'a>, Option<u64>)> {
        let deadline = entry.deadline_ms();
        let found = match entry.payload() {
            Payload::Record(record) => {
                let view = self.view_ms(now);
                record.kind(view)?;
                return Some((Found::Record(record), record.deadline_ms(view)));
            }
            Payload::Inline(bytes) => Found::Bytes(bytes),
            Payload::Shared(bytes) => Found::Shared(bytes),
            Payload::Counter(counter) => Found::Integer(counter.shown()),
            Payload::Tombstone => return None,
        };
        if deadline.is_some_and(|ms| ms <= self.view_ms(now)) {
            return None;
        }
        Some((found, deadline))
    }

    /// What kind of thing an entry shows now.
    pub fn kind(&self, entry: &Entry, now: Now) -> Option<Kind> {
        match self.show(entry, now)?.0 {
            Found::Record(record) => record.kind(self.view_ms(now)),
            _ => Some(Kind::Text),
        }
    }

    fn mint(&mut self, now: Now) -> Hlc {
        self.clock = self.clock.tick(now.wall_ms);
        self.clock
    }

    /// SET: supersedes all that is there.
    #[inline]
    pub fn set(&mut self, at: &Located, key: &[u8], value: &[u8], ttl: Ttl, pass: &mut Pass<'_>) {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let spot = self.table.find(at, pass.db, key);
        if let Some(spot) = spot
            && ttl == Ttl::Clear
            && !pass.effects.interest.deltas
            && self.table.get_mut(spot).overwrite_inline(value, OWN, hlc)
        {
            self.table.get_mut(spot).touch(pass.lru);
            return;
        }
        let deadline = match ttl {
            Ttl::Clear => None,
            Ttl::At(ms) => Some(ms),
            Ttl::Keep => {
                spot.and_then(|spot| self.show(self.table.get(spot), pass.now)).and_then(|s| s.1)
            }
        };
        let replace = |value| Change::Replace { value, deadline_ms: deadline };
        // The context keeps the clocks of other actors, so a packed entry can only follow our own.
        if spot.is_some_and(|spot| !self.is_own(self.table.get(spot))) {
            return self.change_at(at, key, replace(Bytes::copy_from_slice(value)), hlc, pass);
        }
        if pass.effects.interest.deltas {
            let delta = self.plan(at, key, replace(Bytes::copy_from_slice(value)), hlc, pass);
            pass.effects.push(Effect::Delta { db: pass.db, key: key.to_vec(), delta });
        }
        let payload = if value.len() <= INLINE_BYTES_MAX {
            NewPayload::Inline(value)
        } else {
            NewPayload::Shared(Bytes::copy_from_slice(value))
        };
        let deadline = deadline.map(|ms| (ms, hlc));
        let draft = Draft { db: pass.db, key, actor: OWN, hlc, base_hlc: hlc, deadline, payload };
        self.store(at, spot, Entry::new(draft, pass.lru));
    }

    /// APPEND to a long string: a SET of `value`, which the caller has just read here, with `tail`
    /// after it and the same deadline.
    ///
    /// A value of one history grows in place, with room to spare, when nobody else holds it (no
    /// reply being sent, no delta on its way); otherwise it is copied once. So many small pieces
    /// cost what the pieces cost, not the value's length each.
    pub fn append(
        &mut self,
        at: &Located,
        key: &[u8],
        (value, deadline_ms): (Bytes, Option<u64>),
        tail: &[u8],
        pass: &mut Pass<'_>,
    ) {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let spot = self.table.find(at, pass.db, key);
        if let Some(spot) = spot
            && self.is_own(self.table.get(spot))
        {
            // A tombstone of the same context takes the entry's place, so that it lets go of the
            // bytes; for the SET that follows one is as good as the other.
            let (db, seen) = (pass.db, self.table.get(spot).hlc());
            let (actor, deadline, payload) = (OWN, None, NewPayload::Tombstone);
            let draft = Draft { db, key, actor, hlc: seen, base_hlc: seen, deadline, payload };
            self.store(at, Some(spot), Entry::new(draft, pass.lru));
        }
        let mut value = BytesMut::from(value);
        value.extend_from_slice(tail);
        self.change_at(at, key, Change::Replace { value: value.freeze(), deadline_ms }, hlc, pass);
    }

    /// Whether a packed entry's whole history is this shard's own.
    fn is_own(&self, entry: &Entry) -> bool {
        !matches!(entry.payload(), Payload::Record(_)) && entry.actor() == OWN
    }

    /// DEL. Returns whether something was shown before.
    pub fn delete(&mut self, at: &Located, key: &[u8], pass: &mut Pass<'_>) -> bool {
        let Some(spot) = self.table.find(at, pass.db, key) else { return false };
        let shown = self.show(self.table.get(spot), pass.now).is_some();
        if !shown && self.table.get(spot).is_tombstone() {
            return false;
        }
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        if self.shared.lone && !pass.effects.interest.deltas {
            self.take(spot);
        } else {
            self.change_at(at, key, Change::Clear, hlc, pass);
        }
        shown
    }

    /// INCR on what shows (or on an absent key). The caller has checked that it is an integer and
    /// that the sum does not overflow. Returns the sum.
    pub fn increment(&mut self, at: &Located, key: &[u8], by: i64, pass: &mut Pass<'_>) -> i64 {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let spot = self.table.find(at, pass.db, key);
        if let Some(spot) = spot
            && !pass.effects.interest.deltas
            && let Some((sum, entry)) = self.increment_packed(self.table.get(spot), by, hlc, pass)
        {
            self.store(at, Some(spot), entry);
            return sum;
        }
        self.change_at(
            at,
            key,
            Change::Increment { path: crate::causal::Path::Text, by },
            hlc,
            pass,
        );
        match self.read(at, pass.db, key, pass.now) {
            Some((Found::Integer(sum), _)) => sum,
            Some((Found::Record(record), _)) => {
                match record.text(self.view_ms(pass.now)).map(|view| view.value) {
                    Some(Value::Integer(sum)) => sum,
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    fn increment_packed(
        &self,
        entry: &Entry,
        by: i64,
        hlc: Hlc,
        pass: &Pass<'_>,
    ) -> Option<(i64, Entry)> {
        if !self.is_own(entry) || self.show(entry, pass.now).is_none() {
            return None;
        }
        let counter = match entry.payload() {
            Payload::Inline(bytes) => Counter { base: Some(parse_i64(bytes)?), sum: by, last: hlc },
            Payload::Counter(c) => Counter { sum: c.sum.checked_add(by)?, last: hlc, ..c },
            _ => return None,
        };
        let (base_hlc, deadline_hlc) = entry.dots();
        let base_hlc = if counter.base.is_none() { hlc } else { base_hlc };
        let deadline = entry.deadline_ms().zip(deadline_hlc);
        let payload = NewPayload::Counter(counter);
        let key = entry.key();
        let draft = Draft { db: pass.db, key, actor: OWN, hlc, base_hlc, deadline, payload };
        Some((counter.shown(), Entry::new(draft, pass.lru)))
    }

    /// EXPIRE and PERSIST on what shows. Returns whether something shows.
    pub fn set_deadline(
        &mut self,
        at: &Located,
        key: &[u8],
        deadline: Option<u64>,
        pass: &mut Pass<'_>,
    ) -> bool {
        let Some(spot) = self.table.find(at, pass.db, key) else { return false };
        if self.show(self.table.get(spot), pass.now).is_none() {
            return false;
        }
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let entry = self.table.get(spot);
        if self.is_own(entry) && !pass.effects.interest.deltas {
            let payload = match entry.payload() {
                Payload::Inline(bytes) => NewPayload::Inline(bytes),
                Payload::Shared(bytes) => NewPayload::Shared(bytes.clone()),
                Payload::Counter(counter) => NewPayload::Counter(counter),
                Payload::Tombstone | Payload::Record(_) => {
                    unreachable!("it shows, and it is packed")
                }
            };
            let (base_hlc, _) = entry.dots();
            let deadline = deadline.map(|ms| (ms, hlc));
            let draft = Draft { db: pass.db, key, actor: OWN, hlc, base_hlc, deadline, payload };
            let entry = Entry::new(draft, pass.lru);
            self.store(at, Some(spot), entry);
        } else {
            self.change_at(at, key, Change::Deadline(deadline), hlc, pass);
        }
        true
    }

    /// Any change, through the causal model.
    pub fn change(&mut self, at: &Located, key: &[u8], change: Change, pass: &mut Pass<'_>) {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        self.change_at(at, key, change, hlc, pass);
    }

    /// The same for a change that depends on the record, the event's dot and the view's time.
    pub fn change_with(
        &mut self,
        at: &Located,
        key: &[u8],
        change: impl FnOnce(&Record, Dot, u64) -> Change,
        pass: &mut Pass<'_>,
    ) {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let dot = Dot { hlc, actor: self.shared.actors.own() };
        let view = self.view_ms(pass.now);
        let spot = self.table.find(at, pass.db, key);
        let change = match spot.map(|spot| self.table.get(spot)) {
            None => change(&Record::default(), dot, view),
            Some(entry) => match entry.payload() {
                Payload::Record(record) => change(record, dot, view),
                _ => change(&unpack(entry, &self.shared.actors), dot, view),
            },
        };
        self.change_at(at, key, change, hlc, pass);
    }

    fn change_at(
        &mut self,
        at: &Located,
        key: &[u8],
        change: Change,
        hlc: Hlc,
        pass: &mut Pass<'_>,
    ) {
        let delta = self.plan(at, key, change, hlc, pass);
        let applied = self.apply(at, key, &delta, pass.db, pass.lru);
        assert!(applied == Applied::Applied, "a coordinator's own delta has no gap: {applied:?}");
        if pass.effects.interest.deltas {
            pass.effects.push(Effect::Delta { db: pass.db, key: key.to_vec(), delta });
        }
    }

    fn plan(&self, at: &Located, key: &[u8], change: Change, hlc: Hlc, pass: &Pass<'_>) -> Delta {
        let dot = Dot { hlc, actor: self.shared.actors.own() };
        let horizon = self.horizon(at, pass.db);
        let view = self.view_ms(pass.now);
        let spot = self.table.find(at, pass.db, key);
        match spot.map(|spot| self.table.get(spot)) {
            None => Record::default().plan(change, dot, &horizon, view),
            Some(entry) => match entry.payload() {
                Payload::Record(record) => record.plan(change, dot, &horizon, view),
                _ => unpack(entry, &self.shared.actors).plan(change, dot, &horizon, view),
            },
        }
    }

    /// Applies a delta: of this shard's own making, or another owner's.
    pub fn apply(&mut self, at: &Located, key: &[u8], delta: &Delta, db: u8, lru: u32) -> Applied {
        self.clock = self.clock.max(delta.dot.hlc);
        let horizon = self.horizon(at, db);
        self.update(at, key, db, lru, |record| record.apply(delta, &horizon))
    }

    /// Joins another owner's record into this one's.
    pub fn join(&mut self, at: &Located, key: &[u8], other: &Record, theirs: &Horizon, db: u8) {
        let highest = other.context.iter().map(|dot| dot.hlc).max();
        self.clock = self.clock.max(highest.unwrap_or(Hlc::ZERO));
        let horizon = self.horizon(at, db);
        self.update(at, key, db, 0, |record| record.join(&horizon, other, theirs));
    }

    /// The record of a key, whether it shows something or not.
    pub fn record(&self, at: &Located, db: u8, key: &[u8]) -> Option<Record> {
        let spot = self.table.find(at, db, key)?;
        Some(unpack(self.table.get(spot), &self.shared.actors))
    }

    /// The context of a key: what its record and nothing else has seen.
    pub fn context(&self, at: &Located, db: u8, key: &[u8]) -> Context {
        self.record(at, db, key).map(|record| record.context).unwrap_or_default()
    }

    /// Changes a record in place and keeps the entry's header, form and counts true to it.
    fn update<T>(
        &mut self,
        at: &Located,
        key: &[u8],
        db: u8,
        lru: u32,
        change: impl FnOnce(&mut Record) -> T,
    ) -> T {
        let spot = self.table.find(at, db, key);
        if let Some(spot) = spot
            && let Some(record) = self.table.get_mut(spot).record_mut()
        {
            let out = change(record);
            self.settle(at, spot);
            return out;
        }
        let old = spot.map(|spot| unpack(self.table.get(spot), &self.shared.actors));
        let mut record = Box::new(old.unwrap_or_default());
        let out = change(&mut record);
        if record.cells.is_empty() && (self.shared.lone || record.context.is_empty()) {
            if let Some(spot) = spot {
                self.take(spot);
            }
            return out;
        }
        let draft = pack(record, db, key, &self.shared.actors);
        self.store(at, spot, Entry::new(draft, lru));
        out
    }

    /// After a boxed record changed: packs it again when it can be, drops it when nothing is left.
    fn settle(&mut self, at: &Located, spot: Spot) {
        let entry = self.table.get_mut(spot);
        let header_deadline = entry.deadline_ms();
        let Some(record) = entry.record_mut() else { return };
        let highest = record.context.iter().map(|dot| dot.hlc).max().unwrap_or(Hlc::ZERO);
        if record.cells.is_empty() && self.shared.lone {
            self.take(spot);
        } else if record.cells.len() <= 1 || record.min_deadline_ms() != header_deadline {
            let record = Box::new(std::mem::take(record));
            let key = entry.key().to_vec();
            let lru = entry.lru();
            let db = entry.db();
            let draft = pack(record, db, &key, &self.shared.actors);
            let fresh = Entry::new(draft, lru);
            self.store(at, Some(spot), fresh);
        } else {
            entry.set_hlc(highest);
        }
    }

    fn store(&mut self, at: &Located, spot: Option<Spot>, entry: Entry) {
        self.count(&entry, 1);
        match spot {
            Some(spot) => {
                let old = self.table.replace(spot, entry);
                self.count(&old, -1);
            }
            None => {
                let seed = self.shared.seed;
                self.table.insert(at, entry, &|e: &Entry| seed.locate(e.db(), e.key()));
            }
        }
    }

    fn take(&mut self, spot: Spot) {
        let seed = self.shared.seed;
        let entry = self.table.remove(spot, &|e: &Entry| seed.locate(e.db(), e.key()));
        self.count(&entry, -1);
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

    /// FLUSHDB of this partition: a cut above its clock; dots at or below it are dead. Returns what
    /// was in the table when that was all of it, so that the caller can free it outside the lock.
    pub fn flush(&mut self, pass: &mut Pass<'_>) -> Option<Table> {
        let db = pass.db;
        let cut = self.mint(pass.now);
        self.cuts[usize::from(db)] = cut;
        if pass.effects.interest.touched {
            let shown = self.table.iter().filter(|e| e.db() == db);
            for entry in shown.filter(|e| self.show(e, pass.now).is_some()) {
                pass.effects.touched(db, entry.key());
            }
        }
        if pass.effects.interest.deltas {
            let partition =
                self.table.iter().next().map(|e| self.shared.seed.locate(0, e.key()).partition);
            if let Some(partition) = partition {
                pass.effects.push(Effect::Cut { partition, db, cut });
            }
        }
        if self.table.iter().all(|entry| entry.db() == db) {
            self.counts[usize::from(db)] = Counts::default();
            return Some(std::mem::take(&mut self.table));
        }
        let doomed: Vec<Vec<u8>> =
            self.table.iter().filter(|e| e.db() == db).map(|e| e.key().to_vec()).collect();
        for key in doomed {
            let at = self.shared.seed.locate(db, &key);
            if let Some(spot) = self.table.find(&at, db, &key) {
                self.take(spot);
            }
        }
        None
    }

    /// One step of the expiry sweep: mints the expire event of every key in the segment at `order`
    /// whose deadline passed at or before `due_ms`. Returns how many, and where to go on.
    pub fn sweep(&mut self, order: u64, due_ms: u64, pass: &mut Pass<'_>) -> (usize, Option<u64>) {
        let (earliest, next) = self.table.deadline_at(order);
        if earliest > due_ms {
            return (0, next);
        }
        let (mut due, mut later) = (Vec::new(), u64::MAX);
        for entry in self.table.segment_at(order).0 {
            match entry.deadline_ms() {
                Some(ms) if ms <= due_ms => due.push((entry.db(), entry.key().to_vec())),
                Some(ms) => later = later.min(ms),
                None => {}
            }
        }
        self.table.set_deadline_at(order, later);
        let db = pass.db;
        for (db, key) in &due {
            pass.db = *db;
            self.expire(key, pass);
        }
        pass.db = db;
        (due.len(), next)
    }

    /// The expire event: removes what expired, keeps what did not.
    fn expire(&mut self, key: &[u8], pass: &mut Pass<'_>) {
        let at = self.shared.seed.locate(pass.db, key);
        let Some(spot) = self.table.find(&at, pass.db, key) else { return };
        let packed = !matches!(self.table.get(spot).payload(), Payload::Record(_));
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        if packed && self.shared.lone && !pass.effects.interest.deltas {
            self.take(spot);
        } else {
            self.change_at(&at, key, Change::Expire, hlc, pass);
        }
        if pass.effects.interest.events {
            let class = super::effect::EventClass::Expired;
            let event = Effect::Event { class, name: "expired", db: pass.db, key: key.to_vec() };
            pass.effects.push(event);
        }
    }
}
