//! What can be seen of a node from outside: for tests, and for people.

use super::group::Group;
use super::{Node, bonds, journal, pull, refusals, repair, requests, session, tenure};
use crate::core::flight;
use crate::core::lease::RENEW_US;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use std::collections::BTreeMap;

/// How often what happened since this node started. What must happen for a promise to be kept, and is seen
/// by no client, is counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// It became the settled home of a group.
    pub takeovers: u64,
    /// It ended a floor round: a floor was settled.
    pub rounds: u64,
    /// It ended a key whose time had passed.
    pub expired: u64,
    /// An owner that had been away acknowledged a write that was kept for it.
    pub hints: u64,
    /// What another owner said of keys that were read here changed them.
    pub read_repairs: u64,
    /// There was no room to note a write for those who miss it.
    pub overflows: u64,
}

impl Node {
    /// What happened since it started.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether a slot's group has taken back flushes, and has not got back yet what these removed: what it
    /// has there says nothing then.
    pub fn is_unflushed(&self, slot: Slot) -> bool {
        let group = self.groups.get(&self.layout.group_of(slot));
        group.is_some_and(|group| !group.unflushed.is_empty())
    }

    /// Whether its own wall clock is as good as what others say, as far as it knew when something last
    /// happened.
    pub fn believes_its_clock(&self) -> bool {
        self.believes_its_clock
    }

    /// Whether nothing waits for anything: every group has a home, which is settled and knows of
    /// nothing that an owner misses.
    pub fn is_at_rest(&self) -> bool {
        let now_us = self.beat_us.saturating_sub(RENEW_US);
        let rests = |group: &Group| match &group.tenure {
            Some(tenure) => {
                tenure.phase == tenure::Phase::Settled
                    && !tenure.is_busy()
                    && tenure.owners.values().all(repair::Owner::misses_nothing)
            }
            None => group.holder(now_us).is_some(),
        };
        let sent = |group: &Group| !group.unleased.is_busy();
        self.is_whole() && self.groups.values().all(|group| rests(group) && sent(group))
    }

    /// Whether it is the home of a group now, and settled.
    pub fn is_settled_home(&self, id: GroupId, now_us: u64) -> bool {
        let tenure = self.groups.get(&id).and_then(|group| group.tenure.as_ref());
        tenure.is_some_and(|tenure| tenure.phase == tenure::Phase::Settled)
            && self.leases.is_home(id, now_us)
    }

    /// How long its queues are, and how long they may be.
    pub fn queues(&self) -> Vec<(&'static str, usize, usize)> {
        let tenures = || self.groups.values().filter_map(|group| group.tenure.as_ref());
        let most = |lens: &mut dyn Iterator<Item = usize>| lens.max().unwrap_or(0);
        let missed = tenures().flat_map(|tenure| tenure.owners.values());
        let bonds = self.groups.values().map(|group| group.bonds.len());
        vec![
            ("writes under way", most(&mut tenures().map(|t| t.flight.len())), flight::WRITES_MAX),
            (
                "replies waiting",
                most(&mut tenures().map(|t| t.flight.replies())),
                flight::REPLIES_MAX,
            ),
            (
                "requests waiting",
                most(&mut tenures().map(|t| t.waiting.len())),
                tenure::WAITING_MAX,
            ),
            (
                "writes missed",
                most(&mut missed.map(|owner| owner.missed.len())),
                self.settings.missed_max,
            ),
            (
                "available writes",
                most(&mut self.groups.values().map(|group| group.unleased.len())),
                self.settings.missed_max,
            ),
            (
                "writes in doubt",
                most(&mut self.groups.values().map(|group| group.doubtful.len())),
                flight::WRITES_MAX,
            ),
            ("bonds", most(&mut { bonds }), bonds::BONDS_MAX),
            ("exchanges", self.sessions.len(), session::SESSIONS_MAX),
            ("pulls", self.sessions.pulls(), pull::PULLS_MAX),
            ("records known in part", self.pulls.len(), pull::MODELS_MAX),
            ("requests known", self.requests.len(), requests::REQUESTS_MAX),
            ("refusals known", self.refusals.len(), refusals::REFUSALS_MAX),
            // What this node itself holds is counted by the writes under way.
            ("waiting for the disk", self.journal.len(), journal::WAITING_MAX + flight::WRITES_MAX),
        ]
    }

    /// How many messages were refused as a whole: they named a database that is not there, or a key that is
    /// not of their group.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How often it has taken large records by ranges, and why.
    pub fn pulls(&self) -> &BTreeMap<&'static str, u64> {
        self.pulls.counts()
    }

    /// How often a step of an exchange that nobody waited for was held up.
    pub fn paced(&self) -> u64 {
        self.pace.waits()
    }

    /// How its groups are, in words for people.
    pub fn describe(&self) -> Vec<String> {
        let sound = self.peers.iter().map(|(node, peer)| (node, peer.is_sound)).collect::<Vec<_>>();
        let describe = |(id, group): (&GroupId, &Group)| {
            let tenure = group.tenure.as_ref();
            let held = tenure.map(|tenure| (&tenure.phase, &tenure.owners, &tenure.leaving));
            format!(
                "{id:?}: rank {} {:?}, claimed by {:?}, term {:?}, bid {:?} (known {}), asking since {:?}, \
                 not before {}, held {held:?}, without a lease {:?}, in doubt {:?}, given up {}",
                group.rank,
                group.wholeness,
                group.claim,
                group.term,
                group.bid,
                group.known_term,
                group.asking_since_us,
                group.backs_off_until_us,
                group.unleased,
                group.doubtful,
                group.is_given_up,
            )
        };
        let first = format!("beats at {}, peers sound: {sound:?}", self.beat_us);
        std::iter::once(first).chain(self.groups.iter().map(describe)).collect()
    }
}
