//! What a node knows of a group: slots that it owns together with the same others.

use super::bonds::Bonds;
use super::doubtful::Doubtful;
use super::tenure::{Phase, Tenure};
use super::unleased::Unleased;
use kinring_common::causal::Floor;
use kinring_common::id::{Actor, NodeId};
use kinring_common::keyspace::{Slots, partition_of};
use kinring_common::placement::layout;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::Term;
use kinring_common::wire::{GroupCuts, GroupHorizon, Name};
use std::collections::BTreeMap;

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
    /// The last term that this node granted.
    pub term: Term,
    /// Where in the log that is.
    pub granted_at: u64,
    /// With which term's holder this node was in step last.
    pub step: Term,
    /// By whom holders minted whom this node granted, and who has written here without a lease, as far as that
    /// is not closed.
    pub open: Vec<Actor>,
    /// Who has ended among those without a lease, as far as that is not closed.
    pub ended: Vec<Actor>,
    /// The highest number of a term that this node heard of.
    pub known_term: u64,
    /// The term that this node asks for, or holds.
    pub bid: Option<Term>,
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
    /// Leased writes that it has and that may not count.
    pub doubtful: Doubtful,
    /// Flushes that do not count: an owner that is being put in step takes them back, and has not got back
    /// yet what they removed.
    pub unflushed: GroupCuts,
    /// In which exchange of another one it adopts.
    pub adopts: Option<u64>,
    /// An adoption was given up: it begins again before this owner is in step.
    pub is_given_up: bool,
    /// What this node wrote without a lease.
    pub unleased: Unleased,
}

/// Whether an owner's data can be counted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wholeness {
    /// It has all that it ever acknowledged.
    Whole,
    /// It lost some.
    Rebuilding(Rebuilding),
}

/// Getting lost data back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilding {
    /// With which term's holder this node was in step, of which it has a beginning left.
    pub had: Term,
    /// What is known of the other owners since it started.
    pub sources: BTreeMap<NodeId, Source>,
}

/// An owner to get data back from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its start that said so.
    pub incarnation: Option<u64>,
    /// Its data is complete.
    pub is_whole: bool,
    /// The latest term that it granted.
    pub term: Term,
    /// With which term's holder it was in step.
    pub step: Term,
    /// All of it was taken.
    pub is_taken: bool,
}

impl Rebuilding {
    /// The latest term that an owner may have granted before it lost what it knew of that: each that counts
    /// was granted by one of its sources, too.
    pub fn may_have_granted(&self) -> Term {
        let mut latest = Term::default();
        for Source { term, .. } in self.sources.values() {
            if term.number > latest.number {
                latest = *term;
            } else if term.number == latest.number && *term != latest {
                // One of both, and then never the other one.
                latest.tenure = 0;
            }
        }
        latest
    }
}

impl Group {
    /// Of a node that owns it.
    pub fn new(group: &layout::Group<'_>, own: NodeId, is_whole: bool, now_us: u64) -> Group {
        let mut parts: BTreeMap<u8, Slots> = BTreeMap::new();
        for slot in group.slots {
            parts.entry(partition_of(*slot)).or_insert(Slots::NONE).insert(*slot);
        }
        let rebuilding = Wholeness::Rebuilding(Rebuilding::default());
        let rank = group.owners.iter().position(|owner| *owner == own);
        Group {
            owners: group.owners.to_vec(),
            rank: rank.expect("a node has groups that it owns"),
            slots: group.slots.to_vec(),
            parts: parts.into_iter().collect(),
            horizon: GroupHorizon::default(),
            term: Term::default(),
            granted_at: 0,
            step: Term::default(),
            open: Vec::new(),
            ended: Vec::new(),
            known_term: 0,
            bid: None,
            wholeness: if is_whole { Wholeness::Whole } else { rebuilding },
            claim: None,
            claimed_us: now_us,
            offered_until_us: 0,
            asking_since_us: None,
            backs_off_until_us: 0,
            tenure: None,
            bonds: Bonds::default(),
            doubtful: Doubtful::default(),
            unflushed: GroupCuts::new(),
            adopts: None,
            is_given_up: false,
            unleased: Unleased::default(),
        }
    }

    /// The other owners.
    pub fn others(&self) -> impl Iterator<Item = NodeId> {
        let rank = self.rank;
        self.owners.iter().enumerate().filter(move |(at, _)| *at != rank).map(|(_, owner)| *owner)
    }

    /// The latest term that this node granted, or was in step with: it may have forgotten what it granted
    /// and have got back what it held.
    pub fn latest(&self) -> Term {
        if self.step.number > self.term.number { self.step } else { self.term }
    }

    /// Whether another owner may be its holder at this node's word, and its own data counts.
    pub fn is_whole(&self) -> bool {
        self.wholeness == Wholeness::Whole
    }

    /// With which term's holder this node was in step last, as far as it has that still.
    pub fn has_of(&self) -> Term {
        match &self.wholeness {
            Wholeness::Rebuilding(Rebuilding { had, .. }) if had.number > self.step.number => *had,
            _ => self.step,
        }
    }

    /// A term is granted, here. Returns whether that is new.
    pub fn grant(&mut self, term: Term, actor: Actor) -> bool {
        let is_new = self.term != term;
        self.term = term;
        self.meet(actor);
        is_new
    }

    /// A holder minted by this actor, perhaps; or an owner did, without a lease.
    pub fn meet(&mut self, actor: Actor) {
        if !self.open.contains(&actor) && !self.horizon.floor.closes(actor) {
            self.open.push(actor);
        }
    }

    /// Whether it is news that this actor has ended.
    pub fn is_new_end(&self, actor: Actor) -> bool {
        !self.ended.contains(&actor) && !self.horizon.floor.closes(actor)
    }

    /// The floor is higher. Closed actors are no longer about.
    pub fn raise_floor(&mut self, floor: &Floor) {
        self.horizon.floor.merge(floor);
        let floor = &self.horizon.floor;
        self.open.retain(|actor| !floor.closes(*actor));
        self.ended.retain(|actor| !floor.closes(*actor));
    }

    /// What an owner said of itself holds no more.
    pub fn ask_anew(&mut self, node: NodeId) {
        if let Wholeness::Rebuilding(rebuilding) = &mut self.wholeness {
            rebuilding.sources.remove(&node);
        }
        let Some(tenure) = self.tenure.as_mut() else { return };
        if let Some(owner) = tenure.owners.get_mut(&node) {
            owner.begins_anew();
            // A floor is settled with those who are known.
            tenure.round = None;
        }
    }

    /// Whether something waits for other owners.
    pub fn is_busy(&self) -> bool {
        self.tenure.as_ref().is_some_and(Tenure::is_busy) || self.unleased.is_busy()
    }

    /// All that counts is here, and nothing else but what this holder has under way; and what was in doubt, if
    /// this node says so of itself.
    pub fn is_put_in_step(&mut self, term: Term, is_own: bool) {
        if !is_own {
            self.doubtful.begin(term.tenure);
        }
        self.unflushed.clear();
        (self.adopts, self.is_given_up) = (None, false);
    }

    /// All writes of a tenure below this one are on enough owners.
    pub fn is_safe(&mut self, tenure: u64, stable: u64) {
        self.bonds.end(tenure, stable);
        self.doubtful.end(tenure, stable);
    }

    /// Whether what is here of these keys may not count.
    pub fn is_in_doubt(&self, names: &[Name]) -> bool {
        let is_settled = self.tenure.as_ref().is_none_or(|t| t.phase == Phase::Settled);
        if !self.unflushed.is_empty() || !is_settled {
            return true;
        }
        let mut under_way = self.tenure.iter().flat_map(|tenure| tenure.flight.own());
        self.doubtful.holds(names) || under_way.any(|(_, touched)| touched.holds(names))
    }

    /// Who holds it, as far as this node heard lately.
    pub fn holder(&self, now_us: u64) -> Option<NodeId> {
        self.claim
            .filter(|(_, at_us)| now_us < at_us + crate::core::lease::LEASE_US)
            .map(|(n, _)| n)
    }
}
