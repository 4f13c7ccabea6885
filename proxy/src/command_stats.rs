//! Calls, failures and time by command, for INFO commandstats.
//!
//! Each data thread counts in numbers of its own, so a call costs one plain addition. Two readings
//! of a clock would cost more than many a command: **the first calls of a command are timed, and of
//! the later ones one in 64**, which then counts as that many. Which ones does not depend
//! on any regularity of a pipeline.

use crate::stats::add;
use kinring_common::command::Row;
use kinring_common::command::table::TABLE;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Calls of a command that are all timed; then one in so many is.
const WEIGHT: u64 = 64;

/// One thread's numbers, by the number of the command's row.
#[derive(Debug)]
pub struct CommandStats(Box<[Numbers]>);

#[derive(Debug, Default)]
struct Numbers {
    calls: AtomicU64,
    nanos: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

impl Default for CommandStats {
    fn default() -> CommandStats {
        CommandStats(TABLE.iter().map(|_| Numbers::default()).collect())
    }
}

/// What one command came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Executions.
    pub calls: u64,
    /// Nanoseconds that they took, most of it estimated.
    pub nanos: u64,
    /// Refused before execution: arguments, authentication, inside MULTI.
    pub rejected: u64,
    /// Executions that ended in an error.
    pub failed: u64,
}

impl CommandStats {
    /// A call begins. Some: it is to be timed, and stands for so many.
    #[inline]
    pub fn call(&self, row: &Row) -> Option<u64> {
        let calls = &self.of(row).calls;
        let before = calls.load(Relaxed);
        calls.store(before.wrapping_add(1), Relaxed);
        if before < WEIGHT {
            return Some(1);
        }
        // The multiples of the golden ratio are spread evenly (Knuth, TAOCP 3, 6.4).
        let spread = before.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread < u64::MAX / WEIGHT).then_some(WEIGHT)
    }

    /// A timed call took so long.
    #[inline]
    pub fn took(&self, row: &Row, nanos: u64, weight: u64) {
        add(&self.of(row).nanos, nanos * weight);
    }

    /// A call was refused before it began.
    pub fn reject(&self, row: &Row) {
        add(&self.of(row).rejected, 1);
    }

    /// A call ended in an error.
    pub fn fail(&self, row: &Row) {
        add(&self.of(row).failed, 1);
    }

    /// Adds this thread's numbers to those of others, row by row.
    pub fn add_to(&self, sums: &mut Vec<Calls>) {
        sums.resize(TABLE.len(), Calls::default());
        for (sum, numbers) in sums.iter_mut().zip(&self.0) {
            sum.calls += numbers.calls.load(Relaxed);
            sum.nanos += numbers.nanos.load(Relaxed);
            sum.rejected += numbers.rejected.load(Relaxed);
            sum.failed += numbers.failed.load(Relaxed);
        }
    }

    #[inline]
    fn of(&self, row: &Row) -> &Numbers {
        &self.0[row.run as usize]
    }
}

impl Calls {
    /// What came after `base`.
    pub fn since(self, base: Calls) -> Calls {
        Calls {
            calls: self.calls.saturating_sub(base.calls),
            nanos: self.nanos.saturating_sub(base.nanos),
            rejected: self.rejected.saturating_sub(base.rejected),
            failed: self.failed.saturating_sub(base.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_so_many_is_timed_and_stands_for_the_others() {
        let stats = CommandStats::default();
        let calls = 1_000_000;
        let stands_for: u64 = (0..calls).filter_map(|_| stats.call(&TABLE[0])).sum();
        assert!(stands_for.abs_diff(calls) < calls / 100, "{stands_for}");
        // However regular a pipeline is, each of its places has its turn.
        let mut turns = [0; 16];
        for at in 0..calls {
            if stats.call(&TABLE[1]).is_some() {
                turns[at as usize % 16] += 1;
            }
        }
        assert!(turns.iter().all(|n| (800..1200).contains(n)), "{turns:?}");
    }
}
