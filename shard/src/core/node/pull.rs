//! Taking large records by ranges of their cells, not as whole copies.
//!
//! Who is to take a copy of a large record is told only what that has seen ([`Large`]). It asks for what
//! differs until it has the record in memory as the other had it at its last answer ([`Repair`]). Only
//! then is it taken, in one step like any other copy. Keys that must be taken together with it (`bonds`)
//! are in every answer, as they are at that moment: all that is taken is of one moment.
//!
//! Who drives an exchange pulls as a part of it. Who is driven, or is sent a repair, begins a session of
//! its own, and does not say that it has the rest before it has: it is asked again
//! ([`AnswerWhat::Pulling`]), or the repair is sent again.
//!
//! What was fetched outlives a session: the next one, with whomever, goes on with it.
//!
//! The log gets the whole record. An entry with what was fetched alone would be smaller, and would be
//! right only beside exactly the record that was there: in a log with a hole it would claim to have
//! seen what is missing.
//!
//! [`Repair`]: kinring_common::causal::Repair

mod model;

pub use model::{MODELS_MAX, Pulls};

use super::bonds::closure;
use super::replica::{bound, bound_of, has_unleased};
use super::session::{Purpose, Session, Todo};
use super::{Moment, Node};
use crate::store::Take;
use kinring_common::causal::{Ask, Horizon, Record, Repair};
use kinring_common::id::NodeId;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{
    self, Ack, AnswerWhat, AskWhat, Batch, Message, WriteNumber, WriteNumbers,
};
use kinring_common::wire::request::{Changed, Completion};
use kinring_common::wire::{Copies, Copy, GroupHorizon, Item, Large, Name};
use model::Model;
use std::collections::BTreeSet;

/// Records of more cells than this go by ranges: with fewer, all of it is a hundred kilobytes or so, and
/// sent in the time of one round trip more.
pub const LARGE_CELLS: usize = 1024;

/// What one answer says of the cells of large records, in bytes. Each is a walk over a record, and what
/// is behind it waits for a millisecond or two.
pub const RANGES_BYTES: usize = 256 << 10;

/// Pulls at a time that others wait for. Who waits for more than these asks again.
pub const PULLS_MAX: usize = 8;

/// Why an owner pulls what another one wants it to have, and who waits for that.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Only what the holder of this tenure has is wanted.
    pub tenure: Option<u64>,
    /// What waits.
    pub cause: Cause,
}

/// See [`Pull`].
#[derive(Clone, Debug)]
pub enum Cause {
    /// A step of an exchange that the other drives.
    Pushed {
        /// Its session.
        session: u64,
        /// The step.
        step: u32,
        /// Later writes were not there when it was sent.
        next: u64,
    },
    /// A repair.
    Missed {
        /// Writes that were missed here.
        writes: Vec<WriteNumber>,
        /// Later ones were not there when it was sent.
        next: u64,
        /// So many owners had them.
        held: usize,
    },
}

/// Keys that are taken together, and the large ones among them by ranges.
pub type Unit = BTreeSet<Name>;

/// What is to be taken.
impl Node {
    /// Takes out of copies what is to be taken by ranges, with all that must be taken together with it.
    pub(super) fn part_large(
        &mut self,
        id: GroupId,
        copies: &mut Copies,
        how: Take,
        moment: Moment,
    ) -> Vec<Unit> {
        if copies.large.is_empty() {
            return Vec::new();
        }
        // What one request changed is taken with its name, and so together.
        let named: Vec<Vec<Name>> =
            copies.completions.iter().map(|of| self.changed_by(of, copies)).collect();
        let large = std::mem::take(&mut copies.large);
        let wanted = large.iter().filter(|large| self.lacks(large, &copies.horizon, how));
        let wanted: Vec<Name> = wanted.map(|large| large.name.clone()).collect();
        let mut units: Vec<Unit> = Vec::new();
        for name in &wanted {
            if units.iter().any(|unit| unit.contains(name)) {
                continue;
            }
            // What was written together here is replaced together, too.
            let own = (how == Take::Adopt).then(|| self.groups[&id].bonds.sets());
            let sets = copies.bonds.iter().chain(&named).chain(own.into_iter().flatten());
            units.push(closure(sets, std::slice::from_ref(name)).0);
        }
        let is_parted = |name: &Name| units.iter().any(|unit| unit.contains(name));
        copies.copies.retain(|copy| !is_parted(&copy.name));
        copies.bonds.retain(|bond| !bond.iter().any(is_parted));
        let parted: BTreeSet<u64> = units.iter().flatten().map(|name| self.hash_of(name)).collect();
        copies.completions.retain(|completion| match &completion.changed {
            Changed::Keys(_) => !completion.changed.touches(&parted),
            Changed::All => true,
        });
        for name in &wanted {
            self.with_model(name, moment, |_, _, _| {});
        }
        self.pulls.trim(moment.now.mono_us);
        units
    }

    /// The keys among some that a request has changed.
    fn changed_by(&self, completion: &Completion, copies: &Copies) -> Vec<Name> {
        let Changed::Keys(hashes) = &completion.changed else { return Vec::new() };
        if hashes.len() < 2 {
            return Vec::new();
        }
        copies.names().filter(|name| hashes.contains(&self.hash_of(name))).cloned().collect()
    }

    /// Whether this owner has to take something of a large record.
    fn lacks(&self, large: &Large, theirs: &GroupHorizon, how: Take) -> bool {
        let Large { name, context, digest, .. } = large;
        let (theirs, seed) = (theirs.of(name.db), self.settings.seed.digests());
        let at = self.keyspace.locate(name.db, &name.key);
        let mut locks = self.keyspace.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        let own = partition.horizon(&at, name.db);
        partition.with_record(&at, name.db, &name.key, |mine| {
            let is_joined = how == Take::Join || has_unleased(&mine.context, (context, &theirs));
            match how {
                Take::Keep => has_unleased(context, (&mine.context, &own)),
                _ if is_joined => !mine.has_seen(&own, (context, &theirs)),
                Take::Join | Take::Adopt => {
                    let mut seen = context.clone();
                    theirs.floor.iter().for_each(|dot| seen.insert(dot));
                    seen.remove_where(|dot| own.covers(dot));
                    seen != mine.context || mine.cells.digest(seed) != *digest
                }
            }
        })
    }

    /// Works on the model of a record, made if there is none, with the own record and its horizon.
    fn with_model<T>(
        &mut self,
        name: &Name,
        moment: Moment,
        work: impl FnOnce(&mut Model, &Record, &Horizon) -> T,
    ) -> T {
        let (seed, bytes_max) = (self.settings.seed.digests(), self.settings.ranges_bytes);
        let at = self.keyspace.locate(name.db, &name.key);
        let mut locks = self.keyspace.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        let own = partition.horizon(&at, name.db);
        let (pulls, now_us) = (&mut self.pulls, moment.now.mono_us);
        partition.with_record(&at, name.db, &name.key, |mine| {
            let new = || Repair::new(mine, &own, seed, bytes_max);
            work(pulls.model(name, new, now_us), mine, &own)
        })
    }

    /// A write of another owner has come: it says what has changed there of what is being pulled.
    pub(super) fn follow(&mut self, batch: &Batch) {
        if self.pulls.is_empty() {
            return;
        }
        for item in batch.items.iter() {
            let Item::Delta { name, delta } = item else { continue };
            let Some(repair) = self.pulls.known(name) else { continue };
            let at = self.keyspace.locate(name.db, &name.key);
            let mut locks = self.keyspace.lock_one(at.partition);
            let partition = locks.partition(at.partition);
            let follow = |mine: &Record| repair.follow(mine, delta);
            partition.with_record(&at, name.db, &name.key, follow);
        }
    }
}

/// Asking for it.
impl Node {
    /// An owner that is told of large records begins to pull them, or goes on with it.
    pub(super) fn pull(
        &mut self,
        (id, peer): (GroupId, NodeId),
        (how, pull): (Take, Pull),
        units: Vec<Unit>,
        moment: Moment,
    ) {
        let is_same = |session: &Session| {
            let known = session.pull.as_ref().filter(|_| session.purpose == Purpose::Pull(how));
            session.group == id
                && session.peer == peer
                && known.is_some_and(|known| known.is_like(&pull))
        };
        let open = self.sessions.open.iter().find(|(_, session)| is_same(session));
        let number = match open.map(|(number, _)| *number) {
            Some(number) => number,
            None if !self.sessions.has_room_to_pull() => return,
            None => {
                let asks = AskWhat::Cells { tenure: pull.tenure, asks: Vec::new() };
                let ask = self.first_ask(id, None, asks);
                let number = ask.session;
                let session = Session::new(peer, Purpose::Pull(how), ask, moment.now.mono_us);
                self.sessions.open.insert(number, session);
                number
            }
        };
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        units.into_iter().for_each(|unit| session.adds(unit));
        let before = session.pull.replace(pull.clone());
        // An answer that was on its way before this exchange began says nothing about it.
        if before.is_none_or(|before| !before.is_of_session(&pull)) {
            self.next_step(number, moment);
        }
    }

    /// Asks what is known of the large ones among some keys.
    pub(super) fn cells_step(&mut self, number: u64, unit: &Unit, moment: Moment) -> AskWhat {
        let tenure = self.sessions.open[&number].pull.as_ref().and_then(|pull| pull.tenure);
        let now_us = moment.now.mono_us;
        let ask = |name: &Name| (name.clone(), self.pulls.ask(name, now_us));
        AskWhat::Cells { tenure, asks: unit.iter().map(ask).collect() }
    }

    /// The other side.
    pub(super) fn cells(
        &self,
        id: GroupId,
        tenure: Option<u64>,
        mut asks: Vec<(Name, Ask)>,
    ) -> AnswerWhat {
        let held = self.groups[&id].tenure.as_ref().map(|tenure| tenure.term.tenure);
        if tenure.is_some() && tenure != held {
            return AnswerWhat::Refused;
        }
        asks.retain(|(name, _)| self.owns(id, Slot::of(&name.key)));
        let names: Vec<Name> = asks.iter().map(|(name, _)| name.clone()).collect();
        asks.retain(|(_, ask)| !ask.compare.is_empty() || !ask.fetch.is_empty());
        let mut copies = self.copies(id, &names);
        let seed = self.settings.seed.digests();
        let bytes_max = self.settings.ranges_bytes / asks.len().max(1);
        for large in &mut copies.large {
            let Some((name, ask)) = asks.iter().find(|(name, _)| *name == large.name) else {
                continue;
            };
            let at = self.keyspace.locate(name.db, &name.key);
            let mut locks = self.keyspace.lock_one(at.partition);
            let partition = locks.partition(at.partition);
            let horizon = copies.horizon.of(name.db);
            let answer = |record: &Record| record.answer(ask, &horizon, seed, bytes_max);
            let answer = partition.with_record(&at, name.db, &name.key, answer);
            large.findings = answer.findings;
        }
        AnswerWhat::Keys { copies, together: Vec::new(), looked: names.len() as u32 }
    }
}

/// Taking it.
impl Node {
    /// What was asked by ranges is answered. Returns whether the session goes on.
    pub(super) fn collected(&mut self, number: u64, copies: Copies, moment: Moment) -> bool {
        self.pulls.answered();
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let (id, how) = (session.group, session.purpose.takes());
        let Some(Todo::Pull(mut unit)) = session.todo.pop_front() else { return true };
        match self.collect(id, how, &mut unit, copies, moment) {
            Some((copies, is_pulled)) => {
                if is_pulled {
                    self.pulls.count(self.sessions.open[&number].pull_class());
                    if copies.copies.len() > 1 {
                        self.pulls.count("pulled with others");
                    }
                }
                self.take_pulled(number, copies, moment)
            }
            None => {
                let session = self.sessions.open.get_mut(&number).expect("it is there");
                session.todo.push_front(Todo::Pull(unit));
                true
            }
        }
    }

    /// Takes an answer in. Returns all that is to be taken when all of it is here, as it was at this
    /// answer, and whether there was anything to pull still.
    fn collect(
        &mut self,
        id: GroupId,
        how: Take,
        unit: &mut Unit,
        mut copies: Copies,
        moment: Moment,
    ) -> Option<(Copies, bool)> {
        unit.extend(copies.names().cloned());
        let mut is_whole = true;
        if how == Take::Adopt {
            let names: Vec<Name> = unit.iter().cloned().collect();
            let (all, _) = self.groups[&id].bonds.closure(&names);
            unit.extend(all);
            is_whole = copies.names().count() == unit.len();
        }
        let mut wanted = Vec::new();
        for large in std::mem::take(&mut copies.large) {
            if !self.lacks(&large, &copies.horizon, how) {
                self.pulls.forget(&large.name);
                continue;
            }
            let name = large.name.clone();
            let answer = large.into_answer(&copies.horizon);
            is_whole &=
                self.with_model(&name, moment, |model, mine, own| model.take(mine, own, answer));
            wanted.push(name);
        }
        self.pulls.trim(moment.now.mono_us);
        if !is_whole {
            return None;
        }
        let seed = self.settings.seed.digests();
        if Mutant::PulledAlone.is_on() {
            copies.copies.clear();
        }
        for name in &wanted {
            let record = self
                .with_model(name, moment, |model, mine, own| model.record(mine, own, how, seed));
            copies.copies.push(Copy { name: name.clone(), record: record? });
        }
        wanted.iter().for_each(|name| self.pulls.forget(name));
        Some((copies, !wanted.is_empty()))
    }

    /// All of a unit is here. Returns whether the session goes on.
    fn take_pulled(&mut self, number: u64, copies: Copies, moment: Moment) -> bool {
        let session = &self.sessions.open[&number];
        let (id, peer, purpose) = (session.group, session.peer, session.purpose);
        let Some(Pull { tenure, cause }) = session.pull.clone() else {
            self.pulled(number, copies, moment);
            return true;
        };
        let is_wanted = match &cause {
            // What an owner in step has counts: it is not replaced any more.
            Cause::Pushed { .. } => {
                let group = &self.groups[&id];
                let is_late = purpose.takes() == Take::Adopt && tenure == Some(group.step.tenure);
                tenure == Some(group.term.tenure) && !is_late
            }
            Cause::Missed { held, .. } => {
                let is_kept_out = || {
                    self.brings_ended(id, &copies)
                        || self.keeps_out_copies(id, &copies, *held, moment)
                };
                self.takes_from(id, peer, tenure) && (tenure.is_some() || !is_kept_out())
            }
        };
        if !is_wanted {
            self.sessions.open.remove(&number);
            return false;
        }
        let bound = match &cause {
            Cause::Pushed { session, next, .. } => {
                self.pulls.took(*session, copies.names().cloned(), moment.now.mono_us);
                tenure.and_then(|tenure| bound_of(tenure, *next))
            }
            Cause::Missed { writes, next, .. } => tenure.and_then(|_| bound(writes, *next)),
        };
        let how = purpose.takes();
        let changed = self.take_copies(id, copies, (how, bound), moment);
        let session = self.sessions.open.get(&number).expect("it is there");
        let is_done = session.todo.is_empty();
        if is_done {
            self.sessions.open.remove(&number);
            self.say_pulled((id, peer), tenure, cause);
        }
        if tenure.is_none() && !changed.is_empty() {
            self.home_changed(id, changed, moment);
        }
        !is_done
    }

    /// Tells who waits for a pull, so that it need not wait until it asks again by itself.
    fn say_pulled(&mut self, (id, peer): (GroupId, NodeId), tenure: Option<u64>, cause: Cause) {
        let message = match cause {
            Cause::Pushed { session, step, .. } => {
                let (group, incarnation) = (id, self.incarnation);
                let what = self.pulls.pulling(true);
                let answer = peer::Answer { session, step, group, incarnation, what };
                Message::Answer(Box::new(answer))
            }
            Cause::Missed { writes, .. } if tenure.is_some() => {
                Message::Ack(Ack { group: id, held: WriteNumbers::new(), gaps: writes })
            }
            Cause::Missed { .. } => return,
        };
        self.send(peer, message);
    }
}

impl Pull {
    /// Whether both are for the same, at different times perhaps.
    fn is_like(&self, other: &Pull) -> bool {
        let kind = |pull: &Pull| std::mem::discriminant(&pull.cause);
        self.tenure == other.tenure && kind(self) == kind(other)
    }

    /// Whether they are for the same exchange, or for none.
    fn is_of_session(&self, other: &Pull) -> bool {
        let session = |pull: &Pull| match pull.cause {
            Cause::Pushed { session, .. } => Some(session),
            Cause::Missed { .. } => None,
        };
        session(self) == session(other)
    }
}

impl Session {
    /// Why it pulls, in words.
    fn pull_class(&self) -> &'static str {
        match (self.purpose, &self.pull) {
            (_, Some(Pull { cause: Cause::Missed { .. }, tenure: None })) => {
                "pulled without a lease"
            }
            (_, Some(Pull { cause: Cause::Missed { .. }, .. })) => "pulled for a repair",
            (Purpose::Pull(Take::Adopt), _) => "pulled as pushed, to adopt",
            (Purpose::Pull(_), _) => "pulled as pushed, to join",
            (purpose, _) => match purpose.takes() {
                Take::Join => "pulled to join",
                Take::Adopt => "pulled to adopt",
                Take::Keep => "pulled to keep",
            },
        }
    }

    /// Something more is to be pulled.
    fn adds(&mut self, unit: Unit) {
        let overlaps = |todo: &&mut Todo| match todo {
            Todo::Pull(known) => !known.is_disjoint(&unit),
            _ => false,
        };
        match self.todo.iter_mut().find(overlaps) {
            Some(Todo::Pull(known)) => known.extend(unit),
            _ => self.todo.push_back(Todo::Pull(unit)),
        }
    }
}
