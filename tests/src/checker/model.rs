//! What Redis does, one call after the other: the sequential specification of a group of keys.
//!
//! One key is a group of one. [`State::apply`] is a function of the state and the call alone; the
//! only freedom is expiry: a key with a deadline goes at any one moment of its [`Expiry`], and
//! [`State::met_by`] lists the states that a call may meet for that reason.

use super::history::{Call, Key, Reply, Text, Verb};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a key holds; none of them is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A string.
    Text(Text),
    /// A hash.
    Hash(Arc<BTreeMap<Text, Text>>),
    /// A set: its members in order.
    Set(Arc<Vec<Text>>),
    /// A sorted set.
    Sorted(Arc<BTreeMap<Text, i64>>),
    /// A list; its head is the last.
    List(Arc<Vec<Text>>),
}

/// When a key goes by itself: at one moment from `from_us` to `to_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expiry {
    /// Before this it is certainly there.
    pub from_us: u64,
    /// After this it is certainly gone.
    pub to_us: u64,
}

/// When a call may have been executed, and how far the nodes' clocks may be from the true one.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Not before this.
    pub from_us: u64,
    /// Not after this.
    pub to_us: u64,
    /// How much too early or too late a deadline may pass.
    pub skew_us: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    key: Key,
    value: Value,
    expiry: Option<Expiry>,
}

/// What the keys of a group hold. Keys that hold nothing are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    // Sorted by key, so that equal states are equal values.
    entries: Vec<Entry>,
}

impl State {
    /// What a key holds.
    pub fn get(&self, key: Key) -> Option<&Value> {
        self.find(key).ok().map(|at| &self.entries[at].value)
    }

    /// When a key goes by itself, if it does.
    pub fn expiry(&self, key: Key) -> Option<Expiry> {
        self.find(key).ok().and_then(|at| self.entries[at].expiry)
    }

    /// The keys that hold something, and what.
    pub fn values(&self) -> impl Iterator<Item = (Key, &Value)> {
        self.entries.iter().map(|entry| (entry.key, &entry.value))
    }

    /// What a key holds, without its deadline, as this reply shows it; none if it does not show all.
    pub fn shown(key: Key, verb: &Verb, reply: &Reply) -> Option<State> {
        let mut state = State::default();
        let value = match (verb, reply) {
            (Verb::Get, Reply::Nil) => return Some(state),
            (_, Reply::List(list)) if list.is_empty() => return Some(state),
            (Verb::Get, Reply::Bulk(text)) => Value::Text(text.clone()),
            (Verb::SMembers, Reply::List(all)) => Value::Set(Arc::new(all.clone())),
            (Verb::HGetAll, Reply::List(flat)) => {
                let pairs = flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                Value::Hash(Arc::new(pairs.collect()))
            }
            (Verb::ZRange, Reply::List(flat)) => {
                let pair = |pair: &[Text]| Some((pair[0].clone(), integer(&pair[1])?));
                Value::Sorted(Arc::new(flat.chunks_exact(2).map(pair).collect::<Option<_>>()?))
            }
            (Verb::LRange, Reply::List(all)) => {
                Value::List(Arc::new(all.iter().rev().cloned().collect()))
            }
            _ => return None,
        };
        state.put(key, value);
        Some(state)
    }

    /// Executes a call; gives its reply.
    pub fn apply(&mut self, call: &Call, timing: Timing) -> Reply {
        match call {
            Call::On(key, verb) => self.on(*key, verb, timing),
            Call::MSet(pairs) => {
                pairs.iter().for_each(|(key, text)| self.put(*key, Value::Text(text.clone())));
                Reply::Ok
            }
            Call::MGet(keys) => {
                Reply::Array(keys.iter().map(|key| self.text_or_nil(*key)).collect())
            }
            Call::Exec(calls) => {
                Reply::Array(calls.iter().map(|call| self.apply(call, timing)).collect())
            }
            Call::FlushDb => {
                self.entries.clear();
                Reply::Ok
            }
        }
    }

    /// The states that a call may meet when it is executed from `from_us` to `to_us`, and the earliest
    /// that it may then be: each key that it names and that may be gone by then is tried both ways;
    /// one that must be gone is gone.
    pub fn met_by(&self, call: &Call, from_us: u64, to_us: u64) -> Vec<(State, u64)> {
        let mut states = vec![(self.clone(), from_us)];
        if !self.may_expire_by(to_us) {
            return states;
        }
        for key in call.keys() {
            let Ok(at) = self.find(key) else { continue };
            let Some(expiry) = self.entries[at].expiry else { continue };
            if to_us < expiry.from_us {
                continue;
            }
            let mut gone = states.clone();
            for (state, since_us) in &mut gone {
                state.remove(key);
                *since_us = expiry.from_us.max(*since_us);
            }
            states.retain(|(_, since_us)| *since_us <= expiry.to_us);
            states.append(&mut gone);
        }
        states
    }

    /// Some key may go by itself before this time is over.
    pub fn may_expire_by(&self, time_us: u64) -> bool {
        let due = |expiry: Expiry| expiry.from_us <= time_us;
        self.entries.iter().any(|entry| entry.expiry.is_some_and(due))
    }

    fn on(&mut self, key: Key, verb: &Verb, timing: Timing) -> Reply {
        match verb {
            Verb::Set(text) => {
                self.put(key, Value::Text(text.clone()));
                Reply::Ok
            }
            Verb::SetNx(text) => {
                let absent = self.get(key).is_none();
                if absent {
                    self.put(key, Value::Text(text.clone()));
                }
                Reply::Int(absent.into())
            }
            Verb::Del => {
                let there = self.get(key).is_some();
                self.remove(key);
                Reply::Int(there.into())
            }
            Verb::Exists => Reply::Int(self.get(key).is_some().into()),
            Verb::Expire { ttl_us } => self.expire(key, *ttl_us, timing),
            Verb::Persist => {
                let Ok(at) = self.find(key) else { return Reply::Int(0) };
                Reply::Int(self.entries[at].expiry.take().is_some().into())
            }
            Verb::Get
            | Verb::HGet(_)
            | Verb::HGetAll
            | Verb::SMembers
            | Verb::ZRange
            | Verb::LRange => self.read(key, verb),
            Verb::Incr(_) | Verb::Append(_) => self.edit_text(key, verb),
            Verb::HSet(..) | Verb::HDel(_) => self.edit_hash(key, verb),
            Verb::SAdd(_) | Verb::SRem(_) => self.edit_set(key, verb),
            Verb::ZAdd(member, score) => self.zadd(key, member, *score),
            Verb::LPush(_) | Verb::LPop => self.edit_list(key, verb),
        }
    }

    fn read(&self, key: Key, verb: &Verb) -> Reply {
        let list = |texts: Vec<Text>| Reply::List(texts);
        match (verb, self.get(key)) {
            (Verb::Get | Verb::HGet(_), None) => Reply::Nil,
            (_, None) => list(Vec::new()),
            (Verb::Get, Some(Value::Text(text))) => Reply::Bulk(text.clone()),
            (Verb::HGet(field), Some(Value::Hash(hash))) => {
                hash.get(field).map_or(Reply::Nil, |value| Reply::Bulk(value.clone()))
            }
            (Verb::HGetAll, Some(Value::Hash(hash))) => list(
                hash.iter().flat_map(|(field, value)| [field.clone(), value.clone()]).collect(),
            ),
            (Verb::SMembers, Some(Value::Set(set))) => list(set.to_vec()),
            (Verb::ZRange, Some(Value::Sorted(scores))) => {
                let mut order: Vec<_> =
                    scores.iter().map(|(member, score)| (*score, member)).collect();
                order.sort_unstable();
                let pair = |(score, member): (i64, &Text)| [member.clone(), number(score)];
                list(order.into_iter().flat_map(pair).collect())
            }
            (Verb::LRange, Some(Value::List(items))) => list(items.iter().rev().cloned().collect()),
            _ => Reply::WrongType,
        }
    }

    fn text_or_nil(&self, key: Key) -> Reply {
        match self.get(key) {
            Some(Value::Text(text)) => Reply::Bulk(text.clone()),
            _ => Reply::Nil,
        }
    }

    fn expire(&mut self, key: Key, ttl_us: u64, timing: Timing) -> Reply {
        let Ok(at) = self.find(key) else { return Reply::Int(0) };
        if ttl_us == 0 {
            self.remove(key);
        } else {
            let from_us = timing.from_us.saturating_add(ttl_us).saturating_sub(timing.skew_us);
            let to_us = timing.to_us.saturating_add(ttl_us).saturating_add(timing.skew_us);
            self.entries[at].expiry = Some(Expiry { from_us, to_us });
        }
        Reply::Int(1)
    }

    fn edit_text(&mut self, key: Key, verb: &Verb) -> Reply {
        let old = match self.get(key) {
            None => None,
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) => return Reply::WrongType,
        };
        let (new, reply) = match verb {
            Verb::Incr(by) => {
                let start = old.as_ref().map_or(Some(0), integer);
                let Some(sum) = start.and_then(|start| start.checked_add(*by)) else {
                    return Reply::NotInteger;
                };
                (number(sum), Reply::Int(sum))
            }
            Verb::Append(text) => {
                let new = Text::from([old.as_deref().unwrap_or_default(), text].concat());
                let len = new.len() as i64;
                (new, Reply::Int(len))
            }
            _ => unreachable!("only these edit a text"),
        };
        self.replace(key, Value::Text(new));
        reply
    }

    fn edit_hash(&mut self, key: Key, verb: &Verb) -> Reply {
        let mut hash = match self.get(key) {
            None => Arc::default(),
            Some(Value::Hash(hash)) => hash.clone(),
            Some(_) => return Reply::WrongType,
        };
        let reply = match verb {
            Verb::HSet(field, value) => {
                let old = Arc::make_mut(&mut hash).insert(field.clone(), value.clone());
                Reply::Int(old.is_none().into())
            }
            Verb::HDel(field) if hash.contains_key(field) => {
                Arc::make_mut(&mut hash).remove(field);
                Reply::Int(1)
            }
            _ => return Reply::Int(0),
        };
        match hash.is_empty() {
            true => self.remove(key),
            false => self.replace(key, Value::Hash(hash)),
        }
        reply
    }

    fn edit_set(&mut self, key: Key, verb: &Verb) -> Reply {
        let mut set = match self.get(key) {
            None => Arc::default(),
            Some(Value::Set(set)) => set.clone(),
            Some(_) => return Reply::WrongType,
        };
        match verb {
            Verb::SAdd(member) => match set.binary_search(member) {
                Ok(_) => return Reply::Int(0),
                Err(at) => Arc::make_mut(&mut set).insert(at, member.clone()),
            },
            Verb::SRem(member) => match set.binary_search(member) {
                Ok(at) => drop(Arc::make_mut(&mut set).remove(at)),
                Err(_) => return Reply::Int(0),
            },
            _ => unreachable!("only these edit a set"),
        }
        match set.is_empty() {
            true => self.remove(key),
            false => self.replace(key, Value::Set(set)),
        }
        Reply::Int(1)
    }

    fn zadd(&mut self, key: Key, member: &Text, score: i64) -> Reply {
        let mut scores = match self.get(key) {
            None => Arc::default(),
            Some(Value::Sorted(scores)) => scores.clone(),
            Some(_) => return Reply::WrongType,
        };
        let old = Arc::make_mut(&mut scores).insert(member.clone(), score);
        self.replace(key, Value::Sorted(scores));
        Reply::Int(old.is_none().into())
    }

    fn edit_list(&mut self, key: Key, verb: &Verb) -> Reply {
        let mut items = match self.get(key) {
            None if *verb == Verb::LPop => return Reply::Nil,
            None => Arc::default(),
            Some(Value::List(items)) => items.clone(),
            Some(_) => return Reply::WrongType,
        };
        let list = Arc::make_mut(&mut items);
        let reply = match verb {
            Verb::LPush(item) => {
                list.push(item.clone());
                Reply::Int(list.len() as i64)
            }
            _ => list.pop().map_or(Reply::Nil, Reply::Bulk),
        };
        match list.is_empty() {
            true => self.remove(key),
            false => self.replace(key, Value::List(items)),
        }
        reply
    }

    /// Replaces texts, other than members and fields, by what the function makes of them.
    pub fn edit_texts(&mut self, edit: impl Fn(&Text) -> Option<Text>) {
        for entry in &mut self.entries {
            match &mut entry.value {
                Value::Text(text) => {
                    if let Some(new) = edit(text) {
                        *text = new;
                    }
                }
                Value::Hash(hash) if hash.values().any(|text| edit(text).is_some()) => {
                    let all = Arc::make_mut(hash).values_mut();
                    all.for_each(|text| *text = edit(text).unwrap_or_else(|| text.clone()));
                }
                Value::List(items) if items.iter().any(|text| edit(text).is_some()) => {
                    let all = Arc::make_mut(items).iter_mut();
                    all.for_each(|text| *text = edit(text).unwrap_or_else(|| text.clone()));
                }
                _ => {}
            }
        }
    }

    /// Makes states equal that no call tells apart that comes, for each key, at this time or later.
    pub fn forget_begun(&mut self, time_us: impl Fn(Key) -> u64) {
        for entry in &mut self.entries {
            if let Some(expiry) = &mut entry.expiry
                && expiry.from_us <= time_us(entry.key)
            {
                expiry.from_us = 0;
            }
        }
    }

    /// Up to this time no key must have gone.
    pub fn whole_until(&self) -> u64 {
        let expiries = self.entries.iter().filter_map(|entry| entry.expiry);
        expiries.map(|expiry| expiry.to_us).min().unwrap_or(u64::MAX)
    }

    fn find(&self, key: Key) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |entry| entry.key)
    }

    /// A new value without a deadline.
    fn put(&mut self, key: Key, value: Value) {
        match self.find(key) {
            Ok(at) => self.entries[at] = Entry { key, value, expiry: None },
            Err(at) => self.entries.insert(at, Entry { key, value, expiry: None }),
        }
    }

    /// A new value, with the deadline of the old one.
    fn replace(&mut self, key: Key, value: Value) {
        match self.find(key) {
            Ok(at) => self.entries[at].value = value,
            Err(_) => self.put(key, value),
        }
    }

    fn remove(&mut self, key: Key) {
        if let Ok(at) = self.find(key) {
            self.entries.remove(at);
        }
    }
}

/// The number that a text is to INCR: only as Redis itself would write it.
pub fn integer(text: &Text) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == &text[..]).then_some(number)
}

fn number(value: i64) -> Text {
    Text::from(value.to_string())
}
