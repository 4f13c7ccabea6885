//! Long commands run in slices: others are served in between, and the order of replies stays.

use std::time::{Duration, Instant};

use kinring_tests::conn::request;
use kinring_tests::{Conn, Kinring};

/// Keys `key:0` and so on.
fn fill(conn: &mut Conn, keys: usize) {
    for from in (0..keys).step_by(10_000) {
        let to = keys.min(from + 10_000);
        let mut sent = Vec::new();
        for at in from..to {
            sent.extend(request(&[b"SET", format!("key:{at}").as_bytes(), b"value"]));
        }
        conn.send(&sent);
        conn.expect(&b"+OK\r\n".repeat(to - from));
    }
}

#[test]
fn keys_over_many_keys_does_not_hold_others_up() {
    walk_beside_pings("");
}

#[test]
fn keys_that_nobody_wants_an_answer_to_does_not_hold_others_up_either() {
    walk_beside_pings("CLIENT REPLY SKIP");
}

fn walk_beside_pings(before: &'static str) {
    const KEYS: usize = 200_000;
    const ROUNDS: usize = 5;
    let kinring = Kinring::start(&["--io-threads", "1"]);
    let (mut walker, mut other) = (kinring.connect(), kinring.connect());
    fill(&mut walker, KEYS);
    assert_eq!(walker.ask("DBSIZE"), format!(":{KEYS}"));
    let walking = std::thread::spawn(move || {
        let mut longest = Duration::ZERO;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            // Nothing matches, so that only the walk takes time.
            walker.send(format!("{before}\r\nKEYS *nothing*\r\nPING\r\n").as_bytes());
            if before.is_empty() {
                assert_eq!(walker.answer(), "[]");
            }
            assert_eq!(walker.answer(), "+PONG");
            longest = longest.max(started.elapsed());
        }
        longest
    });
    let mut waits = Vec::new();
    while !walking.is_finished() {
        let started = Instant::now();
        assert_eq!(other.ask("PING"), "+PONG");
        waits.push(started.elapsed());
    }
    let walk = walking.join().expect("the walks end");
    waits.sort();
    let typical = waits[waits.len() / 2];
    println!("KEYS took up to {walk:?}; {} PINGs, the typical one {typical:?}", waits.len());
    // If the walk were one piece, each would see about one PING, which waits for all of it.
    assert!(waits.len() >= 4 * ROUNDS, "{} PINGs in {ROUNDS} walks", waits.len());
    assert!(typical < Duration::from_millis(20).max(walk / 4), "{typical:?} of {walk:?}");
}

#[test]
fn replies_behind_a_long_command_keep_their_order() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    fill(&mut conn, 5_000);
    for _ in 0..20 {
        conn.send(
            b"SET a 1\r\nKEYS a\r\nSET b 2\r\nKEYS [ab]\r\nGET a\r\nDEL a b\r\nKEYS a\r\nKEYS b\r\nPING\r\n",
        );
        assert_eq!(conn.answer(), "+OK");
        assert_eq!(conn.answer(), "[$a]");
        assert_eq!(conn.answer(), "+OK");
        let both = conn.answer();
        assert!(both == "[$a $b]" || both == "[$b $a]", "{both}");
        assert_eq!(conn.answer(), "$1");
        assert_eq!(conn.answer(), ":2");
        assert_eq!(conn.answer(), "[]");
        assert_eq!(conn.answer(), "[]");
        assert_eq!(conn.answer(), "+PONG");
    }
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_long_command_harms_nobody() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    fill(&mut conn, 50_000);
    for _ in 0..10 {
        let mut leaving = kinring.connect();
        leaving.send(&b"KEYS *\r\n".repeat(3));
    }
    assert_eq!(conn.ask("DBSIZE"), ":50000");
    let alone = kinring_tests::process::eventually(|| {
        conn.ask("INFO clients").contains("connected_clients:1\r\n")
    });
    assert!(alone, "{}", conn.ask("CLIENT LIST"));
}
