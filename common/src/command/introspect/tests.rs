//! The table against what Redis 7.2.4 said, line by line of `redis_7_2.txt`.

use super::*;
use crate::command::table::{find, resolve};

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
fn text(tree: &Tree) -> String {
    let all = |trees: &[Tree]| trees.iter().map(text).collect::<Vec<_>>().join(", ");
    match tree {
        Tree::Simple(text) => format!("+{text}"),
        Tree::Bulk(bytes) => format!("\"{}\"", String::from_utf8_lossy(bytes)),
        Tree::Int(value) => value.to_string(),
        Tree::Array(trees) => format!("[{}]", all(trees)),
        Tree::Set(trees) => format!("<{}>", all(trees)),
        Tree::Map(pairs) => {
            let pair = |(key, value): &(Tree, Tree)| format!("{}: {}", text(key), text(value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Tree::Null => "_".to_owned(),
    }
}

fn subcommand_names(row: &Row) -> Tree {
    let mut names: Vec<_> = row.subcommands().iter().map(|row| row.name).collect();
    names.sort_unstable();
    Tree::Array(names.into_iter().map(bulk).collect())
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
        let Tree::Array(mut fields) = info_of(row) else { panic!("an array") };
        if !row.subcommands().is_empty() {
            fields[9] = subcommand_names(row);
        }
        assert_eq!(text(&Tree::Array(fields)), expected);
    }
}

#[test]
fn command_docs_is_that_of_redis() {
    for (name, expected) in recorded("docs", " ") {
        let row = find_full(name.as_bytes()).unwrap();
        let Tree::Map(mut fields) = docs_of(row) else { panic!("a map") };
        if !row.subcommands().is_empty() {
            fields.last_mut().unwrap().1 = subcommand_names(row);
        }
        assert_eq!(text(&Tree::Map(fields)), expected, "{name}");
    }
}

#[test]
fn requests_are_answered_as_by_redis() {
    for (request, expected) in recorded("ask", " => ") {
        let args: Vec<&str> = request.split(' ').collect();
        let reply = resolve(&args).and_then(|row| execute(row.run, &args));
        let reply = match reply {
            Ok(tree) => text(&tree),
            Err(error) => format!("-{error}"),
        };
        assert_eq!(reply, expected, "{request}");
    }
}

#[test]
fn count_list_and_whole_replies_agree() {
    let reply = |request: &[&str]| execute(resolve(request).unwrap().run, request).unwrap();
    let len = |tree| match tree {
        Tree::Array(trees) => trees.len(),
        Tree::Map(pairs) => pairs.len(),
        other => panic!("{other:?} has no length"),
    };
    let count = len(reply(&["command"]));
    assert_eq!(reply(&["command", "count"]), Tree::Int(count as i64));
    assert_eq!(len(reply(&["command", "info"])), count);
    assert_eq!(len(reply(&["command", "docs"])), count);
    assert_eq!(len(reply(&["command", "list"])), TABLE.len());
    let strings = reply(&["command", "list", "filterby", "aclcat", "STRING"]);
    let has = |name| matches!(&strings, Tree::Array(names) if names.contains(&bulk(name)));
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
