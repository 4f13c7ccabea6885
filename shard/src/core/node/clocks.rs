//! With whom a node compares its clock.
//!
//! With its co-owners, by their heartbeats. An owner alone has none, and one of two has perhaps one, with whom
//! it cannot find out which of them is wrong. Then its neighbours among all nodes tell each other the time,
//! too: those before and after it in the order of their names, as if that were a ring. That is the same for
//! both, without a word, and costs the same in a cluster of any size.

use kinring_common::id::NodeId;
use kinring_common::placement::layout::Layout;

/// Neighbours on each side: of eight clocks and its own, four may be wrong.
const NEIGHBOURS: usize = 4;

/// So many owners have enough others to compare their clocks with: two of three agree.
const OWNERS_ENOUGH: usize = 3;

/// Who tells a node the time, and is told it, besides its co-owners.
pub fn tellers(layout: &Layout, own: NodeId) -> impl Iterator<Item = NodeId> {
    let members = layout.members().as_slice();
    let count = members.len();
    let is_needed = layout.factor().owners(count) < OWNERS_ENOUGH;
    let at = layout.members().index_of(own).filter(|_| is_needed);
    let near = at.into_iter().flat_map(move |at| {
        (1..=NEIGHBOURS).flat_map(move |step| {
            let step = step % count;
            [(at + step) % count, (at + count - step) % count]
        })
    });
    near.map(|at| members[at].id).filter(move |node| *node != own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::placement::layout::ReplicationFactor;
    use kinring_common::placement::members::{Member, Members};
    use kinring_common::placement::plan;
    use std::collections::BTreeSet;

    fn of(nodes: u64, owners: u8) -> Vec<BTreeSet<NodeId>> {
        let member = |n| Member { id: NodeId(7 * n), weight: 1, zone: String::new() };
        let members = Members::new((0..nodes).map(member).collect()).expect("they are different");
        let factor = ReplicationFactor::new(owners).expect("it is in range");
        let layout = plan::first(&members, factor);
        (0..nodes).map(|n| tellers(&layout, NodeId(7 * n)).collect()).collect()
    }

    #[test]
    fn in_a_large_cluster_eight_nodes_tell_an_owner_the_time() {
        let tellers = of(100, 1);
        assert!(tellers.iter().all(|tellers| tellers.len() == 2 * NEIGHBOURS));
    }

    #[test]
    fn who_is_told_the_time_tells_it() {
        for nodes in 1..20 {
            let tellers = of(nodes, 1);
            for (n, told) in tellers.iter().enumerate() {
                let own = NodeId(7 * n as u64);
                assert!(told.iter().all(|node| tellers[node.0 as usize / 7].contains(&own)));
                assert_eq!(told.len(), (nodes as usize - 1).min(2 * NEIGHBOURS));
            }
        }
    }

    #[test]
    fn three_owners_have_each_other() {
        assert!(of(9, 3).iter().all(BTreeSet::is_empty));
    }
}
