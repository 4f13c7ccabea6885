//! Keys and values of all sizes and of any bytes.

use std::time::Duration;

use kinring_tests::conn::request;
use kinring_tests::{Conn, Kinring};

/// Bytes of any kind, line breaks and zeros among them.
fn bytes(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Sends while the replies are read, as a large request may fill the buffers between.
fn exchange(conn: &mut Conn, sent: Vec<u8>, wanted: &[u8]) {
    let mut sender = Conn::of(conn.stream());
    let sending = std::thread::spawn(move || sender.send(&sent));
    conn.expect(wanted);
    sending.join().expect("it was sent");
}

fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

#[test]
fn values_of_every_size_come_back() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    // Around every size where something changes: inline values, buffers, reads, writes.
    let mut sizes = vec![0, 1, 9, 10, 99, 100, 10 << 20];
    for power in [6, 8, 10, 12, 14, 16, 18, 20] {
        sizes.extend([(1 << power) - 1, 1 << power, (1 << power) + 1]);
    }
    for len in sizes {
        let value = bytes(len);
        let pipeline = [
            request(&[b"SET", b"key", &value]),
            request(&[b"GET", b"key"]),
            request(&[b"STRLEN", b"key"]),
        ];
        let wanted = [b"+OK\r\n", &bulk(&value)[..], format!(":{len}\r\n").as_bytes()].concat();
        exchange(&mut conn, pipeline.concat(), &wanted);
    }
}

#[test]
fn keys_of_a_megabyte_are_keys() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    for len in [0, 1, 1000, 1 << 16, 1 << 20] {
        let (key, mut other) = (bytes(len), bytes(len));
        other.push(b'x');
        let pipeline = [
            request(&[b"SET", &key, b"value"]),
            request(&[b"GET", &key]),
            request(&[b"EXISTS", &other]),
            request(&[b"RENAME", &key, &other]),
            request(&[b"MGET", &key, &other]),
            request(&[b"KEYS", b"*"]),
            request(&[b"DEL", &key, &other]),
        ];
        let wanted = [
            b"+OK\r\n$5\r\nvalue\r\n:0\r\n+OK\r\n*2\r\n$-1\r\n$5\r\nvalue\r\n*1\r\n",
            &bulk(&other)[..],
            b":1\r\n",
        ];
        exchange(&mut conn, pipeline.concat(), &wanted.concat());
    }
}

#[test]
fn a_large_request_that_trickles_in_costs_little() {
    const BYTES: usize = 128 << 20;
    const PIECES: usize = 200;
    const PIECE: usize = 1000;
    let kinring = Kinring::start(&[]);
    let (mut slow, mut other) = (kinring.connect(), kinring.connect());
    slow.send(format!("*2\r\n$6\r\nSTRLEN\r\n${BYTES}\r\n").as_bytes());
    slow.send(&vec![b'x'; BYTES - PIECES * PIECE]);
    assert_eq!(other.ask("PING"), "+PONG");
    let before = cpu(&kinring);
    for _ in 0..PIECES {
        slow.send(&[b'x'; PIECE]);
        // One thread serves both, so this piece is read on its own.
        assert_eq!(other.ask("PING"), "+PONG");
    }
    let spent = cpu(&kinring) - before;
    slow.send(b"\r\n");
    assert_eq!(slow.answer(), ":0");
    println!("{PIECES} pieces of a large request: {spent:?} of processor time");
    assert!(spent < Duration::from_millis(250), "{spent:?}");
}

/// Processor time of the server, by its own INFO.
fn cpu(kinring: &Kinring) -> Duration {
    let info = kinring.connect().ask("INFO cpu");
    let seconds = info
        .lines()
        .filter_map(|line| line.split_once(':')?.1.trim().parse::<f64>().ok())
        .sum::<f64>();
    Duration::from_secs_f64(seconds)
}
