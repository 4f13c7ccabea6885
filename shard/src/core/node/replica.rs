//! Taking other coordinators' writes and repairs.
//!
//! A write counts here only if its coordinator is whom this owner grants the group now. It is applied
//! whole, or not at all: then the coordinator sends copies of its keys. What a closed actor wrote is
//! never applied and never acknowledged.

use super::{Moment, Node};
use crate::store::Entry;
use kinring_common::causal::{Applied, Delta};
use kinring_common::clock::Hlc;
use kinring_common::id::NodeId;
use kinring_common::keyspace::{Effects, Pass};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Ack, Batch, Message, Repair, WriteNumber, names};
use kinring_common::wire::{Copies, GroupCuts, Item, Name};
use std::collections::BTreeSet;

impl Node {
    pub(super) fn written(&mut self, from: NodeId, batch: Batch, moment: Moment) {
        let id = batch.group;
        if batch.epoch != self.layout.epoch() || !self.takes_from(id, from, batch.is_available, moment)
        {
            return;
        }
        let ack = |held, gaps| Message::Ack(Ack { group: id, held, gaps });
        match self.foresee(id, &batch.items, moment) {
            Foreseen::Refused => return,
            Foreseen::Gap => {
                return self.send(from, ack(Vec::new(), vec![batch.number]));
            }
            Foreseen::Known => {}
            Foreseen::New => self.take(&batch, moment),
        }
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.bonds.end(batch.number.tenure, batch.stable);
        self.send(from, ack(vec![batch.number], Vec::new()));
    }

    /// Whether a coordinator's writes count for a group.
    fn takes_from(&self, id: GroupId, from: NodeId, is_available: bool, moment: Moment) -> bool {
        let Some(group) = self.groups.get(&id) else { return false };
        let holder = self.grants.holder(id, moment.now.mono_us);
        let is_granted = holder == Some(from) || Mutant::WriteWithoutGrant.is_on();
        group.owners.contains(&from) && (is_available || is_granted)
    }

    fn take(&mut self, batch: &Batch, moment: Moment) {
        let id = batch.group;
        let items = if Mutant::HalfBatchAcked.is_on() {
            batch.items[..batch.items.len().div_ceil(2)].to_vec()
        } else {
            batch.items.clone()
        };
        self.apply(id, &items, moment);
        let mut touched: Vec<Name> = names(&items).cloned().collect();
        touched.sort_unstable();
        touched.dedup();
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.bonds.add(Some((batch.number.tenure, batch.number.sequence)), touched);
        if let Some(executed) = &batch.executed {
            self.requests.note(id, executed.clone(), moment.now.mono_us);
        }
        self.log(Entry::Write { group: id, items, executed: batch.executed.clone() });
    }

    /// What will become of a write, without doing anything.
    fn foresee(&self, id: GroupId, items: &[Item], moment: Moment) -> Foreseen {
        let floor = &self.groups[&id].horizon.floor;
        let mut seen = BTreeSet::new();
        let mut foreseen = Foreseen::Known;
        for item in items {
            let (name, delta) = match item {
                Item::Cut { cut, .. } if !self.is_believable(*cut, moment) => {
                    return Foreseen::Refused;
                }
                Item::Cut { .. } => {
                    foreseen = Foreseen::New;
                    continue;
                }
                Item::Delta { name, delta } => (name, delta),
            };
            let is_closed = floor.closes(delta.dot.actor) && !Mutant::FencedWriteAcked.is_on();
            if is_closed || !self.is_believable(delta.dot.hlc, moment) {
                return Foreseen::Refused;
            }
            // What follows on the same key follows from the first.
            if !seen.insert(name) {
                continue;
            }
            match self.foresee_delta(name, delta) {
                Applied::Gap => return Foreseen::Gap,
                Applied::Applied => foreseen = Foreseen::New,
                Applied::Covered => {}
            }
        }
        foreseen
    }

    fn foresee_delta(&self, name: &Name, delta: &Delta) -> Applied {
        let at = self.keyspace.locate(name.db, &name.key);
        let mut locks = self.keyspace.lock_one(at.partition);
        locks.partition(at.partition).foresee(&at, name.db, &name.key, delta)
    }

    /// Applies changes. What was seen before changes nothing.
    pub(super) fn apply(&mut self, id: GroupId, items: &[Item], moment: Moment) {
        for item in items {
            match item {
                Item::Cut { db, cut } => self.apply_cut(id, *db, *cut, moment),
                Item::Delta { name, delta } => {
                    let at = self.keyspace.locate(name.db, &name.key);
                    let mut effects = self.effects();
                    let mut locks = self.keyspace.lock_one(at.partition);
                    let mut pass = pass(name.db, moment, &mut effects);
                    locks.partition(at.partition).apply(&at, &name.key, delta, &mut pass);
                }
            }
        }
    }

    /// A flush of a group, here.
    pub(super) fn apply_cut(&mut self, id: GroupId, db: u8, cut: Hlc, moment: Moment) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        if !group.horizon.merge_cuts(&vec![(db, cut)]) {
            return;
        }
        for &(partition, slots) in &group.parts {
            let mut effects = Effects::default();
            let mut locks = self.keyspace.lock_one(partition);
            locks.partition(partition).cut(slots, cut, &mut pass(db, moment, &mut effects));
        }
    }

    /// Takes flushes over, and logs them if they are new.
    pub(super) fn take_cuts(&mut self, id: GroupId, cuts: &GroupCuts, moment: Moment) {
        let known = |db: u8| self.groups[&id].horizon.of(db).cut;
        let new: GroupCuts = cuts.iter().filter(|(db, cut)| *cut > known(*db)).copied().collect();
        if new.is_empty() || Mutant::CutForgotten.is_on() {
            return;
        }
        new.iter().for_each(|&(db, cut)| self.apply_cut(id, db, cut, moment));
        let items = new.into_iter().map(|(db, cut)| Item::Cut { db, cut }).collect();
        self.log(Entry::Write { group: id, items, executed: None });
    }

    pub(super) fn repaired(&mut self, from: NodeId, repair: Repair, moment: Moment) {
        let Repair { group: id, epoch, copies, writes, executed, is_available } = repair;
        if epoch != self.layout.epoch() || !self.takes_from(id, from, is_available, moment) {
            return;
        }
        for executed in &executed {
            self.requests.note(id, executed.clone(), moment.now.mono_us);
        }
        self.take_copies(id, copies, executed, moment);
        self.send(from, Message::Ack(Ack { group: id, held: writes, gaps: Vec::new() }));
    }

    /// Joins copies of another owner, all of them in one step. Returns the keys that changed by it.
    pub(super) fn take_copies(
        &mut self,
        id: GroupId,
        copies: Copies,
        executed: Vec<kinring_common::wire::request::Executed>,
        moment: Moment,
    ) -> Vec<Name> {
        self.take_cuts(id, &copies.horizon.cuts, moment);
        let changed = self.join(id, &copies, moment);
        let group = self.groups.get_mut(&id).expect("it is owned");
        for bond in &copies.bonds {
            group.bonds.add(None, bond.clone());
        }
        if !copies.copies.is_empty() || !executed.is_empty() {
            self.log(Entry::Copies { group: id, copies, executed });
        }
        changed
    }

    /// The same in memory alone.
    pub(super) fn join(&mut self, id: GroupId, copies: &Copies, moment: Moment) -> Vec<Name> {
        let mut changed = Vec::new();
        let _ = id;
        for copy in &copies.copies {
            let name = &copy.name;
            let theirs = copies.horizon.of(name.db);
            let at = self.keyspace.locate(name.db, &name.key);
            let mut effects = self.effects();
            let mut locks = self.keyspace.lock_one(at.partition);
            let partition = locks.partition(at.partition);
            let before = partition.record(&at, name.db, &name.key);
            let mut pass = pass(name.db, moment, &mut effects);
            partition.join(&at, &name.key, &copy.record, &theirs, &mut pass);
            if partition.record(&at, name.db, &name.key) != before {
                changed.push(name.clone());
            }
        }
        changed
    }

    pub(super) fn acked(&mut self, from: NodeId, ack: &Ack, moment: Moment) {
        let id = ack.group;
        for write in &ack.held {
            self.is_held(id, *write, from, moment);
        }
        let tenure = self.groups.get(&id).and_then(|group| group.tenure.as_ref());
        let Some(tenure) = tenure.filter(|tenure| tenure.owners.contains_key(&from)) else { return };
        let own = |write: &&WriteNumber| write.tenure == tenure.number;
        let gaps: Vec<u64> = ack.gaps.iter().filter(own).map(|write| write.sequence).collect();
        if !gaps.is_empty() {
            self.send_repair(id, from, &gaps, moment);
        }
    }
}

/// What will become of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreseen {
    /// All of it is here.
    Known,
    /// Some of it is not, and can be applied.
    New,
    /// Something before it is missing.
    Gap,
    /// It is not to be taken.
    Refused,
}

pub(super) fn pass<'e>(db: u8, moment: Moment, effects: &'e mut Effects) -> Pass<'e> {
    let lru = (moment.now.mono_us / 1_000_000) as u32 & 0x00ff_ffff;
    Pass { db, now: moment.now, lru, effects, source: None, expires: false }
}

