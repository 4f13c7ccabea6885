//! Numbers from a seed: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
//! generators", 2014).
//!
//! The core draws no randomness of its own. A seed comes in, and the same seed gives the same
//! numbers: that is what lets a test repeat its run.

/// A sequence of numbers. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Random {
        // Mixed, or neighbouring seeds would walk the same sequence one step apart.
        Random(mix(seed))
    }

    /// Any number.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// When `end` is 0.
    pub const fn below(&mut self, end: usize) -> usize {
        (self.word() % end as u64) as usize
    }

    /// True so many times out of a hundred.
    pub const fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Puts them into any order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.word() as u8).collect()
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_seeds_walk_apart_and_the_same_seed_walks_the_same_way() {
        let walk = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| random.word()).collect::<Vec<_>>()
        };
        assert_eq!(walk(7), walk(7));
        let mut all: Vec<u64> = (0..50).flat_map(walk).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 50 * 100);
    }

    #[test]
    fn a_choice_is_even() {
        let mut random = Random::new(1);
        let mut counts = [0; 10];
        (0..100_000).for_each(|_| counts[random.below(10)] += 1);
        assert!(counts.iter().all(|n| (9_600..10_400).contains(n)), "{counts:?}");
    }
}
