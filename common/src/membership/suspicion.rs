//! Who is suspected to be down: whoever was silent for longer than it ever is.
//!
//! Each peer's heartbeats come at intervals of their own; a peer is suspected after the usual
//! interval and several times what it varies by, as the retransmission timer of TCP has it (Jacobson,
//! "Congestion avoidance and control", 1988), within bounds. A suspicion is never a proof: leases
//! keep two homes apart, suspicion only says who should try to become one.

use crate::id::NodeId;
use std::collections::BTreeMap;

/// A peer that was heard of in this time is not suspected: a few lost packets are no failure.
pub const SILENCE_MIN_US: u64 = 400_000;

/// One that was not is, however unsteady it was before.
pub const SILENCE_MAX_US: u64 = 2_000_000;

/// What an interval counts as at most.
const INTERVAL_MAX_US: u64 = 600_000;

/// Deviations from the usual interval that are still believed.
const DEVIATIONS: u64 = 4;

/// What is known of the peers. Times are microseconds of this node's monotonic clock.
#[derive(Clone, Debug)]
pub struct Suspicion {
    start_us: u64,
    peers: BTreeMap<NodeId, Peer>,
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    heard_us: u64,
    interval_us: u64,
    deviation_us: u64,
}

impl Suspicion {
    /// Nobody was heard of yet; nobody is suspected for that until some time has passed.
    pub fn new(now_us: u64) -> Suspicion {
        Suspicion { start_us: now_us, peers: BTreeMap::new() }
    }

    /// A heartbeat of a peer arrived.
    pub fn heard(&mut self, peer: NodeId, now_us: u64) {
        let first = Peer { heard_us: now_us, interval_us: 0, deviation_us: 0 };
        let known = self.peers.entry(peer).or_insert(first);
        // A long pause is no interval: it says little about how the next ones will be.
        let interval_us = now_us.saturating_sub(known.heard_us).min(INTERVAL_MAX_US);
        let error_us = interval_us.abs_diff(known.interval_us);
        known.deviation_us = known.deviation_us - known.deviation_us / 4 + error_us / 4;
        known.interval_us = known.interval_us - known.interval_us / 8 + interval_us / 8;
        known.heard_us = now_us.max(known.heard_us);
    }

    /// Whether a peer has been silent for too long.
    pub fn suspects(&self, peer: NodeId, now_us: u64) -> bool {
        now_us >= self.deadline_us(peer)
    }

    /// When it will be suspected if nothing is heard of it.
    pub fn deadline_us(&self, peer: NodeId) -> u64 {
        let Some(peer) = self.peers.get(&peer) else { return self.start_us + SILENCE_MIN_US };
        let usual = peer.interval_us + DEVIATIONS * peer.deviation_us;
        peer.heard_us + usual.clamp(SILENCE_MIN_US, SILENCE_MAX_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const PEER: NodeId = NodeId(1);

    #[test]
    fn a_peer_that_goes_silent_is_suspected_within_half_a_second() {
        let mut suspicion = Suspicion::new(0);
        (0..50).for_each(|n| suspicion.heard(PEER, n * 150_000));
        let last_us = 49 * 150_000;
        assert!(!suspicion.suspects(PEER, last_us + SILENCE_MIN_US - 1));
        assert!(suspicion.suspects(PEER, last_us + 500_000));
        suspicion.heard(PEER, last_us + 600_000);
        assert!(!suspicion.suspects(PEER, last_us + 700_000), "it is back");
    }

    #[test]
    fn on_a_network_that_loses_much_a_peer_is_believed_for_longer() {
        let (mut random, mut suspicion) = (Random::new(1), Suspicion::new(0));
        let (mut wrong, mut wrong_if_fixed, mut last_us) = (0, 0, 0);
        for n in 1..20_000_u64 {
            let now_us = n * 150_000 + random.below(20_000) as u64;
            wrong += usize::from(suspicion.suspects(PEER, now_us));
            wrong_if_fixed += usize::from(now_us >= last_us + SILENCE_MIN_US);
            if !random.chance(33) {
                suspicion.heard(PEER, now_us);
                last_us = now_us;
            }
        }
        assert!(
            wrong * 2 < wrong_if_fixed,
            "{wrong} and {wrong_if_fixed} suspicions of a live peer"
        );
    }

    #[test]
    fn nobody_is_suspected_at_the_start_and_the_silent_soon_after() {
        let suspicion = Suspicion::new(1_000);
        assert!(!suspicion.suspects(PEER, 1_000));
        assert!(suspicion.suspects(PEER, 1_000 + SILENCE_MIN_US));
    }

    #[test]
    fn however_unsteady_a_peer_was_its_silence_is_noticed() {
        let (mut random, mut suspicion, mut now_us) = (Random::new(2), Suspicion::new(0), 0);
        for _ in 0..500 {
            now_us += random.below(1_900_000) as u64;
            suspicion.heard(PEER, now_us);
        }
        assert!(suspicion.suspects(PEER, now_us + SILENCE_MAX_US));
    }
}
