//! The loop over random cases that the laws of all rooms run in.
//!
//! A failing case prints its seed. `KINRING_CASES=1 KINRING_SEED=<seed>` runs it again, and a large
//! `KINRING_CASES` makes a long run.

#![expect(clippy::disallowed_methods, reason = "seeds of a run are given from outside")]

use crate::random::Random;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The randomness of one case.
pub struct Case {
    random: Random,
    /// How large to make it: small seeds make small cases.
    pub size: usize,
}

impl Case {
    pub fn new(seed: u64) -> Case {
        Case { random: Random::new(seed), size: 4 + (seed % 57) as usize }
    }
}

impl Deref for Case {
    type Target = Random;

    fn deref(&self) -> &Random {
        &self.random
    }
}

impl DerefMut for Case {
    fn deref_mut(&mut self) -> &mut Random {
        &mut self.random
    }
}

/// Checks a law for every seed of this run: `usual` of them unless the environment says otherwise.
pub fn for_all(usual: u64, law: impl Fn(&mut Case)) {
    let first = setting("KINRING_SEED").unwrap_or(0);
    for seed in first..first + cases(usual) {
        let run = AssertUnwindSafe(|| law(&mut Case::new(seed)));
        if let Err(panic) = catch_unwind(run) {
            eprintln!("failed: run it again with KINRING_CASES=1 KINRING_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// How many cases a law runs in this run, of which it usually runs so many.
pub fn cases(usual: u64) -> u64 {
    if cfg!(miri) { 1 } else { setting("KINRING_CASES").unwrap_or(usual) }
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}
