//! What is not the protocol, or too much of it, ends the connection, and no other one.

use kinring_tests::conn::request;
use kinring_tests::{Conn, Kinring};

/// Bytes that no request begins with, and what is said about them.
const ERRORS: &[(&[u8], &str)] = &[
    (b"*1x\r\n", "invalid multibulk length"),
    (b"*2147483648\r\n", "invalid multibulk length"),
    (b"*99999999999999999999\r\n", "invalid multibulk length"),
    (b"*1\n\r\n", "invalid multibulk length"),
    (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
    (b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$x\r\n", "invalid bulk length"),
    (b"*2\r\n$4\r\nECHO\r\n$536870913\r\n", "invalid bulk length"),
    (b"*1\r\n$4\r\nPINGxx", "expected CRLF after bulk"),
    (b"SET k \"open\r\n", "unbalanced quotes in request"),
    (b"SET k 'a'b\r\n", "unbalanced quotes in request"),
];

#[test]
fn a_protocol_error_comes_after_the_replies_before_it_and_closes() {
    let kinring = Kinring::start(&[]);
    for (bytes, error) in ERRORS {
        let mut conn = kinring.connect();
        conn.send(
            &[&b"SET key value\r\n"[..], b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", *bytes].concat(),
        );
        conn.expect(b"+OK\r\n$5\r\nvalue\r\n");
        conn.expect(format!("-ERR Protocol error: {error}\r\n").as_bytes());
        conn.expect_end();
    }
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("PING"), "+PONG");
}

#[test]
fn lines_without_an_end_are_refused_at_64_kb() {
    let kinring = Kinring::start(&[]);
    for (start, error) in [
        (&b"x"[..], "too big inline request"),
        (b"*", "too big mbulk count string"),
        (b"*1\r\n$", "too big bulk count string"),
    ] {
        let mut conn = kinring.connect();
        conn.send(&[start, &vec![b'1'; 65_537]].concat());
        conn.expect(format!("-ERR Protocol error: {error}\r\n").as_bytes());
        conn.expect_end();
    }
}

#[test]
fn a_browser_is_closed_without_a_word() {
    let kinring = Kinring::start(&[]);
    for bytes in [
        &b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET key evil\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET key evil\r\n",
        b"post x\r\nSET key evil\r\n",
        b"*1\r\n$5\r\nhost:\r\nSET key evil\r\n",
    ] {
        let mut conn = kinring.connect();
        conn.send(bytes);
        let said = conn.read_to_end();
        let wrong = "-ERR wrong number of arguments for 'get' command\r\n";
        let expected = if bytes.starts_with(b"GET") { wrong } else { "" };
        assert_eq!(String::from_utf8_lossy(&said), expected);
    }
    assert_eq!(kinring.connect().ask("EXISTS key"), ":0");
}

#[test]
fn no_error_line_holds_a_line_break_of_the_client() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let evil: &[u8] = b"x\r\n+OK\r\n$1\r\ny\r\n";
    let commands: &[&[&[u8]]] = &[
        &[evil],
        &[b"NONSENSE", evil],
        &[b"CLIENT", evil],
        &[b"CONFIG", evil],
        &[b"CONFIG", b"SET", evil, b"1"],
        &[b"CONFIG", b"SET", b"maxclients", evil],
        &[b"CONFIG", b"SET", b"client-output-buffer-limit", evil],
        &[b"CLIENT", b"SETINFO", evil, b"1"],
        &[b"CLIENT", b"SETINFO", b"lib-name", evil],
        &[b"CLIENT", b"SETNAME", evil],
        &[b"CLIENT", b"KILL", b"USER", evil],
        &[b"CLIENT", b"KILL", b"TYPE", evil],
        &[b"CLIENT", b"LIST", b"TYPE", evil],
        &[b"HELLO", b"3", evil],
        &[b"HELLO", evil],
        &[b"SELECT", evil],
        &[b"SET", b"k", b"v", evil],
        &[b"COMMAND", evil],
        &[b"COMMAND", b"LIST", b"FILTERBY", evil, b"x"],
        &[b"SHUTDOWN", evil],
        &[b"AUTH", evil, evil],
    ];
    for words in commands {
        conn.send(&[request(words), request(&[b"ECHO", b"next"])].concat());
        let error = conn.answer();
        assert!(error.starts_with('-') && !error.contains(['\r', '\n']), "{words:?}: {error}");
        assert_eq!(conn.answer(), "$next", "after {words:?}");
    }
    assert_eq!(
        conn.ask("INFO errorstats").matches("errorstat_").count(),
        2,
        "ERR and WRONGPASS, no code that a client made up"
    );
}

#[test]
fn a_request_past_the_query_buffer_limit_closes_its_connection() {
    let kinring = Kinring::start(&["--client-query-buffer-limit", "1mb"]);
    let half = vec![b'x'; 600_000];
    let mut conn = kinring.connect();
    conn.send(&request(&[b"SET", b"key", &half]));
    assert_eq!(conn.answer(), "+OK");
    // The length is enough to tell.
    conn.send(b"*3\r\n$4\r\nMSET\r\n$1\r\na\r\n$1048560\r\n");
    conn.expect_end();
    let mut conn = kinring.connect();
    let two = request(&[b"MSET", b"a", &half, b"b", &half]);
    let _ = conn.try_send(&two);
    conn.expect_end();
    let mut other = kinring.connect();
    let info = other.ask("INFO stats");
    assert!(info.contains("client_query_buffer_limit_disconnections:2\r\n"), "{info}");
    assert_eq!(other.ask("EXISTS a b"), ":0");

    assert_eq!(other.ask("MULTI"), "+OK");
    let third = vec![b'x'; 300_000];
    for _ in 0..3 {
        assert_eq!(other_set(&mut other, &third), "+QUEUED");
    }
    assert!(other_set(&mut other, &third).contains("client-query-buffer-limit"));
    assert!(other.ask("EXEC").starts_with("-EXECABORT"));
    assert_eq!(other.ask("EXISTS queued"), ":0");
}

fn other_set(conn: &mut Conn, value: &[u8]) -> String {
    kinring_tests::conn::brief(&conn.command(&[b"SET", b"queued", value]))
}
