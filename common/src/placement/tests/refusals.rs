//! What is no list of members and no layout, each with its error.

use super::{alike, factor, member, members};
use crate::id::NodeId;
use crate::placement::layout::{Epoch, Layout, LayoutError, ReplicationFactor};
use crate::placement::members::{MEMBERS_MAX, Members, MembersError};
use crate::placement::plan::first;
use crate::placement::slot::{SLOTS, Slot};

/// Owners of a good layout of nine nodes in three zones, with one of them replaced in a slot.
#[track_caller]
fn refused(slot: u16, at: usize, change: impl Fn(&[NodeId]) -> NodeId) -> LayoutError {
    let list = (0..9).map(|node| member(node, 1, ["a", "b", "c"][node as usize % 3])).collect();
    let good = first(&members(list), factor(3));
    let mut owners: Vec<NodeId> = Slot::all().flat_map(|slot| good.owners(slot)).copied().collect();
    let build =
        |owners: &[NodeId]| Layout::new(Epoch::FIRST, good.members().clone(), factor(3), owners);
    assert_eq!(build(&owners).as_ref(), Ok(&good));
    let place = usize::from(slot) * 3;
    owners[place + at] = change(&owners[place..place + 3]);
    build(&owners).expect_err("the law is broken")
}

#[test]
fn an_owner_is_a_member() {
    let slot = Slot::new(77).unwrap();
    let owner = NodeId(9);
    assert_eq!(refused(77, 1, |_| owner), LayoutError::NotAMember { slot, owner });
}

#[test]
fn a_node_owns_a_slot_once() {
    let error = refused(SLOTS - 1, 2, |owners| owners[0]);
    assert!(matches!(error, LayoutError::OwnerTwice { slot, .. } if slot.number() == SLOTS - 1));
}

#[test]
fn owners_are_spread_over_the_zones() {
    let error = refused(5, 0, |owners| NodeId((owners[1].0 + 3) % 9));
    assert_eq!(error, LayoutError::NotSpread { slot: Slot::new(5).unwrap() });
}

#[test]
fn every_slot_has_all_its_owners() {
    let build = |nodes, replicas, places| {
        Layout::new(Epoch::FIRST, alike(0..nodes), factor(replicas), &vec![NodeId(0); places])
    };
    let expected = 2 * usize::from(SLOTS);
    for found in [0, expected - 1, expected + 1, 3 * usize::from(SLOTS)] {
        assert_eq!(build(2, 3, found), Err(LayoutError::Places { expected, found }));
        assert_eq!(build(3, 2, found), Err(LayoutError::Places { expected, found }));
    }
}

#[test]
fn epochs_and_factors_begin_at_one() {
    assert_eq!(Epoch::new(0), None);
    assert_eq!(Epoch::new(1), Some(Epoch::FIRST));
    assert_eq!(Epoch::FIRST.next(), Epoch::new(2).unwrap());
    assert_eq!(ReplicationFactor::new(0), None);
    assert_eq!(ReplicationFactor::new(ReplicationFactor::MAX + 1), None);
}

#[test]
fn a_list_names_different_members_with_weights() {
    assert_eq!(Members::new(vec![]), Err(MembersError::Empty));
    let list = vec![member(1, 1, ""), member(2, 1, ""), member(1, 2, "b")];
    assert_eq!(Members::new(list), Err(MembersError::Duplicate(NodeId(1))));
    let list = vec![member(1, 1, ""), member(2, 0, "")];
    assert_eq!(Members::new(list), Err(MembersError::NoWeight(NodeId(2))));
    let list = |nodes| (0..nodes as u64).map(|node| member(node, 1, "")).collect();
    assert!(Members::new(list(MEMBERS_MAX)).is_ok());
    assert_eq!(Members::new(list(MEMBERS_MAX + 1)), Err(MembersError::TooMany(MEMBERS_MAX + 1)));
}

#[test]
fn members_are_found_by_their_names() {
    let members = members(vec![member(30, 3, "b"), member(10, 1, "a"), member(20, 2, "b")]);
    let ids: Vec<u64> = members.as_slice().iter().map(|member| member.id.0).collect();
    assert_eq!((ids, members.len(), members.zones()), (vec![10, 20, 30], 3, 2));
    assert_eq!(members.get(NodeId(20)).unwrap().weight, 2);
    assert!(members.contains(NodeId(30)) && !members.contains(NodeId(31)));
}
