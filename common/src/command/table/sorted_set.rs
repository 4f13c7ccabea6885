//! Commands about sorted sets. What a row holds is said in [`super::Row`].

use super::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::key::{ACCESS, DELETE, RO, RW, UPDATE};
use super::{Command, Group, KeySpec, Place, Row};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::SortedSet, Place::Keyspace)
}

pub(super) const ROWS: &[Row] = &[
    keyspace(Command::ZAdd, "zadd", -4)
        .about(
            "1.2.0",
            "O(log(N)) for each item added, where N is the number of elements in the \
sorted set.",
            "Adds one or more members to a sorted set, or updates their scores. Creates \
the key if it doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("3.0.2")
                .optional(),
            Arg::one_of("comparison", &[Arg::word("gt", "GT"), Arg::word("lt", "LT")])
                .since("6.2.0")
                .optional(),
            Arg::word("change", "CH").since("3.0.2").optional(),
            Arg::word("increment", "INCR").since("3.0.2").optional(),
            Arg::block("data", &[Arg::double("score"), Arg::string("member")]).multiple(),
        ]),
    keyspace(Command::ZRem, "zrem", -3)
        .about(
            "1.2.0",
            "O(M*log(N)) with N being the number of elements in the sorted set and M the \
number of elements to be removed.",
            "Removes one or more members from a sorted set. Deletes the sorted set if \
all members were removed.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | DELETE)])
        .history(&[("2.4.0", "Accepts multiple elements.")])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()]),
    keyspace(Command::ZRange, "zrange", -4)
        .about(
            "1.2.0",
            "O(log(N)+M) with N being the number of elements in the sorted set and M the \
number of elements returned.",
            "Returns members in a sorted set within a range of indexes.",
        )
        .flags(READONLY)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
        .args(&[
            Arg::key("key", 0),
            Arg::string("start"),
            Arg::string("stop"),
            Arg::one_of("sortby", &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")])
                .since("6.2.0")
                .optional(),
            Arg::word("rev", "REV").since("6.2.0").optional(),
            Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
                .token("LIMIT")
                .since("6.2.0")
                .optional(),
            Arg::word("withscores", "WITHSCORES").optional(),
        ]),
    keyspace(Command::ZScore, "zscore", 3)
        .about("1.2.0", "O(1)", "Returns the score of a member in a sorted set.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .args(&[Arg::key("key", 0), Arg::string("member")]),
    keyspace(Command::ZCard, "zcard", 2)
        .about("1.2.0", "O(1)", "Returns the number of members in a sorted set.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0)]),
];
