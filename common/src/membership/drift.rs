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

/// What the peers' clocks said.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// How far each is ahead of ours, in milliseconds, and when it said so.
    ahead_ms: BTreeMap<NodeId, (i64, u64)>,
}

impl Drift {
    /// A peer's message says its wall clock. On its way it got older: peers look behind by that.
    pub fn heard(&mut self, peer: NodeId, theirs_ms: u64, ours_ms: u64, now_us: u64) {
        let ahead_ms = theirs_ms.cast_signed().saturating_sub(ours_ms.cast_signed());
        self.ahead_ms.insert(peer, (ahead_ms, now_us));
    }

    /// How far our clock is ahead of the median of the peers'; `None` if too few of them were heard
    /// of lately: a single peer may itself be wrong.
    pub fn ahead_ms(&self, now_us: u64) -> Option<i64> {
        let fresh = self.ahead_ms.values().filter(|(_, at_us)| now_us < at_us + FRESH_US);
        let mut ahead: Vec<i64> = fresh.map(|(ahead_ms, _)| *ahead_ms).collect();
        ahead.sort_unstable();
        // The lower of two in the middle is that by which we are ahead more.
        (ahead.len() > 1).then(|| -ahead[(ahead.len() - 1) / 2])
    }

    /// Whether this node may mint.
    pub fn is_sound(&self, now_us: u64) -> bool {
        self.ahead_ms(now_us).is_none_or(|ahead_ms| ahead_ms <= DRIFT_MAX_MS.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(theirs_ms: &[u64], ours_ms: u64) -> Drift {
        let mut drift = Drift::default();
        for (n, theirs_ms) in theirs_ms.iter().enumerate() {
            drift.heard(NodeId(n as u64), *theirs_ms, ours_ms, 0);
        }
        drift
    }

    #[test]
    fn a_clock_ahead_of_its_peers_is_not_believed_and_one_behind_is() {
        assert!(heard(&[1000, 1010, 990], 1500).is_sound(1));
        assert!(!heard(&[1000, 1010, 990], 1501).is_sound(1));
        assert!(heard(&[100_000, 100_010], 5).is_sound(1));
    }

    #[test]
    fn one_wrong_peer_makes_nobody_else_wrong() {
        assert!(heard(&[0, 10_000, 10_000], 10_000).is_sound(1), "one is far behind");
        assert!(heard(&[900_000, 10_000, 10_000], 10_000).is_sound(1), "one is far ahead");
        assert!(heard(&[0], 10_000).is_sound(1), "who of the two is wrong?");
        assert!(!heard(&[0, 10_000], 10_000).is_sound(1), "the careful answer");
    }

    #[test]
    fn what_was_heard_long_ago_is_forgotten() {
        let drift = heard(&[0, 0, 0], 10_000);
        assert!(!drift.is_sound(FRESH_US - 1));
        assert!(drift.is_sound(FRESH_US));
    }
}
