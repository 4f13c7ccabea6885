//! Several data threads: nothing is lost, nothing is half seen, nobody waits for ever.

use kinring_tests::Kinring;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 32;

#[test]
fn increments_of_many_connections_add_up() {
    let kinring = Kinring::start(&["--io-threads", "4"]);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut conn = kinring.connect();
                let pipeline = b"INCR n\r\n".repeat(100);
                conn.send(&pipeline);
                (0..100).for_each(|_| drop(conn.answer()));
            });
        }
    });
    assert_eq!(kinring.connect().ask("GET n"), format!("${}", CONNECTIONS * 100));
}

#[test]
fn a_multi_key_write_is_seen_whole_or_not_at_all() {
    let kinring = Kinring::start(&["--io-threads", "4"]);
    let until = Instant::now() + Duration::from_secs(2);
    // Names in many partitions, written in opposite orders: locks taken badly would wait for ever.
    let names: Vec<String> = (0..10).map(|n| format!("k{n}")).collect();
    let pairs = |value: &str, back: bool| {
        let mut pairs: Vec<String> = names.iter().map(|name| format!("{name} {value}")).collect();
        if back {
            pairs.reverse();
        }
        pairs.join(" ")
    };
    kinring.connect().ask(&format!("MSET {}", pairs("0", false)));
    std::thread::scope(|scope| {
        for (value, back) in [("1", false), ("2", true)] {
            let mset = format!("MSET {}", pairs(value, back));
            let multi = pairs(value, back);
            let kinring = &kinring;
            scope.spawn(move || {
                let mut conn = kinring.connect();
                while Instant::now() < until {
                    conn.ask(&mset);
                    conn.ask("MULTI");
                    for pair in multi.split(' ').collect::<Vec<_>>().chunks(2) {
                        conn.ask(&format!("SET {} {}", pair[0], pair[1]));
                    }
                    conn.ask("EXEC");
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let mut conn = kinring.connect();
                let mget = format!("MGET {}", names.join(" "));
                while Instant::now() < until {
                    let seen = conn.ask(&mget);
                    let values: Vec<char> = seen.chars().filter(char::is_ascii_digit).collect();
                    assert_eq!(values.len(), names.len(), "{seen}");
                    assert!(values.iter().all(|value| *value == values[0]), "a mix: {seen}");
                }
            });
        }
    });
}
