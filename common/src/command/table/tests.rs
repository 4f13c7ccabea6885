//! The table against itself and against what Redis 7.2 says of its commands.

use super::*;
use crate::command::error::CommandError;
use proptest::prelude::*;

fn positions(request: &[&str]) -> Option<Vec<usize>> {
    Some(find_in_request(request)?.keys(request).ok()?.collect())
}

#[test]
fn every_name_finds_its_row_in_any_case() {
    for (i, row) in TABLE.iter().enumerate() {
        assert_eq!(row.run as usize, i);
        assert_eq!(row.run.row().name, row.name);
        for name in [row.name.to_owned(), row.name.to_uppercase()] {
            assert_eq!(find_full(name.as_bytes()).map(|r| r.run), Some(row.run), "{name}");
        }
        let parent = row.parent.map(|parent| parent.row().name);
        assert_eq!(parent, row.name.split_once('|').map(|(parent, _)| parent));
    }
}

#[test]
fn only_names_are_found() {
    for row in TABLE.iter() {
        let name = row.name.as_bytes();
        for at in 0..name.len() {
            for bit in 0..8 {
                let mut other = name.to_vec();
                other[at] ^= 1 << bit;
                let found = find_full(&other).map(|row| row.name);
                let expected =
                    TABLE.iter().find(|r| r.name.as_bytes().eq_ignore_ascii_case(&other));
                assert_eq!(found, expected.map(|r| r.name), "{other:?}");
            }
        }
        assert!(find_full(&name[..name.len() - 1]).is_none_or(|r| r.name != row.name));
    }
    assert!(find(b"client|id").is_none() && find(b"").is_none() && find(b"id").is_none());
    assert!(find_subcommand(Command::Config, b"id").is_none());
}

#[test]
fn requests_resolve_to_the_subcommand() {
    let run = |request: &[&str]| resolve(request).map(|row| row.run);
    assert_eq!(run(&["CLIENT", "SetName", "x"]), Ok(Command::ClientSetName));
    assert_eq!(run(&["command"]), Ok(Command::Command));
    assert_eq!(run(&["get", "set"]), Ok(Command::Get));
    assert_eq!(run(&["client", "setname"]), Err(CommandError::Arity { command: "client|setname" }));
}

#[test]
fn keys_are_found_where_the_specs_say() {
    assert_eq!(positions(&["get", "k"]), Some(vec![1]));
    assert_eq!(positions(&["mset", "a", "1", "b", "2"]), Some(vec![1, 3]));
    assert_eq!(positions(&["del", "a", "b", "c"]), Some(vec![1, 2, 3]));
    assert_eq!(positions(&["rename", "a", "b"]), Some(vec![1, 2]));
    assert_eq!(positions(&["ping"]), Some(vec![]));
    assert_eq!(positions(&["get"]), None);
}

/// The specs that no row has yet: after a keyword, and counted by the request.
#[test]
fn keyword_and_counted_specs_stay_inside_the_request() {
    const STREAMS: KeySpec = KeySpec {
        notes: None,
        flags: key::RO,
        begin: Begin::Keyword("STREAMS", 1),
        find: Find::Range { last: -1, step: 1, limit: 2 },
    };
    const KEYS: KeySpec = KeySpec {
        begin: Begin::Keyword("KEYS", -2),
        find: Find::Range { last: -1, step: 1, limit: 0 },
        ..STREAMS
    };
    const COUNTED: KeySpec = KeySpec {
        begin: Begin::Index(2),
        find: Find::KeyNum { index: 0, first: 1, step: 1 },
        ..STREAMS
    };
    let at = |spec: &'static [KeySpec], request: &[&str]| {
        let row = Row { keys: spec, arity: -1, ..TABLE[0] };
        row.keys(request).ok().map(Iterator::collect::<Vec<_>>)
    };
    assert_eq!(
        at(&[STREAMS], &["x", "count", "1", "streams", "a", "b", "0", "0"]),
        Some(vec![4, 5])
    );
    assert_eq!(at(&[STREAMS], &["x", "a", "b"]), None);
    assert_eq!(at(&[STREAMS], &["x", "streams"]), None);
    assert_eq!(at(&[KEYS], &["x", "keys", "keys", "a", "b"]), Some(vec![3, 4]));
    assert_eq!(at(&[COUNTED], &["eval", "script", "2", "a", "b", "c"]), Some(vec![3, 4]));
    for count in ["0", "-1", "4", "x", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(at(&[COUNTED], &["eval", "script", count, "a", "b", "c"]), None, "{count}");
    }
    assert_eq!(at(&[COUNTED], &["eval", "script"]), None);
}

#[test]
fn what_a_command_is_agrees_with_its_flags_and_keys() {
    for row in TABLE.iter() {
        assert!(!(row.is_write() && row.is_readonly()), "{}", row.name);
        assert_eq!(row.is_write(), row.categories & category::WRITE != 0, "{}", row.name);
        let keyspace = row.is_write() || row.is_readonly();
        assert_eq!(keyspace, row.place == Place::Keyspace, "{}", row.name);
        let fast = row.categories & (category::FAST | category::SLOW);
        assert!(fast.is_power_of_two(), "{} is fast or slow", row.name);
    }
}

proptest! {
    #[test]
    fn keys_of_any_request_are_inside_it(
        row in 0..TABLE.len(),
        words in proptest::collection::vec("[a-z0-9-]{0,3}", 1..9),
    ) {
        if let Ok(keys) = TABLE[row].keys(&words) {
            for at in keys {
                prop_assert!(at > 0 && at < words.len());
            }
        }
    }
}
