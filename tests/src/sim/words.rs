//! Calls as words of commands, and replies back.

use crate::checker::{Call, Key, Reply, Text, Verb};
use bytes::Bytes;

/// How a key is named: those of one slot share a tag.
pub fn name(key: Key) -> Bytes {
    let tag = key.0 as usize / super::plan::KEYS_A_TAG;
    Bytes::from(format!("{{t{tag}}}k{}", key.0))
}

/// A key of a tag.
pub fn first_name(tag: usize) -> Bytes {
    name(Key((tag * super::plan::KEYS_A_TAG) as u32))
}

/// The words of a call's commands: one, or those of a transaction.
pub fn commands(call: &Call) -> Vec<Vec<Bytes>> {
    match call {
        Call::On(key, verb) => vec![of_verb(*key, verb)],
        Call::MSet(pairs) => {
            let pairs = pairs.iter().flat_map(|(key, text)| [name(*key), text.clone()]);
            vec![[Bytes::from("MSET")].into_iter().chain(pairs).collect()]
        }
        Call::MGet(keys) => {
            let names = keys.iter().map(|key| name(*key));
            vec![[Bytes::from("MGET")].into_iter().chain(names).collect()]
        }
        Call::Exec(calls) => calls.iter().flat_map(commands).collect(),
        Call::FlushDb => vec![vec![Bytes::from("FLUSHDB")]],
    }
}

/// The names of the commands of a call; of a transaction, EXEC beside them.
pub fn names(call: &Call) -> Vec<&'static str> {
    match call {
        Call::On(_, verb) => vec![name_of(verb)],
        Call::MSet(_) => vec!["MSET"],
        Call::MGet(_) => vec!["MGET"],
        Call::Exec(calls) => ["EXEC"].into_iter().chain(calls.iter().flat_map(names)).collect(),
        Call::FlushDb => vec!["FLUSHDB"],
    }
}

fn name_of(verb: &Verb) -> &'static str {
    match verb {
        Verb::Set(_) => "SET",
        Verb::Get => "GET",
        Verb::Del => "DEL",
        Verb::Exists => "EXISTS",
        Verb::Incr(_) => "INCRBY",
        Verb::Append(_) => "APPEND",
        Verb::SetNx(_) => "SETNX",
        Verb::Expire { .. } => "PEXPIRE",
        Verb::Persist => "PERSIST",
        Verb::HSet(..) => "HSET",
        Verb::HDel(_) => "HDEL",
        Verb::HGet(_) => "HGET",
        Verb::HGetAll => "HGETALL",
        Verb::SAdd(_) => "SADD",
        Verb::SRem(_) => "SREM",
        Verb::SMembers => "SMEMBERS",
        Verb::ZAdd(..) => "ZADD",
        Verb::ZRange => "ZRANGE",
        Verb::LPush(_) => "LPUSH",
        Verb::LPop => "LPOP",
        Verb::LRange => "LRANGE",
    }
}

fn of_verb(key: Key, verb: &Verb) -> Vec<Bytes> {
    let number = |n: i64| Bytes::from(n.to_string());
    let text = Bytes::clone;
    let rest: Vec<Bytes> = match verb {
        Verb::Get
        | Verb::Del
        | Verb::Exists
        | Verb::Persist
        | Verb::HGetAll
        | Verb::SMembers
        | Verb::LPop => vec![],
        Verb::Incr(by) => vec![number(*by)],
        Verb::Expire { ttl_us } => vec![number((ttl_us / 1_000) as i64)],
        Verb::Set(word)
        | Verb::Append(word)
        | Verb::SetNx(word)
        | Verb::HDel(word)
        | Verb::HGet(word)
        | Verb::SAdd(word)
        | Verb::SRem(word)
        | Verb::LPush(word) => vec![text(word)],
        Verb::HSet(field, value) => vec![text(field), text(value)],
        Verb::ZAdd(member, score) => vec![number(*score), text(member)],
        Verb::ZRange => vec![Bytes::from("0"), Bytes::from("-1"), Bytes::from("WITHSCORES")],
        Verb::LRange => vec![Bytes::from("0"), Bytes::from("-1")],
    };
    [Bytes::from(name_of(verb)), name(key)].into_iter().chain(rest).collect()
}

/// What the reply bytes of a call (RESP2) say.
///
/// # Panics
/// When they are no reply that the call can have.
pub fn reply(call: &Call, bytes: &[u8]) -> Reply {
    let mut at = 0;
    let reply = match call {
        Call::Exec(calls) => {
            Reply::Array(calls.iter().map(|call| one(call, bytes, &mut at)).collect())
        }
        call => one(call, bytes, &mut at),
    };
    assert!(at == bytes.len(), "{call:?}: too many replies: {:?}", Bytes::copy_from_slice(bytes));
    reply
}

fn one(call: &Call, bytes: &[u8], at: &mut usize) -> Reply {
    match (call, value(bytes, at)) {
        (Call::MGet(_), Value::Array(all)) => {
            let each = |value| match value {
                Value::Bulk(text) => Reply::Bulk(text),
                Value::Nil => Reply::Nil,
                other => panic!("MGET gives strings: {other:?}"),
            };
            Reply::Array(all.into_iter().map(each).collect())
        }
        (_, Value::Array(all)) => Reply::List(
            all.into_iter()
                .map(|value| match value {
                    Value::Bulk(text) => text,
                    other => panic!("lists hold strings: {other:?}"),
                })
                .collect(),
        ),
        (_, Value::Ok) => Reply::Ok,
        (_, Value::Nil) => Reply::Nil,
        (_, Value::Int(n)) => Reply::Int(n),
        (_, Value::Bulk(text)) => Reply::Bulk(text),
        (call, Value::Error(line)) => match &line {
            line if line.starts_with(b"WRONGTYPE") => Reply::WrongType,
            line if line.starts_with(b"ERR value is not an integer")
                || line.starts_with(b"ERR increment or decrement") =>
            {
                Reply::NotInteger
            }
            other => panic!("{call:?} was refused: {other:?}"),
        },
    }
}

/// A reply as it is written.
#[derive(Debug)]
pub(super) enum Value {
    Ok,
    Nil,
    Int(i64),
    Bulk(Text),
    Error(Bytes),
    Array(Vec<Value>),
}

/// The next reply (RESP2) of some bytes.
pub(super) fn value(bytes: &[u8], at: &mut usize) -> Value {
    let rest = &bytes[*at..];
    let len = rest.windows(2).position(|two| two == b"\r\n").expect("a line ends");
    let (marker, line) = (rest[0], &rest[1..len]);
    *at += len + 2;
    let number = || std::str::from_utf8(line).ok()?.parse::<i64>().ok();
    match marker {
        b'+' => Value::Ok,
        b'-' => Value::Error(Bytes::copy_from_slice(line)),
        b':' => Value::Int(number().expect("a number")),
        b'$' => match usize::try_from(number().expect("a length")) {
            Err(_) => Value::Nil,
            Ok(len) => {
                let text = Bytes::copy_from_slice(&bytes[*at..*at + len]);
                *at += len + 2;
                Value::Bulk(text)
            }
        },
        b'*' => match usize::try_from(number().expect("a length")) {
            Err(_) => Value::Nil,
            Ok(len) => Value::Array((0..len).map(|_| value(bytes, at)).collect()),
        },
        other => panic!("no reply begins with {other}"),
    }
}
