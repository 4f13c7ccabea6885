//! MULTI, EXEC, DISCARD, WATCH.

use std::time::Duration;

use kinring_common::resp::reader::BytesFrame;
use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring};

const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";

fn pair() -> (Kinring, Conn, Conn) {
    let kinring = Kinring::start(&[]);
    let (one, two) = (kinring.connect(), kinring.connect());
    (kinring, one, two)
}

/// Sends commands and checks their replies.
#[track_caller]
fn dialogue(conn: &mut Conn, lines: &[(&str, &str)]) {
    for (command, reply) in lines {
        assert_eq!(conn.ask(command), *reply, "{command}");
    }
}

#[test]
fn commands_are_kept_and_run_at_exec() {
    let (_kinring, mut conn, mut other) = pair();
    dialogue(&mut conn, &[("MULTI", "+OK"), ("SET a 1", "+QUEUED"), ("INCR a", "+QUEUED")]);
    assert_eq!(other.ask("GET a"), "nil", "nothing has run");
    let rest = [
        ("GET a", "+QUEUED"),
        ("LPUSH a x", "+QUEUED"),
        ("SELECT 1", "+QUEUED"),
        ("SET a other", "+QUEUED"),
        ("KEYS *", "+QUEUED"),
        ("DBSIZE", "+QUEUED"),
        ("PING", "+QUEUED"),
        (
            "EXEC",
            "[+OK :2 $2 -WRONGTYPE Operation against a key holding the wrong kind of value +OK +OK \
             [$a] :1 +PONG]",
        ),
        ("GET a", "$other"),
        ("SELECT 0", "+OK"),
        ("GET a", "$2"),
        ("MULTI", "+OK"),
        ("EXEC", "[]"),
        ("EXEC", "-ERR EXEC without MULTI"),
    ];
    dialogue(&mut conn, &rest);
}

#[test]
fn what_cannot_be_kept_aborts_the_whole() {
    let (_kinring, mut conn, _) = pair();
    for wrong in ["NONSENSE", "GET", "SET a", "CLIENT NONSENSE"] {
        dialogue(&mut conn, &[("MULTI", "+OK"), ("SET a 1", "+QUEUED")]);
        assert!(conn.ask(wrong).starts_with("-ERR"), "{wrong}");
        dialogue(&mut conn, &[("SET b 1", "+QUEUED"), ("EXEC", ABORTED), ("EXISTS a b", ":0")]);
    }
    // These are refused, too, but the transaction goes on.
    let lines = [
        ("MULTI", "+OK"),
        ("MULTI", "-ERR MULTI calls can not be nested"),
        ("WATCH a", "-ERR WATCH inside MULTI is not allowed"),
        ("SET a 1", "+QUEUED"),
        ("EXEC", "[+OK]"),
        ("DISCARD", "-ERR DISCARD without MULTI"),
        ("MULTI", "+OK"),
        ("SET a 2", "+QUEUED"),
        ("DISCARD", "+OK"),
        ("GET a", "$1"),
    ];
    dialogue(&mut conn, &lines);
}

#[test]
fn a_watched_key_that_changes_makes_exec_do_nothing() {
    let (_kinring, mut conn, mut other) = pair();
    for (before, change, aborts) in [
        ("SET a 1", "SET a 2", true),
        ("SET a 1", "SET a 1", true),
        ("SET a 1", "DEL a", true),
        ("SET a 1", "EXPIRE a 100", true),
        ("SET a 1", "GET a", false),
        ("SET a 1", "SET b 2", false),
        ("SET a 1", "RENAME a c", true),
        ("SET a 1", "FLUSHALL", true),
        ("SET a 1", "FLUSHDB", true),
        ("DEL a", "SET a 1", true),
        ("DEL a", "DEL a", false),
        ("DEL a", "FLUSHALL", false),
        ("DEL a", "LPUSH a x", true),
        ("SET a 1", "LPUSH a x", false),
        ("SET a 1", "SETNX a 2", false),
    ] {
        conn.ask(before);
        dialogue(&mut conn, &[("WATCH a", "+OK"), ("MULTI", "+OK"), ("SET x 1", "+QUEUED")]);
        other.ask(change);
        let reply = conn.ask("EXEC");
        assert_eq!(reply, if aborts { "nil" } else { "[+OK]" }, "{before}, {change}");
        other.ask("FLUSHALL");
    }
}

#[test]
fn watches_end_with_exec_discard_unwatch_and_reset() {
    let (_kinring, mut conn, mut other) = pair();
    for end in [&["MULTI", "EXEC"][..], &["MULTI", "DISCARD"], &["UNWATCH"], &["RESET"]] {
        assert_eq!(conn.ask("WATCH a"), "+OK");
        end.iter().for_each(|command| drop(conn.ask(command)));
        assert_eq!(other.ask("INCR a").get(..1), Some(":"));
        dialogue(&mut conn, &[("MULTI", "+OK"), ("PING", "+QUEUED"), ("EXEC", "[+PONG]")]);
    }
    assert_eq!(conn.ask("WATCH a"), "+OK");
    dialogue(&mut conn, &[("MULTI", "+OK"), ("UNWATCH", "+QUEUED"), ("EXEC", "[+OK]")]);
}

#[test]
fn a_connection_watches_keys_of_several_databases_and_its_own_changes_count() {
    let (_kinring, mut conn, mut other) = pair();
    dialogue(&mut conn, &[("WATCH a", "+OK"), ("SELECT 1", "+OK"), ("WATCH b", "+OK")]);
    dialogue(&mut other, &[("SELECT 1", "+OK"), ("SET a 1", "+OK"), ("SELECT 0", "+OK")]);
    dialogue(&mut conn, &[("MULTI", "+OK"), ("PING", "+QUEUED"), ("EXEC", "[+PONG]")]);
    dialogue(&mut conn, &[("WATCH b", "+OK"), ("SELECT 0", "+OK"), ("MULTI", "+OK")]);
    dialogue(&mut other, &[("SELECT 1", "+OK"), ("SET b 1", "+OK")]);
    assert_eq!(conn.ask("EXEC"), "nil");
    dialogue(&mut conn, &[("WATCH c", "+OK"), ("SET c 1", "+OK"), ("MULTI", "+OK")]);
    assert_eq!(conn.ask("EXEC"), "nil");
}

#[test]
fn a_watched_key_that_expires_counts_as_changed() {
    let (_kinring, mut conn, _) = pair();
    dialogue(&mut conn, &[("SET a 1 PX 30", "+OK"), ("WATCH a", "+OK"), ("MULTI", "+OK")]);
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(conn.ask("EXEC"), "nil");
    // What had expired before the watch does not change when it is swept away.
    assert_eq!(conn.ask("CONFIG SET active-expire-effort 1"), "+OK");
    assert_eq!(conn.ask("SET a 1 PX 1"), "+OK");
    std::thread::sleep(Duration::from_millis(5));
    dialogue(&mut conn, &[("WATCH a", "+OK"), ("MULTI", "+OK"), ("PING", "+QUEUED")]);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(conn.ask("EXEC"), "[+PONG]");
}

#[test]
fn watches_of_a_connection_that_goes_are_given_up() {
    let (kinring, mut conn, mut other) = pair();
    for _ in 0..10 {
        assert_eq!(kinring.connect().ask("WATCH a b c"), "+OK");
    }
    assert_eq!(other.ask("WATCH a"), "+OK");
    let given_up = eventually(|| conn.ask("INFO clients").contains("total_watched_keys:1\r\n"));
    assert!(given_up, "{}", conn.ask("INFO clients"));
}

#[test]
fn commands_about_the_server_run_inside_exec() {
    let (_kinring, mut conn, mut other) = pair();
    let commands = [
        "INFO",
        "INFO keyspace",
        "SET a 1",
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "DBSIZE",
        "FLUSHALL",
        "DBSIZE",
        "CONFIG GET maxclients",
        "CONFIG SET timeout 0",
        "CLIENT LIST",
        "COMMAND COUNT",
        "TIME",
        "UNWATCH",
    ];
    assert_eq!(other.ask("WATCH a z"), "+OK");
    assert_eq!(conn.ask("WATCH b"), "+OK");
    assert_eq!(conn.ask("MULTI"), "+OK");
    for command in &commands {
        assert_eq!(conn.ask(command), "+QUEUED", "{command}");
    }
    let reply = conn.text("EXEC");
    let BytesFrame::Array { data, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(data.len(), commands.len(), "it came to its end");
    assert_eq!(other.ask("PING"), "+PONG");
}

#[test]
fn the_protocol_may_change_inside_exec() {
    let (_kinring, mut conn, _) = pair();
    conn.send(b"MULTI\r\nGET a\r\nHELLO 3\r\nGET a\r\nEXEC\r\nGET a\r\n");
    conn.expect(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$-1\r\n%7\r\n");
    let rest = conn.read_until(b"*0\r\n");
    assert!(rest.starts_with(b"$6\r\nserver\r\n"));
    conn.expect(b"_\r\n_\r\n");
}
