//! Each command as a table of requests and replies, run in both protocols, with and without a
//! reader of deltas. The replies are those of a Redis 7; the key `h` holds a hash.

mod effects;
mod numbers;

use crate::causal::{Applied, Change, Horizon, Kind, Path, Record};
use crate::command::testing::Bench;
use crate::keyspace::{Effect, Effects, Interest, PartitionSet, Text, Txn};
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
        // 384 ms, if it wrapped around.
        ("SET a 1 EX 18446744073709552", SET_EXPIRE),
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
