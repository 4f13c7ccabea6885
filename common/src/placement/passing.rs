//! Members with too much pass some of it on, over others if need be, so that as little as possible
//! changes hands: shortest augmenting paths.
//!
//! For places this is matroid intersection (Lawler, 1975; the owners allowed in each slot, and the
//! number of places allowed to each member): along a shortest path all steps may be taken, and
//! where there is no path there is no better solution.

use super::draft::Index;
use super::share::Shares;
use super::slot::Slot;

/// One member gives what it has in a slot to another one.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub slot: Slot,
    pub from: Index,
    pub to: Index,
}

/// Something that members have in slots and can pass on.
pub(super) trait Passing {
    /// How much each member has.
    fn load(&self) -> &[u32];

    /// Who has something in the slot.
    fn givers(&self, slot: Slot) -> &[Index];

    /// Reaches every member that could take what `from` has in the slot.
    fn reach(&self, slot: Slot, from: Index, reach: &mut Reach);

    /// Whether the member may take what the other one has in the slot.
    fn may_pass(&self, step: Step) -> bool;

    /// Passes it on.
    fn pass(&mut self, step: Step);

    /// Takes loads to within the shares: nobody has more than `most`, then nobody less than
    /// `least`. As far as it goes, with the fewest steps for each.
    fn balance(&mut self, shares: &Shares)
    where
        Self: Sized,
    {
        let (least, most) = (&shares.least, &shares.most);
        for (above, below) in [(most, most), (least, least)] {
            loop {
                let load = self.load();
                let gives = |index: Index| load[usize::from(index)] > above[usize::from(index)];
                let takes = |index: Index| load[usize::from(index)] < below[usize::from(index)];
                let Some(steps) = path(self, Slot::FIRST, gives, takes) else { break };
                let (from, to) =
                    (usize::from(steps[0].from), usize::from(steps[steps.len() - 1].to));
                let wanted = (load[from] - above[from]).min(below[to] - load[to]);
                self.pass_along(steps, wanted);
            }
        }
    }

    /// Takes a path so many times, or as often as slots are found for its steps: a path over the
    /// same members is as short as the first one, and saves the search.
    fn pass_along(&mut self, mut steps: Vec<Step>, times: u32) {
        for _ in 0..times {
            // From the far end: everybody has got room before taking.
            steps.iter().rev().for_each(|&step| self.pass(step));
            if !self.find_again(&mut steps) {
                return;
            }
        }
    }

    /// Takes every step to a later slot where it is possible, too. False when there is none.
    fn find_again(&self, steps: &mut [Step]) -> bool {
        steps.iter_mut().all(|step| {
            let mut later = Slot::all().skip(usize::from(step.slot.number()) + 1);
            let again = later.find(|&slot| self.may_pass(Step { slot, ..*step }));
            again.is_some_and(|slot| {
                step.slot = slot;
                true
            })
        })
    }
}

/// A search from some members over what can be passed on.
pub(super) struct Reach {
    /// The step that reached a member first. None for those where the search begins.
    via: Vec<Option<Step>>,
    is_reached: Vec<bool>,
    unreached: Vec<Index>,
    /// Reached in this round.
    fresh: Vec<Index>,
}

impl Reach {
    /// Reaches a member that can take what `from` has in the slot.
    pub fn reach(&mut self, slot: Slot, from: Index, to: Index) {
        if !self.is_reached[usize::from(to)] {
            self.is_reached[usize::from(to)] = true;
            self.via[usize::from(to)] = Some(Step { slot, from, to });
            self.fresh.push(to);
        }
    }

    /// Reaches all members that can take it and have not been reached.
    pub fn retain_unreached(&mut self, slot: Slot, from: Index, can_take: impl Fn(Index) -> bool) {
        let mut unreached = std::mem::take(&mut self.unreached);
        unreached.retain(|&to| {
            let reached = can_take(to);
            if reached {
                self.reach(slot, from, to);
            }
            !reached
        });
        self.unreached = unreached;
    }

    /// The steps that lead to a member.
    fn steps_to(&self, mut member: Index) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(step) = self.via[usize::from(member)] {
            steps.push(step);
            member = step.from;
        }
        steps.reverse();
        steps
    }
}

/// The fewest steps from a member that gives to one that takes, in order. One that gives does not
/// take. The search goes through the slots from `begin` on and round: of several shortest paths, it
/// finds that one first.
pub(super) fn path(
    of: &impl Passing,
    begin: Slot,
    gives: impl Fn(Index) -> bool,
    takes: impl Fn(Index) -> bool,
) -> Option<Vec<Step>> {
    let members = of.load().len();
    let begin = usize::from(begin.number());
    let (fresh, unreached): (Vec<Index>, _) = (0..members as Index).partition(|&i| gives(i));
    if fresh.is_empty() || !unreached.iter().any(|&index| takes(index)) {
        return None;
    }
    let mut is_reached = vec![false; members];
    fresh.iter().for_each(|&index| is_reached[usize::from(index)] = true);
    let mut reach = Reach { via: vec![None; members], is_reached, unreached, fresh };
    let mut is_front = vec![false; members];
    while !reach.fresh.is_empty() {
        is_front.fill(false);
        reach.fresh.drain(..).for_each(|index| is_front[usize::from(index)] = true);
        for slot in Slot::all().skip(begin).chain(Slot::all().take(begin)) {
            for &from in of.givers(slot).iter().filter(|&&from| is_front[usize::from(from)]) {
                let known = reach.fresh.len();
                of.reach(slot, from, &mut reach);
                if let Some(&end) = reach.fresh[known..].iter().find(|&&index| takes(index)) {
                    return Some(reach.steps_to(end));
                }
            }
        }
    }
    None
}
