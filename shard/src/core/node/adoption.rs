//! Taking back flushes that do not count.
//!
//! An owner that is put in step takes over which flushes count. Where it has a later one, what that removed
//! comes back key by key, and until all has come it holds less than it did before. If the adoption does
//! not come to its end, and this owner is to count after all, it has the flush again: then it is as it was,
//! and not half of each. A holder that tells it that it is in step learns that it has to begin anew.

use super::replica::pass;
use super::{Moment, Node};
use crate::store::{Entry, Take};
use kinring_common::keyspace::Effects;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::{Copies, GroupCuts, GroupHorizon, merge_cuts};
use std::collections::BTreeSet;

impl Node {
    /// Puts another owner's flushes in the place of this one's.
    pub(super) fn adopt_cuts(&mut self, id: GroupId, cuts: &GroupCuts, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let cuts_before = std::mem::replace(&mut group.horizon.cuts, cuts.clone());
        let before = GroupHorizon { cuts: cuts_before, ..GroupHorizon::default() };
        let dbs: BTreeSet<u8> = before.cuts.iter().chain(cuts).map(|(db, _)| *db).collect();
        for db in dbs {
            let (cut, had) = (group.horizon.cut(db), before.cut(db));
            if had > cut {
                merge_cuts(&mut group.unflushed, &vec![(db, had)]);
            }
            for &(partition, slots) in &group.parts {
                let mut effects = Effects::default();
                let mut locks = self.keyspace.lock_one(partition);
                let mut pass = pass(db, moment, &mut effects);
                locks.partition(partition).adopt_cut(slots, cut, &mut pass);
            }
        }
    }

    /// What is here is to count, for this node or for another one: an adoption that has not come to its end
    /// is given up. Whoever gives it to this owner begins again.
    pub(super) fn count_own(&mut self, id: GroupId, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let cuts = std::mem::take(&mut group.unflushed);
        if cuts.is_empty() {
            return;
        }
        (group.adopts, group.is_given_up) = (None, true);
        self.sessions.end_with_any(id, |purpose| purpose.takes() == Take::Adopt);
        self.merge_cuts(id, &cuts, Take::Join, moment);
        let horizon = GroupHorizon { cuts, ..GroupHorizon::default() };
        let copies = Copies { horizon, ..Copies::default() };
        self.log(Entry::Copies { group: id, how: Take::Join, copies: Box::new(copies) });
    }
}

impl Node {
    /// Flushes were taken over from the log: those that are here again were not taken back for good.
    pub(super) fn has_flushed(&mut self, id: GroupId, how: Take) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        if how == Take::Join {
            let horizon = &group.horizon;
            group.unflushed.retain(|(db, cut)| horizon.cut(*db) < *cut);
        }
    }
}
