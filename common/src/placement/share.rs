//! How many places each member should have: in proportion to its weight, as far as whole numbers,
//! the number of slots and the zones allow.
//!
//! A member holds a slot at most once, and a zone holds no more of each slot than the spread says,
//! so a heavy member or zone may be full; the rest then goes to the others.

use super::members::Members;
use super::slot::SLOTS;
use super::spread::Spread;

/// The bounds of each member's places, by its index.
pub(super) struct Shares {
    /// Below it, a member has less than it should: its exact share rounded down.
    pub least: Vec<u32>,
    /// No member has more: the weights times one number, the lowest one that gives enough
    /// places (the divisor of D'Hondt's method, which makes the highest load per weight the
    /// lowest possible).
    pub most: Vec<u32>,
}

/// What a member may get: its weight, and the most it can hold.
type Part = (u32, u32);

impl Shares {
    /// Of the owners' places. There is a way to share them out within `most`: places of a slot are
    /// a matroid, and a fractional solution exists.
    pub fn of_places(members: &Members, spread: &Spread) -> Shares {
        let slots = u64::from(SLOTS);
        let part = |index: usize| (members.as_slice()[index].weight, u32::from(SLOTS));
        let mut zones = vec![Vec::new(); members.zones()];
        (0..members.len()).for_each(|index| zones[members.zone_of(index)].push(index));
        let parts: Vec<Vec<Part>> =
            zones.iter().map(|zone| zone.iter().map(|&index| part(index)).collect()).collect();
        let bounds =
            |zone: usize| (spread.least[zone] as u64 * slots, spread.most[zone] as u64 * slots);
        let bounded = |zone: usize, level: u64| {
            let (least, most) = bounds(zone);
            places_at(&parts[zone], level).clamp(least, most)
        };
        let total = spread.owners as u64 * slots;
        let level = lowest_level(total, |level| (0..zones.len()).map(|z| bounded(z, level)).sum());

        let mut shares = Shares { least: vec![0; members.len()], most: vec![0; members.len()] };
        let mut free = (Vec::new(), total);
        for (zone, nodes) in zones.iter().enumerate() {
            let (least, most) = bounds(zone);
            let places = places_at(&parts[zone], level);
            if places > least && places < most {
                free.0.extend_from_slice(nodes);
            } else {
                let places = places.clamp(least, most);
                shares.divide(places, nodes, part, None);
                free.1 -= places;
            }
        }
        shares.divide(free.1, &free.0, part, Some(level));
        shares
    }

    /// Of the homes, when the members own `places`.
    pub fn of_homes(members: &Members, places: &[u32]) -> Shares {
        let mut shares = Shares { least: vec![0; members.len()], most: vec![0; members.len()] };
        let nodes: Vec<usize> = (0..members.len()).collect();
        let part = |index: usize| (members.as_slice()[index].weight, places[index]);
        shares.divide(u64::from(SLOTS), &nodes, part, None);
        shares
    }

    /// Shares so many places out among these members, up to a level that others share.
    fn divide(
        &mut self,
        places: u64,
        nodes: &[usize],
        part: impl Fn(usize) -> Part,
        level: Option<u64>,
    ) {
        let parts: Vec<Part> = nodes.iter().map(|&index| part(index)).collect();
        let level = level.unwrap_or_else(|| lowest_level(places, |level| places_at(&parts, level)));
        // What the full ones leave is shared by the others' weights.
        let is_full = |&&(weight, limit): &&Part| u64::from(limit) <= at_level(weight, level);
        let full: u64 = parts.iter().filter(is_full).map(|&(_, limit)| u64::from(limit)).sum();
        let others = parts.iter().filter(|part| !is_full(part));
        let weights: u64 = others.map(|&(weight, _)| u64::from(weight)).sum();
        let left = places.saturating_sub(full);
        for (&index, &(weight, limit)) in nodes.iter().zip(&parts) {
            self.most[index] = places_of((weight, limit), level);
            let exact = (u64::from(weight) * left).checked_div(weights);
            self.least[index] = exact.map_or(limit, |exact| exact.min(limit.into()) as u32);
            self.least[index] = self.least[index].min(self.most[index]);
        }
    }
}

/// The lowest level, in 2^-32 places per weight, at which there are `total` places or more.
fn lowest_level(total: u64, places: impl Fn(u64) -> u64) -> u64 {
    // With the least weight, 1, everybody is full there.
    let (mut low, mut high) = (0, u64::from(SLOTS) << 32);
    while low < high {
        let middle = low.midpoint(high);
        if places(middle) >= total { high = middle } else { low = middle + 1 }
    }
    low
}

fn places_at(parts: &[Part], level: u64) -> u64 {
    parts.iter().map(|&part| u64::from(places_of(part, level))).sum()
}

fn places_of((weight, limit): Part, level: u64) -> u32 {
    at_level(weight, level).min(limit.into()) as u32
}

fn at_level(weight: u32, level: u64) -> u64 {
    // A level has 46 bits, a weight 32.
    ((u128::from(weight) * u128::from(level)) >> 32) as u64
}
