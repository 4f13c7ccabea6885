//! Names of things: who wrote, and which single event it was.

use crate::clock::Hlc;
use std::fmt;

/// One incarnation of a shard's data.
///
/// A shard takes a new one at every start that does not follow a clean, synced shutdown: an actor
/// that lost a tail of its writes must never write again under the same name, or two different
/// events would share a [`Dot`]. Drawn at random (64 bits) by the shell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(pub u64);

impl Actor {
    /// The actor of a home, from 64 random bits.
    pub fn leased(bits: u64) -> Actor {
        Actor(bits & !1)
    }

    /// The actor of an owner that writes without a lease, from 64 random bits.
    pub fn unleased(bits: u64) -> Actor {
        Actor(bits | 1)
    }

    /// Whether its events count although no home has seen them.
    pub fn is_unleased(self) -> bool {
        self.0 & 1 == 1
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A node of the cluster: the process that a layout gives slots to. It keeps its name over restarts,
/// where its [`Actor`] may change. Given by the shell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {:x}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// One write event: who, and that actor's clock. Every state change mints exactly one.
///
/// The order is by clock, ties by actor: the order in which the last write wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// The clock of the event. First, so that the derived order is the one of "last write wins".
    pub hlc: Hlc,
    /// The incarnation that minted it.
    pub actor: Actor,
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}", self.hlc, self.actor)
    }
}
