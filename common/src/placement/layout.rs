//! slot → owners, for one epoch.
//!
//! A layout is a value that is checked as a whole when it is built: whoever holds one may rely on
//! every slot having its owners. Owners of a slot are ordered, and slots with the same owners in
//! the same order form a [`Group`]: what is leased, settled and exchanged together.

use super::members::Members;
use super::rendezvous;
use super::slot::{SLOTS, Slot};
use super::spread::Spread;
use crate::id::NodeId;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

/// The number of a layout. The first one is 1, and each follows from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(NonZeroU64);

impl Epoch {
    /// That of the first layout.
    pub const FIRST: Epoch = Epoch(NonZeroU64::MIN);

    /// The epoch with this number, unless it is 0.
    pub fn new(number: u64) -> Option<Epoch> {
        NonZeroU64::new(number).map(Epoch)
    }

    /// Its number, at least 1.
    pub fn number(self) -> u64 {
        self.0.get()
    }

    /// The one after it.
    ///
    /// # Panics
    /// After 2^64 changes of the layout.
    pub fn next(self) -> Epoch {
        Epoch(self.0.checked_add(1).expect("nobody changes a layout so often"))
    }
}

/// R: how many owners a slot has where there are enough members. 1 to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicationFactor(u8);

impl ReplicationFactor {
    /// Every write waits for a majority of so many, and past it the waiting costs more than the
    /// copies bring.
    pub const MAX: u8 = 16;

    /// The factor with this number, if it is one.
    pub fn new(number: u8) -> Option<ReplicationFactor> {
        (1..=ReplicationFactor::MAX).contains(&number).then_some(ReplicationFactor(number))
    }

    /// Its number.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Owners of each slot with so many members.
    pub fn owners(self, members: usize) -> usize {
        self.number().min(members)
    }
}

/// Which nodes own which slots in one epoch.
///
/// About 100 KB, and at most 8 bytes more for each place when no two slots have the same owners:
/// 0.5 MB with a thousand members and R = 3.
#[derive(Clone, PartialEq, Eq)]
pub struct Layout {
    epoch: Epoch,
    members: Members,
    factor: ReplicationFactor,
    /// The group of each slot.
    group_of: Box<[u16]>,
    /// The owners of each group, one group after the other.
    owners: Box<[NodeId]>,
    /// All slots by group, and where each group's begin.
    slots: Runs<Slot>,
    /// The groups of each member by its index, and where each member's begin.
    groups_of: Runs<u16>,
}

/// Why owners make no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There is not the same number of owners, min(R, members), for each of the 16384 slots.
    #[error("{found} places instead of {expected}")]
    Places {
        /// Slots × owners.
        expected: usize,
        /// As many came.
        found: usize,
    },
    /// A slot is given to a node that does not belong.
    #[error("slot {}: node {owner} is no member", slot.number())]
    NotAMember {
        /// The slot.
        slot: Slot,
        /// The stranger.
        owner: NodeId,
    },
    /// A slot is given to a node twice.
    #[error("slot {}: node {owner} owns it twice", slot.number())]
    OwnerTwice {
        /// The slot.
        slot: Slot,
        /// The node.
        owner: NodeId,
    },
    /// The owners of a slot could lie in the zones more evenly.
    #[error("slot {}: its owners are not spread over the zones", slot.number())]
    NotSpread {
        /// The slot.
        slot: Slot,
    },
}

/// The number of a group, within one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Slots with the same owners in the same order. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Its number.
    pub id: GroupId,
    /// The owners, first the one that is home when all are healthy.
    pub owners: &'a [NodeId],
    /// The slots, ascending.
    pub slots: &'a [Slot],
}

impl Layout {
    /// Checks owners: those of slot 0 in their order, then those of slot 1, and so on, min(R,
    /// members) of them each.
    ///
    /// The owners of a slot must be different members and lie in the zones as evenly as the zones'
    /// sizes allow: with enough zones, each in its own.
    pub fn new(
        epoch: Epoch,
        members: Members,
        factor: ReplicationFactor,
        owners: &[NodeId],
    ) -> Result<Layout, LayoutError> {
        let each = factor.owners(members.len());
        let expected = each * usize::from(SLOTS);
        if owners.len() != expected {
            return Err(LayoutError::Places { expected, found: owners.len() });
        }
        let spread = Spread::new(&members, each);
        for (slot, owners) in Slot::all().zip(owners.chunks_exact(each)) {
            check(slot, owners, &members, &spread)?;
        }
        let mut numbers = BTreeMap::new();
        let mut of_groups = Vec::new();
        let mut group_of = |owners| {
            *numbers.entry(owners).or_insert_with(|| {
                of_groups.extend_from_slice(owners);
                (of_groups.len() / each - 1) as u16
            })
        };
        let group_of: Box<[u16]> = owners.chunks_exact(each).map(&mut group_of).collect();
        let groups = of_groups.len() / each;
        let slots = Slot::all().map(|slot| (group_of[usize::from(slot.number())].into(), slot));
        let index = |id: &NodeId| members.index_of(*id).expect("it was checked");
        let places = of_groups.iter().enumerate();
        let groups_of = places.map(|(at, owner)| (index(owner), (at / each) as u16));
        Ok(Layout {
            slots: Runs::new(groups, slots),
            groups_of: Runs::new(members.len(), groups_of),
            owners: of_groups.into(),
            epoch,
            factor,
            group_of,
            members,
        })
    }

    /// Its number.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Who belongs.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// R as it was asked for; with fewer members, all of them own every slot.
    pub fn factor(&self) -> ReplicationFactor {
        self.factor
    }

    /// The owners of a slot: min(R, members) of them, first the one that is home when all are
    /// healthy.
    pub fn owners(&self, slot: Slot) -> &[NodeId] {
        self.owners_of(usize::from(self.group_of[usize::from(slot.number())]))
    }

    /// Whether the node owns the slot.
    pub fn is_owner(&self, node: NodeId, slot: Slot) -> bool {
        self.owners(slot).contains(&node)
    }

    /// The home of a slot: its first healthy owner, if it has one.
    pub fn home(&self, slot: Slot, is_healthy: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        self.owners(slot).iter().copied().find(|&owner| is_healthy(owner))
    }

    /// The members that stand in for owners of a slot: all others, in the slot's own order, which
    /// changes no more between epochs than the members do.
    ///
    /// It is worked out at each call, in some 50 µs with a thousand members.
    pub fn fallbacks(&self, slot: Slot) -> Vec<NodeId> {
        let owners = self.owners(slot);
        let others = self.members.as_slice().iter().filter(|member| !owners.contains(&member.id));
        let mut ranked: Vec<(u64, NodeId)> =
            others.map(|member| (rendezvous::cost(slot, member), member.id)).collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, id)| id).collect()
    }

    /// The preference list of a slot: every member once, the owners and then the fallbacks. As
    /// expensive as [`Layout::fallbacks`].
    pub fn preference(&self, slot: Slot) -> Vec<NodeId> {
        [self.owners(slot), &self.fallbacks(slot)].concat()
    }

    /// The group that a slot is in.
    pub fn group_of(&self, slot: Slot) -> GroupId {
        GroupId(self.group_of[usize::from(slot.number())].into())
    }

    /// A group.
    ///
    /// # Panics
    /// When it is of another layout, and this one has fewer.
    pub fn group(&self, id: GroupId) -> Group<'_> {
        let at = id.0 as usize;
        Group { id, owners: self.owners_of(at), slots: self.slots.run(at) }
    }

    /// All groups: every slot is in exactly one.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = Group<'_>> {
        (0..self.slots.len()).map(|at| self.group(GroupId(at as u32)))
    }

    /// The groups that a node is an owner of, none when it is no member.
    pub fn groups_of(&self, node: NodeId) -> impl ExactSizeIterator<Item = Group<'_>> {
        let groups = self.members.index_of(node).map_or(&[][..], |at| self.groups_of.run(at));
        groups.iter().map(|&group| self.group(GroupId(group.into())))
    }

    fn owners_of(&self, group: usize) -> &[NodeId] {
        let each = self.factor.owners(self.members.len());
        &self.owners[group * each..][..each]
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout")
            .field("epoch", &self.epoch.number())
            .field("members", &self.members.len())
            .field("factor", &self.factor.number())
            .field("groups", &self.slots.len())
            .finish_non_exhaustive()
    }
}

fn check(
    slot: Slot,
    owners: &[NodeId],
    members: &Members,
    spread: &Spread,
) -> Result<(), LayoutError> {
    let mut zones = [0; ReplicationFactor::MAX as usize];
    for (at, &owner) in owners.iter().enumerate() {
        let Some(index) = members.index_of(owner) else {
            return Err(LayoutError::NotAMember { slot, owner });
        };
        if owners[..at].contains(&owner) {
            return Err(LayoutError::OwnerTwice { slot, owner });
        }
        zones[at] = members.zone_of(index);
    }
    if spread.is_met(&zones[..owners.len()]) {
        Ok(())
    } else {
        Err(LayoutError::NotSpread { slot })
    }
}

/// Lists of different lengths, one after the other.
#[derive(Clone, PartialEq, Eq)]
struct Runs<T> {
    /// Where each list begins, and where the last one ends.
    starts: Box<[u32]>,
    items: Box<[T]>,
}

impl<T: Copy> Runs<T> {
    /// So many lists, of the items in their order.
    fn new(lists: usize, items: impl Iterator<Item = (usize, T)>) -> Runs<T> {
        let mut items: Vec<(usize, T)> = items.collect();
        items.sort_by_key(|&(list, _)| list);
        let start = |list| items.partition_point(|&(of, _)| of < list) as u32;
        let starts = (0..=lists).map(start).collect();
        Runs { starts, items: items.into_iter().map(|(_, item)| item).collect() }
    }

    /// How many lists there are.
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn run(&self, list: usize) -> &[T] {
        &self.items[self.starts[list] as usize..self.starts[list + 1] as usize]
    }
}
