//! How the table holds under churn and skew: probe lengths and bytes as laws, times to be read.

#![expect(clippy::disallowed_methods, reason = "the test measures")]

use super::*;
use std::time::Instant;

/// Replaces one random key by a new one, again and again, at a constant size. Returns nanoseconds
/// per replacement, and mean and longest search for a key that is not there, over all the time.
fn churn(keys: usize, rounds: usize, skew: u32) -> (f64, f64, usize) {
    let locate = located(skew);
    let mut random = Random::new(keys as u64);
    let mut table = Table::default();
    let mut there: Vec<u64> = (0..keys as u64).collect();
    for key in &there {
        let key = key.to_be_bytes();
        table.insert(&spread(&key, 0, skew), entry(0, &key, b"value", 1), &locate);
    }
    let (mut nanos, mut sum, mut longest, mut looks) = (0, 0, 0, 0);
    for round in 0..rounds as u64 {
        let victim = random.below(keys);
        let (old, new) = (there[victim].to_be_bytes(), (keys as u64 + round).to_be_bytes());
        there[victim] = keys as u64 + round;
        let started = Instant::now();
        let spot = table.find(&spread(&old, 0, skew), 0, &old).expect("it is there");
        table.remove(spot, &locate);
        let at = spread(&new, 0, skew);
        assert!(table.find(&at, 0, &new).is_none());
        table.insert(&at, entry(0, &new, b"value", 1), &locate);
        nanos += started.elapsed().as_nanos();
        if round % 16 == 0 {
            let at = spread(&random.word().to_be_bytes(), 0, skew);
            let probes = table.probes(&at);
            (sum, longest, looks) = (sum + probes, longest.max(probes), looks + 1);
        }
    }
    (nanos as f64 / rounds as f64, sum as f64 / f64::from(looks), longest)
}

#[test]
fn searches_stay_short_under_churn_at_any_size() {
    for keys in [1, 5, 6, 40, 180, 300, 360, 366, 367, 368, 500, 734, 3000] {
        let (nanos, mean, longest) = churn(keys, 20_000, 0);
        println!("{keys} keys: {nanos:.0} ns, searches of {mean:.2} buckets, longest {longest}");
        assert!(mean < 2.5, "{keys} keys: {mean} buckets");
    }
}

/// Bytes a key and nanoseconds of insert, find and remove.
fn fill(keys: u64, skew: u32) -> (f64, [f64; 3]) {
    let locate = located(skew);
    let mut table = Table::default();
    let mut times = [0.0; 3];
    let mut started = Instant::now();
    let mut lap = |slot: &mut f64| {
        *slot = started.elapsed().as_nanos() as f64 / keys as f64;
        started = Instant::now();
    };
    for key in 0..keys {
        let key = key.to_be_bytes();
        table.insert(&spread(&key, 0, skew), entry(0, &key, b"value", 1), &locate);
    }
    let bytes = table.overhead_bytes() as f64 / keys as f64;
    lap(&mut times[0]);
    for key in 0..keys {
        let key = key.to_be_bytes();
        assert!(table.find(&spread(&key, 0, skew), 0, &key).is_some());
    }
    lap(&mut times[1]);
    for key in 0..keys {
        let key = key.to_be_bytes();
        let spot = table.find(&spread(&key, 0, skew), 0, &key).expect("it is there");
        table.remove(spot, &locate);
    }
    lap(&mut times[2]);
    (bytes, times)
}

#[test]
fn keys_of_one_hash_tag_cost_little_more_than_others() {
    let keys = if cfg!(miri) { 2_000 } else { 100_000 };
    for skew in [0, 6, 20] {
        let (bytes, [insert, find, remove]) = fill(keys, skew);
        println!("skew {skew}: {bytes:.1} bytes; {insert:.0}, {find:.0}, {remove:.0} ns");
        assert!(bytes < 30.0, "skew {skew}: {bytes} bytes a key");
    }
}

/// Slow; for reading: `cargo test --release -- --ignored --nocapture a_million`.
#[test]
#[ignore = "takes a while and asserts nothing that the shorter ones do not"]
fn a_million_keys_in_numbers() {
    for keys in [1, 6, 40, 180, 300, 366, 367, 368, 734, 3_000, 100_000, 1_000_000] {
        let (nanos, mean, longest) = churn(keys, 1_000_000, 0);
        println!("{keys} keys: {nanos:.0} ns, searches of {mean:.2} buckets, longest {longest}");
    }
    for skew in [0, 6, 20, 34, 45] {
        let (bytes, [insert, find, remove]) = fill(1_000_000, skew);
        println!("skew {skew}: {bytes:.1} bytes; {insert:.0}, {find:.0}, {remove:.0} ns");
    }
}
