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
fn a_reset_is_the_first_command_that_is_counted_after_it() {
    let counted = |conn: &mut Conn| {
        conn.ask("SET a 1");
        conn.ask("CONFIG RESETSTAT");
        let alone = calls(conn, "config|resetstat");
        for line in ["MULTI", "CONFIG RESETSTAT", "EXEC"] {
            conn.ask(line);
        }
        (alone, ["config|resetstat", "exec", "multi", "set"].map(|name| calls(conn, name)))
    };
    let kinring = Kinring::start(&[]);
    let ours = counted(&mut kinring.connect());
    let once = Some([1, 0, 0]);
    assert_eq!(ours, (once, [once, once, None, None]));
    let Some(redis) = Redis::start() else { return };
    assert_eq!(ours, counted(&mut redis.connect()));
}

#[test]
fn wrong_passwords_are_counted_and_not_forgotten() {
    let denied = |conn: &mut Conn| {
        for line in ["AUTH none", "CONFIG SET requirepass secret", "AUTH wrong", "HELLO 3 AUTH a b"]
        {
            conn.ask(line);
        }
        conn.ask("CONFIG RESETSTAT");
        info(conn, "stats")["acl_access_denied_auth"].clone()
    };
    let kinring = Kinring::start(&[]);
    let ours = denied(&mut kinring.connect());
    assert_eq!(ours, "2");
    let Some(redis) = Redis::start() else { return };
    // A Redis before 7.2 does not count them.
    if info(&mut redis.connect(), "stats").contains_key("acl_access_denied_auth") {
        assert_eq!(ours, denied(&mut redis.connect()));
    }
}

#[test]
fn the_average_time_to_live_is_that_of_the_keys() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let line = |conn: &mut Conn, db: &str| -> (String, u64) {
        let line = info(conn, "keyspace")[db].clone();
        let (counts, average) = line.split_once(",avg_ttl=").expect("the average");
        (counts.to_owned(), average.parse().expect("a number"))
    };
    for at in 0..2000 {
        conn.send(
            format!("SET key:{at} x EX {}\r\n", if at % 2 == 0 { 100 } else { 300 }).as_bytes(),
        );
    }
    conn.expect(&b"+OK\r\n".repeat(2000));
    let (counts, average) = line(&mut conn, "db0");
    assert_eq!(counts, "keys=2000,expires=2000");
    assert!((170_000..=230_000).contains(&average), "{average} ms");
    // A few among many: the average is theirs.
    for command in ["SELECT 1", "SET a 1", "SET b 1 EX 50", "SADD c 1", "EXPIRE c 150"] {
        conn.ask(command);
    }
    let (counts, average) = line(&mut conn, "db1");
    assert_eq!(counts, "keys=3,expires=2");
    assert!((90_000..=100_000).contains(&average), "{average} ms");
    for command in ["PERSIST b", "DEL c", "MULTI", "INFO keyspace"] {
        conn.ask(command);
    }
    assert!(conn.ask("EXEC").contains("db1:keys=2,expires=0,avg_ttl=0\r\n"));
}

#[test]
fn the_largest_input_is_remembered_for_some_seconds() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let most = |conn: &mut Conn| -> usize {
        info(conn, "clients")["client_recent_max_input_buffer"].parse().expect("a number")
    };
    let small = most(&mut conn);
    assert!((1..1000).contains(&small), "{small}: what came is input, however short it waited");
    conn.command(&[b"SET", b"key", &vec![b'x'; 1 << 20]]);
    let large = most(&mut conn);
    assert!((1 << 20..1 << 21).contains(&large), "{large}");
}

#[test]
fn the_memory_of_clients_is_the_sum_of_theirs() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let mut other = kinring.connect();
    other.send(b"*2\r\n$3\r\nGET\r\n$100000\r\nhalf");
    let same = eventually(|| {
        let list = conn.ask("CLIENT LIST");
        let each = list.split(" tot-mem=").skip(1).map(|rest| rest.split(' ').next());
        let each: Vec<u64> = each.map(|n| n.and_then(|n| n.parse().ok()).expect("n")).collect();
        let sum: u64 = each.iter().sum();
        // The server may not have met the other yet, nor what it sent.
        matches!(each[..], [one, two] if one != two)
            && info(&mut conn, "memory")["mem_clients_normal"] == sum.to_string()
    });
    assert!(same, "{} {}", conn.ask("CLIENT LIST"), conn.ask("INFO memory"));
}

#[test]
fn what_memory_is_for_adds_up() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let memory = |conn: &mut Conn| {
        let memory = info(conn, "memory");
        let number = |name: &str| -> u64 { memory[name].parse().expect("a number") };
        let used = number("used_memory");
        let (overhead, dataset) = (number("used_memory_overhead"), number("used_memory_dataset"));
        assert_eq!(overhead + dataset, used);
        assert!((1..=overhead).contains(&number("used_memory_startup")), "{memory:?}");
        (overhead, dataset)
    };
    let before = memory(&mut conn);
    for at in 0..20_000 {
        conn.send(format!("SET key:{at} {}\r\n", "x".repeat(200)).as_bytes());
    }
    conn.expect(&b"+OK\r\n".repeat(20_000));
    let after = memory(&mut conn);
    assert!(after.1 - before.1 > 20_000 * 200, "{before:?} {after:?}");
    let tables = after.0 - before.0;
    assert!((20_000 * 8..20_000 * 100).contains(&tables), "{before:?} {after:?}");
    assert_eq!(conn.ask("FLUSHALL"), "+OK");
    assert!(eventually(|| info(&mut conn, "memory")["lazyfree_pending_objects"] == "0"));
    assert!(eventually(|| memory(&mut conn).0 < before.0 + tables / 2), "the tables go, too");
}

#[test]
fn the_process_says_who_and_when_it_is() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let server = info(&mut conn, "server");
    let number = |text: &str| -> u64 { text.parse().expect("a number") };
    let seconds = number(&server["server_time_usec"]) / 1_000_000;
    assert_eq!(number(&server["lru_clock"]), seconds & 0xff_ffff);
    let replication = info(&mut conn, "replication");
    assert_eq!(replication["master_replid"], server["run_id"]);
    assert_eq!(replication["master_replid2"], "0".repeat(40));
    let cpu = info(&mut conn, "cpu");
    let seconds = |name: &str| -> f64 { cpu[name].parse().expect("a number") };
    assert!(seconds("used_cpu_user_main_thread") <= seconds("used_cpu_user"), "{cpu:?}");
    assert!(seconds("used_cpu_sys_main_thread") <= seconds("used_cpu_sys"), "{cpu:?}");
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
