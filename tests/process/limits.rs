//! How many may come and how long they may be silent, from the start and by CONFIG SET.

use std::time::{Duration, Instant};

use kinring_tests::conn::request;
use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring};

const FULL: &[u8] = b"-ERR max number of clients reached\r\n";

/// The value of a field of INFO.
fn info(conn: &mut Conn, field: &str) -> String {
    let text = conn.ask("INFO");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{field} is missing in {text}")).to_owned()
}

/// Connections until one is refused.
fn fill(kinring: &Kinring, clients: usize) -> Vec<Conn> {
    (0..clients)
        .map(|_| {
            let mut conn = kinring.connect();
            assert_eq!(conn.ask("PING"), "+PONG");
            conn
        })
        .collect()
}

#[track_caller]
fn is_full(kinring: &Kinring) {
    let mut conn = kinring.connect();
    conn.expect(FULL);
    conn.expect_end();
}

#[test]
fn one_client_too_many_is_told_so_and_comes_in_when_another_left() {
    let kinring = Kinring::start(&["--maxclients", "5"]);
    let mut clients = fill(&kinring, 5);
    is_full(&kinring);
    is_full(&kinring);
    assert_eq!(info(&mut clients[0], "rejected_connections"), "2");
    assert_eq!(info(&mut clients[0], "connected_clients"), "5");
    clients.pop();
    assert!(eventually(|| info(&mut clients[0], "connected_clients") == "4"));
    assert_eq!(kinring.connect().ask("PING"), "+PONG");
}

#[test]
fn maxclients_can_change_while_it_runs() {
    let kinring = Kinring::start(&["--maxclients", "5"]);
    let mut clients = fill(&kinring, 3);
    assert_eq!(clients[0].ask("CONFIG SET maxclients 3"), "+OK");
    is_full(&kinring);
    assert_eq!(clients[0].ask("CONFIG SET maxclients 4"), "+OK");
    assert_eq!(kinring.connect().ask("PING"), "+PONG");
    let reply = clients[0].ask("CONFIG SET maxclients 4000000000");
    assert!(reply.contains("not able to handle the specified number of clients"), "{reply}");
    assert_eq!(clients[0].ask("CONFIG GET maxclients"), "[$maxclients $4]");
}

#[test]
fn idle_clients_are_closed_and_busy_ones_stay() {
    let kinring = Kinring::start(&[]);
    let (mut idle, mut busy) = (kinring.connect(), kinring.connect());
    assert_eq!(idle.ask("PING"), "+PONG");
    assert_eq!(busy.ask("CONFIG SET timeout 1"), "+OK");
    let started = Instant::now();
    let sending = std::thread::spawn(move || {
        while started.elapsed() < Duration::from_millis(2500) {
            assert_eq!(busy.ask("PING"), "+PONG");
            std::thread::sleep(Duration::from_millis(20));
        }
        busy
    });
    idle.expect_end();
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    let mut busy = sending.join().expect("who sends stays");
    assert_eq!(busy.ask("CONFIG SET timeout 0"), "+OK");
    assert_eq!(info(&mut busy, "connected_clients"), "1");
}

/// A server that closes after a second of idling, and a client of it that has asked for 100 MB.
fn asked_for_much() -> (Kinring, Conn) {
    let kinring = Kinring::start(&["--timeout", "1"]);
    let mut conn = kinring.connect();
    conn.command(&[b"SET", b"big", &vec![b'x'; 1 << 20]]);
    conn.send(&request(&[b"GET", b"big"]).repeat(100));
    (kinring, conn)
}

#[test]
fn who_takes_nothing_is_idle_whatever_is_waiting_for_it() {
    let (kinring, mut conn) = asked_for_much();
    let mut other = kinring.connect();
    assert!(eventually(|| info(&mut other, "connected_clients") == "1"), "it is closed");
    assert!(conn.read_to_end().len() < 100 << 20);
}

#[test]
fn who_takes_bytes_slowly_is_not_idle() {
    let (_kinring, mut conn) = asked_for_much();
    let started = Instant::now();
    let mut taken = 0;
    // It sends nothing for seconds, and takes some megabytes now and then.
    while started.elapsed() < Duration::from_millis(3500) {
        taken += conn.read_exactly(8 << 20).len();
        std::thread::sleep(Duration::from_millis(300));
    }
    let all = 100 * ((1 << 20) + "$1048576\r\n\r\n".len());
    conn.read_exactly(all - taken);
    assert_eq!(conn.ask("PING"), "+PONG");
}

#[test]
fn the_largest_argument_can_change_while_it_runs() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let request = |len: usize| request(&[b"SET", b"key", &vec![b'x'; len]]);
    conn.send(&request(2 << 20));
    assert_eq!(conn.answer(), "+OK");
    assert_eq!(conn.ask("CONFIG SET proto-max-bulk-len 1mb"), "+OK");
    conn.send(&request(1 << 20));
    assert_eq!(conn.answer(), "+OK");
    assert!(conn.ask("APPEND key x").starts_with("-ERR string exceeds maximum allowed size"));
    conn.send(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1048577\r\n");
    assert_eq!(conn.answer(), "-ERR Protocol error: invalid bulk length");
    conn.expect_end();
}

#[test]
fn the_descriptors_in_the_banner_are_those_that_it_has() {
    let kinring = Kinring::start(&["--maxclients", "77"]);
    assert!(kinring.stderr().contains("limits     77 clients"), "{}", kinring.stderr());
    let (max, open) = (info(&mut kinring.connect(), "maxclients"), "77");
    assert_eq!(max, open);
}

#[test]
fn errors_and_commands_are_counted() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("CONFIG RESETSTAT"), "+OK");
    let before: u64 = info(&mut conn, "total_commands_processed").parse().expect("a number");
    for command in ["SET a 1", "GET a", "GET b", "KEYS *", "LPUSH a 1", "NONSENSE"] {
        conn.ask(command);
    }
    assert_eq!(info(&mut conn, "errorstat_WRONGTYPE"), "count=1");
    assert_eq!(info(&mut conn, "errorstat_ERR"), "count=1");
    assert_eq!(info(&mut conn, "keyspace_hits"), "1");
    assert_eq!(info(&mut conn, "keyspace_misses"), "1");
    let after: u64 = info(&mut conn, "total_commands_processed").parse().expect("a number");
    assert_eq!(after - before, 5 + 5, "five commands that are some, and INFO five times");
}
