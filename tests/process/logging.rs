//! What it prints, and that `loglevel` decides it while it runs.

use kinring_tests::process::eventually;
use kinring_tests::{Conn, Kinring};

/// What is printed between here and the next look.
struct Log {
    seen: usize,
}

impl Log {
    fn of(kinring: &Kinring) -> Log {
        Log { seen: kinring.stderr().len() }
    }

    /// Waits for these words, in any order.
    #[track_caller]
    fn expect(&mut self, kinring: &Kinring, words: &[&str]) {
        let all = |text: &str| words.iter().all(|word| text[self.seen..].contains(word));
        assert!(eventually(|| all(&kinring.stderr())), "{words:?} in {}", kinring.stderr());
        self.seen = kinring.stderr().len();
    }

    #[track_caller]
    fn expect_nothing(&self, kinring: &Kinring) {
        assert_eq!(&kinring.stderr()[self.seen..], "");
    }
}

/// A connection that does what there is to log.
fn misbehave(kinring: &Kinring) {
    let mut conn = kinring.connect();
    conn.send(b"PING\r\n*x\r\n");
    conn.read_to_end();
}

fn set(conn: &mut Conn, level: &str) {
    assert_eq!(conn.ask(&format!("CONFIG SET loglevel {level}")), "+OK");
}

#[test]
fn the_level_can_change_while_it_runs() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let mut log = Log::of(&kinring);
    misbehave(&kinring);
    log.expect_nothing(&kinring);
    for level in ["verbose", "debug"] {
        set(&mut conn, level);
        misbehave(&kinring);
        log.expect(&kinring, &["accepted 127.0.0.1:", "invalid multibulk length", "closed"]);
    }
    for level in ["notice", "warning", "nothing"] {
        set(&mut conn, level);
        misbehave(&kinring);
        log.expect_nothing(&kinring);
    }
    assert_eq!(conn.ask("CONFIG GET loglevel"), "[$loglevel $nothing]");
    assert!(conn.ask("CONFIG SET loglevel loud").starts_with("-ERR CONFIG SET failed"));
    let seen = log.seen;
    let ended = kinring.stop();
    assert_eq!(&ended.stderr[seen..], "", "nothing is nothing");
}

#[test]
fn a_level_of_the_start_holds_from_the_start() {
    let kinring = Kinring::start(&["--loglevel", "verbose"]);
    let conn = kinring.connect();
    let mut log = Log { seen: 0 };
    log.expect(&kinring, &[&format!("accepted {}, client 1", conn.local_addr())]);
    drop(conn);
    log.expect(&kinring, &["client 1 closed"]);
    let stopped = kinring.stop();
    assert!(stopped.stderr.contains("kinring: stopped on SIGTERM, all clients drained"));
}

#[test]
fn a_client_that_is_closed_for_its_output_is_named() {
    let kinring = Kinring::start(&["--client-output-buffer-limit", "normal 1mb 0 0"]);
    let mut conn = kinring.connect();
    conn.command(&[b"SET", b"huge", &vec![b'x'; 8 << 20]]);
    let mut log = Log::of(&kinring);
    conn.send(b"GET huge\r\n");
    let addr = conn.local_addr().to_string();
    log.expect(&kinring, &[&addr, "replies unread, see client-output-buffer-limit"]);
    conn.read_to_end();
}
