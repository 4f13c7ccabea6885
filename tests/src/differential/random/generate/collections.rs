//! Draws the commands on collections.

use super::super::words::{Use, Words};
use super::{Generator, Request, named};

impl Generator {
    pub(super) fn hash(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::Hash);
        match w.rng.below(14) {
            0..5 => {
                let count = 1 + w.rng.below(3);
                let pairs: Vec<_> = (0..count).flat_map(|_| [w.name(), w.value()]).collect();
                named("HSET", std::iter::once(key).chain(pairs))
            }
            5..7 => named("HGET", [key, w.name()]),
            7..9 => named("HGETALL", [key]),
            9 => named("HEXISTS", [key, w.name()]),
            10 => named("HLEN", [key]),
            _ => removal("HDEL", key, w),
        }
    }

    pub(super) fn list(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::List);
        match w.rng.below(14) {
            0..6 => {
                let count = 1 + w.rng.below(3);
                let values: Vec<_> = (0..count).map(|_| w.value()).collect();
                named(w.one_of(&["LPUSH", "RPUSH"]), std::iter::once(key).chain(values))
            }
            6..9 => named("LRANGE", [key, w.integer(), w.integer()]),
            9 => named("LLEN", [key]),
            10..13 => named(w.one_of(&["LPOP", "RPOP"]), [key]),
            _ => named(w.one_of(&["LPOP", "RPOP"]), [key, w.integer()]),
        }
    }

    pub(super) fn set(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::Set);
        match w.rng.below(14) {
            0..6 => {
                let count = 1 + w.rng.below(4);
                let names: Vec<_> = (0..count)
                    .map(|_| if w.rng.chance(80) { w.name() } else { w.value() })
                    .collect();
                named("SADD", std::iter::once(key).chain(names))
            }
            6..9 => named("SMEMBERS", [key]),
            9 => named("SISMEMBER", [key, w.name()]),
            10 => named("SCARD", [key]),
            _ => removal("SREM", key, w),
        }
    }

    pub(super) fn scored(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::Scored);
        match w.rng.below(14) {
            0..5 => self.z_add(key),
            5..9 => self.z_range(key),
            9 => named("ZSCORE", [key, w.name()]),
            10 => named("ZCARD", [key]),
            _ => removal("ZREM", key, w),
        }
    }

    fn z_add(&mut self, key: Vec<u8>) -> Request {
        let w = &mut self.words;
        let mut words = named("ZADD", [key]);
        for _ in 0..w.rng.below(3) {
            words.push(w.one_of(&["NX", "XX", "GT", "LT", "CH", "ch", "INCR"]).into());
        }
        for _ in 0..=w.rng.below(3) {
            // Redis keeps the sign of -0, and walks BYLEX over mixed scores in another way, where a
            // member is too long for a listpack, and only there.
            let (score, name) = (w.float(), w.name());
            words.push(if score == b"-0" { b"0".to_vec() } else { score });
            words.push(if name.len() > 64 { b"m1".to_vec() } else { name });
        }
        words
    }

    fn z_range(&mut self, key: Vec<u8>) -> Request {
        let w = &mut self.words;
        let mut words = named("ZRANGE", [key]);
        let by = w.rng.below(4);
        for _ in 0..2 {
            let mut bound = match by {
                0 => w.one_of(&["-", "+", "[", "(", "[m1", "(m5", "[m3", "m", ""]).into(),
                1 => w.float(),
                _ => w.integer(),
            };
            if by == 1 && w.rng.chance(25) {
                bound.insert(0, b'(');
            }
            words.push(bound);
        }
        match by {
            0 => words.push(b"BYLEX".into()),
            1 => words.push(b"BYSCORE".into()),
            _ => {}
        }
        for _ in 0..w.rng.below(3) {
            let options = ["REV", "WITHSCORES", "LIMIT", "LIMIT", "BYSCORE", "BYLEX"];
            let option = if by > 1 { w.one_of(&options) } else { w.one_of(&options[..4]) };
            words.push(option.into());
            if option == "LIMIT" {
                words.push(w.integer());
                words.push(w.integer());
            }
        }
        words
    }
}

/// Most often of few elements; now and then of all that have a name, so that nothing is left.
fn removal(name: &str, key: Vec<u8>, w: &mut Words) -> Request {
    let names: Vec<_> = if w.rng.chance(8) {
        (0..10).map(|n| format!("m{n}").into()).chain([Vec::new()]).collect()
    } else {
        (0..=w.rng.below(3)).map(|_| w.name()).collect()
    };
    named(name, std::iter::once(key).chain(names))
}
