//! Deadlines: set, asked for, taken away, and passed.

use super::super::super::testing::Bench;
use super::super::tests::check;

#[test]
fn what_is_no_time_or_no_option_is_refused() {
    check(&[
        ("EXPIRE a", "-ERR wrong number of arguments for 'expire' command\r\n"),
        ("EXPIRE a x", "-ERR value is not an integer or out of range\r\n"),
        ("EXPIRE a 10 foo", "-ERR Unsupported option foo\r\n"),
        ("EXPIRE a x foo", "-ERR Unsupported option foo\r\n"),
        ("EXPIRE a 10 NX foo", "-ERR Unsupported option foo\r\n"),
        (
            "EXPIRE a 10 NX XX",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        (
            "EXPIRE a 10 nx gt",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        (
            "EXPIRE a 10 NX LT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        ("EXPIRE a 10 XX GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
        ("EXPIRE a 10 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
        ("EXPIRE a x GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
        ("EXPIRE a x NX", "-ERR value is not an integer or out of range\r\n"),
        ("EXPIRE a 01", "-ERR value is not an integer or out of range\r\n"),
        ("EXPIRE a ", "-ERR value is not an integer or out of range\r\n"),
        ("EXPIRE a 10 ", "-ERR Unsupported option \r\n"),
        ("EXPIRE a 9223372036854775808", "-ERR value is not an integer or out of range\r\n"),
        ("EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"),
        ("EXPIRE a 9223372036854775", "-ERR invalid expire time in 'expire' command\r\n"),
        ("EXPIRE a 9223372036854776", "-ERR invalid expire time in 'expire' command\r\n"),
        ("EXPIRE a -9223372036854775", ":0\r\n"),
        ("EXPIRE a -9223372036854776", "-ERR invalid expire time in 'expire' command\r\n"),
        ("PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n"),
        ("PEXPIRE a -9223372036854775808", ":0\r\n"),
        ("EXPIREAT a 9223372036854776", "-ERR invalid expire time in 'expireat' command\r\n"),
        ("PEXPIREAT a 9223372036854775807", ":0\r\n"),
        ("EXPIREAT a x", "-ERR value is not an integer or out of range\r\n"),
        ("PEXPIREAT a 10 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
        (
            "PEXPIRE a 10 XX NX",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        ("EXPIREAT a 1 Unknown", "-ERR Unsupported option Unknown\r\n"),
    ]);
}

#[test]
fn a_deadline_is_set_only_if_the_conditions_allow() {
    check(&[
        ("SET a 1", "+OK\r\n"),
        ("EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"),
        ("PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n"),
        ("EXPIREAT a 9223372036854776", "-ERR invalid expire time in 'expireat' command\r\n"),
        ("TTL a", ":-1\r\n"),
        ("EXPIRE a 100 XX", ":0\r\n"),
        ("EXPIRE a 100 GT", ":0\r\n"),
        ("TTL a", ":-1\r\n"),
        ("EXPIRE a 100 NX", ":1\r\n"),
        ("TTL a", ":100\r\n"),
        ("EXPIRE a 200 NX", ":0\r\n"),
        ("EXPIRE a 200 XX", ":1\r\n"),
        ("TTL a", ":200\r\n"),
        ("EXPIRE a 100 GT", ":0\r\n"),
        ("EXPIRE a 300 gt", ":1\r\n"),
        ("EXPIRE a 400 LT", ":0\r\n"),
        ("EXPIRE a 200 lt", ":1\r\n"),
        ("TTL a", ":200\r\n"),
        ("EXPIRE a 250 XX GT", ":1\r\n"),
        ("EXPIRE a 250 XX XX LT", ":0\r\n"),
        ("TTL a", ":250\r\n"),
        ("PERSIST a", ":1\r\n"),
        ("PERSIST a", ":0\r\n"),
        ("PERSIST b", ":0\r\n"),
        ("PERSIST", "-ERR wrong number of arguments for 'persist' command\r\n"),
        ("EXPIRE a 100 LT", ":1\r\n"),
        ("TTL a", ":100\r\n"),
        ("PERSIST a", ":1\r\n"),
        ("EXPIRE a 0 XX", ":0\r\n"),
        ("EXISTS a", ":1\r\n"),
        ("EXPIRE a 0 NX", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("EXPIRE a -1", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("PEXPIRE a -9223372036854775808", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("EXPIREAT a 0", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("PEXPIREAT a -1 GT", ":0\r\n"),
        ("EXISTS a", ":1\r\n"),
        ("PEXPIREAT a -1 LT", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
    ]);
}

#[test]
fn the_time_left_is_rounded_to_seconds_and_the_deadline_too() {
    check(&[
        ("TTL", "-ERR wrong number of arguments for 'ttl' command\r\n"),
        ("TTL a", ":-2\r\n"),
        ("PTTL a", ":-2\r\n"),
        ("EXPIRETIME a", ":-2\r\n"),
        ("PEXPIRETIME a", ":-2\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("TTL a", ":-1\r\n"),
        ("PTTL a", ":-1\r\n"),
        ("EXPIRETIME a", ":-1\r\n"),
        ("PEXPIRETIME a", ":-1\r\n"),
        ("PEXPIREAT a 33177117420499", ":1\r\n"),
        ("EXPIRETIME a", ":33177117420\r\n"),
        ("PEXPIRETIME a", ":33177117420499\r\n"),
        ("PEXPIREAT a 33177117420500", ":1\r\n"),
        ("EXPIRETIME a", ":33177117421\r\n"),
        ("EXPIREAT a 33177117420", ":1\r\n"),
        ("PEXPIRETIME a", ":33177117420000\r\n"),
        ("PEXPIREAT a 9223372036854775000", ":1\r\n"),
        ("PEXPIRETIME a", ":9223372036854775000\r\n"),
        ("EXPIRETIME a", ":9223372036854775\r\n"),
    ]);
}

#[test]
fn a_deadline_is_exact_to_the_millisecond() {
    // The test's clock stands at 1,700,000,000,000.
    check(&[
        ("SET a 1", "+OK\r\n"),
        ("PEXPIRE a 1", ":1\r\n"),
        ("PTTL a", ":1\r\n"),
        ("TTL a", ":0\r\n"),
        ("PEXPIRETIME a", ":1700000000001\r\n"),
        ("EXPIRETIME a", ":1700000000\r\n"),
        ("PEXPIRE a 499", ":1\r\n"),
        ("TTL a", ":0\r\n"),
        ("PEXPIRE a 500", ":1\r\n"),
        ("TTL a", ":1\r\n"),
        ("EXPIRE a 1", ":1\r\n"),
        ("PEXPIRETIME a", ":1700000001000\r\n"),
        ("EXPIREAT a 1700000001", ":1\r\n"),
        ("PTTL a", ":1000\r\n"),
        ("PEXPIREAT a 1700000001000 GT", ":0\r\n"),
        ("PEXPIREAT a 1700000001000 LT", ":0\r\n"),
        ("PEXPIREAT a 1700000001001 GT", ":1\r\n"),
        ("PEXPIREAT a 1700000001000 LT", ":1\r\n"),
        ("PEXPIREAT a 1700000000000", ":1\r\n"),
        ("TTL a", ":-2\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("EXPIREAT a 1700000000", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
    ]);
}

#[test]
fn the_largest_time_that_64_bits_hold_is_taken() {
    check(&[
        ("SET a 1", "+OK\r\n"),
        ("PEXPIRE a 9223370336854775807", ":1\r\n"),
        ("PEXPIRETIME a", ":9223372036854775807\r\n"),
        ("PTTL a", ":9223370336854775807\r\n"),
        ("TTL a", ":9223370336854776\r\n"),
        ("PEXPIRE a 9223370336854775808", "-ERR invalid expire time in 'pexpire' command\r\n"),
        ("EXPIRE a 9223370336854775", ":1\r\n"),
        ("PEXPIRETIME a", ":9223372036854775000\r\n"),
        ("EXPIRE a 9223370336854776", "-ERR invalid expire time in 'expire' command\r\n"),
        ("PEXPIREAT a 9223372036854775807", ":1\r\n"),
        ("PEXPIREAT a 9223372036854775807 GT", ":0\r\n"),
        ("GET a", "$1\r\n1\r\n"),
    ]);
}

/// Another key of the partition was written by a clock that was ahead.
#[test]
fn relative_times_count_from_the_latest_clock_that_was_seen() {
    let ahead = || {
        let mut bench = Bench::new();
        bench.now.wall_ms += 60_000;
        bench.check(&[("SET other{k} v", "+OK\r\n"), ("SET {k} v", "+OK\r\n")]);
        bench.now.wall_ms -= 60_000;
        bench
    };
    for line in ["SET {k} v EX 30", "SETEX {k} 30 v", "EXPIRE {k} 30", "GETEX {k} EX 30"] {
        let mut bench = ahead();
        bench.line(line);
        bench.check(&[("GET {k}", "$1\r\nv\r\n"), ("TTL {k}", ":30\r\n")]);
        bench.pass_ms(60_000 + 29_999);
        bench.check(&[("GET {k}", "$1\r\nv\r\n"), ("PTTL {k}", ":1\r\n")]);
        bench.pass_ms(1);
        bench.check(&[("GET {k}", "$-1\r\n")]);
    }
}
