//! Commands about sets. What a row holds is said in [`super::Row`].

use super::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::key::{ACCESS, DELETE, INSERT, RO, RW};
use super::{Command, Group, KeySpec, Place, Row};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Set, Place::Keyspace)
}

pub(super) const ROWS: &[Row] = &[
    keyspace(Command::SAdd, "sadd", -3)
        .about(
            "1.0.0",
            "O(1) for each element added, so O(N) to add N elements when the command is \
called with multiple arguments.",
            "Adds one or more members to a set. Creates the key if it doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | INSERT)])
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()]),
    keyspace(Command::SRem, "srem", -3)
        .about(
            "1.0.0",
            "O(N) where N is the number of members to be removed.",
            "Removes one or more members from a set. Deletes the set if the last member \
was removed.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | DELETE)])
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()]),
    keyspace(Command::SMembers, "smembers", 2)
        .about("1.0.0", "O(N) where N is the set cardinality.", "Returns all members of a set.")
        .flags(READONLY)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::SIsMember, "sismember", 3)
        .about("1.0.0", "O(1)", "Determines whether a member belongs to a set.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0), Arg::string("member")]),
    keyspace(Command::SCard, "scard", 2)
        .about("1.0.0", "O(1)", "Returns the number of members in a set.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0)]),
];
