//! Exchanges that this node drives: why, with whom, and how far they are.

use crate::store::Take;
use kinring_common::causal::Floor;
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, NodeId};
use kinring_common::merkle::{KeyRef, Leaf};
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::Name;
use kinring_common::wire::peer::{Ask, Term};
use std::collections::{BTreeMap, VecDeque};

/// An answer that has not come in this time may have been lost.
pub const RESEND_US: u64 = 200_000;

/// Tries of one step; then the owner is out of reach.
pub const TRIES_MAX: u32 = 12;

/// Sessions that a node drives at a time: more would only wait for each other.
pub const SESSIONS_MAX: usize = 64;

/// Why an exchange is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To ask how an owner is.
    Survey,
    /// To take what an owner has.
    Take(Take),
    /// A holder gives an owner what it has, or compares.
    Give,
    /// The same in a floor round.
    Round,
    /// An owner that lost data gets it back.
    Rebuild(Take),
}

/// An exchange that this node drives.
#[derive(Debug)]
pub struct Session {
    /// Of which group.
    pub group: GroupId,
    /// With whom.
    pub peer: NodeId,
    /// Why.
    pub purpose: Purpose,
    /// What was asked last.
    pub last: Ask,
    /// When it was.
    pub sent_us: u64,
    /// How often.
    pub tries: u32,
    /// Writes below this one are in what the owner will have at the end.
    pub next_at_open: u64,
    /// This node's floor then.
    pub floor_at_open: Floor,
    /// What the owner said at its beginning.
    pub theirs: Option<Opened>,
    /// What is to be compared.
    pub todo: VecDeque<Todo>,
    /// Keys that differ.
    pub keys: VecDeque<(Slot, KeyRef)>,
}

/// What an owner said when an exchange with it began.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its floor.
    pub floor: Floor,
    /// With which term's holder it was in step.
    pub step: Term,
    /// Which clock it reached.
    pub clock: Option<([Actor; 2], Hlc)>,
}

/// What is to be compared next.
#[derive(Clone, Debug)]
pub enum Todo {
    /// Slots of the group from this place on.
    Slots {
        /// The place.
        from: u32,
    },
    /// A part of a slot.
    Leaf {
        /// The slot.
        slot: Slot,
        /// The part.
        leaf: Leaf,
        /// From which order on.
        from: u64,
    },
    /// Keys that the owner takes only together.
    Together(Vec<Name>),
}

/// All exchanges that a node drives.
#[derive(Debug, Default)]
pub struct Sessions {
    /// By number.
    pub open: BTreeMap<u64, Session>,
    /// The next number.
    pub next: u64,
}

impl Sessions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is one with an owner of a group.
    pub fn is_open(&self, id: GroupId, peer: NodeId) -> bool {
        self.open.values().any(|session| session.group == id && session.peer == peer)
    }

    /// Ends those with any owner of a group.
    pub fn end_with_any(&mut self, id: GroupId, which: impl Fn(Purpose) -> bool) {
        self.open.retain(|_, session| session.group != id || !which(session.purpose));
    }

    /// Ends all with a node.
    pub fn end_all_with(&mut self, peer: NodeId) {
        self.open.retain(|_, session| session.peer != peer);
    }

    /// When the next step is to be said again.
    pub fn wake_us(&self) -> u64 {
        self.open.values().map(|session| session.sent_us + RESEND_US).min().unwrap_or(u64::MAX)
    }
}
