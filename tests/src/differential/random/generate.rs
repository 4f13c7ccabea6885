//! Draws the commands of a sequence.

mod collections;

use super::Op;
use super::words::{KEYS, Use, Words};

/// See the module.
#[derive(Debug)]
pub struct Generator {
    words: Words,
    /// Whether each connection is between MULTI and EXEC, as far as one can tell beforehand.
    in_multi: [bool; 2],
}

type Request = Vec<Vec<u8>>;

/// A request of words of text.
fn request(words: &[&str]) -> Request {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// A request of a name and what follows.
fn named(name: &str, words: impl IntoIterator<Item = Vec<u8>>) -> Request {
    std::iter::once(name.as_bytes().to_vec()).chain(words).collect()
}

impl Generator {
    /// Of a seed.
    pub fn new(seed: u64) -> Generator {
        Generator { words: Words::new(seed), in_multi: [false; 2] }
    }

    /// So many commands.
    pub fn sequence(mut self, commands: usize) -> Vec<Op> {
        let mut ops = Vec::with_capacity(commands);
        let mut connection = 0;
        while ops.len() < commands {
            if self.words.rng.chance(8) {
                connection = 1 - connection;
            }
            for words in self.step(connection) {
                let words = self.spoiled(words);
                ops.push(Op { connection, words });
            }
        }
        ops.truncate(commands);
        ops
    }

    /// Now and then a word too few or too many, or a name in another case.
    fn spoiled(&mut self, mut words: Request) -> Request {
        // Who would forget its COUNT walks in steps, and these differ; and see `size`.
        if words[0] == b"SCAN" || words.len() > KEYS.len() {
            return words;
        }
        match self.words.rng.below(100) {
            0 if words.len() > 1 => drop(words.pop()),
            1 => words.push(self.words.name()),
            2..6 => words[0].make_ascii_lowercase(),
            6 => words[0] = b"NOSUCH".to_vec(),
            _ => {}
        }
        words
    }

    fn step(&mut self, connection: usize) -> Vec<Request> {
        let multi = self.in_multi[connection];
        match self.words.rng.below(1000) {
            0..30 => return self.transaction(connection),
            30..60 if multi => return self.transaction(connection),
            60..75 => return vec![self.session()],
            75..79 => return vec![self.flush()],
            79..85 => return self.size(),
            _ => {}
        }
        let one = match self.words.rng.below(100) {
            0..25 => self.text(),
            25..38 => self.number(),
            38..48 => self.hash(),
            48..56 => self.list(),
            56..64 => self.set(),
            64..76 => self.scored(),
            76..88 => self.deadline(),
            _ => self.any(),
        };
        vec![one]
    }

    fn transaction(&mut self, connection: usize) -> Vec<Request> {
        let multi = self.in_multi[connection];
        let (name, after) = match (self.words.rng.below(20), multi) {
            (0..12, true) => ("EXEC", false),
            (12..14, true) => ("DISCARD", false),
            (0..8, false) | (14, true) => ("MULTI", true),
            (15, _) => ("UNWATCH", multi),
            (16, _) => ("EXEC", false),
            (17, _) => ("DISCARD", false),
            _ => {
                let keys: Vec<_> =
                    (0..=self.words.rng.below(2)).map(|_| self.words.key(Use::Any)).collect();
                return vec![named("WATCH", keys)];
            }
        };
        self.in_multi[connection] = after;
        vec![request(&[name])]
    }

    fn session(&mut self) -> Request {
        match self.words.rng.below(12) {
            0..6 => {
                let db = ["0", "0", "0", "1", "2", "15", "16", "-1", "abc", "99999999999"];
                request(&["SELECT", self.words.one_of(&db)])
            }
            6..9 => request(&["HELLO", self.words.one_of(&["2", "3", "3", "4", "x"])]),
            9 => named("ECHO", [self.words.value()]),
            10 => named("PING", [self.words.value()]),
            _ => {
                // What a NUL in a name means depends on the version.
                let mut name = self.words.name();
                name.retain(|byte| *byte != 0);
                named("CLIENT", [b"SETNAME".to_vec(), name])
            }
        }
    }

    fn flush(&mut self) -> Request {
        match self.words.rng.below(6) {
            0 => request(&["FLUSHALL"]),
            1 => request(&["FLUSHALL", "SYNC"]),
            2 => request(&["FLUSHDB", "ASYNC"]),
            3 => request(&["FLUSHDB", "NOW"]),
            _ => request(&["FLUSHDB"]),
        }
    }

    /// DBSIZE may count keys that nobody has missed yet: all are looked at before.
    fn size(&mut self) -> Vec<Request> {
        let keys = KEYS.iter().map(|key| key.to_vec()).chain([super::words::long_key()]);
        vec![named("EXISTS", keys), request(&["DBSIZE"])]
    }

    fn text(&mut self) -> Request {
        let w = &mut self.words;
        let (key, value) = (w.key(Use::Text), w.value());
        match w.rng.below(24) {
            0..4 => named("GET", [key]),
            4..8 => named("SET", [key, value]),
            8..12 => self.set_with_options(key, value),
            12 => named("SETNX", [key, value]),
            13 => named("GETSET", [key, value]),
            14 => named("GETDEL", [key]),
            15 => self.get_ex(key),
            16 => named("STRLEN", [key]),
            17..19 => named("APPEND", [key, value]),
            19 => named("SETEX", [key, w.seconds(), value]),
            20 => named("PSETEX", [key, w.milliseconds(), value]),
            21 => {
                let count = 1 + w.rng.below(5);
                let keys: Vec<_> = (0..count).map(|_| w.key(Use::Text)).collect();
                named("MGET", keys)
            }
            n => {
                let name = if n == 22 { "MSET" } else { "MSETNX" };
                let count = 1 + w.rng.below(3);
                let pairs: Vec<_> =
                    (0..count).flat_map(|_| [w.key(Use::Text), w.value()]).collect();
                named(name, pairs)
            }
        }
    }

    fn set_with_options(&mut self, key: Vec<u8>, value: Vec<u8>) -> Request {
        let mut words = named("SET", [key, value]);
        for _ in 0..=self.words.rng.below(3) {
            let option =
                ["NX", "XX", "GET", "get", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "PERSIST"];
            self.option(&option, &mut words);
        }
        words
    }

    fn get_ex(&mut self, key: Vec<u8>) -> Request {
        let mut words = named("GETEX", [key]);
        for _ in 0..self.words.rng.below(3) {
            self.option(&["PERSIST", "EX", "px", "EXAT", "PXAT", "KEEPTTL"], &mut words);
        }
        words
    }

    /// Adds an option, with its time where it takes one.
    fn option(&mut self, names: &[&str], words: &mut Request) {
        let name = self.words.one_of(names);
        words.push(name.into());
        match name.to_ascii_uppercase().as_str() {
            "EX" => words.push(self.words.seconds()),
            "PX" => words.push(self.words.milliseconds()),
            "EXAT" => words.push(self.words.at_seconds()),
            "PXAT" => words.push(self.words.at_milliseconds()),
            _ => {}
        }
    }

    fn number(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::Number);
        match w.rng.below(12) {
            0..2 => named("INCR", [key]),
            2..4 => named("DECR", [key]),
            4..6 => named("INCRBY", [key, w.integer()]),
            6..8 => named("DECRBY", [key, w.integer()]),
            8..10 => named("INCRBYFLOAT", [key, w.float()]),
            10 => named("GET", [key]),
            _ => named("SET", [key, w.integer()]),
        }
    }

    fn deadline(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::Any);
        let (name, time) = match w.rng.below(16) {
            0..2 => ("EXPIRE", w.seconds()),
            2..4 => ("PEXPIRE", w.milliseconds()),
            4..6 => ("EXPIREAT", w.at_seconds()),
            6..8 => ("PEXPIREAT", w.at_milliseconds()),
            8..10 => return named("PERSIST", [key]),
            n => {
                let names = ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"];
                return named(names[n % 4], [key]);
            }
        };
        let mut words = named(name, [key, time]);
        for _ in 0..w.rng.below(3) {
            words.push(w.one_of(&["NX", "XX", "GT", "LT", "gt", "lt", "ZZ"]).into());
        }
        words
    }

    fn any(&mut self) -> Request {
        let w = &mut self.words;
        let key = w.key(Use::Any);
        let name = match w.rng.below(20) {
            0..4 => w.one_of(&["DEL", "UNLINK"]),
            4..6 => w.one_of(&["EXISTS", "TOUCH"]),
            6..9 => "TYPE",
            9..12 => return named("RENAME", [key, w.key(Use::Any)]),
            12 => return request(&["RANDOMKEY"]),
            13..15 => {
                let patterns = ["*", "s?", "[hl]*", "{tag}*", "*\\**", "[^s]*", "z[1-2]", "", "*1"];
                return request(&["KEYS", w.one_of(&patterns)]);
            }
            15..17 => {
                let mut words = request(&["SCAN", "0", "COUNT", "100000"]);
                match w.rng.below(4) {
                    0 => words.extend(request(&["MATCH", w.one_of(&["*", "s*", "[^h]?"])])),
                    1 => words.extend(request(&["TYPE", w.one_of(&["string", "HASH", "zset"])])),
                    _ => {}
                }
                return words;
            }
            17 => "GETDEL",
            18 => "APPEND",
            _ => return self.multi_key(key),
        };
        let more = if name == "APPEND" { Some(self.words.value()) } else { None };
        named(name, std::iter::once(key).chain(more))
    }

    fn multi_key(&mut self, key: Vec<u8>) -> Request {
        let w = &mut self.words;
        let name = w.one_of(&["DEL", "UNLINK", "EXISTS", "TOUCH", "MGET"]);
        let mut words = named(name, [key]);
        for _ in 0..w.rng.below(4) {
            words.push(w.key(Use::Any));
        }
        words
    }
}
