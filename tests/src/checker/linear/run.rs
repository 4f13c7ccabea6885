//! Runs of operations with an unknown outcome, and the time of each key.
//!
//! Such an operation can wait until right before one that depends on it: a run of them is worth
//! something only if the known operation that ends it depends on each, maybe through others. Keys are
//! bits, see [`super::problem::place`].

use super::problem::Item;

/// The unknown operations that led here since the last known one.
#[derive(Clone, Default)]
pub struct Run {
    /// How many they are.
    pub len: usize,
    /// Their keys, as bits: of those that depend on each other together.
    pub keys: Vec<u64>,
}

impl Run {
    /// The run with one more; none if that makes an earlier one vain.
    pub fn with(&self, item: &Item<'_>) -> Option<Run> {
        let mut keys = vec![item.keys];
        for run in &self.keys {
            match run & item.keys {
                0 => keys.push(*run),
                _ if matters(*run, item.needs, item.keys) => keys[0] |= run,
                _ => return None,
            }
        }
        Some(Run { len: self.len + 1, keys })
    }

    /// All of them, each maybe through others, matter to an operation on these keys.
    pub fn leads_to(&self, needs: u64, keys: u64) -> bool {
        self.keys.iter().all(|run| matters(*run, needs, keys))
    }

    /// As before, if other unknown ones that are about these keys come between.
    pub fn may_lead_to(&self, needs: u64, keys: u64) -> bool {
        let several = |run: u64| run.count_ones() > 1;
        self.keys.iter().all(|run| run & needs != 0 || run & keys != 0 && several(*run))
    }
}

/// What unknown operations did to these keys matters to one that needs some keys and overwrites
/// others: it needs one of theirs, or has to come after them, since it leaves another of theirs.
const fn matters(run: u64, needs: u64, keys: u64) -> bool {
    run & needs != 0 || run & keys != 0 && run & !keys != 0
}

/// For each place of a key: no operation on it from here on was executed before this.
pub type Times = Vec<u64>;

/// The latest of the times of these keys.
pub fn latest(from_us: &[u64], keys: u64) -> u64 {
    let named = from_us.iter().enumerate().filter(|(at, _)| keys >> at & 1 == 1);
    named.map(|(_, from_us)| *from_us).max().unwrap_or(0)
}

/// Sets the times of these keys.
pub fn advance(from_us: &mut [u64], keys: u64, to_us: u64) {
    let named = from_us.iter_mut().enumerate().filter(|(at, _)| keys >> at & 1 == 1);
    named.for_each(|(_, from_us)| *from_us = to_us);
}
