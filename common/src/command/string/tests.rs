//! Each command as a table of requests and replies. The replies are those of a Redis 7.

use crate::command::testing::Bench;

#[test]
fn a_string_is_written_read_grown_and_counted() {
    Bench::new().check(&[
        ("SET a 10 EX 5", "+OK\r\n"),
        ("APPEND a 0", ":3\r\n"),
        ("INCRBY a 5", ":105\r\n"),
        ("INCRBYFLOAT a 0.1", "$5\r\n105.1\r\n"),
        ("GETDEL a", "$5\r\n105.1\r\n"),
        ("GETDEL a", "$-1\r\n"),
    ]);
}
