//! Who may coordinate a group of slots: the home lease.
//!
//! Every owner grants a group to one node at a time, for [`LEASE_US`] of its own monotonic clock from
//! the grant on. Whoever holds the grants of enough owners, its own among them, is the group's home;
//! it counts from sending its request, and a little less, so that it stops before its grantors do.
//! Any two such sets of owners share one, so there are never two homes. No clock is compared with
//! another's.
//!
//! A home may give a group back before its time. Requests and their answers may be under way then,
//! late or twice, so each is known by when it was asked: what was asked before counts no more, for
//! either side.
//!
//! An owner that starts again has forgotten what it granted: it grants nothing until that has run
//! out.

use kinring_common::id::NodeId;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::quorum::Quorum;
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// How long a grant lasts for the owner that gives it: a home that is gone is replaced within a
/// second.
pub const LEASE_US: u64 = 600_000;

/// How often a holder asks again: it may miss three answers.
pub const RENEW_US: u64 = 150_000;

/// A holder's clock may run slower than a grantor's by one part in so many.
const DRIFT_PARTS: u64 = 64;

/// How long a grant lasts for its holder, from its request on.
pub const HOLD_US: u64 = LEASE_US - LEASE_US / DRIFT_PARTS;

/// What this owner has granted.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    given: BTreeMap<GroupId, Grant>,
    barred_until_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    holder: NodeId,
    /// By the holder's clock.
    asked_us: u64,
    until_us: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is granted, anew or for longer.
    Granted,
    /// Another node holds it.
    Held(NodeId),
    /// This owner does not know what it granted before it started.
    Barred,
}

impl Grants {
    /// Of an owner that has granted before and forgotten what.
    pub fn after_restart(now_us: u64) -> Grants {
        Grants { given: BTreeMap::new(), barred_until_us: now_us + LEASE_US }
    }

    /// A node asks for a group, at `asked_us` of its own clock.
    pub fn ask(&mut self, group: GroupId, node: NodeId, asked_us: u64, now_us: u64) -> Answer {
        if now_us < self.barred_until_us {
            return Answer::Barred;
        }
        if let Some(holder) = self.holder(group, now_us).filter(|holder| *holder != node) {
            return Answer::Held(holder);
        }
        // A request that was overtaken by a later one of the same node makes it no older.
        let before = self.given.get(&group).filter(|grant| grant.holder == node);
        let asked_us = before.map_or(asked_us, |grant| asked_us.max(grant.asked_us));
        self.given.insert(group, Grant { holder: node, asked_us, until_us: now_us + LEASE_US });
        Answer::Granted
    }

    /// Who holds this owner's grant of a group now. Whose writes are taken does not depend on this, but on
    /// the term that was granted last and the one that this owner is in step with: they are, too, after the
    /// time of a grant.
    pub fn holder(&self, group: GroupId, now_us: u64) -> Option<NodeId> {
        let grant = self.given.get(&group).filter(|grant| now_us < grant.until_us);
        grant.map(|grant| grant.holder)
    }

    /// A node gave a group back at `released_us` of its own clock: it coordinates it no more by what
    /// it asked for until then.
    pub fn release(&mut self, group: GroupId, node: NodeId, released_us: u64) {
        let is_any = Mutant::LateReleaseTaken.is_on();
        let is_meant =
            |grant: &Grant| grant.holder == node && (grant.asked_us <= released_us || is_any);
        if self.given.get(&group).is_some_and(is_meant) {
            self.given.remove(&group);
        }
    }
}

/// What this node has been granted.
#[derive(Clone, Debug)]
pub struct Leases {
    own: NodeId,
    quorum: Quorum,
    held: BTreeMap<GroupId, Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    /// Who granted it, and until when by this node's clock.
    grants: Vec<(NodeId, u64)>,
    /// When this node last gave it back: grants that were asked for until then are void.
    released_us: Option<u64>,
    /// Until when these grants make it the home: worked out when they change, asked for by each
    /// request and reply.
    end_us: Option<u64>,
}

impl Leases {
    /// None yet.
    pub fn new(own: NodeId, quorum: Quorum) -> Leases {
        Leases { own, quorum, held: BTreeMap::new() }
    }

    /// An owner granted what this node asked for at `asked_us` of its own clock.
    pub fn granted(&mut self, group: GroupId, by: NodeId, asked_us: u64) {
        let held = self.held.entry(group).or_default();
        if held.released_us.is_some_and(|released_us| asked_us <= released_us) {
            return;
        }
        let hold_us = if Mutant::LeaseHeldLonger.is_on() { LEASE_US } else { HOLD_US };
        let (grants, until_us) = (&mut held.grants, asked_us + hold_us);
        match grants.iter_mut().find(|(owner, _)| *owner == by) {
            Some((_, known)) => *known = until_us.max(*known),
            None => grants.push((by, until_us)),
        }
        held.end_us = held.end(self.own, self.quorum);
    }

    /// Until when this node is the group's home if nobody grants any more; `None` if it is not. To
    /// be asked again as each reply leaves.
    pub fn until_us(&self, group: GroupId, now_us: u64) -> Option<u64> {
        let last = self.held.get(&group)?.end_us?;
        (now_us < last).then_some(last)
    }

    /// Whether this node is the group's home.
    pub fn is_home(&self, group: GroupId, now_us: u64) -> bool {
        self.until_us(group, now_us).is_some()
    }

    /// Whose grants it holds now, this node's among them.
    pub fn grantors(&self, group: GroupId, now_us: u64) -> impl Iterator<Item = NodeId> {
        let grants = self.held.get(&group).into_iter().flat_map(|held| &held.grants);
        grants.filter(move |(_, until_us)| now_us < *until_us).map(|&(owner, _)| owner)
    }

    /// This node stops coordinating the group: whatever it asked for until now counts no more. The
    /// grantors may be told, with the same time.
    pub fn release(&mut self, group: GroupId, now_us: u64) {
        let held = self.held.entry(group).or_default();
        held.grants.clear();
        (held.released_us, held.end_us) = (Some(now_us), None);
    }
}

impl Held {
    /// When the first of the grants that are needed runs out, this node's own among them.
    fn end(&self, own: NodeId, quorum: Quorum) -> Option<u64> {
        let own = self.grants.iter().find(|(owner, _)| *owner == own)?.1;
        let mut ends: Vec<u64> = self.grants.iter().map(|&(_, until_us)| until_us).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        Some(own.min(*ends.get(quorum.grants() - 1)?))
    }
}
