//! What commands leave besides their replies.

use super::{Bench, ONE_OF_EACH, benches};
use crate::causal::{Applied, Horizon, Record};
use crate::keyspace::{Effect, PartitionSet};
use std::collections::BTreeMap;

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
    let cases: [(&str, &[&str]); 60] = [
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
        ("RPUSH m i j k", &["rpush m"]),
        ("LPOP m", &["lpop m"]),
        ("LPOP m 0", &[]),
        ("RPOP m 1", &["rpop m"]),
        ("RPOP m", &["rpop m", "del m"]),
        ("LPOP m", &[]),
        ("RPUSH m i j", &["rpush m"]),
        ("LPOP m 9", &["lpop m", "del m"]),
        ("HSET m f v g w", &["hset m"]),
        ("HDEL m none", &[]),
        ("HDEL m f none", &["hdel m"]),
        ("HDEL m f g", &["hdel m", "del m"]),
        ("HDEL m f", &[]),
        ("SADD m a b", &["sadd m"]),
        ("SREM m none", &[]),
        ("SREM m a none", &["srem m"]),
        ("SREM m a b", &["srem m", "del m"]),
        ("SREM m a", &[]),
        ("ZADD m 1 a 2 b", &["zadd m"]),
        ("ZREM m none", &[]),
        ("ZREM m a none", &["zrem m"]),
        ("ZREM m a b", &["zrem m", "del m"]),
        ("ZREM m a", &[]),
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
            "RPUSH set i",
            "HDEL hash none other",
            "HDEL none f",
            "HDEL set m",
            "SREM set none other",
            "SREM none m",
            "ZREM zset none other",
            "ZREM none m",
            "LPOP list 0",
            "RPOP list 0",
            "LPOP list -1",
            "LPOP none",
            "RPOP none 5",
            "RPOP set",
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
    for line in [
        "HSET h a 1 b 2 a 3",
        "SADD s a b a",
        "ZADD z 1 a 2 b 3 a",
        "LPUSH l a b c",
        "RPUSH l a b c",
        "HDEL h a none",
        "HDEL h b a",
        "SREM s a none",
        "SREM s b a",
        "ZREM z a none",
        "ZREM z b a",
        "LPOP l",
        "RPOP l 2",
        "LPOP l 9",
    ] {
        bench.effects.clear();
        bench.line(line);
        let deltas = bench.effects.iter().filter(|effect| matches!(effect, Effect::Delta { .. }));
        assert_eq!(deltas.count(), 1, "{line}");
    }
}

#[test]
fn a_replica_loses_the_elements_that_were_removed() {
    let lines = [
        "HSET h a 1 b 2 c 3",
        "HDEL h a none",
        "EXPIRE h 100",
        "HDEL h b c",
        "HSET h d 4",
        "SADD s a b c",
        "SREM s b",
        "SREM s a c",
        "ZADD z 1 a 2 b 3 c",
        "ZREM z b c",
        "ZREM z a",
        "RPUSH l a b c d e",
        "LPOP l",
        "RPOP l 2",
        "LPUSH l f",
        "LPOP l 9",
        "RPUSH l g",
    ];
    let mut bench = Bench::with(|options| (options.deltas, options.lone) = (true, false));
    let mut replicas: BTreeMap<Vec<u8>, Record> = BTreeMap::new();
    for line in lines {
        bench.pass_ms(1);
        bench.line(line);
        for effect in bench.effects.drain(..) {
            let Effect::Delta { key, delta, .. } = effect else { continue };
            let replica = replicas.entry(key.to_vec()).or_default();
            assert_eq!(replica.apply(&delta, &Horizon::default()), Applied::Applied, "{line}");
            let at = bench.space.locate(0, &key);
            let mut locks = bench.space.lock(&PartitionSet::ALL);
            let home = locks.partition(at.partition).record(&at, 0, &key);
            assert_eq!(home.as_ref(), Some(&*replica), "{line}");
        }
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
    assert!(ready(&mut bench, "RPUSH k j"));
    assert!(!ready(&mut bench, "LPOP k"));
    assert!(!ready(&mut bench, "RENAME k other"));
    assert!(ready(&mut bench, "RENAME other k"));
    assert!(!ready(&mut bench, "DEL k"));
    assert!(ready(&mut bench, "ZADD k 1 m"));
    assert!(!ready(&mut bench, "ZADD k 2 m"), "the member was there before");
    assert!(ready(&mut bench, "ZADD k 2 n"));
}
