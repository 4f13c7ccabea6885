//! HSET, HGET, HDEL and their kin: requests and their replies.

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
fn fields_are_set_and_read() {
    check(&[
        ("HSET", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HSET h f", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HSET h f v g", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HGET h f", "$-1\r\n"),
        ("HGETALL h", "*0\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("HSET h f v2 g w g w2", ":1\r\n"),
        ("HSET h f v2", ":0\r\n"),
        ("HGET h f", "$2\r\nv2\r\n"),
        ("HGET h g", "$2\r\nw2\r\n"),
        ("HGET h x", "$-1\r\n"),
        ("HGET h", "-ERR wrong number of arguments for 'hget' command\r\n"),
        ("HSET e  v", ":1\r\n"),
        ("HGET e ", "$1\r\nv\r\n"),
        ("HGETALL e", "*2\r\n$0\r\n\r\n$1\r\nv\r\n"),
        ("HGETALL none", "*0\r\n"),
    ]);
}

#[test]
fn fields_are_a_map_in_resp3() {
    check_resp3(&[
        ("HSET", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HSET h f", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HSET h f v g", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HGET h f", "_\r\n"),
        ("HGETALL h", "%0\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("HSET h f v2 g w g w2", ":1\r\n"),
        ("HSET h f v2", ":0\r\n"),
        ("HGET h f", "$2\r\nv2\r\n"),
        ("HGET h g", "$2\r\nw2\r\n"),
        ("HGET h x", "_\r\n"),
        ("HGET h", "-ERR wrong number of arguments for 'hget' command\r\n"),
        ("HSET e  v", ":1\r\n"),
        ("HGET e ", "$1\r\nv\r\n"),
        ("HGETALL e", "%1\r\n$0\r\n\r\n$1\r\nv\r\n"),
        ("HGETALL none", "%0\r\n"),
    ]);
}

#[test]
fn fields_are_counted_looked_for_and_deleted() {
    check(&[
        ("HLEN h", ":0\r\n"),
        ("HEXISTS h f", ":0\r\n"),
        ("HDEL h f", ":0\r\n"),
        ("HDEL h", "-ERR wrong number of arguments for 'hdel' command\r\n"),
        ("HEXISTS h", "-ERR wrong number of arguments for 'hexists' command\r\n"),
        ("HEXISTS h f g", "-ERR wrong number of arguments for 'hexists' command\r\n"),
        ("HLEN", "-ERR wrong number of arguments for 'hlen' command\r\n"),
        ("HLEN h f", "-ERR wrong number of arguments for 'hlen' command\r\n"),
        ("HSET h a 1 b 2 c 3  4", ":4\r\n"),
        ("HLEN h", ":4\r\n"),
        ("HEXISTS h a", ":1\r\n"),
        ("HEXISTS h A", ":0\r\n"),
        ("HEXISTS h ", ":1\r\n"),
        ("HDEL h none other", ":0\r\n"),
        ("HDEL h a none a b", ":2\r\n"),
        ("HLEN h", ":2\r\n"),
        ("HEXISTS h a", ":0\r\n"),
        ("HGET h a", "$-1\r\n"),
        ("HDEL h ", ":1\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nc\r\n$1\r\n3\r\n"),
        ("HSET h a 5", ":1\r\n"),
        ("HGET h a", "$1\r\n5\r\n"),
        ("EXPIRE h 100", ":1\r\n"),
        ("HDEL h a", ":1\r\n"),
        ("TTL h", ":100\r\n"),
        ("HDEL h c c", ":1\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("HLEN h", ":0\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("HSET h a 1", ":1\r\n"),
        ("TTL h", ":-1\r\n"),
        ("SET s v", "+OK\r\n"),
        ("HDEL s f", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("HEXISTS s f", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("HLEN s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ]);
}
