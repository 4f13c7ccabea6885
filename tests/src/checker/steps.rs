//! A history as steps on single keys: what the judges by promise look at.
//!
//! MSET, MGET, EXEC and FLUSHDB are taken apart; FLUSHDB is a DEL of every key.

use super::history::{Call, History, Key, Operation, Reply, Text, Verb};
use kinring_common::id::Dot;
use std::collections::BTreeMap;

/// Where in a key a written text stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// It is the string, or a part of it that APPEND added.
    Text,
    /// It is the value of this field.
    Field(Text),
    /// It is a member of the set.
    Member,
    /// It is a member of the sorted set.
    Scored,
    /// It is an element of the list.
    Element,
}

/// Something that a key holds when all is over: siblings and what does not show included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where it stands.
    pub place: Place,
    /// The value, member or element.
    pub text: Text,
    /// The event that it is from.
    pub dot: Dot,
}

/// What one key is when faults have healed, writes have stopped, and all owners agree.
#[derive(Clone, Debug, Default)]
pub struct Final {
    /// What GET gives, of a string.
    pub shown: Option<Text>,
    /// All that is kept.
    pub held: Vec<Held>,
}

/// Which reading of the promises holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `consistency = strong`.
    Strong,
    /// `consistency = available`: promises 4 and 6 are suspended, a write may miss what others did.
    Available,
}

/// Everything that the judges by promise are given.
pub struct Case<'a> {
    /// What clients did.
    pub history: &'a History,
    /// What is there at the end; an absent key is not in it.
    pub ending: &'a BTreeMap<Key, Final>,
    /// When that was.
    pub ended_at: u64,
    /// For writes of which it is known, by client and order: which texts they had seen, and so
    /// removed. Of a write that is not in it, anything is assumed.
    pub seen: &'a BTreeMap<(u32, u32), Vec<Text>>,
    /// Which reading holds.
    pub mode: Mode,
    /// A deadline may pass this much too late.
    pub skew_us: u64,
}

impl Case<'_> {
    /// What a key is at the end.
    pub fn held(&self, key: Key) -> &[Held] {
        self.ending.get(&key).map_or(&[], |end| &end.held)
    }

    /// The step certainly saw, or certainly did not see, this text; or nobody knows.
    pub fn saw(&self, step: &Step<'_>, text: &Text) -> Option<bool> {
        let seen = self.seen.get(&(step.operation.client, step.operation.order))?;
        Some(seen.contains(text))
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number.
    pub promise: u8,
    /// The key it was broken on.
    pub key: Key,
    /// What happened.
    pub what: String,
    /// When it showed, in microseconds of the run: where a reader begins.
    pub at_us: u64,
}

/// A command on one key, alone or as a part of an operation.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The operation that it belongs to.
    pub operation: &'a Operation,
    /// Its place in that operation.
    pub part: usize,
    /// The command.
    pub verb: Verb,
    /// What came back for it; none for an unknown outcome, and for a part of FLUSHDB.
    pub reply: Option<Reply>,
}

/// The steps on each key, by invocation. What was refused is not among them.
pub fn steps(history: &History) -> BTreeMap<Key, Vec<Step<'_>>> {
    let mut steps: BTreeMap<Key, Vec<Step<'_>>> = BTreeMap::new();
    for key in history.keys() {
        steps.insert(key, Vec::new());
    }
    for operation in history.operations().iter().filter(|op| !op.is_refused()) {
        let mut part = 0;
        take_apart(&operation.call, operation.reply(), &mut |key, verb, reply| {
            let keys = match key {
                Some(key) => vec![key],
                None => steps.keys().copied().collect(),
            };
            for key in keys {
                let (verb, reply) = (verb.clone(), reply.cloned());
                steps.entry(key).or_default().push(Step { operation, part, verb, reply });
            }
            part += 1;
        });
    }
    steps
}

/// Calls back for each command on a key; without a key for all of them.
fn take_apart<'r>(
    call: &Call,
    reply: Option<&'r Reply>,
    each: &mut impl FnMut(Option<Key>, Verb, Option<&'r Reply>),
) {
    let nth = |at: usize| match reply {
        Some(Reply::Array(replies)) => replies.get(at),
        _ => None,
    };
    match call {
        Call::On(key, verb) => each(Some(*key), verb.clone(), reply),
        Call::MSet(pairs) => {
            for (key, text) in pairs {
                each(Some(*key), Verb::Set(text.clone()), reply);
            }
        }
        Call::MGet(keys) => {
            for (at, key) in keys.iter().enumerate() {
                each(Some(*key), Verb::Get, nth(at));
            }
        }
        Call::Exec(calls) => {
            for (at, call) in calls.iter().enumerate() {
                take_apart(call, nth(at), each);
            }
        }
        Call::FlushDb => each(None, Verb::Del, None),
    }
}

impl Step<'_> {
    /// When it was sent.
    pub const fn invoked_at(&self) -> u64 {
        self.operation.invoked_at
    }

    /// After this it has no effect any more; the end of time for an unknown outcome.
    pub fn finished_at(&self) -> u64 {
        self.operation.finished_at().unwrap_or(u64::MAX)
    }

    /// It was executed, and no reply says that it changed nothing.
    pub fn is_acknowledged(&self) -> bool {
        self.operation.reply().is_some() && self.may_have_changed()
    }

    /// Its reply, if there is one, does not say that it changed nothing.
    pub fn may_have_changed(&self) -> bool {
        let inert = self.reply.as_ref().is_some_and(|reply| self.verb.is_inert(reply));
        !inert && !self.verb.is_read()
    }

    /// It is not certain that this one was over before the other began.
    pub fn may_follow(&self, other: &Step<'_>) -> bool {
        if std::ptr::eq(self.operation, other.operation) {
            return self.part > other.part;
        }
        self.finished_at() >= other.invoked_at()
    }

    /// It may have acted on what the other wrote, by then: EXPIRE acts when its deadline comes, also
    /// on what is added to the key before that.
    pub fn may_act_on(&self, write: &Step<'_>, until: u64, skew_us: u64) -> bool {
        let Verb::Expire { ttl_us } = self.verb else {
            return self.may_follow(write) && self.invoked_at() <= until;
        };
        let first = self.invoked_at().saturating_add(ttl_us).saturating_sub(skew_us);
        let last = self.finished_at().saturating_add(ttl_us).saturating_add(skew_us);
        first <= until && last >= write.invoked_at()
    }

    /// What it leaves there, and where.
    pub fn written(&self) -> Option<(Place, &Text)> {
        match &self.verb {
            Verb::Set(text) | Verb::SetNx(text) | Verb::Append(text) => Some((Place::Text, text)),
            Verb::HSet(field, value) => Some((Place::Field(field.clone()), value)),
            Verb::SAdd(member) => Some((Place::Member, member)),
            Verb::ZAdd(member, _) => Some((Place::Scored, member)),
            Verb::LPush(item) => Some((Place::Element, item)),
            _ => None,
        }
    }

    /// What it says is there: texts, and where they stand.
    pub fn shows(&self) -> Vec<(Place, &Text)> {
        match (&self.verb, &self.reply) {
            (Verb::Get, Some(Reply::Bulk(text))) => vec![(Place::Text, text)],
            (Verb::HGet(field), Some(Reply::Bulk(text))) => {
                vec![(Place::Field(field.clone()), text)]
            }
            (Verb::HGetAll, Some(Reply::List(flat))) => {
                flat.chunks_exact(2).map(|pair| (Place::Field(pair[0].clone()), &pair[1])).collect()
            }
            (Verb::SMembers, Some(Reply::List(all))) => {
                all.iter().map(|text| (Place::Member, text)).collect()
            }
            (Verb::ZRange, Some(Reply::List(flat))) => {
                flat.iter().step_by(2).map(|text| (Place::Scored, text)).collect()
            }
            (Verb::LRange, Some(Reply::List(all))) => {
                all.iter().map(|text| (Place::Element, text)).collect()
            }
            (Verb::LPop, Some(Reply::Bulk(text))) => vec![(Place::Element, text)],
            _ => Vec::new(),
        }
    }

    /// It may take a text away from its place, if that was there.
    pub fn may_remove(&self, place: &Place, text: &Text, mode: Mode) -> bool {
        if !self.may_have_changed() {
            return false;
        }
        match &self.verb {
            Verb::Set(_) | Verb::Del | Verb::Expire { .. } => true,
            Verb::HSet(field, _) | Verb::HDel(field) if *place == Place::Field(field.clone()) => {
                true
            }
            Verb::SRem(member) => *place == Place::Member && member == text,
            Verb::LPop => {
                let other = matches!(&self.reply, Some(Reply::Bulk(popped)) if popped != text);
                *place == Place::Element && !other
            }
            // What showed to its coordinator was something else: it goes on from that, and removes
            // whatever else it saw.
            Verb::Append(_) | Verb::Incr(_) => mode == Mode::Available,
            Verb::HSet(..) | Verb::SAdd(_) | Verb::ZAdd(..) | Verb::LPush(_) => {
                let beside = self.written().is_some_and(|(own, _)| {
                    std::mem::discriminant(&own) == std::mem::discriminant(place)
                });
                mode == Mode::Available && !beside
            }
            _ => false,
        }
    }
}

/// A string holds what was written: it is that, or APPEND put it beside other parts.
pub fn has_part(whole: &[u8], part: &[u8]) -> bool {
    count_parts(whole, part) > 0
}

/// How often a part is in a string.
pub fn count_parts(whole: &[u8], part: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while !part.is_empty() && at + part.len() <= whole.len() {
        if whole[at..].starts_with(part) {
            count += 1;
            at += part.len();
        } else {
            at += 1;
        }
    }
    count
}
