//! What a proxy asks of a shard, and what it is told.

use crate::id::NodeId;
use crate::placement::layout::{Epoch, GroupId};
use crate::placement::slot::Slot;
use crate::resp::Protocol;
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// The name of a request, kept over its retries: by it a shard knows a write that it has executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// A session of a proxy, drawn at random.
    pub session: u64,
    /// Its place in the session.
    pub number: u64,
}

/// The name of one try of a request. The answer has the same: it may come late, or twice, and speaks of no
/// other try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// The request.
    pub id: RequestId,
    /// Its number: no two tries of a request have the same, at whatever shards.
    pub number: u32,
}

/// Which promises a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// All of them: only the home answers.
    #[default]
    Strong,
    /// Any owner answers.
    Available,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// These commands, one after the other with nothing in between; each is its words. Their keys are
    /// in one slot.
    Commands(Vec<Vec<Bytes>>),
    /// FLUSHDB of the slots of a group.
    Flush(GroupId),
}

/// One try of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its name.
    pub attempt: Attempt,
    /// The layout by which the proxy chose this shard.
    pub epoch: Epoch,
    /// Where the keys are.
    pub slot: Slot,
    /// The selected database.
    pub db: u8,
    /// How replies are to be written.
    pub protocol: Protocol,
    /// What it asks for.
    pub consistency: Consistency,
    /// Which start of the shard it is for, and until when of its monotonic clock (microseconds): after
    /// that the proxy has given up, and it must not be executed any more.
    pub valid: (u64, u64),
    /// An earlier try may have been executed.
    pub is_retry: bool,
    /// At another shard, at that.
    pub is_elsewhere: bool,
    /// What is to be done.
    pub work: Work,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Executed once, and safe: the replies of its commands, one after the other.
    Done(Bytes),
    /// This try was not executed and will not be. Perhaps that node can.
    Elsewhere(Option<NodeId>),
    /// Not executed: the shard has too much to do, or is about to be ready. Try again later.
    Later,
    /// It, or an earlier try, was executed; whether that will last, or what it replied, is not known.
    Unknown,
}

/// A proxy asks what time it is for a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// By the proxy's monotonic clock.
    pub sent_us: u64,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pong {
    /// As asked.
    pub sent_us: u64,
    /// The shard's monotonic clock.
    pub mono_us: u64,
    /// Which start of the shard it is.
    pub incarnation: u64,
}

/// What was done for a request, kept as long as the request may be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The request.
    pub id: RequestId,
    /// What was replied, if that was short.
    pub reply: Option<Bytes>,
}

/// An executed request and what it changed. It goes wherever its effects go, in the same message: so
/// whoever has them knows whose they are, and does not execute it again. (Lee et al., "Implementing
/// Linearizability at Large Scale and Low Latency", SOSP 2015, let such records move with the objects.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The request.
    pub executed: Executed,
    /// What it changed.
    pub changed: Changed,
}

/// What a request changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Keys, by their hash, which is the same on all owners; none if it had no effect.
    Keys(SmallVec<[u64; 1]>),
    /// All keys of the group: it was a flush.
    All,
}

impl Changed {
    /// Whether one of these keys is changed by it.
    pub fn touches(&self, hashes: &BTreeSet<u64>) -> bool {
        match self {
            Changed::Keys(keys) => keys.iter().any(|key| hashes.contains(key)),
            Changed::All => true,
        }
    }
}
