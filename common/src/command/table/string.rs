//! Commands about strings. What a row holds is said in [`super::Row`].

use super::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::key::{ACCESS, DELETE, INSERT, OW, RO, RW, UPDATE, VARIABLE_FLAGS};
use super::{Command, Group, KeySpec, Place, Row};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::String, Place::Keyspace)
}

pub(super) const ROWS: &[Row] = &[
    keyspace(Command::Set, "set", -3)
        .about(
            "1.0.0",
            "O(1)",
            "Sets the string value of a key, ignoring its type. The key is created if it \
doesn't exist.",
        )
        .flags(WRITE | DENYOOM)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE | VARIABLE_FLAGS)
            .note("RW and ACCESS due to the optional `GET` argument")])
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::string("value"),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("2.6.12")
                .optional(),
            Arg::word("get", "GET").since("6.2.0").optional(),
            Arg::one_of(
                "expiration",
                &[
                    Arg::integer("seconds").token("EX").since("2.6.12"),
                    Arg::integer("milliseconds").token("PX").since("2.6.12"),
                    Arg::unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                    Arg::unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ]),
    keyspace(Command::Get, "get", 2)
        .about("1.0.0", "O(1)", "Returns the string value of a key.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO | ACCESS)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::GetDel, "getdel", 2)
        .about("6.2.0", "O(1)", "Returns the string value of a key after deleting the key.")
        .flags(WRITE | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | DELETE)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::GetEx, "getex", -2)
        .about(
            "6.2.0",
            "O(1)",
            "Returns the string value of a key after setting its expiration time.",
        )
        .flags(WRITE | FAST)
        .keys_at(&[
            KeySpec::one(1, RW | ACCESS | UPDATE).note("RW and UPDATE because it changes the TTL")
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "expiration",
                &[
                    Arg::integer("seconds").token("EX"),
                    Arg::integer("milliseconds").token("PX"),
                    Arg::unix_time("unix-time-seconds").token("EXAT"),
                    Arg::unix_time("unix-time-milliseconds").token("PXAT"),
                    Arg::word("persist", "PERSIST"),
                ],
            )
            .optional(),
        ]),
    keyspace(Command::GetSet, "getset", 3)
        .about(
            "1.0.0",
            "O(1)",
            "Returns the previous string value of a key after setting it to a new value.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE)])
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    keyspace(Command::SetNx, "setnx", 3)
        .about("1.0.0", "O(1)", "Set the string value of a key only when the key doesn't exist.")
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, OW | INSERT)])
        .deprecated("2.6.12", "`SET` with the `NX` argument")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    keyspace(Command::SetEx, "setex", 4)
        .about(
            "2.0.0",
            "O(1)",
            "Sets the string value and expiration time of a key. Creates the key if it \
doesn't exist.",
        )
        .flags(WRITE | DENYOOM)
        .keys_at(&[KeySpec::one(1, OW | UPDATE)])
        .deprecated("2.6.12", "`SET` with the `EX` argument")
        .args(&[Arg::key("key", 0), Arg::integer("seconds"), Arg::string("value")]),
    keyspace(Command::PSetEx, "psetex", 4)
        .about(
            "2.6.0",
            "O(1)",
            "Sets both string value and expiration time in milliseconds of a key. The key \
is created if it doesn't exist.",
        )
        .flags(WRITE | DENYOOM)
        .keys_at(&[KeySpec::one(1, OW | UPDATE)])
        .deprecated("2.6.12", "`SET` with the `PX` argument")
        .args(&[Arg::key("key", 0), Arg::integer("milliseconds"), Arg::string("value")]),
    keyspace(Command::MGet, "mget", -2)
        .about(
            "1.0.0",
            "O(N) where N is the number of keys to retrieve.",
            "Atomically returns the string values of one or more keys.",
        )
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::range(1, -1, 1, RO | ACCESS)])
        .tips(&["request_policy:multi_shard"])
        .args(&[Arg::key("key", 0).multiple()]),
    keyspace(Command::MSet, "mset", -3)
        .about(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically creates or modifies the string values of one or more keys.",
        )
        .flags(WRITE | DENYOOM)
        .keys_at(&[KeySpec::range(1, -1, 2, OW | UPDATE)])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .args(&[Arg::block("data", &[Arg::key("key", 0), Arg::string("value")]).multiple()]),
    keyspace(Command::MSetNx, "msetnx", -3)
        .about(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically modifies the string values of one or more keys only when all keys \
don't exist.",
        )
        .flags(WRITE | DENYOOM)
        .keys_at(&[KeySpec::range(1, -1, 2, OW | INSERT)])
        .args(&[Arg::block("data", &[Arg::key("key", 0), Arg::string("value")]).multiple()]),
    keyspace(Command::Append, "append", 3)
        .about(
            "2.0.0",
            "O(1). The amortized time complexity is O(1) assuming the appended value is \
small and the already present value is of any size, since the dynamic string \
library used by Redis will double the free space available on every \
reallocation.",
            "Appends a string to the value of a key. Creates the key if it doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | INSERT)])
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    keyspace(Command::StrLen, "strlen", 2)
        .about("2.2.0", "O(1)", "Returns the length of a string value.")
        .flags(READONLY | FAST)
        .keys_at(&[KeySpec::one(1, RO)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::Incr, "incr", 2)
        .about(
            "1.0.0",
            "O(1)",
            "Increments the integer value of a key by one. Uses 0 as initial value if the \
key doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::Decr, "decr", 2)
        .about(
            "1.0.0",
            "O(1)",
            "Decrements the integer value of a key by one. Uses 0 as initial value if the \
key doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE)])
        .args(&[Arg::key("key", 0)]),
    keyspace(Command::IncrBy, "incrby", 3)
        .about(
            "1.0.0",
            "O(1)",
            "Increments the integer value of a key by a number. Uses 0 as initial value \
if the key doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE)])
        .args(&[Arg::key("key", 0), Arg::integer("increment")]),
    keyspace(Command::DecrBy, "decrby", 3)
        .about(
            "1.0.0",
            "O(1)",
            "Decrements a number from the integer value of a key. Uses 0 as initial value \
if the key doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE)])
        .args(&[Arg::key("key", 0), Arg::integer("decrement")]),
    keyspace(Command::IncrByFloat, "incrbyfloat", 3)
        .about(
            "2.6.0",
            "O(1)",
            "Increment the floating point value of a key by a number. Uses 0 as initial \
value if the key doesn't exist.",
        )
        .flags(WRITE | DENYOOM | FAST)
        .keys_at(&[KeySpec::one(1, RW | ACCESS | UPDATE)])
        .args(&[Arg::key("key", 0), Arg::double("increment")]),
];
