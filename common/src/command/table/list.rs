//! Commands about lists. What a row holds is said in [`super::Row`].

use super::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::key::{ACCESS, DELETE, INSERT, RO, RW};
use super::{Command, Group, KeySpec, Place, Row};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::List, Place::Keyspace)
}

pub(super) const ROWS: &[Row] = &[
    keyspace(Command::LPush, "lpush", -3)
        .about(
            "1.0.0",
            "O(1) for each element added, so O(N) to add N elements when the command is \
called with multiple arguments.",
            "Prepends one or more elements to a list. Creates the key if it doesn't \
exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | INSERT)])
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .args(&[Arg::key("key", 0), Arg::string("element").multiple()]),
    keyspace(Command::RPush, "rpush", -3)
        .about(
            "1.0.0",
            "O(1) for each element added, so O(N) to add N elements when the command is \
called with multiple arguments.",
            "Appends one or more elements to a list. Creates the key if it doesn't \
exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | INSERT)])
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .args(&[Arg::key("key", 0), Arg::string("element").multiple()]),
    keyspace(Command::LPop, "lpop", -2)
        .about(
            "1.0.0",
            "O(N) where N is the number of elements returned",
            "Returns the first elements in a list after removing it. Deletes the list \
if the last element was popped.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | DELETE)])
        .history(&[("6.2.0", "Added the `count` argument.")])
        .args(&[Arg::key("key", 0), Arg::integer("count").since("6.2.0").optional()]),
    keyspace(Command::RPop, "rpop", -2)
        .about(
            "1.0.0",
            "O(N) where N is the number of elements returned",
            "Returns and removes the last elements of a list. Deletes the list if the \
last element was popped.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | DELETE)])
        .history(&[("6.2.0", "Added the `count` argument.")])
        .args(&[Arg::key("key", 0), Arg::integer("count").since("6.2.0").optional()]),
    keyspace(Command::LLen, "llen", 2)
        .about("1.0.0", "O(1)", "Returns the length of a list.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::LRange, "lrange", 4)
        .about(
            "1.0.0",
            "O(S+N) where S is the distance of start offset from HEAD for small lists, \
from nearest end (HEAD or TAIL) for large lists; and N is the number of \
elements in the specified range.",
            "Returns a range of elements from a list.",
        )
        .flags(READONLY)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .args(&[Arg::key("key", 0), Arg::integer("start"), Arg::integer("stop")]),
];
