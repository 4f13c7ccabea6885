//! Holding a group.
//!
//! A node that has the grants it needs exchanges with each grantor, begun after its grant. Then it
//! closes the actors of all former holders: on itself, and on its grantors. When enough of them have
//! that, it is settled, and answers.
//!
//! It holds on until its lease runs out. It hands over to an owner before it in the list when that one
//! is up and misses nothing: it takes no more requests, lets those under way end, and gives back.

use super::exchange::Purpose;
use super::floor::Round;
use super::repair::Owner;
use super::{Asker, Moment, Node};
use crate::core::flight::{Flight, Sequence};
use crate::store::Entry;
use bytes::Bytes;
use kinring_common::causal::{Context, Floor};
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, Dot, NodeId};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::quorum::Quorum;
use kinring_common::wire::peer::{Message, Settle};
use kinring_common::wire::request::{Request, RequestId, Response};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Requests that wait until a home is settled: that takes two round trips.
const WAITING_MAX: usize = 1024;

/// A handover that has not come to its end by then is given up.
const HANDOVER_US: u64 = 500_000;

/// A reply that waits until what it observed is safe.
#[derive(Debug)]
pub struct Pending {
    /// Whose it is.
    pub asker: Asker,
    /// For which request.
    pub id: RequestId,
    /// The replies of its commands.
    pub reply: Bytes,
    /// It changed something.
    pub is_write: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Tenure {
    /// Its number: it never comes again.
    pub number: u64,
    /// How far it is.
    pub phase: Phase,
    /// Writes under way.
    pub flight: Flight<Pending>,
    /// Which of them have the dots of this tenure that are not on enough owners yet.
    pub next: u64,
    /// What the other owners have and miss.
    pub owners: BTreeMap<NodeId, Owner>,
    /// What came before it was settled.
    pub waiting: VecDeque<(Asker, Request)>,
    /// To whom it is being handed over, and since when.
    pub leaving: Option<(NodeId, u64)>,
    /// Actors that owners have granted before.
    pub strangers: BTreeSet<Actor>,
    /// A floor round under way.
    pub round: Option<Round>,
    /// When the next one is due.
    pub round_us: u64,
    /// When expired keys are looked for again.
    pub sweep_us: u64,
    /// Where the next sweep begins.
    pub sweep_part: usize,
}

/// How far a tenure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It exchanges with its grantors.
    Exchanging,
    /// It closes former holders.
    Fencing {
        /// The message.
        number: u64,
        /// Who has taken it over.
        settled: BTreeSet<NodeId>,
        /// When it was sent last.
        sent_us: u64,
    },
    /// It answers.
    Settled,
}

impl Tenure {
    fn new(number: u64, quorum: Quorum, others: impl Iterator<Item = NodeId>) -> Tenure {
        Tenure {
            number,
            phase: Phase::Exchanging,
            flight: Flight::new(quorum),
            next: 0,
            owners: others.map(|owner| (owner, Owner::default())).collect(),
            waiting: VecDeque::new(),
            leaving: None,
            strangers: BTreeSet::new(),
            round: None,
            round_us: 0,
            sweep_us: 0,
            sweep_part: 0,
        }
    }

    /// Whether it answers.
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Settled || Mutant::ReadBeforeSettled.is_on()
    }

    /// Every write below this one is on enough owners.
    pub fn stable(&self) -> u64 {
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
        self.rebuild(id, moment);
        if !self.groups.contains_key(&id) {
            return;
        }
        let is_home = self.leases.is_home(id, now_us);
        let group = self.groups.get_mut(&id).expect("it is there");
        if is_home && group.tenure.is_none() {
            group.asking_since_us = None;
            let number = self.random.word();
            let mut tenure = Tenure::new(number, self.quorum, group.others());
            // Not all groups at the same time.
            tenure.round_us = now_us + self.random.below(self.settings.round_us as usize) as u64;
            tenure.sweep_us = now_us + self.random.below(self.settings.sweep_us as usize) as u64;
            group.tenure = Some(tenure);
        } else if !is_home && group.tenure.is_some() {
            self.end_tenure(id);
        }
        if is_home {
            self.exchange_with_grantors(id, moment);
            self.settle_if_ready(id, moment);
        }
    }

    /// An owner has granted this node a group that it had not before, or not lately.
    pub(super) fn newly_granted(&mut self, id: GroupId, by: NodeId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        if let Some(owner) = group.tenure.as_mut().and_then(|tenure| tenure.owners.get_mut(&by)) {
            owner.begins_anew();
        }
        self.sessions.end_with(id, by, |purpose| purpose != Purpose::Rebuild);
    }

    /// A node has started again: what it had is as good as unknown.
    pub(super) fn restarted(&mut self, node: NodeId) {
        for group in self.groups.values_mut() {
            let tenure = group.tenure.as_mut();
            if let Some(owner) = tenure.and_then(|tenure| tenure.owners.get_mut(&node)) {
                owner.begins_anew();
            }
        }
        self.sessions.end_all_with(node);
    }

    fn exchange_with_grantors(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let grantors: Vec<NodeId> = self.leases.grantors(id, now_us).collect();
        let Some(tenure) = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut()) else {
            return;
        };
        let settled = tenure.phase == Phase::Settled;
        let mut due = Vec::new();
        for (&node, owner) in &mut tenure.owners {
            let is_due = !owner.has_exchanged || owner.is_behind || now_us >= owner.exchange_us;
            if grantors.contains(&node) && is_due && !self.sessions.is_open(id, node) {
                due.push(node);
            }
        }
        for node in due {
            let purpose = if settled { Purpose::Sync } else { Purpose::Settle };
            self.open_session(id, node, purpose, moment);
        }
    }

    fn settle_if_ready(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let grantors: BTreeSet<NodeId> = self.leases.grantors(id, now_us).collect();
        let needed = self.quorum.grants() - 1;
        let own = self.actors.0;
        let group = self.groups.get_mut(&id).expect("it is there");
        let Some(tenure) = group.tenure.as_mut() else { return };
        match &tenure.phase {
            Phase::Settled => return,
            Phase::Fencing { settled, .. } => {
                if settled.intersection(&grantors).count() < needed {
                    return;
                }
            }
            Phase::Exchanging => {
                let exchanged = |(node, owner): (&NodeId, &Owner)| {
                    (grantors.contains(node) && owner.has_exchanged).then_some(*node)
                };
                let exchanged: Vec<NodeId> = tenure.owners.iter().filter_map(exchanged).collect();
                if exchanged.len() < needed {
                    return;
                }
                let open = group.open.iter().chain(&tenure.strangers).copied();
                let floor = &group.horizon.floor;
                let close: BTreeSet<Actor> =
                    open.filter(|actor| *actor != own && !floor.closes(*actor)).collect();
                if !close.is_empty() && !Mutant::NoFence.is_on() {
                    return self.fence(id, &close, &exchanged, now_us);
                }
            }
        }
        self.become_settled(id, moment);
    }

    /// Closes actors: here, and with the owners that this node has exchanged with.
    fn fence(
        &mut self,
        id: GroupId,
        close: &BTreeSet<Actor>,
        exchanged: &[NodeId],
        sent_us: u64,
    ) {
        let number = self.random.word();
        let closed: Context =
            close.iter().map(|&actor| Dot { hlc: Hlc::CLOSED, actor }).collect();
        self.raise_floor(id, &Floor::from(closed));
        let group = self.groups.get_mut(&id).expect("it is there");
        let tenure = group.tenure.as_mut().expect("a tenure fences");
        tenure.strangers.clear();
        tenure.phase = Phase::Fencing { number, settled: BTreeSet::new(), sent_us };
        self.send_settle(id, number, exchanged);
    }

    /// Says again what may have been lost.
    fn fence_again(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let Some(tenure) = tenure else { return };
        let exchanged = tenure.owners.iter().filter(|(_, owner)| owner.has_exchanged);
        let exchanged: Vec<NodeId> = exchanged.map(|(node, _)| *node).collect();
        if let Phase::Fencing { number, sent_us, .. } = &mut tenure.phase
            && now_us >= *sent_us + super::exchange::RESEND_US
        {
            *sent_us = now_us;
            let number = *number;
            self.send_settle(id, number, &exchanged);
        }
    }

    /// Tells owners, with whom this node has exchanged, to take its floor over.
    pub(super) fn send_settle(&mut self, id: GroupId, number: u64, owners: &[NodeId]) {
        let group = &self.groups[&id];
        let (floor, epoch) = (group.horizon.floor.clone(), self.layout.epoch());
        let held = group.tenure.as_ref().expect("a tenure settles");
        let tenure = held.number;
        let incarnations: Vec<_> =
            owners.iter().map(|node| (*node, held.owners[node].incarnation)).collect();
        for (to, incarnation) in incarnations {
            let Some(incarnation) = incarnation else { continue };
            let (floor, group) = (floor.clone(), id);
            let settle = Settle { group, epoch, number, incarnation, floor, tenure };
            self.send(to, Message::Settle(settle));
        }
    }

    /// The other side: takes a floor over, after the exchange that it belongs to.
    pub(super) fn settle(&mut self, from: NodeId, settle: Settle, moment: Moment) {
        let Settle { group: id, epoch, number, incarnation, floor, tenure } = settle;
        let holds = self.grants.holder(id, moment.now.mono_us) == Some(from);
        let meant = epoch == self.layout.epoch() && incarnation == self.incarnation;
        let Some(group) = self.groups.get_mut(&id).filter(|_| holds && meant) else { return };
        group.bonds.end_others(tenure);
        self.raise_floor(id, &floor);
        self.send(from, Message::Settled { group: id, number });
    }

    pub(super) fn has_settled(&mut self, from: NodeId, what: (GroupId, u64), moment: Moment) {
        let (id, number) = what;
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        if let Some(Phase::Fencing { number: expected, settled, .. }) = tenure.map(|tenure| &mut tenure.phase)
            && *expected == number
        {
            settled.insert(from);
            self.look_after(id, moment);
        }
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
        if floor.closes(self.actors.0) && self.groups[&id].tenure.is_some() {
            // Somebody else holds the group now, and has closed this node's actor.
            self.end_tenure(id);
        }
    }

    fn become_settled(&mut self, id: GroupId, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is there");
        group.bonds.end_all();
        let tenure = group.tenure.as_mut().expect("a tenure settles");
        tenure.phase = Phase::Settled;
        let waiting = std::mem::take(&mut tenure.waiting);
        for (asker, request) in waiting {
            self.asked(asker, request, moment);
        }
    }

    /// Lets a request wait until the home is settled.
    pub(super) fn let_wait(&mut self, id: GroupId, asker: Asker, request: Request) {
        let request_id = request.id;
        let group = self.groups.get_mut(&id).expect("it is there");
        let tenure = group.tenure.as_mut().expect("a tenure settles");
        if tenure.waiting.len() < WAITING_MAX {
            tenure.waiting.push_back((asker, request));
        } else {
            self.respond_to(asker, request_id, Response::Later);
        }
    }

    /// It holds the group no more: what became of its writes is for others to find out.
    pub(super) fn end_tenure(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let Some(mut tenure) = group.tenure.take() else { return };
        self.sessions.end_with_any(id, |purpose| purpose != Purpose::Rebuild);
        for pending in tenure.flight.abandon() {
            self.abandon(&pending);
        }
        for (asker, request) in tenure.waiting {
            self.respond_to(asker, request.id, Response::Elsewhere(None));
        }
    }

    /// What is to be done from time to time for the groups that this node holds.
    pub(super) fn tend_tenures(&mut self, moment: Moment) {
        let held = self.groups.iter().filter(|(_, group)| group.tenure.is_some());
        let held: Vec<GroupId> = held.map(|(id, _)| *id).collect();
        for id in held {
            self.look_after(id, moment);
            self.fence_again(id, moment);
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
