//! What commands leave besides their replies.

use super::{Bench, ONE_OF_EACH, benches};
use crate::keyspace::Effect;

/// The events since the last call.
fn events(bench: &mut Bench) -> Vec<String> {
    let name = |effect: &Effect| match effect {
        Effect::Event { name, key, .. } => Some(format!("{name} {}", String::from_utf8_lossy(key))),
        _ => None,
    };
    bench.effects.drain(..).filter_map(|effect| name(&effect)).collect()
}

#[test]
fn events_have_the_names_that_redis_gives_them() {
    let cases: [(&str, &[&str]); 37] = [
        ("HSET h f v", &["hset h"]),
        ("HSET h f v", &["hset h"]),
        ("SADD s m", &["sadd s"]),
        ("SADD s m", &[]),
        ("ZADD z 1 m", &["zadd z"]),
        ("ZADD z 1 m", &[]),
        ("ZADD z XX 1 n", &[]),
        ("ZADD z INCR 1 m", &["zincr z"]),
        ("ZADD z INCR 0 m", &[]),
        ("ZADD z 5 m", &["zadd z"]),
        ("ZADD z INCR nan m", &[]),
        ("LPUSH l i j", &["lpush l"]),
        ("HSET l f v", &[]),
        ("EXPIRE l 10", &["expire l"]),
        ("PEXPIREAT l 99999999999999", &["expire l"]),
        ("EXPIRE l 10 NX", &[]),
        ("PERSIST l", &["persist l"]),
        ("PERSIST l", &[]),
        ("RENAME l l", &[]),
        ("RENAME l k", &["rename_from l", "rename_to k"]),
        ("RENAME k h", &["rename_from k", "rename_to h"]),
        ("EXPIRE h 0", &["del h"]),
        ("EXPIRE h 0", &[]),
        ("PEXPIREAT s 1", &["del s"]),
        ("HSET h f v", &["hset h"]),
        ("DEL h s z", &["del h", "del z"]),
        ("UNLINK h s z", &[]),
        ("SADD u m", &["sadd u"]),
        ("UNLINK u u", &["del u"]),
        ("SADD u m", &["sadd u"]),
        ("TYPE u", &[]),
        ("SCAN 0", &[]),
        ("SMEMBERS u", &[]),
        ("TTL u", &[]),
        ("TOUCH u", &[]),
        ("FLUSHDB", &[]),
        ("FLUSHALL", &[]),
    ];
    for mut bench in benches() {
        for (line, wanted) in cases {
            bench.line(line);
            assert_eq!(events(&mut bench), wanted, "{line}");
        }
    }
}

#[test]
fn a_command_that_changes_nothing_leaves_no_effect() {
    for mut bench in benches() {
        bench.check(&ONE_OF_EACH);
        bench.effects.clear();
        let idle = [
            "SADD set m",
            "SADD set m n m",
            "ZADD zset 1.5 m",
            "ZADD zset XX 1 none",
            "ZADD zset NX 7 m 8 n",
            "ZADD zset GT 1 m",
            "ZADD zset LT INCR 1 m",
            "ZADD zset INCR 0 m",
            "ZADD zset INCR nan m",
            "ZADD none XX 1 m",
            "HSET set f v",
            "LPUSH set i",
            "DEL none",
            "PERSIST set",
            "EXPIRE none 10",
            "EXPIRE set 10 XX",
            "RENAME set set",
            "RENAME none set",
            "HGETALL hash",
            "SCAN 0 COUNT 100",
            "RANDOMKEY",
        ];
        for line in idle {
            bench.line(line);
            assert_eq!(bench.effects, [], "{line}");
        }
    }
}

#[test]
fn a_write_is_one_event_of_the_record() {
    let mut bench = Bench::with(|options| options.deltas = true);
    for line in ["HSET h a 1 b 2 a 3", "SADD s a b a", "ZADD z 1 a 2 b 3 a", "LPUSH l a b c"] {
        bench.effects.clear();
        bench.line(line);
        let deltas = bench.effects.iter().filter(|effect| matches!(effect, Effect::Delta { .. }));
        assert_eq!(deltas.count(), 1, "{line}");
    }
}

#[test]
fn whoever_waits_for_a_list_or_a_sorted_set_is_told() {
    let mut bench = Bench::new();
    let ready = |bench: &mut Bench, line: &str| {
        bench.effects.clear();
        bench.line(line);
        bench.effects.iter().any(|e| matches!(e, Effect::Ready { key, .. } if key == b"k"))
    };
    assert!(ready(&mut bench, "LPUSH k i"));
    assert!(ready(&mut bench, "LPUSH k j"));
    assert!(!ready(&mut bench, "RENAME k other"));
    assert!(ready(&mut bench, "RENAME other k"));
    assert!(!ready(&mut bench, "DEL k"));
    assert!(ready(&mut bench, "ZADD k 1 m"));
    assert!(!ready(&mut bench, "ZADD k 2 m"), "the member was there before");
    assert!(ready(&mut bench, "ZADD k 2 n"));
}
