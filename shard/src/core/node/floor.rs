//! Floor rounds: settling history, so that tombstones and old contexts can go.
//!
//! A settled home notes the clock that it has reached, and takes care to mint above it; so does every
//! other owner for what it mints without a lease. Then it exchanges with all of them; if anything came
//! to it meanwhile, in an exchange or in another way, with all of them once more. Now every owner has every
//! event up to those clocks: what is absent is dead. That is the floor. It is logged after the data,
//! everywhere.
//!
//! Actors that are none of the owners' any more are closed: of homes at once, as what counts of theirs is here,
//! of those who wrote without a lease when all have been told: see `ended`.
//!
//! All owners must be there. While one is away nothing is settled, and nothing that was deleted can come
//! back with it.

use super::ended::Ended;
use super::session::Purpose;
use super::tenure::Phase;
use super::{Moment, Node};
use kinring_common::causal::{Context, Floor};
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, Dot, NodeId};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use std::collections::BTreeSet;

/// A round that has not come to its end by then is given up.
const ROUND_MAX_US: u64 = 10_000_000;

/// A round under way.
#[derive(Debug)]
pub struct Round {
    /// Up to where everybody has everything.
    clocks: Vec<(Actor, Hlc)>,
    /// With whom this node is still to exchange.
    waits_for: BTreeSet<NodeId>,
    /// Something came here since it began.
    has_changed: bool,
    is_second_pass: bool,
    until_us: u64,
    ended: Ended,
}

impl Round {
    /// Who writes without a lease no more, as all owners are to know while it goes on.
    pub fn ended(&self) -> &[Actor] {
        self.ended.told()
    }

    /// Something came to the home from elsewhere: those with whom it has exchanged may lack it.
    pub fn has_changed(&mut self) {
        self.has_changed = true;
    }
}

impl Node {
    pub(super) fn tend_round(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let Some(tenure) = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut()) else {
            return;
        };
        if tenure.phase != Phase::Settled {
            return;
        }
        match &tenure.round {
            Some(round) if now_us > round.until_us => self.give_up_round(id),
            Some(round) => {
                let waits_for: Vec<NodeId> = round.waits_for.iter().copied().collect();
                for peer in waits_for {
                    if !self.sessions.is_open(id, peer) {
                        self.open_session(id, peer, Purpose::Round, moment);
                    }
                }
            }
            None if now_us >= tenure.round_us => self.begin_round(id, moment),
            None => {}
        }
    }

    fn give_up_round(&mut self, id: GroupId) {
        if let Some(tenure) = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut()) {
            tenure.round = None;
        }
        self.sessions.end_with_any(id, |purpose| purpose == Purpose::Round);
    }

    fn begin_round(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let grantors: Vec<NodeId> = self.leases.grantors(id, now_us).collect();
        let group = &self.groups[&id];
        let tenure = group.tenure.as_ref().expect("it is held");
        let mut others: BTreeSet<NodeId> = tenure.owners.keys().copied().collect();
        let is_there = |(node, owner): (&NodeId, &super::repair::Owner)| {
            grantors.contains(node) && owner.is_in_step && owner.behind.is_none()
        };
        if Mutant::FloorWithoutAll.is_on() {
            others.retain(|node| grantors.contains(node));
        } else if !tenure.owners.iter().all(is_there) || tenure.leaving.is_some() {
            return;
        }
        let clock = self.clock_of(id).tick(moment.now.wall_ms);
        self.observe(id, clock);
        let clocks = vec![(self.actors.0, clock), (self.actors.1, clock)];
        let group = self.groups.get_mut(&id).expect("it is held");
        let tenure = group.tenure.as_mut().expect("it is held");
        let told = std::mem::take(&mut tenure.ended);
        // What is left of an earlier round began before this one.
        self.sessions.end_with_any(id, |purpose| purpose == Purpose::Round);
        tenure.round_us = now_us + self.settings.round_us;
        tenure.round = Some(Round {
            clocks,
            waits_for: others,
            has_changed: false,
            is_second_pass: false,
            until_us: now_us + ROUND_MAX_US,
            ended: Ended::new(&group.open, told.clone()),
        });
        self.have_ended(id, &told);
        self.tend_round(id, moment);
        self.round_if_done(id, moment);
    }

    /// An exchange of a round has come to its end.
    pub(super) fn round_with(
        &mut self,
        id: GroupId,
        peer: NodeId,
        clock: Option<([Actor; 2], Hlc)>,
        moment: Moment,
    ) {
        let is_settled =
            |(_, hlc)| Mutant::WrongClockSettled.is_on() || self.is_believable(hlc, moment);
        if !clock.is_none_or(is_settled) {
            return self.give_up_round(id);
        }
        let tenure = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut());
        let Some(round) = tenure.and_then(|tenure| tenure.round.as_mut()) else { return };
        if !round.waits_for.remove(&peer) {
            return;
        }
        if !round.is_second_pass {
            round
                .clocks
                .extend(clock.into_iter().flat_map(|(actors, hlc)| actors.map(|a| (a, hlc))));
        }
        self.round_if_done(id, moment);
    }

    fn round_if_done(&mut self, id: GroupId, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is held");
        let Some(tenure) = group.tenure.as_mut() else { return };
        let Some(round) = tenure.round.as_mut().filter(|round| round.waits_for.is_empty()) else {
            return;
        };
        if round.has_changed && !round.is_second_pass {
            round.waits_for = tenure.owners.keys().copied().collect();
            round.is_second_pass = true;
            return self.tend_round(id, moment);
        }
        let round = tenure.round.take().expect("it was there");
        // Who minted here and is none of the owners as they are now: all that counts of theirs is here.
        let ended = round.ended;
        let now: BTreeSet<Actor> = round.clocks.iter().map(|(actor, _)| *actor).collect();
        let strangers = std::mem::take(&mut tenure.strangers);
        // Who was not asked may live.
        let are_known = !Mutant::FloorWithoutAll.is_on();
        let gone = group.open.iter().copied().chain(strangers);
        let gone = gone.filter(|actor| are_known && !now.contains(actor) && ended.closes(*actor));
        let closed = gone.map(|actor| Dot { hlc: Hlc::CLOSED, actor });
        let settled = round.clocks.into_iter().map(|(actor, hlc)| Dot { hlc, actor });
        let floor = Floor::from(settled.chain(closed).collect::<Context>());
        let owners: Vec<NodeId> = tenure.owners.keys().copied().collect();
        tenure.ended = ended.found(&now);
        self.tally.rounds += 1;
        self.raise_floor(id, &floor);
        self.send_settle(id, &owners);
    }
}
