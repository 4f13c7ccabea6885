//! A keyspace and, beside it, the [`Model`]. Every step does the same to both; whatever differs is a
//! bug.

use super::model::{Looks, Model, Shown, shown};
use crate::causal::{Applied, Change, Context, Delta, Floor, Horizon, Kind, Record, Value};
use crate::clock::{Hlc, Now};
use crate::id::{Actor, Dot};
use crate::keyspace::table::{Entry, Payload};
use crate::keyspace::{
    Counts, Effect, Effects, Found, HashSeed, Interest, Keyspace, Options, PARTITIONS,
    PartitionSet, Pass, Slots, Source, Txn, Watch, rebuild,
};
use crate::placement::slot::Slot;
use std::collections::BTreeMap;

pub type Name = (u8, Vec<u8>);

pub const SEED: HashSeed = HashSeed(11);
pub const DATABASES: u16 = 4;
pub const START_MS: u64 = 1_700_000_000_000;

/// Both sides.
pub struct Twin {
    pub space: Keyspace,
    pub model: Model,
    pub now: Now,
    deltas: bool,
}

impl Twin {
    pub fn new(actor: u64, lone: bool, deltas: bool) -> Twin {
        let actor = Actor(actor);
        let options = Options {
            seed: SEED,
            actor,
            databases: DATABASES,
            lone,
            deltas,
            events: true,
            digests: true,
        };
        let model = Model {
            actor,
            lone,
            clocks: [Hlc::ZERO; PARTITIONS],
            cuts: BTreeMap::new(),
            slot_cuts: BTreeMap::new(),
            floors: BTreeMap::new(),
            records: BTreeMap::new(),
        };
        let now = Now { wall_ms: START_MS, mono_us: 0 };
        Twin { space: Keyspace::new(options), model, now, deltas }
    }

    pub fn interest(&self) -> Interest {
        Interest { deltas: self.deltas, touched: true, events: true, ready: false }
    }

    /// Runs a transaction on the keyspace alone.
    pub fn run<T>(&mut self, db: u8, run: impl FnOnce(&mut Txn<'_, '_>) -> T) -> (T, Vec<Effect>) {
        let mut effects = Effects::new(self.interest());
        let mut locks = self.space.lock(&PartitionSet::ALL);
        let mut txn = Txn::new(&mut locks, &mut effects, self.now, db, 1);
        let out = run(&mut txn);
        drop(locks);
        let effects: Vec<Effect> = effects.drain().collect();
        for effect in &effects {
            // A command that comes across what expired may remove it before the sweep does.
            if let Effect::Touched { db, key, expired: true } = effect
                && self.space.options().lone
                && !self.deltas
            {
                let name = (*db, key.clone());
                assert_eq!(self.model.shown(&name, self.now), None, "{name:?}");
                self.model.records.remove(&name);
            }
        }
        (out, effects)
    }

    /// Does something to one partition of the keyspace alone.
    pub fn partition<T>(
        &mut self,
        number: u8,
        db: u8,
        run: impl FnOnce(&mut crate::keyspace::Partition, &mut Pass<'_>) -> T,
    ) -> (T, Vec<Effect>) {
        let mut effects = Effects::new(self.interest());
        let mut locks = self.space.lock_one(number);
        let mut pass = Pass {
            db,
            now: self.now,
            lru: 5,
            effects: &mut effects,
            source: Source::Fleeting,
            expires: false,
        };
        let out = run(locks.partition(number), &mut pass);
        (out, effects.drain().collect())
    }

    /// A change on both sides; returns the delta.
    pub fn change(
        &mut self,
        name: &Name,
        change: impl Fn(&Record, Dot, u64) -> Change,
        run: impl FnOnce(&mut Txn<'_, '_>),
    ) -> Delta {
        let ((), effects) = self.run(name.0, run);
        let delta = self.model.change(name, self.now, change);
        self.check_deltas(&effects, &[(name.clone(), delta.clone())]);
        self.check(name);
        delta
    }

    /// DEL on both sides; the delta if there was something to delete.
    pub fn delete(&mut self, name: &Name) -> Option<Delta> {
        let shown = self.model.shown(name, self.now).is_some();
        let (was, effects) = self.run(name.0, |txn| txn.delete(&name.1));
        assert_eq!(was, shown, "DEL says what showed");
        let there = self.model.has_cells(name);
        let delta = there.then(|| self.model.change(name, self.now, |_, _, _| Change::Clear));
        let wanted: Vec<_> = delta.iter().map(|d| (name.clone(), d.clone())).collect();
        self.check_deltas(&effects, &wanted);
        self.check(name);
        delta
    }

    /// COPY on both sides.
    pub fn copy(&mut self, from: &Name, to: &Name) -> Vec<Delta> {
        let shown = self.model.shown(from, self.now);
        let steps = rebuild::steps(&self.model.record(from), self.model.view_ms(&from.1, self.now));
        let (out, effects) = self.run(from.0, |txn| txn.copy(&from.1, &to.1, to.0));
        assert_eq!(out, shown.is_some().then_some(from != to));
        let looks = |twin: &Twin, name: &Name| {
            let view = twin.model.view_ms(&name.1, twin.now);
            Looks::of(&twin.model.record(name), view)
        };
        let looked = looks(self, from);
        let mut wanted = Vec::new();
        if out == Some(true) {
            if self.model.has_cells(to) {
                wanted.push((to.clone(), self.model.change(to, self.now, |_, _, _| Change::Clear)));
            }
            for step in steps {
                let delta = self.model.change(to, self.now, |_, dot, _| step.change(dot));
                wanted.push((to.clone(), delta));
            }
        }
        self.check_deltas(&effects, &wanted);
        self.check(to);
        // Where the clock of the copy's partition is not ahead: that one may hide more.
        let views = [from, to].map(|name| self.model.view_ms(&name.1, self.now));
        if out == Some(true) && views[0] == views[1] {
            assert_eq!(looks(self, to), looked, "a copy looks the same");
        }
        wanted.into_iter().map(|(_, delta)| delta).collect()
    }

    /// The expiry sweep of one partition on both sides.
    pub fn sweep(&mut self, number: u8, due_ms: u64) -> Vec<(Name, Delta)> {
        let mut due = self.model.due(number, due_ms.min(self.now.wall_ms));
        let (expired, effects) = self.partition(number, 0, |partition, pass| {
            let (mut at, mut expired) = (Some(0), 0);
            while let Some(order) = at {
                let (n, next) = partition.sweep(order, (Slots::ALL, due_ms), usize::MAX, pass);
                expired += n;
                at = next;
            }
            expired
        });
        // The model expires in the order of the table's walk, so that the dots are the same.
        let order: Vec<Name> = effects.iter().filter_map(touched).collect();
        let mut wanted = Vec::new();
        for name in &order {
            let expire = |_: &Record, _, _| Change::Expire;
            let delta = self.model.change_as_of(name, self.now, Some(due_ms), expire);
            wanted.push((name.clone(), delta));
        }
        self.check_deltas(&effects, &wanted);
        let mut swept = order.clone();
        swept.sort();
        due.sort();
        assert_eq!(swept, due, "the sweep takes what is due and nothing else");
        assert_eq!(expired, due.len());
        order.iter().for_each(|name| self.check(name));
        wanted
    }

    /// FLUSHDB on both sides; returns partition and cut of each effect.
    pub fn flush(&mut self, db: u8) -> Vec<(u8, Hlc)> {
        self.check_flush(&[db], |txn| txn.flush())
    }

    /// FLUSHALL on both sides.
    pub fn flush_all(&mut self) {
        let all: Vec<u8> = (0..self.space.options().databases).map(|db| db as u8).collect();
        self.check_flush(&all, |txn| txn.flush_all());
    }

    fn check_flush(&mut self, dbs: &[u8], flush: impl Fn(&mut Txn<'_, '_>)) -> Vec<(u8, Hlc)> {
        let watch = Watch::default();
        let third = self.now.wall_ms as usize % 3;
        let names: Vec<Name> = self.model.records.keys().cloned().collect();
        let watched: Vec<&Name> =
            names.iter().enumerate().filter(|(at, _)| at % 3 != third).map(|(_, n)| n).collect();
        for name in &watched {
            self.space.watch(name.0, &name.1, &watch, self.now);
        }
        let shows =
            |name: &Name| dbs.contains(&name.0) && self.model.shown(name, self.now).is_some();
        let mut showed: Vec<Name> = watched.iter().copied().filter(|n| shows(n)).cloned().collect();
        let ((), effects) = self.run(dbs[0], flush);
        let mut marked: Vec<Name> = effects.iter().filter_map(touched).collect();
        marked.sort();
        showed.sort();
        assert_eq!(marked, showed, "a flush touches what is watched and showed");
        watched.iter().for_each(|name| self.space.unwatch(name.0, &name.1, &watch));
        let (mut cuts, mut wanted) = (Vec::new(), Vec::new());
        for partition in 0..=u8::MAX {
            let clock = &mut self.model.clocks[usize::from(partition)];
            let cut = clock.tick(self.now.wall_ms);
            *clock = cut;
            cuts.push((partition, cut));
            for &db in dbs {
                self.model.cut(partition, db, cut);
                wanted.push((partition, db, cut));
            }
        }
        let cut = |effect: &Effect| match effect {
            Effect::Cut { partition, slots: Slots::ALL, db, cut } => Some((*partition, *db, *cut)),
            _ => None,
        };
        let told: Vec<(u8, u8, Hlc)> = effects.iter().filter_map(cut).collect();
        assert_eq!(told, if self.deltas { wanted } else { Vec::new() });
        self.check_all();
        cuts
    }

    /// Another owner's delta on both sides; every other one is tried, and then nothing is seen of it
    /// unless it is applied.
    pub fn apply(&mut self, name: &Name, delta: &Delta) -> Applied {
        let at = SEED.locate(name.0, &name.1);
        let before = self.model.record(name);
        let tries = delta.dot.hlc.0.is_multiple_of(2);
        let (applied, effects) = self.partition(at.partition, name.0, |partition, pass| {
            if tries {
                partition.try_apply(&at, &name.1, delta, pass)
            } else {
                partition.apply(&at, &name.1, delta, pass)
            }
        });
        let (horizon, mut record) = (self.model.horizon(name), self.model.record(name));
        let wanted = record.apply(delta, &horizon);
        if applied == Applied::Applied || !tries {
            let clock = self.model.clock(&name.1);
            *clock = delta.dot.hlc.max(*clock);
        }
        self.model.put(name, record);
        assert_eq!(applied, wanted);
        self.check_touched(name, &before, &effects);
        self.check(name);
        applied
    }

    /// Another owner's record on both sides.
    pub fn join(&mut self, name: &Name, other: &Record, theirs: &Horizon) {
        let at = SEED.locate(name.0, &name.1);
        let before = self.model.record(name);
        let ((), effects) = self.partition(at.partition, name.0, |partition, pass| {
            partition.join(&at, &name.1, other, theirs, pass);
        });
        self.model.cut_slot(Slot::of(&name.1), name.0, theirs.cut);
        let clock = self.model.clock(&name.1);
        let dots = other.context.iter().chain(theirs.floor.iter());
        *clock = dots.map(|dot| dot.hlc).fold(theirs.cut.max(*clock), Hlc::max);
        let (horizon, mut record) = (self.model.horizon(name), self.model.record(name));
        record.join(&horizon, other, theirs);
        self.model.put(name, record);
        self.check_touched(name, &before, &effects);
        self.check(name);
    }

    /// A later clock alone may hide what expired: that is no change that anybody is told of.
    fn check_touched(&self, name: &Name, before: &Record, effects: &[Effect]) {
        let view = self.model.view_ms(&name.1, self.now);
        if shown(before, view) != self.model.shown(name, self.now) {
            let marked = effects.iter().filter_map(touched).any(|n| n == *name);
            assert!(marked, "{name:?} shows something else and nobody is told");
        }
    }

    fn check_deltas(&self, effects: &[Effect], wanted: &[(Name, Delta)]) {
        let got: Vec<(Name, Delta)> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Delta { db, key, delta } => Some(((*db, key.to_vec()), delta.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(got, if self.deltas { wanted } else { &[] }, "deltas are the model's");
    }

    /// The key shows what the model shows, and its record is the model's.
    pub fn check(&self, name: &Name) {
        let at = SEED.locate(name.0, &name.1);
        let mut locks = self.space.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        assert_eq!(
            partition.view_ms(self.now),
            self.model.view_ms(&name.1, self.now),
            "one mint a change"
        );
        let view = partition.view_ms(self.now);
        let found = partition.read(&at, name.0, &name.1, self.now);
        let deadline_ms = partition.deadline(&at, name.0, &name.1, self.now).flatten();
        let got = found.map(|found| {
            let text =
                |value| Shown { kind: Kind::Text, text: Some(value), deadline_ms, cells: None };
            match found {
                Found::Bytes(bytes) => text(Value::Bytes(bytes.to_vec().into())),
                Found::Shared(bytes) => text(Value::Bytes(bytes.clone())),
                Found::Integer(n) => text(Value::Integer(n)),
                Found::Record(record) => {
                    let shown = shown(record, view).expect("a found record shows something");
                    assert_eq!(shown.deadline_ms, deadline_ms);
                    shown
                }
            }
        });
        let wanted = self.model.shown(name, self.now);
        assert_eq!(got, wanted, "{name:?}");
        let record = partition.record(&at, name.0, &name.1);
        assert_eq!(record.as_ref(), self.model.records.get(name), "{name:?}");
        let context = partition.context(&at, name.0, &name.1);
        assert_eq!(context, record.map(|record| record.context).unwrap_or_default());
        drop(locks);
        self.check_slot_digest(Slot::of(&name.1));
    }

    /// Everything, and the counts.
    pub fn check_all(&self) {
        let mut seen: Vec<Name> = Vec::new();
        let mut counts = [Counts::default(); DATABASES as usize];
        for number in 0..=u8::MAX {
            let mut locks = self.space.lock_one(number);
            let partition = locks.partition(number);
            let mut at = Some(0);
            while let Some(order) = at {
                let (earliest, next) = partition.table().deadline_at(order);
                for entry in partition.table().segment_at(order).0 {
                    assert!(entry.deadline_ms().is_none_or(|ms| earliest <= ms), "{entry:?}");
                    count(entry, &mut counts);
                    seen.push((entry.db(), entry.key().to_vec()));
                }
                at = next;
            }
        }
        seen.sort();
        assert!(seen.iter().eq(self.model.records.keys()), "{seen:?}");
        for db in 0..DATABASES as u8 {
            assert_eq!(self.space.counts(db), counts[usize::from(db)], "database {db}");
            assert_eq!(counts[usize::from(db)], self.model.counts(db), "database {db}");
        }
        self.model.records.keys().for_each(|name| self.check(name));
        self.check_digests();
    }
}

fn count(entry: &Entry, counts: &mut [Counts]) {
    let counts = &mut counts[usize::from(entry.db())];
    let there = match entry.payload() {
        Payload::Tombstone => false,
        Payload::Record(record) => {
            assert_eq!(entry.deadline_ms(), record.min_deadline_ms(), "{entry:?}");
            !record.cells.is_empty()
        }
        _ => true,
    };
    counts.keys += u64::from(there);
    counts.deadlines += u64::from(there && entry.deadline_ms().is_some());
}

pub fn touched(effect: &Effect) -> Option<Name> {
    match effect {
        Effect::Touched { db, key, .. } => Some((*db, key.clone())),
        _ => None,
    }
}

/// What owners do for each other.
impl Twin {
    /// The stored record, as it is sent to another owner.
    pub fn stored(&self, name: &Name) -> (Option<Record>, Horizon) {
        let at = SEED.locate(name.0, &name.1);
        let mut locks = self.space.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        (partition.record(&at, name.0, &name.1), partition.horizon(&at, name.0))
    }

    /// Whether any key of the partition is stored.
    pub fn holds(&self, partition: u8) -> bool {
        self.model.records.keys().any(|name| SEED.locate(0, &name.1).partition == partition)
    }

    /// The partitions with keys.
    pub fn partitions(&self) -> Vec<u8> {
        (0..=u8::MAX).filter(|partition| self.holds(*partition)).collect()
    }

    /// Another owner's flush on both sides.
    pub fn cut(&mut self, partition: u8, db: u8, cut: Hlc) {
        let here = |n: &&Name| n.0 == db && SEED.locate(0, &n.1).partition == partition;
        let names: Vec<Name> = self.model.records.keys().filter(here).cloned().collect();
        let before: Vec<_> = names.iter().map(|name| (name, self.model.record(name))).collect();
        let (_, effects) = self.partition(partition, db, |p, pass| p.cut(Slots::ALL, cut, pass));
        self.model.cut(partition, db, cut);
        for (name, before) in before {
            self.check_touched(name, &before, &effects);
        }
        self.check_all();
    }

    /// FLUSHDB of one slot on both sides.
    pub fn flush_slot(&mut self, slot: Slot, db: u8) -> Hlc {
        let partition = (usize::from(slot.number()) % PARTITIONS) as u8;
        let (_, effects) = self.partition(partition, db, |p, pass| p.flush(slot.into(), pass));
        let clock = &mut self.model.clocks[usize::from(partition)];
        *clock = clock.tick(self.now.wall_ms);
        let cut = *clock;
        self.model.cut_slot(slot, db, cut);
        let slots = slot.into();
        let told = [Effect::Cut { partition, slots, db, cut }];
        assert_eq!(effects, if self.deltas { &told[..] } else { &[] });
        self.check_all();
        cut
    }

    /// Another owner's flush of one slot on both sides.
    pub fn cut_slot(&mut self, slot: Slot, db: u8, cut: Hlc) {
        let here = |n: &&Name| n.0 == db && Slot::of(&n.1) == slot;
        let names: Vec<Name> = self.model.records.keys().filter(here).cloned().collect();
        let before: Vec<_> = names.iter().map(|name| (name, self.model.record(name))).collect();
        let partition = (usize::from(slot.number()) % PARTITIONS) as u8;
        let (_, effects) = self.partition(partition, db, |p, pass| p.cut(slot.into(), cut, pass));
        self.model.cut_slot(slot, db, cut);
        for (name, before) in before {
            self.check_touched(name, &before, &effects);
        }
        self.check_all();
    }

    /// Another name for what is minted from now on, so many further.
    pub fn rename(&mut self, by: u64) {
        self.model.actor.0 += by;
        self.space.rename(self.model.actor);
    }

    /// A step of looking for numbers of actors that nobody uses: small enough that much happens within a
    /// walk.
    pub fn reclaim_actors(&self) {
        self.space.actors.walk_now();
        self.space.reclaim_actors(100);
    }

    /// The clock that this owner reports for a floor round of the slot.
    pub fn report(&mut self, slot: Slot) -> Floor {
        let actor = self.model.actor;
        let partition = (usize::from(slot.number()) % PARTITIONS) as u8;
        let hlc = self.partition(partition, 0, |p, _| p.clock()).0;
        assert_eq!(hlc, self.model.clocks[usize::from(partition)]);
        Floor::from(Context::single(Dot { hlc, actor }))
    }

    /// A settled floor on both sides.
    pub fn raise_floor(&mut self, slot: Slot, floor: &Floor) {
        let partition = (usize::from(slot.number()) % PARTITIONS) as u8;
        self.partition(partition, 0, |p, _| p.raise_floor(slot.into(), floor));
        self.model.floors.entry(slot.number()).or_default().merge(floor);
        let clock = &mut self.model.clocks[usize::from(partition)];
        *clock = floor.iter().map(|dot| dot.hlc).fold(*clock, Hlc::max);
        let names: Vec<Name> = self.model.records.keys().cloned().collect();
        for name in names.iter().filter(|name| Slot::of(&name.1) == slot) {
            let record = self.model.record(name);
            self.model.put(name, record);
        }
        self.check_all();
    }
}
