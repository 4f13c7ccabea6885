//! Commands about the connection itself. What a row holds is said in [`super::Row`].

use super::flag::{ADMIN, ALLOW_BUSY, FAST, LOADING, NO_AUTH, NOSCRIPT, STALE};
use super::{Command, Group, Place, Row};
use crate::command::docs::Arg;

const fn session(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Connection, Place::Session)
}

pub(super) const ROWS: &[Row] = &[
    session(Command::Hello, "hello", -1)
        .about("6.0.0", "O(1)", "Handshakes with the Redis server.")
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY)
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command reports \
the current connection's context.",
        )])
        .args(&[Arg::block(
            "arguments",
            &[
                Arg::integer("protover"),
                Arg::block("auth", &[Arg::string("username"), Arg::string("password")])
                    .token("AUTH")
                    .optional(),
                Arg::string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()]),
    session(Command::Auth, "auth", -2)
        .about(
            "1.0.0",
            "O(N) where N is the number of passwords defined for the user",
            "Authenticates the connection.",
        )
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY)
        .history(&[("6.0.0", "Added ACL style (username and password).")])
        .args(&[Arg::string("username").since("6.0.0").optional(), Arg::string("password")]),
    session(Command::Ping, "ping", -1)
        .about("1.0.0", "O(1)", "Returns the server's liveliness response.")
        .flags(FAST)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::string("message").optional()]),
    session(Command::Echo, "echo", 2)
        .about("1.0.0", "O(1)", "Returns the given string.")
        .flags(LOADING | STALE | FAST)
        .args(&[Arg::string("message")]),
    session(Command::Select, "select", 2)
        .about("1.0.0", "O(1)", "Changes the selected database.")
        .flags(LOADING | STALE | FAST)
        .args(&[Arg::integer("index")]),
    session(Command::Quit, "quit", -1)
        .about("1.0.0", "O(1)", "Closes the connection.")
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY)
        .deprecated("7.2.0", "just closing the connection"),
    session(Command::Reset, "reset", 1)
        .about("6.2.0", "O(1)", "Resets the connection.")
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY),
    session(Command::Client, "client", -2)
        .about("2.4.0", "Depends on subcommand.", "A container for client connection commands.")
        .container(),
    session(Command::ClientId, "client|id", 2)
        .about("5.0.0", "O(1)", "Returns the unique client ID of the connection.")
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE),
    session(Command::ClientInfo, "client|info", 2)
        .about("6.2.0", "O(1)", "Returns information about the connection.")
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE)
        .tips(&["nondeterministic_output"]),
    session(Command::ClientList, "client|list", -2)
        .about(
            "2.4.0",
            "O(N) where N is the number of client connections",
            "Lists open connections.",
        )
        .under(Command::Client)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .tips(&["nondeterministic_output"])
        .history(&[
            ("2.8.12", "Added unique client `id` field."),
            ("5.0.0", "Added optional `TYPE` filter."),
            ("6.0.0", "Added `user` field."),
            (
                "6.2.0",
                "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional \
`ID` filter.",
            ),
            ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
            ("7.0.3", "Added `ssub` field."),
        ])
        .args(&[
            Arg::one_of(
                "client-type",
                &[
                    Arg::word("normal", "NORMAL"),
                    Arg::word("master", "MASTER"),
                    Arg::word("replica", "REPLICA"),
                    Arg::word("pubsub", "PUBSUB"),
                ],
            )
            .token("TYPE")
            .since("5.0.0")
            .optional(),
            Arg::integer("client-id").token("ID").since("6.2.0").optional().multiple(),
        ]),
    session(Command::ClientGetName, "client|getname", 2)
        .about("2.6.9", "O(1)", "Returns the name of the connection.")
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE),
    session(Command::ClientSetName, "client|setname", 3)
        .about("2.6.9", "O(1)", "Sets the connection name.")
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::string("connection-name")]),
    session(Command::ClientSetInfo, "client|setinfo", 4)
        .about("7.2.0", "O(1)", "Sets information specific to the client or connection.")
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::one_of(
            "attr",
            &[Arg::string("libname").token("LIB-NAME"), Arg::string("libver").token("LIB-VER")],
        )]),
    session(Command::ClientKill, "client|kill", -3)
        .about(
            "2.4.0",
            "O(N) where N is the number of client connections",
            "Terminates open connections.",
        )
        .under(Command::Client)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .history(&[
            ("2.8.12", "Added new filter format."),
            ("2.8.12", "`ID` option."),
            ("3.2.0", "Added `master` type in for `TYPE` option."),
            (
                "5.0.0",
                "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
compatibility.",
            ),
            ("6.2.0", "`LADDR` option."),
        ])
        .args(&[Arg::one_of(
            "filter",
            &[
                Arg::string("old-format").display("ip:port").deprecated("2.8.12"),
                Arg::one_of(
                    "new-format",
                    &[
                        Arg::integer("client-id").token("ID").since("2.8.12").optional(),
                        Arg::one_of(
                            "client-type",
                            &[
                                Arg::word("normal", "NORMAL"),
                                Arg::word("master", "MASTER").since("3.2.0"),
                                Arg::word("slave", "SLAVE"),
                                Arg::word("replica", "REPLICA").since("5.0.0"),
                                Arg::word("pubsub", "PUBSUB"),
                            ],
                        )
                        .token("TYPE")
                        .since("2.8.12")
                        .optional(),
                        Arg::string("username").token("USER").optional(),
                        Arg::string("addr").token("ADDR").display("ip:port").optional(),
                        Arg::string("laddr")
                            .token("LADDR")
                            .display("ip:port")
                            .since("6.2.0")
                            .optional(),
                        Arg::one_of("skipme", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])
                            .token("SKIPME")
                            .optional(),
                    ],
                )
                .multiple(),
            ],
        )]),
    session(Command::ClientReply, "client|reply", 3)
        .about("3.2.0", "O(1)", "Instructs the server whether to reply to commands.")
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE)
        .args(&[Arg::one_of(
            "action",
            &[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")],
        )]),
    session(Command::ClientNoEvict, "client|no-evict", 3)
        .about("7.0.0", "O(1)", "Sets the client eviction mode of the connection.")
        .under(Command::Client)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .args(&[Arg::one_of("enabled", &[Arg::word("on", "ON"), Arg::word("off", "OFF")])]),
    session(Command::ClientNoTouch, "client|no-touch", 3)
        .about(
            "7.2.0",
            "O(1)",
            "Controls whether commands sent by the client affect the LRU/LFU of accessed \
keys.",
        )
        .under(Command::Client)
        .flags(NOSCRIPT | LOADING | STALE)
        .args(&[Arg::one_of("enabled", &[Arg::word("on", "ON"), Arg::word("off", "OFF")])]),
    session(Command::ClientHelp, "client|help", 2)
        .about("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .under(Command::Client)
        .flags(LOADING | STALE),
];
