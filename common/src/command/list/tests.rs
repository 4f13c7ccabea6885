//! LPUSH, LPOP, LRANGE and their kin: requests and their replies.

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

#[test]
fn items_are_pushed_left_and_read_by_place() {
    check(&[
        ("LPUSH l", "-ERR wrong number of arguments for 'lpush' command\r\n"),
        ("LPUSH l a", ":1\r\n"),
        ("LPUSH l b c", ":3\r\n"),
        ("LRANGE l 0 -1", "*3\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
        ("LPUSH l a", ":4\r\n"),
        ("LRANGE l 0 0", "*1\r\n$1\r\na\r\n"),
        ("LRANGE l 1 2", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n"),
        ("LRANGE l -2 -1", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"),
        ("LRANGE l -100 100", "*4\r\n$1\r\na\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
        ("LRANGE l 2 1", "*0\r\n"),
        ("LRANGE l 4 10", "*0\r\n"),
        ("LRANGE l 3 10", "*1\r\n$1\r\na\r\n"),
        ("LRANGE l -1 -100", "*0\r\n"),
        ("LRANGE l 0 -5", "*0\r\n"),
        (
            "LRANGE l -9223372036854775808 9223372036854775807",
            "*4\r\n$1\r\na\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n",
        ),
        ("LRANGE l 9223372036854775807 -9223372036854775808", "*0\r\n"),
        ("LRANGE l 9223372036854775808 x", "-ERR value is not an integer or out of range\r\n"),
        ("LRANGE l 0 x", "-ERR value is not an integer or out of range\r\n"),
        ("LRANGE none x 0", "-ERR value is not an integer or out of range\r\n"),
        ("LRANGE none 0 -1", "*0\r\n"),
    ]);
}

#[test]
fn items_are_pushed_at_both_ends_and_counted() {
    check(&[
        ("LLEN l", ":0\r\n"),
        ("RPUSH l", "-ERR wrong number of arguments for 'rpush' command\r\n"),
        ("LLEN", "-ERR wrong number of arguments for 'llen' command\r\n"),
        ("LLEN l a", "-ERR wrong number of arguments for 'llen' command\r\n"),
        ("RPUSH l a", ":1\r\n"),
        ("RPUSH l b c", ":3\r\n"),
        ("LPUSH l d e", ":5\r\n"),
        ("RPUSH l a", ":6\r\n"),
        ("LLEN l", ":6\r\n"),
        (
            "LRANGE l 0 -1",
            "*6\r\n$1\r\ne\r\n$1\r\nd\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\na\r\n",
        ),
        ("LPUSH m a", ":1\r\n"),
        ("RPUSH m b", ":2\r\n"),
        ("LRANGE m 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("EXPIRE m 100", ":1\r\n"),
        ("RPUSH m c", ":3\r\n"),
        ("TTL m", ":100\r\n"),
        ("SET s v", "+OK\r\n"),
        ("RPUSH s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("LLEN s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ]);
}

#[test]
fn items_are_popped_from_both_ends() {
    check(&[
        ("LPOP l", "$-1\r\n"),
        ("RPOP l", "$-1\r\n"),
        ("LPOP", "-ERR wrong number of arguments for 'lpop' command\r\n"),
        ("RPOP", "-ERR wrong number of arguments for 'rpop' command\r\n"),
        ("RPUSH l a b c d e f g", ":7\r\n"),
        ("LPOP l", "$1\r\na\r\n"),
        ("RPOP l", "$1\r\ng\r\n"),
        ("LPUSH l a", ":6\r\n"),
        ("RPUSH l g h", ":8\r\n"),
        (
            "LRANGE l 0 -1",
            "*8\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n",
        ),
        ("LPOP l 1", "*1\r\n$1\r\na\r\n"),
        ("RPOP l 1", "*1\r\n$1\r\nh\r\n"),
        ("LPOP l 2", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("RPOP l 2", "*2\r\n$1\r\ng\r\n$1\r\nf\r\n"),
        ("LLEN l", ":2\r\n"),
        ("EXPIRE l 100", ":1\r\n"),
        ("LPOP l", "$1\r\nd\r\n"),
        ("TTL l", ":100\r\n"),
        ("LPOP l", "$1\r\ne\r\n"),
        ("EXISTS l", ":0\r\n"),
        ("LPOP l", "$-1\r\n"),
        ("RPUSH l a b c", ":3\r\n"),
        ("TTL l", ":-1\r\n"),
        ("RPOP l 9223372036854775807", "*3\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("RPUSH l a b c", ":3\r\n"),
        ("LPOP l 3", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("DBSIZE", ":0\r\n"),
    ]);
}

#[test]
fn a_count_that_is_none_is_refused() {
    check(&[
        ("LPOP l 0", "*-1\r\n"),
        ("RPOP l 1", "*-1\r\n"),
        ("RPUSH l a b", ":2\r\n"),
        ("LPOP l 0", "*0\r\n"),
        ("RPOP l 0", "*0\r\n"),
        ("LPOP l -1", "-ERR value is out of range, must be positive\r\n"),
        ("RPOP l -1", "-ERR value is out of range, must be positive\r\n"),
        ("LPOP l -9223372036854775808", "-ERR value is out of range, must be positive\r\n"),
        ("RPOP l 9223372036854775808", "-ERR value is out of range, must be positive\r\n"),
        ("LPOP l x", "-ERR value is out of range, must be positive\r\n"),
        ("LPOP l ", "-ERR value is out of range, must be positive\r\n"),
        ("RPOP l 1.0", "-ERR value is out of range, must be positive\r\n"),
        ("LPOP none -1", "-ERR value is out of range, must be positive\r\n"),
        ("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command\r\n"),
        ("RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command\r\n"),
        ("LPOP l x y", "-ERR wrong number of arguments for 'lpop' command\r\n"),
        ("SET s v", "+OK\r\n"),
        ("LPOP s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("RPOP s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("LPOP s -1", "-ERR value is out of range, must be positive\r\n"),
        ("LLEN l", ":2\r\n"),
    ]);
}

#[test]
fn nothing_popped_is_one_null_in_resp3() {
    let mut bench = Bench::new();
    bench.protocol = Protocol::Resp3;
    bench.check(&[
        ("LPOP l", "_\r\n"),
        ("RPOP l", "_\r\n"),
        ("LPOP l 1", "_\r\n"),
        ("RPOP l 0", "_\r\n"),
        ("RPUSH l a b", ":2\r\n"),
        ("LPOP l 0", "*0\r\n"),
        ("LPOP l 5", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ]);
}
