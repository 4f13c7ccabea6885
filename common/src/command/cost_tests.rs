//! What a command costs must not grow with what it does not touch: each is timed beside little and
//! beside much. The bound is loose, a cost that grows with the much would be past it a hundredfold.

#![expect(clippy::disallowed_methods, reason = "the tests measure time")]

use super::testing::Bench;
use std::time::{Duration, Instant};

/// The much; the little is a hundredth of a hundredth.
const MANY: usize = 100_000;
const FEW: usize = 10;

/// How many times slower a command may be beside the much: caches are colder there.
const SLOWER_MAX: u32 = 40;

/// The shortest time of a command line of several; `again` makes the bench ready for the next.
fn shortest(bench: &mut Bench, line: &str, mut again: impl FnMut(&mut Bench)) -> Duration {
    let mut time = || {
        bench.doomed.clear();
        again(bench);
        let started = Instant::now();
        let reply = bench.line(line);
        let took = started.elapsed();
        assert!(!reply.starts_with('-'), "{line}: {reply}");
        took
    };
    (0..15).map(|_| time()).min().expect("there were some")
}

/// Times the line in what `fill` made of a number, with `again` before each.
#[track_caller]
fn grows_not(line: &str, fill: impl Fn(&mut Bench, usize), again: impl Fn(&mut Bench)) {
    grows_not_in(true, line, fill, again);
}

/// The same in a shard that is or is not the only owner of its slots.
#[track_caller]
fn grows_not_in(
    lone: bool,
    line: &str,
    fill: impl Fn(&mut Bench, usize),
    again: impl Fn(&mut Bench),
) {
    let [few, many] = [FEW, MANY].map(|number| {
        let mut bench = Bench::with(|options| options.lone = lone);
        fill(&mut bench, number);
        shortest(&mut bench, line, &again)
    });
    let few = few.max(Duration::from_nanos(500));
    assert!(many < few * SLOWER_MAX, "{line}: {few:?} beside {FEW}, {many:?} beside {MANY}");
}

/// A collection of so many elements at `key`.
fn collection(command: &'static str) -> impl Fn(&mut Bench, usize) {
    move |bench, number| {
        let elements: Vec<String> = (0..number).map(|n| format!("{n:08}")).collect();
        for some in elements.chunks(1000) {
            let words = some.iter().map(|element| match command {
                "HSET" => format!("{element} v"),
                "ZADD" => format!("{element} {element}"),
                _ => element.clone(),
            });
            bench.line(&format!("{command} key {}", words.collect::<Vec<_>>().join(" ")));
        }
    }
}

/// So many keys in database 0, a handful in database 1, which is then selected.
fn other_databases_keys(bench: &mut Bench, number: usize) {
    bench.db = 0;
    (0..number).for_each(|n| drop(bench.line(&format!("SET key:{n} v"))));
    own_keys(bench);
}

fn own_keys(bench: &mut Bench) {
    bench.db = 1;
    (0..5).for_each(|n| drop(bench.line(&format!("SET own:{n} v"))));
}

fn nothing(_: &mut Bench) {}

#[test]
fn a_push_does_not_count_the_list() {
    grows_not("LPUSH key a", collection("LPUSH"), nothing);
    grows_not("RPUSH key a", collection("LPUSH"), nothing);
}

#[test]
fn the_ends_of_a_list_are_near() {
    grows_not("LRANGE key 0 4", collection("LPUSH"), nothing);
    grows_not("LRANGE key -5 -1", collection("LPUSH"), nothing);
}

#[test]
fn an_element_is_added_without_a_walk() {
    grows_not("SADD key a", collection("SADD"), nothing);
    grows_not("HSET key a b", collection("HSET"), nothing);
    grows_not("ZADD key 1 a", collection("ZADD"), nothing);
}

#[test]
fn an_element_is_found_without_a_walk() {
    grows_not("HEXISTS key 00000005", collection("HSET"), nothing);
    grows_not("SISMEMBER key 00000005", collection("SADD"), nothing);
    grows_not("ZSCORE key 00000005", collection("ZADD"), nothing);
}

#[test]
fn elements_are_counted_without_a_walk() {
    for (line, command) in
        [("HLEN key", "HSET"), ("SCARD key", "SADD"), ("ZCARD key", "ZADD"), ("LLEN key", "LPUSH")]
    {
        grows_not(line, collection(command), nothing);
        grows_not(line, expiring(command), nothing);
    }
}

/// One element goes, whichever it is, and comes back for the next time.
#[test]
fn an_element_is_removed_without_a_walk() {
    for (line, command, back) in [
        ("HDEL key 00000000", "HSET", "HSET key 00000000 v"),
        ("HDEL key 00000009", "HSET", "HSET key 00000009 v"),
        ("SREM key 00000000", "SADD", "SADD key 00000000"),
        ("SREM key 00000009", "SADD", "SADD key 00000009"),
        ("ZREM key 00000000", "ZADD", "ZADD key 0 00000000"),
        ("ZREM key 00000009", "ZADD", "ZADD key 9 00000009"),
        ("LPOP key", "LPUSH", "LPUSH key a"),
        ("RPOP key", "LPUSH", "RPUSH key a"),
        ("LPOP key 3", "LPUSH", "RPUSH key a b c"),
        ("RPOP key 3", "LPUSH", "LPUSH key a b c"),
    ] {
        let back = |bench: &mut Bench| drop(bench.line(back));
        for lone in [true, false] {
            grows_not_in(lone, line, collection(command), back);
            grows_not_in(lone, line, expiring(command), back);
        }
    }
}

#[test]
fn an_element_that_is_not_there_is_not_looked_for_in_a_walk() {
    grows_not("HDEL key none", collection("HSET"), nothing);
    grows_not("SREM key none", collection("SADD"), nothing);
    grows_not("ZREM key none", collection("ZADD"), nothing);
    grows_not("LPOP key 0", collection("LPUSH"), nothing);
}

/// The same with a deadline.
fn expiring(command: &'static str) -> impl Fn(&mut Bench, usize) {
    move |bench, number| {
        collection(command)(bench, number);
        bench.line("EXPIRE key 1000");
    }
}

#[test]
fn an_element_that_keeps_the_deadline_is_added_without_a_walk() {
    for lone in [true, false] {
        grows_not_in(lone, "HSET key a b", expiring("HSET"), nothing);
        grows_not_in(lone, "SADD key a", expiring("SADD"), nothing);
        grows_not_in(lone, "ZADD key 1 a", expiring("ZADD"), nothing);
        grows_not_in(lone, "LPUSH key a", expiring("LPUSH"), nothing);
        grows_not_in(lone, "RPUSH key a", expiring("LPUSH"), nothing);
    }
}

#[test]
fn an_expired_collection_is_absent_without_a_walk() {
    for command in ["HSET", "SADD", "ZADD", "LPUSH"] {
        let expired = |bench: &mut Bench, number| {
            expiring(command)(bench, number);
            bench.pass_ms(1_000_000);
        };
        grows_not("EXISTS key", expired, nothing);
    }
}

#[test]
fn a_deadline_does_not_touch_the_elements() {
    for command in ["LPUSH", "SADD", "ZADD", "HSET"] {
        grows_not("EXPIRE key 1000", collection(command), nothing);
        grows_not("PERSIST key", collection(command), |bench| drop(bench.line("EXPIRE key 1000")));
    }
}

#[test]
fn a_deleted_collection_is_freed_by_nobody_who_waits() {
    for (lone, line) in [
        (true, "DEL key"),
        (true, "UNLINK key"),
        (true, "SET key value"),
        (false, "DEL key"),
        (false, "SET key value"),
    ] {
        let [few, many] = [100, 10_000].map(|number| {
            let mut bench = Bench::with(|options| options.lone = lone);
            shortest(&mut bench, line, |bench| collection("SADD")(bench, number))
        });
        // Freeing the many takes half a millisecond.
        let few = few.max(Duration::from_micros(5));
        assert!(many < few * 10, "{line}: {few:?} of few, {many:?} of many");
    }
}

#[test]
fn a_database_does_not_pay_for_the_others() {
    grows_not("FLUSHDB", other_databases_keys, own_keys);
    grows_not("SCAN 0", other_databases_keys, nothing);
    grows_not("RANDOMKEY", other_databases_keys, nothing);
    let emptied = |bench: &mut Bench, number| {
        other_databases_keys(bench, number);
        bench.line("FLUSHDB");
    };
    grows_not("FLUSHDB", emptied, nothing);
    grows_not("SCAN 0", emptied, nothing);
    grows_not("RANDOMKEY", emptied, nothing);
}

#[test]
fn all_databases_are_flushed_without_a_walk() {
    let fill = |bench: &mut Bench, number: usize| {
        for db in 0..2 {
            bench.db = db;
            (0..number).for_each(|n| drop(bench.line(&format!("SET key:{n} v"))));
        }
    };
    let [few, many] = [1, MANY].map(|number| {
        let mut bench = Bench::new();
        shortest(&mut bench, "FLUSHALL", |bench| fill(bench, number))
    });
    // A walk over the many would take hundreds of times as long as the few.
    assert!(many < few * SLOWER_MAX, "{few:?} of few, {many:?} of many");
}
