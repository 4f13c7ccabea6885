//! A reply as a tree, for the few replies that are not written as they are computed: `HELLO`,
//! `COMMAND DOCS`, `CLIENT LIST` and their like.
//!
//! Why not `redis-protocol`'s own frame: its maps and sets are hash tables, so a reply would come
//! in another order each time, it panics on an aggregate as a map's key, and its doubles are not
//! Redis's. What is written here is read back by it in the tests.

use super::encode::ReplyBuf;
use bytes::Bytes;
use std::borrow::Cow;

/// A reply of any shape. RESP2 gets the nearest shape it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A status like OK.
    Simple(Cow<'static, str>),
    /// An error, with its code in front.
    Error(Cow<'static, str>),
    /// An integer.
    Integer(i64),
    /// A string of any bytes.
    Bulk(Bytes),
    /// Nothing, where a string was asked for.
    Null,
    /// Nothing, where an array was asked for.
    NullArray,
    /// Values in order.
    Array(Vec<Frame>),
    /// Pairs, in the order they are written; RESP2: a flat array.
    Map(Vec<(Frame, Frame)>),
    /// Members, in the order they are written; RESP2: an array.
    Set(Vec<Frame>),
    /// Out of band; RESP2: an array.
    Push(Vec<Frame>),
    /// A truth; RESP2: 1 or 0.
    Boolean(bool),
    /// A floating point number; RESP2: its text.
    Double(f64),
    /// An integer that does not fit 64 bits; RESP2: its text.
    BigNumber(Cow<'static, str>),
    /// Text for humans with its format (`txt`, `mkd`); RESP2: the text.
    Verbatim(&'static str, Bytes),
}

impl Frame {
    /// A string of bytes that live as long as the program.
    pub fn text(text: &'static str) -> Frame {
        Frame::Bulk(Bytes::from_static(text.as_bytes()))
    }
}

impl From<i64> for Frame {
    fn from(value: i64) -> Frame {
        Frame::Integer(value)
    }
}

impl From<&'static str> for Frame {
    fn from(text: &'static str) -> Frame {
        Frame::text(text)
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Frame {
        Frame::Bulk(Bytes::from(text))
    }
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Frame {
        Frame::Bulk(bytes)
    }
}

impl From<Vec<Frame>> for Frame {
    fn from(frames: Vec<Frame>) -> Frame {
        Frame::Array(frames)
    }
}

impl ReplyBuf {
    /// Writes a tree. Its depth is that of our own code's replies, never a client's choice.
    pub fn frame(&mut self, frame: &Frame) {
        match frame {
            Frame::Simple(text) => self.simple(text),
            Frame::Error(text) => self.error(text),
            Frame::Integer(value) => self.integer(*value),
            Frame::Bulk(bytes) => self.bulk_shared(bytes.clone()),
            Frame::Null => self.null(),
            Frame::NullArray => self.null_array(),
            Frame::Array(frames) => {
                self.array(frames.len());
                self.frames(frames);
            }
            Frame::Map(pairs) => {
                self.map(pairs.len());
                for (key, value) in pairs {
                    self.frame(key);
                    self.frame(value);
                }
            }
            Frame::Set(frames) => {
                self.set(frames.len());
                self.frames(frames);
            }
            Frame::Push(frames) => {
                self.push(frames.len());
                self.frames(frames);
            }
            Frame::Boolean(value) => self.boolean(*value),
            Frame::Double(value) => self.double(*value),
            Frame::BigNumber(digits) => self.big_number(digits),
            Frame::Verbatim(format, text) => self.verbatim(format, text),
        }
    }

    fn frames(&mut self, frames: &[Frame]) {
        for frame in frames {
            self.frame(frame);
        }
    }
}
