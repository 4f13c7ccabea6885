//! When homes executed writes: a help for the judge of linearizability, who does not have to believe it.

use super::plan::Plan;
use super::words;
use crate::checker::Key;
use crate::checker::executions::Executions;
use bytes::Bytes;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::Item;
use kinring_common::wire::peer::Batch;
use kinring_common::wire::request::RequestId;
use std::collections::{BTreeMap, HashMap};

/// A client, and the place of a call among its calls.
type Who = (u32, u32);

/// See the module.
#[derive(Default)]
pub struct Witness {
    asked: HashMap<RequestId, Who>,
    changes: Vec<(Who, What, u64)>,
}

enum What {
    Key(Bytes),
    /// All keys of the group.
    Group(GroupId),
}

impl Witness {
    /// This request is for a call of that client.
    pub fn is_asked(&mut self, id: RequestId, who: Who) {
        self.asked.insert(id, who);
    }

    /// A home has executed it.
    pub fn executed(&mut self, batch: &Batch, now_us: u64) {
        let Some(executed) = &batch.executed else { return };
        let Some(who) = self.asked.get(&executed.id) else { return };
        for item in batch.items.iter() {
            let what = match item {
                Item::Delta { name, .. } => What::Key(name.key.clone()),
                Item::Cut { .. } => What::Group(batch.group),
            };
            self.changes.push((*who, what, now_us));
        }
    }

    /// By the keys of the workload.
    pub fn executions(&self, plan: &Plan) -> Executions {
        let mut of_groups: BTreeMap<GroupId, Vec<Key>> = BTreeMap::new();
        let mut by_name: BTreeMap<Bytes, Key> = BTreeMap::new();
        for key in plan.keys() {
            let name = words::name(key);
            of_groups.entry(plan.layout.group_of(Slot::of(&name))).or_default().push(key);
            by_name.insert(name, key);
        }
        let mut executions = Executions::default();
        for (who, what, at_us) in &self.changes {
            let one = |name: &Bytes| by_name.get(name).copied().into_iter().collect();
            let keys: Vec<Key> = match what {
                What::Key(name) => one(name),
                What::Group(group) => of_groups.get(group).cloned().unwrap_or_default(),
            };
            keys.into_iter().for_each(|key| executions.add(*who, key, *at_us));
        }
        executions
    }
}
