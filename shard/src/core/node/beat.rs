//! Heartbeats: who is up, who wants which group, who is granted it.
//!
//! Every 150 ms a node says to each co-owner which of their groups it wants, and to those who tell it the
//! time (`clocks`) that it is there. A holder goes on wanting
//! what it holds. Nobody else asks while somebody says that he holds it; when nobody does, the first
//! healthy owner asks. One that asks in vain for a second stops for a while: perhaps its answers do
//! not reach it, and it keeps others from being granted. One that cannot hold a group, because its data is
//! incomplete or it reaches too few owners, says so: nobody waits for it, or hands that over to it.
//!
//! Messages of an earlier start of a node may come late, so which of two starts is the later one is told
//! by answers: that of the later one is to a later heartbeat, by the clock of whoever sent both.

use super::group::Group;
use super::tenure::Tenure;
use super::{Moment, Node};
use crate::core::lease::{Answer, LEASE_US, RENEW_US};
use crate::store::Entry;
use kinring_common::id::{Actor, NodeId};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Beat, Granted, Heartbeat, Message, Term};

/// A candidate that has not got enough grants in this time leaves it to others for a while.
const CANDIDACY_US: u64 = 1_000_000;

/// So long nobody says that he holds a group before an owner asks whose turn it is not.
const CLAIMLESS_US: u64 = 1_000_000;

/// And so much longer for each place further back in the list.
const CLAIMLESS_RANK_US: u64 = 400_000;

impl Node {
    pub(super) fn beat(&mut self, moment: Moment) {
        let now_us = moment.now.mono_us;
        self.beat_us = now_us + RENEW_US;
        let ids: Vec<GroupId> = self.groups.keys().copied().collect();
        let mut asks: Vec<(GroupId, Term, Option<u64>)> = Vec::new();
        for &id in &ids {
            if self.groups[&id].tenure.is_some() && !moment.is_sound {
                self.give_back(id, None, moment);
            }
            if self.wants(id, moment) {
                let term = self.bid(id, moment);
                asks.push((id, term, self.groups[&id].tenure.as_ref().map(Tenure::stable)));
            }
        }
        for &(id, term, _) in &asks {
            self.ask_self(id, term, moment);
        }
        self.send_heartbeats(&asks, moment);
        ids.into_iter().for_each(|id| self.look_after(id, moment));
    }

    fn send_heartbeats(&mut self, asks: &[(GroupId, Term, Option<u64>)], moment: Moment) {
        let cannot = |group: &Group| !group.is_whole() || !self.reaches_enough(group, moment);
        let declines = self.groups.iter().filter(|(_, group)| cannot(group));
        let declines: Vec<GroupId> = declines.map(|(id, _)| *id).collect();
        let peers: Vec<NodeId> = self.peers.keys().copied().collect();
        for to in peers {
            let shared = &self.peers[&to].shared;
            let of = |id: &GroupId| shared.binary_search(id).is_ok();
            let beat = Heartbeat {
                incarnation: self.incarnation,
                epoch: self.layout.epoch(),
                sent_us: moment.now.mono_us,
                actor: self.actors.0,
                is_sound: moment.is_sound,
                asks: asks.iter().filter(|(id, ..)| of(id)).copied().collect(),
                declines: declines.iter().filter(|id| of(id)).copied().collect(),
            };
            // What it asks for is no promise: it may go before the log is durable.
            self.outputs.push_back(super::Output::Peer(to, Message::Heartbeat(Box::new(beat))));
        }
    }

    /// Whether this node should ask for a group.
    fn wants(&mut self, id: GroupId, moment: Moment) -> bool {
        let now_us = moment.now.mono_us;
        let group = &self.groups[&id];
        if !moment.is_sound || !group.is_whole() || now_us < group.backs_off_until_us {
            return false;
        }
        if group.tenure.is_some() {
            return true;
        }
        let is_held = group.holder(now_us).is_some();
        let is_offered = now_us < group.offered_until_us;
        let waited_us = now_us.saturating_sub(group.claimed_us);
        let is_overdue = waited_us > CLAIMLESS_US + CLAIMLESS_RANK_US * group.rank as u64;
        let first = group.earlier().iter().all(|owner| !self.is_able(*owner, id, moment));
        // With too few owners up it would ask in vain, and be tired when they come back.
        let is_possible = self.reaches_enough(group, moment);
        let wants = is_possible && (is_offered || !is_held && (first || is_overdue));
        let group = self.groups.get_mut(&id).expect("it was there");
        if !wants {
            group.asking_since_us = None;
            group.bid = None;
            return false;
        }
        let since_us = *group.asking_since_us.get_or_insert(now_us);
        if now_us - since_us <= CANDIDACY_US {
            return true;
        }
        let longer_us = self.random.below(CANDIDACY_US as usize) as u64;
        self.groups.get_mut(&id).expect("it was there").backs_off_until_us =
            now_us + CANDIDACY_US + longer_us;
        self.give_back(id, None, moment);
        false
    }

    /// Whether so many owners are up, as seen from here, that this node could be settled.
    fn reaches_enough(&self, group: &Group, moment: Moment) -> bool {
        let up = group.owners.iter().filter(|owner| self.is_up(**owner, moment)).count();
        up >= self.quorum.settles()
    }

    /// Whether an owner could hold a group, as far as this node knows.
    pub(super) fn is_able(&self, owner: NodeId, id: GroupId, moment: Moment) -> bool {
        let Some(peer) = self.peers.get(&owner) else { return false };
        let fit = peer.is_sound && !peer.declines.contains(&id);
        self.is_up(owner, moment) && (fit || peer.incarnation.is_none())
    }

    /// The term that this node asks for.
    fn bid(&mut self, id: GroupId, moment: Moment) -> Term {
        let tenure = self.random.word();
        let group = self.groups.get_mut(&id).expect("it is owned");
        if let Some(term) = group.bid {
            return term;
        }
        let known = group.known_term.max(group.latest().number);
        let term = Term { number: known + 1, tenure };
        group.bid = Some(term);
        // What it was granted before is not what it asks for now.
        self.leases.release(id, moment.now.mono_us.saturating_sub(1));
        term
    }

    fn ask_self(&mut self, id: GroupId, term: Term, moment: Moment) {
        let now_us = moment.now.mono_us;
        let (own, actor) = (self.own, self.actors.0);
        match self.grant(id, (own, actor), term, now_us, moment) {
            // Its own word counts when it is durable: at the next beat.
            Granted::Yes if !self.journal.has_synced(self.groups[&id].granted_at) => {}
            Granted::Yes => self.leases.granted(id, own, now_us),
            Granted::Held(_) | Granted::NotYet => {}
            Granted::Stale(number) => self.outbid(id, number),
        }
    }

    /// Somebody has granted a later term.
    fn outbid(&mut self, id: GroupId, number: u64) {
        self.end_tenure(id);
        let group = self.groups.get_mut(&id).expect("it is owned");
        // The next bid is above it.
        group.known_term = group.known_term.max(number);
    }

    /// What this node answers to whoever asks it for a group.
    fn grant(
        &mut self,
        id: GroupId,
        (node, actor): (NodeId, Actor),
        term: Term,
        asked_us: u64,
        moment: Moment,
    ) -> Granted {
        let Some(group) = self.groups.get_mut(&id) else { return Granted::NotYet };
        if !group.is_whole() && !Mutant::LossyCountsAsWhole.is_on() {
            return Granted::NotYet;
        }
        let known = group.latest();
        let is_later = term.number > known.number;
        if !is_later && term != known && !Mutant::StaleTermGranted.is_on() {
            return Granted::Stale(known.number);
        }
        match self.grants.ask(id, node, asked_us, moment.now.mono_us) {
            Answer::Held(holder) => Granted::Held(holder),
            Answer::Barred => Granted::NotYet,
            Answer::Granted => {
                self.has_granted(id, term, actor);
                Granted::Yes
            }
        }
    }

    /// A term is granted here.
    pub(super) fn has_granted(&mut self, id: GroupId, term: Term, actor: Actor) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        if group.grant(term, actor) {
            self.log(Entry::Granted { group: id, term, actor });
            let granted_at = self.journal.appended();
            self.groups.get_mut(&id).expect("it was there").granted_at = granted_at;
        }
    }

    pub(super) fn heartbeat(&mut self, from: NodeId, beat: &Heartbeat, moment: Moment) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if peer.incarnation != Some(beat.incarnation) {
            // Another start of it, a later one or an earlier: that is told by its answer to this.
            return self.answer_beat(from, beat, Vec::new(), moment);
        }
        self.suspicion.heard(from, moment.now.mono_us);
        if beat.epoch != self.layout.epoch() {
            return;
        }
        let peer = self.peers.get_mut(&from).expect("it was heard of");
        (peer.is_sound, peer.declines) = (beat.is_sound, beat.declines.iter().copied().collect());
        let now_us = moment.now.mono_us;
        let mut asked = Vec::new();
        for &(id, term, holds) in &beat.asks {
            let Some(group) = self.groups.get_mut(&id).filter(|g| g.owners.contains(&from)) else {
                continue;
            };
            if let Some(stable) = holds {
                (group.claim, group.claimed_us) = (Some((from, now_us)), now_us);
                group.is_safe(term.tenure, stable);
            }
            self.yield_to(from, id, moment);
            let granted = self.grant(id, (from, beat.actor), term, beat.sent_us, moment);
            asked.push((id, term, granted));
        }
        self.answer_beat(from, beat, asked, moment);
    }

    fn answer_beat(
        &mut self,
        to: NodeId,
        beat: &Heartbeat,
        asked: Vec<(GroupId, Term, Granted)>,
        moment: Moment,
    ) {
        let (incarnation, wall_ms) = (self.incarnation, moment.raw_ms);
        let (asker, sent_us) = (beat.incarnation, beat.sent_us);
        self.send(
            to,
            Message::Beat(Box::new(Beat { incarnation, asker, sent_us, wall_ms, asked })),
        );
    }

    /// Of two that ask, the one before the other in the list goes first, or they would deny each other
    /// the group.
    fn yield_to(&mut self, other: NodeId, id: GroupId, moment: Moment) {
        let group = &self.groups[&id];
        if group.bid.is_none() || group.tenure.is_some() || !group.earlier().contains(&other) {
            return;
        }
        self.give_back(id, None, moment);
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.backs_off_until_us = moment.now.mono_us + LEASE_US;
    }

    pub(super) fn beaten(&mut self, from: NodeId, beat: &Beat, moment: Moment) {
        let now_us = moment.now.mono_us;
        let is_ours = beat.asker == self.incarnation && beat.sent_us <= now_us;
        let Some(peer) = self.peers.get_mut(&from).filter(|_| is_ours) else { return };
        // Whoever answers what was asked later lives later.
        let is_later = peer.answered_us.is_none_or(|answered_us| beat.sent_us > answered_us);
        if peer.incarnation != Some(beat.incarnation) {
            if !is_later {
                return;
            }
            peer.incarnation = Some(beat.incarnation);
            self.restarted(from);
        }
        let peer = self.peers.get_mut(&from).expect("it was heard of");
        peer.answered_us = peer.answered_us.max(Some(beat.sent_us));
        self.suspicion.heard(from, now_us);
        self.drift.answered(from, beat.wall_ms, (beat.sent_us, now_us));
        self.judged = None;
        for &(id, term, granted) in &beat.asked {
            if self.groups.get(&id).and_then(|group| group.bid) != Some(term) {
                continue;
            }
            match granted {
                Granted::Yes => {
                    let sent_us =
                        if Mutant::LeaseFromAnswer.is_on() { now_us } else { beat.sent_us };
                    self.leases.granted(id, from, sent_us);
                }
                Granted::Stale(number) => self.outbid(id, number),
                Granted::Held(_) | Granted::NotYet => {}
            }
            self.look_after(id, moment);
        }
    }

    pub(super) fn released(
        &mut self,
        from: NodeId,
        incarnation: u64,
        (id, released_us): (GroupId, u64),
        next: Option<NodeId>,
        moment: Moment,
    ) {
        let now_us = moment.now.mono_us;
        // The clock of another process of it says nothing of this one's requests.
        if self.peers.get(&from).and_then(|peer| peer.incarnation) != Some(incarnation) {
            return;
        }
        let Some(group) = self.groups.get_mut(&id) else { return };
        self.grants.release(id, from, released_us);
        if group.claim.is_some_and(|(holder, _)| holder == from) {
            group.claim = None;
        }
        if next == Some(self.own) {
            group.offered_until_us = now_us + CANDIDACY_US;
            self.beat_us = self.beat_us.min(now_us + 1);
            self.wake_at(self.beat_us);
        }
    }

    /// Stops holding a group, or asking for it, and tells the other owners.
    pub(super) fn give_back(&mut self, id: GroupId, next: Option<NodeId>, moment: Moment) {
        let released_us = moment.now.mono_us;
        self.end_tenure(id);
        self.leases.release(id, released_us);
        self.grants.release(id, self.own, released_us);
        let group = self.groups.get_mut(&id).expect("a node gives its own groups back");
        group.asking_since_us = None;
        if next.is_some() {
            // The next one has its turn before this one asks again.
            group.backs_off_until_us = released_us + LEASE_US;
        }
        let others: Vec<NodeId> = group.others().collect();
        for to in others {
            let incarnation = self.incarnation;
            self.send(to, Message::Release { incarnation, group: id, released_us, next });
        }
    }
}

impl Group {
    /// The owners before this node in the list.
    pub fn earlier(&self) -> &[NodeId] {
        &self.owners[..self.rank]
    }
}
