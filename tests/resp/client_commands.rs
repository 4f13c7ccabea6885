//! CLIENT, RESET, SELECT: what a connection says of itself and does to others.

use std::time::Duration;

use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring};

/// The id that a connection has.
fn id_of(conn: &mut Conn) -> String {
    conn.ask("CLIENT ID").trim_start_matches(':').to_owned()
}

/// A filter of CLIENT KILL, made of the doomed connection's id, its address and the server's.
type Filter = fn(&str, &str, &str) -> String;

const FILTERS: &[Filter] = &[
    |_, addr, _| format!("CLIENT KILL {addr}"),
    |id, _, _| format!("CLIENT KILL ID {id}"),
    |_, addr, _| format!("CLIENT KILL ADDR {addr}"),
    |_, addr, _| format!("CLIENT KILL ADDR {addr} SKIPME no USER default TYPE normal"),
    |_, _, laddr| format!("CLIENT KILL LADDR {laddr}"),
    |_, _, _| "CLIENT KILL TYPE normal".to_owned(),
    |_, _, _| "CLIENT KILL USER default".to_owned(),
    |_, _, laddr| format!("CLIENT KILL LADDR {laddr} SKIPME yes"),
];

#[test]
fn another_connection_is_killed_by_every_filter() {
    let kinring = Kinring::start(&[]);
    let mut killer = kinring.connect();
    for filter in FILTERS {
        let mut doomed = kinring.connect();
        let (id, addr) = (id_of(&mut doomed), doomed.local_addr().to_string());
        let command = filter(&id, &addr, &kinring.addr().to_string());
        let reply = killer.ask(&command);
        assert!([":1", "+OK"].contains(&reply.as_str()), "{command}: {reply}");
        doomed.expect_end();
        assert_eq!(killer.ask("PING"), "+PONG");
    }
}

#[test]
fn filters_that_match_nobody_kill_nobody() {
    let kinring = Kinring::start(&[]);
    let (mut killer, mut other) = (kinring.connect(), kinring.connect());
    assert_eq!(other.ask("PING"), "+PONG");
    for command in [
        "CLIENT KILL ID 999999",
        "CLIENT KILL ADDR 127.0.0.1:1",
        "CLIENT KILL TYPE pubsub",
        "CLIENT KILL TYPE replica SKIPME no",
    ] {
        assert_eq!(killer.ask(command), ":0", "{command}");
    }
    for (command, error) in [
        ("CLIENT KILL 127.0.0.1:1", "-ERR No such client"),
        ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0"),
        ("CLIENT KILL ID x", "-ERR client-id should be greater than 0"),
        ("CLIENT KILL TYPE x", "-ERR Unknown client type 'x'"),
        ("CLIENT KILL USER x", "-ERR No such user 'x'"),
        ("CLIENT KILL SKIPME x", "-ERR syntax error"),
        ("CLIENT KILL ID 1 ADDR", "-ERR syntax error"),
        // Of a later Redis.
        ("CLIENT KILL MAXAGE 1", "-ERR syntax error"),
    ] {
        assert_eq!(killer.ask(command), error, "{command}");
    }
    assert_eq!(other.ask("PING"), "+PONG");
}

#[test]
fn who_kills_itself_gets_the_reply_first() {
    let kinring = Kinring::start(&[]);
    for how in ["ID", "ADDR"] {
        let mut conn = kinring.connect();
        let (id, addr) = (id_of(&mut conn), conn.local_addr().to_string());
        let which = if how == "ID" { id } else { addr };
        conn.send(format!("CLIENT KILL {how} {which} SKIPME no\r\nSET key 1\r\n").as_bytes());
        conn.expect(b":1\r\n");
        conn.expect_end();
    }
    assert_eq!(kinring.connect().ask("EXISTS key"), ":0", "nothing runs after it");
}

#[test]
fn nobody_is_forgotten_when_connections_come_and_are_killed_at_once() {
    let kinring = Kinring::start(&[]);
    let mut killer = kinring.connect();
    let addr = kinring.addr();
    let coming = std::thread::spawn(move || {
        // The connection may be gone before it can send.
        let connected = (0..300).filter_map(|_| Conn::try_open(addr).ok());
        connected.map(|mut conn| drop(conn.try_send(b"PING\r\n"))).count()
    });
    while !coming.is_finished() {
        // Many in one batch: connections are accepted while the thread runs them.
        killer.send(&b"CLIENT KILL TYPE normal\r\n".repeat(50));
        for _ in 0..50 {
            assert!(killer.answer().starts_with(':'));
        }
    }
    let came = 1 + coming.join().expect("it goes on whatever happens");
    let accepted = format!("total_connections_received:{came}\r\n");
    assert!(eventually(|| killer.ask("INFO stats").contains(&accepted)), "{accepted}");
    let alone = eventually(|| killer.ask("INFO clients").contains("connected_clients:1\r\n"));
    assert!(alone, "{}", killer.ask("CLIENT LIST"));
}

#[test]
fn client_list_shows_what_connections_do() {
    let kinring = Kinring::start(&[]);
    let (mut watcher, mut conn) = (kinring.connect(), kinring.connect());
    let (id, addr) = (id_of(&mut conn), conn.local_addr());
    conn.hello3();
    for command in [
        // Nothing behind a NUL is shown.
        "CLIENT SETNAME me\0\n",
        "CLIENT SETINFO lib-name rust\0\n",
        "CLIENT SETINFO lib-ver 1.0",
        "SELECT 3",
        "WATCH a b",
        "MULTI",
        "GET a",
    ] {
        assert!(conn.ask(command).starts_with('+'), "{command}");
    }
    let line = watcher.ask(&format!("CLIENT LIST ID {id}"));
    for part in [
        &format!("id={id} "),
        &format!(" addr={addr} "),
        &format!(" laddr={} ", kinring.addr()),
        " name=me ",
        " flags=x ",
        " db=3 ",
        " multi=1 ",
        " multi-mem=68 ",
        " cmd=get ",
        " resp=3 ",
        " lib-name=rust ",
        " lib-ver=1.0",
    ] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
    assert_eq!(watcher.ask("CLIENT LIST").matches("id=").count(), 2);
    assert!(watcher.ask("INFO clients").contains("total_watched_keys:2\r\n"));
    assert!(watcher.ask("CLIENT INFO").contains(" cmd=client|info "), "the command that asks");
    assert_eq!(watcher.ask("CLIENT LIST TYPE replica"), "$");
    assert!(conn.ask("RESET").starts_with("+RESET"));
    let line = watcher.ask(&format!("CLIENT LIST ID {id}"));
    for part in [" name= ", " flags=N ", " db=0 ", " multi=-1 ", " multi-mem=0 ", " resp=2 "] {
        assert!(line.contains(part), "{part} is missing after RESET: {line}");
    }
}

#[test]
fn who_asks_is_not_idle() {
    let kinring = Kinring::start(&[]);
    let (mut conn, mut other) = (kinring.connect(), kinring.connect());
    assert_eq!(other.ask("PING"), "+PONG");
    // Not a wait for something to happen: the silence itself is what is shown.
    std::thread::sleep(Duration::from_millis(1100));
    let own = conn.ask("CLIENT INFO");
    assert!(own.contains(" idle=0 "), "{own}");
    std::thread::sleep(Duration::from_millis(1100));
    let all = conn.ask("CLIENT LIST");
    assert_eq!(all.matches(" idle=0 ").count(), 1, "the other one is: {all}");
}

#[test]
fn inside_exec_the_transaction_is_shown_as_it_is() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    for command in ["WATCH a", "MULTI", "CLIENT INFO", "CLIENT LIST", "INFO clients"] {
        assert!(conn.ask(command).starts_with('+'), "{command}");
    }
    let replies = conn.ask("EXEC");
    for part in [" flags=x ", " multi=3 ", " cmd=exec "] {
        assert_eq!(replies.matches(part).count(), 2, "{part} in {replies}");
    }
    assert!(!replies.contains(" multi-mem=0 "), "{replies}");
    assert!(replies.contains("total_watched_keys:0\r\n"), "they are watched no more: {replies}");
    let line = conn.ask("CLIENT INFO");
    assert!(line.contains(" flags=N ") && line.contains(" multi=-1 "), "{line}");
}

#[test]
fn databases_are_apart_and_reset_goes_back_to_the_first() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("SET key zero"), "+OK");
    assert_eq!(conn.ask("SELECT 15"), "+OK");
    assert_eq!(conn.ask("GET key"), "nil");
    assert_eq!(conn.ask("SET key fifteen"), "+OK");
    assert_eq!(conn.ask("DBSIZE"), ":1");
    assert_eq!(conn.ask("SELECT 16"), "-ERR DB index is out of range");
    assert_eq!(conn.ask("SELECT -1"), "-ERR DB index is out of range");
    assert_eq!(conn.ask("SELECT x"), "-ERR value is not an integer or out of range");
    assert_eq!(conn.ask("GET key"), "$fifteen");
    assert_eq!(conn.ask("FLUSHDB"), "+OK");
    assert_eq!(conn.ask("RESET"), "+RESET");
    assert_eq!(conn.ask("GET key"), "$zero");
    assert_eq!(conn.ask("MULTI"), "+OK");
    assert_eq!(conn.ask("RESET"), "+RESET");
    assert_eq!(conn.ask("EXEC"), "-ERR EXEC without MULTI");
    assert!(conn.ask("INFO keyspace").contains("db0:keys=1,"));
}

#[test]
fn who_wants_no_reply_gets_none_to_what_is_no_request() {
    let kinring = Kinring::start(&[]);
    for silence in ["OFF", "SKIP"] {
        let mut conn = kinring.connect();
        conn.send(format!("PING\r\nCLIENT REPLY {silence}\r\n*x\r\nPING\r\n").as_bytes());
        conn.expect(b"+PONG\r\n");
        conn.expect_end();
    }
    let mut conn = kinring.connect();
    conn.send(b"*x\r\n");
    conn.expect(b"-ERR Protocol error: invalid multibulk length\r\n");
    conn.expect_end();
    let errors = kinring.connect().ask("INFO errorstats");
    assert!(errors.contains("errorstat_ERR:count=3\r\n"), "{errors}");
}
