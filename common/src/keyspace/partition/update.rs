//! Changes through the causal model, of this shard's own making or another owner's, and the form
//! that a record takes in the table afterwards.

use super::{Partition, Pass};
use crate::causal::{Applied, Change, Delta, Horizon, Record};
use crate::clock::Hlc;
use crate::id::Dot;
use crate::keyspace::effect::Effect;
use crate::keyspace::packed::{pack, unpack};
use crate::keyspace::table::{Entry, Located, Payload, Spot};

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

    pub(super) fn change_at(
        &mut self,
        at: &Located,
        key: &[u8],
        change: Change,
        hlc: Hlc,
        pass: &mut Pass<'_>,
    ) {
        let delta = self.plan(at, key, change, hlc, pass);
        let applied = self.apply_at(at, key, &delta, pass);
        assert!(applied == Applied::Applied, "a coordinator's own delta has no gap: {applied:?}");
        if pass.effects.interest.deltas {
            pass.effects.push(Effect::Delta { db: pass.db, key: key.to_vec(), delta });
        }
    }

    pub(super) fn plan(
        &self,
        at: &Located,
        key: &[u8],
        change: Change,
        hlc: Hlc,
        pass: &Pass<'_>,
    ) -> Delta {
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

    /// Applies another owner's delta.
    pub fn apply(
        &mut self,
        at: &Located,
        key: &[u8],
        delta: &Delta,
        pass: &mut Pass<'_>,
    ) -> Applied {
        self.clock = self.clock.max(delta.dot.hlc);
        self.apply_at(at, key, delta, pass)
    }

    fn apply_at(
        &mut self,
        at: &Located,
        key: &[u8],
        delta: &Delta,
        pass: &mut Pass<'_>,
    ) -> Applied {
        let horizon = self.horizon(at, pass.db);
        self.update(at, key, pass.db, pass.lru, |record| record.apply(delta, &horizon))
    }

    /// Joins another owner's record into this one's.
    pub fn join(
        &mut self,
        at: &Located,
        key: &[u8],
        other: &Record,
        theirs: &Horizon,
        pass: &mut Pass<'_>,
    ) {
        let db = pass.db;
        let highest = other.context.iter().map(|dot| dot.hlc).max();
        self.clock = self.clock.max(highest.unwrap_or(Hlc::ZERO));
        let horizon = self.horizon(at, db);
        self.update(at, key, db, 0, |record| record.join(&horizon, other, theirs));
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
}
