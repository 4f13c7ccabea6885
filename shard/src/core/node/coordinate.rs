//! Executing requests, and when their replies may leave.
//!
//! A settled home executes at once, in the order in which requests come. What was changed goes to the
//! other owners; the reply leaves when all that it observed is on W of them, this node among them, and
//! if this node is home still then.

use super::journal::Waiting;
use super::repair::Noted;
use super::requests::Found;
use super::tenure::Pending;
use super::{Asker, Moment, Node, Output};
use crate::core::flight::{Names, Sequence, Touched};
use crate::store::{Entry, Mark, short_reply};
use bytes::{Buf, Bytes};
use kinring_common::clock::Hlc;
use kinring_common::command::plan::{Hints, reach};
use kinring_common::command::table::{Place, Row, resolve};
use kinring_common::command::{CommandError, run_one};
use kinring_common::id::NodeId;
use kinring_common::keyspace::{Effect, Effects, PartitionSet, Txn};
use kinring_common::membership::drift::DRIFT_MAX_MS;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::resp::ReplyBuf;
use kinring_common::wire::peer::{Batch, Message, WriteNumber, names};
use kinring_common::wire::request::{Consistency, Executed, Request, RequestId, Response, Work};
use kinring_common::wire::{Item, Name};
use smallvec::SmallVec;
use std::sync::Arc;

/// The commands of a request, looked up once.
pub struct Wanted<'r> {
    /// Some of them may change something.
    pub is_write: bool,
    /// The keys that they name.
    pub names: Names,
    commands: SmallVec<[Command<'r>; 1]>,
}

/// A command: its words, and its row or why it has none here.
struct Command<'r> {
    words: SmallVec<[&'r [u8]; 4]>,
    row: Result<&'static Row, CommandError>,
}

/// What executing some commands came to.
pub struct Ran {
    /// The replies, one after the other.
    pub reply: Bytes,
    /// What changed.
    pub items: Arc<[Item]>,
}

impl<'r> Wanted<'r> {
    /// By a request's words and the command table. A flush has no commands, and changes something.
    pub fn of(request: &'r Request) -> Wanted<'r> {
        let mut wanted = Wanted { is_write: false, names: Names::new(), commands: SmallVec::new() };
        let Work::Commands(commands) = &request.work else {
            return Wanted { is_write: true, ..wanted };
        };
        for command in commands {
            let mut words: SmallVec<[&[u8]; 4]> = SmallVec::new();
            command.iter().for_each(|word| words.push(word));
            let row = known(&words);
            if let Ok(row) = row {
                wanted.is_write |= row.is_write();
                for at in row.keys(&words).into_iter().flatten() {
                    wanted.names.push(Name { db: request.db, key: command[at].clone() });
                }
            }
            wanted.commands.push(Command { words, row });
        }
        wanted.names.sort_unstable();
        wanted.names.dedup();
        wanted
    }
}

impl Node {
    pub(super) fn asked(&mut self, asker: Asker, request: Request, moment: Moment) {
        let now_us = moment.now.mono_us;
        let request_id = request.id;
        let id = self.group_asked(&request);
        let is_of_start =
            request.valid.0 == self.incarnation || Mutant::RequestOfEarlierStart.is_on();
        let is_meant = is_of_start && request.epoch == self.layout.epoch();
        let is_late = now_us >= request.valid.1 && !Mutant::LateRequestExecuted.is_on();
        let Some(group) = self.groups.get(&id).filter(|_| is_meant && !is_late) else {
            return self.respond_to(asker, request_id, Response::Elsewhere(None));
        };
        if u16::from(request.db) >= self.settings.databases {
            let mut reply = ReplyBuf::new(request.protocol);
            reply.error_line(&CommandError::DbOutOfRange.line());
            return self.respond_to(asker, request_id, Response::Done(taken(&mut reply)));
        }
        let is_flush = matches!(request.work, Work::Flush(_));
        if request.consistency == Consistency::Available && !is_flush {
            return self.coordinate_unleased(id, asker, &request, moment);
        }
        let Some(tenure) = &group.tenure else {
            let home = group.holder(now_us).filter(|home| *home != self.own);
            return self.respond_to(asker, request_id, Response::Elsewhere(home));
        };
        let is_home = self.leases.is_home(id, now_us) || Mutant::ReplyWithoutLease.is_on();
        if !is_home || !moment.is_sound {
            return self.respond_to(asker, request_id, Response::Elsewhere(None));
        }
        if !tenure.is_settled() {
            return self.let_wait(id, asker, request);
        }
        if tenure.leaving.is_some() || tenure.flight.is_crowded() {
            return self.respond_to(asker, request_id, Response::Later);
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
            return self.respond_to(asker, request.id, Response::Later);
        }
        let ran = match &request.work {
            Work::Commands(_) => self.run(&wanted, request, moment),
            Work::Flush(_) => self.flush(id, request, moment),
        };
        let is_write = !ran.items.is_empty();
        let is_lasting = !self.saw_unsafe(id, observed.names(), &ran.items);
        let reply = short_reply(&ran.reply).filter(|_| is_lasting);
        let executed = Executed { id: request.id, reply };
        if is_write {
            self.write(id, ran.items, Some(executed), moment);
        } else if wanted.is_write {
            // It had no effect. Tried again here, it must not have one later.
            self.completed(id, &executed, &[], moment);
        }
        let pending = Pending { asker, id: request.id, reply: ran.reply, is_write };
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
        match self.requests.find(request.id, request.is_retry, moment.now.mono_us) {
            Found::New => return false,
            Found::Unsure | Found::Executed(None) => {
                self.respond_to(asker, request.id, Response::Unknown);
            }
            Found::Executed(Some(reply)) => {
                // Its write may still be under way: this try gets the answer when that is not.
                let pending = Pending { asker, id: request.id, reply, is_write: true };
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

    /// Executes the commands of a request, one after the other.
    pub(super) fn run(&mut self, wanted: &Wanted<'_>, request: &Request, moment: Moment) -> Ran {
        let mut reply = std::mem::take(&mut self.reply);
        reply.set_protocol(request.protocol);
        let mut effects = self.effects();
        let random = self.random.word();
        let (mut set, mut hints) = (PartitionSet::default(), Hints::new());
        for Command { words, row } in &wanted.commands {
            if let Ok(row) = row {
                // Words that tell no keys are refused when they are executed.
                let _: Result<(), CommandError> =
                    reach(&self.keyspace, row, words, request.db, true, (&mut set, &mut hints));
            }
        }
        let mut locks = self.keyspace.lock(&set);
        let is_leased = request.consistency == Consistency::Strong;
        if !is_leased {
            set.iter().for_each(|partition| locks.partition(partition).rename(self.actors.1));
        }
        for Command { words, row } in &wanted.commands {
            let mut txn = Txn::new(&mut locks, &mut effects, moment.now, request.db, random)
                .with_hints(&hints);
            txn.expires = is_leased && !Mutant::AbsentWithoutEvent.is_on();
            let mark = reply.mark();
            let done = row.clone().and_then(|row| run_one(row, &mut txn, words, &mut reply));
            if let Err(error) = done {
                reply.truncate(mark);
                reply.error_line(&error.line());
            }
        }
        if !is_leased {
            set.iter().for_each(|partition| locks.partition(partition).rename(self.actors.0));
        }
        locks.settle(&effects);
        drop(locks);
        let bytes = taken(&mut reply);
        self.reply = reply;
        Ran { reply: bytes, items: Item::share(changes(&mut effects)) }
    }

    /// FLUSHDB of a group: a cut above all that was written in it.
    fn flush(&mut self, id: GroupId, request: &Request, moment: Moment) -> Ran {
        let cut = self.clock_of(id).tick(moment.now.wall_ms);
        let item = Item::Cut { db: request.db, cut };
        self.apply_cut(id, request.db, cut, moment);
        let mut reply = ReplyBuf::new(request.protocol);
        reply.ok();
        Ran { reply: taken(&mut reply), items: Arc::new([item]) }
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
        items: Arc<[Item]>,
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
            items: items.clone(),
            executed: executed.clone(),
        });
        let mut up: SmallVec<[NodeId; 4]> = SmallVec::new();
        for (node, owner) in &mut tenure.owners {
            let is_up = !self.suspicion.suspects(*node, now_us);
            if is_up {
                up.push(*node);
            }
            owner.note(sequence, keys.clone(), is_up, now_us);
        }
        if let Some(executed) = &executed {
            self.completed(id, executed, &items, moment);
        }
        let mark = Some(Mark { number, stable: batch.stable });
        self.log(Entry::Write { group: id, items, executed, mark });
        for to in up {
            // A write promises nothing: it may go before the log is durable.
            self.outputs.push_back(Output::Peer(to, Message::Write(batch.clone())));
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
            owner.note(sequence, keys.clone(), false, now_us);
        }
        if self.journal.gate_own(Waiting::Own(id, number, sequence)) {
            self.own_is_safe(id, number, sequence, moment);
        }
        self.wake_at(now_us + super::BUSY_TICK_US);
    }

    /// What is remembered of a write for those who miss it.
    pub(super) fn remember(&self, names: &[Name]) -> Arc<[Noted]> {
        let noted = |name: &Name| Noted::new(name, self.settings.seed);
        match names {
            [name] => Arc::new([noted(name)]),
            names => names.iter().map(noted).collect(),
        }
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
                owner.missed.remove(write.sequence);
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
        let response = if pending.is_write {
            self.requests.doubt(pending.id);
            Response::Unknown
        } else {
            Response::Elsewhere(None)
        };
        self.respond_to(pending.asker, pending.id, response);
    }

    pub(super) fn respond_to(&mut self, asker: Asker, id: RequestId, response: Response) {
        // What it says is on other owners, or was here before: it relies on nothing that is not
        // durable as far as that is asked for.
        self.outputs.push_back(Output::Response(asker, id, response));
    }

    /// Expire events of keys whose time has passed, by every clock.
    pub(super) fn sweep(&mut self, id: GroupId, moment: Moment) {
        if self.groups[&id].tenure.is_none() && Mutant::ExpiryByReplica.is_on() {
            return self.sweep_as_replica(id, moment);
        }
        let now_us = moment.now.mono_us;
        let group = self.groups.get_mut(&id).expect("it is held");
        let Some(tenure) = group.tenure.as_mut() else { return };
        let is_due = now_us >= tenure.sweep_us && !Mutant::NothingSwept.is_on();
        if !tenure.is_settled() || !is_due || tenure.leaving.is_some() {
            return;
        }
        tenure.sweep_us = now_us + self.settings.sweep_us;
        let wait_ms = if Mutant::ExpireEventEarly.is_on() { 0 } else { DRIFT_MAX_MS };
        let due_ms = moment.now.wall_ms.saturating_sub(wait_ms);
        for part in group.parts.clone() {
            let tenure = self.groups[&id].tenure.as_ref().expect("it is held");
            if tenure.flight.room() < SWEPT_MAX {
                return;
            }
            let mut effects = self.effects();
            let mut locks = self.keyspace.lock_one(part.0);
            locks.sweep(part, due_ms, moment.now, SWEPT_MAX, &mut effects);
            drop(locks);
            for item in changes(&mut effects) {
                self.write(id, Arc::new([item]), None, moment);
            }
        }
    }
}

impl Node {
    /// What no owner but the home may do.
    fn sweep_as_replica(&mut self, id: GroupId, moment: Moment) {
        for part in self.groups[&id].parts.clone() {
            let mut effects = self.effects();
            let mut locks = self.keyspace.lock_one(part.0);
            locks.sweep(part, moment.now.wall_ms, moment.now, SWEPT_MAX, &mut effects);
        }
    }
}

/// Keys that a sweep expires at once in a partition.
const SWEPT_MAX: usize = 64;

fn known(words: &[&[u8]]) -> Result<&'static Row, CommandError> {
    let row = resolve(words)?;
    match row.place {
        // Those that name no keys are for all nodes together.
        Place::Keyspace if row.has_keys() && row.arity_ok(words.len()) => Ok(row),
        _ => Err(CommandError::Syntax),
    }
}

/// What was written, and the buffer is empty again. The reply of most writes takes no memory, however
/// often it is kept.
fn taken(reply: &mut ReplyBuf) -> Bytes {
    const OK: &[u8] = b"+OK\r\n";
    let len = reply.len();
    let is_ok = len == OK.len() && reply.chunk() == OK;
    let bytes = if is_ok { Bytes::from_static(OK) } else { reply.copy_to_bytes(len) };
    reply.clear();
    bytes
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

/// What others need to do the same.
fn changes(effects: &mut Effects) -> impl Iterator<Item = Item> {
    let item = |effect| match effect {
        Effect::Delta { db, key, delta } => {
            Some(Item::Delta { name: Name { db, key: Bytes::from(key) }, delta })
        }
        _ => None,
    };
    effects.drain().filter_map(item)
}
