//! Plain records that change only by `plan`, `apply`, `join` and `prune`, under a clock of their own.

use super::twin::{Name, SEED};
use crate::causal::{Applied, Change, Context, Delta, Floor, Horizon, Kind, Path, Record, Value};
use crate::clock::{Hlc, Now};
use crate::id::{Actor, Dot};
use crate::keyspace::{Counts, PARTITIONS};
use crate::placement::slot::Slot;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The plain side.
pub struct Model {
    pub actor: Actor,
    pub lone: bool,
    pub clocks: [Hlc; PARTITIONS],
    /// By partition and database, and by slot and database.
    pub cuts: BTreeMap<(u8, u8), Hlc>,
    pub slot_cuts: BTreeMap<(u16, u8), Hlc>,
    pub floors: BTreeMap<u16, Floor>,
    pub records: BTreeMap<Name, Record>,
}

/// What a key shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub kind: Kind,
    pub text: Option<Value>,
    pub deadline_ms: Option<u64>,
    pub cells: Option<Record>,
}

impl Model {
    pub fn horizon(&self, (db, key): &Name) -> Horizon {
        let partition = SEED.locate(*db, key).partition;
        let all = self.cuts.get(&(partition, *db)).copied().unwrap_or_default();
        let own = self.slot_cuts.get(&(Slot::of(key).number(), *db)).copied().unwrap_or_default();
        let cut = all.max(own);
        let floor = self.floors.get(&Slot::of(key).number()).cloned().unwrap_or_default();
        Horizon { floor, cut }
    }

    pub fn clock(&mut self, key: &[u8]) -> &mut Hlc {
        &mut self.clocks[usize::from(SEED.locate(0, key).partition)]
    }

    pub fn view_ms(&self, key: &[u8], now: Now) -> u64 {
        self.clocks[usize::from(SEED.locate(0, key).partition)].wall_ms().max(now.wall_ms)
    }

    pub fn record(&self, name: &Name) -> Record {
        self.records.get(name).cloned().unwrap_or_default()
    }

    pub fn has_cells(&self, name: &Name) -> bool {
        self.records.get(name).is_some_and(|record| !record.cells.is_empty())
    }

    pub fn put(&mut self, name: &Name, mut record: Record) {
        let empty = record.prune(&self.horizon(name));
        if empty || self.lone && record.cells.is_empty() {
            self.records.remove(name);
        } else {
            self.records.insert(name.clone(), record);
        }
    }

    pub fn change(
        &mut self,
        name: &Name,
        now: Now,
        change: impl FnOnce(&Record, Dot, u64) -> Change,
    ) -> Delta {
        self.change_as_of(name, now, None, change)
    }

    /// The same by the view of some time.
    pub fn change_as_of(
        &mut self,
        name: &Name,
        now: Now,
        view: Option<u64>,
        change: impl FnOnce(&Record, Dot, u64) -> Change,
    ) -> Delta {
        let actor = self.actor;
        let clock = self.clock(&name.1);
        *clock = clock.tick(now.wall_ms);
        let dot = Dot { hlc: *clock, actor };
        let view = view.unwrap_or(self.view_ms(&name.1, now));
        let horizon = self.horizon(name);
        let mut record = self.record(name);
        let change = change(&record, dot, view);
        let mut delta = record.plan(change, dot, &horizon, view);
        if self.lone {
            delta = delta.of_lone_owner();
        }
        assert_eq!(record.apply(&delta, &horizon), Applied::Applied);
        self.put(name, record);
        delta
    }

    pub fn cut(&mut self, partition: u8, db: u8, cut: Hlc) {
        let known = self.cuts.entry((partition, db)).or_default();
        *known = cut.max(*known);
        let clock = &mut self.clocks[usize::from(partition)];
        *clock = cut.max(*clock);
        let names: Vec<Name> = self.records.keys().cloned().collect();
        for name in
            names.iter().filter(|n| n.0 == db && SEED.locate(0, &n.1).partition == partition)
        {
            let record = self.record(name);
            self.put(name, record);
        }
    }

    /// A flush of one slot.
    pub fn cut_slot(&mut self, slot: Slot, db: u8, cut: Hlc) {
        let known = self.slot_cuts.entry((slot.number(), db)).or_default();
        *known = cut.max(*known);
        let clock = &mut self.clocks[usize::from(slot.number()) % PARTITIONS];
        *clock = cut.max(*clock);
        let names: Vec<Name> = self.records.keys().cloned().collect();
        for name in names.iter().filter(|n| n.0 == db && Slot::of(&n.1) == slot) {
            let record = self.record(name);
            self.put(name, record);
        }
    }

    /// Names that hold something due at `due_ms`.
    pub fn due(&self, partition: u8, due_ms: u64) -> Vec<Name> {
        let here = self.records.iter().filter(|(n, _)| SEED.locate(0, &n.1).partition == partition);
        here.filter(|(_, r)| r.min_deadline_ms().is_some_and(|ms| ms <= due_ms))
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub fn shown(&self, name: &Name, now: Now) -> Option<Shown> {
        let view = self.view_ms(&name.1, now);
        shown(&self.record(name), view)
    }

    pub fn counts(&self, db: u8) -> Counts {
        let here = || self.records.iter().filter(|(n, r)| n.0 == db && !r.cells.is_empty());
        Counts {
            keys: here().count() as u64,
            deadlines: here().filter(|(_, r)| r.min_deadline_ms().is_some()).count() as u64,
        }
    }
}

/// What a client can see of a record, its history aside.
#[derive(Debug, PartialEq)]
pub struct Looks {
    kind: Option<Kind>,
    pub deadline_ms: Option<u64>,
    fields: Vec<(Path, Bytes, Option<u64>)>,
    items: Vec<Bytes>,
}

impl Looks {
    pub fn of(record: &Record, view: u64) -> Looks {
        let kind = record.kind(view);
        let cells = record.cells.iter().filter(|(path, _)| path.kind() == kind);
        let shown = cells.filter_map(|(path, _)| Some((path, record.shown(path, view)?)));
        let named = shown.filter(|(path, _)| !matches!(path, Path::Item(..)));
        let fields = named
            .map(|(path, shown)| (path.clone(), shown.value().to_bytes(), shown.deadline_ms()));
        Looks {
            kind,
            deadline_ms: record.deadline_ms(view),
            fields: fields.collect(),
            items: record.items(view).map(|(_, _, item)| item).collect(),
        }
    }
}

pub fn shown(record: &Record, view: u64) -> Option<Shown> {
    let kind = record.kind(view)?;
    let text = record.text(view).map(|text| text.value);
    let cells = text.is_none().then(|| Record { context: Context::new(), ..record.clone() });
    Some(Shown { kind, text, deadline_ms: record.deadline_ms(view), cells })
}
