//! Holding a group, in a term.
//!
//! **Settling.** A node that has the grants it needs asks its grantors with which term's holder they were
//! in step last. The latest of those terms counts: whoever was in step with its holder has everything
//! that was acknowledged before that holder was settled, and each write that it acknowledged itself
//! since. So the new holder takes what those owners have, all of it together, and nothing of the others.
//! Then it gives that to every grantor, in the place of what they have that does not count; when enough of
//! them are in step with it, it is settled, and answers.
//!
//! A write that a former holder has executed, and that is on none of the owners that count, is dead: it
//! was never acknowledged, and the owners that have it are not listened to until they have been put in
//! step. That is the fence.
//!
//! A holder goes on until its lease runs out. It hands over to an owner before it in the list when that
//! one is up and misses nothing: it takes no more requests, lets those under way end, and gives back.

use super::floor::Round;
use super::repair::Owner;
use super::session::Purpose;
use super::{Asker, Moment, Node, Output};
use crate::core::flight::{FIRST, Flight, Sequence, Touched};
use crate::store::{Entry, Take};
use bytes::Bytes;
use kinring_common::causal::Floor;
use kinring_common::id::{Actor, NodeId};
use kinring_common::keyed::Keyed;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Message, Settle, Term, WriteNumber};
use kinring_common::wire::request::{Request, Response};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Requests that wait until a home is settled: that takes some round trips.
pub const WAITING_MAX: usize = 1024;

/// A handover that has not come to its end by then is given up.
const HANDOVER_US: u64 = 500_000;

/// A reply that waits until what it observed is safe.
#[derive(Debug)]
pub struct Pending {
    /// Whose it is.
    pub asker: Asker,
    /// The replies of its commands.
    pub reply: Bytes,
    /// It changed something.
    pub is_write: bool,
}

impl Pending {
    /// The reply leaves. What it says is on other owners, or was here before: it relies on nothing that
    /// is not durable as far as that is asked for.
    pub fn done(self) -> Output {
        let Asker { connection, attempt, .. } = self.asker;
        Output::Response(connection, attempt, Response::Done(self.reply))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Tenure {
    /// Its term.
    pub term: Term,
    /// How far it is.
    pub phase: Phase,
    /// Writes under way.
    pub flight: Flight<Pending>,
    /// The number of the next write.
    pub next: u64,
    /// What the other owners have and miss.
    pub owners: BTreeMap<NodeId, Owner>,
    /// What came before it was settled.
    pub waiting: VecDeque<(Asker, Request)>,
    /// To whom it is being handed over, and since when.
    pub leaving: Option<(NodeId, u64)>,
    /// Actors that owners have granted before.
    pub strangers: BTreeSet<Actor>,
    /// Actors without a lease that the last floor round has found to have ended.
    pub ended: Vec<Actor>,
    /// A floor round under way.
    pub round: Option<Round>,
    /// When the next one is due.
    pub round_us: u64,
    /// When expired keys are looked for again.
    pub sweep_us: u64,
}

/// How far a tenure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It takes what counts.
    Taking,
    /// It has everything, and gives it to its grantors.
    Giving,
    /// It answers.
    Settled,
}

impl Tenure {
    fn new(term: Term, flight: Flight<Pending>, others: impl Iterator<Item = NodeId>) -> Tenure {
        Tenure {
            term,
            phase: Phase::Taking,
            flight,
            next: FIRST,
            owners: others.map(|owner| (owner, Owner::default())).collect(),
            waiting: VecDeque::new(),
            leaving: None,
            strangers: BTreeSet::new(),
            ended: Vec::new(),
            round: None,
            round_us: 0,
            sweep_us: 0,
        }
    }

    /// Whether it answers.
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Settled || Mutant::ReadBeforeSettled.is_on()
    }

    /// Every write below this one is on enough owners. Before it is settled not even what it found is.
    pub fn stable(&self) -> u64 {
        if self.phase != Phase::Settled {
            return 0;
        }
        self.flight.first().map_or(self.next, |Sequence(first)| first)
    }

    /// Whether something waits for other owners.
    pub fn is_busy(&self) -> bool {
        self.phase != Phase::Settled
            || self.leaving.is_some()
            || self.round.is_some()
            || self.owners.values().any(Owner::is_busy)
    }
}

impl Node {
    /// The group's state may have changed: takes the steps that are due.
    pub(super) fn look_after(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        if !self.groups.contains_key(&id) {
            return;
        }
        self.rebuild(id, moment);
        let is_home = self.leases.is_home(id, now_us);
        let group = self.groups.get_mut(&id).expect("it is there");
        match (is_home, &group.tenure, group.bid) {
            (true, None, Some(term)) => {
                group.asking_since_us = None;
                let flight = Flight::new(self.quorum, Keyed::new(self.settings.seed.0));
                let mut tenure = Tenure::new(term, flight, group.others());
                // Not all groups at the same time.
                let random = &mut self.random;
                tenure.round_us = now_us + random.below(self.settings.round_us as usize) as u64;
                tenure.sweep_us = now_us + random.below(self.settings.sweep_us as usize) as u64;
                group.tenure = Some(tenure);
            }
            (false, Some(_), _) => self.end_tenure(id),
            _ => {}
        }
        if is_home {
            self.advance(id, moment);
        }
    }

    /// What an owner said of itself holds no more.
    pub(super) fn ask_anew(&mut self, id: GroupId, node: NodeId) {
        if let Some(group) = self.groups.get_mut(&id) {
            group.ask_anew(node);
        }
    }

    /// A node has started again: what it had is as good as unknown.
    pub(super) fn restarted(&mut self, node: NodeId) {
        self.groups.values_mut().for_each(|group| group.ask_anew(node));
        self.sessions.end_all_with(node);
    }

    fn advance(&mut self, id: GroupId, moment: Moment) {
        let grantors: BTreeSet<NodeId> =
            self.leases.grantors(id, moment.now.mono_us).filter(|node| *node != self.own).collect();
        let Some(tenure) = self.groups[&id].tenure.as_ref() else { return };
        if tenure.phase == Phase::Taking {
            self.take_what_counts(id, &grantors, moment);
        }
        let Some(tenure) = self.groups[&id].tenure.as_ref() else { return };
        if tenure.phase != Phase::Taking {
            self.put_in_step(id, &grantors, moment);
        }
        // What it has taken may be on no owner but this one. It shows that, so that is safe before.
        let needed = self.quorum.settles() - 1;
        let Some(tenure) = self.groups[&id].tenure.as_ref() else { return };
        let is_in_step = |node: &&NodeId| tenure.owners[node].is_in_step;
        if tenure.phase == Phase::Giving && grantors.iter().filter(is_in_step).count() >= needed {
            self.become_settled(id, moment);
        }
    }

    /// Asks the grantors with whom they were in step, and takes what the latest ones have.
    fn take_what_counts(&mut self, id: GroupId, grantors: &BTreeSet<NodeId>, moment: Moment) {
        let needed = self.quorum.grants() - 1;
        let group = &self.groups[&id];
        let tenure = group.tenure.as_ref().expect("it is held");
        let known = |node: &NodeId| tenure.owners[node].found.map(|step| (*node, step));
        let found: Vec<_> = grantors.iter().filter_map(known).collect();
        let is_asked = |owner: &Owner| owner.found.is_none() && moment.now.mono_us >= owner.ask_us;
        let unknown = grantors.iter().filter(|node| is_asked(&tenure.owners[node]));
        let unknown: Vec<NodeId> = unknown.copied().collect();
        if found.len() < needed {
            return unknown
                .into_iter()
                .for_each(|node| self.open_if_none(id, node, Purpose::Survey, moment));
        }
        let latest = found.iter().map(|(_, step)| step.number).max().unwrap_or(0);
        if self.sessions.is_taking(id, |node| grantors.contains(&node)) {
            return;
        }
        let own = group.step.number;
        let latest = if Mutant::NoFence.is_on() { 0 } else { latest.max(own) };
        let sources = found
            .iter()
            .filter(|(node, step)| step.number >= latest && !tenure.owners[node].is_taken);
        let mut sources = sources.map(|(node, _)| *node);
        let next = sources.next();
        let how = if own < latest { Take::Adopt } else { Take::Join };
        if how == Take::Join {
            self.count_own(id, moment);
        }
        match next {
            // One after the other, the first to begin with: what this node has may not count.
            Some(node) => self.open_if_none(id, node, Purpose::Take(how), moment),
            None => self.has_everything(id),
        }
    }

    /// This node has taken all that an owner has, in place of what it had itself or beside it.
    pub(super) fn has_taken(&mut self, id: GroupId, peer: NodeId, how: Take) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let Some(tenure) = group.tenure.as_mut() else { return };
        let Some(owner) = tenure.owners.get_mut(&peer) else { return };
        // It may have been asked anew meanwhile: then this does not count.
        let Some(step) = owner.found else { return };
        owner.is_taken = true;
        if how == Take::Adopt {
            self.step(id, step);
        }
    }

    /// All before this is what the holder of a term had.
    pub(super) fn step(&mut self, id: GroupId, term: Term) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.is_put_in_step(term, false);
        if group.step != term {
            group.step = term;
            self.log(Entry::Step { group: id, term, is_own: false });
        }
    }

    /// The same by this node's own word: nobody has got that from it yet.
    pub(super) fn step_alone(&mut self, id: GroupId, term: Term) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.is_put_in_step(term, true);
        if group.step != term {
            group.step = term;
            self.log(Entry::Step { group: id, term, is_own: true });
        }
    }

    fn has_everything(&mut self, id: GroupId) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let tenure = group.tenure.as_mut().expect("it is held");
        tenure.phase = Phase::Giving;
        let term = tenure.term;
        // One that does not answer, and is not needed, must not be taken from later.
        self.sessions.end_with_any(id, |purpose| matches!(purpose, Purpose::Take(_)));
        self.step_alone(id, term);
        if self.may_drop_copies() {
            self.note_found(id, term);
        }
    }

    /// What the holder of a term found is in doubt until it is settled.
    fn note_found(&mut self, id: GroupId, term: Term) {
        let found = WriteNumber { tenure: term.tenure, sequence: 0 };
        self.note_doubt(id, found, Touched::All);
    }

    /// Gives every grantor what this node has, and compares again from time to time.
    fn put_in_step(&mut self, id: GroupId, grantors: &BTreeSet<NodeId>, moment: Moment) {
        let now_us = moment.now.mono_us;
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let tenure = tenure.expect("it is held");
        let (mut open, mut settle) = (Vec::new(), Vec::new());
        for (&node, owner) in tenure.owners.iter_mut().filter(|(node, _)| grantors.contains(node)) {
            if owner.found.is_none() {
                if now_us >= owner.ask_us {
                    open.push((node, Purpose::Survey));
                }
            } else if !owner.has_exchanged
                || owner.behind.is_some()
                || now_us >= owner.exchange_us && !Mutant::NeverComparedAgain.is_on()
            {
                open.push((node, Purpose::Give));
            } else if !owner.is_in_step && now_us >= owner.settle_us {
                owner.settle_us = now_us + super::session::RESEND_US;
                settle.push(node);
            }
        }
        for (node, purpose) in open {
            self.open_if_none(id, node, purpose, moment);
        }
        if !settle.is_empty() {
            self.send_settle(id, &settle);
        }
    }

    fn open_if_none(&mut self, id: GroupId, node: NodeId, purpose: Purpose, moment: Moment) {
        if !self.sessions.is_open(id, node) {
            self.open_session(id, node, purpose, moment);
        }
    }

    /// Tells owners, with whom this node has exchanged, that they are in step, and its floor.
    pub(super) fn send_settle(&mut self, id: GroupId, owners: &[NodeId]) {
        let group = &self.groups[&id];
        let (floor, epoch) = (group.horizon.floor.clone(), self.layout.epoch());
        let tenure = group.tenure.as_ref().expect("a tenure settles");
        let term = tenure.term;
        let incarnations: Vec<_> =
            owners.iter().map(|node| (*node, tenure.owners[node].incarnation)).collect();
        for (to, incarnation) in incarnations {
            let Some(incarnation) = incarnation else { continue };
            let (floor, group) = (floor.clone(), id);
            let settle = Settle { group, epoch, incarnation, floor, term };
            self.send(to, Message::Settle(Box::new(settle)));
        }
    }

    /// The other side: this node has exchanged with the holder of a term.
    pub(super) fn settle(&mut self, from: NodeId, settle: Settle) {
        let Settle { group: id, epoch, incarnation, floor, term } = settle;
        let meant = epoch == self.layout.epoch() && incarnation == self.incarnation;
        let Some(group) = self.groups.get_mut(&id) else { return };
        let is_of_term = group.term == term || Mutant::SettleOfAnyTerm.is_on();
        if !meant || !is_of_term {
            return;
        }
        let settled = |is_in_step| {
            let number = term.tenure;
            Message::Settled { group: id, number, incarnation, is_in_step }
        };
        if group.is_given_up {
            return self.send(from, settled(false));
        }
        group.bonds.bind_others(term.tenure);
        self.raise_floor(id, &floor);
        self.step(id, term);
        if self.may_drop_copies() {
            self.note_found(id, term);
        }
        self.send(from, settled(true));
    }

    pub(super) fn has_settled(
        &mut self,
        from: NodeId,
        (id, number, incarnation): (GroupId, u64, u64),
        is_in_step: bool,
        moment: Moment,
    ) {
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let Some(tenure) = tenure.filter(|tenure| tenure.term.tenure == number) else { return };
        let owner = tenure.owners.get_mut(&from);
        let is_meant =
            |owner: &&mut Owner| owner.has_exchanged && owner.incarnation == Some(incarnation);
        let is_meant = |o: &&mut Owner| is_meant(o) || Mutant::SettledOfAnyStart.is_on();
        let Some(owner) = owner.filter(is_meant) else { return };
        if is_in_step {
            owner.is_in_step = true;
        } else if !owner.is_in_step {
            // It was asked for what it had, in the middle of what it was given.
            self.ask_anew(id, from);
        }
        self.look_after(id, moment);
    }

    /// Raises the floor of a group, here.
    pub(super) fn raise_floor(&mut self, id: GroupId, floor: &Floor) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        if group.horizon.floor.includes(floor) {
            return;
        }
        group.raise_floor(floor);
        for &(partition, slots) in &group.parts {
            let mut locks = self.keyspace.lock_one(partition);
            locks.partition(partition).raise_floor(slots, &group.horizon.floor);
        }
        self.log(Entry::Floor { group: id, floor: floor.clone() });
    }

    fn become_settled(&mut self, id: GroupId, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is there");
        group.bonds.end_all();
        let tenure = group.tenure.as_mut().expect("a tenure settles");
        tenure.phase = Phase::Settled;
        let (term, waiting) = (tenure.term, std::mem::take(&mut tenure.waiting));
        group.doubtful.is_settled(term.tenure);
        // What was in doubt before is not, at the next start either.
        self.log(Entry::Step { group: id, term, is_own: false });
        self.tally.takeovers += 1;
        for (asker, request) in waiting {
            self.asked(asker, request, moment);
        }
    }

    /// Lets a request wait until the home is settled.
    pub(super) fn let_wait(&mut self, id: GroupId, asker: Asker, request: Request) {
        let group = self.groups.get_mut(&id).expect("it is there");
        let tenure = group.tenure.as_mut().expect("a tenure settles");
        if tenure.waiting.len() < WAITING_MAX {
            tenure.waiting.push_back((asker, request));
        } else {
            self.respond_to(asker, Response::Later);
        }
    }

    /// It holds the group no more: what became of its writes is for others to find out.
    pub(super) fn end_tenure(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.bid = None;
        let Some(mut tenure) = group.tenure.take() else { return };
        self.sessions.end_with_any(id, |_| true);
        for (Sequence(sequence), touched) in tenure.flight.own() {
            let number = WriteNumber { tenure: tenure.term.tenure, sequence };
            group.doubtful.add(number, touched.clone());
        }
        for pending in tenure.flight.abandon() {
            self.abandon(&pending);
        }
        for (asker, _) in tenure.waiting {
            self.respond_to(asker, Response::Elsewhere(None));
        }
    }

    /// What is to be done from time to time for the groups that this node holds.
    pub(super) fn tend_tenures(&mut self, moment: Moment) {
        let all = Mutant::ExpiryByReplica.is_on();
        let held = self.groups.iter().filter(|(_, group)| group.tenure.is_some() || all);
        let held: Vec<GroupId> = held.map(|(id, _)| *id).collect();
        for id in held {
            self.look_after(id, moment);
            self.hand_over(id, moment);
            self.send_repairs(id, moment);
            self.sweep(id, moment);
            self.tend_round(id, moment);
        }
    }

    fn hand_over(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let grantors: Vec<NodeId> = self.leases.grantors(id, now_us).collect();
        let group = &self.groups[&id];
        let Some(tenure) = group.tenure.as_ref().filter(|t| t.phase == Phase::Settled) else {
            return;
        };
        if let Some((next, since_us)) = tenure.leaving {
            if tenure.flight.is_empty() {
                return self.give_back(id, Some(next), moment);
            }
            if now_us > since_us + HANDOVER_US {
                let group = self.groups.get_mut(&id).expect("it is there");
                group.tenure.as_mut().expect("it was there").leaving = None;
            }
            return;
        }
        let first = group.earlier().iter().copied().find(|&node| self.is_able(node, id, moment));
        let Some(next) = first else { return };
        let misses_nothing = grantors.contains(&next) && tenure.owners[&next].misses_nothing();
        if misses_nothing && tenure.round.is_none() {
            let group = self.groups.get_mut(&id).expect("it is there");
            group.tenure.as_mut().expect("it was there").leaving = Some((next, now_us));
        }
    }
}
