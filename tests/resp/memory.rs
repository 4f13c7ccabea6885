//! What connections cost, and what they cannot make the server spend.

use kinring_tests::conn::{brief, request};
use kinring_tests::{Conn, Kinring};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const MB: u64 = 1 << 20;

#[test]
fn declared_lengths_cost_nothing_until_the_bytes_come() {
    const CONNECTIONS: usize = 50;
    let kinring = Kinring::start(&[]);
    let mut watcher = kinring.connect();
    assert_eq!(watcher.ask("PING"), "+PONG");
    let before = kinring.resident_bytes();
    let starts: [&[u8]; 4] = [
        b"*1000000\r\n$500000000\r\n",
        b"*2\r\n$4\r\nECHO\r\n$536870912\r\n",
        b"*2147483647\r\n$1\r\nx\r\n",
        b"*3\r\n$3\r\nSET\r\n$500000000\r\n",
    ];
    let waiting: Vec<Conn> = (0..CONNECTIONS)
        .map(|at| {
            let mut conn = kinring.connect();
            conn.send(starts[at % starts.len()]);
            conn
        })
        .collect();
    let seen = kinring_tests::process::eventually(|| {
        watcher.ask("CLIENT LIST").matches(" qbuf=2").count() >= CONNECTIONS / 2
    });
    assert!(seen, "{}", watcher.ask("CLIENT LIST"));
    let grown = kinring.resident_bytes().saturating_sub(before);
    println!("{CONNECTIONS} declared lengths: {} KB", grown / 1024);
    assert!(grown < 16 * MB, "{grown} bytes");
    drop(waiting);
}

/// Raises the limit of open files of this process to its hard limit.
fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) as usize
}

#[test]
fn an_idle_connection_costs_less_than_3_kb() {
    // Other tests of this program have sockets, too.
    let connections = descriptors().saturating_sub(500).min(10_000);
    let kinring = Kinring::start(&["--maxclients", "11000", "--tcp-backlog", "4096"]);
    let max = kinring.connect().ask("CONFIG GET maxclients");
    let max = max.trim_start_matches("[$maxclients $").trim_end_matches(']').parse::<usize>();
    let connections = connections.min(max.expect("a number") - 10);
    let mut warm: Vec<Conn> = idle(&kinring, 100);
    let before = kinring.resident_bytes();
    let mut clients = idle(&kinring, connections);
    let each = kinring.resident_bytes().saturating_sub(before) / connections as u64;
    println!("{connections} idle connections: {each} bytes each");
    assert!(each < 3 * 1024, "{each} bytes");
    // They are served.
    for conn in warm.iter_mut().chain(clients.iter_mut().step_by(997)) {
        assert_eq!(conn.ask("PING"), "+PONG");
    }
}

/// Connections that each had one command answered.
fn idle(kinring: &Kinring, connections: usize) -> Vec<Conn> {
    let mut clients: Vec<Conn> = (0..connections).map(|_| kinring.connect()).collect();
    clients.iter_mut().for_each(|conn| conn.send(b"*1\r\n$4\r\nPING\r\n"));
    clients.iter_mut().for_each(|conn| conn.expect(b"+PONG\r\n"));
    clients
}

#[test]
fn the_buffer_of_a_large_request_is_given_back() {
    const CONNECTIONS: usize = 20;
    let kinring = Kinring::start(&[]);
    let large = request(&[b"SET", b"key", &vec![b'x'; 4 * MB as usize]]);
    let mut clients = idle(&kinring, CONNECTIONS);
    let before = used_memory(&mut clients[0]);
    for conn in &mut clients {
        conn.send(&large);
        conn.expect(b"+OK\r\n");
    }
    assert_eq!(clients[0].ask("DEL key"), ":1");
    let each = used_memory(&mut clients[0]).saturating_sub(before) / CONNECTIONS as u64;
    println!("after {CONNECTIONS} large requests: {each} bytes each");
    assert!(each < 128 * 1024, "{each} bytes");
}

/// Bytes that the server has in use, by its own INFO. The system may hold more for it for a while.
fn used_memory(conn: &mut Conn) -> u64 {
    let info = conn.ask("INFO memory");
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{info}"))
}

#[test]
fn requests_in_pieces_from_many_clients_stay_apart() {
    let kinring = Kinring::start(&[]);
    let mut clients = idle(&kinring, 50);
    let requests: Vec<Vec<u8>> = (0..clients.len())
        .map(|at| {
            let name = format!("client:{at}");
            [
                request(&[b"SET", name.as_bytes(), name.as_bytes()]),
                request(&[b"GET", name.as_bytes()]),
            ]
            .concat()
        })
        .collect();
    let longest = requests.iter().map(Vec::len).max().unwrap_or_default();
    for at in (0..longest).step_by(7) {
        for (conn, request) in clients.iter_mut().zip(&requests) {
            let rest = request.get(at..).unwrap_or_default();
            conn.send(&rest[..rest.len().min(7)]);
        }
    }
    for (at, conn) in clients.iter_mut().enumerate() {
        assert_eq!(conn.answer(), "+OK");
        assert_eq!(conn.answer(), format!("$client:{at}"));
    }
}

#[test]
fn a_large_value_takes_no_more_than_its_buffer_and_what_that_grew_from() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("PING"), "+PONG");
    let before = kinring.resident_bytes();
    let value: Vec<u8> = (0..64 * MB).map(|at| (at % 251) as u8).collect();
    assert_eq!(brief(&conn.command(&[b"SET", b"large", &value])), "+OK");
    let grown = kinring.peak_bytes() - before;
    println!("a value of 64 MB: {} MB at most", grown / MB);
    assert!(grown < 64 * MB * 22 / 10, "{grown} bytes");
    assert_eq!(conn.ask("STRLEN large"), format!(":{}", 64 * MB));
    conn.send(&request(&[b"GET", b"large"]));
    assert_eq!(conn.read_exactly(value.len() + 13)[11..][..value.len()], value[..]);
}
