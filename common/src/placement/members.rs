//! Who belongs to the cluster, as discovery says it: a checked value, the same in whatever order
//! the list came.

use crate::id::NodeId;

/// The most members. A node of so large a cluster is home to four slots: past it 16384 slots
/// cannot be shared out evenly, and planning takes seconds.
pub const MEMBERS_MAX: usize = 4096;

/// A node as the list names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub id: NodeId,
    /// Its capacity relative to the other members', at least 1.
    pub weight: u32,
    /// What fails together: a rack, a data centre. Members without one have the empty name, and
    /// count as one zone.
    pub zone: String,
}

/// A list of members without contradictions, sorted by node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    list: Box<[Member]>,
    /// Number of each member's zone, by its index.
    zones: Box<[u16]>,
    /// Members in each zone.
    zone_sizes: Box<[u16]>,
}

/// Why a list of members is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    /// Nobody is left to own a slot.
    #[error("no members")]
    Empty,
    /// More than [`MEMBERS_MAX`]: so many.
    #[error("{0} members, at most {MEMBERS_MAX} are allowed")]
    TooMany(usize),
    /// The node is listed twice.
    #[error("node {0} is listed twice")]
    Duplicate(NodeId),
    /// The node's weight is 0: it could not take its share.
    #[error("node {0} has no weight")]
    NoWeight(NodeId),
}

impl Members {
    /// Checks a list, given in any order.
    pub fn new(mut list: Vec<Member>) -> Result<Members, MembersError> {
        if list.is_empty() {
            return Err(MembersError::Empty);
        }
        if list.len() > MEMBERS_MAX {
            return Err(MembersError::TooMany(list.len()));
        }
        list.sort_by_key(|member| member.id);
        if let Some(pair) = list.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(MembersError::Duplicate(pair[0].id));
        }
        if let Some(member) = list.iter().find(|member| member.weight == 0) {
            return Err(MembersError::NoWeight(member.id));
        }
        let mut names: Vec<&str> = list.iter().map(|member| member.zone.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut zone_sizes = vec![0; names.len()];
        let number = |member: &Member| {
            let zone = names.partition_point(|name| *name < member.zone.as_str());
            zone_sizes[zone] += 1;
            zone as u16
        };
        let zones = list.iter().map(number).collect();
        Ok(Members { list: list.into(), zones, zone_sizes: zone_sizes.into() })
    }

    /// All of them, sorted by node.
    pub fn as_slice(&self) -> &[Member] {
        &self.list
    }

    /// How many they are, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The member with this name.
    pub fn get(&self, id: NodeId) -> Option<&Member> {
        self.index_of(id).map(|index| &self.list[index])
    }

    /// Whether it is one.
    pub fn contains(&self, id: NodeId) -> bool {
        self.index_of(id).is_some()
    }

    /// Where it stands in [`Members::as_slice`].
    pub fn index_of(&self, id: NodeId) -> Option<usize> {
        self.list.binary_search_by_key(&id, |member| member.id).ok()
    }

    /// How many zones they are in, at least 1.
    pub fn zones(&self) -> usize {
        self.zone_sizes.len()
    }

    /// The number of a member's zone, below [`Members::zones`].
    pub(super) fn zone_of(&self, index: usize) -> usize {
        usize::from(self.zones[index])
    }

    /// How many members a zone has, by its number.
    pub(super) fn zone_sizes(&self) -> &[u16] {
        &self.zone_sizes
    }
}
