//! How long answers take, and so how long to wait for one.

/// The usual time and what it varies by, as TCP has it (Jacobson, "Congestion avoidance and control",
/// 1988). Only answers to what was sent once count (Karn and Partridge, 1987): of others nobody knows
/// what they answer.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    request_us: u64,
    deviation_us: u64,
    ping_us: u64,
}

impl Pace {
    /// The first wait.
    pub const START_US: u64 = 250_000;
    /// No wait is shorter: a shard that syncs its log or runs a long command is not gone.
    pub const MIN_US: u64 = 100_000;
    /// None is longer: a call has time for some of them.
    pub const MAX_US: u64 = 1_000_000;

    /// Nothing was measured.
    pub const fn new() -> Pace {
        Pace { request_us: Pace::START_US / 4, deviation_us: Pace::START_US / 8, ping_us: 0 }
    }

    /// A request was answered in so many microseconds.
    pub fn request(&mut self, took_us: u64) {
        let took_us = took_us.min(Pace::MAX_US);
        let error_us = took_us.abs_diff(self.request_us);
        self.deviation_us = self.deviation_us - self.deviation_us / 4 + error_us / 4;
        self.request_us = self.request_us - self.request_us / 8 + took_us / 8;
    }

    /// A ping was.
    pub fn ping(&mut self, took_us: u64) {
        let took_us = took_us.min(Pace::MAX_US);
        self.ping_us = self.ping_us - self.ping_us / 8 + took_us / 8;
    }

    /// Past this an answer is late. Twice the way there and back at the least: a try is void after its
    /// wait, and of the time that it is not, a pong's way is lost.
    pub fn wait_us(self) -> u64 {
        let usual_us = 2 * self.request_us + 4 * self.deviation_us;
        usual_us.max(4 * self.ping_us).clamp(Pace::MIN_US, Pace::MAX_US)
    }
}

/// How long 99 of 100 reads take, as far as they are answered at the first try: a walk that goes up by
/// 99 steps and down by one.
#[derive(Clone, Copy, Debug)]
pub struct Hedge {
    us: u64,
}

impl Hedge {
    const START_US: u64 = 20_000;
    /// An answer that comes before is none to wait less for.
    const MIN_US: u64 = 1_000;
    const MAX_US: u64 = 200_000;

    /// Nothing was measured.
    pub const fn new() -> Hedge {
        Hedge { us: Hedge::START_US }
    }

    /// A read was answered in so many microseconds.
    pub fn took(&mut self, took_us: u64) {
        let step_us = (self.us / 4096).max(1);
        let next_us = if took_us > self.us {
            self.us + 99 * step_us
        } else {
            self.us.saturating_sub(step_us)
        };
        self.us = next_us.clamp(Hedge::MIN_US, Hedge::MAX_US);
    }

    /// A read that takes longer is asked for once more elsewhere.
    pub fn after_us(self) -> u64 {
        self.us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::random::Random;

    #[test]
    fn of_a_hundred_reads_about_one_is_hedged() {
        let (mut random, mut hedge, mut late) = (Random::new(1), Hedge::new(), 0);
        for n in 0..200_000 {
            let took_us = 2_000 + random.below(8_000) as u64;
            late += usize::from(n >= 100_000 && took_us > hedge.after_us());
            hedge.took(took_us);
        }
        assert!((500..2_000).contains(&late), "{late} of 100,000");
    }

    #[test]
    fn the_wait_follows_what_answers_take() {
        let mut pace = Pace::new();
        assert_eq!(pace.wait_us(), Pace::START_US);
        (0..100).for_each(|_| pace.request(1_000));
        assert_eq!(pace.wait_us(), Pace::MIN_US);
        (0..100).for_each(|_| pace.request(200_000));
        assert!((400_000..500_000).contains(&pace.wait_us()), "{}", pace.wait_us());
        let mut far = Pace::new();
        (0..100).for_each(|_| far.ping(150_000));
        assert!(far.wait_us() > 500_000, "nothing was answered in time, but the way is known");
    }
}
