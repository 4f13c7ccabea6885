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
    let said = "1 clients were still busy after 1 s: 1 did not read their replies, 0 did not stop";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

/// Sends INCRs until the connection ends, whatever comes back; returns what came back.
fn never_stop(mut conn: Conn, counter: usize) -> Vec<u8> {
    let mut sender = Conn::of(conn.stream());
    let batch = request(&[b"INCR", format!("counter:{counter}").as_bytes()]).repeat(64);
    let sending = std::thread::spawn(move || while sender.try_send(&batch).is_ok() {});
    let replies = conn.read_to_end();
    sending.join().expect("it ends with the connection");
    replies
}

#[test]
fn clients_that_never_stop_sending_are_left_after_the_grace_time() {
    const CLIENTS: usize = 50;
    let kinring = Kinring::start(&["--shutdown-timeout", "2"]);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|at| {
            let conn = kinring.connect();
            std::thread::spawn(move || never_stop(conn, at))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    let ended = kinring.stop();
    let took = started.elapsed();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(took < Duration::from_secs(8), "{took:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("were still busy after 2 s") && last.contains("sending"), "{last}");
    for client in clients {
        let replies = client.join().expect("it ends");
        let text = String::from_utf8(replies).expect("numbers");
        // Each INCR that was answered was run, once and in order; the last answer may be cut.
        let whole = &text[..text.rfind("\r\n").map_or(0, |at| at + 2)];
        let wrong = whole.split_terminator("\r\n").zip(1..).find(|(n, at)| *n != format!(":{at}"));
        assert_eq!(wrong, None);
        assert!(!whole.is_empty(), "it was served");
    }
}

#[test]
fn shutdown_now_waits_for_nobody() {
    for command in ["SHUTDOWN NOW", "SHUTDOWN NOSAVE NOW FORCE"] {
        let kinring = Kinring::start(&["--shutdown-timeout", "1000"]);
        let _stuck = stuck(&kinring);
        let mut conn = kinring.connect();
        conn.send(format!("PING\r\n{command}\r\n").as_bytes());
        conn.expect(b"+PONG\r\n");
        conn.expect_end();
        assert_eq!(kinring.wait().code, Some(0));
    }
    // It hurries a drain that waits.
    let kinring = Kinring::start(&["--shutdown-timeout", "1000"]);
    let mut stuck = stuck(&kinring);
    stuck.send(b"SHUTDOWN NOW\r\n");
    kinring.signal(Signal::TERM);
    stuck.read_to_end();
    assert_eq!(kinring.wait().code, Some(0));
}

#[test]
fn shutdown_abort_takes_a_stop_back_and_everybody_comes_in_again() {
    let kinring = Kinring::start(&["--shutdown-timeout", "1000"]);
    for _ in 0..2 {
        let mut stuck = stuck(&kinring);
        stuck.send(b"SHUTDOWN ABORT\r\nECHO after\r\n");
        kinring.signal(Signal::TERM);
        assert!(eventually(|| Conn::try_open(kinring.addr()).is_err()), "it drains");
        (0..100).for_each(|_| assert_eq!(stuck.answer().len(), (1 << 20) + 1));
        assert_eq!(stuck.answer(), "+OK");
        assert_eq!(stuck.answer(), "$after");
        assert!(eventually(|| Conn::try_open(kinring.addr()).is_ok()), "it serves again");
        assert_eq!(stuck.ask("STRLEN big"), ":1048576");
        assert_eq!(kinring.connect().ask("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");
    }
    assert!(kinring.stderr().contains("the stop was aborted"), "{}", kinring.stderr());
    // Who was there before an abort hears of the next stop.
    let mut idle = kinring.connect();
    assert_eq!(idle.ask("PING"), "+PONG");
    let started = Instant::now();
    assert_eq!(kinring.stop().code, Some(0));
    idle.expect_end();
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_terminal_that_hangs_up_does_not_end_it() {
    let mut kinring = Kinring::start(&[]);
    for _ in 0..3 {
        kinring.signal(Signal::HUP);
        assert_eq!(kinring.connect().ask("PING"), "+PONG");
    }
    assert!(kinring.is_running());
    assert_eq!(kinring.stop().code, Some(0));
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
    for command in ["SHUTDOWN NOSAVE", "SHUTDOWN", "shutdown save force"] {
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
    for line in ["SAVE NOSAVE", "NOSAVE SAVE", "ABORT NOW", "NOW ABORT", "LATER", "NOW NOW ABORT"] {
        assert_eq!(conn.ask(&format!("SHUTDOWN {line}")), "-ERR syntax error");
    }
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
