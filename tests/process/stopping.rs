//! How it stops: drained, at once, or killed; and that it comes back.

use std::time::{Duration, Instant};

use kinring_tests::conn::request;
use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring};
use rustix::process::Signal;

#[test]
fn a_signal_drains_and_exits_with_0() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let kinring = Kinring::start(&[]);
        let mut idle = kinring.connect();
        assert_eq!(idle.ask("PING"), "+PONG");
        kinring.signal(signal);
        idle.expect_end();
        let ended = kinring.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert!(last.contains(name) && last.contains("all clients drained"), "{last}");
    }
}

#[test]
fn what_had_arrived_before_the_signal_is_answered() {
    const REQUESTS: usize = 100_000;
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let mut sender = Conn::of(conn.stream());
    // Another client keeps the thread from being idle.
    let mut other = kinring.connect();
    other.send(&request(&[b"INCR", b"other"]).repeat(1000));
    let sending = std::thread::spawn(move || {
        sender.send(&request(&[b"INCR", b"counter"]).repeat(REQUESTS));
    });
    let mut count = 0;
    let mut next = |conn: &mut Conn| {
        count += 1;
        assert_eq!(conn.answer(), format!(":{count}"));
        count
    };
    while next(&mut conn) < REQUESTS && !sending.is_finished() {}
    // What was sent and not answered is in the system's buffers now.
    sending.join().expect("it was sent");
    kinring.signal(Signal::TERM);
    while next(&mut conn) < REQUESTS {}
    conn.expect_end();
    assert_eq!(kinring.wait().code, Some(0));
}

/// A connection that does not read what it asked for, so that a drain waits for it.
fn stuck(kinring: &Kinring) -> Conn {
    let mut conn = kinring.connect();
    conn.command(&[b"SET", b"big", &vec![b'x'; 1 << 20]]);
    conn.send(&request(&[b"GET", b"big"]).repeat(100));
    let mut watcher = kinring.connect();
    assert!(
        eventually(|| {
            let list = watcher.ask("CLIENT LIST");
            list.split(" omem=").skip(1).any(|rest| !rest.starts_with("0 "))
        }),
        "its replies pile up"
    );
    conn
}

#[test]
fn a_client_that_does_not_read_holds_a_stop_up_as_long_as_configured() {
    let kinring = Kinring::start(&["--shutdown-timeout", "1"]);
    let _stuck = stuck(&kinring);
    let started = Instant::now();
    let ended = kinring.stop();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("some clients were still busy"), "{}", ended.stderr);
}

#[test]
fn a_second_signal_exits_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut kinring = Kinring::start(&["--shutdown-timeout", "1000"]);
        let _stuck = stuck(&kinring);
        kinring.signal(Signal::TERM);
        let refuses = eventually(|| Conn::try_open(kinring.addr()).is_err());
        assert!(refuses && kinring.is_running(), "it drains");
        kinring.signal(signal);
        assert_eq!(kinring.wait().code, Some(code));
    }
}

#[test]
fn shutdown_nosave_exits_with_0_and_closes_without_a_reply() {
    for command in ["SHUTDOWN NOSAVE", "SHUTDOWN", "shutdown nosave now force"] {
        let kinring = Kinring::start(&[]);
        let mut conn = kinring.connect();
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        conn.send(&[request(&[b"PING"]), request(&words), request(&[b"PING"])].concat());
        conn.expect(b"+PONG\r\n");
        conn.expect_end();
        let ended = kinring.wait();
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
    }
}

#[test]
fn shutdown_is_refused_where_it_makes_no_sense() {
    let mut kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");
    assert_eq!(conn.ask("SHUTDOWN SAVE NOSAVE"), "-ERR syntax error");
    assert!(conn.ask("SHUTDOWN SAVE").starts_with("-ERR nothing is kept on disk"));
    assert_eq!(conn.ask("MULTI"), "+OK");
    assert_eq!(conn.ask("SHUTDOWN NOSAVE"), "-ERR Command not allowed inside a transaction");
    assert!(conn.ask("EXEC").starts_with("-EXECABORT"));
    assert_eq!(conn.ask("PING"), "+PONG");
    assert!(kinring.is_running());
}

#[test]
fn it_starts_again_on_the_same_port_right_after_a_kill() {
    let mut kinring = Kinring::start(&[]);
    let port = kinring.addr().port().to_string();
    for _ in 0..3 {
        // Open connections leave the port in TIME_WAIT.
        let mut conn = kinring.connect();
        assert_eq!(conn.ask("SET key value"), "+OK");
        let ended = kinring.kill9();
        assert_eq!(ended.code, None, "a signal ended it");
        conn.expect_end();
        kinring = Kinring::start(&["--port", &port]);
        assert_eq!(kinring.connect().ask("GET key"), "nil", "nothing was kept");
    }
}
