//! The names of requests travel with what these changed.
//!
//! Invariant: whoever holds an effect of a request that may be tried again knows its name. So whatever
//! carries effects, a write, copies or flushes, carries names, and they are taken and logged in one step.

use super::coordinate::distinct;
use super::{Moment, Node};
use crate::store::Take;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::request::{Changed, Completion, Executed};
use kinring_common::wire::{Item, Name};
use std::collections::BTreeSet;

impl Node {
    /// A write was executed for a request, here or elsewhere.
    pub(super) fn completed(
        &mut self,
        id: GroupId,
        executed: &Executed,
        items: &[Item],
        moment: Moment,
    ) {
        let is_cut = |item: &Item| matches!(item, Item::Cut { .. });
        let changed = match items {
            // The ordinary write, of which there is one for each SET and owner: no name is copied.
            [Item::Delta { name, .. }] => Changed::Keys([self.hash_of(name)].into()),
            _ if items.iter().any(is_cut) => Changed::All,
            _ => Changed::Keys(distinct(items).iter().map(|name| self.hash_of(name)).collect()),
        };
        self.requests.note(id, executed, changed, moment.now.mono_us);
    }

    /// The requests that changed these keys lately, and the flushes.
    pub(super) fn completions(&self, id: GroupId, keys: &BTreeSet<Name>) -> Vec<Completion> {
        let hashes: BTreeSet<u64> = keys.iter().map(|name| self.hash_of(name)).collect();
        self.requests.touching(id, &hashes).collect()
    }

    /// The flushes that were asked for lately.
    pub(super) fn flushes(&self, id: GroupId) -> Vec<Completion> {
        self.completions(id, &BTreeSet::new())
    }

    /// Notes whose effects came. Returns those that are new.
    pub(super) fn note_all(
        &mut self,
        id: GroupId,
        mut completions: Vec<Completion>,
        moment: Moment,
    ) -> Vec<Completion> {
        let now_us = moment.now.mono_us;
        completions.retain(|Completion { executed, changed }| {
            self.requests.note(id, executed, changed.clone(), now_us)
        });
        completions
    }

    /// Leaves those whose effects are taken, of what came with copies.
    pub(super) fn whose_are_taken(
        &self,
        completions: &mut Vec<Completion>,
        how: Take,
        changed: &[Name],
    ) {
        if how == Take::Keep {
            let hashes: BTreeSet<u64> = changed.iter().map(|name| self.hash_of(name)).collect();
            let is_taken = |changed: &Changed| match changed {
                Changed::Keys(_) => changed.touches(&hashes),
                Changed::All => false,
            };
            completions.retain(|completion| is_taken(&completion.changed));
        }
    }

    /// By which requests name it.
    pub(super) fn hash_of(&self, name: &Name) -> u64 {
        self.keyspace.hash(name.db, &name.key)
    }
}
