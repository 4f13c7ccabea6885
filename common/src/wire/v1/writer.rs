//! Values to bytes: what every message is made of.
//!
//! Clocks are told by their distance to the last event's of the same frame, and an actor that was
//! named before by its place among those that were: [`Reader`](super::reader::Reader) keeps the same
//! two memories, so both sides must go through the parts of a message in one order.

use super::{BULK_BYTES_MAX, Wire};
use crate::causal::Context;
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

/// How many actors of a frame get a number. A key has the writes of a few; each search walks them.
pub(super) const ACTORS_MAX: usize = 32;

/// Actors that a frame has named, in order.
pub(super) type Actors = SmallVec<[Actor; 6]>;

/// Appends the parts of one frame.
pub(super) struct Writer<'o> {
    out: &'o mut BytesMut,
    /// Where the frame begins.
    start: usize,
    /// The last event's clock, zero before the first.
    clock: Hlc,
    actors: Actors,
    /// Something did not fit into any frame, and was left out.
    is_over: bool,
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut BytesMut) -> Writer<'o> {
        let start = out.len();
        Writer { out, start, clock: Hlc::ZERO, actors: Actors::new(), is_over: false }
    }

    /// Whether all that was put is there.
    pub fn is_whole(&self) -> bool {
        !self.is_over
    }

    pub fn byte(&mut self, byte: u8) {
        self.out.put_u8(byte);
    }

    /// Eight bytes: for what is random in all its bits.
    pub fn word(&mut self, word: u64) {
        self.out.put_u64_le(word);
    }

    /// Seven bits a byte, the lowest first; the last byte has the highest bit clear (LEB128).
    #[inline]
    pub fn varint(&mut self, number: u64) {
        if number < 0x80 {
            self.byte(number as u8);
        } else {
            self.long_varint(number);
        }
    }

    fn long_varint(&mut self, mut number: u64) {
        let mut bytes = [0; 10];
        let mut len = 0;
        while number >= 0x80 {
            bytes[len] = number as u8 | 0x80;
            number >>= 7;
            len += 1;
        }
        bytes[len] = number as u8;
        self.out.put_slice(&bytes[..=len]);
    }

    /// A signed distance, small on both sides of zero.
    pub fn distance(&mut self, distance: i64) {
        self.varint((distance << 1 ^ distance >> 63) as u64);
    }

    /// The same of 128 bits.
    pub fn wide_distance(&mut self, distance: i128) {
        let mut number = (distance << 1 ^ distance >> 127) as u128;
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    pub fn wide(&mut self, wide: u128) {
        self.out.put_u128_le(wide);
    }

    /// Bytes after their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        if self.out.len() - self.start + bytes.len() > BULK_BYTES_MAX {
            self.is_over = true;
            return;
        }
        self.out.put_slice(bytes);
    }

    /// Bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }

    pub fn list<T: Wire>(&mut self, list: &[T]) {
        self.varint(list.len() as u64);
        list.iter().for_each(|each| each.put(self));
    }

    pub fn actor(&mut self, actor: Actor) {
        if let Some(at) = self.actors.iter().position(|known| *known == actor) {
            return self.byte(at as u8 + 1);
        }
        self.byte(0);
        self.word(actor.0);
        self.learn(actor);
    }

    /// The receiver knows of this actor: it need not be named.
    pub fn learn(&mut self, actor: Actor) {
        if self.actors.len() < ACTORS_MAX && !self.actors.contains(&actor) {
            self.actors.push(actor);
        }
    }

    /// A clock beside an event: the next ones are not told by it, save by the first of a frame.
    pub fn clock(&mut self, clock: Hlc) {
        if self.clock == Hlc::ZERO {
            self.word(clock.0);
            if clock != Hlc::CLOSED {
                self.clock = clock;
            }
        } else {
            self.distance(clock.0.wrapping_sub(self.clock.0) as i64);
        }
    }

    pub fn dot(&mut self, dot: Dot) {
        self.actor(dot.actor);
        self.event_clock(dot.hlc);
    }

    /// The clock of an event.
    pub fn event_clock(&mut self, clock: Hlc) {
        self.clock(clock);
        self.clock = clock;
    }

    /// What follows is told by this event's clock again.
    pub fn return_to(&mut self, clock: Hlc) {
        self.clock = clock;
    }

    pub fn context(&mut self, context: &Context) {
        self.dots(context.len(), context.iter());
    }

    /// The entries of a context.
    pub fn dots(&mut self, count: usize, dots: impl Iterator<Item = Dot>) {
        self.varint(count as u64);
        for dot in dots {
            self.actor(dot.actor);
            self.clock(dot.hlc);
        }
    }

    /// A time near that of the last event.
    pub fn time(&mut self, at_ms: u64) {
        self.distance(at_ms.wrapping_sub(self.clock.wall_ms()) as i64);
    }
}
