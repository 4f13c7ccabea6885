//! Keeping apart what may be dead and what counts wherever it is.
//!
//! A leased write that is not known to be safe dies when the next home does not find it; one without a lease
//! never does, and where both are in one record they cannot be told apart any more. An owner that is put in
//! step keeps such a record when its holder has not seen what was written without a lease, and then the dead
//! write is back. So the two meet on a key only where one of them is on so many owners that every later home
//! finds it:
//!
//! - A home takes what was written without a lease beside a write of its own that is under way, when so many
//!   others have it that one of them is among those whom any next home asks.
//! - Who has a write in doubt, as an owner or as a home that is none any more, takes it when that write is
//!   safe, or when it is in step with the next home: that is then the one from whom the key comes.
//! - An owner takes a leased write beside something that its home has not seen when so many others have it
//!   (`doubtful`); and lets a home that compares wait until what it wrote itself without a lease has spread.
//!
//! Nobody waits for good: of W owners that are up, who are neither the home nor the writer take either of
//! both, and one of both is on enough of them then.
//!
//! With seven owners and more the second rule holds nobody up: those between could be halves of both. Nor does
//! it while it is not known which writes are in doubt: after a restart with five owners and more, and for what
//! a holder found that is not known to be settled.

use super::tenure::Phase;
use super::{Moment, Node};
use kinring_common::merkle::KeyRef;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::Push;
use kinring_common::wire::{Copies, Name};

/// See the module: with more owners than that need not grant a lease, the second rule would stop both writes.
const SPARES_MAX: usize = 2;

impl Node {
    /// Whether what was written without a lease, and so many owners have, is not to be taken beside what is
    /// here of these keys.
    pub(super) fn keeps_out(
        &self,
        id: GroupId,
        names: &[Name],
        held: usize,
        moment: Moment,
    ) -> bool {
        let (group, spares) = (&self.groups[&id], self.quorum.spares());
        // With no spare ones, everybody is asked by the next home.
        if spares == 0 || Mutant::MixedWithDoubt.is_on() {
            return false;
        }
        if spares <= SPARES_MAX && group.doubtful.names(names) {
            return true;
        }
        let Some(tenure) = &group.tenure else { return false };
        let is_found = tenure.phase != Phase::Settled;
        let mut own = tenure.flight.own();
        let is_under_way =
            tenure.flight.touches(names.iter()) && own.any(|(_, touched)| touched.holds(names));
        let is_home = self.leases.is_home(id, moment.now.mono_us);
        (is_found || is_under_way) && !(is_home && held >= spares)
    }

    /// The same of copies.
    pub(super) fn keeps_out_copies(
        &self,
        id: GroupId,
        copies: &Copies,
        held: usize,
        moment: Moment,
    ) -> bool {
        let names: Vec<Name> = copies.names().cloned().collect();
        self.keeps_out(id, &names, held, moment)
    }

    /// Whether a home that compares with this owner has to wait: some of these keys, which it shows or
    /// wants, were written here without a lease, and that is on its way to those who are to have it before.
    pub(super) fn is_spreading(
        &self,
        id: GroupId,
        push: Option<Push>,
        (shown, wanted): (&[Name], &[(Slot, KeyRef)]),
    ) -> bool {
        let group = &self.groups[&id];
        let is_in_step = |push: Push| !push.is_adopted && push.term == group.step;
        if !self.may_drop_copies() || !push.is_some_and(is_in_step) || !group.unleased.is_busy() {
            return false;
        }
        let is_fresh = |name: &Name| {
            let held = self.holders_of(id, std::slice::from_ref(name));
            held.is_some_and(|held| held < self.quorum.spares())
        };
        let wanted = wanted.iter().filter_map(|(slot, key)| self.name_of(*slot, key));
        let fresh: Vec<Name> = wanted.chain(shown.iter().cloned()).filter(is_fresh).collect();
        // What is in doubt is sent to nobody, and would not spread.
        !fresh.is_empty() && !group.is_in_doubt(&fresh) && !Mutant::MixedByComparison.is_on()
    }

    /// How many owners are known to have all that was written here without a lease of these keys, if not
    /// all of them have it.
    pub(super) fn holders_of(&self, id: GroupId, names: &[Name]) -> Option<usize> {
        self.groups[&id].unleased.holders(names, self.settings.seed)
    }
}
