//! The answering side of an exchange: it keeps nothing of one, so it can be asked anything at any time.

use super::exchange::LOOKS_A_PAGE;
use super::pull::{Cause, Pull};
use super::repair::Room;
use super::replica::bound_of;
use super::{Moment, Node};
use crate::core::flight::Touched;
use crate::store::{Entry, Take};
use kinring_common::causal::Record;
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, NodeId};
use kinring_common::keyspace::partition_of;
use kinring_common::merkle::{KeyRef, Leaf, Leaves};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{Answer, AnswerWhat, Ask, AskWhat, Message, Push, WriteNumber};
use kinring_common::wire::request::{Changed, Completion};
use kinring_common::wire::{Copies, Copy, GroupCuts, Name};
use std::collections::BTreeSet;

/// Slots that are not equal, in one answer.
const LEAVES_AN_ANSWER: usize = 64;

impl Node {
    pub(super) fn respond(&mut self, from: NodeId, ask: Ask, moment: Moment) {
        let id = ask.group;
        let Some(group) = self.groups.get(&id).filter(|group| group.owners.contains(&from)) else {
            return;
        };
        if ask.epoch != self.layout.epoch() {
            return;
        }
        let is_same = ask.incarnation.is_none_or(|begun| begun == self.incarnation);
        // What an owner in step has counts: a late message must not replace it.
        let is_late = |push: Push| push.is_adopted && push.term == group.step;
        let is_open = matches!(ask.what, AskWhat::Open { .. });
        let is_begun =
            |push: Push| !push.is_adopted || is_open || group.adopts == Some(ask.session);
        let is_holder =
            ask.push.is_none_or(|push| push.term == group.term && !is_late(push) && is_begun(push));
        let (session, step, incarnation) = (ask.session, ask.step, self.incarnation);
        let what =
            if is_same && is_holder { self.answer(from, ask, moment) } else { AnswerWhat::Refused };
        let answer = Answer { session, step, group: id, incarnation, what };
        self.send(from, Message::Answer(Box::new(answer)));
    }

    fn answer(&mut self, from: NodeId, ask: Ask, moment: Moment) -> AnswerWhat {
        let Ask { group: id, session, step, push, what, .. } = ask;
        match what {
            AskWhat::Open { digest, cuts, flushes, floor, wants_clock, ended, is_survey } => {
                if push.is_some() {
                    self.have_ended(id, &ended);
                }
                match push {
                    Some(push) => self.open_push(id, session, push, (&cuts, flushes), moment),
                    // With whom it was in step it says, whatever it is being given.
                    None if is_survey => {}
                    None => self.count_own(id, moment),
                }
                if push.is_some() && Mutant::FloorBeforeData.is_on() {
                    self.log(Entry::Floor { group: id, floor: floor.clone() });
                }
                let own = &self.groups[&id].horizon;
                let same = own.cuts == cuts && own.floor == floor;
                let is_equal = same && self.group_digest(id) == digest;
                let clock = wants_clock.then(|| self.report_clock(id, moment));
                let completions = match push {
                    Some(_) => self.flushes(id),
                    None => self.requests.of(id).collect(),
                };
                let group = &self.groups[&id];
                AnswerWhat::Opened {
                    is_equal,
                    cuts: group.horizon.cuts.clone(),
                    completions,
                    floor: group.horizon.floor.clone(),
                    is_whole: group.is_whole(),
                    step: group.has_of(),
                    term: group.latest(),
                    clock,
                }
            }
            AskWhat::Slots { from, digests } => self.differing(id, from, &digests),
            AskWhat::Leaf { slot, leaf, from } if self.owns(id, slot) => {
                self.page(slot, leaf, from)
            }
            AskWhat::Leaf { .. } => AnswerWhat::Refused,
            AskWhat::Keys { mut copies, wanted, is_whole } => {
                let names: Vec<Name> = copies.names().cloned().collect();
                if push.is_some_and(|push| push.is_adopted) {
                    copies.copies.extend(self.nothing_of(&wanted, &copies));
                }
                let taken = match push {
                    _ if self.is_spreading(id, push, (&names, &wanted)) => None,
                    Some(push) => {
                        self.take_pushed((id, from), push, copies, (session, step), moment)
                    }
                    None => Some(Vec::new()),
                };
                match taken {
                    Some(together) => self.give(id, (names, &wanted), (together, is_whole)),
                    None => self.pulls.pulling(false),
                }
            }
            AskWhat::Read(wanted) => self.read_for(id, &wanted),
            AskWhat::Cells { tenure, asks } => self.cells(id, tenure, asks),
            AskWhat::Close { floor, completions, unsure_us } => {
                if push.is_some() {
                    self.take_completions(id, (completions, unsure_us), moment);
                    self.raise_floor(id, &floor);
                }
                self.closed(id, moment)
            }
        }
    }

    /// What is here at the end of an exchange.
    fn closed(&self, id: GroupId, moment: Moment) -> AnswerWhat {
        let group = &self.groups[&id];
        AnswerWhat::Closed {
            open: group.open.clone(),
            unsure_us: self.requests.unsure_us(moment.now.mono_us),
            step: group.has_of(),
        }
    }

    /// A holder begins to give this owner what it has.
    fn open_push(
        &mut self,
        id: GroupId,
        session: u64,
        push: Push,
        (cuts, flushes): (&GroupCuts, Vec<Completion>),
        moment: Moment,
    ) {
        let how = if push.is_adopted { Take::Adopt } else { Take::Join };
        if push.is_adopted {
            // What was executed by whom does not count is in doubt.
            self.requests.doubt_all(Some(id));
            let group = self.groups.get_mut(&id).expect("it is owned");
            (group.adopts, group.is_given_up) = (Some(session), false);
        }
        let before = self.groups[&id].horizon.cuts.clone();
        self.take_cuts(id, cuts, flushes, how, moment);
        if self.may_drop_copies() && self.groups[&id].horizon.cuts != before {
            let sequence = push.next.saturating_sub(1);
            let number = WriteNumber { tenure: push.term.tenure, sequence };
            self.note_doubt(id, number, Touched::All);
        }
    }

    fn page(&self, slot: Slot, leaf: Leaf, from: u64) -> AnswerWhat {
        let partition = partition_of(slot);
        let mut locks = self.keyspace.lock_one(partition);
        AnswerWhat::Page(locks.partition(partition).leaf_keys(slot, leaf, from, LOOKS_A_PAGE))
    }

    pub(super) fn owns(&self, id: GroupId, slot: Slot) -> bool {
        self.groups[&id].slots.binary_search(&slot).is_ok()
    }

    fn differing(&self, id: GroupId, from: u32, digests: &[u64]) -> AnswerWhat {
        let slots = self.groups[&id].slots.iter().skip(from as usize);
        let (mut differing, mut looked): (Vec<(Slot, Leaves)>, u32) = (Vec::new(), 0);
        for (&slot, theirs) in slots.zip(digests) {
            if differing.len() == LEAVES_AN_ANSWER {
                break;
            }
            looked += 1;
            let partition = partition_of(slot);
            let mut locks = self.keyspace.lock_one(partition);
            let partition = locks.partition(partition);
            if partition.slot_digest(slot) != *theirs {
                differing.push((slot, partition.leaves(slot)));
            }
        }
        AnswerWhat::Leaves { slots: differing, looked }
    }

    /// Takes what a holder gives. Returns what can only be taken together with more; nothing as long as
    /// large records are pulled.
    fn take_pushed(
        &mut self,
        (id, from): (GroupId, NodeId),
        push: Push,
        mut copies: Copies,
        (session, step): (u64, u32),
        moment: Moment,
    ) -> Option<Vec<Vec<Name>>> {
        let how = if push.is_adopted { Take::Adopt } else { Take::Join };
        let together = if push.is_adopted { self.hold_back(id, &mut copies) } else { Vec::new() };
        let units = self.part_large(id, &mut copies, how, moment);
        let left = self.pulls.left(units, (session, step), moment.now.mono_us);
        if !left.is_empty() && !Mutant::PullNotAwaited.is_on() {
            let next = push.next;
            let (tenure, cause) = (Some(push.term.tenure), Cause::Pushed { session, step, next });
            self.pull((id, from), (how, Pull { tenure, cause }), left, moment);
            return None;
        }
        self.take_copies(id, copies, (how, bound_of(push.term.tenure, push.next)), moment);
        Some(together)
    }

    /// Copies of keys that another owner wanted or was asked for, that it does not name, and that are here:
    /// it has nothing of them.
    pub(super) fn nothing_of(&self, wanted: &[(Slot, KeyRef)], named: &Copies) -> Vec<Copy> {
        let named: BTreeSet<&Name> = named.names().collect();
        let here = wanted.iter().filter_map(|(slot, key)| self.name_of(*slot, key));
        let unnamed = here.filter(|name| !named.contains(name));
        unnamed.map(|name| Copy { name, record: Record::default() }).collect()
    }

    /// What is here of these keys, as far as it goes into a message.
    fn give(
        &self,
        id: GroupId,
        (names, wanted): (Vec<Name>, &[(Slot, KeyRef)]),
        (together, is_whole): (Vec<Vec<Name>>, bool),
    ) -> AnswerWhat {
        let wanted = wanted.iter().map(|(slot, key)| self.name_of(*slot, key));
        let (mut given, mut looked, mut room) = (Vec::new(), 0, Room::new(&self.settings));
        for name in names.into_iter().map(Some).chain(wanted) {
            let one = name.as_slice();
            if !is_whole && !self.takes_room(id, one, &mut room) {
                break;
            }
            given.extend(name);
            looked += 1;
        }
        AnswerWhat::Keys { copies: self.copies(id, &given), together, looked }
    }

    /// Keys that were written here together are replaced together, or one would be left with half of
    /// that write. Takes those out of which some are missing, and says all of them.
    pub(super) fn hold_back(&self, id: GroupId, copies: &mut Copies) -> Vec<Vec<Name>> {
        let there: BTreeSet<Name> = copies.names().cloned().collect();
        let mut together: Vec<Vec<Name>> = Vec::new();
        for name in &there {
            let (all, _) = self.groups[&id].bonds.closure(std::slice::from_ref(name));
            let all: Vec<Name> = all.into_iter().collect();
            if !all.iter().all(|name| there.contains(name)) && !together.contains(&all) {
                together.push(all);
            }
        }
        let is_held = |known: &Name| together.iter().flatten().any(|name| name == known);
        copies.copies.retain(|copy| !is_held(&copy.name));
        copies.large.retain(|large| !is_held(&large.name));
        let held: BTreeSet<u64> =
            together.iter().flatten().map(|name| self.hash_of(name)).collect();
        let is_taken = |changed: &Changed| *changed == Changed::All || !changed.touches(&held);
        copies.completions.retain(|completion| is_taken(&completion.changed));
        together
    }

    /// A floor round asks which clock was reached here: nothing is minted at or below it any more. A wall
    /// clock that may be wrong has no part in that: what is settled is observed by all.
    fn report_clock(&mut self, id: GroupId, moment: Moment) -> ([Actor; 2], Hlc) {
        let is_sound = moment.is_sound || Mutant::WrongClockSettled.is_on();
        let clock = self.clock_of(id).tick(if is_sound { moment.now.wall_ms } else { 0 });
        self.observe(id, clock);
        (self.actors.into(), clock)
    }

    /// Nothing is minted in a group at or below this clock any more.
    pub(super) fn observe(&mut self, id: GroupId, clock: Hlc) {
        for &(partition, _) in &self.groups[&id].parts {
            self.keyspace.lock_one(partition).partition(partition).observe(clock);
        }
    }
}
