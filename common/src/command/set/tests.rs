//! SADD, SMEMBERS, SREM and their kin: requests and their replies.

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

#[test]
fn members_are_counted_looked_for_and_removed() {
    check(&[
        ("SCARD s", ":0\r\n"),
        ("SISMEMBER s a", ":0\r\n"),
        ("SREM s a", ":0\r\n"),
        ("SREM s", "-ERR wrong number of arguments for 'srem' command\r\n"),
        ("SISMEMBER s", "-ERR wrong number of arguments for 'sismember' command\r\n"),
        ("SISMEMBER s a b", "-ERR wrong number of arguments for 'sismember' command\r\n"),
        ("SCARD", "-ERR wrong number of arguments for 'scard' command\r\n"),
        ("SCARD s a", "-ERR wrong number of arguments for 'scard' command\r\n"),
        ("SADD s a b c ", ":4\r\n"),
        ("SCARD s", ":4\r\n"),
        ("SISMEMBER s a", ":1\r\n"),
        ("SISMEMBER s A", ":0\r\n"),
        ("SISMEMBER s ", ":1\r\n"),
        ("SREM s none other", ":0\r\n"),
        ("SREM s a none a b", ":2\r\n"),
        ("SCARD s", ":2\r\n"),
        ("SISMEMBER s a", ":0\r\n"),
        ("SREM s ", ":1\r\n"),
        ("SMEMBERS s", "*1\r\n$1\r\nc\r\n"),
        ("SADD s a c", ":1\r\n"),
        ("EXPIRE s 100", ":1\r\n"),
        ("SREM s a", ":1\r\n"),
        ("TTL s", ":100\r\n"),
        ("SREM s c c", ":1\r\n"),
        ("EXISTS s", ":0\r\n"),
        ("SCARD s", ":0\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("SADD s a", ":1\r\n"),
        ("TTL s", ":-1\r\n"),
        ("LPUSH l v", ":1\r\n"),
        ("SREM l v", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("SISMEMBER l v", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("SCARD l", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ]);
}
