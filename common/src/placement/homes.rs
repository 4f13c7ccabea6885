//! Which owner of a slot comes first and is its home: as balanced as the places themselves, by
//! reordering owners alone, so that nothing has to be copied.

use super::draft::{Draft, Index};
use super::members::Members;
use super::passing::{Passing, Reach, Step};
use super::share::Shares;
use super::slot::Slot;

/// Balances the homes of a complete draft. What is in balance stays as it is, apart from slots that
/// have lost their home: they get the owner that has the fewest.
pub(super) fn balance(draft: &mut Draft<'_>, members: &Members, homeless: &[Slot]) {
    let mut shares = Shares::of_homes(members, draft.places());
    let mut load = vec![0; members.len()];
    for slot in Slot::all() {
        load[usize::from(draft.owners(slot)[0])] += 1;
    }
    homeless.iter().for_each(|&slot| load[usize::from(draft.owners(slot)[0])] -= 1);
    let owners = draft.owners(Slot::FIRST).len();
    let mut homes = Homes { draft, load };
    homeless.iter().for_each(|&slot| homes.settle(slot, &shares));
    homes.hand_over(&shares);
    homes.balance(&shares);
    // The owners may not allow the shares. One home for each `owners` places they do allow: each
    // owner of a slot is home to an equal part of it, and in whole numbers that is one more.
    for (most, &places) in shares.most.iter_mut().zip(homes.draft.places()) {
        *most = (*most).max(places.div_ceil(owners as u32));
    }
    homes.balance(&shares);
}

struct Homes<'a, 'b> {
    draft: &'a mut Draft<'b>,
    load: Vec<u32>,
}

impl Homes<'_, '_> {
    /// Gives a slot without a home one: an owner with less than its share, if there is one.
    fn settle(&mut self, slot: Slot, shares: &Shares) {
        let has_enough = |&(_, &owner): &(usize, &Index)| {
            let at = usize::from(owner);
            (self.load[at] >= shares.least[at], self.load[at] >= shares.most[at])
        };
        let owners = self.draft.owners(slot).iter().enumerate();
        let (at, &home) = owners.min_by_key(has_enough).expect("each slot has an owner");
        self.draft.owners_mut(slot).swap(0, at);
        self.load[usize::from(home)] += 1;
    }

    /// The simple cases, all in one go: a home with too many slots and another owner of the slot
    /// with too few.
    fn hand_over(&mut self, shares: &Shares) {
        for slot in Slot::all() {
            let owners = self.draft.owners(slot);
            let from = owners[0];
            if self.load[usize::from(from)] <= shares.most[usize::from(from)] {
                continue;
            }
            let others = owners[1..].iter().copied();
            let has_room = |&at: &Index| self.load[usize::from(at)] < shares.most[usize::from(at)];
            let has_enough =
                |at: &Index| self.load[usize::from(*at)] >= shares.least[usize::from(*at)];
            if let Some(to) = others.filter(has_room).min_by_key(has_enough) {
                self.pass(Step { slot, from, to });
            }
        }
    }
}

impl Passing for Homes<'_, '_> {
    fn load(&self) -> &[u32] {
        &self.load
    }

    fn givers(&self, slot: Slot) -> &[Index] {
        &self.draft.owners(slot)[..1]
    }

    fn reach(&self, slot: Slot, from: Index, reach: &mut Reach) {
        for &to in &self.draft.owners(slot)[1..] {
            reach.reach(slot, from, to);
        }
    }

    fn may_pass(&self, Step { slot, from, to }: Step) -> bool {
        let owners = self.draft.owners(slot);
        owners[0] == from && owners[1..].contains(&to)
    }

    fn pass(&mut self, Step { slot, from, to }: Step) {
        let owners = self.draft.owners_mut(slot);
        let at = owners.iter().position(|&owner| owner == to);
        owners.swap(0, at.expect("only an owner becomes the home"));
        self.load[usize::from(from)] -= 1;
        self.load[usize::from(to)] += 1;
    }
}
