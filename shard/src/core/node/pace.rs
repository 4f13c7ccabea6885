//! How fast exchanges go that nobody waits for.
//!
//! Comparing what is equal anyway, and making equal what is not, must not take the network and the
//! processors from those who ask for something. What is needed to answer at all, settling and getting lost
//! data back, is not held up.

/// What may go at once after a rest, as time: the first steps of an exchange are small, and most need no
/// others.
const BURST_US: u64 = 100_000;

/// See the module: a bucket that runs full at a constant rate, kept as the time when it is full again
/// (the generic cell rate algorithm of ATM).
#[derive(Debug)]
pub struct Pace {
    bytes_s: u64,
    full_us: u64,
    waits: u64,
}

impl Pace {
    /// So many bytes a second, at least one.
    pub fn new(bytes_s: u64) -> Pace {
        Pace { bytes_s: bytes_s.max(1), full_us: 0, waits: 0 }
    }

    /// When the next step may go; none if now.
    pub fn next_us(&mut self, now_us: u64) -> Option<u64> {
        let next_us = self.full_us.saturating_sub(BURST_US);
        self.waits += u64::from(now_us < next_us);
        (now_us < next_us).then_some(next_us)
    }

    /// Whether something may go now.
    pub fn is_free(&self, now_us: u64) -> bool {
        now_us + BURST_US >= self.full_us
    }

    /// So many bytes went.
    pub fn spend(&mut self, bytes: usize, now_us: u64) {
        let cost_us = (bytes as u64).saturating_mul(1_000_000) / self.bytes_s;
        self.full_us = self.full_us.max(now_us).saturating_add(cost_us);
    }

    /// How often a step waited.
    pub fn waits(&self) -> u64 {
        self.waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_second_no_more_goes_than_the_rate_and_one_burst() {
        let mut pace = Pace::new(1_000_000);
        let (mut now_us, mut sent) = (5_000_000, 0);
        while now_us < 6_000_000 {
            match pace.next_us(now_us) {
                Some(next_us) => now_us = next_us,
                None => {
                    pace.spend(10_000, now_us);
                    sent += 10_000;
                }
            }
        }
        assert!((1_000_000..=1_120_000).contains(&sent), "{sent}");
        assert!(pace.waits() > 0 && pace.is_free(7_000_000));
    }

    #[test]
    fn one_large_step_makes_the_next_one_wait_for_as_long_as_it_takes() {
        let mut pace = Pace::new(1_000);
        assert_eq!(pace.next_us(0), None);
        pace.spend(10_000, 0);
        assert_eq!(pace.next_us(0), Some(10_000_000 - BURST_US));
    }
}
