//! The messages as bytes, first form. No I/O: a shell fills and empties the buffers.
//!
//! A frame is its head, which says what it is and how long, and then its parts one after the other,
//! without padding and without names. The head of an ordinary frame has four bytes: the kind, and the
//! length of the rest in three, the lowest first. A frame that is longer, because it carries a value
//! that is, has the highest bit of the kind set and a length of seven bytes; it travels on a stream
//! where nothing waits behind it.
//!
//! Numbers that are small mostly take seven bits a byte; names that were drawn at random take eight
//! bytes. Clocks are told by their distance to the last event's, and actors by where they were named
//! before.
//!
//! **Nothing that comes in is believed.** Each length is compared with what is there before anything is
//! reserved; kinds, flags, orders and ranges are checked, nothing recurs, and nothing may follow. So
//! what decodes can be worked with as if it had been built here. What it cannot be known to be without
//! a clock, a layout or a record is for those who have them.
//!
//! | file | what it is about |
//! |---|---|
//! | `writer`, `reader` | the parts of all messages, with the two memories that shorten them |
//! | `parts` | ids, options, lists |
//! | `record` | records and copies |
//! | `ranges` | large records by ranges |
//! | `write`, `effect` | writes, in a whole and in a short form |
//! | `lease`, `exchange`, `request` | the other messages |

mod effect;
mod exchange;
mod lease;
mod parts;
mod ranges;
mod reader;
mod record;
mod request;
mod write;
mod writer;

#[cfg(test)]
mod tests;

use super::peer::{Batch, Message};
use super::request::{Attempt, Ping, Pong, Request, Response};
use crate::placement::layout::GroupId;
use bytes::{Buf, Bytes, BytesMut};
use reader::Reader;
use writer::Writer;

pub use write::{ShortWrite, WriteHead};

/// An ordinary frame's bytes beside its head. A megabyte of key is in it, and a few milliseconds of a
/// link; whatever is behind it waits that long.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

/// The same of a frame on a stream for bulk: a value may have 512 MB, and some of the rest is beside it.
/// Records that are larger go by ranges of their elements ([`crate::causal::ranges`]).
pub const BULK_BYTES_MAX: usize = (512 << 20) + FRAME_BYTES_MAX;

const HEAD_BYTES: usize = 4;
const BULK_HEAD_BYTES: usize = 8;
/// In the kind of a frame: the longer head.
const BULK: u8 = 0x80;
const _: () = assert!(FRAME_BYTES_MAX < 1 << 24, "an ordinary length has three bytes");

/// All that nodes send to each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// Between shards.
    Peer(Message),
    /// A write whose receiver must look up what it is relative to.
    Write(ShortWrite),
    /// A proxy to a shard.
    Request(Request),
    /// A shard to a proxy.
    Response(Attempt, Response),
    /// A proxy to a shard.
    Ping(Ping),
    /// A shard to a proxy.
    Pong(Pong),
}

/// What is wrong with bytes that are no message. The stream that they came on is of no use any more;
/// nothing has changed otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends, or a length or a count leads beyond its end.
    #[error("a frame is shorter than what it says is in it")]
    Truncated,
    /// Something follows.
    #[error("a frame is longer than what is in it")]
    Trailing,
    /// There is none of this kind.
    #[error("an unknown kind of {0}")]
    Tag(&'static str),
    /// A value that nothing can have.
    #[error("a {0} out of its range")]
    Range(&'static str),
    /// Not ascending, or one of them twice.
    #[error("a {0} that is not in order")]
    Order(&'static str),
    /// Longer than a frame on such a stream may be.
    #[error("a frame of {0} bytes is too long for its stream")]
    TooLong(u64),
}

/// A message that fits into no frame. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is longer than {BULK_BYTES_MAX} bytes")]
pub struct TooLong;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Frames up to [`FRAME_BYTES_MAX`].
    Ordinary,
    /// Longer ones too, up to [`BULK_BYTES_MAX`].
    Bulk,
}

/// A part of messages, in bytes.
trait Wire: Sized {
    /// It takes no less: what a count of them is judged by.
    const BYTES_MIN: usize = 1;

    fn put(&self, out: &mut Writer<'_>);

    fn take(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// Appends the frame of a message between shards.
///
/// # Errors
/// If it is too long. Then nothing is appended.
pub fn encode(message: &Message, out: &mut BytesMut) -> Result<(), TooLong> {
    let kind = kind_of(message);
    framed(kind, out, |out| match message {
        Message::Heartbeat(heartbeat) => heartbeat.put(out),
        Message::Beat(beat) => beat.put(out),
        Message::Release { incarnation, group, released_us, next } => {
            out.word(*incarnation);
            group.put(out);
            out.varint(*released_us);
            next.put(out);
        }
        Message::Write(batch) => batch.put(out),
        Message::Repair(repair) => repair.put(out),
        Message::Ack(ack) => ack.put(out),
        Message::Ask(ask) => ask.put(out),
        Message::Answer(answer) => answer.put(out),
        Message::Settle(settle) => settle.put(out),
        Message::Settled { group, number, incarnation, is_in_step } => {
            group.put(out);
            out.word(*number);
            out.word(*incarnation);
            is_in_step.put(out);
        }
    })
}

/// Appends the frame of a write that names what its coordinator had seen by a digest: see
/// [`ShortWrite::open`].
///
/// # Errors
/// As [`encode`].
pub fn encode_short(batch: &Batch, out: &mut BytesMut) -> Result<(), TooLong> {
    framed(SHORT_WRITE, out, |out| write::put_batch(batch, write::Form::Short, out))
}

/// Appends any frame.
///
/// # Errors
/// As [`encode`].
pub fn encode_frame(frame: &Frame, out: &mut BytesMut) -> Result<(), TooLong> {
    match frame {
        Frame::Peer(message) => encode(message, out),
        Frame::Write(write) => framed(SHORT_WRITE, out, |out| out.raw(&write.body)),
        Frame::Request(request) => framed(REQUEST, out, |out| request.put(out)),
        Frame::Response(attempt, response) => framed(RESPONSE, out, |out| {
            attempt.put(out);
            response.put(out);
        }),
        Frame::Ping(ping) => framed(PING, out, |out| ping.put(out)),
        Frame::Pong(pong) => framed(PONG, out, |out| pong.put(out)),
    }
}

/// A whole frame's content. Keys and values are slices of it: whoever keeps one for long copies it, if
/// it is small.
///
/// # Errors
/// If it is not exactly one frame, or none that we send.
pub fn decode(frame: Bytes) -> Result<Frame, DecodeError> {
    decode_by(frame).0
}

/// The frame, and how many bytes were reserved ahead for it.
fn decode_by(mut frame: Bytes) -> (Result<Frame, DecodeError>, usize) {
    let head = match head(&frame, Stream::Bulk) {
        Ok(Some(head)) => head,
        Ok(None) => return (Err(DecodeError::Truncated), 0),
        Err(error) => return (Err(error), 0),
    };
    match frame.len().cmp(&head.frame_bytes) {
        std::cmp::Ordering::Less => return (Err(DecodeError::Truncated), 0),
        std::cmp::Ordering::Greater => return (Err(DecodeError::Trailing), 0),
        std::cmp::Ordering::Equal => frame.advance(head.bytes),
    }
    if head.kind == SHORT_WRITE {
        return (ShortWrite::new(frame).map(Frame::Write), 0);
    }
    let mut input = Reader::new(&frame);
    let decoded = take_frame(head.kind, &mut input);
    (decoded, input.reserved())
}

/// Cuts the next frame off the front, if all of it is there.
///
/// # Errors
/// If it is too long for such a stream.
pub fn split(input: &mut BytesMut, stream: Stream) -> Result<Option<Bytes>, DecodeError> {
    let wanted = frame_bytes(input, stream)?.filter(|wanted| *wanted <= input.len());
    Ok(wanted.map(|wanted| input.split_to(wanted).freeze()))
}

/// How many bytes the frame that begins here has, its head among them; `None` if too little of it is
/// there to say.
///
/// # Errors
/// If it is too long for such a stream.
pub fn frame_bytes(input: &[u8], stream: Stream) -> Result<Option<usize>, DecodeError> {
    Ok(head(input, stream)?.map(|head| head.frame_bytes))
}

struct Head {
    kind: u8,
    /// Of the head itself.
    bytes: usize,
    /// Of all.
    frame_bytes: usize,
}

fn head(input: &[u8], stream: Stream) -> Result<Option<Head>, DecodeError> {
    let Some(&kind) = input.first() else { return Ok(None) };
    let (length, bytes, allowed) = if kind & BULK == 0 {
        let Some(head) = input.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        (u64::from(u32::from_le_bytes(*head) >> 8), HEAD_BYTES, 0..=FRAME_BYTES_MAX as u64)
    } else {
        let Some(head) = input.first_chunk::<BULK_HEAD_BYTES>() else { return Ok(None) };
        let allowed = match stream {
            Stream::Ordinary => return Err(DecodeError::TooLong(u64::from_le_bytes(*head) >> 8)),
            Stream::Bulk => FRAME_BYTES_MAX as u64 + 1..=BULK_BYTES_MAX as u64,
        };
        (u64::from_le_bytes(*head) >> 8, BULK_HEAD_BYTES, allowed)
    };
    if length > *allowed.end() {
        return Err(DecodeError::TooLong(length));
    }
    if length < *allowed.start() {
        return Err(DecodeError::Range("length"));
    }
    Ok(Some(Head { kind: kind & !BULK, bytes, frame_bytes: bytes + length as usize }))
}

/// Appends a frame with these parts.
fn framed(kind: u8, out: &mut BytesMut, put: impl FnOnce(&mut Writer<'_>)) -> Result<(), TooLong> {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    let mut writer = Writer::new(out);
    put(&mut writer);
    let is_whole = writer.is_whole();
    let body = start + HEAD_BYTES;
    let length = out.len() - body;
    if !is_whole || length > BULK_BYTES_MAX {
        out.truncate(start);
        return Err(TooLong);
    }
    if length <= FRAME_BYTES_MAX {
        let head = u32::from(kind) | (length as u32) << 8;
        out[start..body].copy_from_slice(&head.to_le_bytes());
        return Ok(());
    }
    // The head is longer than was thought.
    out.extend_from_slice(&[0; BULK_HEAD_BYTES - HEAD_BYTES]);
    out.copy_within(body..body + length, start + BULK_HEAD_BYTES);
    let head = u64::from(kind | BULK) | (length as u64) << 8;
    out[start..start + BULK_HEAD_BYTES].copy_from_slice(&head.to_le_bytes());
    Ok(())
}

const HEARTBEAT: u8 = 1;
const BEAT: u8 = 2;
const RELEASE: u8 = 3;
const WRITE: u8 = 4;
const SHORT_WRITE: u8 = 5;
const REPAIR: u8 = 6;
const ACK: u8 = 7;
const ASK: u8 = 8;
const ANSWER: u8 = 9;
const SETTLE: u8 = 10;
const SETTLED: u8 = 11;
const REQUEST: u8 = 16;
const RESPONSE: u8 = 17;
const PING: u8 = 18;
const PONG: u8 = 19;

fn kind_of(message: &Message) -> u8 {
    match message {
        Message::Heartbeat(_) => HEARTBEAT,
        Message::Beat(_) => BEAT,
        Message::Release { .. } => RELEASE,
        Message::Write(_) => WRITE,
        Message::Repair(_) => REPAIR,
        Message::Ack(_) => ACK,
        Message::Ask(_) => ASK,
        Message::Answer(_) => ANSWER,
        Message::Settle(_) => SETTLE,
        Message::Settled { .. } => SETTLED,
    }
}

fn take_frame(kind: u8, input: &mut Reader<'_>) -> Result<Frame, DecodeError> {
    let frame = match kind {
        REQUEST => Frame::Request(Wire::take(input)?),
        RESPONSE => Frame::Response(Wire::take(input)?, Wire::take(input)?),
        PING => Frame::Ping(Wire::take(input)?),
        PONG => Frame::Pong(Wire::take(input)?),
        _ => Frame::Peer(take_message(kind, input)?),
    };
    input.finish()?;
    Ok(frame)
}

fn take_message(kind: u8, input: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(match kind {
        HEARTBEAT => Message::Heartbeat(Wire::take(input)?),
        BEAT => Message::Beat(Wire::take(input)?),
        RELEASE => Message::Release {
            incarnation: input.word()?,
            group: GroupId::take(input)?,
            released_us: input.varint()?,
            next: Wire::take(input)?,
        },
        WRITE => Message::Write(Wire::take(input)?),
        REPAIR => Message::Repair(Wire::take(input)?),
        ACK => Message::Ack(Wire::take(input)?),
        ASK => Message::Ask(Wire::take(input)?),
        ANSWER => Message::Answer(Wire::take(input)?),
        SETTLE => Message::Settle(Wire::take(input)?),
        SETTLED => Message::Settled {
            group: GroupId::take(input)?,
            number: input.word()?,
            incarnation: input.word()?,
            is_in_step: bool::take(input)?,
        },
        _ => return Err(DecodeError::Tag("frame")),
    })
}
