//! Commands about hashes. What a row holds is said in [`super::Row`].

use super::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::key::{ACCESS, DELETE, RO, RW, UPDATE};
use super::{Command, Group, KeySpec, Place, Row};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Hash, Place::Keyspace)
}

pub(super) const ROWS: &[Row] = &[
    keyspace(Command::HSet, "hset", -4)
        .about(
            "2.0.0",
            "O(1) for each field/value pair added, so O(N) to add N field/value pairs \
when the command is called with multiple field/value pairs.",
            "Creates or modifies the value of a field in a hash.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")])
        .args(&[
            Arg::key("key", 0),
            Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ]),
    keyspace(Command::HGet, "hget", 3)
        .about("2.0.0", "O(1)", "Returns the value of a field in a hash.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .args(&[Arg::key("key", 0), Arg::string("field")]),
    keyspace(Command::HGetAll, "hgetall", 2)
        .about(
            "2.0.0",
            "O(N) where N is the size of the hash.",
            "Returns all fields and values in a hash.",
        )
        .flags(READONLY)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::HDel, "hdel", -3)
        .about(
            "2.0.0",
            "O(N) where N is the number of fields to be removed.",
            "Deletes one or more fields and their values from a hash. Deletes the hash \
if no fields remain.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | DELETE)])
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")])
        .args(&[Arg::key("key", 0), Arg::string("field").multiple()]),
    keyspace(Command::HExists, "hexists", 3)
        .about("2.0.0", "O(1)", "Determines whether a field exists in a hash.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0), Arg::string("field")]),
    keyspace(Command::HLen, "hlen", 2)
        .about("2.0.0", "O(1)", "Returns the number of fields in a hash.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0)]),
];
