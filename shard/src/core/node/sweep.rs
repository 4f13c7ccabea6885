//! Expire events: a home ends what has expired.

use super::execute::changes;
use super::{Moment, Node};
use kinring_common::membership::drift::DRIFT_MAX_MS;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;

/// Keys that a sweep expires at once in a partition.
const SWEPT_MAX: usize = 64;

impl Node {
    /// Expire events of keys whose time has passed, by every clock.
    pub(super) fn sweep(&mut self, id: GroupId, moment: Moment) {
        if self.groups[&id].tenure.is_none() && Mutant::ExpiryByReplica.is_on() {
            return self.sweep_as_replica(id, moment);
        }
        let now_us = moment.now.mono_us;
        let group = self.groups.get_mut(&id).expect("it is held");
        let Some(tenure) = group.tenure.as_mut() else { return };
        let is_due = now_us >= tenure.sweep_us && !Mutant::NothingSwept.is_on();
        if !tenure.is_settled() || !is_due || tenure.leaving.is_some() {
            return;
        }
        tenure.sweep_us = now_us + self.settings.sweep_us;
        let wait_ms = if Mutant::ExpireEventEarly.is_on() { 0 } else { DRIFT_MAX_MS };
        let due_ms = moment.now.wall_ms.saturating_sub(wait_ms);
        for part in group.parts.clone() {
            let tenure = self.groups[&id].tenure.as_ref().expect("it is held");
            if tenure.flight.room() < SWEPT_MAX {
                return;
            }
            let mut effects = self.effects();
            let mut locks = self.keyspace.lock_one(part.0);
            locks.sweep(part, due_ms, moment.now, SWEPT_MAX, &mut effects);
            drop(locks);
            for item in changes(&mut effects) {
                self.tally.expired += 1;
                self.write(id, [item].into(), None, moment);
            }
        }
    }

    /// What no owner but the home may do.
    fn sweep_as_replica(&mut self, id: GroupId, moment: Moment) {
        for part in self.groups[&id].parts.clone() {
            let mut effects = self.effects();
            let mut locks = self.keyspace.lock_one(part.0);
            locks.sweep(part, moment.now.wall_ms, moment.now, SWEPT_MAX, &mut effects);
        }
    }
}
