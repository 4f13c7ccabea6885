//! Who may come: the password, and protected mode.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use kinring_tests::conn::{brief, request};
use kinring_tests::{Conn, Kinring};

const NOAUTH: &str = "-NOAUTH Authentication required.";
const WRONGPASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.";

#[test]
fn without_the_password_nothing_but_auth_is_served() {
    let kinring = Kinring::start(&["--requirepass", "hunter2"]);
    let mut conn = kinring.connect();
    for command in ["PING", "GET key", "INFO", "CONFIG GET *", "CLIENT ID", "MULTI", "COMMAND"] {
        assert_eq!(conn.ask(command), NOAUTH, "{command}");
    }
    let arity = "-ERR wrong number of arguments for 'get' command";
    assert_eq!(conn.ask("GET"), arity, "as in Redis, the words are looked at first");
    assert!(conn.ask("HELLO 3").starts_with("-NOAUTH HELLO must be called"));
    assert_eq!(conn.ask("AUTH wrong"), WRONGPASS);
    assert_eq!(conn.ask("AUTH default wrong"), WRONGPASS);
    assert_eq!(conn.ask("AUTH somebody hunter2"), WRONGPASS);
    assert_eq!(conn.ask("AUTH hunter2 "), WRONGPASS, "one byte more");
    assert_eq!(conn.ask("AUTH "), WRONGPASS);
    assert_eq!(conn.ask("GET key"), NOAUTH);
    assert_eq!(conn.ask("AUTH hunter2"), "+OK");
    assert_eq!(conn.ask("PING"), "+PONG");
    assert_eq!(conn.ask("AUTH wrong"), WRONGPASS);
    assert_eq!(conn.ask("PING"), "+PONG", "who is in stays in");
    assert_eq!(conn.ask("RESET"), "+RESET");
    assert_eq!(conn.ask("PING"), NOAUTH);
    assert_eq!(conn.ask("AUTH default hunter2"), "+OK");
    assert_eq!(conn.ask("PING"), "+PONG");
}

#[test]
fn hello_may_carry_the_password() {
    let kinring = Kinring::start(&["--requirepass", "hunter2"]);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("HELLO 3 AUTH default wrong"), WRONGPASS);
    assert_eq!(conn.ask("PING"), NOAUTH);
    conn.set_protocol(kinring_common::resp::Protocol::Resp3);
    let reply = conn.ask("HELLO 3 AUTH default hunter2 SETNAME me");
    assert!(reply.contains("$proto: :3"), "{reply}");
    assert_eq!(conn.ask("CLIENT GETNAME"), "$me");
}

#[test]
fn one_pipeline_may_authenticate_and_work() {
    let kinring = Kinring::start(&["--requirepass", "hunter2"]);
    let mut conn = kinring.connect();
    let many: Vec<&[u8]> = vec![b"value"; 100];
    let pipeline = [
        request(&[b"PING"]),
        request(&[b"AUTH", b"hunter2"]),
        request(&[b"SET", b"key", &[b'x'; 20_000]]),
        request(&[&[&b"RPUSH"[..], b"list"], &many[..]].concat()),
        request(&[b"STRLEN", b"key"]),
    ];
    conn.send(&pipeline.concat());
    let replies: Vec<String> = (0..5).map(|_| conn.answer()).collect();
    assert_eq!(replies[..3], [NOAUTH, "+OK", "+OK"]);
    assert_eq!(replies[4], ":20000");
}

#[test]
fn who_could_be_anyone_has_ten_arguments_of_16_kb() {
    let kinring = Kinring::start(&["--requirepass", "hunter2"]);
    for (bytes, error) in [
        (&b"*11\r\n"[..], "-ERR Protocol error: unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length"),
    ] {
        let mut conn = kinring.connect();
        conn.send(bytes);
        assert_eq!(conn.answer(), error);
        conn.expect_end();
    }
    let mut conn = kinring.connect();
    assert_eq!(brief_of(&mut conn, &[b"AUTH", &[b'x'; 16_384]]), WRONGPASS);
    let ten: Vec<&[u8]> = vec![b"AUTH"; 10];
    assert_eq!(brief_of(&mut conn, &ten), "-ERR syntax error");
}

fn brief_of(conn: &mut Conn, words: &[&[u8]]) -> String {
    brief(&conn.command(words))
}

#[test]
fn a_password_can_be_set_and_taken_away_while_it_runs() {
    let kinring = Kinring::start(&[]);
    let mut old = kinring.connect();
    assert!(old.ask("AUTH any").starts_with("-ERR AUTH <password> called without any password"));
    assert_eq!(old.ask("CONFIG SET requirepass hunter2"), "+OK");
    assert_eq!(old.ask("PING"), "+PONG", "who is in stays in");
    let mut new = kinring.connect();
    assert_eq!(new.ask("PING"), NOAUTH);
    assert_eq!(new.ask("AUTH hunter2"), "+OK");
    assert_eq!(brief_of(&mut old, &[b"CONFIG", b"SET", b"requirepass", b""]), "+OK");
    assert_eq!(kinring.connect().ask("PING"), "+PONG");
}

/// An address of this machine that is not its loopback: the one that a packet to the world would
/// carry. Nothing is sent.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("198.51.100.77", 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[test]
fn protected_mode_refuses_all_but_this_machine() {
    let Some(outer) = outer_address() else {
        eprintln!("skipped: this machine has no address but its loopback");
        return;
    };
    let kinring = Kinring::start(&["--bind", "0.0.0.0"]);
    let port = kinring.addr().port();
    let local = SocketAddr::from(([127, 0, 0, 1], port));
    let from_outside = || Conn::open(SocketAddr::new(outer, port));
    assert!(kinring.stderr().contains("protected mode"), "{}", kinring.stderr());

    let mut refused = from_outside();
    let reply = refused.answer();
    assert!(reply.starts_with("-DENIED Redis is running in protected mode"), "{reply}");
    refused.expect_end();

    let mut inside = Conn::open(local);
    assert_eq!(inside.ask("CONFIG SET protected-mode no"), "+OK");
    assert_eq!(from_outside().ask("PING"), "+PONG");
    assert_eq!(inside.ask("CONFIG SET protected-mode yes requirepass hunter2"), "+OK");
    assert_eq!(from_outside().ask("AUTH hunter2"), "+OK", "a password is enough");
}
