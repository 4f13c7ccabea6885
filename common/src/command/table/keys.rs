//! Where the keys of a request stand: Redis's key specifications. A spec says where to begin
//! (a position, or after a word) and how to go on (a range, or a count given in the request).
//!
//! Invariant: every position that comes out is inside the request, and the work done is bounded by
//! its number of words.

use super::{Command, Row};
use crate::command::number::parse_i64;
use smallvec::SmallVec;

/// What a command does with a key: bits, with the names `COMMAND INFO` gives them.
#[expect(missing_docs, reason = "a constant means the Redis key flag of its name")]
pub mod key {
    pub const RO: u16 = 1 << 0;
    pub const RW: u16 = 1 << 1;
    pub const OW: u16 = 1 << 2;
    pub const RM: u16 = 1 << 3;
    pub const ACCESS: u16 = 1 << 4;
    pub const UPDATE: u16 = 1 << 5;
    pub const INSERT: u16 = 1 << 6;
    pub const DELETE: u16 = 1 << 7;
    pub const NOT_KEY: u16 = 1 << 8;
    pub const INCOMPLETE: u16 = 1 << 9;
    pub const VARIABLE_FLAGS: u16 = 1 << 10;

    /// Bit `i` is called `NAMES[i]`.
    pub const NAMES: [&str; 11] = [
        "RO",
        "RW",
        "OW",
        "RM",
        "access",
        "update",
        "insert",
        "delete",
        "not_key",
        "incomplete",
        "variable_flags",
    ];
}

/// One way to find keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// A remark for readers of the documentation.
    pub notes: Option<&'static str>,
    /// Bits of [`key`].
    pub flags: u16,
    /// Where the search begins.
    pub begin: Begin,
    /// How it goes on from there.
    pub find: Find,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At this word of the request; the command's name is word 0.
    Index(u8),
    /// After this word, looked for from a position on, backwards when that is negative.
    Keyword(&'static str, i8),
}

/// How the search for keys goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// Up to `last`, counted from the first or, if negative, from the end; `limit` > 1 divides
    /// what remains (a -1 of half the words).
    #[expect(missing_docs, reason = "the fields are said above")]
    Range { last: i8, step: u8, limit: u8 },
    /// The word at `index` tells how many there are, the first of them at `first`.
    #[expect(missing_docs, reason = "the fields are said above")]
    KeyNum { index: u8, first: u8, step: u8 },
}

impl KeySpec {
    /// One key at this word.
    pub(super) const fn one(index: u8, flags: u16) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// Keys from this word to `last`, counted from the end if negative.
    pub(super) const fn range(index: u8, last: i8, step: u8, flags: u16) -> KeySpec {
        let find = Find::Range { last, step, limit: 0 };
        KeySpec { notes: None, flags, begin: Begin::Index(index), find }
    }

    pub(super) const fn note(mut self, note: &'static str) -> KeySpec {
        self.notes = Some(note);
        self
    }
}

/// Positions `first, first + step, …` up to and with `last`; all of them are in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first position.
    pub first: usize,
    /// The last position that may be a key.
    pub last: usize,
    /// The distance between two keys, at least 1.
    pub step: usize,
    /// Bits of [`key`].
    pub flags: u16,
}

/// The key ranges of one request, in the order of the specs.
pub type KeyRanges = SmallVec<[KeyRange; 2]>;

/// Why the keys of a request cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// Too few or too many words for the command.
    Arity,
    /// The words are not where the specs say: a syntax error of the request.
    Syntax,
}

/// The positions of the keys of a request, in the order of the specs; it allocates nothing.
#[derive(Clone, Debug)]
pub struct Keys<'a, A> {
    next: usize,
    last: usize,
    step: usize,
    /// Specs to come; each of them fits the request.
    rest: &'static [KeySpec],
    args: &'a [A],
}

impl<A: AsRef<[u8]>> Iterator for Keys<'_, A> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.next > self.last {
            let (spec, rest) = self.rest.split_first()?;
            let KeyRange { first, last, step, .. } = spec.range_in(self.args)?;
            (self.next, self.last, self.step, self.rest) = (first, last, step, rest);
        }
        let at = self.next;
        self.next += self.step;
        Some(at)
    }
}

impl KeyRange {
    /// The positions.
    pub fn positions(self) -> impl Iterator<Item = usize> + Clone {
        (self.first..=self.last).step_by(self.step)
    }
}

impl Row {
    /// The positions of the keys in a request, the command's name being word 0.
    ///
    /// # Errors
    /// When the request has the wrong arity, or its words are not where the specs say.
    pub fn keys<'a, A: AsRef<[u8]>>(&self, args: &'a [A]) -> Result<Keys<'a, A>, KeysError> {
        if !self.arity_ok(args.len()) {
            return Err(KeysError::Arity);
        }
        let [first, rest @ ..] = self.keys else {
            return Ok(Keys { next: 1, last: 0, step: 1, rest: &[], args });
        };
        if !rest.iter().all(|spec| spec.range_in(args).is_some()) {
            return Err(KeysError::Syntax);
        }
        let KeyRange { first, last, step, .. } = first.range_in(args).ok_or(KeysError::Syntax)?;
        Ok(Keys { next: first, last, step, rest, args })
    }

    /// The same as ranges, with what the command does to the keys.
    ///
    /// # Errors
    /// As [`Row::keys`].
    pub fn key_ranges<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<KeyRanges, KeysError> {
        if !self.arity_ok(args.len()) {
            return Err(KeysError::Arity);
        }
        let mut ranges = KeyRanges::new();
        for spec in self.keys {
            let mut range = spec.range_in(args).ok_or(KeysError::Syntax)?;
            if spec.flags & key::VARIABLE_FLAGS != 0 {
                range.flags = self.flags_in(args);
            }
            ranges.push(range);
        }
        Ok(ranges)
    }

    /// The first key, the last one and the step between, as clients of before Redis 7 ask for them;
    /// a negative last key counts from the end. Zeros where that cannot say it.
    pub fn legacy_keys(&self) -> (i64, i64, i64) {
        let mut whole = None;
        for spec in self.keys {
            let (Begin::Index(first), Find::Range { last, step, .. }) = (spec.begin, spec.find)
            else {
                return (0, 0, 0);
            };
            let (first, last, step) = (i64::from(first), i64::from(last), i64::from(step));
            let last = if last < 0 { last } else { first + last };
            whole = match whole {
                None => Some((first, last, step)),
                // Specs that follow one another make one range.
                Some((start, end, 1)) if step == 1 && end == first - 1 => Some((start, last, 1)),
                Some(_) => return (0, 0, 0),
            };
        }
        whole.unwrap_or_default()
    }

    /// What a command whose options decide it does to its key in this request.
    fn flags_in<A: AsRef<[u8]>>(&self, args: &[A]) -> u16 {
        assert!(self.run == Command::Set, "a command with variable key flags says them here");
        let options = args.get(3..).unwrap_or_default();
        if options.iter().any(|option| option.as_ref().eq_ignore_ascii_case(b"get")) {
            key::RW | key::ACCESS | key::UPDATE
        } else {
            key::OW | key::UPDATE
        }
    }
}

impl KeySpec {
    #[inline]
    fn range_in<A: AsRef<[u8]>>(&self, args: &[A]) -> Option<KeyRange> {
        let begin = self.begin.position(args)?;
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } => {
                let last = match (usize::try_from(last), limit) {
                    (Ok(last), _) => begin.checked_add(last)?,
                    (Err(_), 0 | 1) => args.len().checked_add_signed(isize::from(last))?,
                    (Err(_), limit) => begin
                        .checked_add(args.len().checked_sub(begin)? / usize::from(limit))?
                        .checked_add_signed(isize::from(last))?,
                };
                (begin, last, step)
            }
            Find::KeyNum { index, first, step } => {
                let count = parse_i64(args.get(begin + usize::from(index))?.as_ref())?;
                let more = usize::try_from(count.checked_sub(1)?).ok()?;
                let first = begin + usize::from(first);
                (first, first.checked_add(more.checked_mul(usize::from(step))?)?, step)
            }
        };
        let step = usize::from(step.max(1));
        let inside = first <= last && last < args.len();
        inside.then_some(KeyRange { first, last, step, flags: self.flags })
    }
}

impl Begin {
    fn position<A: AsRef<[u8]>>(self, args: &[A]) -> Option<usize> {
        match self {
            Begin::Index(at) => Some(usize::from(at)),
            Begin::Keyword(word, from) => {
                let is_word = |at: &usize| args[*at].as_ref().eq_ignore_ascii_case(word.as_bytes());
                let found = match usize::try_from(from) {
                    Ok(from) => (from..args.len()).find(is_word),
                    Err(_) => {
                        let from = args.len().checked_add_signed(isize::from(from))?;
                        (1..=from).rev().find(is_word)
                    }
                };
                Some(found? + 1)
            }
        }
    }
}
