//! Histories as a sound store would give them: clients call in turn, each call is executed by the
//! model at one moment between its invocation and its reply.

use crate::checker::history::{Call, History, Key, Operation, Outcome, Reply, Text, Verb};
use crate::checker::model::{State, Timing};
use kinring_common::random::Random;
use std::collections::HashMap;

/// What clients ask for.
pub type Menu = fn(&mut Random, &mut Values) -> Call;

/// Where values come from.
pub struct Values {
    /// So many different ones; 0: every one is new.
    pub kinds: usize,
    given: usize,
    keys: usize,
}

impl Values {
    fn next(&mut self, random: &mut Random) -> Text {
        self.given += 1;
        let number = if self.kinds == 0 { 100_000 + self.given } else { random.below(self.kinds) };
        Text::from(format!("v{number}"))
    }

    fn key(&self, random: &mut Random) -> Key {
        Key(random.below(self.keys) as u32)
    }
}

/// The shape of a run.
#[derive(Clone)]
pub struct Shape {
    pub clients: usize,
    pub operations: usize,
    pub unknown_percent: usize,
    pub keys: usize,
    pub kinds: usize,
    /// A call takes up to this long.
    pub length_us: usize,
    pub skew_us: u64,
    pub fault: Fault,
}

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It acknowledges a call and forgets what it did.
    Lost,
    /// It executes a call twice.
    Double,
    /// It executes the first half of an MSET or an EXEC, and acknowledges the whole.
    Half,
    /// It answers from an older state.
    Stale,
}

pub const TINY: Shape = Shape {
    clients: 3,
    operations: 6,
    unknown_percent: 15,
    keys: 1,
    kinds: 2,
    length_us: 30,
    skew_us: 5,
    fault: Fault::None,
};

/// What the clients of a store see, and what it holds at the end, and when that was. Without a fault,
/// some order explains it.
pub fn run(random: &mut Random, menu: Menu, shape: &Shape) -> (Vec<Operation>, State, u64) {
    let mut values = Values { kinds: shape.kinds, given: 0, keys: shape.keys };
    let mut free_at = vec![1; shape.clients];
    let mut orders = vec![0; shape.clients];
    let mut operations = Vec::new();
    for _ in 0..shape.operations {
        let client = random.below(shape.clients);
        let invoked_at: u64 = free_at[client] + random.below(shape.length_us / 4 + 1) as u64;
        let at = invoked_at + 1 + random.below(shape.length_us) as u64;
        free_at[client] = at + 1;
        orders[client] += 1;
        let call = menu(random, &mut values);
        let outcome = match random.chance(shape.unknown_percent) {
            true => Outcome::Unknown { at: Some(at) },
            false if random.chance(2) => Outcome::Refused { at },
            false => Outcome::Reply { at, reply: Reply::Nil },
        };
        let (client, order) = (client as u32, orders[client]);
        operations.push(Operation { client, order, call, invoked_at, outcome });
    }
    let (end, ended_at) = execute(random, &mut operations, shape);
    (History::new(operations).operations().to_vec(), end, ended_at)
}

/// Gives every operation its moment, and its reply.
fn execute(random: &mut Random, operations: &mut [Operation], shape: &Shape) -> (State, u64) {
    let mut moments = Vec::new();
    for (at, op) in operations.iter().enumerate() {
        let latest = match op.outcome {
            Outcome::Reply { at, .. } => at,
            Outcome::Unknown { .. } if random.chance(60) => {
                op.invoked_at + 4 * shape.length_us as u64
            }
            _ => continue,
        };
        let moment = op.invoked_at + random.below((latest - op.invoked_at + 1) as usize) as u64;
        moments.push((moment, random.word(), at));
    }
    moments.sort_unstable();
    let (mut state, mut older) = (State::default(), State::default());
    let mut deadlines: HashMap<Key, (u64, u64)> = HashMap::new();
    let ended_at = moments.last().map_or(0, |(now, ..)| *now);
    for (now, _, at) in moments {
        for (key, (_, deadline)) in &deadlines {
            if *deadline <= now {
                state.apply(&Call::On(*key, Verb::Del), point(now));
            }
        }
        let op = &mut operations[at];
        let faulty = shape.fault != Fault::None && random.chance(15);
        let result = match (shape.fault, faulty) {
            (Fault::Lost, true) => state.clone().apply(&op.call, point(now)),
            (Fault::Stale, true) => older.clone().apply(&op.call, point(now)),
            (Fault::Double, true) => {
                state.apply(&op.call, point(now));
                state.apply(&op.call, point(now))
            }
            (Fault::Half, true) => {
                let whole = state.clone().apply(&op.call, point(now));
                state.apply(&half(&op.call), point(now));
                whole
            }
            _ => state.apply(&op.call, point(now)),
        };
        if random.chance(30) {
            older = state.clone();
        }
        if let Outcome::Reply { reply, .. } = &mut op.outcome {
            *reply = result;
        }
        deadlines.retain(|key, (set, _)| state.expiry(*key).is_some_and(|e| e.from_us == *set));
        for key in (0..shape.keys as u32).map(Key) {
            if let Some(expiry) = state.expiry(key) {
                let early = (expiry.from_us - shape.skew_us.min(expiry.from_us)).max(now);
                let jitter = random.below(2 * shape.skew_us as usize + 1) as u64;
                deadlines.entry(key).or_insert((expiry.from_us, early + jitter));
            }
        }
    }
    (state, ended_at)
}

fn half(call: &Call) -> Call {
    match call {
        Call::MSet(pairs) => Call::MSet(pairs[..1].to_vec()),
        Call::Exec(calls) => Call::Exec(calls[..calls.len() / 2].to_vec()),
        other => other.clone(),
    }
}

const fn point(now: u64) -> Timing {
    Timing { from_us: now, to_us: now, skew_us: 0 }
}

fn verb(random: &mut Random, values: &mut Values, from: &[u8]) -> Verb {
    let text = |random: &mut Random, values: &mut Values| values.next(random);
    match *random.pick(from) {
        b'S' => Verb::Set(text(random, values)),
        b'G' => Verb::Get,
        b'D' => Verb::Del,
        b'E' => Verb::Exists,
        b'I' => Verb::Incr(random.below(5) as i64 - 1),
        b'A' => Verb::Append(text(random, values)),
        b'N' => Verb::SetNx(text(random, values)),
        b'T' => Verb::Expire { ttl_us: *random.pick(&[20, 100, 1_000_000_000]) },
        b'P' => Verb::Persist,
        b'h' => Verb::HSet(field(random), text(random, values)),
        b'd' => Verb::HDel(field(random)),
        b'g' => Verb::HGet(field(random)),
        b'a' => Verb::HGetAll,
        b's' => Verb::SAdd(text(random, values)),
        b'r' => Verb::SRem(text(random, values)),
        b'm' => Verb::SMembers,
        b'z' => Verb::ZAdd(text(random, values), random.below(3) as i64),
        b'Z' => Verb::ZRange,
        b'l' => Verb::LPush(text(random, values)),
        b'p' => Verb::LPop,
        b'L' => Verb::LRange,
        other => panic!("no verb has the letter {other}"),
    }
}

fn field(random: &mut Random) -> Text {
    Text::from_static([b"f", b"g"][random.below(2)])
}

fn on(random: &mut Random, values: &mut Values, from: &[u8]) -> Call {
    let key = values.key(random);
    Call::On(key, verb(random, values, from))
}

pub fn texts(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"SSSGGGGGDENP")
}

pub fn appended(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"SAAAAGGGGD")
}

pub fn counters(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"IIIG")
}

pub fn rising(random: &mut Random, values: &mut Values) -> Call {
    match on(random, values, b"IIIG") {
        Call::On(key, Verb::Incr(by)) => Call::On(key, Verb::Incr(by.max(1))),
        other => other,
    }
}

pub fn hashes(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"hhhhgggad")
}

pub fn sets(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"sssssrmmm")
}

pub fn sorted(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"zzzZZD")
}

pub fn lists(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"lllppLL")
}

pub fn expiring(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"SNITTTPGGGGEsm")
}

pub fn everything(random: &mut Random, values: &mut Values) -> Call {
    on(random, values, b"SSGGDDEIANTPhdgasrmzZlpL")
}

/// Calls over several keys among others.
pub fn groups(random: &mut Random, values: &mut Values) -> Call {
    let many = |random: &mut Random| 1 + random.below(3);
    match random.below(10) {
        0..=2 => {
            let pair = |_| (values.key(random), values.next(random));
            Call::MSet((0..2).map(pair).collect())
        }
        3 | 4 => Call::MGet((0..many(random)).map(|_| values.key(random)).collect()),
        5 | 6 => Call::Exec((0..many(random)).map(|_| on(random, values, b"SGDITlpsrm")).collect()),
        7 if random.chance(20) => Call::FlushDb,
        _ => on(random, values, b"SGGGDITlps"),
    }
}

/// Calls over several keys of all types, deadlines among them.
pub fn mixed(random: &mut Random, values: &mut Values) -> Call {
    let any = b"SSGGDEIANTTPhdgasrmzZlpL";
    match random.below(10) {
        0 => Call::FlushDb,
        1 => {
            let pair = |_| (values.key(random), values.next(random));
            Call::MSet((0..2).map(pair).collect())
        }
        2..=5 => {
            let len = 2 + random.below(2);
            Call::Exec((0..len).map(|_| on(random, values, any)).collect())
        }
        _ => on(random, values, any),
    }
}

pub const MENUS: &[(&str, Menu)] = &[
    ("texts", texts),
    ("appended", appended),
    ("counters", counters),
    ("rising", rising),
    ("hashes", hashes),
    ("sets", sets),
    ("sorted", sorted),
    ("lists", lists),
    ("expiring", expiring),
    ("everything", everything),
    ("groups", groups),
    ("mixed", mixed),
];

/// Changes what a client was told: another's reply, an older one, or another number.
pub fn damage(random: &mut Random, operations: &mut [Operation]) {
    let replied: Vec<usize> =
        (0..operations.len()).filter(|at| operations[*at].reply().is_some()).collect();
    if replied.is_empty() {
        return;
    }
    let (a, b) = (*random.pick(&replied), *random.pick(&replied));
    let other = operations[b].reply().cloned();
    let Outcome::Reply { reply, .. } = &mut operations[a].outcome else { return };
    match (reply, other) {
        (Reply::Int(number), _) if random.chance(50) => *number += 1,
        (reply, Some(other)) => *reply = other,
        _ => {}
    }
}
