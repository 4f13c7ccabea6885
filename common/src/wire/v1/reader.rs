//! Bytes to values, none of them believed.
//!
//! Invariant: what is reserved because a count says so is, over a whole frame, at most
//! [`AHEAD_FACTOR`] times its bytes. Everything else grows with what is really there.

use super::writer::{ACTORS_MAX, Actors};
use super::{DecodeError, Wire};
use crate::causal::Context;
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::Bytes;

/// A value in memory is some times larger than its bytes; a list of them is reserved at once up to so
/// much of that.
pub(super) const AHEAD_FACTOR: usize = 4;

/// Takes the parts of one frame.
pub(super) struct Reader<'i> {
    input: &'i Bytes,
    at: usize,
    /// As [`Writer`](super::writer::Writer) has it.
    clock: Hlc,
    actors: Actors,
    /// Bytes that may still be reserved ahead.
    ahead: usize,
}

impl Reader<'_> {
    pub fn new(input: &Bytes) -> Reader<'_> {
        let ahead = input.len().saturating_mul(AHEAD_FACTOR);
        Reader { input, at: 0, clock: Hlc::ZERO, actors: Actors::new(), ahead }
    }

    /// To be called last.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.at == self.input.len() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    fn left(&self) -> usize {
        self.input.len() - self.at
    }

    fn raw<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let raw = self.input[self.at..].first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.at += N;
        Ok(*raw)
    }

    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = *self.input.get(self.at).ok_or(DecodeError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    pub fn word(&mut self) -> Result<u64, DecodeError> {
        self.raw().map(u64::from_le_bytes)
    }

    pub fn wide(&mut self) -> Result<u128, DecodeError> {
        self.raw().map(u128::from_le_bytes)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.input.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0;
        for (at, &byte) in self.input[self.at..].iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                if at == 9 && byte > 1 {
                    break;
                }
                self.at += at + 1;
                return Ok(number);
            }
        }
        Err(if self.left() < 10 { DecodeError::Truncated } else { DecodeError::Range("number") })
    }

    /// A number of at most 32 bits.
    pub fn varint_u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::Range(what))
    }

    pub fn distance(&mut self) -> Result<i64, DecodeError> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub fn wide_distance(&mut self) -> Result<i128, DecodeError> {
        let mut number = 0;
        for at in 0..19 {
            let byte = self.byte()?;
            // The last byte has the two highest bits.
            if at == 18 && byte > 3 {
                break;
            }
            number |= u128::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok((number >> 1) as i128 ^ -((number & 1) as i128));
            }
        }
        Err(DecodeError::Range("number"))
    }

    /// A slice of the input.
    pub fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let len = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
        self.raw_bytes(len)
    }

    /// The same without a length before it.
    pub fn raw_bytes(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        if len > self.left() {
            return Err(DecodeError::Truncated);
        }
        let bytes = self.input.slice(self.at..self.at + len);
        self.at += len;
        Ok(bytes)
    }

    /// How many of something follow, of at least so many bytes each.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
        if count > self.left() / bytes_min { Err(DecodeError::Truncated) } else { Ok(count) }
    }

    /// Room for so many that were announced, or for as many of them as may be reserved ahead.
    pub fn reserve<T>(&mut self, count: usize) -> Vec<T> {
        let each = size_of::<T>().max(1);
        let count = count.min(self.ahead / each);
        self.ahead -= count * each;
        Vec::with_capacity(count)
    }

    pub fn list<T: Wire>(&mut self) -> Result<Vec<T>, DecodeError> {
        let count = self.count(T::BYTES_MIN)?;
        self.list_of(count, T::take)
    }

    /// So many, each taken by a function.
    pub fn list_of<T>(
        &mut self,
        count: usize,
        mut take: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut list = self.reserve(count);
        for _ in 0..count {
            list.push(take(self)?);
        }
        Ok(list)
    }

    /// What has been reserved ahead so far.
    pub fn reserved(&self) -> usize {
        self.input.len() * AHEAD_FACTOR - self.ahead
    }

    pub fn actor(&mut self) -> Result<Actor, DecodeError> {
        match self.byte()? {
            0 => {
                let actor = Actor(self.word()?);
                self.learn(actor);
                Ok(actor)
            }
            at => {
                let known = self.actors.get(usize::from(at) - 1);
                known.copied().ok_or(DecodeError::Range("actor"))
            }
        }
    }

    /// See [`Writer::learn`](super::writer::Writer::learn).
    pub fn learn(&mut self, actor: Actor) {
        if self.actors.len() < ACTORS_MAX && !self.actors.contains(&actor) {
            self.actors.push(actor);
        }
    }

    /// A clock beside an event: any but zero.
    pub fn clock(&mut self) -> Result<Hlc, DecodeError> {
        let clock = if self.clock == Hlc::ZERO {
            let clock = Hlc(self.word()?);
            if clock != Hlc::CLOSED {
                self.clock = clock;
            }
            clock
        } else {
            Hlc(self.clock.0.wrapping_add(self.distance()? as u64))
        };
        if clock == Hlc::ZERO { Err(DecodeError::Range("clock")) } else { Ok(clock) }
    }

    /// The same where a clock that was reached is meant.
    pub fn reached_clock(&mut self) -> Result<Hlc, DecodeError> {
        match self.clock()? {
            Hlc::CLOSED => Err(DecodeError::Range("clock")),
            clock => Ok(clock),
        }
    }

    /// The clock of an event.
    pub fn event_clock(&mut self) -> Result<Hlc, DecodeError> {
        self.clock = self.reached_clock()?;
        Ok(self.clock)
    }

    pub fn dot(&mut self) -> Result<Dot, DecodeError> {
        let actor = self.actor()?;
        Ok(Dot { actor, hlc: self.event_clock()? })
    }

    /// See [`Writer::return_to`](super::writer::Writer::return_to).
    pub fn return_to(&mut self, clock: Hlc) {
        self.clock = clock;
    }

    pub fn context(&mut self) -> Result<Context, DecodeError> {
        let count = self.count(2)?;
        let mut context = Context::new();
        let mut last = None;
        for _ in 0..count {
            let actor = self.actor()?;
            if last.is_some_and(|last| last >= actor) {
                return Err(DecodeError::Order("context"));
            }
            last = Some(actor);
            context.insert(Dot { actor, hlc: self.clock()? });
        }
        Ok(context)
    }

    /// See [`Writer::time`](super::writer::Writer::time).
    pub fn time(&mut self) -> Result<u64, DecodeError> {
        Ok(self.clock.wall_ms().wrapping_add(self.distance()? as u64))
    }

    /// A byte of flags, none but these.
    pub fn flags(&mut self, known: u8, what: &'static str) -> Result<u8, DecodeError> {
        match self.byte()? {
            flags if flags & !known == 0 => Ok(flags),
            _ => Err(DecodeError::Tag(what)),
        }
    }
}
