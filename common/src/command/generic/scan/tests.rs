//! KEYS, SCAN and RANDOMKEY: what a walk shows while keys come and go.

use super::super::super::testing::Bench;
use super::super::tests::check;
use crate::random::Random;

#[test]
fn a_step_takes_what_redis_takes() {
    check(&[
        ("SCAN", "-ERR wrong number of arguments for 'scan' command\r\n"),
        ("SCAN x", "-ERR invalid cursor\r\n"),
        ("SCAN 0 x", "-ERR syntax error\r\n"),
        ("SCAN x COUNT 0", "-ERR invalid cursor\r\n"),
        ("SCAN 0 COUNT", "-ERR syntax error\r\n"),
        ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range\r\n"),
        ("SCAN 0 COUNT 0", "-ERR syntax error\r\n"),
        ("SCAN 0 COUNT -1", "-ERR syntax error\r\n"),
        ("SCAN 0 MATCH", "-ERR syntax error\r\n"),
        ("SCAN 0 TYPE", "-ERR syntax error\r\n"),
        ("SCAN 0 foo bar", "-ERR syntax error\r\n"),
        ("SCAN 0 COUNT 1 foo", "-ERR syntax error\r\n"),
        ("SCAN ", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN -", "-ERR invalid cursor\r\n"),
        ("SCAN +", "-ERR invalid cursor\r\n"),
        ("SCAN 0 ", "-ERR syntax error\r\n"),
        ("SCAN 1a", "-ERR invalid cursor\r\n"),
        ("SCAN 18446744073709551616", "-ERR invalid cursor\r\n"),
        ("SCAN -18446744073709551616", "-ERR invalid cursor\r\n"),
        ("SCAN 0 COUNT 9223372036854775808", "-ERR value is not an integer or out of range\r\n"),
        ("SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN +0", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN -0", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN 00", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"),
        ("SCAN -18446744073709551615 MATCH zz", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN 0 COUNT 9223372036854775807", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"),
        ("SCAN 0 MATCH * TYPE STRING count 1000", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"),
        ("SCAN 0 MATCH a MATCH b COUNT 1000", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN 0 TYPE hash COUNT 1000", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN 0 TYPE nothing COUNT 1000", "*2\r\n$1\r\n0\r\n*0\r\n"),
    ]);
}

/// What SCAN replied: where to go on, and the keys.
fn step(bench: &mut Bench, cursor: u64, options: &str) -> (u64, Vec<String>) {
    let reply = bench.line(&format!("SCAN {cursor}{options}"));
    let mut lines = reply.split("\r\n").skip(2);
    let next = lines.next().and_then(|text| text.parse().ok()).expect("a cursor comes first");
    let count = lines.next().and_then(|head| head.strip_prefix('*')?.parse().ok());
    let keys: Vec<String> = lines.skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(count, Some(keys.len()), "{reply}");
    (next, keys)
}

/// All keys of a walk that nothing disturbs, and how many steps it took.
fn walk(bench: &mut Bench, options: &str) -> (Vec<String>, usize) {
    let (mut all, mut cursor, mut steps) = (Vec::new(), 0, 0);
    loop {
        let (next, keys) = step(bench, cursor, options);
        all.extend(keys);
        (cursor, steps) = (next, steps + 1);
        if cursor == 0 {
            return (all, steps);
        }
        assert!(steps < 100_000, "the walk ends");
    }
}

#[test]
fn a_quiet_walk_returns_each_key_once_in_steps_of_the_asked_size() {
    let mut bench = Bench::new();
    for key in 0..3000 {
        bench.line(&format!("SET key:{key} v"));
    }
    for (count, steps_max) in [(1, 3001), (7, 430), (100, 31), (1000, 4), (5000, 1)] {
        let (mut keys, steps) = walk(&mut bench, &format!(" COUNT {count}"));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3000);
        assert!(steps <= steps_max, "{steps} steps of {count}");
        assert!(steps >= 3000 / (count + 1), "no step is much larger than asked: {steps}");
    }
}

#[test]
fn filters_apply_to_what_a_step_has_looked_at() {
    let mut bench = Bench::new();
    for key in 0..200 {
        bench.line(&format!("SET string:{key} v"));
        bench.line(&format!("SADD set:{key} v"));
    }
    let kinds = [(" TYPE set", 200), (" TYPE String", 200), (" TYPE zset", 0), (" TYPE x", 0)];
    for (filter, wanted) in kinds {
        let (keys, steps) = walk(&mut bench, filter);
        assert_eq!(keys.len(), wanted, "{filter}");
        assert!(steps >= 400 / 11, "the filter does not make the steps longer: {steps}");
    }
    let patterns = [(" MATCH *:1?", 20), (" MATCH set:*", 200), (" MATCH *", 400), (" MATCH", 0)];
    for (filter, wanted) in patterns {
        let filter = if wanted == 0 { " MATCH none" } else { filter };
        assert_eq!(walk(&mut bench, filter).0.len(), wanted, "{filter}");
    }
    let (keys, _) = walk(&mut bench, " TYPE set COUNT 13 MATCH *:7");
    assert_eq!(keys, ["set:7"]);
}

#[test]
fn any_number_is_a_cursor_from_which_the_walk_ends() {
    let mut bench = Bench::new();
    for key in 0..500 {
        bench.line(&format!("SET key:{key} v"));
    }
    let mut cursor = 1u64;
    for _ in 0..300 {
        cursor = cursor.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        for number in [cursor, cursor >> 11, cursor >> 30, u64::MAX, 1 << 53, (1 << 53) - 1] {
            let (mut at, mut steps) = (number, 0);
            while at != 0 && steps <= 500 {
                (at, steps) = (step(&mut bench, at, " COUNT 10").0, steps + 1);
            }
            assert!(steps <= 500, "a walk from {number} ends");
        }
    }
    for text in ["-1", "-0", "-9223372036854775808", "-18446744073709551615", "+7", "007", ""] {
        assert!(bench.line(&format!("SCAN {text}")).starts_with("*2\r\n$"), "{text}");
    }
}

/// Names that crowd in so many slots; in 0, they spread over all.
fn name(key: usize, slots: usize) -> String {
    if slots == 0 { format!("key:{key}") } else { format!("{{{}}}key:{key}", key * key % slots) }
}

/// Walks while keys come, go and expire between the steps, at a size that grows and shrinks by
/// thousands, so that segments split and merge: what is there all the time comes out, what was
/// never there does not, and the walk ends.
fn disturbed_walk(seed: u64, slots: usize, count_max: usize) {
    let mut bench = Bench::with(|options| options.lone = seed.is_multiple_of(2));
    let mut dice = Random::new(seed);
    let stable: Vec<String> = (0..200 + dice.below(400)).map(|key| name(key * 7, slots)).collect();
    let passing = |dice: &mut Random| name(10_000 + dice.below(8000), slots);
    for key in &stable {
        bench.line(&format!("SADD {key} m"));
    }
    for _ in 0..dice.below(8000) {
        bench.line(&format!("SET {} v", passing(&mut dice)));
    }
    let mut seen = std::collections::HashSet::new();
    let (mut cursor, mut steps, mut grows) = (0, 0, true);
    loop {
        let count = 1 + dice.below(count_max);
        let (next, keys) = step(&mut bench, cursor, &format!(" COUNT {count}"));
        (cursor, steps) = (next, steps + 1);
        seen.extend(keys);
        if cursor == 0 {
            break;
        }
        assert!(steps < 20_000, "the walk ends: seed {seed}");
        if dice.below(10) == 0 {
            grows = !grows;
        }
        for _ in 0..dice.below(4 * count_max.min(300)) {
            let key = passing(&mut dice);
            match (grows, dice.below(10)) {
                (true, 0..8) | (false, 0) => bench.line(&format!("SET {key} v")),
                (_, 8) => bench.line(&format!("PEXPIRE {key} {}", dice.below(50))),
                _ => bench.line(&format!("DEL {key}")),
            };
        }
        bench.pass_ms(dice.below(20) as u64);
        if dice.below(4) == 0 {
            let due_ms = bench.now.wall_ms;
            for partition in 0..=255 {
                bench.space.sweep(partition, due_ms, bench.now, 100);
            }
        }
    }
    for key in &stable {
        assert!(seen.contains(key), "{key} was there all the time: seed {seed}");
    }
    assert!(seen.iter().all(|key| key.contains("key:")), "only keys of this test: seed {seed}");
}

#[test]
fn a_walk_returns_all_that_stays_while_keys_come_and_go() {
    for seed in 1..=9 {
        disturbed_walk(seed, 0, [3, 30, 1000][seed as usize % 3]);
    }
}

#[test]
fn a_walk_returns_all_that_stays_though_keys_crowd_in_a_few_slots() {
    for seed in 1..=9 {
        disturbed_walk(seed, 1, [3, 30, 1000][seed as usize % 3]);
        disturbed_walk(seed, 7, [3, 30, 1000][seed as usize % 3]);
    }
}

#[test]
fn a_walk_returns_keys_of_its_database_only() {
    let mut bench = Bench::new();
    for key in 0..3000 {
        bench.db = (key % 3) as u8;
        bench.line(&format!("SET {}:{key} v", bench.db));
        bench.line(&format!("SET {}:{{x}}:{key} v", bench.db));
    }
    for db in 0..4u8 {
        bench.db = db;
        let (mut keys, _) = walk(&mut bench, " COUNT 17");
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), if db < 3 { 2000 } else { 0 });
        assert!(keys.iter().all(|key| key.starts_with(&format!("{db}:"))));
    }
}
