//! SADD and SMEMBERS: requests and their replies.

use super::super::testing::Bench;
use crate::resp::Protocol;

/// Alone, where nothing deleted is kept, and as one owner of several, where tombstones and deltas
/// are.
fn check(cases: &[(&str, &str)]) {
    for lone in [true, false] {
        let mut bench = Bench::with(|options| {
            options.lone = lone;
            options.deltas = !lone;
        });
        bench.check(cases);
    }
}

fn check_resp3(cases: &[(&str, &str)]) {
    let mut bench = Bench::new();
    bench.protocol = Protocol::Resp3;
    bench.check(cases);
}

#[test]
fn members_are_added_once() {
    check(&[
        ("SADD s", "-ERR wrong number of arguments for 'sadd' command\r\n"),
        ("SADD s a a", ":1\r\n"),
        ("SADD s a", ":0\r\n"),
        ("SADD s b a b c", ":2\r\n"),
        ("SMEMBERS none", "*0\r\n"),
        ("SMEMBERS s x", "-ERR wrong number of arguments for 'smembers' command\r\n"),
        ("SADD one m", ":1\r\n"),
        ("SMEMBERS one", "*1\r\n$1\r\nm\r\n"),
    ]);
}

#[test]
fn members_are_a_set_in_resp3() {
    check_resp3(&[
        ("SADD s", "-ERR wrong number of arguments for 'sadd' command\r\n"),
        ("SADD s a a", ":1\r\n"),
        ("SADD s a", ":0\r\n"),
        ("SADD s b a b c", ":2\r\n"),
        ("SMEMBERS none", "~0\r\n"),
        ("SMEMBERS s x", "-ERR wrong number of arguments for 'smembers' command\r\n"),
        ("SADD one m", ":1\r\n"),
        ("SMEMBERS one", "~1\r\n$1\r\nm\r\n"),
    ]);
}
