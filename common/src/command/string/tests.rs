//! Each command as a table of requests and replies, run in both protocols, with and without a
//! reader of deltas. The replies are those of a Redis 7; the key `h` holds a hash.

use crate::causal::{Applied, Change, Horizon, Kind, Path, Record};
use crate::command::testing::Bench;
use crate::keyspace::{Effect, Effects, Interest, PartitionSet, Txn};
use crate::resp::Protocol;
use bytes::Bytes;

const OK: &str = "+OK\r\n";
const NIL: &str = "$-1\r\n";
const ONE: &str = ":1\r\n";
const ZERO: &str = ":0\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOT_FLOAT: &str = "-ERR value is not a valid float\r\n";
const OVERFLOW: &str = "-ERR increment or decrement would overflow\r\n";
const INFINITE: &str = "-ERR increment would produce NaN or Infinity\r\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const SET_EXPIRE: &str = "-ERR invalid expire time in 'set' command\r\n";
const GETEX_EXPIRE: &str = "-ERR invalid expire time in 'getex' command\r\n";

/// A bench with a hash at `h`.
fn bench(deltas: bool) -> Bench {
    let mut bench = Bench::with(|options| options.deltas = deltas);
    within(&mut bench, |txn| {
        let put = vec![(Path::Field(Bytes::from_static(b"f")), Bytes::from_static(b"v"))];
        txn.change(b"h", Change::Cells { kind: Kind::Hash, put, remove: Vec::new() });
    });
    bench
}

/// Runs something in a transaction that holds every lock.
fn within<T>(bench: &mut Bench, run: impl FnOnce(&mut Txn<'_, '_>) -> T) -> T {
    let mut effects = Effects::new(Interest { deltas: false, ..bench.space.interest() });
    let mut locks = bench.space.lock(&PartitionSet::ALL);
    run(&mut Txn::new(&mut locks, &mut effects, bench.now, bench.db, 0))
}

/// What each line is answered in a fresh keyspace.
fn check(cases: &[(&str, &str)]) {
    for (protocol, nil) in [(Protocol::Resp2, NIL), (Protocol::Resp3, "_\r\n")] {
        for deltas in [false, true] {
            let mut bench = bench(deltas);
            bench.protocol = protocol;
            for (line, wanted) in cases {
                assert_eq!(bench.line(line), wanted.replace(NIL, nil), "{line} in {protocol:?}");
            }
        }
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

#[test]
fn set_takes_its_options_in_any_order_and_case() {
    check(&[
        ("SET a 1 NX", OK),
        ("SET a 2 NX", NIL),
        ("SET a 3 nx get", "$1\r\n1\r\n"),
        ("SET a 3 xX", OK),
        ("SET b 3 XX", NIL),
        ("SET b 3 XX GET", NIL),
        ("GET b", NIL),
        ("SET b 4 GET NX", NIL),
        ("GET b", "$1\r\n4\r\n"),
        ("SET b 5 ex 100 gEt XX", "$1\r\n4\r\n"),
        ("SET b 6 XX PX 100 XX GET GET PX 200", "$1\r\n5\r\n"),
        ("SET b 7 KEEPTTL KEEPTTL NX NX", NIL),
        ("SET b 8 EXAT 4102444800", OK),
        ("SET b 9 pxat 4102444800000 Get", "$1\r\n8\r\n"),
        ("SET h 1 GET", WRONG_TYPE),
        ("SET h 1 NX GET", WRONG_TYPE),
        ("SET h 1 NX", NIL),
        ("GET h", WRONG_TYPE),
        ("SET h 1", OK),
        ("GET h", "$1\r\n1\r\n"),
    ]);
}

#[test]
fn set_refuses_options_that_exclude_each_other() {
    let lines = [
        "NX XX",
        "XX NX",
        "EX 1 PX 1",
        "EX 1 EXAT 1",
        "PX 1 PXAT 1",
        "PXAT 1 EX 1",
        "EX 1 KEEPTTL",
        "KEEPTTL EX 1",
        "KEEPTTL PXAT 1",
        "EX",
        "NX PX",
        "EX 1 EX",
        "PERSIST",
        "FOO",
        "NXX",
        "GET x",
        "EX 0 FOO",
        "",
    ];
    for options in lines {
        check(&[
            (&format!("SET h 1 {options}"), SYNTAX),
            (&format!("SET new 1 {options}"), SYNTAX),
        ]);
    }
    check(&[("SET", "-ERR wrong number of arguments for 'set' command\r\n")]);
    check(&[("SET a", "-ERR wrong number of arguments for 'set' command\r\n")]);
}

#[test]
fn set_refuses_times_that_are_none() {
    check(&[
        ("SET a 1 EX 0", SET_EXPIRE),
        ("SET a 1 EX -1", SET_EXPIRE),
        ("SET a 1 PX 0", SET_EXPIRE),
        ("SET a 1 EXAT 0", SET_EXPIRE),
        ("SET a 1 PXAT -1", SET_EXPIRE),
        ("SET a 1 EX 9223372036854776", SET_EXPIRE),
        ("SET a 1 EX 9223372036854775", SET_EXPIRE),
        ("SET a 1 EXAT 9223372036854776", SET_EXPIRE),
        ("SET a 1 PX 9223372036854775807", SET_EXPIRE),
        ("SET a 1 EX 9223372036854775808", NOT_INTEGER),
        ("SET a 1 EX 1.0", NOT_INTEGER),
        ("SET a 1 PX x", NOT_INTEGER),
        // The time comes before the type and before the condition.
        ("SET h 1 EX 0 GET", SET_EXPIRE),
        ("SET a 1 XX EX x", NOT_INTEGER),
        ("SET a 1 EX 0 EX 10", OK),
        ("SET a 1 EXAT 9223372036854775", OK),
        ("SET a 1 PXAT 9223372036854775807", OK),
        ("GET a", "$1\r\n1\r\n"),
        // A time that has passed: the key is there and expired.
        ("SET a 2 PXAT 1 GET", "$1\r\n1\r\n"),
        ("GET a", NIL),
        ("SET a 2 EXAT 1", OK),
        ("SET a 3 XX", NIL),
        ("SETEX a 0 v", "-ERR invalid expire time in 'setex' command\r\n"),
        ("SETEX a 9223372036854776 v", "-ERR invalid expire time in 'setex' command\r\n"),
        ("SETEX a v 1", NOT_INTEGER),
        ("PSETEX a -5 v", "-ERR invalid expire time in 'psetex' command\r\n"),
        ("PSETEX a 9223372036854775807 v", "-ERR invalid expire time in 'psetex' command\r\n"),
        ("SETEX h 10 v", OK),
        ("GET h", "$1\r\nv\r\n"),
        ("PSETEX a 10000 w", OK),
        ("GET a", "$1\r\nw\r\n"),
    ]);
}

/// The deadline of `a` from now, in milliseconds.
fn time_to_live(bench: &mut Bench) -> Option<u64> {
    let now = bench.now.wall_ms;
    within(bench, |txn| txn.deadline(b"a")).expect("the key is there").map(|ms| ms - now)
}

#[test]
fn a_deadline_is_set_kept_or_cleared() {
    let cases: [(&str, Option<u64>); 22] = [
        ("SET a 1", None),
        ("SET a 1 EX 7", Some(7000)),
        ("SET a 1 PX 7", Some(7)),
        ("SET a 1 EXAT 1700000009", Some(9000)),
        ("SET a 1 PXAT 1700000000009", Some(9)),
        ("SET a 1 KEEPTTL", Some(1000)),
        ("SET a 1 GET", None),
        ("SETNX a 1", Some(1000)),
        ("GETSET a 1", None),
        ("SETEX a 7 1", Some(7000)),
        ("PSETEX a 7 1", Some(7)),
        ("MSET a 1 b 1", None),
        ("APPEND a 1", Some(1000)),
        ("INCR a", Some(1000)),
        ("DECRBY a 3", Some(1000)),
        ("INCRBYFLOAT a 0.5", Some(1000)),
        ("GETEX a", Some(1000)),
        ("GETEX a PERSIST", None),
        ("GETEX a EX 7", Some(7000)),
        ("GETEX a PX 7", Some(7)),
        ("GETEX a EXAT 1700000009", Some(9000)),
        ("GETEX a PXAT 1700000000009", Some(9)),
    ];
    let long = "0".repeat(5000);
    for deltas in [false, true] {
        for (line, wanted) in cases {
            let mut bench = bench(deltas);
            bench.check(&[("SET a 1 PX 1000", OK)]);
            bench.line(line);
            assert_eq!(time_to_live(&mut bench), wanted, "{line}");
            bench.line("INCRBY a 1");
            assert_eq!(time_to_live(&mut bench), wanted, "INCRBY after {line}");
        }
        let mut bench = bench(deltas);
        bench.check(&[(&format!("SET a {long} PX 1000"), OK), ("APPEND a 1", ":5001\r\n")]);
        assert_eq!(time_to_live(&mut bench), Some(1000), "APPEND to a long value");
    }
}

#[test]
fn a_string_is_there_until_the_millisecond_of_its_deadline() {
    for deltas in [false, true] {
        let mut bench = bench(deltas);
        bench.check(&[
            ("SET a 5 PX 100", OK),
            ("INCR a", ":6\r\n"),
            ("SET b 1 EXAT 1700000001", OK),
        ]);
        bench.pass_ms(99);
        bench.check(&[("GET a", "$1\r\n6\r\n"), ("SETNX a 1", ZERO), ("STRLEN a", ONE)]);
        bench.pass_ms(1);
        bench.check(&[
            ("GET a", NIL),
            ("STRLEN a", ZERO),
            ("GETEX a PERSIST", NIL),
            ("GETDEL a", NIL),
            ("MGET a b", "*2\r\n$-1\r\n$1\r\n1\r\n"),
            ("SET a 1 XX", NIL),
            ("SET a 1 KEEPTTL GET", NIL),
        ]);
        assert_eq!(time_to_live(&mut bench), None, "an expired deadline is not kept");
        bench.pass_ms(900);
        bench.check(&[("APPEND b x", ONE), ("GET b", "$1\r\nx\r\n"), ("SET b 7 PX 1", OK)]);
        bench.pass_ms(1);
        bench.check(&[("INCR b", ONE), ("SET b 7 PX 1", OK)]);
        bench.pass_ms(1);
        bench.check(&[("INCRBYFLOAT b 0.5", "$3\r\n0.5\r\n"), ("SET b 7 PX 1", OK)]);
        bench.pass_ms(1);
        bench.check(&[("MSETNX b 1 c 2", ONE), ("MGET b c", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n")]);
    }
}

#[test]
fn getex_reads_before_it_judges_the_time() {
    check(&[
        ("GETEX a", NIL),
        // The key comes before the time, the grammar before the key.
        ("GETEX a EX 0", NIL),
        ("GETEX a EX x", NIL),
        ("GETEX a FOO", SYNTAX),
        ("GETEX h FOO", SYNTAX),
        ("GETEX h EX 0", WRONG_TYPE),
        ("GETEX h", WRONG_TYPE),
        ("SET a 1", OK),
        ("GETEX a KEEPTTL", SYNTAX),
        ("GETEX a NX", SYNTAX),
        ("GETEX a GET", SYNTAX),
        ("GETEX a EX 10 PERSIST", SYNTAX),
        ("GETEX a PERSIST EX 10", SYNTAX),
        ("GETEX a EX 10 PX 10", SYNTAX),
        ("GETEX a EX", SYNTAX),
        ("GETEX a EX 0", GETEX_EXPIRE),
        ("GETEX a PXAT -1", GETEX_EXPIRE),
        ("GETEX a EX 9223372036854776", GETEX_EXPIRE),
        ("GETEX a PX x", NOT_INTEGER),
        ("GETEX a PERSIST persist", "$1\r\n1\r\n"),
        ("GETEX a ex 10 Ex 20", "$1\r\n1\r\n"),
        ("GETEX a EXAT 4102444800", "$1\r\n1\r\n"),
        ("GETEX a PXAT 1", "$1\r\n1\r\n"),
        ("GETEX a", NIL),
        ("SET a 2 EX 100", OK),
        ("GETEX a EXAT 1", "$1\r\n2\r\n"),
        ("GET a", NIL),
    ]);
}

#[test]
fn getdel_getset_and_setnx_reply_what_was_there() {
    check(&[
        ("GETSET a 1", NIL),
        ("GETSET a 2", "$1\r\n1\r\n"),
        ("GETSET h 2", WRONG_TYPE),
        ("GETDEL h", WRONG_TYPE),
        ("GETDEL a", "$1\r\n2\r\n"),
        ("GETDEL a", NIL),
        ("SETNX a 1", ONE),
        ("SETNX a 2", ZERO),
        ("SETNX h 2", ZERO),
        ("GET a", "$1\r\n1\r\n"),
        ("GETDEL a b", "-ERR wrong number of arguments for 'getdel' command\r\n"),
    ]);
}

#[test]
fn many_keys_are_one_command() {
    check(&[
        ("MSET a 1 b 2 a 3", OK),
        ("MGET a b c h a", "*5\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n$-1\r\n$1\r\n3\r\n"),
        ("MSET a", "-ERR wrong number of arguments for 'mset' command\r\n"),
        ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"),
        ("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command\r\n"),
        ("MGET", "-ERR wrong number of arguments for 'mget' command\r\n"),
        ("MSETNX c 1 a 9", ZERO),
        ("MSETNX c 1 h 9", ZERO),
        ("MGET a c", "*2\r\n$1\r\n3\r\n$-1\r\n"),
        ("MSETNX c 1 d 2 c 3", ONE),
        ("MGET c d", "*2\r\n$1\r\n3\r\n$1\r\n2\r\n"),
        ("MSET h 1", OK),
        ("GET h", "$1\r\n1\r\n"),
    ]);
}

#[test]
fn a_string_is_appended_to_and_measured() {
    check(&[
        ("STRLEN a", ZERO),
        ("APPEND a ", ZERO),
        ("GET a", "$0\r\n\r\n"),
        ("APPEND a ab", ":2\r\n"),
        ("APPEND a c", ":3\r\n"),
        ("STRLEN a", ":3\r\n"),
        ("APPEND h c", WRONG_TYPE),
        ("STRLEN h", WRONG_TYPE),
        ("SET n 5", OK),
        ("INCR n", ":6\r\n"),
        ("GET n", "$1\r\n6\r\n"),
        ("STRLEN n", ONE),
        ("APPEND n 0", ":2\r\n"),
        ("INCR n", ":61\r\n"),
        ("APPEND n x", ":3\r\n"),
        ("INCR n", NOT_INTEGER),
        ("INCR m", ONE),
        ("APPEND m 5", ":2\r\n"),
        ("DECR m", ":14\r\n"),
        ("SET m -7", OK),
        ("DECR m", ":-8\r\n"),
        ("STRLEN m", ":2\r\n"),
    ]);
}

#[test]
fn integers_are_counted_within_64_bits() {
    check(&[
        ("INCR a", ONE),
        ("DECR a", ZERO),
        ("DECR a", ":-1\r\n"),
        ("INCRBY a 11", ":10\r\n"),
        ("DECRBY a -5", ":15\r\n"),
        ("INCRBY a 0", ":15\r\n"),
        ("INCRBY a 1.5", NOT_INTEGER),
        ("INCRBY a 9223372036854775808", NOT_INTEGER),
        ("INCRBY a 9223372036854775807", OVERFLOW),
        ("DECRBY a 9223372036854775807", ":-9223372036854775792\r\n"),
        ("DECRBY a 17", OVERFLOW),
        ("DECRBY a 16", ":-9223372036854775808\r\n"),
        ("DECR a", OVERFLOW),
        ("DECRBY a -9223372036854775808", "-ERR decrement would overflow\r\n"),
        ("DECRBY a x", NOT_INTEGER),
        ("INCRBY a 9223372036854775807", ":-1\r\n"),
        ("SET a 9223372036854775807", OK),
        ("INCR a", OVERFLOW),
        ("DECR a", ":9223372036854775806\r\n"),
        ("INCR h", WRONG_TYPE),
        // The increment comes before the key's type.
        ("INCRBY h x", NOT_INTEGER),
        ("DECRBY h -9223372036854775808", "-ERR decrement would overflow\r\n"),
        ("SET b  ", SYNTAX),
        ("SET b 01", OK),
        ("INCR b", NOT_INTEGER),
        ("SET b +1", OK),
        ("INCR b", NOT_INTEGER),
        ("SET b 1.0", OK),
        ("INCR b", NOT_INTEGER),
        ("SET b 9223372036854775808", OK),
        ("DECR b", NOT_INTEGER),
        ("GET b", "$19\r\n9223372036854775808\r\n"),
    ]);
}

#[test]
fn floats_are_counted_in_what_redis_counts_them() {
    check(&[
        ("SET a 10.50", OK),
        ("INCRBYFLOAT a 0.1", "$4\r\n10.6\r\n"),
        ("INCRBYFLOAT a -5", "$3\r\n5.6\r\n"),
        ("SET a 5.0e3", OK),
        ("INCRBYFLOAT a 2.0e2", "$4\r\n5200\r\n"),
        // 64 bits are not enough for this one, and Redis shows it.
        ("INCRBYFLOAT a 5e-2", "$22\r\n5200.04999999999999982\r\n"),
        ("INCRBYFLOAT new -0", "$1\r\n0\r\n"),
        ("INCR new", ONE),
        ("INCRBYFLOAT new 0.25", "$4\r\n1.25\r\n"),
        ("SET a 5", OK),
        ("INCR a", ":6\r\n"),
        ("INCRBYFLOAT a 1e2", "$3\r\n106\r\n"),
        ("INCR a", ":107\r\n"),
        ("SET a 9223372036854775807", OK),
        ("INCRBYFLOAT a 1", "$19\r\n9223372036854775808\r\n"),
        ("INCRBYFLOAT a 0.5", "$19\r\n9223372036854775808\r\n"),
        ("INCRBYFLOAT a inf", INFINITE),
        ("INCRBYFLOAT a -Infinity", INFINITE),
        ("INCRBYFLOAT a nan", NOT_FLOAT),
        ("INCRBYFLOAT a x", NOT_FLOAT),
        ("INCRBYFLOAT a ", NOT_FLOAT),
        ("INCRBYFLOAT a 1e4933", NOT_FLOAT),
        ("SET a 1e4932", OK),
        ("INCRBYFLOAT a 1e4932", INFINITE),
        ("SET a inf", OK),
        ("INCRBYFLOAT a 1", INFINITE),
        ("SET a x", OK),
        ("INCRBYFLOAT a 1", NOT_FLOAT),
        ("INCRBYFLOAT h 1", WRONG_TYPE),
        ("INCRBYFLOAT h x", WRONG_TYPE),
    ]);
}

#[test]
fn floats_are_read_added_and_written_as_64_bits_allow() {
    let cases = [
        ("0.1", "0.2", "0.3"),
        ("0.3", "-0.1", "0.2"),
        ("1.1", "1.1", "2.2"),
        ("3.0e3", "-1", "2999"),
        ("1e17", "0.1", "100000000000000000.1015625"),
        ("1e18", "0.1", "1000000000000000000.125"),
        ("1e20", "1", "100000000000000000000"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("36893488147419103232", "2", "36893488147419103232"),
        ("123456789.987654321", "0.000000001", "123456789.98765432199434144"),
        ("1e-17", "0", "0.00000000000000001"),
        ("5e-18", "0", "0"),
        ("5.1e-18", "0", "0.00000000000000001"),
        ("-4e-18", "0", "0"),
        ("0.000000000000000015", "0", "0.00000000000000002"),
        ("0.000000000000000025", "0", "0.00000000000000002"),
        ("1e30", "-1e30", "0"),
        ("1e30", "1e-30", "1000000000000000000024696061952"),
        ("-1.5", "1.5", "0"),
        ("0x1.8p1", "0x10", "19"),
        ("0x.8", "1.", "1.5"),
        ("0xffffffffffffffffff", "0", "4722366482869645213696"),
        (".5", "5.", "5.5"),
        ("0x", "1", "not a float"),
        (".", "1", "not a float"),
        ("1e", "1", "not a float"),
        ("1e+", "1", "not a float"),
        ("0x1p", "1", "not a float"),
        ("1e-4950", "1", "1"),
        ("1e-4952", "1", "not a float"),
        ("0e9999", "1", "1"),
        ("0x1p-16445", "1", "1"),
        ("0x1p-16446", "1", "not a float"),
        ("0x1p16383", "0x1p16383", "infinite"),
        ("+1", "+2", "3"),
        ("--1", "1", "not a float"),
        ("1 ", "1", "not a float"),
        (" 1", "1", "not a float"),
        ("1_0", "1", "not a float"),
        ("1e25", "0", "10000000000000000000000000"),
        ("123456789012345678901234567890", "0.5", "123456789012345678899921813504"),
        ("99999999999999999999.5", "0.5", "100000000000000000000"),
    ];
    for (value, by, wanted) in cases {
        let mut bench = bench(false);
        bench.run(&[b"SET", b"a", value.as_bytes()]);
        let reply = bench.run(&[b"INCRBYFLOAT", b"a", by.as_bytes()]);
        let wanted = match wanted {
            "not a float" => NOT_FLOAT.to_owned(),
            "infinite" => INFINITE.to_owned(),
            sum => bulk(sum),
        };
        assert_eq!(String::from_utf8_lossy(&reply), wanted, "{value} + {by}");
    }
    // Nothing longer is read as a number.
    for (len, wanted) in [(5119, bulk("2")), (5120, NOT_FLOAT.to_owned())] {
        let mut bench = bench(false);
        bench.line(&format!("SET a {}1", "0".repeat(len - 1)));
        assert_eq!(bench.line("INCRBYFLOAT a 1"), wanted, "{len} digits");
    }
}

#[test]
fn values_may_be_empty_binary_and_long() {
    for deltas in [false, true] {
        let mut bench = bench(deltas);
        bench.run(&[b"SET", b"", b""]);
        assert_eq!(bench.run(&[b"GET", b""]), b"$0\r\n\r\n");
        assert_eq!(bench.run(&[b"APPEND", b"", b"\0\r\n\xff"]), b":4\r\n");
        assert_eq!(bench.run(&[b"GET", b""]), b"$4\r\n\0\r\n\xff\r\n");
        for len in [4095, 4096, 4097, 5000, 16 * 1024, 100_000] {
            let long = "x".repeat(len);
            bench.check(&[
                (&format!("SET a {long} GET"), NIL),
                ("GET a", &bulk(&long)),
                ("MGET a a", &format!("*2\r\n{}{}", bulk(&long), bulk(&long))),
                ("STRLEN a", &format!(":{len}\r\n")),
                ("INCR a", NOT_INTEGER),
                ("INCRBYFLOAT a 1", NOT_FLOAT),
                ("APPEND a yz", &format!(":{}\r\n", len + 2)),
                ("GETSET a 1", &bulk(&format!("{long}yz"))),
                (&format!("APPEND a {long}"), &format!(":{}\r\n", len + 1)),
                ("GETDEL a", &bulk(&format!("1{long}"))),
            ]);
        }
    }
}

#[test]
fn a_value_that_a_reply_still_holds_is_not_appended_to() {
    for deltas in [false, true] {
        let mut bench = bench(deltas);
        let long = "x".repeat(20_000);
        bench.check(&[(&format!("SET a {long}"), OK)]);
        let held = within(&mut bench, |txn| match txn.text(b"a") {
            Ok(Some(crate::keyspace::Text::Shared(bytes))) => bytes,
            other => panic!("a long string is shared: {other:?}"),
        });
        bench.check(&[("APPEND a y", ":20001\r\n"), ("APPEND a z", ":20002\r\n")]);
        assert_eq!(held, long, "what was read stays as it was");
        bench.check(&[("GET a", &bulk(&format!("{long}yz")))]);
    }
}

#[test]
fn a_string_does_not_grow_past_the_limit() {
    let mut bench = bench(false);
    let long = "x".repeat(5000);
    bench.check(&[("SET a 12345", OK), (&format!("SET b {long}"), OK), ("INCR n", ONE)]);
    within(&mut bench, |txn| {
        txn.text_bytes_max = 5001;
        let too_long = Err(crate::command::CommandError::StringTooLong);
        assert_eq!(txn.append(b"b", b"y"), Ok(5001));
        assert_eq!(txn.append(b"b", b"y"), too_long);
        assert_eq!(txn.append(b"b", b""), Ok(5001));
        assert_eq!(txn.append(b"a", &[b'y'; 4997]), too_long);
        assert_eq!(txn.append(b"n", &[b'y'; 5001]), too_long);
        // Only what grows is measured, as in Redis.
        assert_eq!(txn.append(b"new", &[b'y'; 5002]), Ok(5002));
    });
    bench.check(&[
        ("GET a", "$5\r\n12345\r\n"),
        ("GET n", "$1\r\n1\r\n"),
        ("STRLEN b", ":5001\r\n"),
    ]);
}

/// The events of one line after some others, as `$set a`.
fn events(before: &[&str], line: &str) -> String {
    let mut bench = bench(false);
    before.iter().for_each(|line| drop(bench.line(line)));
    bench.effects.clear();
    bench.line(line);
    let events = bench.effects.iter().filter_map(|effect| match effect {
        Effect::Event { class, name, key, .. } => {
            Some(format!("{class:?} {name} {}", String::from_utf8_lossy(key)))
        }
        _ => None,
    });
    events.collect::<Vec<_>>().join(", ")
}

#[test]
fn events_have_the_names_that_redis_gives_them() {
    let cases = [
        ("GET a", ""),
        ("SET a 1", "String set a"),
        ("SET a 1 EX 1 GET", "String set a, Generic expire a"),
        ("SET a 1 KEEPTTL", "String set a"),
        ("SET a 1 NX", ""),
        ("SET a 1 EX 0", ""),
        ("SETNX b 1", "String set b"),
        ("SETEX a 1 1", "String set a, Generic expire a"),
        ("PSETEX a 1 1", "String set a, Generic expire a"),
        ("GETSET a 1", "String set a"),
        ("GETDEL a", "Generic del a"),
        ("GETDEL b", ""),
        ("GETEX a", ""),
        ("GETEX a EX 1", "Generic expire a"),
        ("GETEX a EXAT 1", "Generic del a"),
        ("GETEX a PERSIST", "Generic persist a"),
        ("MGET a", ""),
        ("MSET a 1 b 1", "String set a, String set b"),
        ("MSETNX b 1 b 2", "String set b, String set b"),
        ("MSETNX b 1 a 2", ""),
        ("APPEND a 1", "String append a"),
        ("STRLEN a", ""),
        ("INCR a", "String incrby a"),
        ("DECR a", "String incrby a"),
        ("DECRBY a 2", "String incrby a"),
        ("INCRBYFLOAT a 2", "String incrbyfloat a"),
        ("INCRBYFLOAT a x", ""),
    ];
    for (line, wanted) in cases {
        assert_eq!(events(&["SET a 1 EX 9"], line), wanted, "{line}");
    }
    assert_eq!(events(&["SET a 1"], "GETEX a PERSIST"), "", "there was no deadline");
}

#[test]
fn what_changes_nothing_touches_nothing() {
    let lines = [
        "SET a 2 NX",
        "SET b 2 XX",
        "SET h 2 GET",
        "SET a 2 EX 0",
        "SET a 2 FOO",
        "GETEX a",
        "GETEX a PERSIST",
        "GETEX a EX 0",
        "GETDEL b",
        "GETDEL h",
        "GETSET h 1",
        "SETNX a 2",
        "SETEX a 0 2",
        "MSETNX b 2 a 2",
        "MSET a 2 b",
        "APPEND h 1",
        "INCR h",
        "INCRBY a x",
        "DECRBY a -9223372036854775808",
        "INCRBY a 9223372036854775807",
        "INCRBYFLOAT a inf",
    ];
    for line in lines {
        let mut bench = bench(true);
        bench.check(&[("SET a 1", OK)]);
        bench.effects.clear();
        bench.line(line);
        assert_eq!(bench.effects, [], "{line}");
    }
}

#[test]
fn a_replica_that_takes_the_deltas_has_the_same_record() {
    let long = "1".repeat(5000);
    let lines = [
        "SET a 5",
        "INCR a",
        "APPEND a 0",
        "INCRBY a 3",
        "GETEX a EX 100",
        "DECR a",
        "INCRBYFLOAT a 0.5",
        &format!("APPEND a {long}"),
        "APPEND a 2",
        "APPEND a 3",
        "GETEX a PERSIST",
        "APPEND a 4",
        "SET a 1 PX 9 KEEPTTL",
        "GETSET a 7",
        &format!("SET a {long} EX 9"),
        "APPEND a 5",
        "GETDEL a",
        "APPEND a 6",
        "SETNX a 1",
    ];
    let mut bench = Bench::with(|options| (options.deltas, options.lone) = (true, false));
    let mut replica = Record::default();
    for line in lines {
        bench.pass_ms(1);
        bench.line(line);
        for effect in bench.effects.drain(..) {
            if let Effect::Delta { delta, .. } = effect {
                let applied = replica.apply(&delta, &Horizon::default());
                assert_eq!(applied, Applied::Applied, "{line}");
            }
        }
        let at = bench.space.locate(0, b"a");
        let mut locks = bench.space.lock(&PartitionSet::ALL);
        let home = locks.partition(at.partition).record(&at, 0, b"a");
        assert_eq!(home.as_ref(), Some(&replica), "{line}");
    }
}
