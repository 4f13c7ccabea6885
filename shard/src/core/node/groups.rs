//! The groups of a node by their numbers.
//!
//! Which ones there are is decided at the start; after that each message and each request looks for its
//! group several times. Numbers are dense within a layout, so a list says where each is.

use super::group::Group;
use kinring_common::placement::layout::GroupId;
use std::ops::Index;

/// See the module.
#[derive(Debug)]
pub struct Groups {
    /// By number, ascending.
    groups: Vec<(GroupId, Group)>,
    /// By number, up to the highest that is there: the place above, or [`NOWHERE`].
    places: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl FromIterator<(GroupId, Group)> for Groups {
    fn from_iter<I: IntoIterator<Item = (GroupId, Group)>>(groups: I) -> Groups {
        let mut groups: Vec<(GroupId, Group)> = groups.into_iter().collect();
        groups.sort_unstable_by_key(|(id, _)| *id);
        let end = groups.last().map_or(0, |(id, _)| id.0 as usize + 1);
        let mut places = vec![NOWHERE; end];
        for (at, (id, _)) in groups.iter().enumerate() {
            places[id.0 as usize] = at as u32;
        }
        Groups { groups, places }
    }
}

impl Groups {
    /// A group, if this node owns it.
    #[inline]
    pub fn get(&self, id: &GroupId) -> Option<&Group> {
        self.groups.get(self.place(*id)?).map(|(_, group)| group)
    }

    /// The same, to change it.
    #[inline]
    pub fn get_mut(&mut self, id: &GroupId) -> Option<&mut Group> {
        let at = self.place(*id)?;
        self.groups.get_mut(at).map(|(_, group)| group)
    }

    /// Whether this node owns it.
    pub fn contains_key(&self, id: &GroupId) -> bool {
        self.get(id).is_some()
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.groups.iter().map(|(id, group)| (id, group))
    }

    /// Their numbers, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &GroupId> {
        self.groups.iter().map(|(id, _)| id)
    }

    /// In the order of their numbers.
    pub fn values(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(_, group)| group)
    }

    /// The same, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.groups.iter_mut().map(|(_, group)| group)
    }

    #[inline]
    fn place(&self, id: GroupId) -> Option<usize> {
        // Where there is nothing, no group is that far.
        self.places.get(id.0 as usize).map(|at| *at as usize)
    }
}

impl Index<&GroupId> for Groups {
    type Output = Group;

    fn index(&self, id: &GroupId) -> &Group {
        self.get(id).expect("the group is owned")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::id::NodeId;
    use kinring_common::placement::layout;
    use kinring_common::placement::slot::Slot;

    #[test]
    fn what_is_there_is_found_by_its_number_and_nothing_else_is() {
        let (owners, slots) = ([NodeId(1)], [Slot::of(b"k")]);
        let group = |n| {
            let group = layout::Group { id: GroupId(n), owners: &owners, slots: &slots };
            (GroupId(n), Group::new(&group, NodeId(1), true, u64::from(n)))
        };
        let mut groups: Groups = [7, 0, 3].map(group).into_iter().collect();
        assert!(groups.keys().copied().eq([0, 3, 7].map(GroupId)));
        for n in [0, 3, 7] {
            assert_eq!(groups[&GroupId(n)].claimed_us, u64::from(n));
            assert!(groups.get_mut(&GroupId(n)).is_some());
        }
        for n in [1, 6, 8, u32::MAX] {
            assert!(!groups.contains_key(&GroupId(n)) && groups.get_mut(&GroupId(n)).is_none());
        }
    }
}
