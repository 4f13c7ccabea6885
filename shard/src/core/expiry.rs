//! How much of its time a shard gives to expiring keys.
//!
//! Reads never see an expired key, so the sweep only gives memory back. It walks the partitions
//! round and round, a cycle every 100 ms, and stops when the cycle's budget is used up: commands
//! never wait for more than one segment of it.

use kinring_common::keyspace::PARTITIONS;

/// How often a cycle starts.
pub const CYCLE_MS: u64 = 100;

/// Keys taken under one lock at a time: about 50 µs of waiting for whoever wants the partition.
pub const KEYS_A_LOCK: usize = 256;

/// Where the sweep is, and what a cycle may still spend.
#[derive(Debug, Default)]
pub struct Sweep {
    partition: u8,
    visited: usize,
    spent_us: u64,
    budget_us: u64,
}

impl Sweep {
    /// A new cycle with the budget of this effort (1 to 10): 25 % of one core and 2 % more for each
    /// step above the first, as Redis's setting of the same name gives its own sweep.
    pub fn start_cycle(&mut self, effort: u8) {
        let percent = 25 + 2 * u64::from(effort.clamp(1, 10) - 1);
        self.budget_us = CYCLE_MS * 1000 * percent / 100;
        (self.visited, self.spent_us) = (0, 0);
    }

    /// The partition to sweep next in this cycle; `None` when the budget is used up or every
    /// partition has had its turn.
    pub fn next(&self) -> Option<u8> {
        (self.visited < PARTITIONS && self.spent_us < self.budget_us).then_some(self.partition)
    }

    /// Notes what a step cost and whether it came to the partition's end.
    pub fn done(&mut self, cost_us: u64, at_end: bool) {
        self.spent_us += cost_us;
        if at_end {
            self.partition = self.partition.wrapping_add(1);
            self.visited += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_visits_every_partition_once() {
        let mut sweep = Sweep::default();
        sweep.start_cycle(1);
        let mut seen = Vec::new();
        while let Some(partition) = sweep.next() {
            seen.push(usize::from(partition));
            sweep.done(1, true);
        }
        assert_eq!(seen, (0..PARTITIONS).collect::<Vec<_>>());
    }

    #[test]
    fn a_cycle_stops_at_its_budget_and_the_next_goes_on_there() {
        let mut sweep = Sweep::default();
        sweep.start_cycle(1);
        for _ in 0..3 {
            assert!(sweep.next().is_some());
            sweep.done(10_000, true);
        }
        assert_eq!(sweep.next(), None, "25 ms of 100 are used up");
        sweep.start_cycle(1);
        assert_eq!(sweep.next(), Some(3));
        sweep.done(26_000, false);
        assert_eq!(sweep.next(), None);
        sweep.start_cycle(10);
        assert_eq!(sweep.next(), Some(3), "a partition that was not finished is gone on with");
        sweep.done(42_000, false);
        assert_eq!(sweep.next(), Some(3), "43 ms of 100 with the largest effort");
    }
}
