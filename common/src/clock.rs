//! Time, always handed in: the wall clock, a monotonic clock, and the hybrid logical clock.

use std::fmt;

/// What the shell says the time is, read once a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the Unix epoch; may jump ahead. A shell keeps it from going back (see
    /// [`SteadyWall`]): a step back would show keys again that were said to have expired.
    pub wall_ms: u64,
    /// Microseconds since some fixed moment of this process; never goes back.
    pub mono_us: u64,
}

/// The wall clock as keys see it: it never goes back. While the system's clock is behind it (it was
/// set back), it runs slower by an eighth until both agree again, so deadlines still pass.
#[derive(Debug, Default)]
pub struct SteadyWall {
    /// The last reading: monotonic time and what was answered.
    last: Option<(u64, u64)>,
}

impl SteadyWall {
    /// The time, in the unit of its arguments, which are what the system's clocks say now.
    pub fn read(&mut self, wall: u64, mono: u64) -> u64 {
        let (then, answered) = self.last.unwrap_or((mono, wall));
        let passed = mono.saturating_sub(then);
        let answer = wall.max(answered + (passed - passed / 8));
        self.last = Some((mono.max(then), answer));
        answer
    }
}

/// A hybrid logical clock (Kulkarni et al., 2014): 48 bits of wall milliseconds, 16 bits of a
/// logical counter that carries into them.
///
/// It orders events; it never proves that one had seen the other.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc(pub u64);

impl Hlc {
    /// Before every event.
    pub const ZERO: Hlc = Hlc(0);
    /// After every event: whatever has seen an actor up to here takes nothing of it any more. It is no
    /// time, and no clock ever shows it.
    pub const CLOSED: Hlc = Hlc(u64::MAX);
    const LOGICAL_BITS: u32 = 16;

    /// The clock with these parts; `wall_ms` must fit in 48 bits (the year 10889).
    pub fn new(wall_ms: u64, logical: u16) -> Hlc {
        assert!(wall_ms < 1 << 48, "wall milliseconds must fit in 48 bits");
        Hlc(wall_ms << Self::LOGICAL_BITS | u64::from(logical))
    }

    /// The wall part, in milliseconds since the Unix epoch.
    pub fn wall_ms(self) -> u64 {
        self.0 >> Self::LOGICAL_BITS
    }

    /// The next clock to mint at `wall_ms`: above `self` and not below the wall.
    ///
    /// The counter carries into the milliseconds when 65,536 events share one.
    pub fn tick(self, wall_ms: u64) -> Hlc {
        debug_assert!(wall_ms < 1 << 48, "wall milliseconds must fit in 48 bits");
        Hlc((wall_ms << Self::LOGICAL_BITS).max(self.0 + 1))
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.wall_ms(), self.0 & 0xffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_wall_follows_ahead_and_waits_behind() {
        let mut steady = SteadyWall::default();
        assert_eq!(steady.read(1_000, 0), 1_000);
        assert_eq!(steady.read(1_010, 10), 1_010);
        assert_eq!(steady.read(9_020, 20), 9_020, "ahead at once");
        let mut last = 9_020;
        for step in 1..=300 {
            // Set back by 2,000; both advance by 80 a step.
            let (wall, mono) = (7_020 + 80 * step, 20 + 80 * step);
            let answer = steady.read(wall, mono);
            assert!(answer >= last + 70, "time goes on");
            assert_eq!(answer, wall.max(9_020 + 70 * step));
            last = answer;
        }
        assert_eq!(last, 7_020 + 80 * 300, "they agree again");
        assert_eq!(steady.read(100, 5), last, "an older reading of another thread");
    }

    #[test]
    fn tick_exceeds_itself_and_follows_the_wall() {
        let a = Hlc::new(1_000, u16::MAX);
        assert_eq!(a.tick(900), Hlc::new(1_001, 0), "the counter carries");
        assert_eq!(a.tick(2_000), Hlc::new(2_000, 0));
        assert!(a.tick(1_000) > a);
    }
}
