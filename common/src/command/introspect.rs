//! `COMMAND` and its subcommands: the command table as replies, from which clients learn what they
//! may send, where the keys are, and how to complete a line.
//!
//! Pure: the table in, a [`Tree`] out. Shapes are Redis 7.2's to the letter; whoever encodes writes
//! maps and sets flat in RESP2.

use super::docs::Arg;
use super::error::CommandError;
use super::glob::{self, Case};
use super::table::{
    Begin, Command, Find, KeySpec, KeysError, Row, TABLE, category, find_full, find_in_request,
    flag, key,
};
use std::borrow::Cow;

/// A reply of `COMMAND`, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A simple string.
    Simple(Cow<'static, str>),
    /// A bulk string.
    Bulk(Cow<'static, [u8]>),
    /// An integer.
    Int(i64),
    /// An array.
    Array(Vec<Tree>),
    /// A map; in RESP2 an array of keys and values by turns.
    Map(Vec<(Tree, Tree)>),
    /// A set; in RESP2 an array.
    Set(Vec<Tree>),
    /// The null; in RESP2 the null bulk string.
    Null,
}

/// Executes a command of `COMMAND`'s family, whose arity has been checked.
///
/// # Errors
/// Those of Redis for a wrong filter of `LIST`, and for a request without keys after `GETKEYS`.
pub fn execute<A: AsRef<[u8]>>(command: Command, args: &[A]) -> Result<Tree, CommandError> {
    let words = args.get(2..).unwrap_or_default();
    match command {
        Command::Command => Ok(info::<A>(&[])),
        Command::CommandCount => Ok(Tree::Int(top_level().count() as i64)),
        Command::CommandList => list(words),
        Command::CommandInfo => Ok(info(words)),
        Command::CommandDocs => Ok(docs(words)),
        Command::CommandGetKeys => get_keys(words, |key, _| bulk_bytes(key)),
        Command::CommandGetKeysAndFlags => get_keys(words, |key, flags| {
            Tree::Array(vec![bulk_bytes(key), names(flags.into(), &key::NAMES, "")])
        }),
        Command::CommandHelp => Ok(Tree::Array(HELP.iter().map(|line| simple(line)).collect())),
        other => unreachable!("{other:?} is not of COMMAND's family"),
    }
}

fn top_level() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(|row| row.parent.is_none())
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`.
fn list<A: AsRef<[u8]>>(words: &[A]) -> Result<Tree, CommandError> {
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
    Ok(Tree::Array(kept.into_iter().map(|row| bulk(row.name)).collect()))
}

/// `COMMAND INFO [name …]`: null for a name that is none, everything without names.
fn info<A: AsRef<[u8]>>(names: &[A]) -> Tree {
    let one = |name: &A| find_full(name.as_ref()).map_or(Tree::Null, info_of);
    Tree::Array(match names {
        [] => top_level().map(info_of).collect(),
        names => names.iter().map(one).collect(),
    })
}

fn info_of(row: &Row) -> Tree {
    let (first, last, step) = row.legacy_keys();
    Tree::Array(vec![
        bulk(row.name),
        Tree::Int(row.arity.into()),
        names(row.flags, &flag::NAMES, ""),
        Tree::Int(first),
        Tree::Int(last),
        Tree::Int(step),
        names(row.categories, &category::NAMES, "@"),
        Tree::Set(row.tips.iter().map(|tip| bulk(tip)).collect()),
        Tree::Set(row.keys.iter().map(key_spec).collect()),
        match row.subcommands() {
            [] => Tree::Set(Vec::new()),
            rows => Tree::Array(rows.iter().map(info_of).collect()),
        },
    ])
}

fn key_spec(spec: &KeySpec) -> Tree {
    let typed = |kind: &'static str, fields: Vec<(Tree, Tree)>| {
        let spec = Tree::Map(fields);
        Tree::Map(vec![(bulk("type"), bulk(kind)), (bulk("spec"), spec)])
    };
    let number = |name: &'static str, value: i64| (bulk(name), Tree::Int(value));
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
    Tree::Map(fields)
}

/// `COMMAND DOCS [name …]`: names that are none are left out.
fn docs<A: AsRef<[u8]>>(names: &[A]) -> Tree {
    let of = |row: &'static Row| (bulk(row.name), docs_of(row));
    Tree::Map(match names {
        [] => top_level().map(of).collect(),
        names => names.iter().filter_map(|name| find_full(name.as_ref())).map(of).collect(),
    })
}

fn docs_of(row: &'static Row) -> Tree {
    let docs = &row.docs;
    let mut fields = vec![
        (bulk("summary"), bulk(docs.summary)),
        (bulk("since"), bulk(docs.since)),
        (bulk("group"), bulk(row.group.name())),
        (bulk("complexity"), bulk(docs.complexity)),
    ];
    if let Some((since, replaced_by)) = docs.deprecated {
        fields.push((bulk("doc_flags"), Tree::Set(vec![simple("deprecated")])));
        fields.push((bulk("deprecated_since"), bulk(since)));
        fields.push((bulk("replaced_by"), bulk(replaced_by)));
    }
    if !docs.history.is_empty() {
        let change = |&(version, what)| Tree::Array(vec![bulk(version), bulk(what)]);
        fields.push((bulk("history"), Tree::Set(docs.history.iter().map(change).collect())));
    }
    if !docs.args.is_empty() {
        fields.push((bulk("arguments"), Tree::Array(docs.args.iter().map(arg).collect())));
    }
    let subcommands = row.subcommands();
    if !subcommands.is_empty() {
        let all = subcommands.iter().map(|sub| (bulk(sub.name), docs_of(sub))).collect();
        fields.push((bulk("subcommands"), Tree::Map(all)));
    }
    Tree::Map(fields)
}

fn arg(arg: &Arg) -> Tree {
    let mut fields = vec![(bulk("name"), bulk(arg.name)), (bulk("type"), bulk(arg.kind.name()))];
    if !arg.kind.has_parts() {
        fields.push((bulk("display_text"), bulk(arg.display.unwrap_or(arg.name))));
    }
    if let Some(spec) = arg.key_spec {
        fields.push((bulk("key_spec_index"), Tree::Int(spec.into())));
    }
    let texts =
        [("token", arg.token), ("since", arg.since), ("deprecated_since", arg.deprecated_since)];
    for (name, text) in texts {
        fields.extend(text.map(|text| (bulk(name), bulk(text))));
    }
    let flags = [(arg.optional, "optional"), (arg.multiple, "multiple")];
    let flags: Vec<Tree> =
        flags.iter().filter(|(set, _)| *set).map(|(_, name)| simple(name)).collect();
    if !flags.is_empty() {
        fields.push((bulk("flags"), Tree::Set(flags)));
    }
    if arg.kind.has_parts() {
        fields.push((bulk("arguments"), Tree::Array(arg.args.iter().map(self::arg).collect())));
    }
    Tree::Map(fields)
}

/// `COMMAND GETKEYS` and `GETKEYSANDFLAGS` of a full request.
fn get_keys<A: AsRef<[u8]>>(
    request: &[A],
    show: impl Fn(&[u8], u16) -> Tree,
) -> Result<Tree, CommandError> {
    let error = |line| Err(CommandError::Other(Cow::Borrowed(line)));
    let Some(row) = find_in_request(request) else {
        return error("ERR Invalid command specified");
    };
    if !row.has_keys() {
        return error("ERR The command has no key arguments");
    }
    match row.key_ranges(request) {
        Err(KeysError::Arity) => error("ERR Invalid number of arguments specified for command"),
        Err(KeysError::Syntax) if row.has(flag::NO_MANDATORY_KEYS) => Ok(Tree::Array(Vec::new())),
        Err(KeysError::Syntax) => error("ERR Invalid arguments specified for command"),
        Ok(ranges) => {
            let mut keys = Vec::new();
            for range in ranges {
                keys.extend(range.positions().map(|at| show(request[at].as_ref(), range.flags)));
            }
            Ok(Tree::Array(keys))
        }
    }
}

/// A set of the names of the bits that are set.
fn names(bits: u32, names: &[&'static str], prefix: &str) -> Tree {
    let set = names.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    let name = |(_, name): (usize, &&'static str)| match prefix {
        "" => simple(name),
        prefix => Tree::Simple(Cow::Owned(format!("{prefix}{name}"))),
    };
    Tree::Set(set.map(name).collect())
}

fn simple(text: &'static str) -> Tree {
    Tree::Simple(Cow::Borrowed(text))
}

fn bulk(text: &'static str) -> Tree {
    Tree::Bulk(Cow::Borrowed(text.as_bytes()))
}

fn bulk_bytes(bytes: &[u8]) -> Tree {
    Tree::Bulk(Cow::Owned(bytes.to_vec()))
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
