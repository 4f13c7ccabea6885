//! Whether this node's wall clock can be believed: not if it is far ahead of its peers'.
//!
//! A clock ahead wins over later writes and ends keys before their time, so a node whose wall clock
//! is ahead of the median of its own and its peers' by more than [`DRIFT_MAX_MS`] mints nothing and gives
//! its leases up. A clock behind would show keys that have expired elsewhere: its node goes by the median.
//!
//! One peer alone may be the one that is wrong: who knows no other mints only while the two agree. Of
//! two owners both are needed anyway, and one whose clock is wrong is as good as lost.

use crate::id::NodeId;
use std::collections::BTreeMap;

/// How far ahead of its peers a clock may be. Expire events wait as long.
pub const DRIFT_MAX_MS: u64 = 500;

/// What a peer said counts for so long: clocks are set, and peers go.
const FRESH_US: u64 = 3_000_000;

/// An answer that took longer says nothing: half of it, by which a clock is mistaken, is half of the bound.
const ANSWER_US: u64 = DRIFT_MAX_MS * 1_000 / 2;

/// When it is looked again which of them still count.
const LOOK_US: u64 = FRESH_US / 10;

/// What the peers' clocks said, measured against this node's monotonic clock: so a jump of its own
/// wall clock shows at once.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// How far each is ahead of our monotonic clock, in milliseconds, and when it said so.
    ahead_ms: BTreeMap<NodeId, (i64, u64)>,
    /// Those that count, ascending.
    sorted: Vec<i64>,
    look_us: u64,
}

impl Drift {
    /// A peer's answer to what was asked then says its wall clock. An answer that took long may have been on
    /// its way for that time: it would show a clock that is behind, and says nothing.
    pub fn answered(&mut self, peer: NodeId, theirs_ms: u64, (asked_us, now_us): (u64, u64)) {
        let took_us = now_us.saturating_sub(asked_us);
        if took_us > ANSWER_US {
            return;
        }
        // Half of that passed on its way: by no more than the other half this is wrong.
        let at_ms = mono_ms(now_us - took_us / 2);
        let ahead_ms = theirs_ms.cast_signed().saturating_sub(at_ms);
        match self.ahead_ms.insert(peer, (ahead_ms, now_us)) {
            // With hundreds of peers it is not sorted anew each time.
            Some((before, at_us)) if is_fresh(at_us, now_us) => {
                if let Ok(at) = self.sorted.binary_search(&before) {
                    self.sorted.remove(at);
                }
                let at = self.sorted.partition_point(|ahead| *ahead < ahead_ms);
                self.sorted.insert(at, ahead_ms);
            }
            _ => self.look(now_us),
        }
    }

    /// Whether any peer was ever heard of.
    pub fn has_heard(&self) -> bool {
        !self.ahead_ms.is_empty()
    }

    /// Judges this node's own wall clock, which shows this, among those of its peers.
    pub fn judge(&mut self, own_ms: u64, now_us: u64) -> Judgement {
        if now_us >= self.look_us {
            self.look(now_us);
        }
        let clocks = &self.sorted;
        let (Some(&low), Some(&high)) = (clocks.first(), clocks.last()) else {
            return Judgement { is_sound: true, believed_ms: own_ms, middle_ms: own_ms };
        };
        let own = own_ms.cast_signed().saturating_sub(mono_ms(now_us));
        // The middle of all with our own among them. The lower of two: the same for all who know the
        // same clocks, and the one by which nobody's keys end too early.
        let at = clocks.len() / 2;
        let next = clocks.get(at).copied().unwrap_or(i64::MAX);
        let middle = at.checked_sub(1).map_or(own, |before| own.max(clocks[before])).min(next);
        let bound = DRIFT_MAX_MS.cast_signed();
        let is_sound = match clocks.len() {
            1 => own.max(high).saturating_sub(own.min(low)) <= bound,
            _ => own <= middle.saturating_add(bound),
        };
        let is_near = own.abs_diff(middle) <= DRIFT_MAX_MS;
        let middle_ms = mono_ms(now_us).saturating_add(middle).max(0).cast_unsigned();
        let believed_ms = if is_near { own_ms } else { middle_ms };
        Judgement { is_sound, believed_ms, middle_ms }
    }

    /// Which clocks count? When too few were heard of lately, what the others said before counts too:
    /// monotonic clocks drift little.
    fn look(&mut self, now_us: u64) {
        let all = self.ahead_ms.values();
        let fresh = all.clone().filter(|(_, at_us)| is_fresh(*at_us, now_us));
        let ahead = |(ahead_ms, _): &(i64, u64)| *ahead_ms;
        self.sorted = match fresh.clone().nth(1) {
            Some(_) => fresh.map(ahead).collect(),
            None => all.map(ahead).collect(),
        };
        self.sorted.sort_unstable();
        self.look_us = now_us + LOOK_US;
    }
}

fn is_fresh(at_us: u64, now_us: u64) -> bool {
    now_us < at_us + FRESH_US
}

/// What is to be thought of a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Its node may mint.
    pub is_sound: bool,
    /// What time it is, as far as can be told: a clock that is far off shows what the others' show.
    pub believed_ms: u64,
    /// What the clock in the middle shows.
    pub middle_ms: u64,
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
            drift.answered(NodeId(n as u64), *theirs_ms, (0, 0));
        }
        drift
    }

    /// Whether a clock is sound that shows this.
    fn is_sound(drift: &Drift, own_ms: u64, now_us: u64) -> bool {
        drift.clone().judge(own_ms, now_us).is_sound
    }

    #[test]
    fn a_clock_ahead_of_its_peers_is_not_believed_and_one_behind_goes_by_theirs() {
        let mut drift = heard(&[1000, 1010, 990]);
        assert!(is_sound(&drift, 1500, 1));
        assert!(!is_sound(&drift, 1501, 1));
        assert_eq!(drift.judge(1501, 1).believed_ms, 1000);
        let behind = heard(&[100_000, 100_010]).judge(5, 1);
        let believed = Judgement { is_sound: true, believed_ms: 100_000, middle_ms: 100_000 };
        assert_eq!(behind, believed);
    }

    #[test]
    fn a_jump_of_its_own_clock_is_seen_before_anybody_says_a_word() {
        let drift = heard(&[1000, 1010, 990]);
        assert!(is_sound(&drift, 2_000, 1_000_000));
        assert!(!is_sound(&drift, 3_000, 1_000_000));
    }

    #[test]
    fn an_answer_that_took_long_tells_no_time() {
        let mut drift = heard(&[10_000, 10_010]);
        // It was said two seconds ago, and stood still on its way.
        drift.answered(NodeId(7), 10_000, (100, 2_000_100));
        drift.answered(NodeId(8), 10_000, (100, 2_000_100));
        let behind = drift.judge(10_000, 2_000_101);
        assert_eq!(behind.believed_ms, 12_000, "its own clock is behind by two seconds");
    }

    #[test]
    fn half_of_what_an_answer_took_is_added() {
        let mut drift = Drift::default();
        drift.answered(NodeId(0), 10_100, (0, 200_000));
        drift.answered(NodeId(1), 10_100, (0, 200_000));
        assert_eq!(drift.judge(0, 200_000).middle_ms, 10_200);
    }

    #[test]
    fn one_wrong_peer_makes_nobody_else_wrong() {
        assert!(is_sound(&heard(&[0, 10_000, 10_000]), 10_000, 1), "one is far behind");
        assert!(is_sound(&heard(&[900_000, 10_000, 10_000]), 10_000, 1), "one is far ahead");
        assert!(is_sound(&heard(&[0, 10_000]), 10_000, 1), "two of three agree");
        assert!(!is_sound(&heard(&[0, 0]), 10_000, 1), "two of three agree");
    }

    #[test]
    fn with_one_peer_a_clock_is_believed_while_both_agree() {
        for wrong_ms in [0, 9_499, 10_501, 20_000] {
            assert!(!is_sound(&heard(&[wrong_ms]), 10_000, 1), "who of the two is wrong?");
        }
        assert!(is_sound(&heard(&[9_500]), 10_000, 1) && is_sound(&heard(&[10_500]), 10_000, 1));
        assert!(is_sound(&heard(&[]), 10_000, 1));
    }

    #[test]
    fn what_was_heard_long_ago_gives_way_to_news() {
        let mut drift = heard(&[0, 0, 0]);
        assert!(!is_sound(&drift, 10_000, 1));
        assert!(is_sound(&drift, 10_000, 10_000_000), "all clocks went on");
        assert!(!is_sound(&drift, 20_000, 10_000_000));
        let now_us = FRESH_US + 1;
        (7..9).for_each(|peer| drift.answered(NodeId(peer), 100_000, (now_us, now_us)));
        assert!(is_sound(&drift, 100_000, now_us + 1));
    }
}
