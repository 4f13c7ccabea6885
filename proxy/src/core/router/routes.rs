//! Whom to ask about a group of slots.
//!
//! The layout says who may be home, suspicion who is not, and what nodes answered says who was last.
//! None of this is certain, and none has to be: a node that is not home says so.

use super::nodes::Nodes;
use kinring_common::id::NodeId;
use kinring_common::placement::layout::{Group, GroupId};

/// The last known home of each group.
#[derive(Debug)]
pub struct Routes {
    homes: Vec<Option<NodeId>>,
}

impl Routes {
    /// Of so many groups.
    pub fn new(groups: usize) -> Routes {
        Routes { homes: vec![None; groups] }
    }

    /// A node answered for a group, or another one says that it is home.
    pub fn learn(&mut self, group: GroupId, home: NodeId) {
        self.homes[group.0 as usize] = Some(home);
    }

    /// A node is home no more, if it was.
    pub fn forget(&mut self, group: GroupId, node: NodeId) {
        let home = &mut self.homes[group.0 as usize];
        *home = home.filter(|known| *known != node);
    }

    /// Whom to ask first: one that is preferred, the last home, the first owner that is not suspected,
    /// the first that can be asked.
    pub fn choose(
        &self,
        group: &Group<'_>,
        preferred: Option<NodeId>,
        nodes: &Nodes,
        now_us: u64,
    ) -> Option<NodeId> {
        let is_healthy = |node: &NodeId| nodes.is_healthy(*node, now_us);
        let home = || self.homes[group.id.0 as usize].filter(is_healthy);
        let owners = || group.owners.iter().copied();
        let healthy = || owners().find(is_healthy);
        let askable = || owners().find(|node| nodes.is_askable(*node, now_us));
        preferred.filter(is_healthy).or_else(home).or_else(healthy).or_else(askable)
    }

    /// Whom to ask after a node: the owners in turn, this one last.
    pub fn after(
        &self,
        group: &Group<'_>,
        node: NodeId,
        nodes: &Nodes,
        now_us: u64,
    ) -> Option<NodeId> {
        let others = others(group, node);
        let turn = others.clone().chain([node]);
        let healthy = turn.clone().find(|node| nodes.is_healthy(*node, now_us));
        healthy.or_else(|| turn.into_iter().find(|node| nodes.is_askable(*node, now_us)))
    }

    /// Who else may answer.
    pub fn other(
        &self,
        group: &Group<'_>,
        node: NodeId,
        nodes: &Nodes,
        now_us: u64,
    ) -> Option<NodeId> {
        others(group, node).find(|node| nodes.is_healthy(*node, now_us))
    }
}

/// The owners after a node in their order, and around, without it.
fn others(group: &Group<'_>, node: NodeId) -> impl Iterator<Item = NodeId> + Clone {
    let place = group.owners.iter().position(|owner| *owner == node).map_or(0, |at| at + 1);
    let turn = group.owners.iter().cycle().skip(place).take(group.owners.len()).copied();
    turn.filter(move |owner| *owner != node)
}
