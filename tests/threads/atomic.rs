//! Commands on several keys are one step for all who look, whichever threads serve them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use kinring_tests::conn::request;
use kinring_tests::{Conn, Kinring};

/// Keys in many partitions.
const KEYS: usize = 12;

/// Rounds of each writer.
const ROUNDS: usize = 300;

fn four_threads() -> Kinring {
    Kinring::start(&["--io-threads", "4"])
}

fn key(at: usize) -> Vec<u8> {
    format!("key:{at}").into_bytes()
}

/// Runs `body` until told to stop; returns how often.
fn until(stop: &Arc<AtomicBool>, mut body: impl FnMut() + Send + 'static) -> JoinHandle<usize> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut rounds = 0;
        while !stop.load(Ordering::Relaxed) {
            body();
            rounds += 1;
        }
        rounds
    })
}

#[test]
fn increments_of_64_connections_add_up() {
    const CONNECTIONS: usize = 64;
    let kinring = four_threads();
    let mut clients: Vec<Conn> = (0..CONNECTIONS).map(|_| kinring.connect()).collect();
    let pipeline: Vec<u8> = (0..KEYS).flat_map(|at| request(&[b"INCR", &key(at)])).collect();
    for _ in 0..20 {
        for conn in &mut clients {
            conn.send(&pipeline.repeat(5));
        }
        for conn in &mut clients {
            (0..5 * KEYS).for_each(|_| assert!(conn.answer().starts_with(':')));
        }
    }
    let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
    let words: Vec<&[u8]> =
        std::iter::once(&b"MGET"[..]).chain(keys.iter().map(Vec::as_slice)).collect();
    let sums = vec![format!("${}", CONNECTIONS * 20 * 5); KEYS];
    let all = kinring_tests::conn::brief(&clients[0].command(&words));
    assert_eq!(all, format!("[{}]", sums.join(" ")));
}

/// `MSET` of all keys to one value; odd writers name them in the other order.
fn set_all(writer: usize, value: &str) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
    let mut words: Vec<&[u8]> = vec![b"MSET"];
    let mut order: Vec<&Vec<u8>> = keys.iter().collect();
    if !writer.is_multiple_of(2) {
        order.reverse();
    }
    order.iter().for_each(|key| words.extend([key.as_slice(), value.as_bytes()]));
    request(&words)
}

fn get_all() -> Vec<u8> {
    let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
    request(&[&[&b"MGET"[..]], &keys.iter().map(Vec::as_slice).collect::<Vec<_>>()[..]].concat())
}

/// All values are the same.
#[track_caller]
fn one_value(reply: &str) {
    let values: Vec<&str> = reply.trim_matches(['[', ']']).split(' ').collect();
    assert_eq!(values.len(), KEYS, "{reply}");
    assert!(values.iter().all(|value| *value == values[0]), "a mix: {reply}");
}

/// Starts writers that each run their own kind of writes for some rounds.
fn writers(
    kinring: &Kinring,
    write: impl Fn(usize, usize) -> (Vec<u8>, usize) + Copy + Send + 'static,
) -> Vec<JoinHandle<()>> {
    (0..4)
        .map(|writer| {
            let mut conn = kinring.connect();
            std::thread::spawn(move || {
                for round in 0..ROUNDS {
                    let (sent, replies) = write(writer, round);
                    conn.send(&sent);
                    (0..replies).for_each(|_| {
                        let reply = conn.answer();
                        assert!(!reply.starts_with('-'), "{reply}");
                    });
                }
            })
        })
        .collect()
}

/// Readers see one value whatever the writers do, to the writers' end.
fn readers_see_no_mix(kinring: &Kinring, writers: Vec<JoinHandle<()>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<JoinHandle<usize>> = (0..3)
        .map(|at| {
            let mut conn = kinring.connect();
            let wrapped = [b"MULTI\r\n".to_vec(), get_all(), b"EXEC\r\n".to_vec()].concat();
            until(&stop, move || {
                if at == 0 {
                    conn.send(&wrapped);
                    conn.expect(b"+OK\r\n+QUEUED\r\n");
                    let reply = conn.answer();
                    one_value(reply.trim_start_matches("[["));
                } else {
                    conn.send(&get_all());
                    one_value(&conn.answer());
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().expect("no writer fails"));
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().expect("no reader sees a mix") > 0);
    }
}

#[test]
fn mset_of_several_keys_is_one_step() {
    let kinring = four_threads();
    kinring.connect().send(&set_all(0, "start"));
    while kinring.connect().ask("EXISTS key:0") == ":0" {}
    let write = |writer, round| (set_all(writer, &format!("{writer}:{round}")), 1);
    readers_see_no_mix(&kinring, writers(&kinring, write));
}

#[test]
fn exec_is_one_step_over_all_its_keys() {
    let kinring = four_threads();
    let mut conn = kinring.connect();
    conn.send(&set_all(0, "start"));
    conn.expect(b"+OK\r\n");
    let write = |writer: usize, round: usize| {
        let value = format!("{writer}:{round}");
        let mut sent = b"MULTI\r\n".to_vec();
        for at in 0..KEYS {
            let at = if writer.is_multiple_of(2) { at } else { KEYS - 1 - at };
            sent.extend(request(&[b"SET", &key(at), value.as_bytes()]));
        }
        sent.extend(b"EXEC\r\n");
        (sent, KEYS + 2)
    };
    readers_see_no_mix(&kinring, writers(&kinring, write));
}

#[test]
fn pipelines_and_walks_over_all_partitions_do_not_lock_each_other_up() {
    let kinring = four_threads();
    let write = |writer: usize, round: usize| match (writer + round) % 6 {
        0 => (b"MULTI\r\nINFO\r\nDBSIZE\r\nKEYS key:1\r\nEXEC\r\n".to_vec(), 5),
        1 => (b"FLUSHALL\r\nKEYS *\r\nINFO\r\nSCAN 0\r\nRANDOMKEY\r\n".to_vec(), 5),
        2 => ([set_all(0, "a"), get_all(), set_all(1, "b")].concat(), 3),
        3 => (b"WATCH key:1 key:2\r\nMULTI\r\nINCR n\r\nEXEC\r\nUNWATCH\r\n".to_vec(), 5),
        4 => (b"CLIENT LIST\r\nCONFIG GET *\r\nDBSIZE\r\n".to_vec(), 3),
        _ => (b"SET key:3 x PX 1\r\nGET key:3\r\nDEL key:1 key:5 key:9\r\n".to_vec(), 3),
    };
    // A lock that never comes shows as a reply that never comes.
    writers(&kinring, write).into_iter().for_each(|writer| writer.join().expect("no reply fails"));
    assert_eq!(kinring.connect().ask("PING"), "+PONG");
}

#[test]
fn optimistic_transfers_keep_the_sum() {
    let kinring = four_threads();
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("MSET from 1000 to 0"), "+OK");
    let transfers: Vec<JoinHandle<usize>> = (0..6)
        .map(|_| {
            let mut conn = kinring.connect();
            std::thread::spawn(move || {
                let mut done = 0;
                for _ in 0..150 {
                    conn.send(b"WATCH from to\r\nMGET from to\r\n");
                    conn.expect(b"+OK\r\n");
                    let reply = conn.answer();
                    let values: Vec<i64> = reply
                        .trim_matches(['[', ']'])
                        .split(' ')
                        .filter_map(|value| value.strip_prefix('$')?.parse().ok())
                        .collect();
                    assert_eq!(values.iter().sum::<i64>(), 1000, "{reply}");
                    let (from, to) = (values[0] - 1, values[1] + 1);
                    conn.send(
                        format!("MULTI\r\nSET from {from}\r\nSET to {to}\r\nEXEC\r\n").as_bytes(),
                    );
                    conn.expect(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n");
                    done += usize::from(conn.answer() == "[+OK +OK]");
                }
                done
            })
        })
        .collect();
    let done: usize = transfers.into_iter().map(|t| t.join().expect("no mix")).sum();
    assert_eq!(conn.ask("MGET from to"), format!("[${} ${done}]", 1000 - done as i64));
    assert!(done > 0);
}
