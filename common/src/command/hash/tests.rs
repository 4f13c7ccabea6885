//! HSET, HGET and HGETALL: requests and their replies.

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
