//! Tries that were refused here: one that comes once more is not executed.
//!
//! "Not executed, and it will not be" is the answer on which a proxy asks another node. A network may bring
//! the same try again, when this node has become the home: so it is known until it is void. Of what is
//! executed the names are kept (`requests`), so nothing else has to be known of a try.
//!
//! Bounded: past [`REFUSALS_MAX`] a try gets no answer, which promises nothing.

use kinring_common::wire::request::Attempt;
use std::collections::{BTreeSet, HashSet};

/// Tries that are known at most: some 8 MB.
pub const REFUSALS_MAX: usize = 65_536;

/// See the module.
#[derive(Debug, Default)]
pub struct Refusals {
    known: HashSet<Attempt>,
    /// By the time at which they are void.
    ends: BTreeSet<(u64, Attempt)>,
}

impl Refusals {
    /// A try is refused that is void then. Returns whether that may be said.
    pub fn note(&mut self, attempt: Attempt, until_us: u64) -> bool {
        let is_known = self.known.contains(&attempt);
        if self.known.len() >= REFUSALS_MAX && !is_known {
            return false;
        }
        if !is_known {
            self.known.insert(attempt);
            self.ends.insert((until_us, attempt));
        }
        true
    }

    /// Whether a try was refused.
    pub fn has(&mut self, attempt: Attempt, now_us: u64) -> bool {
        while let Some((until_us, void)) = self.ends.first().copied()
            && until_us <= now_us
        {
            self.ends.pop_first();
            self.known.remove(&void);
        }
        !self.known.is_empty() && self.known.contains(&attempt)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::wire::request::RequestId;

    fn attempt(number: u32) -> Attempt {
        Attempt { id: RequestId { session: 1, number: 1 }, number }
    }

    #[test]
    fn a_try_that_was_refused_is_known_until_it_is_void() {
        let mut refusals = Refusals::default();
        assert!(!refusals.has(attempt(0), 0));
        assert!(refusals.note(attempt(0), 20) && refusals.note(attempt(1), 10));
        assert!(refusals.has(attempt(0), 9) && refusals.has(attempt(1), 9));
        assert!(!refusals.has(attempt(2), 9), "another try of the same request");
        assert!(!refusals.has(attempt(1), 10) && refusals.has(attempt(0), 10));
        assert!(!refusals.has(attempt(0), 20));
        assert_eq!(refusals.len(), 0);
    }

    #[test]
    fn past_the_bound_nothing_is_said() {
        let mut refusals = Refusals::default();
        let max = REFUSALS_MAX as u32;
        assert!((0..max).all(|number| refusals.note(attempt(number), 10)));
        assert!(!refusals.note(attempt(max), 10));
        assert!(refusals.note(attempt(0), 10), "it is known already");
        assert!(!refusals.has(attempt(max), 10), "there is room again");
        assert!(refusals.note(attempt(max), 20));
        assert_eq!(refusals.len(), 1);
    }
}
