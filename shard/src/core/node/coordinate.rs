//! Executing requests, and when their replies may leave.
//!
//! A settled home executes at once, in the order in which requests come. What was changed goes to the
//! other owners; the reply leaves when all that it observed is on W of them, this node among them, and
//! if this node is home still then.

use super::execute::{Wanted, taken};
use super::journal::Waiting;
use super::repair::{Noted, NotedKeys, Why};
use super::requests::{Found, KEEP_US};
use super::tenure::Pending;
use super::{Asker, Connection, Moment, Node, Output};
use crate::core::flight::{Names, Sequence, Touched};
use crate::store::{Entry, short_reply};
use kinring_common::clock::Hlc;
use kinring_common::command::CommandError;
use kinring_common::id::NodeId;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::resp::ReplyBuf;
use kinring_common::wire::peer::{Batch, Message, WriteNumber, names};
use kinring_common::wire::request::{Consistency, Executed, Request, Response, Work};
use kinring_common::wire::{Item, Items, Name};
use smallvec::SmallVec;
use std::sync::Arc;

impl Node {
    /// A try of a request has come.
    pub(super) fn requested(&mut self, connection: Connection, request: Request, moment: Moment) {
        let now_us = moment.now.mono_us;
        let until_us = request.valid.1.min(now_us + KEEP_US);
        let asker = Asker { connection, attempt: request.attempt, until_us };
        let is_of_start =
            request.valid.0 == self.incarnation || Mutant::RequestOfEarlierStart.is_on();
        if !is_of_start {
            return self.respond_to(asker, Response::Elsewhere(None));
        }
        let is_late = now_us >= request.valid.1 && !Mutant::LateRequestExecuted.is_on();
        // Nobody waits for an answer to this, and the try may have come before.
        let is_known = self.refusals.has(request.attempt, now_us);
        if !is_late && (!is_known || Mutant::RefusalForgotten.is_on()) {
            self.asked(asker, request, moment);
        }
    }

    pub(super) fn asked(&mut self, asker: Asker, request: Request, moment: Moment) {
        let now_us = moment.now.mono_us;
        let id = self.group_asked(&request);
        let is_meant = request.epoch == self.layout.epoch()
            && (now_us < asker.until_us || Mutant::LateRequestExecuted.is_on());
        let Some(group) = self.groups.get(&id).filter(|_| is_meant) else {
            return self.respond_to(asker, Response::Elsewhere(None));
        };
        if u16::from(request.db) >= self.settings.databases {
            let mut reply = ReplyBuf::new(request.protocol);
            reply.error_line(&CommandError::DbOutOfRange.line());
            return self.respond_to(asker, Response::Done(taken(&mut reply)));
        }
        let is_flush = matches!(request.work, Work::Flush(_));
        if request.consistency == Consistency::Available && !is_flush {
            return self.coordinate_unleased(id, asker, &request, moment);
        }
        let Some(tenure) = &group.tenure else {
            let home = group.holder(now_us).filter(|home| *home != self.own);
            return self.respond_to(asker, Response::Elsewhere(home));
        };
        let is_home = self.leases.is_home(id, now_us) || Mutant::ReplyWithoutLease.is_on();
        if !is_home || !moment.is_sound {
            return self.respond_to(asker, Response::Elsewhere(None));
        }
        if !tenure.is_settled() {
            return self.let_wait(id, asker, request);
        }
        if tenure.leaving.is_some() || tenure.flight.is_crowded() {
            return self.respond_to(asker, Response::Later);
        }
        self.coordinate(id, asker, &request, moment);
    }

    /// The group that a request is for.
    fn group_asked(&self, request: &Request) -> GroupId {
        match request.work {
            Work::Flush(group) => group,
            Work::Commands(_) => self.layout.group_of(request.slot),
        }
    }

    fn coordinate(&mut self, id: GroupId, asker: Asker, request: &Request, moment: Moment) {
        let mut wanted = Wanted::of(request);
        if wanted.is_write && self.answer_again(id, asker, request, moment) {
            return;
        }
        let observed = match request.work {
            Work::Flush(_) => Touched::All,
            Work::Commands(_) => Touched::Keys(std::mem::take(&mut wanted.names)),
        };
        let tenure = self.groups[&id].tenure.as_ref().expect("a home coordinates");
        if wanted.is_write && tenure.flight.is_behind_others(&observed) {
            // What is written on top of something that counts wherever it is would count with it.
            return self.respond_to(asker, Response::Later);
        }
        let ran = match &request.work {
            Work::Commands(_) => self.run(&wanted, request, moment),
            Work::Flush(_) => self.flush(id, request, moment),
        };
        let is_write = !ran.items.is_empty();
        let is_lasting = !self.saw_unsafe(id, observed.names(), &ran.items);
        let reply = short_reply(&ran.reply).filter(|_| is_lasting);
        let executed = Executed { id: request.attempt.id, reply };
        if is_write {
            self.write(id, ran.items, Some(executed), moment);
        } else if wanted.is_write {
            // It had no effect. Tried again here, it must not have one later.
            self.completed(id, &executed, &[], moment);
        }
        if wanted.is_write {
            self.requests.was_in(asker.attempt);
        }
        let pending = Pending { asker, reply: ran.reply, is_write };
        let shows_at_once =
            Mutant::UnackedShown.is_on() && !is_write || Mutant::AckBeforeW.is_on() && is_write;
        if shows_at_once {
            return self.release(id, pending, moment);
        }
        self.release_when_safe(id, &observed, pending, moment);
    }

    /// Whether a write's reply tells of a key that it does not change, and whose last change is not safe: an
    /// owner may get the write and not that change, so it must not tell the same.
    fn saw_unsafe(&self, id: GroupId, names: &[Name], items: &[Item]) -> bool {
        let tenure = self.groups[&id].tenure.as_ref().filter(|_| !items.is_empty());
        let Some(tenure) = tenure else { return false };
        // An owner takes the changes of one key in their order or not at all.
        if names.len() < 2 {
            return tenure.flight.touches(std::iter::empty());
        }
        let changed = distinct(items);
        tenure.flight.touches(names.iter().filter(|name| changed.binary_search(name).is_err()))
    }

    /// Answers a write that was executed before. Returns whether it was, or may have been.
    fn answer_again(
        &mut self,
        id: GroupId,
        asker: Asker,
        request: &Request,
        moment: Moment,
    ) -> bool {
        match self.requests.find(request.attempt.id, request.is_retry, moment.now.mono_us) {
            Found::New => return false,
            Found::Unsure | Found::Executed(None) => {
                self.respond_to(asker, Response::Unknown);
            }
            Found::Executed(Some(reply)) => {
                // Its write may still be under way: this try gets the answer when that is not.
                let pending = Pending { asker, reply, is_write: true };
                self.release_when_safe(id, &Touched::All, pending, moment);
            }
        }
        true
    }

    /// Lets a reply leave when all that it observed is on enough owners.
    fn release_when_safe(
        &mut self,
        id: GroupId,
        observed: &Touched,
        pending: Pending,
        moment: Moment,
    ) {
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let tenure = tenure.expect("a home coordinates");
        if let Some(pending) = tenure.flight.reply(observed, pending) {
            self.release(id, pending, moment);
        }
    }

    /// The highest clock of a group's partitions.
    pub(super) fn clock_of(&self, id: GroupId) -> Hlc {
        let parts = self.groups[&id].parts.iter();
        let clocks = parts.map(|&(part, _)| self.keyspace.lock_one(part).partition(part).clock());
        clocks.max().unwrap_or(Hlc::ZERO)
    }

    /// Changes were made here, as home: logs them and sends them to the other owners.
    pub(super) fn write(
        &mut self,
        id: GroupId,
        items: Items,
        executed: Option<Executed>,
        moment: Moment,
    ) {
        let now_us = moment.now.mono_us;
        let touched = distinct(&items);
        let keys = self.remember(&touched);
        let is_cut = items.iter().any(|item| matches!(item, Item::Cut { .. }));
        let group = self.groups.get_mut(&id).expect("a home writes");
        let tenure = group.tenure.as_mut().expect("a home writes");
        let (next, number) = (tenure.next, tenure.term.tenure);
        group.bonds.end(number, tenure.flight.first().map_or(next, |Sequence(first)| first));
        group.bonds.add(Some((number, next)), &touched);
        let what = if is_cut { Touched::All } else { Touched::Keys(touched) };
        let Sequence(sequence) = tenure.flight.begin(what);
        tenure.next = sequence + 1;
        let number = WriteNumber { tenure: number, sequence };
        let batch = Arc::new(Batch {
            group: id,
            epoch: self.layout.epoch(),
            number,
            stable: tenure.stable(),
            is_available: false,
            items,
            executed,
        });
        let mut up: SmallVec<[NodeId; 4]> = SmallVec::new();
        for (node, owner) in &mut tenure.owners {
            let is_up = !self.suspicion.suspects(*node, now_us);
            if is_up {
                up.push(*node);
            }
            let why = if is_up { Why::Unconfirmed } else { Why::Away };
            let is_noted = owner.note(sequence, &keys, why, (now_us, self.settings.missed_max));
            self.tally.overflows += u64::from(!is_noted);
        }
        if let Some(executed) = &batch.executed {
            self.completed(id, executed, &batch.items, moment);
        }
        self.log(Entry::Write { batch: batch.clone(), is_home: true });
        // A write promises nothing: it may go before the log is durable.
        let last = up.pop();
        for to in up {
            self.outputs.push_back(Output::Peer(to, Message::Write(batch.clone())));
        }
        if let Some(to) = last {
            self.outputs.push_back(Output::Peer(to, Message::Write(batch)));
        }
        if self.journal.gate_own(Waiting::Own(id, number.tenure, sequence)) {
            self.own_is_safe(id, number.tenure, sequence, moment);
        }
        self.wake_at(now_us + super::BUSY_TICK_US);
    }

    /// Keys changed at this home by what came from elsewhere: nobody sees that before it is on enough
    /// owners.
    pub(super) fn note_changed(&mut self, id: GroupId, changed: Names, moment: Moment) {
        let now_us = moment.now.mono_us;
        let keys = self.remember(&changed);
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let tenure = tenure.expect("a home changes");
        if tenure.flight.is_full() {
            // It cannot be said what waits for what: it begins again.
            return self.give_back(id, None, moment);
        }
        let Sequence(sequence) = tenure.flight.begin_of_others(Touched::Keys(changed));
        tenure.next = sequence + 1;
        let number = tenure.term.tenure;
        for owner in tenure.owners.values_mut() {
            let limits = (now_us, self.settings.missed_max);
            let is_noted = owner.note(sequence, &keys, Why::Changed, limits);
            self.tally.overflows += u64::from(!is_noted);
        }
        if self.journal.gate_own(Waiting::Own(id, number, sequence)) {
            self.own_is_safe(id, number, sequence, moment);
        }
        self.wake_at(now_us + super::BUSY_TICK_US);
    }

    /// What is remembered of a write for those who miss it.
    pub(super) fn remember(&self, names: &[Name]) -> NotedKeys {
        names.iter().map(|name| Noted::new(name, self.settings.seed)).collect()
    }

    /// This node itself holds one of its writes.
    fn own_is_safe(&mut self, id: GroupId, tenure: u64, sequence: u64, moment: Moment) {
        let own = self.own;
        self.is_held(id, WriteNumber { tenure, sequence }, own, moment);
    }

    /// An owner holds a write: replies may leave.
    pub(super) fn is_held(&mut self, id: GroupId, w: WriteNumber, by: NodeId, moment: Moment) {
        self.are_held(id, &[w], by, moment);
    }

    /// The same of several.
    pub(super) fn are_held(
        &mut self,
        id: GroupId,
        writes: &[WriteNumber],
        by: NodeId,
        moment: Moment,
    ) {
        let may_answer = self.may_answer(id, moment);
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let Some(tenure) = tenure else { return };
        let mut owner = tenure.owners.get_mut(&by);
        let mut abandoned = Vec::new();
        for write in writes.iter().filter(|write| write.tenure == tenure.term.tenure) {
            if let Some(owner) = &mut owner {
                let missed = owner.missed.remove(write.sequence);
                self.tally.hints += u64::from(missed.is_some_and(|missed| missed.was_hinted()));
            }
            for pending in tenure.flight.acknowledged(Sequence(write.sequence), by) {
                if may_answer {
                    self.outputs.push_back(pending.done());
                } else {
                    abandoned.push(pending);
                }
            }
        }
        abandoned.iter().for_each(|pending| self.abandon(pending));
    }

    pub(super) fn synced(&mut self, entries: u64, moment: Moment) {
        for waiting in self.journal.synced(entries) {
            match waiting {
                Waiting::Output(output) => self.outputs.push_back(*output),
                Waiting::Own(id, tenure, sequence) => {
                    self.own_is_safe(id, tenure, sequence, moment);
                    self.unleased_is_held(id, WriteNumber { tenure, sequence }, self.own, moment);
                }
            }
        }
    }

    /// A reply's time has come, if this node is home still.
    fn release(&mut self, id: GroupId, pending: Pending, moment: Moment) {
        if self.may_answer(id, moment) {
            self.outputs.push_back(pending.done());
        } else {
            self.abandon(&pending);
        }
    }

    /// Whether replies of a group may leave.
    fn may_answer(&self, id: GroupId, moment: Moment) -> bool {
        self.leases.is_home(id, moment.now.mono_us) || Mutant::ReplyWithoutLease.is_on()
    }

    /// A reply will not leave.
    pub(super) fn abandon(&mut self, pending: &Pending) {
        if pending.is_write {
            self.requests.doubt(pending.asker.attempt.id);
            self.respond_to(pending.asker, Response::Unknown);
        } else {
            self.refuse(pending.asker, Response::Elsewhere(None));
        }
    }

    /// A try is answered. It may have come before: if it was executed then, it is not refused now.
    pub(super) fn respond_to(&mut self, asker: Asker, response: Response) {
        match response {
            Response::Elsewhere(_) | Response::Later if self.requests.is_in(asker.attempt) => {}
            Response::Elsewhere(_) | Response::Later => self.refuse(asker, response),
            Response::Done(_) | Response::Unknown => self.say(asker, response),
        }
    }

    fn refuse(&mut self, asker: Asker, response: Response) {
        if self.refusals.note(asker.attempt, asker.until_us) {
            self.say(asker, response);
        }
    }

    fn say(&mut self, asker: Asker, response: Response) {
        // What it says is on other owners, or was here before: it relies on nothing that is not
        // durable as far as that is asked for.
        self.outputs.push_back(Output::Response(asker.connection, asker.attempt, response));
    }
}

/// The keys of some changes, each once.
pub fn distinct(items: &[Item]) -> Names {
    if let [Item::Delta { name, .. }] = items {
        return Names::from_buf([name.clone()]);
    }
    let mut touched: Names = names(items).cloned().collect();
    touched.sort_unstable();
    touched.dedup();
    touched
}
