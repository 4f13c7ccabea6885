//! What removes keys in bulk: flushes, floors, and the expiry sweep.

use super::cuts::Slots;
use super::{Counts, Partition, Pass, SLOTS_EACH, kind_at, slot_index};
use crate::causal::{Change, Floor, Horizon, Kind, Record};
use crate::clock::Hlc;
use crate::id::Dot;
use crate::keyspace::effect::{Doomed, Effect, EventClass};
use crate::keyspace::table::{Entry, Located, Payload, Spot};
use crate::mutant::Mutant;

/// An order begins with the bits of the slot above the partition's.
const SLOT_SHIFT: u32 = u64::BITS - SLOTS_EACH.trailing_zeros();

/// An entry of which something is settled that was not.
struct Settled {
    at: Located,
    db: u8,
    /// What it weighed in its leaf, and does now.
    was: u64,
    is: u64,
    /// Its key, if it forgets something.
    forgets: Option<Vec<u8>>,
}

/// The first and the last order of a slot's keys.
pub(super) fn orders(index: usize) -> (u64, u64) {
    let start = (index as u64) << SLOT_SHIFT;
    (start, start | ((1 << SLOT_SHIFT) - 1))
}

impl Partition {
    /// FLUSHDB of some slots of this partition: a cut above its clock. What was there is freed with
    /// the effects, outside the lock. Whoever cares for single keys has touched them before.
    pub fn flush(&mut self, slots: Slots, pass: &mut Pass<'_>) {
        let cut = self.clock.tick(pass.now.wall_ms);
        self.apply_cut(slots, cut, pass);
        if pass.effects.interest.deltas {
            let (partition, db) = (self.number, pass.db);
            pass.effects.push(Effect::Cut { partition, slots, db, cut });
        }
    }

    /// FLUSHALL of this partition: the same for every database, without a walk.
    pub fn flush_all(&mut self, pass: &mut Pass<'_>) {
        let cut = self.clock.tick(pass.now.wall_ms);
        if pass.effects.interest.deltas {
            let (partition, slots) = (self.number, Slots::ALL);
            let of_db = |db| Effect::Cut { partition, slots, db: db as u8, cut };
            pass.effects.extend((0..self.cuts.databases()).map(of_db));
        }
        self.clock = cut;
        self.cuts.raise_all(cut);
        self.counts.fill(Counts::default());
        self.doom_table(pass);
    }

    /// Takes another owner's flush over: every dot of the database in these slots at or below the
    /// cut is dead, now and when it comes later.
    pub fn cut(&mut self, slots: Slots, cut: Hlc, pass: &mut Pass<'_>) {
        if slots.indices().any(|index| cut > self.cuts.get(index, pass.db)) {
            self.touch_before(slots, cut, pass);
            self.apply_cut(slots, cut, pass);
        }
    }

    /// Puts another owner's last flush in the place of this one's, even an earlier one: what was
    /// flushed here and not there comes with the records, which are adopted, too.
    pub fn adopt_cut(&mut self, slots: Slots, cut: Hlc, pass: &mut Pass<'_>) {
        if slots.indices().any(|index| cut < self.cuts.get(index, pass.db)) {
            self.cuts.set(slots, pass.db, cut);
            self.recount(slots);
        }
        self.cut(slots, cut, pass);
    }

    fn apply_cut(&mut self, slots: Slots, cut: Hlc, pass: &mut Pass<'_>) {
        self.end_by_cut(slots, cut, pass);
        self.recount(slots);
    }

    fn end_by_cut(&mut self, slots: Slots, cut: Hlc, pass: &mut Pass<'_>) {
        let db = pass.db;
        let whole = self.clock <= cut && slots == Slots::ALL;
        self.clock = self.clock.max(cut);
        self.cuts.raise(slots, db, cut);
        if !whole {
            return self.prune_cut(slots, db);
        }
        self.counts[usize::from(db)] = Counts::default();
        if self.table.is_all_of(db) {
            self.doom_table(pass);
        } else {
            let seed = self.shared.seed;
            let gone = self.table.take_database(db, &|e: &Entry| seed.locate(e.db(), e.key()));
            pass.effects.doomed.extend((!gone.is_empty()).then_some(Doomed::Entries(gone)));
        }
    }

    /// Lets the last flush of some slots have its effect on what is newer in part.
    fn prune_cut(&mut self, slots: Slots, db: u8) {
        let prune = |record: &mut Record, horizon: &Horizon| {
            record.prune(horizon);
        };
        if slots == Slots::ALL {
            return self.each(0, None, |entry, _| entry.db() == db, prune);
        }
        for index in slots.indices() {
            let (start, last) = orders(index);
            let which = |entry: &Entry, at: &Located| entry.db() == db && slot_index(at) == index;
            self.each(start, Some(last), which, prune);
        }
    }

    fn doom_table(&mut self, pass: &mut Pass<'_>) {
        self.leaves.clear();
        let table = std::mem::take(&mut self.table);
        pass.effects.doomed.extend((!table.is_empty()).then_some(Doomed::Table(table)));
    }

    /// Touches the keys of the database that a cut changes. Before the clock rises: a later view may
    /// hide what showed until now. What a cut below the clock leaves of a record may show although
    /// the record did not.
    fn touch_before(&self, slots: Slots, cut: Hlc, pass: &mut Pass<'_>) {
        if !pass.effects.interest.touched {
            return;
        }
        let whole = self.clock <= cut;
        let seed = self.shared.seed;
        let there = |entry: &&Entry| slots.has(slot_index(&seed.locate(entry.db(), entry.key())));
        for entry in self.table.database(pass.db).filter(there) {
            let shows = self.show(entry, pass.now).is_some();
            if shows || !whole && !entry.is_tombstone() {
                pass.effects.touched(pass.db, entry.key());
            }
        }
    }

    /// Takes over what was settled in some slots: forgets the tombstones and the context entries that
    /// the floor speaks for. Nothing that shows changes.
    pub fn raise_floor(&mut self, slots: Slots, floor: &Floor) {
        // What we mint in these slots must not be settled already.
        self.clock = self.clock.max(floor.highest());
        let before = self.floors.clone();
        let mut raised = Slots::NONE;
        // Slots of one group share a floor: what becomes of it is found out once.
        let mut last: Option<(Floor, Floor)> = None;
        for index in slots.indices() {
            let known = &mut self.floors[index];
            match &last {
                Some((old, new)) if known.is_shared_with(old) => known.clone_from(new),
                _ => {
                    known.merge(floor);
                    last = Some((before[index].clone(), known.clone()));
                }
            }
            if !self.floors[index].is_shared_with(&before[index]) {
                raised.add(index);
            }
        }
        if raised != Slots::NONE && !self.table.is_empty() {
            self.forget_settled(raised, &before);
        }
    }

    /// One walk, in which few keys are more than a look: those with an event that the floors of these slots
    /// did not cover `before`, and do now.
    fn forget_settled(&mut self, raised: Slots, before: &[Floor]) {
        let floors = self.floors_of(raised, before);
        let (start, last) = (orders(raised.first()).0, orders(raised.last()).1);
        let mut next = Some(start);
        while let Some(order) = next.filter(|order| *order <= last) {
            let (found, after) = self.newly_settled(order, raised, before, floors.as_ref());
            for Settled { at, db, was, is, forgets } in found {
                self.reweigh(&at, was, is);
                if let Some(key) = forgets {
                    // Every change of a record forgets what is settled of its context, this one too.
                    let horizon = self.horizon(&at, db);
                    self.update(&at, &key, (db, None), &horizon, |_| {});
                }
            }
            next = after;
        }
    }

    /// Those of one segment, and where the next one begins. Without the floors, which differ then, each key is
    /// looked at.
    fn newly_settled(
        &self,
        order: u64,
        raised: Slots,
        before: &[Floor],
        floors: Option<&(Floor, Floor)>,
    ) -> (Vec<Settled>, Option<u64>) {
        let (entries, after) = self.table.segment_at(order);
        let may_be = |entry: &&Entry| floors.is_none_or(|(old, new)| self.settles(entry, old, new));
        let settled = |entry: &Entry| {
            let at = self.shared.seed.locate(entry.db(), entry.key());
            let index = Some(slot_index(&at)).filter(|index| raised.has(*index))?;
            let was = self.weight_below(&at, entry, &before[index]);
            // A live packed entry says the same with a settled clock as without: it stays.
            let forgets = match entry.payload() {
                Payload::Record(_) | Payload::Tombstone => Some(entry.key().to_vec()),
                _ => None,
            };
            Some(Settled { db: entry.db(), was, is: self.weight(&at, entry), forgets, at })
        };
        (entries.filter(may_be).filter_map(settled).collect(), after)
    }

    /// The floors of these slots before and now, if they are the same in all of them: nearly always.
    fn floors_of(&self, slots: Slots, before: &[Floor]) -> Option<(Floor, Floor)> {
        let (old, new) = (&before[slots.first()], &self.floors[slots.first()]);
        let is_same = |index: usize| {
            before[index].is_shared_with(old) && self.floors[index].is_shared_with(new)
        };
        slots.indices().all(is_same).then(|| (old.clone(), new.clone()))
    }

    /// Whether something of an entry is settled by the second floor and was not by the first.
    fn settles(&self, entry: &Entry, old: &Floor, new: &Floor) -> bool {
        if let Payload::Record(record) = entry.payload() {
            return record.context.iter().any(|dot| new.covers(dot));
        }
        let dot = Dot { hlc: entry.hlc(), actor: self.shared.actors.get(entry.actor()) };
        new.covers(dot) && (entry.is_tombstone() || !old.covers(dot))
    }

    /// What is minted here from now on is above this clock.
    pub fn observe(&mut self, clock: Hlc) {
        self.clock = self.clock.max(clock);
    }

    /// Changes the records that `which` says, from the segment of `start` to that of `last`.
    fn each(
        &mut self,
        start: u64,
        last: Option<u64>,
        which: impl Fn(&Entry, &Located) -> bool,
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
                self.update(&at, &key, (db, None), &horizon, change);
            }
            next = after;
        }
    }

    /// One step of the expiry sweep: mints the expire event of at most `keys_max` keys of these slots
    /// in the segment at `order` whose deadline passed at or before `due_ms`. Returns how many, and
    /// where to go on.
    pub fn sweep(
        &mut self,
        order: u64,
        (slots, due_ms): (Slots, u64),
        keys_max: usize,
        pass: &mut Pass<'_>,
    ) -> (usize, Option<u64>) {
        let (earliest, mut next) = self.table.deadline_at(order);
        // What still shows is not due, whatever the caller says.
        let due_ms = due_ms.min(self.view_ms(pass.now));
        if earliest > due_ms {
            return (0, next);
        }
        let (mut due, mut later, mut is_done) = (Vec::new(), u64::MAX, true);
        let seed = self.shared.seed;
        let mine = |entry: &Entry| {
            slots == Slots::ALL || slots.has(slot_index(&seed.locate(entry.db(), entry.key())))
        };
        for entry in self.table.segment_at(order).0 {
            let Some(ms) = entry.deadline_ms() else { continue };
            match ms <= due_ms && mine(entry) {
                true if due.len() < keys_max => due.push((entry.db(), entry.key().to_vec())),
                is_due => (later, is_done) = (later.min(ms), is_done && !is_due),
            }
        }
        self.table.set_deadline_at(order, later);
        if !is_done {
            next = Some(order);
        }
        let db = pass.db;
        for (db, key) in &due {
            pass.db = *db;
            self.expire(key, due_ms, pass);
        }
        pass.db = db;
        (due.len(), next)
    }

    /// Removes a key that a command found due, if nothing of it shows and nobody else has to hear of
    /// it. That is no event: what is not seen may go. Returns whether it did.
    pub(super) fn drop_found(&mut self, spot: Spot, pass: &mut Pass<'_>) -> bool {
        let entry = self.table.get(spot);
        if !self.shared.lone || pass.effects.interest.deltas || self.show(entry, pass.now).is_some()
        {
            return false;
        }
        let (db, key) = (pass.db, entry.key().to_vec());
        pass.effects.keys_expired += 1;
        pass.effects.expired(db, &key);
        self.take(spot, pass.effects);
        if pass.effects.interest.events {
            pass.effects.push(Effect::Event {
                class: EventClass::Expired,
                name: "expired",
                db,
                key,
            });
        }
        true
    }

    /// The expire event: removes what expired at or before `due_ms`, keeps what did not. What is not
    /// due yet may be hidden by the view already, and still be given a longer deadline elsewhere.
    pub(super) fn expire(&mut self, key: &[u8], due_ms: u64, pass: &mut Pass<'_>) {
        let at = self.shared.seed.locate(pass.db, key);
        let Some(spot) = self.table.find(&at, pass.db, key) else { return };
        let entry = self.table.get(spot);
        let shown = kind_at(entry, due_ms);
        let name = match shown {
            None => Some((EventClass::Expired, "expired")),
            Some(Kind::Hash) => Some((EventClass::Hash, "hexpired")),
            // A sibling behind what shows: nobody saw it.
            Some(_) => None,
        };
        let hlc = self.mint(pass.now);
        match shown {
            None => pass.effects.expired(pass.db, key),
            Some(_) => pass.effects.touched(pass.db, key),
        }
        if shown.is_none() && self.shared.lone && !pass.effects.interest.deltas {
            self.take(spot, pass.effects);
        } else {
            let change =
                if Mutant::ExpiryOfUnseen.is_on() { Change::Clear } else { Change::Expire };
            self.change_as_of(&at, key, change, (hlc, due_ms), pass);
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
