//! The clocks of a simulated node: each runs at a rate of its own, the wall clock is set now and then.

use kinring_common::clock::Now;

/// How far the rates of two clocks may differ, in parts of a million: what leases allow for.
pub const DRIFT_MAX_PPM: u64 = 5_000;

/// A node's monotonic clock and its wall clock, from the simulator's one true time.
#[derive(Clone, Debug)]
pub struct Clock {
    rate_ppm: u64,
    /// True time at which it last changed its mind, and what it showed then.
    since_us: u64,
    mono_us: u64,
    wall_us: i64,
}

impl Clock {
    /// A clock that runs so many millionths of true time in a second of it, and shows `wall_ms` now.
    ///
    /// # Panics
    /// When it runs faster or slower than any clock may.
    pub fn new(rate_ppm: u64, mono_us: u64, wall_ms: u64, now_us: u64) -> Clock {
        assert!(rate_ppm.abs_diff(1_000_000) <= DRIFT_MAX_PPM, "leases allow for no more");
        Clock { rate_ppm, since_us: now_us, mono_us, wall_us: wall_ms as i64 * 1_000 }
    }

    /// What it shows.
    pub fn now(&self, now_us: u64) -> Now {
        let passed = self.passed_us(now_us);
        let wall_us = self.wall_us + passed as i64;
        Now { wall_ms: (wall_us / 1_000).max(0) as u64, mono_us: self.mono_us + passed }
    }

    /// Somebody sets the wall clock: it jumps, either way. The monotonic clock goes on, in a
    /// suspended machine too.
    pub fn jump_wall(&mut self, by_ms: i64, now_us: u64) {
        self.settle(now_us);
        self.wall_us += by_ms * 1_000;
    }

    /// It runs at another rate from now on.
    pub fn set_rate(&mut self, rate_ppm: u64, now_us: u64) {
        assert!(rate_ppm.abs_diff(1_000_000) <= DRIFT_MAX_PPM, "leases allow for no more");
        self.settle(now_us);
        self.rate_ppm = rate_ppm;
    }

    /// How far it has strayed from true time since it was last set, or changed its rate.
    pub fn strayed_us(&self, now_us: u64) -> u64 {
        self.passed_us(now_us).abs_diff(now_us - self.since_us)
    }

    /// True time at which its monotonic clock will show `mono_us`.
    pub fn when_us(&self, mono_us: u64) -> u64 {
        let left = mono_us.saturating_sub(self.mono_us);
        self.since_us + (left * 1_000_000).div_ceil(self.rate_ppm)
    }

    fn settle(&mut self, now_us: u64) {
        let passed = self.passed_us(now_us);
        (self.since_us, self.mono_us) = (now_us, self.mono_us + passed);
        self.wall_us += passed as i64;
    }

    fn passed_us(&self, now_us: u64) -> u64 {
        (now_us - self.since_us) * self.rate_ppm / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::random::Random;

    #[test]
    fn the_wall_jumps_and_the_monotonic_clock_goes_on() {
        let mut clock = Clock::new(1_000_000, 77, 5_000, 0);
        assert_eq!(clock.now(10_000), Now { wall_ms: 5_010, mono_us: 10_077 });
        clock.jump_wall(-3_000, 10_000);
        assert_eq!(clock.now(20_000), Now { wall_ms: 2_020, mono_us: 20_077 });
        clock.jump_wall(-30_000, 20_000);
        assert_eq!(clock.now(20_000).wall_ms, 0, "no time before the epoch");
    }

    #[test]
    fn a_deadline_is_met_at_its_time_and_not_before() {
        let mut random = Random::new(1);
        let mut clock = Clock::new(1_000_000, 0, 1_000_000, 0);
        let mut now_us = 0;
        for _ in 0..2_000 {
            now_us += random.below(100_000) as u64;
            if random.chance(20) {
                clock.set_rate(995_000 + random.below(10_001) as u64, now_us);
            }
            let due_us = clock.now(now_us).mono_us + 1 + random.below(1_000_000) as u64;
            let when_us = clock.when_us(due_us);
            assert!(clock.now(when_us).mono_us >= due_us);
            assert!(when_us == now_us || clock.now(when_us - 2).mono_us < due_us);
        }
    }
}
