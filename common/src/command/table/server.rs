//! Commands about the server: its commands, settings, clock and whole databases. What a row holds is said in [`super::Row`].

use super::flag::{ADMIN, ALLOW_BUSY, FAST, LOADING, NO_MULTI, NOSCRIPT, READONLY, STALE, WRITE};
use super::{Command, Group, Place, Row, category};
use crate::command::docs::Arg;

const fn keyspace(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Server, Place::Keyspace)
}

const fn session(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Server, Place::Session)
}

pub(super) const ROWS: &[Row] = &[
    session(Command::Command, "command", -1)
        .about(
            "2.8.13",
            "O(N) where N is the total number of Redis commands",
            "Returns detailed information about all commands.",
        )
        .flags(LOADING | STALE)
        .acl(category::CONNECTION)
        .tips(&["nondeterministic_output_order"]),
    session(Command::CommandCount, "command|count", 2)
        .about("2.8.13", "O(1)", "Returns a count of commands.")
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION),
    session(Command::CommandList, "command|list", -2)
        .about(
            "7.0.0",
            "O(N) where N is the total number of Redis commands",
            "Returns a list of command names.",
        )
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION)
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::one_of(
            "filterby",
            &[
                Arg::string("module-name").token("MODULE"),
                Arg::string("category").token("ACLCAT"),
                Arg::pattern("pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()]),
    session(Command::CommandInfo, "command|info", -2)
        .about(
            "2.8.13",
            "O(N) where N is the number of commands to look up",
            "Returns information about one, multiple or all commands.",
        )
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION)
        .tips(&["nondeterministic_output_order"])
        .history(&[("7.0.0", "Allowed to be called with no argument to get info on all commands.")])
        .args(&[Arg::string("command-name").optional().multiple()]),
    session(Command::CommandDocs, "command|docs", -2)
        .about(
            "7.0.0",
            "O(N) where N is the number of commands to look up",
            "Returns documentary information about one, multiple or all commands.",
        )
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION)
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::string("command-name").optional().multiple()]),
    session(Command::CommandGetKeys, "command|getkeys", -3)
        .about(
            "2.8.13",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names from an arbitrary command.",
        )
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION)
        .args(&[Arg::string("command"), Arg::string("arg").optional().multiple()]),
    session(Command::CommandGetKeysAndFlags, "command|getkeysandflags", -3)
        .about(
            "7.0.0",
            "O(N) where N is the number of arguments to the command",
            "Extracts the key names and access flags for an arbitrary command.",
        )
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION)
        .args(&[Arg::string("command"), Arg::string("arg").optional().multiple()]),
    session(Command::CommandHelp, "command|help", 2)
        .about("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .under(Command::Command)
        .flags(LOADING | STALE)
        .acl(category::CONNECTION),
    session(Command::Info, "info", -1)
        .about("1.0.0", "O(1)", "Returns information and statistics about the server.")
        .flags(LOADING | STALE)
        .acl(category::DANGEROUS)
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
        .args(&[Arg::string("section").optional().multiple()]),
    session(Command::Config, "config", -2).about(
        "2.0.0",
        "Depends on subcommand.",
        "A container for server configuration commands.",
    ),
    session(Command::ConfigGet, "config|get", -3)
        .about(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Returns the effective values of configuration parameters.",
        )
        .under(Command::Config)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .history(&[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")])
        .args(&[Arg::string("parameter").multiple()]),
    session(Command::ConfigSet, "config|set", -4)
        .about(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Sets configuration parameters in-flight.",
        )
        .under(Command::Config)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .history(&[("7.0.0", "Added the ability to set multiple parameters in one call.")])
        .args(&[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).multiple()]),
    session(Command::ConfigResetStat, "config|resetstat", 2)
        .about("2.0.0", "O(1)", "Resets the server's statistics.")
        .under(Command::Config)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    session(Command::ConfigHelp, "config|help", 2)
        .about("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .under(Command::Config)
        .flags(LOADING | STALE),
    keyspace(Command::DbSize, "dbsize", 1)
        .about("1.0.0", "O(1)", "Returns the number of keys in the database.")
        .flags(READONLY | FAST)
        .acl(category::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    keyspace(Command::FlushDb, "flushdb", -1)
        .about(
            "1.0.0",
            "O(N) where N is the number of keys in the selected database",
            "Remove all keys from the current database.",
        )
        .flags(WRITE)
        .acl(category::DANGEROUS | category::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .args(&[Arg::one_of(
            "flush-type",
            &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
        )
        .optional()]),
    keyspace(Command::FlushAll, "flushall", -1)
        .about(
            "1.0.0",
            "O(N) where N is the total number of keys in all databases",
            "Removes all keys from all databases.",
        )
        .flags(WRITE)
        .acl(category::DANGEROUS | category::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .args(&[Arg::one_of(
            "flush-type",
            &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
        )
        .optional()]),
    session(Command::Time, "time", 1)
        .about("2.6.0", "O(1)", "Returns the server time.")
        .flags(LOADING | STALE | FAST)
        .tips(&["nondeterministic_output"]),
    session(Command::Shutdown, "shutdown", -1)
        .about(
            "1.0.0",
            "O(N) when saving, where N is the total number of keys in all databases when \
saving data, otherwise O(1)",
            "Synchronously saves the database(s) to disk and shuts down the Redis server.",
        )
        .flags(ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY)
        .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
        .args(&[
            Arg::one_of(
                "save-selector",
                &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")],
            )
            .optional(),
            Arg::word("now", "NOW").since("7.0.0").optional(),
            Arg::word("force", "FORCE").since("7.0.0").optional(),
            Arg::word("abort", "ABORT").since("7.0.0").optional(),
        ]),
];
