//! What INFO counts: true, and reset by CONFIG RESETSTAT.

use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring, Redis};
use std::collections::BTreeMap;

/// A section of INFO, field by field.
fn info(conn: &mut Conn, section: &str) -> BTreeMap<String, String> {
    let text = conn.ask(&format!("INFO {section}"));
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.into(), value.into()));
    text.lines().filter_map(pair).collect()
}

/// `calls`, `rejected_calls` and `failed_calls` of a command.
fn calls(conn: &mut Conn, command: &str) -> Option<[u64; 3]> {
    let stats = info(conn, "commandstats");
    let line = stats.get(&format!("cmdstat_{command}"))?;
    let number = |name: &str| {
        let found = line.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name} in {line}")).parse().expect("a number")
    };
    assert!(line.contains(",usec=") && line.contains(",usec_per_call="), "{line}");
    Some([number("calls"), number("rejected_calls"), number("failed_calls")])
}

/// The same commands for both servers.
const ORDINARY: &[&str] = &[
    "SET a 1",
    "GET a",
    "GET a",
    "GET",
    "LPUSH a x",
    "INCR a b",
    "NOSUCH x",
    "CLIENT GETNAME",
    "CLIENT NOSUCH",
    "MULTI",
    "GET a",
    "LPUSH a x",
    "GET",
    "EXEC",
    "MULTI",
    "GET a",
    "LPUSH a x",
    "SET a 2",
    "EXEC",
    "EXEC",
    "DISCARD",
    "KEYS *",
    "MULTI",
    "WATCH a",
    "DISCARD",
    "CONFIG GET port",
    "CONFIG GET",
    "SELECT 99",
    "HELLO 9",
];

fn counted(conn: &mut Conn) -> Vec<(&'static str, Option<[u64; 3]>)> {
    assert_eq!(conn.ask("CONFIG RESETSTAT"), "+OK");
    for line in ORDINARY {
        conn.ask(line);
    }
    let commands = [
        "set",
        "get",
        "lpush",
        "incr",
        "client|getname",
        "client",
        "multi",
        "exec",
        "discard",
        "keys",
        "watch",
        "config|get",
        "select",
        "hello",
        "nosuch",
    ];
    commands.map(|command| (command, calls(conn, command))).to_vec()
}

#[test]
fn calls_are_counted_as_redis_counts_them() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let ours = counted(&mut conn);
    let errors = info(&mut conn, "errorstats");
    let get = ours.iter().find(|(command, _)| *command == "get");
    assert_eq!(get, Some(&("get", Some([3, 2, 0]))));
    let Some(redis) = Redis::start() else { return };
    let mut conn = redis.connect();
    assert_eq!(ours, counted(&mut conn));
    assert_eq!(errors, info(&mut conn, "errorstats"));
}

/// Hits and misses of each line, which begins without keys but `a` and `s`.
fn hits_and_misses(conn: &mut Conn) -> Vec<(&'static str, String, String)> {
    let lines = [
        "GET a",
        "GET b",
        "MGET a b a",
        "EXISTS a b",
        "TTL a",
        "TYPE b",
        "STRLEN a",
        "GETEX a",
        "GETEX a EX 100",
        "GETEX b",
        "GETDEL a",
        "GETDEL b",
        "GETSET a 1",
        "GETSET b 1",
        "SET a 1 GET",
        "SET b 1 GET",
        "SET a 1",
        "SET a 1 XX",
        "SETNX a 1",
        "APPEND a 1",
        "INCR b",
        "SMEMBERS s",
        "SADD s n",
        "EXPIRE a 100",
        "RENAME a b",
        "TOUCH a",
        "SET s 1 GET",
        "SET s 1 NX GET",
        "SET a 1 NX GET",
        "SET a 1 GET EX 0",
        "GETSET s 1",
        "GETDEL s",
        "GETEX s",
        "GETEX s EX 0",
        "GETEX a EX 0",
        "GETEX a EX abc",
        "GETEX a NOSUCH",
        "GETEX b EX 0",
        "GETEX a EXAT 1",
        "INCR s",
        "SCAN 0",
        "SCAN 0 MATCH a",
        "SCAN 0 TYPE string",
        "SCAN 0 TYPE nosuch",
        "SCAN 0 TYPE set MATCH a",
    ];
    let count = |line: &'static str| {
        for command in ["FLUSHALL", "SET a 1", "SADD s m", "CONFIG RESETSTAT", line] {
            conn.ask(command);
        }
        let stats = info(conn, "stats");
        (line, stats["keyspace_hits"].clone(), stats["keyspace_misses"].clone())
    };
    lines.map(count).to_vec()
}

#[test]
fn hits_and_misses_are_counted_as_redis_counts_them() {
    let kinring = Kinring::start(&[]);
    let ours = hits_and_misses(&mut kinring.connect());
    assert_eq!(ours[2], ("MGET a b a", "2".to_owned(), "1".to_owned()));
    let Some(redis) = Redis::start() else { return };
    assert_eq!(ours, hits_and_misses(&mut redis.connect()));
}

#[test]
fn the_time_of_commands_is_about_what_they_took() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    for at in 0..20_000 {
        conn.send(format!("SET key:{at} x\r\n").as_bytes());
    }
    conn.expect(&b"+OK\r\n".repeat(20_000));
    assert_eq!(conn.ask("KEYS nothing"), "[]");
    let stats = info(&mut conn, "commandstats");
    let usec = |name: &str| -> f64 {
        let each =
            stats[name].split("usec_per_call=").nth(1).and_then(|rest| rest.split(',').next());
        each.and_then(|text| text.parse().ok()).expect("a number")
    };
    assert!(usec("cmdstat_set") > 0.0 && usec("cmdstat_set") < 1000.0, "{stats:?}");
    assert!(usec("cmdstat_keys") > 100.0, "{stats:?}");
}

#[test]
fn a_reset_begins_everything_again() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    for line in ["SET a 1 PX 1", "NOSUCH", "GET a", "GET b"] {
        conn.ask(line);
    }
    assert!(eventually(|| info(&mut conn, "stats")["expired_keys"] == "1"));
    assert_eq!(info(&mut conn, "stats")["total_error_replies"], "1");
    assert_eq!(conn.ask("CONFIG RESETSTAT"), "+OK");
    let stats = info(&mut conn, "stats");
    for name in ["expired_keys", "total_error_replies", "keyspace_misses", "keyspace_hits"] {
        assert_eq!(stats[name], "0", "{name}");
    }
    assert_eq!(calls(&mut conn, "get"), None);
    assert!(!conn.ask("INFO errorstats").contains("errorstat_"));
    assert_eq!(conn.ask("SET a 1 PX 1"), "+OK");
    assert!(eventually(|| info(&mut conn, "stats")["expired_keys"] == "1"));
}

#[test]
fn sections_are_those_that_were_asked_for() {
    let kinring = Kinring::start(&[]);
    let redis = Redis::start();
    let heads = |conn: &mut Conn, names: &str| -> Vec<String> {
        let text = conn.ask(&format!("INFO {names}"));
        text.lines().filter(|line| line.contains("# ")).map(str::to_owned).collect()
    };
    for names in [
        "default",
        "all",
        "everything",
        "nosuch",
        "STATS cpu stats",
        "commandstats",
        "default commandstats",
        "modules",
        "nosuch cpu",
    ] {
        let mut ours = heads(&mut kinring.connect(), names);
        assert!(!ours.iter().any(|head| head.contains("Latencystats")));
        if let Some(redis) = &redis {
            let mut theirs = heads(&mut redis.connect(), names);
            // Percentiles would have to be made up.
            theirs.retain(|head| !head.contains("Latencystats"));
            // A "$" of the reply's kind stands before the first.
            ours.iter_mut().chain(&mut theirs).for_each(|head| *head = head.replace('$', ""));
            assert_eq!(ours, theirs, "{names}");
        }
    }
}

#[test]
fn memory_has_a_peak_and_a_machine() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    conn.command(&[b"SET", b"big", &vec![b'x'; 32 << 20]]);
    let number = |conn: &mut Conn, name: &str| -> u64 {
        info(conn, "memory")[name].parse().expect("a number")
    };
    let at_most = number(&mut conn, "used_memory");
    assert!(at_most > 32 << 20 && number(&mut conn, "used_memory_peak") >= at_most);
    assert_eq!(conn.ask("DEL big"), ":1");
    assert!(eventually(|| number(&mut conn, "used_memory") < at_most / 2));
    assert!(number(&mut conn, "used_memory_peak") >= at_most);
    assert!(number(&mut conn, "total_system_memory") > at_most);
}
