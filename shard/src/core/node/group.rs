//! What a node knows of a group: slots that it owns together with the same others.

use super::bonds::Bonds;
use super::tenure::Tenure;
use kinring_common::causal::Floor;
use kinring_common::id::{Actor, NodeId};
use kinring_common::keyspace::{PARTITIONS, Slots};
use kinring_common::placement::layout;
use kinring_common::placement::slot::Slot;
use kinring_common::quorum::Quorum;
use kinring_common::wire::GroupHorizon;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Debug)]
pub struct Group {
    /// All owners, first the one that is home when all are healthy.
    pub owners: Vec<NodeId>,
    /// This node's place among them.
    pub rank: usize,
    /// The slots, ascending.
    pub slots: Vec<Slot>,
    /// The same by partition.
    pub parts: Vec<(u8, Slots)>,
    /// What is settled.
    pub horizon: GroupHorizon,
    /// Whose writes may be about and are not closed, in the order in which this node granted them. The
    /// last one was granted last.
    pub open: Vec<Actor>,
    /// Whether this node has what it should.
    pub wholeness: Wholeness,
    /// Who said that it holds the group, and when (this node's clock).
    pub claim: Option<(NodeId, u64)>,
    /// When somebody last did, or this node started.
    pub claimed_us: u64,
    /// Until when the last holder has left the group to this node.
    pub offered_until_us: u64,
    /// Since when this node has asked for it in vain.
    pub asking_since_us: Option<u64>,
    /// It does not ask again before.
    pub backs_off_until_us: u64,
    /// While it holds it.
    pub tenure: Option<Tenure>,
    /// Keys that travel together.
    pub bonds: Bonds,
}

/// Whether an owner's data can be counted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wholeness {
    /// It has all that it ever acknowledged.
    Whole,
    /// It lost some, and has exchanged with these since: those that are whole, and all.
    Rebuilding {
        /// Owners that were whole.
        whole: BTreeSet<NodeId>,
        /// Owners, whole or not.
        any: BTreeSet<NodeId>,
    },
}

impl Group {
    /// Of a node that owns it.
    pub fn new(group: &layout::Group<'_>, own: NodeId, is_whole: bool, now_us: u64) -> Group {
        let mut parts: BTreeMap<u8, Slots> = BTreeMap::new();
        for slot in group.slots {
            let partition = (usize::from(slot.number()) % PARTITIONS) as u8;
            parts.entry(partition).or_insert(Slots::NONE).insert(*slot);
        }
        let rebuilding = Wholeness::Rebuilding { whole: BTreeSet::new(), any: BTreeSet::new() };
        let rank = group.owners.iter().position(|owner| *owner == own);
        Group {
            owners: group.owners.to_vec(),
            rank: rank.expect("a node has groups that it owns"),
            slots: group.slots.to_vec(),
            parts: parts.into_iter().collect(),
            horizon: GroupHorizon::default(),
            open: Vec::new(),
            wholeness: if is_whole { Wholeness::Whole } else { rebuilding },
            claim: None,
            claimed_us: now_us,
            offered_until_us: 0,
            asking_since_us: None,
            backs_off_until_us: 0,
            tenure: None,
            bonds: Bonds::default(),
        }
    }

    /// The other owners.
    pub fn others(&self) -> impl Iterator<Item = NodeId> {
        let rank = self.rank;
        self.owners.iter().enumerate().filter(move |(at, _)| *at != rank).map(|(_, owner)| *owner)
    }

    /// Whether another owner may be its holder at this node's word, and its own data counts.
    pub fn is_whole(&self) -> bool {
        self.wholeness == Wholeness::Whole
    }

    /// It has exchanged with an owner since it lost its data. Returns whether it is whole by that.
    pub fn rebuilt_with(&mut self, peer: NodeId, is_whole: bool, is_home: bool, q: Quorum) -> bool {
        let Wholeness::Rebuilding { whole, any } = &mut self.wholeness else { return false };
        any.insert(peer);
        if is_whole {
            whole.insert(peer);
        }
        // With all of them there is nobody left to wait for: nobody has more.
        let all = self.owners.len() - 1;
        let done = is_home || whole.len() >= q.others().min(all) || any.len() == all;
        if done {
            self.wholeness = Wholeness::Whole;
        }
        done
    }

    /// An actor was granted the group, here. Returns whether that is new.
    pub fn grant(&mut self, actor: Actor) -> bool {
        let is_new = self.open.last() != Some(&actor);
        if is_new {
            self.open.push(actor);
        }
        is_new
    }

    /// Whether an actor may be closed by another holder: it was granted before another one was.
    pub fn is_retired(&self, actor: Actor) -> bool {
        let superseded = self.open.contains(&actor) && self.open.last() != Some(&actor);
        superseded || self.horizon.floor.closes(actor)
    }

    /// The floor is higher. Closed actors are no longer about.
    pub fn raise_floor(&mut self, floor: &Floor) {
        self.horizon.floor.merge(floor);
        let floor = &self.horizon.floor;
        self.open.retain(|actor| !floor.closes(*actor));
    }

    /// Whether something waits for other owners.
    pub fn is_busy(&self) -> bool {
        self.tenure.as_ref().is_some_and(Tenure::is_busy)
    }

    /// Who holds it, as far as this node heard lately.
    pub fn holder(&self, now_us: u64) -> Option<NodeId> {
        self.claim.filter(|(_, at_us)| now_us < at_us + crate::core::lease::LEASE_US).map(|(n, _)| n)
    }
}
