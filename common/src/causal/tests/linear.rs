//! One history of many actors, each of which has seen all before it: that is what Redis does.

use super::CASES;
use super::world::{World, strings, value};
use crate::causal::{Change, Kind, Path, Record, Value};
use crate::random::Random;
use crate::testing::for_all;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// A key of Redis.
#[derive(Clone, Debug, PartialEq)]
struct Redis {
    value: Type,
    deadline_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Type {
    Text(Value),
    /// Fields with deadlines of their own.
    Hash(BTreeMap<Bytes, (Value, Option<u64>)>),
    Set(BTreeSet<Bytes>),
}

impl Redis {
    fn of(record: &Record, now_ms: u64) -> Option<Redis> {
        let field = |(name, value): (&Bytes, Value)| {
            let shown = record.shown(&Path::Field(name.clone()), now_ms).expect("a field");
            (name.clone(), (value, shown.deadline_ms()))
        };
        let value = match record.kind(now_ms)? {
            Kind::Text => Type::Text(record.text(now_ms)?.value),
            Kind::Hash => Type::Hash(record.fields(now_ms).map(field).collect()),
            _ => Type::Set(record.members(now_ms).cloned().collect()),
        };
        Some(Redis { value, deadline_ms: record.deadline_ms(now_ms) })
    }

    /// What is left of it at a time.
    fn at(mut self, now_ms: u64) -> Option<Redis> {
        let lives = |at_ms: &Option<u64>| at_ms.is_none_or(|at_ms| at_ms > now_ms);
        if let Type::Hash(fields) = &mut self.value {
            fields.retain(|_, (_, at_ms)| lives(at_ms));
        }
        (lives(&self.deadline_ms) && !self.is_empty()).then_some(self)
    }

    fn is_empty(&self) -> bool {
        match &self.value {
            Type::Text(_) => false,
            Type::Hash(fields) => fields.is_empty(),
            Type::Set(members) => members.is_empty(),
        }
    }
}

fn plus_three(value: &Value) -> Value {
    let text = String::from_utf8(value.to_bytes().to_vec()).expect("digits");
    Value::Integer(text.parse::<i64>().expect("a number") + 3)
}

fn name(rng: &mut Random) -> Bytes {
    Bytes::from_static([&b"a"[..], b"b", b"c"][rng.below(3)])
}

fn deadline(rng: &mut Random, now_ms: u64) -> Option<u64> {
    rng.chance(70).then(|| now_ms + 1 + rng.below(25) as u64)
}

fn cells(kind: Kind, put: Option<(Path, Bytes)>, remove: Option<Path>) -> Change {
    Change::Cells { kind, put: put.into_iter().collect(), remove: remove.into_iter().collect() }
}

/// Any change of the key, done to Redis's too.
fn change(rng: &mut Random, key: &mut Option<Redis>, now_ms: u64) -> Change {
    match rng.below(10) {
        0 => {
            let (value, deadline_ms) = (value(rng), deadline(rng, now_ms));
            *key = Some(Redis { value: Type::Text(Value::Bytes(value.clone())), deadline_ms });
            Change::Replace { value, deadline_ms }
        }
        1 => {
            *key = None;
            Change::Clear
        }
        2 => Change::Expire,
        3..=5 => {
            let at_ms = deadline(rng, now_ms);
            if let Some(key) = key {
                key.deadline_ms = at_ms;
            }
            Change::Deadline(at_ms)
        }
        _ => match key.take() {
            Some(Redis { value, deadline_ms }) => {
                let (value, change) = change_of(rng, value, now_ms);
                *key = Some(Redis { value, deadline_ms }).filter(|key| !key.is_empty());
                change
            }
            None => {
                let (value, change) = first(rng);
                *key = Some(Redis { value, deadline_ms: None });
                change
            }
        },
    }
}

fn change_of(rng: &mut Random, value: Type, now_ms: u64) -> (Type, Change) {
    let field = name(rng);
    match value {
        Type::Text(number) if rng.chance(50) => {
            (Type::Text(plus_three(&number)), Change::Increment { path: Path::Text, by: 3 })
        }
        Type::Text(_) => {
            let value = super::world::value(rng);
            (Type::Text(Value::Bytes(value.clone())), Change::Keep { value })
        }
        Type::Hash(mut fields) => {
            let path = Path::Field(field.clone());
            let change = match rng.below(4) {
                0 => {
                    let at = fields.entry(field).or_insert((Value::Integer(0), None));
                    at.0 = plus_three(&at.0);
                    Change::Increment { path, by: 3 }
                }
                1 => {
                    let deadline_ms = deadline(rng, now_ms);
                    fields.entry(field).and_modify(|field| field.1 = deadline_ms);
                    Change::FieldDeadline { paths: vec![path], deadline_ms }
                }
                2 => {
                    fields.remove(&field);
                    cells(Kind::Hash, None, Some(path))
                }
                _ => {
                    let value = super::world::value(rng);
                    fields.insert(field, (Value::Bytes(value.clone()), None));
                    cells(Kind::Hash, Some((path, value)), None)
                }
            };
            (Type::Hash(fields), change)
        }
        Type::Set(mut members) => {
            members.remove(&field);
            let put = rng.chance(50).then(|| name(rng)).filter(|other| *other != field);
            members.extend(put.clone());
            let put = put.map(|member| (Path::Member(member), Bytes::new()));
            (Type::Set(members), cells(Kind::Set, put, Some(Path::Member(field))))
        }
    }
}

fn first(rng: &mut Random) -> (Type, Change) {
    let name = name(rng);
    match rng.below(3) {
        0 => (Type::Text(Value::Integer(3)), Change::Increment { path: Path::Text, by: 3 }),
        1 => {
            let fields = BTreeMap::from([(name.clone(), (Value::Integer(3), None))]);
            (Type::Hash(fields), Change::Increment { path: Path::Field(name), by: 3 })
        }
        _ => {
            let put = Some((Path::Member(name.clone()), Bytes::new()));
            (Type::Set(BTreeSet::from([name])), cells(Kind::Set, put, None))
        }
    }
}

#[test]
fn one_history_of_many_actors_is_what_redis_does() {
    for_all(CASES, |rng| {
        let mut world = World::new(rng, strings, false);
        let mut redis: Option<Redis> = None;
        let mut last_ms = 0;
        for _ in 0..rng.size {
            world.now_ms += rng.below(5) as u64;
            let at = rng.below(world.nodes.len());
            for other in 0..world.nodes.len() {
                let copy = world.nodes[other].copy.clone();
                world.join(at, &copy);
            }
            // The view that the next mint has; never behind what somebody has judged by before.
            let node = &world.nodes[at];
            let seen = node.clock.max(node.copy.record.context.highest());
            let now_ms = seen.tick(world.now_ms + node.skew_ms).wall_ms();
            if now_ms < last_ms {
                continue;
            }
            last_ms = now_ms;
            redis = redis.and_then(|key| key.at(now_ms));
            assert_eq!(Redis::of(&world.nodes[at].copy.record, now_ms), redis);
            let change = change(rng, &mut redis, now_ms);
            world.write_this(at, change);
        }
    });
}
