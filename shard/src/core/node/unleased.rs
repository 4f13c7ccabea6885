//! Writing without a lease: `consistency = available`.
//!
//! Any owner executes, in the part of a cut that it is in. A write is acknowledged when it is on W
//! owners, or on all that are up as far as this one knows: in a minority these are fewer. Its dots are of
//! an actor of their own, so no home takes them for writes of a former holder that do not count.
//!
//! A write that may have been executed by another owner is not executed again: nobody here could know.
//!
//! **FLUSHDB is not among them.** It goes to the home of each group in any mode, and is refused where there is
//! none: a flush is a clock below which all is dead, whoever wrote it, and one that only a part of a cut knows
//! of would take what the other part has acknowledged meanwhile.

use super::coordinate::distinct;
use super::execute::Wanted;
use super::journal::Waiting;
use super::repair::{Noted, NotedKeys, Room};
use super::requests::Found;
use super::session::RESEND_US;
use super::tenure::Pending;
use super::{Asker, Moment, Node, Output};
use crate::store::{Entry, short_reply};
use kinring_common::id::NodeId;
use kinring_common::keyspace::HashSeed;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Batch, Message, Repair, WriteNumber};
use kinring_common::wire::request::{Executed, Request, RequestId, Response};
use kinring_common::wire::{Items, Name};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Writes of one group that were coordinated here without a lease.
#[derive(Debug, Default)]
pub struct Unleased {
    next: u64,
    writes: BTreeMap<u64, Write>,
}

#[derive(Debug)]
struct Write {
    request: RequestId,
    keys: NotedKeys,
    held: Vec<NodeId>,
    pending: Option<Pending>,
    due_us: u64,
}

impl Unleased {
    /// Whether something waits for other owners.
    pub fn is_busy(&self) -> bool {
        !self.writes.is_empty()
    }

    /// How many writes are not on all owners.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// How many owners are known to have all of those that are not on all and change these keys.
    pub fn holders(&self, names: &[Name], seed: HashSeed) -> Option<usize> {
        let is_of =
            |keys: &[Noted]| keys.iter().any(|key| names.iter().any(|name| key.is_of(name, seed)));
        let of = self.writes.values().filter(|write| is_of(&write.keys));
        of.map(|write| write.held.len()).min()
    }

    /// Whether the write of a request is safe, if it is among them.
    fn finds(&self, request: RequestId) -> Option<bool> {
        let write = self.writes.values().find(|write| write.request == request);
        write.map(|write| write.pending.is_none())
    }
}

impl Node {
    /// A write under way was asked for again.
    fn ask_again(&mut self, id: GroupId, asker: Asker) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let mut pending = group.unleased.writes.values_mut().filter_map(|w| w.pending.as_mut());
        let request = asker.attempt.id;
        if let Some(pending) = pending.find(|pending| pending.asker.attempt.id == request) {
            pending.asker = asker;
        }
    }

    pub(super) fn coordinate_unleased(
        &mut self,
        id: GroupId,
        asker: Asker,
        request: &Request,
        moment: Moment,
    ) {
        let now_us = moment.now.mono_us;
        if !moment.is_sound || !self.groups[&id].is_whole() {
            return self.respond_to(asker, Response::Elsewhere(None));
        }
        let wanted = Wanted::of(request);
        // What is written on top of that would bring it along.
        if self.groups[&id].is_in_doubt(&wanted.names) {
            return self.respond_to(asker, Response::Elsewhere(None));
        }
        if wanted.is_write {
            let is_safe = self.groups[&id].unleased.finds(request.attempt.id);
            let response = match self.requests.find(request.attempt.id, request.is_retry, now_us) {
                Found::New if request.is_elsewhere => Some(Response::Unknown),
                Found::New => None,
                // This try is told when the write is safe.
                Found::Executed(Some(_)) if is_safe == Some(false) => {
                    return self.ask_again(id, asker);
                }
                // What is known from elsewhere may not be safe.
                Found::Executed(Some(reply)) if is_safe.is_some() || !request.is_elsewhere => {
                    Some(Response::Done(reply))
                }
                Found::Executed(_) | Found::Unsure => Some(Response::Unknown),
            };
            if let Some(response) = response {
                return self.respond_to(asker, response);
            }
        }
        let ran = self.run(&wanted, request, moment);
        let reply = short_reply(&ran.reply);
        let executed = Executed { id: request.attempt.id, reply };
        if ran.items.is_empty() {
            if wanted.is_write {
                self.completed(id, &executed, &[], moment);
                self.requests.was_in(asker.attempt);
            }
            self.respond_to(asker, Response::Done(ran.reply));
            return self.repair_read(id, &wanted.names, moment);
        }
        let pending = Pending { asker, reply: ran.reply, is_write: true };
        self.write_unleased(id, ran.items, executed, pending, moment);
    }

    fn write_unleased(
        &mut self,
        id: GroupId,
        items: Items,
        executed: Executed,
        pending: Pending,
        moment: Moment,
    ) {
        let (now_us, attempt) = (moment.now.mono_us, pending.asker.attempt);
        let touched = distinct(&items);
        let keys = self.remember(&touched);
        let group = self.groups.get_mut(&id).expect("it is owned");
        let unleased = &mut group.unleased;
        let number = WriteNumber { tenure: self.incarnation, sequence: unleased.next };
        unleased.next += 1;
        if unleased.writes.len() >= self.settings.missed_max
            && let Some((_, write)) = unleased.writes.pop_first()
        {
            self.tally.overflows += 1;
            write.pending.iter().for_each(|pending| self.abandon(pending));
        }
        let group = self.groups.get_mut(&id).expect("it is owned");
        let write = Write {
            request: executed.id,
            keys,
            held: Vec::new(),
            pending: Some(pending),
            due_us: now_us + RESEND_US,
        };
        group.unleased.writes.insert(number.sequence, write);
        let others: Vec<NodeId> = group.others().collect();
        let batch = Arc::new(Batch {
            group: id,
            epoch: self.layout.epoch(),
            number,
            stable: 0,
            is_available: true,
            items,
            executed: Some(executed),
        });
        self.meet_writers(id, &batch.items);
        if let Some(executed) = &batch.executed {
            self.completed(id, executed, &batch.items, moment);
            self.requests.was_in(attempt);
        }
        self.log(Entry::Write { batch: batch.clone(), is_home: false });
        for to in others {
            self.outputs.push_back(Output::Peer(to, Message::Write(batch.clone())));
        }
        self.home_changed(id, touched, moment);
        if self.journal.gate_own(Waiting::Own(id, number.tenure, number.sequence)) {
            self.unleased_is_held(id, number, self.own, moment);
        }
        self.wake_at(now_us + super::BUSY_TICK_US);
    }

    /// An owner holds such a write.
    pub(super) fn unleased_is_held(
        &mut self,
        id: GroupId,
        number: WriteNumber,
        by: NodeId,
        moment: Moment,
    ) {
        if number.tenure != self.incarnation {
            return;
        }
        let Some(group) = self.groups.get_mut(&id) else { return };
        if let Some(write) = group.unleased.writes.get_mut(&number.sequence)
            && !write.held.contains(&by)
        {
            write.held.push(by);
        }
        self.answer_unleased(id, moment);
    }

    /// Answers those that are on enough owners, or on all that are up.
    fn answer_unleased(&mut self, id: GroupId, moment: Moment) {
        let group = &self.groups[&id];
        let up: Vec<NodeId> =
            group.owners.iter().copied().filter(|node| self.is_up(*node, moment)).collect();
        let (own, acks, owners) = (self.own, self.quorum.acks(), group.owners.len());
        let is_safe = |write: &Write| {
            let all = up.iter().all(|node| write.held.contains(node));
            write.held.contains(&own) && (write.held.len() >= acks || all)
        };
        let group = self.groups.get_mut(&id).expect("it is owned");
        let mut answers = Vec::new();
        group.unleased.writes.retain(|_, write| {
            if write.pending.is_some() && is_safe(write) {
                answers.extend(write.pending.take());
            }
            write.held.len() < owners
        });
        for Pending { asker, reply, .. } in answers {
            self.respond_to(asker, Response::Done(reply));
        }
    }

    /// Sends what was not acknowledged again, as copies.
    pub(super) fn tend_unleased(&mut self, moment: Moment) {
        let now_us = moment.now.mono_us;
        let busy: Vec<GroupId> = self
            .groups
            .iter()
            .filter(|(_, group)| group.unleased.is_busy())
            .map(|(id, _)| *id)
            .collect();
        for id in busy {
            self.answer_unleased(id, moment);
            let group = self.groups.get_mut(&id).expect("it is owned");
            let others: Vec<NodeId> = group.others().collect();
            let due = group.unleased.writes.iter().filter(|(_, write)| write.due_us <= now_us);
            let of = |(sequence, write): (&u64, &Write)| {
                (*sequence, write.keys.clone(), write.held.clone())
            };
            let due: Vec<_> = due.map(of).collect();
            let mut room = Room::new(&self.settings);
            for (sequence, keys, held) in due {
                let names: Vec<_> = keys.iter().filter_map(|key| self.noted(key)).collect();
                // What there is no room for goes a little later: not all is in memory once more.
                if !self.takes_room(id, &names, &mut room) {
                    break;
                }
                let group = self.groups.get_mut(&id).expect("it is owned");
                if let Some(write) = group.unleased.writes.get_mut(&sequence) {
                    write.due_us = now_us + 2 * RESEND_US;
                }
                let copies = self.copies(id, &names);
                // What may not count is not to be taken along, in a copy of the same key or beside it.
                let sent: Vec<Name> = copies.names().cloned().collect();
                if self.groups[&id].is_in_doubt(&sent) {
                    continue;
                }
                let known = self.holders_of(id, &sent).unwrap_or(held.len());
                let missing = others.iter().filter(|node| !held.contains(node));
                let missing: Vec<NodeId> =
                    missing.copied().filter(|node| self.is_up(*node, moment)).collect();
                for to in missing {
                    let repair = Repair {
                        group: id,
                        epoch: self.layout.epoch(),
                        copies: copies.clone(),
                        writes: vec![WriteNumber { tenure: self.incarnation, sequence }],
                        next: sequence + 1,
                        held: known as u8,
                        is_available: true,
                    };
                    self.send(to, Message::Repair(Box::new(repair)));
                }
            }
        }
    }
}
