//! LPUSH and LRANGE: requests and their replies.

use super::super::testing::Bench;

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
