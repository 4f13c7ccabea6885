//! A layout in the making: which members own each slot so far. What is there always keeps the
//! rules (different owners, spread over the zones); some slots may still have too few.

use super::layout::{Epoch, Layout, ReplicationFactor};
use super::members::{Member, Members};
use super::passing::{Passing, Reach, Step, path};
use super::rendezvous::{cost, walk};
use super::share::Shares;
use super::slot::{SLOTS, Slot};
use super::spread::Spread;

/// A member by its index in the list: half of the memory of a node's name, a quarter of the time.
pub(super) type Index = u16;

/// The owners so far.
pub(super) struct Draft<'a> {
    members: &'a Members,
    spread: &'a Spread,
    owners: Vec<Vec<Index>>,
    /// Places of each member.
    places: Vec<u32>,
}

impl<'a> Draft<'a> {
    /// Nobody owns anything.
    pub fn new(members: &'a Members, spread: &'a Spread) -> Draft<'a> {
        let owners = vec![Vec::with_capacity(spread.owners); SLOTS.into()];
        Draft { members, spread, owners, places: vec![0; members.len()] }
    }

    /// The owners of a slot, in their order.
    pub fn owners(&self, slot: Slot) -> &[Index] {
        &self.owners[usize::from(slot.number())]
    }

    /// The owners of a slot, to bring them into another order.
    pub fn owners_mut(&mut self, slot: Slot) -> &mut [Index] {
        &mut self.owners[usize::from(slot.number())]
    }

    /// The places of each member.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// The member with this index.
    pub fn member(&self, index: Index) -> &Member {
        &self.members.as_slice()[usize::from(index)]
    }

    /// Whether the member may become an owner of the slot beside the present ones.
    pub fn fits(&self, slot: Slot, index: Index) -> bool {
        let owners = self.owners(slot);
        owners.len() < self.spread.owners
            && !owners.contains(&index)
            && self.spread.fits(owners.iter().map(|&other| self.zone(other)), self.zone(index))
    }

    /// Adds an owner that fits, as the last one.
    pub fn add(&mut self, slot: Slot, index: Index) {
        self.owners[usize::from(slot.number())].push(index);
        self.places[usize::from(index)] += 1;
    }

    /// Takes an owner away.
    pub fn remove(&mut self, slot: Slot, index: Index) {
        self.owners[usize::from(slot.number())].retain(|&other| other != index);
        self.places[usize::from(index)] -= 1;
    }

    /// Gives every slot all its owners, within the shares: first the places that nobody has, then
    /// those of members that have too many. A place changes hands only when it must.
    pub fn complete(&mut self, shares: &Shares) {
        for slot in Slot::all() {
            while let Some(best) = self.best_taker(slot, shares) {
                self.add(slot, best);
            }
        }
        self.collect(shares);
        let mut paths = vec![Vec::new(); self.places.len()];
        for slot in Slot::all() {
            while self.owners(slot).len() < self.spread.owners {
                self.make_room(slot, &mut paths, shares);
            }
        }
        self.balance(shares);
    }

    /// The member that a slot with too few owners gets: of those with less than their share the
    /// one that the slot likes best, else of those with no more than it.
    fn best_taker(&self, slot: Slot, shares: &Shares) -> Option<Index> {
        if self.owners(slot).len() == self.spread.owners {
            return None;
        }
        let takers = (0..self.places.len() as Index).filter(|&index| {
            self.places[usize::from(index)] < shares.most[usize::from(index)]
                && self.fits(slot, index)
        });
        takers.min_by_key(|&index| {
            let at = usize::from(index);
            (self.places[at] >= shares.least[at], cost(slot, self.member(index)), index)
        })
    }

    /// Members with less than their share take places over: first from members with more than
    /// theirs, then from those at the upper end; first so that homes stay balanced, too.
    fn collect(&mut self, shares: &Shares) {
        let mut homes = HomeLoad::new(self);
        for taker in 0..self.places.len() as Index {
            for floors in [&shares.most, &shares.least] {
                for is_polite in [true, false] {
                    self.walk_and_take(taker, shares, floors, is_polite.then_some(&mut homes));
                }
            }
        }
    }

    /// The member walks over all slots and takes places of members above the floors, until it has
    /// enough.
    fn walk_and_take(
        &mut self,
        taker: Index,
        shares: &Shares,
        floors: &[u32],
        mut homes: Option<&mut HomeLoad>,
    ) {
        for slot in walk(self.member(taker).id.0) {
            if self.places[usize::from(taker)] >= shares.least[usize::from(taker)] {
                return;
            }
            let above = |&from: &Index| {
                let at = usize::from(from);
                (self.places[at] > floors[at]).then(|| (self.places[at] - floors[at], from))
            };
            let may = |&(_, from): &(u32, Index)| {
                let is_home = self.owners(slot)[0] == from;
                let keeps_homes = |homes: &&mut HomeLoad| !is_home || homes.may_pass(from, taker);
                self.may_pass(Step { slot, from, to: taker })
                    && homes.as_ref().is_none_or(keeps_homes)
            };
            if let Some((_, from)) = self.owners(slot).iter().filter_map(above).filter(may).max() {
                if let Some(homes) = homes.as_mut().filter(|_| self.owners(slot)[0] == from) {
                    homes.pass(from, taker);
                }
                self.pass(Step { slot, from, to: taker });
            }
        }
    }

    /// Adds an owner to a slot where each one that fits has all it may have: one of them passes a
    /// place on first. `paths` are those that were found for other slots, by the member where they
    /// begin; taken again in later slots they save the search.
    fn make_room(&mut self, slot: Slot, paths: &mut [Vec<Step>], shares: &Shares) {
        let has_room = |at: Index| self.places[usize::from(at)] < shares.most[usize::from(at)];
        let mut members = 0..self.places.len() as Index;
        if let Some(index) = members.find(|&at| has_room(at) && self.fits(slot, at)) {
            return self.add(slot, index);
        }
        let is_usable = |steps: &mut Vec<Step>| {
            let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return false };
            let usable = has_room(last.to) && self.fits(slot, first.from);
            usable && self.find_again(steps) && are_apart(slot, steps)
        };
        let known = paths.iter_mut().find_map(|steps| is_usable(steps).then(|| steps.clone()));
        let search = || path(self, slot, |at| self.fits(slot, at), has_room);
        let steps = known.or_else(search).expect("the shares leave room for every place");
        let first = steps[0].from;
        steps.iter().rev().for_each(|&step| self.pass(step));
        self.add(slot, first);
        paths[usize::from(first)] = steps;
    }

    fn zone(&self, index: Index) -> usize {
        self.members.zone_of(index.into())
    }

    /// The layout that this makes.
    pub fn finish(self, epoch: Epoch, factor: ReplicationFactor) -> Layout {
        let owners: Vec<_> = self.owners.iter().flatten().map(|&i| self.member(i).id).collect();
        Layout::new(epoch, self.members.clone(), factor, &owners)
            .expect("a plan keeps the rules of a layout")
    }
}

impl Passing for Draft<'_> {
    fn load(&self) -> &[u32] {
        &self.places
    }

    fn givers(&self, slot: Slot) -> &[Index] {
        self.owners(slot)
    }

    fn reach(&self, slot: Slot, from: Index, reach: &mut Reach) {
        reach.retain_unreached(slot, from, |to| self.may_pass(Step { slot, from, to }));
    }

    /// Whether the slot keeps the rules when `to` takes the place of `from`.
    fn may_pass(&self, Step { slot, from, to }: Step) -> bool {
        let owners = self.owners(slot);
        let others = owners.iter().filter(|&&other| other != from);
        owners.contains(&from)
            && !owners.contains(&to)
            && self.spread.fits(others.map(|&other| self.zone(other)), self.zone(to))
    }

    fn pass(&mut self, Step { slot, from, to }: Step) {
        let owner = self.owners_mut(slot).iter_mut().find(|owner| **owner == from);
        *owner.expect("only an owner passes its place on") = to;
        self.places[usize::from(from)] -= 1;
        self.places[usize::from(to)] += 1;
    }
}

/// Whether the steps are in different slots, and none in this one: then none is in the way of
/// another, also where the path is not the shortest.
fn are_apart(slot: Slot, steps: &[Step]) -> bool {
    let mut slots: Vec<Slot> = steps.iter().map(|step| step.slot).chain([slot]).collect();
    slots.sort_unstable();
    slots.windows(2).all(|pair| pair[0] != pair[1])
}

/// The homes of each member while places change hands: who takes a place over takes its position,
/// and nobody should be left with too few first ones.
struct HomeLoad {
    load: Vec<u32>,
    least: Vec<u32>,
}

impl HomeLoad {
    fn new(draft: &Draft<'_>) -> HomeLoad {
        let shares = Shares::of_homes(draft.members, &vec![SLOTS.into(); draft.members.len()]);
        let mut load = vec![0; draft.members.len()];
        for home in Slot::all().filter_map(|slot| draft.owners(slot).first()) {
            load[usize::from(*home)] += 1;
        }
        HomeLoad { load, least: shares.least }
    }

    fn may_pass(&self, from: Index, to: Index) -> bool {
        let (from, to) = (usize::from(from), usize::from(to));
        self.load[from] > self.least[from] && self.load[to] < self.least[to]
    }

    fn pass(&mut self, from: Index, to: Index) {
        self.load[usize::from(from)] -= 1;
        self.load[usize::from(to)] += 1;
    }
}
