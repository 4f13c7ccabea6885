//! What clients did and what they were told: the only thing that the judges see of a run.
//!
//! Times are microseconds of the simulator's one true clock, which no simulated node can read. A
//! returned call comes before another only when it ended strictly earlier than the other began, so a
//! simulator lets at least one microsecond pass between a reply and the same client's next call.
//!
//! Judges by unique values ask that every write writes a value of its own, not a number, and that
//! none of a key's values is a substring of another (values of one length are enough).

use super::executions::Executions;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt;

/// A value, a field, a member or an element.
pub type Text = Bytes;

/// A key of the simulated workload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// A command on one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// SET without options: whatever was there goes, its deadline too.
    Set(Text),
    /// GET.
    Get,
    /// DEL of this one key.
    Del,
    /// EXISTS of this one key.
    Exists,
    /// INCRBY, and DECRBY with a negative number.
    Incr(i64),
    /// APPEND.
    Append(Text),
    /// SETNX.
    SetNx(Text),
    /// PEXPIRE, in microseconds from when it is executed.
    Expire {
        /// How long the key has left; 0 deletes it.
        ttl_us: u64,
    },
    /// PERSIST.
    Persist,
    /// HSET of one field: field, value.
    HSet(Text, Text),
    /// HDEL of one field.
    HDel(Text),
    /// HGET.
    HGet(Text),
    /// HGETALL; the order of its reply is free.
    HGetAll,
    /// SADD of one member.
    SAdd(Text),
    /// SREM of one member.
    SRem(Text),
    /// SMEMBERS; the order of its reply is free.
    SMembers,
    /// ZADD of one member: member, score.
    ZAdd(Text, i64),
    /// ZRANGE 0 -1 WITHSCORES.
    ZRange,
    /// LPUSH of one element.
    LPush(Text),
    /// LPOP of one element.
    LPop,
    /// LRANGE 0 -1.
    LRange,
}

impl Verb {
    /// It changes nothing, whatever it meets.
    pub const fn is_read(&self) -> bool {
        use Verb::{Exists, Get, HGet, HGetAll, LRange, SMembers, ZRange};
        matches!(self, Get | Exists | HGet(_) | HGetAll | SMembers | ZRange | LRange)
    }

    /// With this reply it changed nothing, wherever it was executed.
    pub const fn is_inert(&self, reply: &Reply) -> bool {
        use Verb::{Del, Expire, HDel, LPop, Persist, SAdd, SRem, SetNx};
        match (self, reply) {
            (_, Reply::WrongType | Reply::NotInteger) | (LPop, Reply::Nil) => true,
            (
                SetNx(_) | Del | SAdd(_) | SRem(_) | HDel(_) | Expire { .. } | Persist,
                Reply::Int(0),
            ) => true,
            _ => self.is_read(),
        }
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// A command on one key.
    On(Key, Verb),
    /// MSET.
    MSet(Vec<(Key, Text)>),
    /// MGET.
    MGet(Vec<Key>),
    /// MULTI, these, EXEC; no EXEC inside. An EXEC that WATCH stopped is [`Outcome::Refused`].
    Exec(Vec<Call>),
    /// FLUSHDB: every key there is.
    FlushDb,
}

impl Call {
    /// The keys it names; FLUSHDB names none.
    pub fn keys(&self) -> BTreeSet<Key> {
        match self {
            Call::On(key, _) => BTreeSet::from([*key]),
            Call::MSet(pairs) => pairs.iter().map(|(key, _)| *key).collect(),
            Call::MGet(keys) => keys.iter().copied().collect(),
            Call::Exec(calls) => calls.iter().flat_map(Call::keys).collect(),
            Call::FlushDb => BTreeSet::new(),
        }
    }

    /// It changes nothing, whatever it meets.
    pub fn is_read(&self) -> bool {
        match self {
            Call::On(_, verb) => verb.is_read(),
            Call::MGet(_) => true,
            Call::Exec(calls) => calls.iter().all(Call::is_read),
            Call::MSet(_) | Call::FlushDb => false,
        }
    }

    /// With this reply it changed nothing, wherever it was executed.
    pub fn is_inert(&self, reply: &Reply) -> bool {
        match (self, reply) {
            (Call::On(_, verb), _) => verb.is_inert(reply),
            (Call::Exec(calls), Reply::Array(replies)) => {
                calls.iter().zip(replies).all(|(call, reply)| call.is_inert(reply))
            }
            _ => self.is_read(),
        }
    }

    /// It is, or has in it, an EXPIRE.
    pub fn has_deadline(&self) -> bool {
        match self {
            Call::On(_, verb) => matches!(verb, Verb::Expire { .. }),
            Call::Exec(calls) => calls.iter().any(Call::has_deadline),
            _ => false,
        }
    }
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// `+OK`.
    Ok,
    /// Null.
    Nil,
    /// An integer.
    Int(i64),
    /// A bulk string.
    Bulk(Text),
    /// An array of bulk strings: members, elements, or fields and scores with what they belong to.
    List(Vec<Text>),
    /// An array of replies: MGET and EXEC.
    Array(Vec<Reply>),
    /// `-WRONGTYPE`.
    WrongType,
    /// `-ERR value is not an integer or out of range`, overflow included.
    NotInteger,
}

/// How a call ended for its client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was executed once, and this came back.
    Reply {
        /// When the client had it.
        at: u64,
        /// What it was told.
        reply: Reply,
    },
    /// An error that says that it was not executed, and never will be.
    Refused {
        /// When the client had it.
        at: u64,
    },
    /// Nobody knows: it takes effect at most once, at any time from its invocation on, or never.
    Unknown {
        /// When the client gave up, if it did.
        at: Option<u64>,
    },
}

/// One call of one client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Who called: one connection.
    pub client: u32,
    /// Its place among the calls of this client, in the order in which they were sent.
    pub order: u32,
    /// What was asked for.
    pub call: Call,
    /// When it was sent.
    pub invoked_at: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl Operation {
    /// The reply, if one came.
    pub const fn reply(&self) -> Option<&Reply> {
        match &self.outcome {
            Outcome::Reply { reply, .. } => Some(reply),
            Outcome::Refused { .. } | Outcome::Unknown { .. } => None,
        }
    }

    /// After this it has no effect any more: never said of one whose outcome is unknown.
    pub const fn finished_at(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Reply { at, .. } | Outcome::Refused { at } => Some(at),
            Outcome::Unknown { .. } => None,
        }
    }

    /// The last time that is known of it: its end, or when it was given up, or its beginning.
    pub fn last_known_us(&self) -> u64 {
        match self.outcome {
            Outcome::Reply { at, .. } | Outcome::Refused { at } => at,
            Outcome::Unknown { at } => at.unwrap_or(self.invoked_at),
        }
    }

    /// It was certainly not executed.
    pub const fn is_refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused { .. })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} #{} [{}..", self.client, self.order, self.invoked_at)?;
        match &self.outcome {
            Outcome::Reply { at, reply } => write!(f, "{at}] {:?} -> {reply:?}", self.call),
            Outcome::Refused { at } => write!(f, "{at}] {:?} -> refused", self.call),
            Outcome::Unknown { .. } => write!(f, "] {:?} -> unknown", self.call),
        }
    }
}

/// Everything that was asked for in a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    executions: Executions,
}

impl History {
    /// A history of these, in any order.
    ///
    /// # Panics
    /// When one ends before it begins, or two of a client have the same place.
    pub fn new(mut operations: Vec<Operation>) -> History {
        operations.sort_by_key(|op| (op.invoked_at, op.client, op.order));
        let mut places = BTreeSet::new();
        for op in &operations {
            let ended = op.finished_at().unwrap_or(u64::MAX);
            assert!(op.invoked_at <= ended, "it ends after it began: {op}");
            assert!(places.insert((op.client, op.order)), "a place is taken once: {op}");
        }
        History { operations, executions: Executions::default() }
    }

    /// The same, with what is said of when writes were executed.
    #[must_use]
    pub fn with_executions(self, executions: Executions) -> History {
        History { executions, ..self }
    }

    /// When writes were executed, as far as somebody says so.
    pub const fn executions(&self) -> &Executions {
        &self.executions
    }

    /// The operations by the time of their invocation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Every key that an operation names.
    pub fn keys(&self) -> BTreeSet<Key> {
        self.operations.iter().flat_map(|op| op.call.keys()).collect()
    }
}
