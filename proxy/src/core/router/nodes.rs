//! What is known of the nodes: who is up, what their clocks say, how long they take to answer.
//!
//! A node's monotonic clock is never compared with the router's. A pong says that the node's clock was
//! somewhere when it was sent, so it is at least there when the pong arrives, and from then on it
//! runs at least at [`RATE`] of the router's. That bounds from below what the clock shows at any later
//! time of the router's, and a request that is void from there on is void everywhere by then,
//! however long it was under way.

use super::pace::{Hedge, Pace};
use kinring_common::id::NodeId;
use kinring_common::membership::suspicion::Suspicion;
use kinring_common::wire::request::Pong;
use std::collections::BTreeMap;

/// How often nodes are asked what time it is.
pub const PING_US: u64 = 150_000;

/// A node that was silent for longer cannot be asked: the bound on its clock would be a loose one.
const HEARD_MAX_US: u64 = 2_000_000;

/// A node's clock loses no more than one part in so many against the router's. Quartz is off by 0.1
/// parts in a thousand, this is 15.
const DRIFT_PART: u64 = 64;

/// See the module. Times are microseconds of the router's monotonic clock.
#[derive(Debug)]
pub struct Nodes {
    suspicion: Suspicion,
    known: BTreeMap<NodeId, Known>,
    /// How long reads take.
    pub hedge: Hedge,
}

#[derive(Debug)]
struct Known {
    incarnation: u64,
    /// Its clock showed this or more…
    mono_us: u64,
    /// …when this one showed that.
    at_us: u64,
    /// When it was last heard.
    heard_us: u64,
    /// The sending of the latest ping that it answered.
    pinged_us: Option<u64>,
    pace: Pace,
}

impl Known {
    /// What its clock shows then at least.
    fn bound_us(&self, then_us: u64) -> u64 {
        let passed_us = then_us.saturating_sub(self.at_us);
        self.mono_us.saturating_add(passed_us - passed_us.div_ceil(DRIFT_PART))
    }
}

impl Nodes {
    /// Nobody was heard of.
    pub fn new() -> Nodes {
        Nodes { suspicion: Suspicion::new(0), known: BTreeMap::new(), hedge: Hedge::new() }
    }

    /// A node answered a ping. One that comes late or twice says nothing new.
    pub fn pong(&mut self, node: NodeId, pong: Pong, now_us: u64) {
        let Pong { sent_us, mono_us, incarnation } = pong;
        if sent_us > now_us {
            return;
        }
        let known = self.known.entry(node).or_insert(Known {
            incarnation,
            mono_us,
            at_us: now_us,
            heard_us: now_us,
            pinged_us: None,
            pace: Pace::new(),
        });
        if known.pinged_us >= Some(sent_us) {
            return;
        }
        // Of two bounds on the same clock, the higher one is the tighter one.
        let same = known.incarnation == incarnation;
        known.mono_us = if same { mono_us.max(known.bound_us(now_us)) } else { mono_us };
        (known.incarnation, known.at_us) = (incarnation, now_us);
        (known.heard_us, known.pinged_us) = (now_us, Some(sent_us));
        known.pace.ping(now_us - sent_us);
        self.suspicion.heard(node, now_us);
    }

    /// Whether something can be asked of it at all.
    pub fn is_askable(&self, node: NodeId, now_us: u64) -> bool {
        self.known.get(&node).is_some_and(|known| now_us < known.heard_us + HEARD_MAX_US)
    }

    /// Whether it can be asked, and is not suspected to be down.
    pub fn is_healthy(&self, node: NodeId, now_us: u64) -> bool {
        self.is_askable(node, now_us) && !self.suspicion.suspects(node, now_us)
    }

    /// For which start of the node a try is, and until when of its clock: whenever that shows this,
    /// the router's has not passed `end_us`.
    ///
    /// # Panics
    /// For a node that was never heard of: it is not askable.
    pub fn valid(&self, node: NodeId, end_us: u64) -> (u64, u64) {
        let known = self.known.get(&node).expect("only who was heard of is asked");
        (known.incarnation, known.bound_us(end_us))
    }

    /// How long to wait for its answer.
    pub fn wait_us(&self, node: NodeId) -> u64 {
        self.known.get(&node).map_or(Pace::START_US, |known| known.pace.wait_us())
    }

    /// It took so long to answer a request that was sent but once.
    pub fn took(&mut self, node: NodeId, took_us: u64) {
        if let Some(known) = self.known.get_mut(&node) {
            known.pace.request(took_us);
        }
    }
}
