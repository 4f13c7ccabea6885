//! Finding out what two owners hold differently, and giving each what it lacks.
//!
//! Whoever begins one drives it step by step; the other answers (`respond`) and keeps nothing
//! of it. It goes down from the group's digest over its slots and their parts to single keys, whose
//! copies both join. At its end each has all that the other had at its beginning; only then may it take
//! over the other's floor, for a floor says that what is absent is dead.
//!
//! Whose copies count is said by the terms that both were in step with: see `tenure`.

use super::floor::Round;
use super::group::Wholeness;
use super::repair::Room;
use super::session::{Opened, Purpose, RESEND_US, SESSIONS_MAX, Session, TRIES_MAX, Todo, Waits};
use super::{Moment, Node};
use crate::core::flight::Names;
use crate::store::Take;
use kinring_common::id::NodeId;
use kinring_common::keyspace::partition_of;
use kinring_common::merkle::{KeyRef, Page};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{Answer, AnswerWhat, Ask, AskWhat, Message, Push};
use kinring_common::wire::request::{Changed, Completion};
use kinring_common::wire::{Copies, Name};
use std::collections::VecDeque;

/// Digests in a message.
const SLOTS_A_STEP: usize = 4096;

/// Keys whose copies go into a message.
const KEYS_A_STEP: usize = 64;

/// Entries looked at for one page.
pub const LOOKS_A_PAGE: usize = 512;

impl Node {
    /// Begins an exchange.
    pub(super) fn open_session(
        &mut self,
        id: GroupId,
        peer: NodeId,
        purpose: Purpose,
        moment: Moment,
    ) {
        if self.sessions.open.len() >= SESSIONS_MAX {
            return;
        }
        let group = &self.groups[&id];
        let push = self.push_for(id, peer, purpose);
        let round = group.tenure.as_ref().and_then(|tenure| tenure.round.as_ref());
        let round = round.filter(|_| purpose == Purpose::Round);
        let ended = round.map_or(&[][..], Round::ended);
        let what = AskWhat::Open {
            digest: self.group_digest(id),
            cuts: group.horizon.cuts.clone(),
            flushes: if push.is_some() { self.flushes(id) } else { Vec::new() },
            floor: group.horizon.floor.clone(),
            wants_clock: purpose == Purpose::Round,
            ended: ended.to_vec(),
            is_survey: purpose == Purpose::Survey,
        };
        let owner = group.tenure.as_ref().and_then(|tenure| tenure.owners.get(&peer));
        let is_of_equals = owner.is_some_and(|owner| owner.is_in_step);
        let next_at_open = group.tenure.as_ref().map_or(0, |tenure| tenure.next);
        let floor_at_open = group.horizon.floor.clone();
        let incarnation = self.start_known(id, peer, purpose);
        let ask = Ask { incarnation, ..self.first_ask(id, push, what) };
        let session = Session::new(peer, purpose, ask.clone(), moment.now.mono_us);
        let names_at_open = match push {
            Some(_) => self.requests.of(id).collect(),
            None => Vec::new(),
        };
        let session =
            Session { next_at_open, floor_at_open, names_at_open, is_of_equals, ..session };
        self.sessions.open.insert(ask.session, session);
        self.send(peer, Message::Ask(Box::new(ask)));
        self.wake_at(moment.now.mono_us + RESEND_US);
    }

    /// The first step of a session.
    pub(super) fn first_ask(&mut self, id: GroupId, push: Option<Push>, what: AskWhat) -> Ask {
        let number = self.sessions.next;
        self.sessions.next += 1;
        // Unique over this node's starts, too.
        let session = self.incarnation.rotate_left(32) ^ number;
        let epoch = self.layout.epoch();
        Ask { session, step: 0, group: id, epoch, incarnation: None, push, what }
    }

    /// The start of an owner that said how it is: what it said holds for no other.
    fn start_known(&self, id: GroupId, peer: NodeId, purpose: Purpose) -> Option<u64> {
        let group = &self.groups[&id];
        match purpose {
            Purpose::Survey | Purpose::Pull(_) | Purpose::Read => None,
            Purpose::Rebuild(_) => match &group.wholeness {
                Wholeness::Rebuilding(rebuilding) => rebuilding.sources.get(&peer)?.incarnation,
                Wholeness::Whole => None,
            },
            Purpose::Take(_) | Purpose::Give | Purpose::Round => {
                group.tenure.as_ref()?.owners.get(&peer)?.incarnation
            }
        }
    }

    /// How an owner is to take what this node gives it.
    fn push_for(&self, id: GroupId, peer: NodeId, purpose: Purpose) -> Option<Push> {
        if !matches!(purpose, Purpose::Give | Purpose::Round) {
            return None;
        }
        let tenure = self.groups[&id].tenure.as_ref()?;
        let owner = &tenure.owners[&peer];
        // What was taken from it counts, and what it had of this term; nothing else that it has does.
        let was_in_step = owner.found == Some(tenure.term) || owner.is_in_step;
        let is_joined = owner.is_taken || was_in_step || Mutant::NoFence.is_on();
        Some(Push { term: tenure.term, is_adopted: !is_joined, next: tenure.next })
    }

    /// The sum over the digests of a group's slots, each by its number.
    pub(super) fn group_digest(&self, id: GroupId) -> u64 {
        self.groups[&id].parts.iter().fold(0_u64, |sum, &(partition, slots)| {
            let mut locks = self.keyspace.lock_one(partition);
            sum.wrapping_add(locks.partition(partition).digest_of(slots))
        })
    }

    /// Says steps again whose answers did not come.
    pub(super) fn resend_asks(&mut self, moment: Moment) {
        let now_us = moment.now.mono_us;
        let (mut again, mut rested) = (Vec::new(), Vec::new());
        self.sessions.open.retain(|number, session| {
            if let Some(until_us) = session.paced_until_us {
                rested.extend((now_us >= until_us).then_some(*number));
                return true;
            }
            if now_us < session.sent_us + RESEND_US {
                return true;
            }
            if session.is_resting() {
                rested.push(*number);
                return true;
            }
            (session.sent_us, session.tries) = (now_us, session.tries + 1);
            if session.tries <= TRIES_MAX {
                again.push((session.peer, session.last.clone()));
            }
            session.tries <= TRIES_MAX
        });
        for (peer, ask) in again {
            self.send(peer, Message::Ask(Box::new(ask)));
        }
        rested.into_iter().for_each(|number| self.next_step(number, moment));
    }

    /// The owner pulls large records that are pushed to it, and is asked again when it has them; or a
    /// little later, as long as it says that it gets on.
    fn rest(&mut self, number: u64, answers: u64, is_done: bool, moment: Moment) {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let AskWhat::Keys { copies, wanted, is_whole } = &session.last.what else { return };
        if !session.is_resting() {
            let names = copies.names().cloned().collect();
            let again = Todo::Again(names, wanted.clone(), *is_whole);
            session.todo.push_front(again);
            session.sent_us = moment.now.mono_us;
            let before = session.waits.filter(|waits| waits.answers == answers);
            let tries = 1 + before.map_or(0, |waits| waits.tries);
            if tries > TRIES_MAX {
                self.sessions.open.remove(&number);
                return;
            }
            session.waits = Some(Waits { answers, tries, is_resting: true });
        }
        if is_done {
            self.next_step(number, moment);
        }
    }

    pub(super) fn answered(&mut self, from: NodeId, answer: Answer, moment: Moment) {
        let Some(session) = self.sessions.open.get_mut(&answer.session) else { return };
        if session.peer != from || session.last.step != answer.step {
            return;
        }
        let begun = session.last.incarnation;
        let is_same = begun.is_none_or(|begun| begun == answer.incarnation);
        let fits = answer.group == session.group && session.last.what.is_answered_by(&answer.what);
        if session.is_read() && !fits {
            // It may be told another time.
            self.sessions.open.remove(&answer.session);
            return;
        }
        if !is_same || !fits {
            // It has started again; or it is in step by now, and has said so in vain.
            let id = session.group;
            self.sessions.open.remove(&answer.session);
            return self.ask_anew(id, from);
        }
        session.last.incarnation = Some(answer.incarnation);
        if !session.is_urgent() && !session.is_read() {
            self.pace.spend(answer.what.bytes(), moment.now.mono_us);
        }
        let number = answer.session;
        match answer.what {
            opened @ AnswerWhat::Opened { .. } => {
                if !self.opened(number, opened, moment) {
                    return;
                }
            }
            AnswerWhat::Leaves { slots, looked } => self.compare_leaves(number, &slots, looked),
            AnswerWhat::Page(page) => self.compare_page(number, &page),
            AnswerWhat::Keys { copies, .. } if session.is_read() => {
                return self.has_read(number, copies, moment);
            }
            AnswerWhat::Keys { copies, .. } if session.is_pulling() => {
                if !self.collected(number, copies, moment) {
                    return;
                }
            }
            AnswerWhat::Keys { copies, together, looked } => {
                if session.is_resting() {
                    // It has them by now.
                    (session.waits, _) = (None, session.todo.pop_front());
                }
                session.todo.extend(together.into_iter().map(Todo::Together));
                session.asks_for_others(looked, &copies);
                self.pulled(number, copies, moment);
            }
            AnswerWhat::Pulling { answers, is_done } => {
                return self.rest(number, answers, is_done, moment);
            }
            AnswerWhat::Closed { open, unsure_us, step } => {
                return self.close_session(number, (open, unsure_us, step), moment);
            }
            AnswerWhat::Refused => unreachable!("it answers nothing"),
        }
        // What came may have ended the tenure, and this with it.
        if self.sessions.open.contains_key(&number) {
            self.next_step(number, moment);
        }
    }

    /// An exchange has begun. Returns whether it goes on: a survey does not.
    fn opened(&mut self, number: u64, what: AnswerWhat, moment: Moment) -> bool {
        let AnswerWhat::Opened { is_equal, cuts, completions, floor, is_whole, step, term, clock } =
            what
        else {
            return false;
        };
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let (id, purpose) = (session.group, session.purpose);
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.known_term = group.known_term.max(term.number);
        if Mutant::FloorBeforeExchange.is_on() {
            self.raise_floor(id, &floor);
        }
        if purpose == Purpose::Survey {
            self.surveyed(number, is_whole, (step, term), moment);
            return false;
        }
        let is_flush = |completion: &&Completion| completion.changed == Changed::All;
        let flushes = completions.iter().filter(is_flush).cloned().collect();
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        session.theirs = Some(Opened { floor, step, clock, completions });
        if !is_equal {
            session.todo.push_back(Todo::Slots { from: 0 });
        }
        if let Purpose::Take(how) | Purpose::Rebuild(how) = purpose {
            if how == Take::Adopt {
                self.requests.doubt_all(Some(id));
            }
            self.take_cuts(id, &cuts, flushes, how, moment);
        }
        true
    }

    /// Which parts of these slots are not equal?
    fn compare_leaves(
        &mut self,
        number: u64,
        slots: &[(Slot, kinring_common::merkle::Leaves)],
        looked: u32,
    ) {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let Some(Todo::Slots { from }) = session.todo.pop_front() else { return };
        for (slot, theirs) in slots {
            let partition = partition_of(*slot);
            let mut locks = self.keyspace.lock_one(partition);
            let mine = locks.partition(partition).leaves(*slot);
            let leaves = mine.differing(theirs);
            session.todo.extend(leaves.map(|leaf| Todo::Leaf { slot: *slot, leaf, from: 0 }));
        }
        let next = from.saturating_add(looked.max(1));
        if (next as usize) < self.groups[&session.group].slots.len() {
            session.todo.push_front(Todo::Slots { from: next });
        }
    }

    /// Which keys of a part of a slot are not equal?
    fn compare_page(&mut self, number: u64, theirs: &Page) {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let Some(Todo::Leaf { slot, leaf, from }) = session.todo.pop_front() else { return };
        let partition = partition_of(slot);
        let mut locks = self.keyspace.lock_one(partition);
        let mine = locks.partition(partition).leaf_keys(slot, leaf, from, LOOKS_A_PAGE);
        let (keys, next) = mine.differing(theirs);
        session.keys.extend(keys.into_iter().map(|key| (slot, key)));
        if let Some(from) = next {
            session.todo.push_front(Todo::Leaf { slot, leaf, from });
        }
    }

    /// Copies of the other side came.
    pub(super) fn pulled(&mut self, number: u64, mut copies: Copies, moment: Moment) {
        let session = &self.sessions.open[&number];
        let (id, how, is_read) = (session.group, session.purpose.takes(), session.is_read());
        if let (Take::Adopt, AskWhat::Keys { wanted, .. }) = (how, &session.last.what) {
            copies.copies.extend(self.nothing_of(wanted, &copies));
            let together = self.hold_back(id, &mut copies);
            let seed = self.settings.seed;
            let key = |name: &Name| (Slot::of(&name.key), seed.key_ref(name.db, &name.key));
            let wanted = together.iter().map(|names| names.iter().map(key).collect());
            let again = |wanted| Todo::Again(Vec::new(), wanted, true);
            let again: Vec<Todo> = wanted.map(again).collect();
            let session = self.sessions.open.get_mut(&number).expect("it is there");
            again.into_iter().for_each(|todo| session.todo.push_front(todo));
        }
        let units = self.part_large(id, &mut copies, how, moment);
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        units.into_iter().for_each(|unit| session.todo.push_front(Todo::Pull(unit)));
        let changed = self.take_copies(id, copies, (how, None), moment);
        self.tally.read_repairs += u64::from(is_read && !changed.is_empty());
        if how == Take::Keep && !changed.is_empty() {
            self.home_changed(id, changed, moment);
        }
    }

    /// What shows at a settled home has changed from elsewhere: it is a write like any other. A round
    /// under way has to give it to all.
    pub(super) fn home_changed(&mut self, id: GroupId, changed: Names, moment: Moment) {
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let Some(tenure) = tenure.filter(|tenure| tenure.is_settled()) else { return };
        if let Some(round) = &mut tenure.round {
            round.has_changed();
        }
        self.note_changed(id, changed, moment);
    }

    /// Says the next step of a session, now or as soon as others leave it room.
    pub(super) fn next_step(&mut self, number: u64, moment: Moment) {
        let now_us = moment.now.mono_us;
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let until_us = if session.is_urgent() { None } else { self.pace.next_us(now_us) };
        if let Some(until_us) = until_us {
            // An answer that comes twice is to the step before.
            session.last.step += u32::from(session.paced_until_us.is_none());
            session.paced_until_us = Some(until_us);
            return self.wake_at(until_us);
        }
        session.paced_until_us = None;
        self.say_step(number, moment);
    }

    fn say_step(&mut self, number: u64, moment: Moment) {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let id = session.group;
        let is_full = session.keys.len() >= KEYS_A_STEP;
        let next = self.groups[&id].tenure.as_ref().map(|tenure| tenure.next);
        let what = match session.todo.front().cloned() {
            _ if is_full => self.keys_step(number),
            None if !session.keys.is_empty() => self.keys_step(number),
            None => {
                let floor = session.floor_at_open.clone();
                // Of what was executed since then the owner may not have got the effects.
                let completions = std::mem::take(&mut session.names_at_open);
                let unsure_us = self.requests.unsure_us(moment.now.mono_us);
                AskWhat::Close { floor, completions, unsure_us }
            }
            Some(Todo::Slots { from }) => self.slots_step(id, from),
            Some(Todo::Leaf { slot, leaf, from }) => AskWhat::Leaf { slot, leaf, from },
            Some(Todo::Together(names)) => {
                session.todo.pop_front();
                let (copies, wanted) = (self.copies(id, &names), Vec::new());
                AskWhat::Keys { copies, wanted, is_whole: true }
            }
            Some(Todo::Again(names, wanted, is_whole)) => {
                session.todo.pop_front();
                AskWhat::Keys { copies: self.copies(id, &names), wanted, is_whole }
            }
            Some(Todo::Pull(unit)) => self.cells_step(number, &unit, moment),
        };
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        (session.last.step, session.last.what) = (session.last.step + 1, what);
        if let (Some(push), Some(next)) = (&mut session.last.push, next) {
            push.next = next;
        }
        (session.sent_us, session.tries) = (moment.now.mono_us, 1);
        if let Some(waits) = &mut session.waits {
            waits.is_resting = false;
        }
        let (peer, ask) = (session.peer, session.last.clone());
        if !session.is_urgent() {
            self.pace.spend(ask.what.bytes(), moment.now.mono_us);
        }
        self.send(peer, Message::Ask(Box::new(ask)));
        self.wake_at(moment.now.mono_us + RESEND_US);
    }

    fn slots_step(&self, id: GroupId, from: u32) -> AskWhat {
        let slots = self.groups[&id].slots.iter().skip(from as usize).take(SLOTS_A_STEP);
        let digest = |slot: &Slot| {
            let partition = partition_of(*slot);
            self.keyspace.lock_one(partition).partition(partition).slot_digest(*slot)
        };
        AskWhat::Slots { from, digests: slots.map(digest).collect() }
    }

    fn keys_step(&mut self, number: u64) -> AskWhat {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let (id, is_push) = (session.group, session.last.push.is_some());
        let count = session.keys.len().min(KEYS_A_STEP);
        let mut keys: VecDeque<(Slot, KeyRef)> = session.keys.drain(..count).collect();
        let (mut names, mut wanted, mut room) = (Vec::new(), Vec::new(), Room::new(&self.settings));
        while let Some((slot, key)) = keys.pop_front() {
            let Some(name) = self.name_of(slot, &key) else {
                wanted.push((slot, key));
                continue;
            };
            if is_push && !self.takes_room(id, std::slice::from_ref(&name), &mut room) {
                keys.push_front((slot, key));
                break;
            }
            names.push(name);
        }
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        keys.into_iter().rev().for_each(|key| session.keys.push_front(key));
        if !is_push {
            // It shows nothing of its own: only asks.
            wanted.extend(names.drain(..).map(|name| {
                let key = self.settings.seed.key_ref(name.db, &name.key);
                (Slot::of(&name.key), key)
            }));
        }
        AskWhat::Keys { copies: self.copies(id, &names), wanted, is_whole: false }
    }
}
