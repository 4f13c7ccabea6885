//! Weighted rendezvous hashing (highest random weight; Thaler and Ravishankar, 1998; weights by
//! Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005): a member's cost for a
//! slot is −log(hash) ÷ weight, and a slot likes the cheapest members best, each in proportion to
//! its weight.
//!
//! Whole numbers only: every machine must come to the same order, and the logarithms of two
//! mathematical libraries differ in the last bit.

use super::members::Member;
use super::slot::{SLOTS, Slot};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Changing it moves every slot of every cluster.
const SEED: u64 = 0x6b69_6e72_696e_6731;

/// What a slot pays for a member, the less the better. Ties go to the lower node.
pub(super) fn cost(slot: Slot, member: &Member) -> u64 {
    // 38 bits of logarithm leave room for 24 of fraction.
    (log_below_one(hash(slot, member.id.0)) << 24) / u64::from(member.weight)
}

fn hash(slot: Slot, node: u64) -> u64 {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&node.to_le_bytes());
    bytes[8..].copy_from_slice(&slot.number().to_le_bytes());
    xxh3_64_with_seed(&bytes, SEED)
}

/// All slots, in an order of the node's own.
pub(super) fn walk(node: u64) -> impl Iterator<Item = Slot> {
    let hash = xxh3_64_with_seed(&node.to_le_bytes(), SEED);
    let (mut at, step) = (hash as u16, (hash >> 16) as u16 | 1);
    // An odd step goes through all numbers of 16 bits, and so through those of 14.
    (0..SLOTS).map(move |_| {
        at = at.wrapping_add(step);
        Slot::new(at % SLOTS).expect("it is below the number of slots")
    })
}

/// −log2(hash ÷ 2^64) in 2^-32, never negative: up to 64 × 2^32. A zero counts as one.
fn log_below_one(hash: u64) -> u64 {
    let hash = hash.max(1);
    let zeros = u64::from(hash.leading_zeros());
    let mantissa = hash << zeros;
    let (at, rest) = ((mantissa >> 55 & 0xff) as usize, mantissa >> 23 & 0xffff_ffff);
    let fraction = LOG2[at] + (((LOG2[at + 1] - LOG2[at]) * rest) >> 32);
    ((zeros + 1) << 32) - fraction
}

/// log2(1 + i ÷ 256) in 2^-32. Between two of them the logarithm is a straight line.
static LOG2: [u64; 257] = {
    let mut table = [1 << 32; 257];
    let mut at = 0;
    while at < 256 {
        table[at] = log2((1 << 62) + ((at as u64) << 54));
        at += 1;
    }
    table
};

/// log2 of a number from 1 to 2 in 2^-62, in 2^-32: squared it has twice the logarithm, whose whole
/// part is the next bit.
const fn log2(mut number: u64) -> u64 {
    let (mut log, mut bit) = (0, 0);
    while bit < 32 {
        let square = ((number as u128 * number as u128) >> 62) as u64;
        let is_two = square >> 63;
        log = log << 1 | is_two;
        number = square >> is_two;
        bit += 1;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;
    use crate::random::Random;

    #[test]
    fn logarithms_are_those_of_the_definition() {
        let mut random = Random::new(1);
        for _ in 0..100_000 {
            let hash = random.word() >> random.below(64);
            let exact = 64.0 - (hash.max(1) as f64).log2();
            let ours = log_below_one(hash) as f64 / (1u64 << 32) as f64;
            assert!((ours - exact).abs() < 4e-6, "{hash}: {ours} instead of {exact}");
        }
        assert!(log_below_one(u64::MAX) < 4);
        assert_eq!(log_below_one(0), 64 << 32);
    }

    #[test]
    fn a_larger_hash_never_costs_more() {
        let mut random = Random::new(2);
        for _ in 0..100_000 {
            let hash = random.word();
            assert!(log_below_one(hash) <= log_below_one(hash - (hash >> random.below(64))));
        }
    }

    #[test]
    fn the_cheapest_member_is_chosen_in_proportion_to_its_weight() {
        let weights = [1, 2, 4, 13];
        let member = |node: usize| Member {
            id: NodeId(node as u64),
            weight: weights[node % weights.len()],
            zone: String::new(),
        };
        let mut wins = [0; 4];
        for slot in Slot::all() {
            for round in 0..8 {
                let nodes = round * 4..round * 4 + 4;
                let best = nodes.min_by_key(|&node| cost(slot, &member(node)));
                wins[best.expect("there are four") % 4] += 1;
            }
        }
        for (weight, wins) in weights.iter().zip(wins) {
            let fair = 8.0 * 16384.0 * f64::from(*weight) / 20.0;
            assert!((f64::from(wins) / fair - 1.0).abs() < 0.03, "{weight}: {wins} of {fair}");
        }
    }

    #[test]
    fn costs_stay_as_they_are() {
        let member = Member { id: NodeId(7), weight: 3, zone: String::new() };
        let slot = Slot::new(12182).expect("it is a slot");
        assert_eq!(cost(slot, &member), 19_349_520_561_908_394);
    }

    #[test]
    fn a_walk_meets_every_slot_once() {
        let mut seen: Vec<u16> = walk(99).map(Slot::number).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..SLOTS));
    }
}
