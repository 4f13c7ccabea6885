//! Layouts from lists of members.
//!
//! The first one needs the list alone, so nodes that have the same list agree on it without asking
//! each other: weighted rendezvous hashing, bounded by deferred acceptance. Every later one is
//! planned from the one before, so that about as few places change hands as can.
//!
//! Both give every member its exact share, rounded: places and homes in proportion to its weight
//! as far as the zones allow it. Both are functions of their arguments alone, the same on every
//! machine.

use super::draft::{Draft, Index};
use super::layout::{Epoch, Layout, ReplicationFactor};
use super::members::Members;
use super::rendezvous::cost;
use super::share::Shares;
use super::slot::Slot;
use super::spread::Spread;
use super::{acceptance, homes};

/// The layout of the first epoch.
pub fn first(members: &Members, factor: ReplicationFactor) -> Layout {
    let owners = factor.owners(members.len());
    let spread = Spread::new(members, owners);
    let shares = Shares::of_places(members, &spread);
    let mut draft = acceptance::draft(members, &spread, &shares);
    draft.complete(&shares);
    for slot in Slot::all() {
        let member = |index: Index| &members.as_slice()[usize::from(index)];
        draft.owners_mut(slot).sort_by_cached_key(|&index| (cost(slot, member(index)), index));
    }
    homes::balance(&mut draft, members, &[]);
    draft.finish(Epoch::FIRST, factor)
}

/// The layout of the epoch after `before`, for other members, weights, zones or another factor.
///
/// Owners that stay keep their order, so that few slots change their home; who takes an owner's
/// place over takes its position too; owners for a node that is gone come last.
pub fn next(before: &Layout, members: &Members, factor: ReplicationFactor) -> Layout {
    let owners = factor.owners(members.len());
    let spread = Spread::new(members, owners);
    let shares = Shares::of_places(members, &spread);
    let mut draft = Draft::new(members, &spread);
    let mut too_many = Vec::new();
    for slot in Slot::all() {
        let staying = staying(before, slot, members);
        if !staying.iter().all(|&index| add_if_it_fits(&mut draft, slot, index)) {
            draft.owners(slot).to_vec().into_iter().for_each(|index| draft.remove(slot, index));
            too_many.push((slot, staying));
        }
    }
    // Fewer owners, or other zones: those go that have the most anyway.
    for (slot, staying) in too_many {
        let above = |index: Index| {
            let at = usize::from(index);
            i64::from(draft.places()[at]) - i64::from(shares.most[at])
        };
        let mut by_load = staying.clone();
        by_load.sort_by_key(|&index| above(index));
        by_load.into_iter().for_each(|index| _ = add_if_it_fits(&mut draft, slot, index));
        let position = |index: &Index| staying.iter().position(|other| other == index);
        draft.owners_mut(slot).sort_by_key(position);
    }
    draft.complete(&shares);
    let is_homeless = |slot: &Slot| !members.contains(before.owners(*slot)[0]);
    let homeless: Vec<Slot> = Slot::all().filter(is_homeless).collect();
    homes::balance(&mut draft, members, &homeless);
    draft.finish(before.epoch().next(), factor)
}

/// How many places have another node in `after` than in `before`: the copies of slots that have to
/// be made.
pub fn moved(before: &Layout, after: &Layout) -> usize {
    let gained = |slot| {
        let owned = before.owners(slot);
        after.owners(slot).iter().filter(|owner| !owned.contains(owner)).count()
    };
    Slot::all().map(gained).sum()
}

/// The owners of a slot that are still members, in their order.
fn staying(before: &Layout, slot: Slot, members: &Members) -> Vec<Index> {
    let index = |&owner| members.index_of(owner).map(|index| index as Index);
    before.owners(slot).iter().filter_map(index).collect()
}

fn add_if_it_fits(draft: &mut Draft<'_>, slot: Slot, index: Index) -> bool {
    let fits = draft.fits(slot, index);
    if fits {
        draft.add(slot, index);
    }
    fits
}
