//! Seeds, and the loop over them.

#![expect(clippy::disallowed_methods, reason = "seeds of a run are given from outside")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// SplitMix64 (Steele, Lea, Flood, 2014): a seed names a run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Checks a law for every seed of this run: `cases` of them unless the environment says otherwise.
pub fn for_all(cases: u64, law: impl Fn(u64, &mut Random)) {
    let cases = if cfg!(miri) { 1 } else { setting("KINRING_CASES").unwrap_or(cases) };
    let first = setting("KINRING_SEED").unwrap_or(0);
    for seed in first..first + cases {
        let run = AssertUnwindSafe(|| law(seed, &mut Random::new(seed)));
        if let Err(panic) = catch_unwind(run) {
            eprintln!("failed: run it again with KINRING_CASES=1 KINRING_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number of cases or a seed"))
}
