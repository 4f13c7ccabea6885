//! Commands on keys of any type: requests and their replies.

mod effects;

use super::super::testing::Bench;
use crate::resp::Protocol;

/// Alone, where nothing deleted is kept, and as one owner of several, where tombstones and deltas
/// are.
fn benches() -> [Bench; 2] {
    [true, false].map(|lone| {
        Bench::with(|options| {
            options.lone = lone;
            options.deltas = !lone;
        })
    })
}

pub(super) fn check(cases: &[(&str, &str)]) {
    for mut bench in benches() {
        bench.check(cases);
    }
}

#[test]
fn keys_are_counted_as_often_as_they_are_named() {
    check(&[
        ("DEL", "-ERR wrong number of arguments for 'del' command\r\n"),
        ("DEL a", ":0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("SET b 2", "+OK\r\n"),
        ("EXISTS", "-ERR wrong number of arguments for 'exists' command\r\n"),
        ("EXISTS a b c a", ":3\r\n"),
        ("TOUCH", "-ERR wrong number of arguments for 'touch' command\r\n"),
        ("TOUCH a b c a", ":3\r\n"),
        ("DEL a a c", ":1\r\n"),
        ("UNLINK", "-ERR wrong number of arguments for 'unlink' command\r\n"),
        ("UNLINK b b a", ":1\r\n"),
        ("EXISTS a b", ":0\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("DBSIZE x", "-ERR wrong number of arguments for 'dbsize' command\r\n"),
    ]);
}

#[test]
fn each_type_has_its_name() {
    check(&[
        ("TYPE", "-ERR wrong number of arguments for 'type' command\r\n"),
        ("TYPE a", "+none\r\n"),
        ("SET t 1", "+OK\r\n"),
        ("TYPE t", "+string\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("TYPE h", "+hash\r\n"),
        ("SADD s m", ":1\r\n"),
        ("TYPE s", "+set\r\n"),
        ("ZADD z 1 m", ":1\r\n"),
        ("TYPE z", "+zset\r\n"),
        ("LPUSH l i", ":1\r\n"),
        ("TYPE l", "+list\r\n"),
    ]);
}

#[test]
fn a_renamed_key_keeps_value_and_deadline_and_takes_the_place_of_another() {
    check(&[
        ("RENAME a", "-ERR wrong number of arguments for 'rename' command\r\n"),
        ("RENAME a b", "-ERR no such key\r\n"),
        ("RENAME a a", "-ERR no such key\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("RENAME a a", "+OK\r\n"),
        ("RENAME a b", "+OK\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("GET b", "$1\r\n1\r\n"),
        ("EXPIRE b 100", ":1\r\n"),
        ("RENAME b c", "+OK\r\n"),
        ("TTL c", ":100\r\n"),
        ("SET d 4", "+OK\r\n"),
        ("RENAME d c", "+OK\r\n"),
        ("TTL c", ":-1\r\n"),
        ("GET c", "$1\r\n4\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("EXPIRE h 100", ":1\r\n"),
        ("RENAME h c", "+OK\r\n"),
        ("HGETALL c", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        ("TTL c", ":100\r\n"),
        ("ZADD z 1.5 m 2 n", ":2\r\n"),
        ("RENAME z c", "+OK\r\n"),
        ("ZRANGE c 0 -1 WITHSCORES", "*4\r\n$1\r\nm\r\n$3\r\n1.5\r\n$1\r\nn\r\n$1\r\n2\r\n"),
        ("TTL c", ":-1\r\n"),
        ("LPUSH l 3 2 1", ":3\r\n"),
        ("RENAME l c", "+OK\r\n"),
        ("LRANGE c 0 -1", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        ("LPUSH c 0", ":4\r\n"),
        ("LRANGE c 0 -1", "*4\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        ("SADD s m", ":1\r\n"),
        ("RENAME s c", "+OK\r\n"),
        ("SMEMBERS c", "*1\r\n$1\r\nm\r\n"),
    ]);
}

#[test]
fn a_flush_takes_one_word_at_most() {
    check(&[
        ("FLUSHALL x", "-ERR syntax error\r\n"),
        ("FLUSHDB ASYNC SYNC", "-ERR syntax error\r\n"),
        ("FLUSHDB ", "-ERR syntax error\r\n"),
        ("FLUSHDB async", "+OK\r\n"),
        ("FLUSHALL Sync", "+OK\r\n"),
        ("FLUSHDB", "+OK\r\n"),
    ]);
}

/// One key of each type, named as TYPE names it.
const ONE_OF_EACH: [(&str, &str); 5] = [
    ("SET string 1", "+OK\r\n"),
    ("HSET hash f v g w", ":2\r\n"),
    ("SADD set m n", ":2\r\n"),
    ("ZADD zset 1.5 m 2 n", ":2\r\n"),
    ("LPUSH list b a", ":2\r\n"),
];

/// What shows at each of them.
const SHOWN: [(&str, &str, &str); 5] = [
    ("string", "GET", "$1\r\n1\r\n"),
    ("hash", "HGETALL", "*4\r\n$1\r\nf\r\n$1\r\nv\r\n$1\r\ng\r\n$1\r\nw\r\n"),
    ("set", "SMEMBERS", "*2\r\n$1\r\nm\r\n$1\r\nn\r\n"),
    ("zset", "ZRANGE 0 -1 WITHSCORES", "*4\r\n$1\r\nm\r\n$3\r\n1.5\r\n$1\r\nn\r\n$1\r\n2\r\n"),
    ("list", "LRANGE 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
];

/// `GET` and its like with this key put in.
fn at(command: &str, key: &str) -> String {
    match command.split_once(' ') {
        Some((name, rest)) => format!("{name} {key} {rest}"),
        None => format!("{command} {key}"),
    }
}

#[test]
fn a_command_refuses_every_type_but_its_own() {
    let commands = [
        ("string", "GET"),
        ("hash", "HSET f v"),
        ("hash", "HGET f"),
        ("hash", "HGETALL"),
        ("set", "SADD m"),
        ("set", "SMEMBERS"),
        ("zset", "ZADD 1 m"),
        ("zset", "ZADD XX INCR 1 m"),
        ("zset", "ZRANGE 0 -1"),
        ("zset", "ZRANGE - + BYLEX"),
        ("list", "LPUSH i"),
        ("list", "LRANGE 0 -1"),
    ];
    let refused = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    for mut bench in benches() {
        bench.check(&ONE_OF_EACH);
        for (of, command) in commands {
            for (kind, _, _) in SHOWN {
                let reply = bench.line(&at(command, kind));
                assert_eq!(reply == refused, kind != of, "{command} at a {kind}: {reply}");
            }
        }
        bench.check(&[("TYPE string", "+string\r\n"), ("DBSIZE", ":5\r\n")]);
    }
}

#[test]
fn what_is_wrong_with_the_words_is_said_before_what_is_wrong_with_the_key() {
    check(&[
        ("SET s 1", "+OK\r\n"),
        ("HSET s f", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("HSET s f v g", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("ZADD s x m", "-ERR value is not a valid float\r\n"),
        ("ZADD s 1 m 2", "-ERR syntax error\r\n"),
        ("ZRANGE s x 1", "-ERR value is not an integer or out of range\r\n"),
        ("ZRANGE s x 1 BYSCORE", "-ERR min or max is not a float\r\n"),
        ("LRANGE s 0 x", "-ERR value is not an integer or out of range\r\n"),
    ]);
}

#[test]
fn every_type_is_renamed_across_partitions_with_its_deadline() {
    for mut bench in benches() {
        bench.check(&ONE_OF_EACH);
        for (kind, read, shown) in SHOWN {
            bench.line(&format!("PEXPIRE {kind} 1000"));
            let mut from = kind.to_owned();
            for name in 0..40 {
                let to = format!("{kind}-{name}");
                // What was there is gone, its type and its deadline too.
                bench.line(&format!("HSET {to} old old"));
                bench.line(&format!("PEXPIRE {to} 5"));
                bench.check(&[
                    (&format!("RENAME {from} {to}"), "+OK\r\n"),
                    (&format!("TYPE {from}"), "+none\r\n"),
                    (&at(read, &to), shown),
                    (&format!("PTTL {to}"), ":1000\r\n"),
                ]);
                from = to;
            }
            bench.pass_ms(999);
            bench.check(&[(&at(read, &from), shown), (&format!("PTTL {from}"), ":1\r\n")]);
            bench.pass_ms(1);
            bench.check(&[
                (&format!("TYPE {from}"), "+none\r\n"),
                (&format!("RENAME {from} {kind}"), "-ERR no such key\r\n"),
                (&format!("RENAME {from} {from}"), "-ERR no such key\r\n"),
            ]);
        }
    }
}

#[test]
fn a_renamed_collection_takes_writes_as_before() {
    check(&[
        ("HSET h f v", ":1\r\n"),
        ("RENAME h g", "+OK\r\n"),
        ("HSET g f w e x", ":1\r\n"),
        ("SADD s m", ":1\r\n"),
        ("RENAME s t", "+OK\r\n"),
        ("SADD t m n", ":1\r\n"),
        ("ZADD z 1 m", ":1\r\n"),
        ("RENAME z y", "+OK\r\n"),
        ("ZADD y CH INCR 1 m", "$1\r\n2\r\n"),
        ("HSET h again 1", ":1\r\n"),
        ("HGETALL h", "*2\r\n$5\r\nagain\r\n$1\r\n1\r\n"),
    ]);
}

#[test]
fn every_type_expires_at_its_millisecond() {
    for mut bench in benches() {
        for (kind, read, shown) in SHOWN {
            bench.check(&ONE_OF_EACH);
            let empty = bench.line(&at(read, "absent"));
            bench.check(&[(&format!("PEXPIRE {kind} 10"), ":1\r\n")]);
            bench.pass_ms(9);
            bench.check(&[
                (&at(read, kind), shown),
                (&format!("EXISTS {kind}"), ":1\r\n"),
                (&format!("TYPE {kind}"), &format!("+{kind}\r\n")),
                (&format!("PTTL {kind}"), ":1\r\n"),
            ]);
            bench.pass_ms(1);
            bench.check(&[
                (&at(read, kind), &empty),
                (&format!("EXISTS {kind}"), ":0\r\n"),
                (&format!("TOUCH {kind}"), ":0\r\n"),
                (&format!("TYPE {kind}"), "+none\r\n"),
                (&format!("TTL {kind}"), ":-2\r\n"),
                (&format!("PEXPIRETIME {kind}"), ":-2\r\n"),
                (&format!("PERSIST {kind}"), ":0\r\n"),
                (&format!("EXPIRE {kind} 100"), ":0\r\n"),
                (&format!("KEYS {kind}"), "*0\r\n"),
                (&format!("SCAN 0 COUNT 1000 MATCH {kind}"), "*2\r\n$1\r\n0\r\n*0\r\n"),
                (&format!("DEL {kind}"), ":0\r\n"),
            ]);
            bench.line("FLUSHALL");
        }
    }
}

#[test]
fn a_write_after_the_deadline_starts_anew_and_without_one() {
    for mut bench in benches() {
        for (kind, read, shown) in SHOWN {
            bench.check(&ONE_OF_EACH);
            bench.line(&format!("PEXPIRE {kind} 10"));
            bench.pass_ms(10);
            let (again, reply) = ONE_OF_EACH.into_iter().find(|(c, _)| c.contains(kind)).unwrap();
            bench.check(&[
                (again, reply),
                (&at(read, kind), shown),
                (&format!("TTL {kind}"), ":-1\r\n"),
            ]);
            bench.line("FLUSHALL");
        }
        bench.check(&[("SADD k m", ":1\r\n"), ("PEXPIRE k 10", ":1\r\n")]);
        bench.pass_ms(10);
        bench.check(&[("LPUSH k i", ":1\r\n"), ("TYPE k", "+list\r\n"), ("DBSIZE", ":1\r\n")]);
    }
}

#[test]
fn a_persisted_key_of_any_type_stays() {
    for mut bench in benches() {
        bench.check(&ONE_OF_EACH);
        for (kind, read, shown) in SHOWN {
            bench.check(&[
                (&format!("PEXPIRE {kind} 10"), ":1\r\n"),
                (&format!("PERSIST {kind}"), ":1\r\n"),
                (&format!("PERSIST {kind}"), ":0\r\n"),
                (&format!("TTL {kind}"), ":-1\r\n"),
            ]);
            bench.pass_ms(10);
            bench.check(&[(&at(read, kind), shown)]);
        }
    }
}

#[test]
fn keys_fields_and_members_are_any_bytes() {
    let odd: [&[u8]; 4] = [b"", b"\0", b"\xff\r\n", b"$1\r\nx"];
    for mut bench in benches() {
        for key in odd {
            for word in odd {
                assert_eq!(bench.run(&[b"HSET", key, word, word]), b":1\r\n");
                let mut bulk = format!("${}\r\n", word.len()).into_bytes();
                bulk.extend_from_slice(word);
                bulk.extend_from_slice(b"\r\n");
                assert_eq!(bench.run(&[b"HGET", key, word]), bulk);
                assert_eq!(bench.run(&[b"RENAME", key, b"h"]), b"+OK\r\n");
                assert_eq!(bench.run(&[b"HGETALL", b"h"]), [b"*2\r\n", &bulk[..], &bulk].concat());
                assert_eq!(bench.run(&[b"DEL", b"h"]), b":1\r\n");
                assert_eq!(bench.run(&[b"SADD", key, word]), b":1\r\n");
                assert_eq!(bench.run(&[b"SMEMBERS", key]), [b"*1\r\n", &bulk[..]].concat());
                assert_eq!(bench.run(&[b"UNLINK", key]), b":1\r\n");
                assert_eq!(bench.run(&[b"ZADD", key, b"1", word]), b":1\r\n");
                assert_eq!(
                    bench.run(&[b"ZRANGE", key, b"0", b"0"]),
                    [b"*1\r\n", &bulk[..]].concat()
                );
                assert_eq!(bench.run(&[b"DEL", key]), b":1\r\n");
                assert_eq!(bench.run(&[b"LPUSH", key, word]), b":1\r\n");
                assert_eq!(
                    bench.run(&[b"LRANGE", key, b"0", b"0"]),
                    [b"*1\r\n", &bulk[..]].concat()
                );
                assert_eq!(bench.run(&[b"DEL", key]), b":1\r\n");
            }
        }
    }
}

#[test]
fn a_refused_option_is_quoted_as_a_line_of_text() {
    let mut bench = Bench::new();
    let reply = bench.run(&[b"EXPIRE", b"a", b"1", b"a\r\nb\0c"]);
    assert_eq!(reply, b"-ERR Unsupported option a  b\r\n");
}

#[test]
fn databases_are_counted_and_flushed_apart_and_together() {
    for mut bench in benches() {
        for db in 0..16 {
            bench.db = db;
            for key in 0..=db {
                bench.line(&format!("SADD key:{key} m"));
                bench.line(&format!("PEXPIRE key:{key} 100000"));
            }
            bench.check(&[("DBSIZE", &format!(":{}\r\n", db + 1))]);
        }
        bench.db = 3;
        bench.check(&[("FLUSHDB", "+OK\r\n"), ("DBSIZE", ":0\r\n"), ("KEYS *", "*0\r\n")]);
        bench.db = 4;
        bench.check(&[("DBSIZE", ":5\r\n"), ("TYPE key:4", "+set\r\n")]);
        bench.db = 7;
        bench.check(&[("FLUSHALL ASYNC", "+OK\r\n")]);
        for db in 0..16 {
            bench.db = db;
            bench.check(&[
                ("DBSIZE", ":0\r\n"),
                ("TYPE key:0", "+none\r\n"),
                ("RANDOMKEY", "$-1\r\n"),
                ("SADD key:0 m", ":1\r\n"),
                ("TTL key:0", ":-1\r\n"),
            ]);
        }
    }
}

#[test]
fn a_random_key_is_any_that_shows() {
    let mut bench = Bench::new();
    bench.protocol = Protocol::Resp3;
    bench.check(&[("RANDOMKEY", "_\r\n")]);
    bench.db = 1;
    bench.line("SET elsewhere 1");
    bench.db = 0;
    for key in 0..2000 {
        bench.line(&format!("SET gone:{key} v"));
        bench.line(&format!("PEXPIRE gone:{key} 5"));
    }
    for key in 0..10 {
        bench.line(&format!("SET here:{key} v"));
    }
    bench.pass_ms(5);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        let reply = bench.line("RANDOMKEY");
        assert!(reply.starts_with("$6\r\nhere:"), "{reply}");
        seen.insert(reply);
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}
