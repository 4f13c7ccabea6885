//! Taking other coordinators' writes and repairs.
//!
//! A write counts here only if it is of the last term that this owner granted, and this owner is in step
//! with its holder. It is applied whole, or not at all: then the coordinator sends copies of its keys.

use super::bonds::Bound;
use super::coordinate::distinct;
use super::doubtful::touched;
use super::pull::{Cause, Pull};
use super::{Moment, Node};
use crate::core::flight::{Names, Touched};
use crate::store::{Entry, Take};
use kinring_common::causal::{Applied, Context, Delta, Horizon};
use kinring_common::clock::Hlc;
use kinring_common::id::NodeId;
use kinring_common::keyspace::{Effects, Pass, Source};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Ack, Batch, Message, Repair, WriteNumber, WriteNumbers};
use kinring_common::wire::request::Completion;
use kinring_common::wire::{Copies, GroupCuts, GroupHorizon, Item, Name};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Node {
    pub(super) fn written(&mut self, from: NodeId, batch: Arc<Batch>, moment: Moment) {
        let (id, number, stable) = (batch.group, batch.number, batch.stable);
        self.follow(&batch);
        let tenure = (!batch.is_available).then_some(number.tenure);
        if batch.epoch != self.layout.epoch() || !self.takes_from(id, from, tenure) {
            return;
        }
        if batch.is_available && self.is_of_ended(id, &batch.items) {
            return;
        }
        let ack = |held, gaps| Message::Ack(Ack { group: id, held, gaps });
        let unleased = batch.is_available.then(|| distinct(&batch.items));
        match self.take(batch, moment) {
            Foreseen::Refused => return,
            Foreseen::Gap => return self.send(from, ack(WriteNumbers::new(), vec![number])),
            Foreseen::Known => {}
            Foreseen::New => {
                if let Some(changed) = unleased {
                    self.home_changed(id, changed, moment);
                }
            }
        }
        if let Some(tenure) = tenure {
            self.groups.get_mut(&id).expect("it is owned").is_safe(tenure, stable);
        }
        self.send(from, ack([number].into(), Vec::new()));
    }

    /// Whether a coordinator's writes count for a group: those of a tenure, or without one.
    pub(super) fn takes_from(&self, id: GroupId, from: NodeId, tenure: Option<u64>) -> bool {
        let Some(group) = self.groups.get(&id) else { return false };
        let counts = |tenure| {
            let is_granted = group.term.tenure == tenure || Mutant::FencedWriteAcked.is_on();
            let is_in_step = group.step.tenure == tenure || Mutant::WriteBeforeStep.is_on();
            is_granted && is_in_step
        };
        group.owners.contains(&from) && tenure.is_none_or(counts)
    }

    /// Takes a write, if all of it can be taken.
    fn take(&mut self, mut batch: Arc<Batch>, moment: Moment) -> Foreseen {
        let id = batch.group;
        let is_kept_out = match batch.is_available {
            // Only its coordinator is known to have it.
            true => self.keeps_out(id, &distinct(&batch.items), 1, moment),
            false => self.has_unseen(&batch.items),
        };
        if is_kept_out {
            return Foreseen::Refused;
        }
        if let [Item::Delta { name, delta }] = &batch.items[..] {
            // The ordinary write: it is seen and applied in one step.
            let foreseen = self.take_delta(id, name, delta, moment);
            if foreseen == Foreseen::New {
                self.note_taken(batch, moment);
            }
            return foreseen;
        }
        let foreseen = self.foresee(&batch.items, moment);
        if foreseen != Foreseen::New {
            return foreseen;
        }
        if Mutant::HalfBatchAcked.is_on() {
            let half = batch.items.len().div_ceil(2);
            Arc::make_mut(&mut batch).items.truncate(half);
        }
        self.apply(id, &batch.items, moment);
        self.note_taken(batch, moment);
        foreseen
    }

    fn take_delta(&mut self, id: GroupId, name: &Name, delta: &Delta, moment: Moment) -> Foreseen {
        if !self.is_believable(delta.dot.hlc, moment) {
            return Foreseen::Refused;
        }
        let at = self.keyspace.locate(name.db, &name.key);
        if self.layout.group_of(at.slot()) != id {
            self.refused += 1;
            return Foreseen::Refused;
        }
        let mut effects = self.effects();
        let partition = self.keyspace.partition_mut(at.partition);
        match partition.try_apply(&at, &name.key, delta, &mut pass(name.db, moment, &mut effects)) {
            Applied::Applied => Foreseen::New,
            Applied::Covered => Foreseen::Known,
            Applied::Gap => Foreseen::Gap,
        }
    }

    /// A write, or as much of it as was taken, is here now.
    fn note_taken(&mut self, batch: Arc<Batch>, moment: Moment) {
        let (id, items) = (batch.group, &batch.items);
        if !batch.is_available && items.len() > 1 {
            let touched = distinct(items);
            let group = self.groups.get_mut(&id).expect("it is owned");
            group.bonds.add(Some((batch.number.tenure, batch.number.sequence)), &touched);
        }
        if !batch.is_available && self.may_drop_copies() {
            self.note_doubt(id, batch.number, touched(items));
        }
        if batch.is_available {
            self.meet_writers(id, items);
        }
        if let Some(executed) = &batch.executed {
            self.completed(id, executed, items, moment);
        }
        self.log(Entry::Write { batch, is_home: false });
    }

    /// What will become of a write, without doing anything.
    fn foresee(&self, items: &[Item], moment: Moment) -> Foreseen {
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
            if !self.is_believable(delta.dot.hlc, moment) {
                return Foreseen::Refused;
            }
            // What follows on the same key follows from the first.
            if !seen.insert(name) {
                continue;
            }
            match self.foresee_delta(name, delta) {
                Applied::Gap if !Mutant::GapApplied.is_on() => return Foreseen::Gap,
                Applied::Gap => foreseen = Foreseen::New,
                Applied::Applied => foreseen = Foreseen::New,
                Applied::Covered => {}
            }
        }
        foreseen
    }

    fn foresee_delta(&self, name: &Name, delta: &Delta) -> Applied {
        let at = self.keyspace.locate(name.db, &name.key);
        self.keyspace.partition(at.partition).foresee(&at, name.db, &name.key, delta)
    }

    /// Applies changes. What was seen before changes nothing.
    pub(super) fn apply(&mut self, id: GroupId, items: &[Item], moment: Moment) {
        for item in items {
            match item {
                Item::Cut { db, cut } => self.apply_cut(id, *db, *cut, moment),
                Item::Delta { name, delta } => {
                    let at = self.keyspace.locate(name.db, &name.key);
                    let mut effects = self.effects();
                    let mut partition = self.keyspace.partition(at.partition);
                    let mut pass = pass(name.db, moment, &mut effects);
                    partition.apply(&at, &name.key, delta, &mut pass);
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

    /// Takes flushes over, with the names of those who asked for them, and logs what is new.
    pub(super) fn take_cuts(
        &mut self,
        id: GroupId,
        cuts: &GroupCuts,
        flushes: Vec<Completion>,
        how: Take,
        moment: Moment,
    ) {
        if how == Take::Keep || Mutant::CutForgotten.is_on() {
            return;
        }
        let completions = self.note_all(id, flushes, moment);
        let known = &self.groups[&id].horizon;
        let is_new = |(db, cut): &&(u8, Hlc)| *cut > known.of(*db).cut;
        let same = match how {
            Take::Join => !cuts.iter().any(|cut| is_new(&cut)),
            Take::Adopt => *cuts == known.cuts,
            Take::Keep => true,
        };
        if same && completions.is_empty() {
            return;
        }
        self.merge_cuts(id, cuts, how, moment);
        let horizon = GroupHorizon { cuts: cuts.clone(), ..GroupHorizon::default() };
        let copies = Copies { horizon, completions, ..Copies::default() };
        self.log(Entry::Copies { group: id, how, copies: Box::new(copies) });
    }

    /// The same in memory alone.
    pub(super) fn merge_cuts(&mut self, id: GroupId, cuts: &GroupCuts, how: Take, moment: Moment) {
        match how {
            Take::Join => cuts.iter().for_each(|&(db, cut)| self.apply_cut(id, db, cut, moment)),
            Take::Adopt => self.adopt_cuts(id, cuts, moment),
            Take::Keep => {}
        }
    }

    pub(super) fn repaired(&mut self, from: NodeId, repair: Repair, moment: Moment) {
        let Repair { group: id, epoch, mut copies, writes, next, held, is_available } = repair;
        let Some(tenure) = writes.first().map(|write| write.tenure) else { return };
        let (tenure, held) = ((!is_available).then_some(tenure), usize::from(held));
        // One more owner that has a leased write makes it safe, perhaps.
        if !is_available && held < self.quorum.spares() && self.has_unseen_in(&copies) {
            return;
        }
        if epoch != self.layout.epoch() || !self.takes_from(id, from, tenure) {
            return;
        }
        if is_available
            && (self.brings_ended(id, &copies) || self.keeps_out_copies(id, &copies, held, moment))
        {
            return;
        }
        let units = self.part_large(id, &mut copies, Take::Join, moment);
        if !units.is_empty() && !Mutant::PullNotAwaited.is_on() {
            // It comes again, and finds all of that here.
            let pull = Pull { tenure, cause: Cause::Missed { writes, next, held } };
            return self.pull((id, from), (Take::Join, pull), units, moment);
        }
        let bound = tenure.and_then(|_| bound(&writes, next));
        let changed = self.take_copies(id, copies, (Take::Join, bound), moment);
        if is_available && !changed.is_empty() {
            self.home_changed(id, changed, moment);
        }
        self.send(from, Message::Ack(Ack { group: id, held: writes.into(), gaps: Vec::new() }));
    }

    /// Takes copies of another owner, all of them in one step. Returns the keys that changed by it.
    pub(super) fn take_copies(
        &mut self,
        id: GroupId,
        mut copies: Copies,
        (how, bound): (Take, Bound),
        moment: Moment,
    ) -> Names {
        let flushes = copies.take_flushes();
        let mut completions = std::mem::take(&mut copies.completions);
        self.take_cuts(id, &copies.horizon.cuts, flushes, how, moment);
        self.meet_writers_of(id, &copies);
        let changed = self.merge(&copies, how, moment);
        if let Some((tenure, sequence)) = bound.filter(|_| self.may_drop_copies()) {
            let number = WriteNumber { tenure, sequence };
            self.note_doubt(id, number, Touched::Keys(changed.clone()));
        }
        let group = self.groups.get_mut(&id).expect("it is owned");
        for bond in &copies.bonds {
            group.bonds.add(bound, bond);
        }
        self.whose_are_taken(&mut completions, how, &changed);
        copies.completions = self.note_all(id, completions, moment);
        if !copies.copies.is_empty() || !copies.completions.is_empty() {
            self.log(Entry::Copies { group: id, how, copies: Box::new(copies) });
        }
        changed
    }

    /// Takes the names of requests whose effects are here.
    pub(super) fn take_completions(
        &mut self,
        id: GroupId,
        (completions, unsure_us): (Vec<Completion>, u64),
        moment: Moment,
    ) {
        if Mutant::NamesNotExchanged.is_on() {
            return;
        }
        self.requests.forgot(unsure_us, moment.now.mono_us);
        let completions = self.note_all(id, completions, moment);
        if !completions.is_empty() {
            let copies = Copies { completions, ..Copies::default() };
            self.log(Entry::Copies { group: id, how: Take::Keep, copies: Box::new(copies) });
        }
    }

    /// The same in memory alone.
    pub(super) fn merge(&mut self, copies: &Copies, how: Take, moment: Moment) -> Names {
        let mut changed = Names::new();
        for copy in &copies.copies {
            let name = &copy.name;
            let theirs = copies.horizon.of(name.db);
            let at = self.keyspace.locate(name.db, &name.key);
            let mut effects = self.effects();
            let mut locks = self.keyspace.lock_one(at.partition);
            let partition = locks.partition(at.partition);
            let before = partition.record(&at, name.db, &name.key).unwrap_or_default();
            let mine = partition.horizon(&at, name.db);
            let mut pass = pass(name.db, moment, &mut effects);
            let joins = match how {
                Take::Join => true,
                // What was written without a lease counts wherever it is.
                Take::Adopt => has_unleased(&before.context, (&copy.record.context, &theirs)),
                Take::Keep => has_unleased(&copy.record.context, (&before.context, &mine)),
            };
            if !joins && how == Take::Adopt {
                self.pulls.forget(name);
            }
            match how {
                _ if joins => partition.join(&at, &name.key, &copy.record, &theirs, &mut pass),
                Take::Adopt => partition.adopt(&at, &name.key, &copy.record, &theirs, &mut pass),
                Take::Join | Take::Keep => {}
            }
            let after = partition.record(&at, name.db, &name.key).unwrap_or_default();
            if after != before {
                changed.push(name.clone());
            }
        }
        changed
    }

    pub(super) fn acked(&mut self, from: NodeId, ack: &Ack, moment: Moment) {
        let id = ack.group;
        self.are_held(id, &ack.held, from, moment);
        for write in &ack.held {
            self.unleased_is_held(id, *write, from, moment);
        }
        if ack.gaps.is_empty() {
            return;
        }
        let tenure = self.groups.get(&id).and_then(|group| group.tenure.as_ref());
        let Some(tenure) = tenure.filter(|tenure| tenure.owners.contains_key(&from)) else {
            return;
        };
        let own = |write: &&WriteNumber| write.tenure == tenure.term.tenure;
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

/// How long keys of a repair are bound that were written together: until all writes that were made when it
/// was sent are on enough owners.
pub(super) fn bound(writes: &[WriteNumber], next: u64) -> Bound {
    writes.first().and_then(|write| bound_of(write.tenure, next))
}

/// The same of copies that the holder of a tenure gives. Before its first write they are of others.
pub(super) fn bound_of(tenure: u64, next: u64) -> Bound {
    Some((tenure, next.checked_sub(1)?))
}

/// Whether something written without a lease was seen by one and not by the other.
pub(super) fn has_unleased(one: &Context, (other, horizon): (&Context, &Horizon)) -> bool {
    let mut unleased = one.iter().filter(|dot| dot.actor.is_unleased());
    unleased.any(|dot| !horizon.covers(dot) && !other.covers(dot))
}

pub(super) fn pass<'e>(db: u8, moment: Moment, effects: &'e mut Effects) -> Pass<'e> {
    let lru = (moment.now.mono_us / 1_000_000) as u32 & 0x00ff_ffff;
    Pass { db, now: moment.now, lru, effects, source: Source::Fleeting, expires: false }
}
