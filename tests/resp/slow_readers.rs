//! Clients that ask and do not read: they wait, or are closed, and nobody else notices.

use std::time::{Duration, Instant};

use kinring_tests::conn::request;
use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring};

const MB: usize = 1 << 20;

/// A field of INFO as a number.
fn info(conn: &mut Conn, field: &str) -> u64 {
    let text = conn.ask("INFO");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{field} in {text}"))
}

#[test]
fn readers_that_do_not_read_cost_a_bounded_amount_and_delay_nobody() {
    const READERS: usize = 20;
    let kinring = Kinring::start(&["--io-threads", "1"]);
    let mut other = kinring.connect();
    other.command(&[b"SET", b"big", &vec![b'x'; MB]]);
    let before = kinring.resident_bytes();
    // Twenty times a gigabyte.
    let asked = request(&[b"GET", b"big"]).repeat(1000);
    let mut readers: Vec<Conn> = (0..READERS)
        .map(|_| {
            let mut conn = kinring.connect();
            conn.send(&asked);
            conn
        })
        .collect();
    assert!(
        eventually(|| {
            let list = other.ask("CLIENT LIST");
            list.split(" omem=").skip(1).filter(|rest| !rest.starts_with("0 ")).count() == READERS
        }),
        "all of them have replies waiting: {}",
        other.ask("CLIENT LIST")
    );
    let mut waits: Vec<Duration> = (0..200)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(other.ask("STRLEN big"), format!(":{MB}"));
            started.elapsed()
        })
        .collect();
    waits.sort();
    let grown = kinring.resident_bytes().saturating_sub(before);
    println!("typical wait {:?}; grown by {} KB", waits[100], grown / 1024);
    assert!(waits[100] < Duration::from_millis(20), "{:?}", waits[100]);
    assert!(grown < 64 * MB as u64, "{grown} bytes");

    // Who begins to read gets everything.
    let reply = [format!("${MB}\r\n").as_bytes(), &vec![b'x'; MB][..], b"\r\n"].concat();
    for _ in 0..50 {
        readers[7].expect(&reply);
    }
    drop(readers);
    assert!(eventually(|| info(&mut other, "connected_clients") == 1));
}

#[test]
fn a_pipeline_of_large_replies_piles_up_no_more_than_one() {
    let kinring = Kinring::start(&["--io-threads", "1"]);
    let mut other = kinring.connect();
    other.command(&[b"SET", b"big", &vec![b'x'; 3 * MB]]);
    let before = kinring.resident_bytes();
    let mut slow = kinring.connect();
    slow.send(&request(&[b"GET", b"big"]).repeat(32));
    let most = most_output(&mut other);
    let grown = kinring.resident_bytes().saturating_sub(before);
    println!("{most} bytes of replies wait; grown by {} KB", grown / 1024);
    // The mark, one reply, and no more.
    assert!(most < (3 * MB + 512 * 1024) as u64, "{most} bytes");
    assert!(grown < 16 * MB as u64, "{grown} bytes");
    let reply = [format!("${}\r\n", 3 * MB).as_bytes(), &vec![b'x'; 3 * MB][..], b"\r\n"].concat();
    (0..32).for_each(|_| slow.expect(&reply));
}

/// The largest unread output of a client, looked at until it has not changed for some time.
fn most_output(conn: &mut Conn) -> u64 {
    let (mut most, mut same) = (0, 0);
    let settled = eventually(|| {
        let list = conn.ask("CLIENT LIST");
        let number = |rest: &str| rest.split(' ').next()?.parse::<u64>().ok();
        let now = list.split(" omem=").skip(1).filter_map(number).max().unwrap_or(0);
        same = if now == most { same + 1 } else { 0 };
        most = most.max(now);
        same > 20 && most > 0
    });
    assert!(settled, "the output settles");
    most
}

/// More than the system's buffers hold between a client and a server.
const HUGE: usize = 40 * MB;

/// A server with this limit to its clients' output, a client of it, and another that asks for much
/// and does not read.
fn unread(limit: &str) -> (Kinring, Conn, Conn) {
    let kinring = Kinring::start(&["--client-output-buffer-limit", limit]);
    let mut other = kinring.connect();
    other.command(&[b"SET", b"huge", &vec![b'x'; HUGE]]);
    let mut slow = kinring.connect();
    slow.send(&request(&[b"GET", b"huge"]));
    (kinring, other, slow)
}

#[test]
fn past_the_hard_limit_of_its_output_a_client_is_closed() {
    let (kinring, mut other, mut slow) = unread("normal 20mb 0 0");
    assert!(eventually(|| info(&mut other, "client_output_buffer_limit_disconnections") == 1));
    assert!(slow.read_to_end().len() < HUGE);
    // Many replies, each of them below the limit, wait for a client without harm.
    other.command(&[b"SET", b"big", &vec![b'x'; MB]]);
    other.send(&request(&[b"GET", b"big"]).repeat(100));
    (0..100).for_each(|_| assert_eq!(other.answer().len(), MB + 1));
    let none: &[&[u8]] = &[b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 0 0 0"];
    assert_eq!(kinring_tests::conn::brief(&other.command(none)), "+OK");
    assert_eq!(kinring.connect().ask("GET huge").len(), HUGE + 1);
}

#[test]
fn one_request_whose_replies_pass_the_hard_limit_does_not_make_them() {
    let kinring = Kinring::start(&["--client-output-buffer-limit", "normal 1mb 0 0"]);
    let mut other = kinring.connect();
    other.command(&[b"SET", b"v", &[b'x'; 15_000]]);
    let before = kinring.resident_bytes();
    let mut greedy = kinring.connect();
    let mut words: Vec<&[u8]> = vec![b"MGET"];
    words.resize(20_000, b"v");
    greedy.send(&request(&words));
    assert!(greedy.read_to_end().is_empty(), "300 MB were asked for");
    let mut greedy = kinring.connect();
    let exec = [&request(&[b"MULTI"])[..], &request(&[b"GET", b"v"]).repeat(20_000)].concat();
    greedy.send(&exec);
    greedy.send(&request(&[b"INCR", b"ran"]));
    greedy.send(&request(&[b"EXEC"]));
    greedy.read_to_end();
    assert_eq!(info(&mut other, "client_output_buffer_limit_disconnections"), 2);
    assert_eq!(other.ask("GET ran"), "$1", "the transaction ran whole");
    let grown = kinring.peak_bytes().saturating_sub(before);
    assert!(grown < 24 * MB as u64, "{grown} bytes");
}

#[test]
fn the_first_16_kb_of_output_are_within_every_limit() {
    // They would lock the operator out, who could then not even ask for another limit.
    let kinring = Kinring::start(&["--client-output-buffer-limit", "normal 1 1 0"]);
    let mut conn = kinring.connect();
    for len in [1, 1000, 16_000] {
        conn.command(&[b"SET", b"v", &vec![b'x'; len]]);
        assert_eq!(conn.ask("GET v").len(), len + 1);
    }
    assert!(conn.ask("INFO").len() > 1000);
    conn.command(&[b"SET", b"v", &vec![b'x'; 17_000]]);
    assert!(conn.try_send(b"GET v\r\n").is_ok());
    conn.expect_end();
    let mut conn = kinring.connect();
    assert_eq!(info(&mut conn, "client_output_buffer_limit_disconnections"), 1);
    let raise: &[&[u8]] = &[b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 1000 0 0"];
    assert_eq!(kinring_tests::conn::brief(&conn.command(raise)), "+OK");
    assert_eq!(conn.ask("GET v").len(), 17_001);
}

#[test]
fn past_the_soft_limit_for_too_long_a_client_is_closed() {
    let started = Instant::now();
    let (_kinring, mut other, _slow) = unread("normal 0 64kb 1");
    assert!(eventually(|| info(&mut other, "client_output_buffer_limit_disconnections") == 1));
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    assert!(eventually(|| info(&mut other, "connected_clients") == 1));
}

#[test]
fn who_reads_all_the_time_stays_however_much_is_waiting() {
    // So many replies are always on their way: more than the system's buffers hold.
    const ASKED: usize = 40;
    let kinring = Kinring::start(&["--client-output-buffer-limit", "normal 0 64kb 1"]);
    let mut conn = kinring.connect();
    conn.command(&[b"SET", b"big", &vec![b'x'; MB]]);
    let get = request(&[b"GET", b"big"]);
    let started = Instant::now();
    conn.send(&get.repeat(ASKED));
    while started.elapsed() < Duration::from_millis(3500) {
        conn.send(&get);
        assert_eq!(conn.answer().len(), MB + 1);
    }
    (0..ASKED).for_each(|_| assert_eq!(conn.answer().len(), MB + 1));
    assert_eq!(info(&mut conn, "client_output_buffer_limit_disconnections"), 0);
}
