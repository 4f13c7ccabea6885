//! Changes through the causal model, of this shard's own making or another owner's, and the form
//! that a record takes in the table afterwards.

use super::{CELLS_FREED_MAX, Partition, Pass, Slots};
use crate::causal::{Applied, Change, Context, Delta, Horizon, Record};
use crate::clock::Hlc;
use crate::id::Dot;
use crate::keyspace::effect::{Doomed, Effect};
use crate::keyspace::packed::{is_small, pack};
use crate::keyspace::table::{Draft, Entry, INLINE_BYTES_MAX, Located, NewPayload, Payload, Spot};
use crate::mutant::Mutant;
use crate::placement::slot::Slot;

impl Partition {
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
        let dot = Dot { hlc, actor: self.own.1 };
        let view = self.view_ms(pass.now);
        let spot = self.table.find(at, pass.db, key);
        let change = match spot.map(|spot| self.table.get(spot)) {
            None => change(&Record::default(), dot, view),
            Some(entry) => match entry.payload() {
                Payload::Record(record) => change(record, dot, view),
                _ => change(&self.unpack(entry, &self.horizon(at, pass.db)), dot, view),
            },
        };
        self.change_at(at, key, change, hlc, pass);
    }

    pub(super) fn change_at(
        &mut self,
        at: &Located,
        key: &[u8],
        change: Change,
        hlc: Hlc,
        pass: &mut Pass<'_>,
    ) {
        let view = self.view_ms(pass.now);
        self.change_as_of(at, key, change, (hlc, view), pass);
    }

    /// The same by the view of some time: of an expire event, that up to which it is due.
    pub(super) fn change_as_of(
        &mut self,
        at: &Located,
        key: &[u8],
        change: Change,
        when: (Hlc, u64),
        pass: &mut Pass<'_>,
    ) {
        let delta = self.plan_as_of(at, key, change, when, pass);
        let applied = self.apply_at(at, key, &delta, pass);
        assert!(applied == Applied::Applied, "a coordinator's own delta has no gap: {applied:?}");
        if pass.effects.interest.deltas {
            let (db, key) = (pass.db, pass.pass_on(key));
            pass.effects.push(Effect::Delta { db, key, delta });
        }
    }

    fn plan_as_of(
        &self,
        at: &Located,
        key: &[u8],
        change: Change,
        (hlc, view): (Hlc, u64),
        pass: &Pass<'_>,
    ) -> Delta {
        let dot = Dot { hlc, actor: self.own.1 };
        let horizon = self.horizon(at, pass.db);
        let spot = self.table.find(at, pass.db, key);
        let delta = match spot.map(|spot| self.table.get(spot)) {
            None => Record::default().plan(change, dot, &horizon, view),
            Some(entry) => match entry.payload() {
                Payload::Record(record) => record.plan(change, dot, &horizon, view),
                // These look at the context alone, and a value may be long.
                _ if matches!(change, Change::Replace { .. } | Change::Clear) => {
                    let context = self.seen(entry, &horizon);
                    Record { context, ..Record::default() }.plan(change, dot, &horizon, view)
                }
                _ => self.unpack(entry, &horizon).plan(change, dot, &horizon, view),
            },
        };
        if self.shared.lone { delta.of_lone_owner() } else { delta }
    }

    /// Applies another owner's delta.
    pub fn apply(
        &mut self,
        at: &Located,
        key: &[u8],
        delta: &Delta,
        pass: &mut Pass<'_>,
    ) -> Applied {
        self.clock = self.clock.max(delta.dot.hlc);
        let applied = self.apply_at(at, key, delta, pass);
        if applied == Applied::Applied {
            pass.effects.touched(pass.db, key);
        }
        applied
    }

    fn apply_at(
        &mut self,
        at: &Located,
        key: &[u8],
        delta: &Delta,
        pass: &mut Pass<'_>,
    ) -> Applied {
        if let Some(applied) = self.apply_text(at, key, delta, pass) {
            return applied;
        }
        let horizon = self.horizon(at, pass.db);
        let effects = &mut *pass.effects;
        let change = |record: &mut Record| {
            if record.cells.len() > CELLS_FREED_MAX {
                let gone = record.take_superseded(delta, &horizon);
                effects.doomed.extend(gone.map(Doomed::Cells));
            }
            record.apply(delta, &horizon)
        };
        self.update(at, key, (pass.db, Some(pass.lru)), &horizon, change)
    }

    /// The same, but of a delta that is not applied nothing is seen, its clock neither.
    pub fn try_apply(
        &mut self,
        at: &Located,
        key: &[u8],
        delta: &Delta,
        pass: &mut Pass<'_>,
    ) -> Applied {
        match self.apply_text(at, key, delta, pass) {
            Some(Applied::Applied) => {
                self.clock = self.clock.max(delta.dot.hlc);
                pass.effects.touched(pass.db, key);
                return Applied::Applied;
            }
            Some(foreseen) => return foreseen,
            None => {}
        }
        match self.foresee(at, pass.db, key, delta) {
            Applied::Gap if Mutant::GapApplied.is_on() => self.apply(at, key, delta, pass),
            Applied::Applied => self.apply(at, key, delta, pass),
            foreseen => foreseen,
        }
    }

    /// The ordinary delta, a SET, on what is absent or packed: does what [`Record::apply`] would do,
    /// without the record. `None`, and nothing is done, where it needs one.
    fn apply_text(
        &mut self,
        at: &Located,
        key: &[u8],
        delta: &Delta,
        pass: &mut Pass<'_>,
    ) -> Option<Applied> {
        let (value, deadline_ms) = delta.replaced()?;
        // It is not waited for the entry and then for this.
        self.prefetch_leaf(at);
        let (spot, horizon) = (self.table.find(at, pass.db, key), self.horizon(at, pass.db));
        let (mut last, mut number) = (None, None);
        if let Some(entry) = spot.map(|spot| self.table.get(spot)) {
            if matches!(entry.payload(), Payload::Record(_)) {
                return None;
            }
            // A packed entry has nothing newer than its context, and all of it of one actor.
            let actor = self.shared.actors.get(entry.actor());
            last = Some(Dot { hlc: entry.hlc(), actor });
            number = (actor == delta.dot.actor).then(|| entry.actor());
        }
        let seen = last.filter(|dot| !horizon.covers(*dot));
        let context = seen.map_or_else(Context::new, Context::single);
        match delta.foresee(&context, &horizon) {
            Applied::Applied => {}
            Applied::Gap if Mutant::GapApplied.is_on() => return None,
            foreseen => return Some(foreseen),
        }
        let Dot { hlc, actor } = delta.dot;
        let stays = last.is_some_and(|dot| !delta.had_seen(dot));
        if stays || seen.is_some_and(|seen| seen.actor != actor) {
            return None;
        }
        let number = number.or_else(|| self.shared.actors.intern(actor))?;
        match spot {
            Some(spot)
                if deadline_ms.is_none()
                    && self.overwrite(at, spot, value, (number, delta.dot)) =>
            {
                self.table.get_mut(spot).touch(pass.lru);
            }
            _ => {
                let payload = if value.len() <= INLINE_BYTES_MAX {
                    NewPayload::Inline(value)
                } else {
                    NewPayload::Shared(value.clone())
                };
                let (db, deadline) = (pass.db, deadline_ms.map(|at_ms| (at_ms, hlc)));
                let draft = Draft { db, key, actor: number, hlc, base_hlc: hlc, deadline, payload };
                self.store(at, spot, Entry::new(draft, pass.lru));
            }
        }
        Some(Applied::Applied)
    }

    /// What [`Partition::apply`] would answer, without doing it.
    pub fn foresee(&self, at: &Located, db: u8, key: &[u8], delta: &Delta) -> Applied {
        let horizon = self.horizon(at, db);
        delta.foresee(&self.context(at, db, key), &horizon)
    }

    /// Joins another owner's record into this one's. Their cut is taken over first, or it would be
    /// forgotten with the record.
    pub fn join(
        &mut self,
        at: &Located,
        key: &[u8],
        other: &Record,
        theirs: &Horizon,
        pass: &mut Pass<'_>,
    ) {
        self.cut(Slots::from(Slot::of(key)), theirs.cut, pass);
        // Their floor becomes part of the record's context, which every mint must exceed.
        self.clock = self.clock.max(other.context.highest()).max(theirs.floor.highest());
        pass.effects.touched(pass.db, key);
        let horizon = self.horizon(at, pass.db);
        let change = |record: &mut Record| record.join(&horizon, other, theirs);
        self.update(at, key, (pass.db, None), &horizon, change);
    }

    /// Puts another owner's record in the place of this one's, which may hold events that do not count.
    /// The cuts are the same by now.
    pub fn adopt(
        &mut self,
        at: &Located,
        key: &[u8],
        other: &Record,
        theirs: &Horizon,
        pass: &mut Pass<'_>,
    ) {
        self.clock = self.clock.max(other.context.highest()).max(theirs.floor.highest());
        pass.effects.touched(pass.db, key);
        let horizon = self.horizon(at, pass.db);
        let change = |record: &mut Record| {
            *record = Record::default();
            record.join(&Horizon::default(), other, theirs);
        };
        self.update(at, key, (pass.db, None), &horizon, change);
    }

    /// Changes a record in place and keeps the entry's form, header and counts true to it. `lru` is
    /// stamped when the change is a use of the key.
    pub(super) fn update<T>(
        &mut self,
        at: &Located,
        key: &[u8],
        (db, lru): (u8, Option<u32>),
        horizon: &Horizon,
        change: impl FnOnce(&mut Record) -> T,
    ) -> T {
        let spot = self.table.find(at, db, key);
        if let Some(spot) = spot {
            let entry = self.table.get_mut(spot);
            if let Some(lru) = lru {
                entry.touch(lru);
            }
            if matches!(entry.payload(), Payload::Record(_)) {
                return self.update_boxed(at, spot, horizon, change);
            }
        }
        let entry = spot.map(|spot| self.table.get(spot));
        let lru = lru.or(entry.map(Entry::lru)).unwrap_or(0);
        let mut record = entry.map(|e| self.unpack(e, horizon)).unwrap_or_default();
        let out = change(&mut record);
        record.context.remove_where(|dot| horizon.covers(dot));
        self.keep_digest(&mut record);
        if self.is_nothing(&record) {
            if let Some(spot) = spot {
                self.remove(spot);
            }
            return out;
        }
        let draft = pack(Box::new(record), db, key, &self.shared.actors);
        self.store(at, spot, Entry::new(draft, lru));
        out
    }

    /// Changes a boxed record where it lies. In between it weighs nothing, so that whatever becomes
    /// of it weighs what is in it then.
    fn update_boxed<T>(
        &mut self,
        at: &Located,
        spot: Spot,
        horizon: &Horizon,
        change: impl FnOnce(&mut Record) -> T,
    ) -> T {
        self.reweigh(at, self.weight(at, self.table.get(spot)), 0);
        let digests = self.shared.digests;
        let record = self.table.get_mut(spot).record_mut().expect("the caller saw a record");
        let out = change(record);
        record.context.remove_where(|dot| horizon.covers(dot));
        if let Some(seed) = digests {
            record.cells.keep_digest(seed);
        }
        self.settle(at, spot);
        out
    }

    /// Nothing is left that anybody could ask for.
    fn is_nothing(&self, record: &Record) -> bool {
        let is_early = Mutant::TombstoneDroppedEarly.is_on();
        record.cells.is_empty() && (self.shared.lone || record.context.is_empty() || is_early)
    }

    /// After a boxed record changed: drops it when nothing is left, packs it when it can be, and
    /// makes a new header when that would not be true any more. The cost does not grow with the
    /// record: it knows when it is due.
    fn settle(&mut self, at: &Located, spot: Spot) {
        let entry = self.table.get_mut(spot);
        let (was_dead, header) = (entry.is_tombstone(), entry.deadline_ms());
        let Some(record) = entry.record_mut() else { return };
        let moved = record.min_deadline_ms() != header;
        let (dead, highest) = (record.cells.is_empty(), record.context.highest());
        let packs = record.cells.len() <= 1 && is_small(record, &self.shared.actors);
        if dead && (self.shared.lone || record.context.is_empty()) {
            // Removal takes off what it weighs.
            self.reweigh(at, 0, self.weight(at, self.table.get(spot)));
            self.remove(spot);
        } else if moved || packs || dead != was_dead {
            let record = Box::new(std::mem::take(record));
            let (key, lru, db) = (entry.key().to_vec(), entry.lru(), entry.db());
            let draft = pack(record, db, &key, &self.shared.actors);
            self.store(at, Some(spot), Entry::new(draft, lru));
        } else {
            entry.set_hlc(highest);
            self.reweigh(at, 0, self.weight(at, self.table.get(spot)));
        }
    }
}
