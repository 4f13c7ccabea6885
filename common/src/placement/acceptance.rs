//! Deferred acceptance (Gale and Shapley, 1962): slots propose to the members they like best, a
//! member keeps those that like it best, up to its share, and the others go on to their next
//! choice.
//!
//! The result is the stable one that is best for the slots, and does not depend on the order of
//! proposals. A list that differs little gives a result that differs little.

use super::draft::{Draft, Index};
use super::members::Members;
use super::rendezvous::cost;
use super::share::Shares;
use super::slot::Slot;
use super::spread::Spread;
use std::collections::BinaryHeap;

/// Choices that are kept for a slot. Few slots come further, and they rank all members again.
const CHOICES: usize = 32;

/// The draft in which each member has at most its share. Slots that every member with room has
/// already, or would spread badly, have too few owners.
pub(super) fn draft<'a>(members: &'a Members, spread: &'a Spread, shares: &Shares) -> Draft<'a> {
    let mut draft = Draft::new(members, spread);
    let mut choices: Vec<Choices> = Slot::all().map(|slot| Choices::new(slot, members)).collect();
    // Of each member, the slots that it has, on top the one that likes it least.
    let mut kept: Vec<BinaryHeap<(u64, Slot)>> = vec![BinaryHeap::new(); members.len()];
    let mut open: Vec<Slot> = Slot::all().collect();
    while let Some(slot) = open.pop() {
        let choices = &mut choices[usize::from(slot.number())];
        let mut at = 0;
        // From the first choice: one that did not fit may fit now that another has refused. One
        // that refused does so again.
        while let Some((cost, index)) = choices.get(at, slot, members) {
            at += 1;
            if draft.owners(slot).len() == spread.owners {
                break;
            }
            let (kept, most) = (&mut kept[usize::from(index)], shares.most[usize::from(index)]);
            let is_full = kept.len() >= most as usize;
            if is_full && kept.peek().is_none_or(|&last| last <= (cost, slot)) {
                continue;
            }
            if !draft.fits(slot, index) {
                continue;
            }
            draft.add(slot, index);
            kept.push((cost, slot));
            if is_full && let Some((_, refused)) = kept.pop() {
                draft.remove(refused, index);
                open.push(refused);
            }
        }
    }
    draft
}

/// Members in the order in which a slot likes them, as far as somebody asked.
struct Choices(Vec<(u64, Index)>);

impl Choices {
    fn new(slot: Slot, members: &Members) -> Choices {
        let mut all = Choices::all(slot, members);
        if all.len() > CHOICES {
            all.select_nth_unstable(CHOICES);
            all.truncate(CHOICES);
        }
        all.sort_unstable();
        Choices(all.into_boxed_slice().into_vec())
    }

    fn get(&mut self, at: usize, slot: Slot, members: &Members) -> Option<(u64, Index)> {
        if at >= self.0.len() && self.0.len() < members.len() {
            self.0 = Choices::all(slot, members);
            self.0.sort_unstable();
        }
        self.0.get(at).copied()
    }

    fn all(slot: Slot, members: &Members) -> Vec<(u64, Index)> {
        let all = members.as_slice().iter().enumerate();
        all.map(|(index, member)| (cost(slot, member), index as Index)).collect()
    }
}
