//! Who asks for what, and what they were told.
//!
//! A client asks for one thing after the other over its connection to a proxy. Every value that is
//! written is a new one.

use super::plan::{KEYS_A_TAG, Plan, TAGS};
use super::siege::CALLS_PERCENT;
use crate::checker::{Call, Key, Operation, Outcome, Text, Verb};
use kinring_common::random::Random;
use std::collections::VecDeque;

/// A client and what it waits for.
#[derive(Debug)]
pub struct Client {
    /// Its number: another one after its connection broke.
    pub id: u32,
    /// The proxy that it is connected to.
    pub proxy: usize,
    /// The calls under way, the first one first.
    asked: VecDeque<Asked>,
    /// How many were sent.
    sent: u32,
    /// It asks for all promises, whatever others do.
    pub is_strong: bool,
    /// It calls again then, if it is not waiting.
    next_us: u64,
}

/// A call under way.
#[derive(Debug)]
struct Asked {
    call: Call,
    /// By which its answer is known.
    token: u64,
    /// Its place among the client's calls.
    order: u32,
    invoked_at: u64,
}

/// What clients ask for.
#[derive(Debug)]
pub struct Workload {
    random: Random,
    given: u32,
    flushes: bool,
    /// Members and such that may be there.
    members: Vec<Text>,
}

/// What a key is mostly used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Text,
    Counter,
    Hash,
    Set,
    Sorted,
    List,
}

/// Of each tag: the last key is kept.
const USES: [[Use; KEYS_A_TAG]; TAGS] = [
    [Use::Text, Use::Text, Use::Text, Use::Counter],
    [Use::Counter, Use::Hash, Use::Set, Use::Set],
    [Use::Sorted, Use::List, Use::Text, Use::Hash],
    [Use::Counter, Use::Hash, Use::List, Use::List],
];

/// Keys of a tag from which things are removed.
const LOOSE: usize = KEYS_A_TAG - 1;

/// Of a hundred calls for a tag, so many are for its key that is kept.
const KEPT_PERCENT: usize = 12;

fn use_of(key: Key) -> Use {
    USES[key.0 as usize / KEYS_A_TAG][key.0 as usize % KEYS_A_TAG]
}

impl Workload {
    /// By a seed.
    pub fn new(plan: &Plan) -> Workload {
        let random = Random::new(plan.seed ^ 0xca11);
        Workload { random, given: 0, flushes: plan.flushes, members: Vec::new() }
    }

    fn text(&mut self) -> Text {
        self.given += 1;
        Text::from(format!("v{:07}", self.given))
    }

    fn member(&mut self) -> Text {
        let text = self.text();
        self.members.push(text.clone());
        if self.members.len() > 64 {
            self.members.remove(0);
        }
        text
    }

    /// The next call; during a siege, mostly for keys of its tag.
    pub fn draw(&mut self, siege: Option<usize>) -> Call {
        let besieged = siege.filter(|_| self.random.chance(CALLS_PERCENT));
        match self.random.below(200) {
            0 if self.flushes => Call::FlushDb,
            1..=14 => {
                let keys = self.strings();
                Call::MSet(keys.into_iter().map(|key| (key, self.text())).collect())
            }
            15..=26 => Call::MGet(self.strings()),
            27..=46 => {
                let tag = besieged.unwrap_or_else(|| self.random.below(TAGS));
                let calls = (0..2 + self.random.below(2)).map(|_| {
                    let key = self.key_of(tag);
                    Call::On(key, self.verb(key))
                });
                Call::Exec(calls.collect())
            }
            _ => {
                let tag = besieged.unwrap_or_else(|| self.random.below(TAGS));
                let key = self.key_of(tag);
                Call::On(key, self.verb(key))
            }
        }
    }

    /// Some keys that are strings: of one slot, or not.
    fn strings(&mut self) -> Vec<Key> {
        let is_text = |key: &Key| use_of(*key) == Use::Text;
        let mut keys: Vec<Key> = (0..(TAGS * KEYS_A_TAG) as u32).map(Key).filter(is_text).collect();
        if self.random.chance(70) {
            keys.retain(|key| key.0 < KEYS_A_TAG as u32);
        }
        self.random.shuffle(&mut keys);
        keys.truncate(2 + self.random.below(keys.len() - 1));
        keys
    }

    fn key_of(&mut self, tag: usize) -> Key {
        let is_kept = self.random.chance(KEPT_PERCENT);
        let place = if is_kept { LOOSE } else { self.random.below(LOOSE) };
        Key((tag * KEYS_A_TAG + place) as u32)
    }

    fn verb(&mut self, key: Key) -> Verb {
        let of = use_of(key);
        if key.0 as usize % KEYS_A_TAG == LOOSE {
            return self.verb_of_kept(of);
        }
        match self.random.below(100) {
            0..=5 => Verb::Del,
            6..=9 => {
                let ttl_ms = [0, 300, 1_000, 3_000, 10_000][self.random.below(5)];
                Verb::Expire { ttl_us: ttl_ms * 1_000 }
            }
            10..=12 => Verb::Persist,
            13 => Verb::Exists,
            14..=49 => self.read(of),
            50 => self.write(Use::Text),
            _ => self.write(of),
        }
    }

    /// What is asked of a key of which nothing is ever removed; such a record grows, so slowly.
    fn verb_of_kept(&mut self, of: Use) -> Verb {
        match self.random.below(100) {
            0..=4 => Verb::Exists,
            5..=34 if of == Use::Counter => Verb::Get,
            5..=69 if of != Use::Counter => self.read(of),
            _ => match of {
                Use::Counter => self.write(of),
                Use::Hash => Verb::HSet(self.text(), self.text()),
                Use::List => Verb::LPush(self.text()),
                _ => Verb::SAdd(self.text()),
            },
        }
    }

    fn read(&mut self, of: Use) -> Verb {
        match of {
            Use::Text | Use::Counter => Verb::Get,
            Use::Hash if self.random.chance(50) => Verb::HGet(self.field()),
            Use::Hash => Verb::HGetAll,
            Use::Set => Verb::SMembers,
            Use::Sorted => Verb::ZRange,
            Use::List => Verb::LRange,
        }
    }

    fn field(&mut self) -> Text {
        Text::from(["f1", "f2", "f3"][self.random.below(3)])
    }

    fn write(&mut self, of: Use) -> Verb {
        let removes = self.random.chance(40);
        match of {
            Use::Text => match self.random.below(10) {
                0..=2 => Verb::Append(self.text()),
                3 => Verb::SetNx(self.text()),
                _ => Verb::Set(self.text()),
            },
            Use::Counter => Verb::Incr(1 + self.random.below(9) as i64),
            Use::Hash if removes => Verb::HDel(self.field()),
            Use::Hash => Verb::HSet(self.field(), self.text()),
            Use::Set if removes && !self.members.is_empty() => {
                Verb::SRem(self.random.pick(&self.members).clone())
            }
            Use::Set => Verb::SAdd(self.member()),
            Use::Sorted => Verb::ZAdd(self.member(), self.random.below(1_000) as i64),
            Use::List if removes => Verb::LPop,
            Use::List => Verb::LPush(self.text()),
        }
    }
}

/// Calls under way of a client that does not wait for answers.
const AHEAD_MAX: usize = 4;

impl Client {
    /// One that has not called yet.
    pub fn new(id: u32, proxy: usize, next_us: u64) -> Client {
        let is_strong = id.is_multiple_of(3);
        Client { id, proxy, asked: VecDeque::new(), sent: 0, is_strong, next_us }
    }

    /// When it calls next, unless it waits for an answer.
    pub fn calls_us(&self) -> Option<u64> {
        (self.asked.is_empty() || self.is_ahead()).then_some(self.next_us)
    }

    /// It has called, and calls again before it is answered.
    fn is_ahead(&self) -> bool {
        (1..AHEAD_MAX).contains(&self.asked.len()) && self.next_us < u64::MAX
    }

    /// It calls; and again then, if it does not wait.
    pub fn calls(&mut self, call: Call, token: u64, now_us: u64, again_us: Option<u64>) {
        let (order, invoked_at) = (self.sent, now_us);
        self.asked.push_back(Asked { call, token, order, invoked_at });
        self.sent += 1;
        self.next_us = again_us.unwrap_or(u64::MAX);
    }

    /// What is answered next, and its place among the client's calls.
    pub fn first(&self) -> Option<(&Call, u32)> {
        self.asked.front().map(|asked| (&asked.call, asked.order))
    }

    /// Who calls next: the client, and the place that the call will have among its calls.
    pub fn next_call(&self) -> (u32, u32) {
        (self.id, self.sent)
    }

    /// Its call under way of this token, and whether it is the first.
    pub fn asked(&self, token: u64) -> Option<(&Call, bool)> {
        let at = self.asked.iter().position(|asked| asked.token == token)?;
        Some((&self.asked[at].call, at == 0))
    }

    /// What it was told for a call; after the last one it thinks until then.
    pub fn ends(&mut self, token: u64, outcome: Outcome, next_us: u64) -> Option<Operation> {
        let at = self.asked.iter().position(|asked| asked.token == token)?;
        let Asked { call, order, invoked_at, .. } = self.asked.remove(at)?;
        if self.asked.is_empty() {
            self.next_us = next_us;
        }
        Some(Operation { client: self.id, order, call, invoked_at, outcome })
    }

    /// Its connection breaks.
    pub fn breaks(&mut self, at: Option<u64>) -> Vec<Operation> {
        let tokens: Vec<u64> = self.asked.iter().map(|asked| asked.token).collect();
        let broken = |token| self.ends(token, Outcome::Unknown { at }, u64::MAX);
        tokens.into_iter().filter_map(broken).collect()
    }
}
