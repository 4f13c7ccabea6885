//! Seeds, and the loop over them.

#![expect(clippy::disallowed_methods, reason = "seeds of a run are given from outside")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// SplitMix64 (Steele, Lea, Flood, 2014).
pub struct Rng {
    state: u64,
    /// How large a case to make: small seeds make small cases.
    pub size: usize,
}

impl Rng {
    pub fn new(seed: u64) -> Rng {
        // Mixed, or neighbouring seeds would walk the same sequence one step apart.
        Rng { state: mix(seed), size: 4 + (seed % 57) as usize }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Checks a law for every seed of this run.
pub fn for_all(law: impl Fn(&mut Rng)) {
    let cases = cases();
    let first = setting("KINRING_SEED").unwrap_or(0);
    for seed in first..first + cases {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| law(&mut Rng::new(seed)))) {
            eprintln!("failed: run it again with KINRING_CASES=1 KINRING_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// How many cases a law runs.
pub fn cases() -> u64 {
    setting("KINRING_CASES").unwrap_or(5_000)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number of cases or a seed"))
}
