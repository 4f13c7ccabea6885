//! The words of random commands: keys, values, numbers, times, good and bad.

use kinring_common::random::Random;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which type a key is most often used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A string.
    Text,
    /// A string that is mostly a number.
    Number,
    /// A hash.
    Hash,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Scored,
    /// Whatever there is.
    Any,
}

/// Every key that a sequence uses but the long one.
pub const KEYS: [&[u8]; 16] = [
    b"s1",
    b"s2",
    b"{tag}s",
    b"n1",
    b"n2",
    b"h1",
    b"h2",
    b"l1",
    b"l2",
    b"e1",
    b"e2",
    b"z1",
    b"z2",
    b"",
    b"\xff\x00\r\n",
    b"{tag}x",
];

/// A key past the length up to which keys are kept in one piece.
pub fn long_key() -> Vec<u8> {
    b"long".repeat(1500)
}

const INTEGERS: [&str; 22] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "10",
    "-10",
    "100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "-9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "4611686018427387904",
    "2147483648",
    "-2147483649",
    "255",
    "65536",
    "12345678901234567890123",
    "-3",
];

const NO_INTEGERS: [&str; 14] =
    ["", " 1", "1 ", "+1", "01", "-0", "-", "1.0", "1e3", "0x10", "abc", "--1", "1\0", "\u{660}"];

const FLOATS: [&str; 30] = [
    "0",
    "0.1",
    "-0.1",
    "0.2",
    "3.0e3",
    "1e-5",
    "1e17",
    "1e20",
    "123456789.123456789",
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "1e308",
    "-1e308",
    "5e-324",
    "1.7976931348623157e308",
    "-0",
    "1.5",
    "100",
    "-3",
    "0.30000000000000004",
    "1e21",
    "17",
    "2.5",
    "9007199254740993",
    "+7",
    "1.",
    ".5",
    "4.35",
];

const NO_FLOATS: [&str; 10] = ["nan", "", " 1", "1 ", "abc", "1e", "0x", "1e400", "1,5", "--1"];

/// Values of these lengths lie at the borders of how a store keeps them.
const LENGTHS: [usize; 14] =
    [11, 20, 43, 44, 45, 63, 64, 65, 4095, 4096, 4097, 16_383, 16_385, 20_000];

/// Makes words.
#[derive(Debug)]
pub struct Words {
    /// What everything here is drawn from.
    pub rng: Random,
    /// Times differ from each other, so that GT and LT never hang on a millisecond.
    times: u64,
    start_s: u64,
}

impl Words {
    /// Of a seed.
    pub fn new(seed: u64) -> Words {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Words { rng: Random::new(seed), times: 0, start_s: start.as_secs() }
    }

    /// One of them.
    pub fn one_of<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.rng.below(from.len())]
    }

    /// A key, most often of this use.
    pub fn key(&mut self, of: Use) -> Vec<u8> {
        let range = match of {
            Use::Text => 0..3,
            Use::Number => 3..5,
            Use::Hash => 5..7,
            Use::List => 7..9,
            Use::Set => 9..11,
            Use::Scored => 11..13,
            Use::Any => 0..13,
        };
        match self.rng.below(100) {
            0 => long_key(),
            1..3 => KEYS[13 + self.rng.below(3)].to_vec(),
            3..15 => KEYS[self.rng.below(13)].to_vec(),
            _ => KEYS[range.start + self.rng.below(range.len())].to_vec(),
        }
    }

    /// An integer, now and then none.
    pub fn integer(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.one_of(&NO_INTEGERS).into(),
            1..6 => self.one_of(&INTEGERS).into(),
            6 => (self.rng.word() as i64).to_string().into(),
            _ => (self.rng.below(41) as i64 - 20).to_string().into(),
        }
    }

    /// A number, now and then none.
    pub fn float(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.one_of(&NO_FLOATS).into(),
            1..8 => self.one_of(&FLOATS).into(),
            8 => f64::from_bits(self.rng.word()).to_string().into(),
            9 => format!("{:e}", f64::from_bits(self.rng.word() >> 2)).into(),
            10..13 => format!("{}", (self.rng.word() as i32) as f64 / 1000.0).into(),
            _ => (self.rng.below(21) as i64 - 10).to_string().into(),
        }
    }

    /// A value of any kind.
    pub fn value(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..5 => self.integer(),
            5..8 => self.float(),
            8 => Vec::new(),
            9..11 => {
                let length = self.rng.below(24);
                (0..length).map(|_| self.rng.word() as u8).collect()
            }
            11..13 => {
                let length = LENGTHS[self.rng.below(LENGTHS.len())];
                let letter = b'a' + self.rng.below(26) as u8;
                vec![letter; length]
            }
            _ => self.name(),
        }
    }

    /// A field or a member, of a dozen.
    pub fn name(&mut self) -> Vec<u8> {
        match self.rng.below(24) {
            0 => Vec::new(),
            1 => b"\x00\xff".to_vec(),
            2 => vec![b'm'; 70],
            n => format!("m{}", n % 10).into(),
        }
    }

    /// A number of seconds from now: far, none at all, or no number.
    pub fn seconds(&mut self) -> Vec<u8> {
        self.time(1, 0, false)
    }

    /// The same in milliseconds.
    pub fn milliseconds(&mut self) -> Vec<u8> {
        self.time(1000, 0, false)
    }

    /// Seconds since the epoch: far ahead, long ago, or no number.
    pub fn at_seconds(&mut self) -> Vec<u8> {
        self.time(1, self.start_s, true)
    }

    /// The same in milliseconds.
    pub fn at_milliseconds(&mut self) -> Vec<u8> {
        self.time(1000, self.start_s, true)
    }

    fn time(&mut self, unit: u64, base_s: u64, past: bool) -> Vec<u8> {
        // None of these is a valid time ahead that a millisecond more or less would tell apart.
        let odd = [
            "0",
            "-1",
            "-1000",
            "-9223372036854775808",
            "-9223372036854776",
            "",
            "abc",
            "1.5",
            "9223372036854775808",
        ];
        let too_far = ["9223372036854775807", "9223372036854775", "9223372036854776"];
        match self.rng.below(20) {
            0..2 => self.one_of(&odd).into(),
            2 if unit == 1 => self.one_of(&too_far).into(),
            3..5 if past => (1 + self.rng.below(1_000_000)).to_string().into(),
            _ => {
                // An odd factor permutes: no two are equal, and none are less than 1000 s apart.
                self.times += 1;
                let mixed = self.times.wrapping_mul(0x9e37_79b1) % (1 << 28);
                ((base_s + 10_000 + mixed * 1000) * unit).to_string().into()
            }
        }
    }
}
