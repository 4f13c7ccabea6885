//! What string commands do besides their replies: memory, events, deltas.

use super::*;

#[test]
fn a_value_that_a_reply_still_holds_is_not_appended_to() {
    for deltas in [false, true] {
        let mut bench = bench(deltas);
        let long = "x".repeat(20_000);
        bench.check(&[(&format!("SET a {long}"), OK)]);
        let held = within(&mut bench, |txn| match txn.text(b"a") {
            Ok(Some(Text::Shared(bytes))) => bytes,
            other => panic!("a long string is shared: {other:?}"),
        });
        bench.check(&[("APPEND a y", ":20001\r\n"), ("APPEND a z", ":20002\r\n")]);
        assert_eq!(held, long, "what was read stays as it was");
        bench.check(&[("GET a", &bulk(&format!("{long}yz")))]);
    }
}

/// Where the long string at `a` lies.
fn address(bench: &mut Bench) -> usize {
    within(bench, |txn| match txn.text(b"a") {
        Ok(Some(Text::Shared(bytes))) => bytes.as_ptr().addr(),
        other => panic!("a long string is shared: {other:?}"),
    })
}

#[test]
fn a_long_value_is_not_copied_for_each_piece() {
    for deltas in [false, true] {
        let mut bench = bench(deltas);
        bench.check(&[(&format!("SET a {}", "x".repeat(100_000)), OK)]);
        let (mut moves, mut at) = (0, address(&mut bench));
        for _ in 0..1000 {
            // Deltas on their way hold the value.
            bench.effects.clear();
            bench.line("APPEND a 0123456789");
            let before = std::mem::replace(&mut at, address(&mut bench));
            moves += usize::from(at != before);
        }
        assert!(moves <= 2, "{moves} moves");
        bench.check(&[("STRLEN a", ":110000\r\n")]);
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
