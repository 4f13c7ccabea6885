//! What the router is asked for, and what it answers.

use bytes::Bytes;
use kinring_common::command::CommandError;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::Consistency;
use std::borrow::Cow;

/// Something that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The selected database.
    pub db: u8,
    /// How the reply is to be written.
    pub protocol: Protocol,
    /// Which promises it asks for.
    pub consistency: Consistency,
    /// What is to be done.
    pub what: What,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A command, or those of a transaction, each as its words: atomic, with keys in one slot. Answered
    /// by their replies, one after the other.
    Commands(Vec<Vec<Bytes>>),
    /// MSET, MGET, DEL, UNLINK, EXISTS or TOUCH as its words, over any slots: what is in one slot is
    /// done at once, all of it is not. Answered by one reply.
    Scatter(Vec<Bytes>),
    /// FLUSHDB of the selected database: each group by itself. Answered by one reply.
    Flush,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was executed, and this is the reply.
    Reply(Bytes),
    /// It was not executed, no part of it, and will not be; or it only reads.
    Refused(Why),
    /// It may have been executed, in part or whole, or none of it. It will not be later.
    Unknown,
}

/// Why a call was not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its words are wrong.
    Command(CommandError),
    /// Too much is under way in this router.
    Busy,
    /// Its session has too many calls under way.
    SessionBusy,
    /// No owner could take it in time.
    NoReplicas,
    /// It only reads, and no owner answered in time.
    NoAnswer,
    /// It only reads, and an answer makes no sense.
    Garbled,
}

impl Outcome {
    /// The error line of one that is [`Outcome::Unknown`].
    pub const UNKNOWN: &'static str =
        "UNKNOWN outcome: no owner said in time whether this was done, in part or whole";

    /// The error line, if it is an error of the router's, without the leading `-`.
    pub fn error(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Outcome::Reply(_) => None,
            Outcome::Refused(why) => Some(why.line()),
            Outcome::Unknown => Some(Cow::Borrowed(Outcome::UNKNOWN.as_bytes())),
        }
    }
}

impl Why {
    /// The error line, without the leading `-`.
    pub fn line(&self) -> Cow<'_, [u8]> {
        let line = match self {
            Why::Command(error) => return error.line(),
            Why::Busy => "TRYAGAIN too many calls are under way in this proxy; not executed",
            Why::SessionBusy => "TRYAGAIN too many calls of this connection; not executed",
            Why::NoReplicas => "NOREPLICAS no owner of the key could take it in time; not executed",
            Why::NoAnswer => "CLUSTERDOWN no owner of the key answered in time",
            Why::Garbled => "ERR the answer of a shard makes no sense",
        };
        Cow::Borrowed(line.as_bytes())
    }
}

impl From<CommandError> for Why {
    fn from(error: CommandError) -> Why {
        Why::Command(error)
    }
}
