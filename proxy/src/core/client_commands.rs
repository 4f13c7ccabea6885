//! CLIENT and its subcommands.

use super::session::{Cx, Session};
use crate::clients::{Client, Named, before_nul};
use kinring_common::command::number::parse_i64;
use kinring_common::command::{Command, CommandError};
use kinring_common::resp::ReplyBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * ID <client-id>",
    "      Kill connections by client id.",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "    * ID <client-id> [<client-id> [...]]",
    "      Return clients of specified IDs only.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "HELP",
    "    Print this help.",
];

/// Writes the lines of a HELP.
pub fn help(lines: &[&str], out: &mut ReplyBuf) {
    out.array(lines.len());
    lines.iter().for_each(|line| out.simple(line));
}

/// A text that stands in CLIENT LIST: printable ASCII without blanks up to a NUL, then anything.
pub fn name_text(text: &[u8], what: &str) -> Result<Vec<u8>, CommandError> {
    if before_nul(text).iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(text.to_vec());
    }
    let line = format!("ERR {what} cannot contain spaces, newlines or special characters.");
    Err(CommandError::Other(line.into()))
}

/// Which connections CLIENT KILL ends.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    addr: Option<String>,
    local: Option<String>,
    normal: Option<bool>,
    user: Option<bool>,
    keep_self: bool,
}

impl Filter {
    fn matches(&self, client: &Client, me: u64) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.addr.as_ref().is_none_or(|addr| *addr == client.addr.to_string())
            && self.local.as_ref().is_none_or(|addr| *addr == client.local.to_string())
            && self.normal.unwrap_or(true)
            && self.user.unwrap_or(true)
            && !(self.keep_self && client.id == me)
    }
}

/// Whether a client type is the one that all connections here have.
fn is_normal(name: &[u8]) -> Result<bool, CommandError> {
    for (known, normal) in [
        ("normal", true),
        ("master", false),
        ("slave", false),
        ("replica", false),
        ("pubsub", false),
    ] {
        if name.eq_ignore_ascii_case(known.as_bytes()) {
            return Ok(normal);
        }
    }
    let name = String::from_utf8_lossy(name);
    Err(CommandError::Other(format!("ERR Unknown client type '{name}'").into()))
}

fn on_off(word: &[u8]) -> Result<bool, CommandError> {
    match word {
        word if word.eq_ignore_ascii_case(b"ON") => Ok(true),
        word if word.eq_ignore_ascii_case(b"OFF") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

impl Session {
    /// Runs a subcommand of CLIENT.
    pub(super) fn client_command(
        &mut self,
        command: Command,
        words: &[&[u8]],
        cx: &Cx<'_>,
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        match command {
            Command::ClientId => out.integer(self.client.id as i64),
            Command::ClientInfo => {
                let line = self.client.line(cx.moment.now.mono_us) + "\n";
                out.verbatim("txt", line.as_bytes());
            }
            Command::ClientList => return self.client_list(words, cx, out),
            Command::ClientGetName => match self.client.name() {
                name if name.is_empty() => out.null(),
                name => out.bulk(&name),
            },
            Command::ClientSetName => {
                self.client.set(Named::Name, name_text(words[2], "Client names")?);
                out.ok();
            }
            Command::ClientSetInfo => return self.client_set_info(words, out),
            Command::ClientKill => return self.client_kill(words, cx, out),
            Command::ClientReply => return self.client_reply(words, out),
            Command::ClientNoEvict => {
                self.client.no_evict.store(on_off(words[2])?, Relaxed);
                out.ok();
            }
            Command::ClientNoTouch => {
                let on = on_off(words[2])?;
                self.touch = !on;
                self.client.no_touch.store(on, Relaxed);
                out.ok();
            }
            Command::ClientHelp => help(HELP, out),
            other => unreachable!("{other:?} is no subcommand of CLIENT"),
        }
        Ok(())
    }

    fn client_list(
        &self,
        words: &[&[u8]],
        cx: &Cx<'_>,
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let mut clients = cx.node.clients.all();
        match words {
            [_, _] => {}
            [_, _, what, kind] if what.eq_ignore_ascii_case(b"TYPE") => {
                if !is_normal(kind)? {
                    clients.clear();
                }
            }
            [_, _, what, ids @ ..] if what.eq_ignore_ascii_case(b"ID") && !ids.is_empty() => {
                let wanted: Option<Vec<i64>> = ids.iter().map(|id| parse_i64(id)).collect();
                let wanted = wanted.ok_or(CommandError::Other("ERR Invalid client ID".into()))?;
                clients.retain(|client| wanted.contains(&(client.id as i64)));
            }
            _ => return Err(CommandError::Syntax),
        }
        let now_us = cx.moment.now.mono_us;
        let text: String = clients.iter().map(|client| client.line(now_us) + "\n").collect();
        out.verbatim("txt", text.as_bytes());
        Ok(())
    }

    fn client_set_info(&self, words: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
        let word = String::from_utf8_lossy(words[2]);
        let what = if word.eq_ignore_ascii_case("LIB-NAME") {
            Named::LibName
        } else if word.eq_ignore_ascii_case("LIB-VER") {
            Named::LibVer
        } else {
            return Err(CommandError::Other(format!("ERR Unrecognized option '{word}'").into()));
        };
        self.client.set(what, name_text(words[3], &word)?);
        out.ok();
        Ok(())
    }

    fn client_reply(&mut self, words: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
        if words[2].eq_ignore_ascii_case(b"ON") {
            (self.reply.off, self.reply.skip) = (false, false);
            out.ok();
        } else if words[2].eq_ignore_ascii_case(b"OFF") {
            self.reply.off = true;
        } else if words[2].eq_ignore_ascii_case(b"SKIP") {
            self.reply.skip_next |= !self.reply.off;
        } else {
            return Err(CommandError::Syntax);
        }
        Ok(())
    }

    fn client_kill(
        &mut self,
        words: &[&[u8]],
        cx: &Cx<'_>,
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let old_style = words.len() == 3;
        let filter = if old_style {
            let addr = String::from_utf8_lossy(words[2]).into_owned();
            Filter { addr: Some(addr), ..Filter::default() }
        } else {
            kill_filter(&words[2..])?
        };
        let all = cx.node.clients.all();
        let doomed: Vec<&Arc<Client>> =
            all.iter().filter(|client| filter.matches(client, self.client.id)).collect();
        for client in &doomed {
            if client.id == self.client.id {
                // Its own reply still goes out.
                self.closing = true;
            } else {
                client.kill();
            }
        }
        match (old_style, doomed.is_empty()) {
            (true, true) => return Err(CommandError::Other("ERR No such client".into())),
            (true, false) => out.ok(),
            (false, _) => out.integer(doomed.len() as i64),
        }
        Ok(())
    }
}

fn kill_filter(words: &[&[u8]]) -> Result<Filter, CommandError> {
    let mut filter = Filter { keep_self: true, ..Filter::default() };
    for pair in words.chunks(2) {
        let [what, value] = pair else { return Err(CommandError::Syntax) };
        let text = || String::from_utf8_lossy(value).into_owned();
        let number = |error: &'static str| {
            parse_i64(value)
                .filter(|n| *n > 0)
                .map(|n| n as u64)
                .ok_or(CommandError::Other(error.into()))
        };
        match what.to_ascii_uppercase().as_slice() {
            b"ID" => filter.id = Some(number("ERR client-id should be greater than 0")?),
            b"ADDR" => filter.addr = Some(text()),
            b"LADDR" => filter.local = Some(text()),
            b"TYPE" => filter.normal = Some(is_normal(value)?),
            b"USER" => {
                let user = text();
                if user != "default" {
                    return Err(CommandError::Other(format!("ERR No such user '{user}'").into()));
                }
                filter.user = Some(true);
            }
            b"SKIPME" => {
                filter.keep_self = match value.to_ascii_uppercase().as_slice() {
                    b"YES" => true,
                    b"NO" => false,
                    _ => return Err(CommandError::Syntax),
                }
            }
            _ => return Err(CommandError::Syntax),
        }
    }
    Ok(filter)
}
