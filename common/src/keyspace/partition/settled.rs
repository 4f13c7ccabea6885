//! What removes keys in bulk: flushes, floors, and the expiry sweep.

use super::update::Deadlines;
use super::{Counts, Partition, Pass, SLOTS_EACH};
use crate::causal::{Change, Floor, Horizon, Kind, Record};
use crate::clock::Hlc;
use crate::keyspace::PARTITIONS;
use crate::keyspace::effect::{Effect, EventClass};
use crate::keyspace::table::{Entry, Located, Payload, Table};
use crate::placement::slot::Slot;

/// An order begins with the bits of the slot above the partition's.
const SLOT_SHIFT: u32 = u64::BITS - SLOTS_EACH.trailing_zeros();

impl Partition {
    /// FLUSHDB of this partition: a cut above its clock. Returns what was in the table when that was
    /// all of it, so that the caller can free it outside the lock.
    pub fn flush(&mut self, pass: &mut Pass<'_>) -> Option<Table> {
        let cut = self.clock.tick(pass.now.wall_ms);
        let table = self.cut(cut, pass);
        if pass.effects.interest.deltas {
            pass.effects.push(Effect::Cut { partition: self.number, db: pass.db, cut });
        }
        table
    }

    /// Takes a flush over, this shard's own or another owner's: every dot of the database at or
    /// below the cut is dead, now and when it comes later. Returns the table as [`Self::flush`]
    /// does.
    pub fn cut(&mut self, cut: Hlc, pass: &mut Pass<'_>) -> Option<Table> {
        let db = pass.db;
        if cut <= self.cuts[usize::from(db)] {
            return None;
        }
        let whole = self.clock <= cut;
        // Before the clock rises: a later view may hide what showed until now. What a cut below the
        // clock leaves of a record may show although the record did not.
        if pass.effects.interest.touched {
            let changes = |entry: &Entry| match self.show(entry, pass.now) {
                Some(_) => true,
                None => !whole && !entry.is_tombstone(),
            };
            for entry in self.table.iter().filter(|entry| entry.db() == db && changes(entry)) {
                pass.effects.touched(db, entry.key());
            }
        }
        self.clock = self.clock.max(cut);
        self.cuts[usize::from(db)] = cut;
        if whole && self.table.iter().all(|entry| entry.db() == db) {
            self.counts[usize::from(db)] = Counts::default();
            return Some(std::mem::take(&mut self.table));
        }
        let prune = |record: &mut Record, horizon: &Horizon| {
            record.prune(horizon);
        };
        self.each(0, None, |entry, _| entry.db() == db, Deadlines::Any, prune);
        None
    }

    /// Takes over what a floor round settled in a slot: forgets the tombstones and the context
    /// entries that the floor speaks for. Nothing that shows changes.
    ///
    /// # Panics
    /// When the slot is not in this partition.
    pub fn raise_floor(&mut self, slot: Slot, floor: &Floor) {
        let number = usize::from(slot.number());
        assert!(number % PARTITIONS == usize::from(self.number), "a slot has one partition");
        let known = &mut self.floors[number / PARTITIONS];
        if known.includes(floor) {
            return;
        }
        known.merge(floor);
        // What we mint in this slot must not be settled already.
        self.clock = floor.iter().map(|dot| dot.hlc).fold(self.clock, Hlc::max);
        let start = ((number / PARTITIONS) as u64) << SLOT_SHIFT;
        let last = start | ((1 << SLOT_SHIFT) - 1);
        // A live packed entry says the same with a settled clock as without: it stays as it is.
        let which = |entry: &Entry, at: &Located| {
            let there = (start..=last).contains(&at.order);
            there && (entry.is_tombstone() || matches!(entry.payload(), Payload::Record(_)))
        };
        // Every change of a record forgets what is settled of its context, this one too.
        self.each(start, Some(last), which, Deadlines::Same, |_, _| {});
    }

    /// Changes the records that `which` says, from the segment of `start` to that of `last`.
    fn each(
        &mut self,
        start: u64,
        last: Option<u64>,
        which: impl Fn(&Entry, &Located) -> bool,
        deadlines: Deadlines,
        change: impl Fn(&mut Record, &Horizon),
    ) {
        let seed = self.shared.seed;
        let mut next = Some(start);
        while let Some(order) = next.filter(|order| last.is_none_or(|last| *order <= last)) {
            let (entries, after) = self.table.segment_at(order);
            let located = entries.map(|entry| (seed.locate(entry.db(), entry.key()), entry));
            let chosen: Vec<_> = located
                .filter(|(at, entry)| which(entry, at))
                .map(|(at, entry)| (at, entry.db(), entry.key().to_vec()))
                .collect();
            for (at, db, key) in chosen {
                let horizon = self.horizon(&at, db);
                let change = |record: &mut Record| change(record, &horizon);
                self.update(&at, &key, (db, None), &horizon, deadlines, change);
            }
            next = after;
        }
    }

    /// One step of the expiry sweep: mints the expire event of at most `keys_max` keys in the
    /// segment at `order` whose deadline passed at or before `due_ms`. Returns how many, and where
    /// to go on.
    pub fn sweep(
        &mut self,
        order: u64,
        due_ms: u64,
        keys_max: usize,
        pass: &mut Pass<'_>,
    ) -> (usize, Option<u64>) {
        let (earliest, mut next) = self.table.deadline_at(order);
        // What still shows is not due, whatever the caller says.
        let due_ms = due_ms.min(self.view_ms(pass.now));
        if earliest > due_ms {
            return (0, next);
        }
        let (mut due, mut later) = (Vec::new(), u64::MAX);
        for entry in self.table.segment_at(order).0 {
            match entry.deadline_ms() {
                Some(ms) if ms <= due_ms && due.len() < keys_max => {
                    due.push((entry.db(), entry.key().to_vec()));
                }
                Some(ms) => later = later.min(ms),
                None => {}
            }
        }
        self.table.set_deadline_at(order, later);
        if later <= due_ms {
            next = Some(order);
        }
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
        let entry = self.table.get(spot);
        let packed = !matches!(entry.payload(), Payload::Record(_));
        let name = match self.kind(entry, pass.now) {
            None => Some((EventClass::Expired, "expired")),
            Some(Kind::Hash) => Some((EventClass::Hash, "hexpired")),
            // A sibling behind what shows: nobody saw it.
            Some(_) => None,
        };
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        if packed && self.shared.lone && !pass.effects.interest.deltas {
            self.take(spot);
        } else {
            self.change_at(&at, key, Change::Expire, hlc, pass);
        }
        if pass.effects.interest.events {
            pass.effects.extend(name.map(|(class, name)| Effect::Event {
                class,
                name,
                db: pass.db,
                key: key.to_vec(),
            }));
        }
    }
}
