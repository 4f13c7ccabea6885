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

/// Asks for much more than the system's buffers hold, and does not read it.
fn ask_for_much(kinring: &Kinring) -> Conn {
    let mut conn = kinring.connect();
    conn.send(&request(&[b"GET", b"big"]).repeat(100));
    conn
}

#[test]
fn past_the_hard_limit_of_its_output_a_client_is_closed() {
    let kinring = Kinring::start(&["--client-output-buffer-limit", "normal 2mb 0 0"]);
    let mut other = kinring.connect();
    other.command(&[b"SET", b"big", &vec![b'x'; MB]]);
    let mut slow = ask_for_much(&kinring);
    assert!(eventually(|| info(&mut other, "client_output_buffer_limit_disconnections") == 1));
    assert!(slow.read_to_end().len() < 100 * MB);
    // One reply at a time is below the limit.
    for _ in 0..5 {
        assert_eq!(other.ask("GET big").len(), MB + 1);
    }
    let none: &[&[u8]] = &[b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 0 0 0"];
    assert_eq!(kinring_tests::conn::brief(&other.command(none)), "+OK");
    let mut slow = ask_for_much(&kinring);
    let reply_bytes = format!("${MB}\r\n").len() + MB + 2;
    assert_eq!(slow.read_exactly(100 * reply_bytes).len(), 100 * reply_bytes);
}

#[test]
fn past_the_soft_limit_for_too_long_a_client_is_closed() {
    let kinring = Kinring::start(&["--client-output-buffer-limit", "normal 0 64kb 1"]);
    let mut other = kinring.connect();
    other.command(&[b"SET", b"big", &vec![b'x'; MB]]);
    let started = Instant::now();
    let _slow = ask_for_much(&kinring);
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
