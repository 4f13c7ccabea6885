//! RANDOMKEY: any key that shows, each about as often as any other.

use super::twin::{START_MS, Twin};
use crate::keyspace::{Effects, Options, PartitionSet, Ttl, Txn};
use crate::random::Random;
use std::collections::BTreeMap;

fn draw(twin: &Twin, random: u64) -> Option<Vec<u8>> {
    let mut effects = Effects::default();
    let mut locks = twin.space.lock(&PartitionSet::ALL);
    Txn::new(&mut locks, &mut effects, twin.now, 0, random).random_key()
}

/// Pearson's statistic of `draws` over `keys`: about `keys` when each is as likely as any other.
fn chi_square(twin: &Twin, keys: usize, draws: usize) -> f64 {
    let mut random = Random::new(3);
    let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for _ in 0..draws {
        *times.entry(draw(twin, random.word()).expect("there are keys")).or_default() += 1;
    }
    let wanted = draws as f64 / keys as f64;
    let seen: f64 = times.values().map(|n| (*n as f64 - wanted).powi(2) / wanted).sum();
    seen + (keys - times.len()) as f64 * wanted
}

#[test]
fn every_key_is_about_as_likely() {
    // A few keys anywhere, and many of one slot: its segments are of several sizes.
    for keys in [3usize, 40, 1700] {
        let mut twin = Twin::new(1, true, false);
        for n in 0..keys {
            let key = if keys < 1000 { format!("key:{n}") } else { format!("{{t}}{n}") };
            twin.run(0, |txn| txn.set(key.as_bytes(), b"v", Ttl::Clear));
            twin.run(2, |txn| txn.set(key.as_bytes(), b"v", Ttl::Clear));
        }
        let found = chi_square(&twin, keys, 20 * keys);
        assert!(found < keys as f64 * 1.3 + 25.0, "{found} of {keys}");
    }
}

#[test]
fn the_one_key_that_shows_is_found_among_the_dead() {
    for lone in [true, false] {
        let mut twin = Twin::new(1, lone, false);
        for n in 0..500 {
            let key = format!("key:{n}");
            let ttl = if n % 2 == 0 { Ttl::At(START_MS + 1) } else { Ttl::Clear };
            twin.run(0, |txn| txn.set(key.as_bytes(), b"v", ttl));
            twin.run(1, |txn| txn.set(key.as_bytes(), b"v", Ttl::Clear));
            if n % 2 == 1 {
                twin.run(0, |txn| txn.delete(key.as_bytes()));
            }
        }
        twin.run(0, |txn| txn.set(b"alive", b"v", Ttl::Clear));
        twin.now.wall_ms += 1;
        for seed in 0..20 {
            assert_eq!(draw(&twin, seed).as_deref(), Some(&b"alive"[..]));
        }
        twin.run(0, |txn| txn.delete(b"alive"));
        assert_eq!(draw(&twin, 1), None, "everything has expired");
    }
}

#[test]
fn an_empty_database_has_no_random_key() {
    let twin = Twin::new(1, true, false);
    assert_eq!(draw(&twin, 1), None);
    let options = Options { databases: 256, ..*twin.space.options() };
    let mut locks = crate::keyspace::Keyspace::new(options);
    let space = &mut locks;
    let mut effects = Effects::default();
    let mut locks = space.lock(&PartitionSet::ALL);
    assert_eq!(Txn::new(&mut locks, &mut effects, twin.now, 255, 1).random_key(), None);
}
