//! What is encoded decodes to itself, and nothing else does harm.

mod elements;
mod random;
mod refused;
mod sizes;

use super::reader::AHEAD_FACTOR;
use super::*;
use crate::testing::{Case, cases, for_all};
use random::Draw;
use std::sync::Arc;

/// Cases of each law.
const CASES: u64 = 3_000;

fn bytes_of(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    encode_frame(frame, &mut out).expect("it is short enough");
    out.freeze()
}

fn short(batch: &Batch) -> Bytes {
    let mut out = BytesMut::new();
    encode_short(batch, &mut out).expect("it is short enough");
    out.freeze()
}

/// An ordinary frame of this kind with any body.
fn frame_with(kind: u8, body: &[u8]) -> Bytes {
    let head = u32::from(kind) | (body.len() as u32) << 8;
    [&head.to_le_bytes()[..], body].concat().into()
}

/// Decodes what may be no frame at all, and a write that must be opened: neither a panic nor more
/// memory than there are bytes for, and what it decodes to is a frame like any other.
fn check_any(bytes: &Bytes, draw: &Draw) -> Result<Frame, DecodeError> {
    let (decoded, reserved) = decode_by(bytes.clone());
    assert!(reserved <= bytes.len() * AHEAD_FACTOR, "{reserved} bytes for {}", bytes.len());
    match decoded.clone()? {
        Frame::Write(write) => {
            if let Some(batch) = write.open(&draw.known())? {
                let again = Frame::Peer(Message::Write(Arc::new(batch)));
                assert_eq!(decode(bytes_of(&again)), Ok(again));
            }
        }
        frame => assert_eq!(decode(bytes_of(&frame)), Ok(frame)),
    }
    decoded
}

#[test]
fn a_frame_decodes_to_itself() {
    for_all(CASES, |case| {
        let mut draw = Draw::new(case);
        let frame = draw.frame();
        let bytes = bytes_of(&frame);
        assert_eq!(decode(bytes.clone()).as_ref(), Ok(&frame));
        check_any(&bytes, &draw).expect("it is a frame");
    });
}

#[test]
fn a_short_write_opens_to_what_it_was_where_its_past_is_known() {
    for_all(CASES, |case| {
        let mut draw = Draw::new(case);
        let batch = draw.batch();
        let Ok(Frame::Write(write)) = decode(short(&batch)) else { panic!("it is a short write") };
        let Batch { group, epoch, number, stable, is_available, .. } = batch;
        assert_eq!(write.head, WriteHead { group, epoch, number, stable, is_available });
        assert_eq!(write.open(&draw.known()), Ok(Some(batch.clone())));
        if draw.names_a_past(&batch) {
            assert_eq!(write.open(&[]), Ok(None), "it is a gap");
        }
        assert_eq!(bytes_of(&Frame::Write(write)), short(&batch));
    });
}

#[test]
fn frames_that_follow_each_other_are_told_apart() {
    for_all(200, |case| {
        let mut draw = Draw::new(case);
        let frames: Vec<Frame> = (0..4).map(|_| draw.frame()).collect();
        let mut all = BytesMut::new();
        for frame in &frames {
            encode_frame(frame, &mut all).expect("it is short enough");
        }
        let (mut input, mut found) = (BytesMut::new(), Vec::new());
        while !all.is_empty() {
            let piece = all.split_to(1 + draw.below(all.len().min(40)));
            input.extend_from_slice(&piece);
            while let Some(frame) = split(&mut input, Stream::Ordinary).expect("they are ordinary")
            {
                found.push(decode(frame).expect("it is a frame"));
            }
        }
        assert_eq!((found, input.is_empty()), (frames, true));
    });
}

#[test]
fn nothing_shorter_or_longer_than_a_frame_is_one() {
    for_all(CASES / 10, |case| {
        let mut draw = Draw::new(case);
        let bytes = match draw.below(4) {
            0 => short(&draw.batch()),
            _ => bytes_of(&draw.frame()),
        };
        let body = &bytes[HEAD_BYTES..];
        for len in 0..body.len() {
            assert!(decode(bytes.slice(..len)).is_err(), "its head says more");
            let cut = frame_with(bytes[0], &body[..len]);
            let opened = match check_any(&cut, &draw) {
                Ok(Frame::Write(write)) => write.open(&draw.known()).err(),
                decoded => decoded.err(),
            };
            assert!(opened.is_some(), "cut to {len} of {}: {bytes:?}", body.len());
        }
        let longer = frame_with(bytes[0], &[body, &[0]].concat());
        let opened = match check_any(&longer, &draw) {
            Ok(Frame::Write(write)) => write.open(&draw.known()).err(),
            decoded => decoded.err(),
        };
        assert_eq!(opened, Some(DecodeError::Trailing));
    });
}

#[test]
fn a_damaged_frame_is_refused_or_is_another_one() {
    let (mut refused, mut taken) = (0, 0);
    for seed in 0..cases(20_000) {
        let mut case = Case::new(seed);
        let mut draw = Draw::new(&mut case);
        let bytes = match draw.below(4) {
            0 => short(&draw.batch()),
            _ => bytes_of(&draw.frame()),
        };
        let mut damaged = bytes.to_vec();
        for _ in 0..1 + draw.below(3) {
            // Its head mostly stays as it is: all else is refused at once.
            let from = if draw.chance(95) { HEAD_BYTES.min(damaged.len() - 1) } else { 0 };
            let at = from + draw.below(damaged.len() - from);
            damaged[at] ^= 1 << draw.below(8);
        }
        match check_any(&damaged.into(), &draw) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(cfg!(miri) || refused > 500 && taken > 500, "{refused} refused, {taken} taken");
}

#[test]
fn any_bytes_do_no_harm() {
    for_all(CASES, |case| {
        let mut draw = Draw::new(case);
        let len = draw.below(120);
        let body: Vec<u8> = (0..len)
            .map(|_| if draw.chance(60) { draw.below(8) as u8 } else { draw.below(256) as u8 })
            .collect();
        for kind in (HEARTBEAT..=SETTLED).chain(REQUEST..=PONG) {
            let _: Result<Frame, DecodeError> = check_any(&frame_with(kind, &body), &draw);
        }
    });
}
