//! `COMMAND` and its subcommands: the command table as replies, from which clients learn what they
//! may send, where the keys are, and how to complete a line.
//!
//! Pure: the table in, a [`Frame`] out. Shapes are Redis 7.2's to the letter.

use super::docs::Arg;
use super::error::CommandError;
use super::glob::{self, Case};
use super::table::{
    Begin, Command, Find, KeySpec, KeysError, Row, TABLE, category, find_full, find_in_request,
    flag, key,
};
use crate::resp::{Frame, ReplyBuf};
use bytes::Bytes;
use std::borrow::Cow;

/// Executes a command of `COMMAND`'s family, whose arity has been checked. Names may be many, so what
/// is told of each is written before the next is looked up.
///
/// # Errors
/// Those of Redis for a wrong filter of `LIST`, and for a request without keys after `GETKEYS`;
/// nothing is written then.
pub fn execute<A: AsRef<[u8]>>(
    command: Command,
    args: &[A],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let words = args.get(2..).unwrap_or_default();
    match command {
        Command::CommandInfo if !words.is_empty() => {
            out.array(words.len());
            infos(words).for_each(|info| out.frame(&info));
        }
        Command::CommandDocs if !words.is_empty() => {
            out.map(documented(words).count());
            for row in documented(words) {
                out.bulk(row.name.as_bytes());
                out.frame(&docs_of(row));
            }
        }
        command => out.frame(&reply(command, words)?),
    }
    Ok(())
}

fn reply<A: AsRef<[u8]>>(command: Command, words: &[A]) -> Result<Frame, CommandError> {
    match command {
        Command::CommandCount => Ok(Frame::Integer(top_level().count() as i64)),
        Command::CommandList => list(words),
        Command::Command | Command::CommandInfo => {
            Ok(Frame::Array(top_level().map(info_of).collect()))
        }
        Command::CommandDocs => {
            let of = |row: &'static Row| (bulk(row.name), docs_of(row));
            Ok(Frame::Map(top_level().map(of).collect()))
        }
        Command::CommandGetKeys => get_keys(words, |key, _| bulk_bytes(key)),
        Command::CommandGetKeysAndFlags => get_keys(words, |key, flags| {
            Frame::Array(vec![bulk_bytes(key), names(flags.into(), &key::NAMES, "")])
        }),
        Command::CommandHelp => Ok(Frame::Array(HELP.iter().map(|line| simple(line)).collect())),
        other => unreachable!("{other:?} is not of COMMAND's family"),
    }
}

fn top_level() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(|row| row.parent.is_none())
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`.
fn list<A: AsRef<[u8]>>(words: &[A]) -> Result<Frame, CommandError> {
    let is = |word: &A, what: &str| word.as_ref().eq_ignore_ascii_case(what.as_bytes());
    let kept: Vec<&Row> = match words {
        [] => TABLE.iter().collect(),
        [by, kind, _] if is(by, "filterby") && is(kind, "module") => Vec::new(),
        [by, kind, wanted] if is(by, "filterby") && is(kind, "aclcat") => {
            let bit = category::NAMES.iter().position(|name| is(wanted, name));
            let mask = bit.map_or(0, |bit| 1 << bit);
            TABLE.iter().filter(|row| row.categories & mask != 0).collect()
        }
        [by, kind, pattern] if is(by, "filterby") && is(kind, "pattern") => {
            let fits = |name: &str| glob::matches(pattern.as_ref(), name.as_bytes(), Case::Ignored);
            TABLE.iter().filter(|row| fits(row.name)).collect()
        }
        _ => return Err(CommandError::Syntax),
    };
    Ok(Frame::Array(kept.into_iter().map(|row| bulk(row.name)).collect()))
}

/// `COMMAND INFO name …`: null for a name that is none.
fn infos<A: AsRef<[u8]>>(names: &[A]) -> impl Iterator<Item = Frame> {
    names.iter().map(|name| find_full(name.as_ref()).map_or(Frame::Null, info_of))
}

fn info_of(row: &Row) -> Frame {
    let (first, last, step) = row.legacy_keys();
    Frame::Array(vec![
        bulk(row.name),
        Frame::Integer(row.arity.into()),
        names(row.flags, &flag::NAMES, ""),
        Frame::Integer(first),
        Frame::Integer(last),
        Frame::Integer(step),
        names(row.categories, &category::NAMES, "@"),
        Frame::Set(row.tips.iter().map(|tip| bulk(tip)).collect()),
        Frame::Set(row.keys.iter().map(key_spec).collect()),
        match row.subcommands() {
            [] => Frame::Set(Vec::new()),
            rows => Frame::Array(rows.iter().map(info_of).collect()),
        },
    ])
}

fn key_spec(spec: &KeySpec) -> Frame {
    let typed = |kind: &'static str, fields: Vec<(Frame, Frame)>| {
        let spec = Frame::Map(fields);
        Frame::Map(vec![(bulk("type"), bulk(kind)), (bulk("spec"), spec)])
    };
    let number = |name: &'static str, value: i64| (bulk(name), Frame::Integer(value));
    let begin = match spec.begin {
        Begin::Index(at) => typed("index", vec![number("index", at.into())]),
        Begin::Keyword(word, from) => {
            typed("keyword", vec![(bulk("keyword"), bulk(word)), number("startfrom", from.into())])
        }
    };
    let find = match spec.find {
        Find::Range { last, step, limit } => typed(
            "range",
            vec![
                number("lastkey", last.into()),
                number("keystep", step.into()),
                number("limit", limit.into()),
            ],
        ),
        Find::KeyNum { index, first, step } => typed(
            "keynum",
            vec![
                number("keynumidx", index.into()),
                number("firstkey", first.into()),
                number("keystep", step.into()),
            ],
        ),
    };
    let mut fields = Vec::with_capacity(4);
    if let Some(notes) = spec.notes {
        fields.push((bulk("notes"), bulk(notes)));
    }
    fields.push((bulk("flags"), names(spec.flags.into(), &key::NAMES, "")));
    fields.push((bulk("begin_search"), begin));
    fields.push((bulk("find_keys"), find));
    Frame::Map(fields)
}

/// `COMMAND DOCS name …`: names that are none are left out.
fn documented<A: AsRef<[u8]>>(names: &[A]) -> impl Iterator<Item = &'static Row> {
    names.iter().filter_map(|name| find_full(name.as_ref()))
}

fn docs_of(row: &'static Row) -> Frame {
    let docs = &row.docs;
    let mut fields = vec![
        (bulk("summary"), bulk(docs.summary)),
        (bulk("since"), bulk(docs.since)),
        (bulk("group"), bulk(row.group.name())),
        (bulk("complexity"), bulk(docs.complexity)),
    ];
    if let Some((since, replaced_by)) = docs.deprecated {
        fields.push((bulk("doc_flags"), Frame::Set(vec![simple("deprecated")])));
        fields.push((bulk("deprecated_since"), bulk(since)));
        fields.push((bulk("replaced_by"), bulk(replaced_by)));
    }
    if !docs.history.is_empty() {
        let change = |&(version, what)| Frame::Array(vec![bulk(version), bulk(what)]);
        fields.push((bulk("history"), Frame::Set(docs.history.iter().map(change).collect())));
    }
    if !docs.args.is_empty() {
        fields.push((bulk("arguments"), Frame::Array(docs.args.iter().map(arg).collect())));
    }
    let subcommands = row.subcommands();
    if !subcommands.is_empty() {
        let all = subcommands.iter().map(|sub| (bulk(sub.name), docs_of(sub))).collect();
        fields.push((bulk("subcommands"), Frame::Map(all)));
    }
    Frame::Map(fields)
}

fn arg(arg: &Arg) -> Frame {
    let mut fields = vec![(bulk("name"), bulk(arg.name)), (bulk("type"), bulk(arg.kind.name()))];
    if !arg.kind.has_parts() {
        fields.push((bulk("display_text"), bulk(arg.display.unwrap_or(arg.name))));
    }
    if let Some(spec) = arg.key_spec {
        fields.push((bulk("key_spec_index"), Frame::Integer(spec.into())));
    }
    let texts =
        [("token", arg.token), ("since", arg.since), ("deprecated_since", arg.deprecated_since)];
    for (name, text) in texts {
        fields.extend(text.map(|text| (bulk(name), bulk(text))));
    }
    let flags = [(arg.optional, "optional"), (arg.multiple, "multiple")];
    let flags: Vec<Frame> =
        flags.iter().filter(|(set, _)| *set).map(|(_, name)| simple(name)).collect();
    if !flags.is_empty() {
        fields.push((bulk("flags"), Frame::Set(flags)));
    }
    if arg.kind.has_parts() {
        fields.push((bulk("arguments"), Frame::Array(arg.args.iter().map(self::arg).collect())));
    }
    Frame::Map(fields)
}

/// `COMMAND GETKEYS` and `GETKEYSANDFLAGS` of a full request.
fn get_keys<A: AsRef<[u8]>>(
    request: &[A],
    show: impl Fn(&[u8], u16) -> Frame,
) -> Result<Frame, CommandError> {
    let error = |line| Err(CommandError::Other(Cow::Borrowed(line)));
    let Some(row) = find_in_request(request) else {
        return error("ERR Invalid command specified");
    };
    if !row.has_keys() {
        return error("ERR The command has no key arguments");
    }
    match row.key_ranges(request) {
        Err(KeysError::Arity) => error("ERR Invalid number of arguments specified for command"),
        Err(KeysError::Syntax) if row.has(flag::NO_MANDATORY_KEYS) => Ok(Frame::Array(Vec::new())),
        Err(KeysError::Syntax) => error("ERR Invalid arguments specified for command"),
        Ok(ranges) => {
            let mut keys = Vec::new();
            for range in ranges {
                keys.extend(range.positions().map(|at| show(request[at].as_ref(), range.flags)));
            }
            Ok(Frame::Array(keys))
        }
    }
}

/// A set of the names of the bits that are set.
fn names(bits: u32, names: &[&'static str], prefix: &str) -> Frame {
    let set = names.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    let name = |(_, name): (usize, &&'static str)| match prefix {
        "" => simple(name),
        prefix => Frame::Simple(Cow::Owned(format!("{prefix}{name}"))),
    };
    Frame::Set(set.map(name).collect())
}

fn simple(text: &'static str) -> Frame {
    Frame::Simple(Cow::Borrowed(text))
}

fn bulk(text: &'static str) -> Frame {
    Frame::text(text)
}

fn bulk_bytes(bytes: &[u8]) -> Frame {
    Frame::Bulk(Bytes::copy_from_slice(bytes))
}

const HELP: [&str; 21] = [
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
    "HELP",
    "    Print this help.",
];

#[cfg(test)]
mod tests;
