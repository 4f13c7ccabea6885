//! What is written in both protocols, read back by `redis-protocol` through the reader, and sent in
//! pieces.

use super::sending::COMPACT_BYTES_MIN;
use super::*;
use crate::random::Random;
use crate::resp::{Frame, ReplyReader};
use crate::testing::for_all;
use bytes::Buf;
use redis_protocol::resp3::types::{BytesFrame, VerbatimStringFormat};
use std::io::IoSlice;

/// A random tree. Keys of maps and members of sets are plain and distinct: `redis-protocol` keeps
/// them in hash tables.
fn frame(random: &mut Random, depth: u64) -> Frame {
    let kinds = if depth == 0 { 10 } else { 14 };
    match random.below(kinds) {
        0 => Frame::Simple(text(random).into()),
        1 => Frame::Error(format!("ERR {}", text(random)).into()),
        2 => Frame::Integer(random.word() as i64 >> random.below(64)),
        3 => Frame::Bulk(bytes(random)),
        4 => Frame::Null,
        5 => Frame::NullArray,
        6 => Frame::Boolean(random.below(2) == 0),
        7 => Frame::Double(double(random)),
        8 => Frame::BigNumber(random.word().to_string().into()),
        9 => Frame::Verbatim(if random.below(2) == 0 { "txt" } else { "mkd" }, bytes(random)),
        10 => Frame::Array(frames(random, depth)),
        11 => Frame::Push(frames(random, depth)),
        12 => Frame::Set((0..random.below(12) as i64).map(Frame::Integer).collect()),
        _ => {
            let pairs = random.below(12) as i64;
            Frame::Map((0..pairs).map(|key| (key.into(), frame(random, depth - 1))).collect())
        }
    }
}

fn frames(random: &mut Random, depth: u64) -> Vec<Frame> {
    (0..random.below(12)).map(|_| frame(random, depth - 1)).collect()
}

fn text(random: &mut Random) -> String {
    let bytes = (0..random.below(30)).map(|_| *random.pick(b"abc XYZ'\r\n\0:$*+-"));
    String::from_utf8(bytes.collect()).unwrap()
}

fn bytes(random: &mut Random) -> Bytes {
    let len_max = if random.below(8) == 0 { 40_000 } else { 120 };
    let len = random.below(len_max);
    Bytes::from(random.bytes(len))
}

/// Not NaN, which equals nothing.
fn double(random: &mut Random) -> f64 {
    match random.below(3) {
        0 => (random.word() as i32).into(),
        1 => f64::from(random.word() as i32) / 1000.0,
        _ => Some(f64::from_bits(random.word())).filter(|value| !value.is_nan()).unwrap_or(0.1),
    }
}

/// The tree as `redis-protocol` should read it from RESP3.
fn resp3(frame: &Frame) -> BytesFrame {
    let attributes = None;
    let all = |frames: &[Frame]| frames.iter().map(resp3).collect::<Vec<_>>();
    match frame {
        Frame::Simple(text) => BytesFrame::SimpleString { data: tame(text).into(), attributes },
        Frame::Error(text) => BytesFrame::SimpleError { data: tame(text).into(), attributes },
        Frame::Integer(data) => BytesFrame::Number { data: *data, attributes },
        Frame::Bulk(data) => BytesFrame::BlobString { data: data.clone(), attributes },
        Frame::Null | Frame::NullArray => BytesFrame::Null,
        Frame::Array(frames) => BytesFrame::Array { data: all(frames), attributes },
        Frame::Push(frames) => BytesFrame::Push { data: all(frames), attributes },
        Frame::Set(frames) => {
            BytesFrame::Set { data: all(frames).into_iter().collect(), attributes }
        }
        Frame::Map(pairs) => {
            let data = pairs.iter().map(|(key, value)| (resp3(key), resp3(value))).collect();
            BytesFrame::Map { data, attributes }
        }
        Frame::Boolean(data) => BytesFrame::Boolean { data: *data, attributes },
        Frame::Double(data) => BytesFrame::Double { data: *data, attributes },
        Frame::BigNumber(digits) => {
            BytesFrame::BigNumber { data: digits.to_string().into(), attributes }
        }
        Frame::Verbatim(format, data) => {
            let format = match *format {
                "txt" => VerbatimStringFormat::Text,
                _ => VerbatimStringFormat::Markdown,
            };
            BytesFrame::VerbatimString { data: data.clone(), format, attributes }
        }
    }
}

/// The shape that RESP2 has for a tree.
fn downgraded(frame: &Frame) -> Frame {
    let all = |frames: &[Frame]| Frame::Array(frames.iter().map(downgraded).collect());
    match frame {
        Frame::Array(frames) | Frame::Push(frames) | Frame::Set(frames) => all(frames),
        Frame::Map(pairs) => {
            let flat = pairs.iter().flat_map(|(key, value)| [downgraded(key), downgraded(value)]);
            Frame::Array(flat.collect())
        }
        Frame::Boolean(value) => Frame::Integer((*value).into()),
        Frame::Double(value) => Frame::from(format_double(*value).to_string()),
        Frame::BigNumber(digits) => Frame::from(digits.to_string()),
        Frame::Verbatim(_, text) => Frame::Bulk(text.clone()),
        same => same.clone(),
    }
}

fn tame(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}

fn unsent(reply: &ReplyBuf) -> Vec<u8> {
    let bytes: Vec<u8> = reply.chunks().flatten().copied().collect();
    assert_eq!(bytes.len(), reply.len());
    bytes
}

#[test]
fn frames_are_read_back_as_their_protocol_has_them() {
    for_all(2_000, |random| {
        let protocol = if random.below(2) == 0 { Protocol::Resp2 } else { Protocol::Resp3 };
        let frames: Vec<Frame> = (0..=random.below(4)).map(|_| frame(random, 4)).collect();
        let mut reply = ReplyBuf::new(protocol);
        let mut reader = ReplyReader::new(protocol);
        let mut read = Vec::new();
        frames.iter().for_each(|frame| reply.frame(frame));
        for piece in unsent(&reply).chunks(1 + random.below(500)) {
            reader.feed(piece);
            while let Some(frame) = reader.next_reply().unwrap() {
                read.push(frame);
            }
        }
        let expected: Vec<BytesFrame> = match protocol {
            Protocol::Resp2 => frames.iter().map(|frame| resp3(&downgraded(frame))).collect(),
            Protocol::Resp3 => frames.iter().map(resp3).collect(),
        };
        assert_eq!(read, expected);
    });
}

/// A model: the bytes that are still to be sent.
#[test]
fn sending_in_pieces_sends_every_byte_once() {
    for_all(1_000, |random| {
        let mut reply = ReplyBuf::new(Protocol::Resp3);
        let mut model: Vec<u8> = Vec::new();
        for _ in 0..random.below(60) {
            if random.below(3) == 0 {
                let count = random.below(reply.len() + 1);
                assert!(reply.chunk() == &model[..reply.chunk().len()]);
                assert_eq!(reply.chunk().is_empty(), model.is_empty());
                reply.advance(count);
                model.drain(..count);
            } else {
                let mark = reply.mark();
                let mut written = one_reply(random, &mut reply);
                match random.below(4) {
                    0 => {
                        reply.truncate(mark);
                        written.clear();
                    }
                    1 => {
                        reply.insert_array(mark, 1);
                        written.splice(..0, *b"*1\r\n");
                    }
                    _ => {}
                }
                model.extend(written);
            }
            assert!(unsent(&reply) == model);
            assert_eq!(reply.as_slice().unwrap_or(&model), model);
        }
        let len = reply.len();
        reply.advance(len);
        assert!(reply.is_empty());
        assert!(reply.bytes.capacity() <= KEPT_BYTES_MAX.max(reply.bytes.len()));
    });
}

/// Writes one reply and returns its bytes.
fn one_reply(random: &mut Random, reply: &mut ReplyBuf) -> Vec<u8> {
    let value = match random.below(4) {
        0 => Bytes::from(vec![b's'; SHARED_BYTES_MIN - 2 + random.below(4)]),
        1 => Bytes::from(vec![b'p'; 9_000]),
        _ => bytes(random),
    };
    let written = [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
    if random.below(2) == 0 {
        reply.bulk_shared(value);
    } else {
        reply.bulk(&value);
    }
    written
}

/// A client that always leaves a little unread must not make the buffer keep what was sent.
#[test]
fn a_slow_reader_does_not_make_the_buffer_grow() {
    let mut reply = ReplyBuf::new(Protocol::Resp2);
    for _ in 0..10_000 {
        reply.bulk(&[b'v'; 1_000]);
        reply.advance(reply.len().saturating_sub(5_000));
    }
    assert!(reply.bytes.capacity() < 4 * COMPACT_BYTES_MIN, "{}", reply.bytes.capacity());
}

#[test]
fn vectored_slices_are_the_chunks() {
    let mut reply = ReplyBuf::new(Protocol::Resp2);
    let large = Bytes::from(vec![b'x'; SHARED_BYTES_MIN]);
    reply.ok();
    reply.bulk_shared(large.clone());
    reply.bulk_shared(large.clone());
    let mut slices = [IoSlice::new(b""); 4];
    assert_eq!(reply.chunks_vectored(&mut slices), 4, "as many as there is room for");
    assert_eq!(&*slices[0], b"+OK\r\n$16384\r\n");
    assert_eq!(&*slices[1], &*large);
    assert_eq!(slices[1].as_ptr(), large.as_ptr(), "not a copy");
    assert_eq!(&*slices[2], b"\r\n$16384\r\n");
    assert_eq!(reply.chunks().count(), 5);
}
