//! The table against what Redis 7.2.4 said, line by line of `redis_7_2.txt`.

use super::*;
use crate::command::table::{find, resolve};
use crate::resp::Protocol;

/// Subcommands that Redis has and that are not executed here: no row may promise them.
const NOT_EXECUTED: [&str; 8] = [
    "client|caching",
    "client|getredir",
    "client|pause",
    "client|tracking",
    "client|trackinginfo",
    "client|unblock",
    "client|unpause",
    "config|rewrite",
];

const RECORDED: &str = include_str!("../table/redis_7_2.txt");

/// The lines of a kind, split at the first separator after it.
fn recorded(kind: &str, separator: &'static str) -> impl Iterator<Item = (&'static str, String)> {
    let kind = format!("{kind} ");
    RECORDED.lines().filter_map(move |line| {
        let (what, reply) = line.strip_prefix(&kind)?.split_once(separator)?;
        let missing = |reply: String, name| {
            let quoted = format!("\"{name}\"");
            reply.replace(&format!("{quoted}, "), "").replace(&format!(", {quoted}"), "")
        };
        Some((what, NOT_EXECUTED.into_iter().fold(reply.to_owned(), missing)))
    })
}

/// As the record writes it.
fn text(tree: &Frame) -> String {
    let all = |trees: &[Frame]| trees.iter().map(text).collect::<Vec<_>>().join(", ");
    match tree {
        Frame::Simple(text) => format!("+{text}"),
        Frame::Bulk(bytes) => format!("\"{}\"", String::from_utf8_lossy(bytes)),
        Frame::Integer(value) => value.to_string(),
        Frame::Array(trees) => format!("[{}]", all(trees)),
        Frame::Set(trees) => format!("<{}>", all(trees)),
        Frame::Map(pairs) => {
            let pair = |(key, value): &(Frame, Frame)| format!("{}: {}", text(key), text(value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Frame::Null => "_".to_owned(),
        other => panic!("{other:?} is not of COMMAND"),
    }
}

fn subcommand_names(row: &Row) -> Frame {
    let mut names: Vec<_> = row.subcommands().iter().map(|row| row.name).collect();
    names.sort_unstable();
    Frame::Array(names.into_iter().map(bulk).collect())
}

#[test]
fn every_row_is_recorded_and_the_other_way_round() {
    let names = |kind| recorded(kind, " ").map(|(name, _)| name).collect::<Vec<_>>();
    let rows: Vec<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names("info"), rows);
    assert_eq!(names("docs"), rows);
}

#[test]
fn command_info_is_that_of_redis() {
    for (name, expected) in recorded("info", " ") {
        let row = find_full(name.as_bytes()).unwrap();
        let Frame::Array(mut fields) = info_of(row) else { panic!("an array") };
        if !row.subcommands().is_empty() {
            fields[9] = subcommand_names(row);
        }
        assert_eq!(text(&Frame::Array(fields)), expected);
    }
}

#[test]
fn command_docs_is_that_of_redis() {
    for (name, expected) in recorded("docs", " ") {
        let row = find_full(name.as_bytes()).unwrap();
        let Frame::Map(mut fields) = docs_of(row) else { panic!("a map") };
        if !row.subcommands().is_empty() {
            fields.last_mut().unwrap().1 = subcommand_names(row);
        }
        assert_eq!(text(&Frame::Map(fields)), expected, "{name}");
    }
}

/// The reply as a whole; what is written is the same.
fn whole(args: &[&str]) -> Result<Frame, CommandError> {
    let command = resolve(args)?.run;
    let names = args.get(2..).unwrap_or_default();
    let frame = match command {
        Command::CommandInfo if !names.is_empty() => Frame::Array(infos(names).collect()),
        Command::CommandDocs if !names.is_empty() => {
            Frame::Map(documented(names).map(|row| (bulk(row.name), docs_of(row))).collect())
        }
        command => reply(command, names)?,
    };
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let (mut written, mut wanted) = (ReplyBuf::new(protocol), ReplyBuf::new(protocol));
        execute(command, args, &mut written)?;
        wanted.frame(&frame);
        assert!(written.chunks().flatten().eq(wanted.chunks().flatten()), "{args:?}");
    }
    Ok(frame)
}

#[test]
fn requests_are_answered_as_by_redis() {
    for (request, expected) in recorded("ask", " => ") {
        let args: Vec<&str> = request.split(' ').collect();
        let reply = match whole(&args) {
            Ok(tree) => text(&tree),
            Err(error) => format!("-{error}"),
        };
        assert_eq!(reply, expected, "{request}");
    }
}

#[test]
fn count_list_and_whole_replies_agree() {
    let reply = |request: &[&str]| whole(request).unwrap();
    let len = |tree| match tree {
        Frame::Array(trees) => trees.len(),
        Frame::Map(pairs) => pairs.len(),
        other => panic!("{other:?} has no length"),
    };
    let count = len(reply(&["command"]));
    assert_eq!(reply(&["command", "count"]), Frame::Integer(count as i64));
    assert_eq!(len(reply(&["command", "info"])), count);
    assert_eq!(len(reply(&["command", "docs"])), count);
    assert_eq!(len(reply(&["command", "list"])), TABLE.len());
    let strings = reply(&["command", "list", "filterby", "aclcat", "STRING"]);
    let has = |name| matches!(&strings, Frame::Array(names) if names.contains(&bulk(name)));
    assert!(has("get") && has("incrbyfloat") && !has("hget"));
    assert_eq!(len(strings), TABLE.iter().filter(|r| r.group.name() == "string").count());
}

#[test]
fn every_key_argument_names_a_key_spec() {
    fn check(args: &[Arg], row: &Row) {
        for arg in args {
            let spec = arg.key_spec.map(usize::from);
            assert!(spec.is_none_or(|spec| spec < row.keys.len()), "{}", row.name);
            check(arg.args, row);
        }
    }
    TABLE.iter().for_each(|row| check(row.docs.args, row));
    assert!(find(b"mset").is_some());
}
