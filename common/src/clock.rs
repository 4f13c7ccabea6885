//! Time, always handed in: the wall clock, a monotonic clock, and the hybrid logical clock.

use std::fmt;

/// What the shell says the time is, read once a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the Unix epoch; may jump both ways.
    pub wall_ms: u64,
    /// Microseconds since some fixed moment of this process; never goes back.
    pub mono_us: u64,
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
    fn tick_exceeds_itself_and_follows_the_wall() {
        let a = Hlc::new(1_000, u16::MAX);
        assert_eq!(a.tick(900), Hlc::new(1_001, 0), "the counter carries");
        assert_eq!(a.tick(2_000), Hlc::new(2_000, 0));
        assert!(a.tick(1_000) > a);
    }
}
