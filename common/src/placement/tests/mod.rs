//! The laws of layouts and plans, over random members; [`figures`] says how good they are.

mod figures;
mod laws;
mod refusals;

use super::layout::{Layout, ReplicationFactor};
use super::members::{Member, Members};
use super::slot::Slot;
use crate::id::NodeId;

fn member(node: u64, weight: u32, zone: &str) -> Member {
    Member { id: NodeId(node), weight, zone: zone.to_owned() }
}

fn members(list: Vec<Member>) -> Members {
    Members::new(list).expect("a list of a test")
}

fn factor(number: u8) -> ReplicationFactor {
    ReplicationFactor::new(number).expect("a factor of a test")
}

/// Members of the same weight in no zone.
fn alike(nodes: impl Iterator<Item = u64>) -> Members {
    members(nodes.map(|node| member(node, 1, "")).collect())
}

/// How often each member is among the first `of` owners of a slot.
fn places(layout: &Layout, of: usize) -> Vec<u32> {
    let members = layout.members();
    let mut places = vec![0; members.len()];
    for owner in Slot::all().flat_map(|slot| &layout.owners(slot)[..of]) {
        places[members.index_of(*owner).unwrap()] += 1;
    }
    places
}
