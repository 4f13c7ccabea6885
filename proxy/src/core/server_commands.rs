//! Commands about the connection and the server: which function runs which.

use super::client_commands::help;
use super::session::{Cx, Session};
use crate::info;
use crate::stop::Cause;
use kinring_common::command::introspect;
use kinring_common::command::{Command, CommandError, Row, glob};
use kinring_common::keyspace::Locks;
use kinring_common::resp::{Protocol, ReplyBuf};

const CONFIG_HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "HELP",
    "    Print this help.",
];

impl Session {
    /// Runs a command of the session whose arity was checked. `locks` are those that EXEC holds: who
    /// needs a partition uses these, because taking them again would never end.
    pub(super) fn control(
        &mut self,
        row: &Row,
        words: &[&[u8]],
        cx: &Cx<'_>,
        locks: Option<&mut Locks<'_>>,
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        match row.run {
            Command::Hello => self.hello(cx, words, out)?,
            Command::Auth => self.auth(cx, words, out)?,
            Command::Ping => ping(words, out)?,
            Command::Echo => out.bulk(words[1]),
            Command::Select => self.select(cx, words, out)?,
            Command::Quit => {
                self.closing = true;
                out.ok();
            }
            Command::Reset => self.reset(cx, out),
            Command::Multi => self.begin(out)?,
            Command::Exec => self.exec(cx, out)?,
            Command::Discard => self.discard(cx, out)?,
            Command::Watch => self.watch(cx, words, out)?,
            Command::Unwatch => {
                self.unwatch(cx);
                out.ok();
            }
            Command::Time => {
                let us = cx.moment.wall_us;
                out.array(2);
                out.bulk_display(us / 1_000_000);
                out.bulk_display(us % 1_000_000);
            }
            Command::Info => {
                let text = info::text(cx, locks, &words[1..]);
                out.verbatim("txt", text.as_bytes());
            }
            Command::Shutdown => self.shutdown(cx, words, out)?,
            Command::ConfigGet => config_get(cx, &words[2..], out),
            Command::ConfigSet => {
                config_set(cx, &words[2..])?;
                out.ok();
            }
            Command::ConfigResetStat => {
                let inside_exec = [Command::ConfigResetStat, Command::Exec];
                let running = if locks.is_some() { &inside_exec[..] } else { &inside_exec[..1] };
                cx.node.stats.reset(cx.node.shard.expired(), running);
                out.ok();
            }
            Command::ConfigHelp => help(CONFIG_HELP, out),
            command if row.name.starts_with("client|") => {
                self.client_command(command, words, cx, out)?;
            }
            command if row.name.starts_with("command") => {
                introspect::execute(command, words, out)?;
            }
            other => unreachable!("{other:?} is not of the session"),
        }
        Ok(())
    }

    /// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]`
    fn shutdown(
        &mut self,
        cx: &Cx<'_>,
        words: &[&[u8]],
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let (mut save, mut now, mut force, mut abort) = (None, false, false, false);
        for word in &words[1..] {
            match word.to_ascii_uppercase().as_slice() {
                b"SAVE" if save != Some(false) => save = Some(true),
                b"NOSAVE" if save != Some(true) => save = Some(false),
                b"NOW" => now = true,
                b"FORCE" => force = true,
                b"ABORT" if words.len() == 2 => abort = true,
                _ => return Err(CommandError::Syntax),
            }
        }
        if abort {
            if !cx.node.stop.abort() {
                return Err(CommandError::Other("ERR No shutdown in progress.".into()));
            }
            out.ok();
            return Ok(());
        }
        // FORCE: what keeps the server from saving does not keep it from ending.
        if save == Some(true) && !force {
            return Err(CommandError::Other(
                "ERR nothing is kept on disk in this mode, use SHUTDOWN NOSAVE".into(),
            ));
        }
        if now {
            cx.node.stop.request_at_once(Cause::Command);
        } else {
            cx.node.stop.request(Cause::Command);
        }
        self.closing = true;
        Ok(())
    }
}

/// `PING [message]`
fn ping(words: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    match words {
        [_] => out.simple("PONG"),
        [_, message] => out.bulk(message),
        _ => return Err(CommandError::Arity { command: "ping" }),
    }
    Ok(())
}

/// A reply of COMMAND as a frame.
/// `CONFIG GET pattern …`
fn config_get(cx: &Cx<'_>, patterns: &[&[u8]], out: &mut ReplyBuf) {
    let case = |pattern: &[u8], text: &[u8], ignore: bool| {
        let case = if ignore { glob::Case::Ignored } else { glob::Case::Sensitive };
        glob::matches(pattern, text, case)
    };
    let found = cx.node.settings.get(patterns, case);
    out.map(found.len());
    for (name, value) in found {
        // A name that was asked for comes back as it was spelled.
        let asked = patterns.iter().find(|word| word.eq_ignore_ascii_case(name.as_bytes()));
        out.bulk(asked.map_or(name.as_bytes(), |word| word));
        out.bulk(value.as_bytes());
    }
}

/// `CONFIG SET name value …`
fn config_set(cx: &Cx<'_>, words: &[&[u8]]) -> Result<(), CommandError> {
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    cx.node.settings.set(&pairs).map_err(|line| CommandError::Other(line.into()))
}

/// The number of a protocol, as HELLO and CLIENT LIST write it.
pub fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    }
}
