//! What a shard writes down, and the engines that keep it.
//!
//! The table in memory serves; the log makes it last. Entries are appended in the order in which they
//! took effect and become durable in that order: after a crash there is a beginning of the log, and
//! nothing of what follows. So whatever an entry relies on is before it.

pub mod memory;

use bytes::Bytes;
use kinring_common::causal::Floor;
use kinring_common::id::Actor;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Term, WriteNumber};
use kinring_common::wire::request::Executed;
use kinring_common::wire::{Copies, Item};
use std::sync::Arc;

/// One thing that happened to a shard's data.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The shard started; its writes are minted by these.
    Started {
        /// As a home.
        own: Actor,
        /// Without a lease.
        available: Actor,
        /// Something before this entry was missing.
        is_damaged: bool,
    },
    /// A write was applied, its own or another coordinator's.
    Write {
        /// The group.
        group: GroupId,
        /// The changes.
        items: Arc<[Item]>,
        /// For which request.
        executed: Option<Executed>,
        /// Of one of this shard's own as a home: which it is.
        mark: Option<Mark>,
    },
    /// Copies of another owner were taken.
    Copies {
        /// The group.
        group: GroupId,
        /// How.
        how: Take,
        /// The copies: rare beside the writes, and not to make every entry as long as they are.
        copies: Box<Copies>,
    },
    /// A floor was taken over. All that it covers is before it.
    Floor {
        /// The group.
        group: GroupId,
        /// The floor.
        floor: Floor,
    },
    /// A node was granted a term of a group.
    Granted {
        /// The group.
        group: GroupId,
        /// The term.
        term: Term,
        /// By whom it mints.
        actor: Actor,
    },
    /// These write without a lease no more: nothing new of theirs is taken from themselves.
    Ended {
        /// The group.
        group: GroupId,
        /// Who.
        actors: Vec<Actor>,
    },
    /// All before this is what the holder of a term had when it was settled.
    Step {
        /// The group.
        group: GroupId,
        /// The term.
        term: Term,
        /// This shard says so of itself, and nobody has got that from it yet: what was in doubt is so still.
        is_own: bool,
    },
}

/// Which write of a home it is, and which were safe then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub number: WriteNumber,
    /// All writes of its tenure below this one are on enough owners.
    pub stable: u64,
}

/// How copies of another owner are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Both count.
    Join,
    /// Theirs count; of one's own, only what was written without a lease.
    Adopt,
    /// One's own count; of theirs, only what was written without a lease.
    Keep,
}

/// An engine. One thread writes.
pub trait Store {
    /// What goes wrong with it.
    type Error: std::error::Error;

    /// Appends an entry. It is not durable yet.
    ///
    /// # Errors
    /// When there is no room or the medium fails; it was not appended then.
    fn append(&mut self, entry: Entry) -> Result<(), Self::Error>;

    /// Makes everything up to now durable. Returns how many entries are, since the engine was opened.
    ///
    /// # Errors
    /// When that is not certain.
    fn sync(&mut self) -> Result<u64, Self::Error>;

    /// Calls back with all entries that are there, in order.
    ///
    /// # Errors
    /// When some cannot be read.
    fn replay(&self, each: &mut dyn FnMut(&Entry)) -> Result<(), Self::Error>;
}

/// Replies up to this length are kept with the request that they are for: +OK and every number.
pub const REPLY_BYTES_MAX: usize = 24;

/// A reply, if it is short enough to be kept.
pub fn short_reply(reply: &Bytes) -> Option<Bytes> {
    (reply.len() <= REPLY_BYTES_MAX).then(|| reply.clone())
}
