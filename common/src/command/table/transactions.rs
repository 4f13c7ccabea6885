//! Commands of transactions: queueing and watching. What a row holds is said in [`super::Row`].

use super::flag::{ALLOW_BUSY, FAST, LOADING, NOSCRIPT, SKIP_SLOWLOG, STALE};
use super::key::RO;
use super::{Command, Group, KeySpec, Place, Row};
use crate::command::docs::Arg;

const fn session(run: Command, name: &'static str, arity: i8) -> Row {
    Row::new(run, name, arity, Group::Transactions, Place::Session)
}

pub(super) const ROWS: &[Row] = &[
    session(Command::Multi, "multi", 1)
        .about("1.2.0", "O(1)", "Starts a transaction.")
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY),
    session(Command::Exec, "exec", 1)
        .about(
            "1.2.0",
            "Depends on commands in the transaction",
            "Executes all commands in a transaction.",
        )
        .flags(NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG),
    session(Command::Discard, "discard", 1)
        .about("2.0.0", "O(N), when N is the number of queued commands", "Discards a transaction.")
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY),
    session(Command::Watch, "watch", -2)
        .about(
            "2.2.0",
            "O(1) for every key.",
            "Monitors changes to keys to determine the execution of a transaction.",
        )
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY)
        .keys_at(&[KeySpec::range(1, -1, 1, RO)])
        .args(&[Arg::key("key", 0).multiple()]),
    session(Command::Unwatch, "unwatch", 1)
        .about("2.2.0", "O(1)", "Forgets about watched keys of a transaction.")
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY),
];
