//! Commands about keys of any type: existence, names, deadlines. What a row holds is said in [`super::Row`].

use super::flag::{FAST, READONLY, WRITE};
use super::key::{ACCESS, DELETE, OW, RM, RO, RW, UPDATE};
use super::{Command, Group, KeySpec, Place, Row, category};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Generic, Place::Keyspace)
}

pub(super) const ROWS: &[Row] = &[
    keyspace(Command::Del, "del", -2)
        .about(
            "1.0.0",
            "O(N) where N is the number of keys that will be removed. When a key to \
remove holds a value other than a string, the individual complexity for this \
key is O(M) where M is the number of elements in the list, set, sorted set \
or hash. Removing a single key that holds a string value is O(1).",
            "Deletes one or more keys.",
        )
        .flags(WRITE)
        .keys_at(&[KeySpec::range(1, -1, 1, RM | DELETE)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    keyspace(Command::Unlink, "unlink", -2)
        .about(
            "4.0.0",
            "O(1) for each key removed regardless of its size. Then the command does O(N) \
work in a different thread in order to reclaim memory, where N is the number \
of allocations the deleted objects where composed of.",
            "Asynchronously deletes one or more keys.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::range(1, -1, 1, RM | DELETE)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    keyspace(Command::Exists, "exists", -2)
        .about(
            "1.0.0",
            "O(N) where N is the number of keys to check.",
            "Determines whether one or more keys exist.",
        )
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::range(1, -1, 1, RO)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .args(&[Arg::key("key", 0).multiple()]),
    keyspace(Command::Touch, "touch", -2)
        .about(
            "3.2.1",
            "O(N) where N is the number of keys that will be touched.",
            "Returns the number of existing keys out of those specified after updating \
the time they were last accessed.",
        )
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::range(1, -1, 1, RO)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    keyspace(Command::Type, "type", 2)
        .about("1.0.0", "O(1)", "Determines the type of value stored at a key.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::Keys, "keys", 2)
        .about(
            "1.0.0",
            "O(N) with N being the number of keys in the database, under the assumption \
that the key names in the database and the given pattern have limited \
length.",
            "Returns all key names that match a pattern.",
        )
        .flags(READONLY)
        .acl(category::DANGEROUS)
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .args(&[Arg::pattern("pattern")]),
    keyspace(Command::Scan, "scan", -2)
        .about(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command \
calls for the cursor to return back to 0. N is the number of elements inside \
the collection.",
            "Iterates over the key names in the database.",
        )
        .flags(READONLY)
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .args(&[
            Arg::integer("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::integer("count").token("COUNT").optional(),
            Arg::string("type").token("TYPE").since("6.0.0").optional(),
        ]),
    keyspace(Command::RandomKey, "randomkey", 1)
        .about("1.0.0", "O(1)", "Returns a random key name from the database.")
        .flags(READONLY)
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    keyspace(Command::Rename, "rename", 3)
        .about("1.0.0", "O(1)", "Renames a key and overwrites the destination.")
        .flags(WRITE)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | DELETE), KeySpec::one(2, OW | UPDATE)])
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)]),
    keyspace(Command::Expire, "expire", -3)
        .about("1.0.0", "O(1)", "Sets the expiration time of a key in seconds.")
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::integer("seconds"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ]),
    keyspace(Command::PExpire, "pexpire", -3)
        .about("2.6.0", "O(1)", "Sets the expiration time of a key in milliseconds.")
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::integer("milliseconds"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ]),
    keyspace(Command::ExpireAt, "expireat", -3)
        .about("1.2.0", "O(1)", "Sets the expiration time of a key to a Unix timestamp.")
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::unix_time("unix-time-seconds"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ]),
    keyspace(Command::PExpireAt, "pexpireat", -3)
        .about(
            "2.6.0",
            "O(1)",
            "Sets the expiration time of a key to a Unix milliseconds timestamp.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::unix_time("unix-time-milliseconds"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ]),
    keyspace(Command::ExpireTime, "expiretime", 2)
        .about("7.0.0", "O(1)", "Returns the expiration time of a key as a Unix timestamp.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::PExpireTime, "pexpiretime", 2)
        .about(
            "7.0.0",
            "O(1)",
            "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        )
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::Ttl, "ttl", 2)
        .about("1.0.0", "O(1)", "Returns the expiration time in seconds of a key.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"])
        .history(&[("2.8.0", "Added the -2 reply.")])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::PTtl, "pttl", 2)
        .about("2.6.0", "O(1)", "Returns the expiration time in milliseconds of a key.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"])
        .history(&[("2.8.0", "Added the -2 reply.")])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::Persist, "persist", 2)
        .about("2.2.0", "O(1)", "Removes the expiration time of a key.")
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | UPDATE)])
        .args(&[Arg::key("key", 0)]),
];
