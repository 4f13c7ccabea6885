//! Whether this node's wall clock can be believed: not if it is far ahead of its peers'.
//!
//! A clock ahead wins over later writes and ends keys before their time, so a node whose wall clock
//! is ahead of the median of its peers' by more than [`DRIFT_MAX_MS`] mints nothing and gives its
//! leases up. A clock behind does no such harm: minting exceeds every clock that was seen.

use crate::id::NodeId;
use std::collections::BTreeMap;

/// How far ahead of its peers a clock may be. Expire events wait as long.
pub const DRIFT_MAX_MS: u64 = 500;

/// What a peer said counts for so long: clocks are set, and peers go.
const FRESH_US: u64 = 3_000_000;

/// What the peers' clocks said, measured against this node's monotonic clock: so a jump of its own
/// wall clock shows at once.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// How far each is ahead of our monotonic clock, in milliseconds, and when it said so.
    ahead_ms: BTreeMap<NodeId, (i64, u64)>,
}

impl Drift {
    /// A peer's message says its wall clock. On its way it got older: peers look behind by that.
    pub fn heard(&mut self, peer: NodeId, theirs_ms: u64, now_us: u64) {
        let ahead_ms = theirs_ms.cast_signed().saturating_sub(mono_ms(now_us));
        self.ahead_ms.insert(peer, (ahead_ms, now_us));
    }

    /// What the median of the peers' wall clocks shows now; `None` if none was ever heard of. When too few
    /// were heard of lately, what the others said before counts too: monotonic clocks drift little.
    pub fn median_ms(&self, now_us: u64) -> Option<u64> {
        let of = |known: &mut dyn Iterator<Item = &(i64, u64)>| -> Vec<i64> {
            known.map(|(ahead_ms, _)| *ahead_ms).collect()
        };
        let is_fresh = |known: &&(i64, u64)| now_us < known.1 + FRESH_US;
        let mut ahead = of(&mut self.ahead_ms.values().filter(is_fresh));
        if ahead.len() < 2 {
            ahead = of(&mut self.ahead_ms.values());
        }
        ahead.sort_unstable();
        // The lower of two in the middle is that by which we are ahead more.
        let median = ahead.get(ahead.len().checked_sub(1)? / 2)?;
        Some(mono_ms(now_us).saturating_add(*median).max(0).cast_unsigned())
    }

    /// Of how many peers the clock is known: one alone may be the one that is wrong.
    pub fn known(&self) -> usize {
        self.ahead_ms.len()
    }

    /// Whether this node, whose wall clock shows this, may mint.
    pub fn is_sound(&self, wall_ms: u64, now_us: u64) -> bool {
        self.median_ms(now_us).is_none_or(|median_ms| wall_ms <= median_ms + DRIFT_MAX_MS)
    }
}

fn mono_ms(now_us: u64) -> i64 {
    (now_us / 1_000).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(theirs_ms: &[u64]) -> Drift {
        let mut drift = Drift::default();
        for (n, theirs_ms) in theirs_ms.iter().enumerate() {
            drift.heard(NodeId(n as u64), *theirs_ms, 0);
        }
        drift
    }

    #[test]
    fn a_clock_ahead_of_its_peers_is_not_believed_and_one_behind_is() {
        assert!(heard(&[1000, 1010, 990]).is_sound(1500, 1));
        assert!(!heard(&[1000, 1010, 990]).is_sound(1501, 1));
        assert!(heard(&[100_000, 100_010]).is_sound(5, 1));
    }

    #[test]
    fn a_jump_of_its_own_clock_is_seen_before_anybody_says_a_word() {
        let drift = heard(&[1000, 1010, 990]);
        assert!(drift.is_sound(2_000, 1_000_000));
        assert!(!drift.is_sound(3_000, 1_000_000));
    }

    #[test]
    fn one_wrong_peer_makes_nobody_else_wrong() {
        assert!(heard(&[0, 10_000, 10_000]).is_sound(10_000, 1), "one is far behind");
        assert!(heard(&[900_000, 10_000, 10_000]).is_sound(10_000, 1), "one is far ahead");
        assert!(!heard(&[0]).is_sound(10_000, 1), "who of the two is wrong? The careful answer");
        assert!(!heard(&[0, 10_000]).is_sound(10_000, 1), "and again");
    }

    #[test]
    fn what_was_heard_long_ago_gives_way_to_news() {
        let mut drift = heard(&[0, 0, 0]);
        assert!(!drift.is_sound(10_000, 1));
        assert!(drift.is_sound(10_000, 10_000_000), "all clocks went on");
        assert!(!drift.is_sound(20_000, 10_000_000));
        let now_us = FRESH_US + 1;
        (7..9).for_each(|peer| drift.heard(NodeId(peer), 100_000, now_us));
        assert!(drift.is_sound(100_000, now_us + 1));
    }
}
