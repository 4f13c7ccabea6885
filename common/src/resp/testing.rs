//! Random cases for the tests of this room, repeatable from a printed seed.

#![expect(clippy::disallowed_methods, reason = "seeds of a run are given from outside")]

/// SplitMix64 (Steele, Lea, Flood, 2014).
pub(super) struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0..`end`; `end` above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    pub fn bytes_of(&mut self, len: u64, alphabet: &[u8]) -> Vec<u8> {
        (0..len).map(|_| alphabet[self.below(alphabet.len() as u64) as usize]).collect()
    }
}

/// Runs `check` for `KINRING_CASES` seeds (else `cases`) from `KINRING_SEED` (else 1) on, and
/// prints the seed of a case that panics.
pub(super) fn for_each_seed(cases: u64, check: impl Fn(&mut Random)) {
    struct Shown(u64);
    impl Drop for Shown {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("repeat with KINRING_CASES=1 KINRING_SEED={}", self.0);
            }
        }
    }
    let first = number("KINRING_SEED").unwrap_or(1);
    for seed in first..first + number("KINRING_CASES").unwrap_or(cases) {
        let shown = Shown(seed);
        check(&mut Random(seed));
        drop(shown);
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}
