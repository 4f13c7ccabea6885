//! What a peer of ours would never send.

use super::*;
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::wire::request::{RequestId, Response};

/// A frame's body, put by hand.
fn body(put: impl FnOnce(&mut Writer<'_>)) -> BytesMut {
    let mut out = BytesMut::new();
    put(&mut Writer::new(&mut out));
    out
}

#[track_caller]
fn refuses(kind: u8, error: DecodeError, put: impl FnOnce(&mut Writer<'_>)) {
    assert_eq!(decode(frame_with(kind, &body(put))), Err(error));
}

fn dot(actor: u64, at: u64) -> Dot {
    Dot { actor: Actor(actor), hlc: Hlc(at) }
}

/// The beginning of a `Close`, of which only the floor and the requests remain to be put.
fn close(out: &mut Writer<'_>) {
    out.word(1); // session
    out.byte(0); // step
    out.byte(0); // group
    out.byte(1); // epoch
    out.byte(0); // incarnation
    out.byte(0); // push
    out.byte(4);
}

#[test]
fn contexts_are_in_order_and_start_above_zero() {
    let floor = |dots: Vec<Dot>| {
        body(|out| {
            close(out);
            out.dots(dots.len(), dots.into_iter());
            out.byte(0); // completions
            out.byte(0); // unsure
        })
    };
    let decoded = |dots: Vec<Dot>| decode(frame_with(ASK, &floor(dots))).map(|_| ());
    assert_eq!(decoded(vec![dot(1, 5), dot(2, 5), dot(3, u64::MAX)]), Ok(()));
    assert_eq!(decoded(vec![dot(2, 5), dot(1, 5)]), Err(DecodeError::Order("context")));
    assert_eq!(decoded(vec![dot(1, 5), dot(1, 6)]), Err(DecodeError::Order("context")));
    assert_eq!(decoded(vec![dot(1, 5), dot(2, 0)]), Err(DecodeError::Range("clock")));
    assert_eq!(decoded(vec![dot(1, 0)]), Err(DecodeError::Range("clock")));
}

#[test]
fn an_event_has_a_clock_that_was_reached() {
    for clock in [0, u64::MAX] {
        refuses(WRITE, DecodeError::Range("clock"), |out| {
            out.byte(0); // flags
            out.byte(0); // group
            out.byte(1); // epoch
            out.word(1); // tenure
            out.byte(0); // sequence
            out.byte(0); // stable
            out.byte(1 << 6); // a string
            out.bytes(b"key");
            out.byte(0);
            out.word(7); // actor
            out.word(clock);
            out.bytes(b"value");
        });
    }
}

#[test]
fn a_slot_an_epoch_and_a_kind_are_those_that_there_are() {
    let asked = |flags: u8, attempt: u64, epoch: u64, slot: u64| {
        let body = body(|out| {
            out.byte(flags);
            out.word(1);
            out.byte(1);
            out.varint(attempt);
            out.varint(epoch);
            out.varint(slot);
            out.byte(0);
            out.word(1);
            out.byte(1);
            out.byte(0);
        });
        decode(frame_with(REQUEST, &body)).map(|_| ())
    };
    let request = |flags: u8, epoch: u64, slot: u64| asked(flags, 1, epoch, slot);
    assert_eq!(asked(0, u64::from(u32::MAX), 1, 1), Ok(()));
    assert_eq!(asked(0, 1 << 32, 1, 1), Err(DecodeError::Range("attempt")));
    assert_eq!(request(0, 1, 16_383), Ok(()));
    assert_eq!(request(0, 1, 16_384), Err(DecodeError::Range("slot")));
    assert_eq!(request(0, 1, 1 << 16), Err(DecodeError::Range("slot")));
    assert_eq!(request(0, 0, 1), Err(DecodeError::Range("epoch")));
    assert_eq!(request(1 << 5, 1, 1), Err(DecodeError::Tag("request")));
    for kind in [0, 12, 15, 20, 127] {
        refuses(kind, DecodeError::Tag("frame"), |_| {});
    }
}

#[test]
fn a_number_has_at_most_64_bits() {
    let ping = |bytes: &[u8]| decode(frame_with(PING, bytes)).map(|_| ());
    let nines = [0xff; 9];
    assert_eq!(ping(&[&nines[..], &[1]].concat()), Ok(()));
    assert_eq!(ping(&[&nines[..], &[2]].concat()), Err(DecodeError::Range("number")));
    assert_eq!(ping(&[&nines[..], &[0x81, 0]].concat()), Err(DecodeError::Range("number")));
    assert_eq!(ping(&nines), Err(DecodeError::Truncated));
}

#[test]
fn a_count_or_a_length_beyond_the_end_reserves_nothing() {
    for count in [100, u64::from(u32::MAX), u64::MAX] {
        let copies = body(|out| {
            close(out);
            out.varint(count);
            out.raw(&[0; 50]);
        });
        let (decoded, reserved) = decode_by(frame_with(ASK, &copies));
        assert_eq!((decoded, reserved), (Err(DecodeError::Truncated), 0));
        let done = body(|out| {
            Attempt { id: RequestId { session: 1, number: 1 }, number: 1 }.put(out);
            out.byte(0);
            out.varint(count);
            out.raw(&[0; 50]);
        });
        assert_eq!(decode(frame_with(RESPONSE, &done)), Err(DecodeError::Truncated));
    }
}

#[test]
fn many_small_parts_are_not_reserved_ahead() {
    // A list of lists, of a byte each.
    let keys = body(|out| {
        out.word(1); // session
        out.byte(0); // step
        out.byte(0); // group
        out.word(1); // incarnation
        out.byte(3); // keys
        out.raw(&[0; 6]); // copies
        out.varint(100_000);
        out.raw(&[0; 100_000]);
        out.byte(0); // looked
    });
    let (decoded, reserved) = decode_by(frame_with(ANSWER, &keys));
    assert!(decoded.is_ok() && reserved <= keys.len() * AHEAD_FACTOR, "{decoded:?}, {reserved}");
}

#[test]
fn a_long_value_travels_in_bulk_and_is_not_copied_when_it_is_decoded() {
    let attempt = Attempt { id: RequestId { session: 1, number: 1 }, number: 0 };
    let long = |len: usize| Frame::Response(attempt, Response::Done(Bytes::from(vec![7; len])));
    for (len, is_bulk) in [(FRAME_BYTES_MAX - 64, false), (FRAME_BYTES_MAX, true)] {
        let (frame, mut bytes) = (long(len), BytesMut::from(&b"before"[..]));
        encode_frame(&frame, &mut bytes).expect("it is short enough");
        let mut bytes = bytes.split_off(6);
        assert_eq!(bytes[0] & BULK != 0, is_bulk);
        assert_eq!(frame_bytes(&bytes[..8], Stream::Bulk), Ok(Some(bytes.len())));
        let ordinary = frame_bytes(&bytes, Stream::Ordinary);
        assert_eq!(matches!(ordinary, Err(DecodeError::TooLong(_))), is_bulk);
        let cut = split(&mut bytes, Stream::Bulk).expect("it may").expect("it is there");
        let Ok(Frame::Response(_, Response::Done(value))) = decode(cut.clone()) else {
            panic!("it is a response")
        };
        assert_eq!(value.as_ptr(), cut[cut.len() - len..].as_ptr(), "a slice of the frame");
    }
    let mut out = BytesMut::from(&b"before"[..]);
    assert_eq!(encode_frame(&long(BULK_BYTES_MAX), &mut out), Err(TooLong));
    assert_eq!(out, b"before"[..]);
}

#[test]
fn a_head_that_says_too_much_is_refused_before_the_rest_comes() {
    let head = |kind: u8, length: u64| (u64::from(kind) | length << 8).to_le_bytes();
    let over = FRAME_BYTES_MAX as u64 + 1;
    let of = |head: &[u8]| frame_bytes(head, Stream::Bulk);
    assert_eq!(of(&head(PING, over)[..4]), Err(DecodeError::TooLong(over)));
    assert_eq!(of(&head(PING | BULK, over)), Ok(Some(8 + FRAME_BYTES_MAX + 1)));
    assert_eq!(of(&head(PING | BULK, over - 1)), Err(DecodeError::Range("length")));
    let over = BULK_BYTES_MAX as u64 + 1;
    assert_eq!(of(&head(PING | BULK, over)), Err(DecodeError::TooLong(over)));
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&head(PING, 7)[..3]), Ok(None));
}

#[test]
fn a_range_holds_what_is_said_of_it() {
    let finding = |put: &dyn Fn(&mut Writer<'_>)| {
        let keys = body(|out| {
            out.word(1); // session
            out.byte(0); // step
            out.byte(0); // group
            out.word(1); // incarnation
            out.byte(3); // keys
            out.raw(&[0; 3]); // horizon, copies
            out.byte(1); // large
            out.raw(&[0; 3]); // name, context
            out.word(7); // digest
            out.byte(1); // findings
            put(out);
            out.raw(&[0; 4]); // bonds, completions, together, looked
        });
        decode(frame_with(ANSWER, &keys)).map(|_| ())
    };
    let words = |out: &mut Writer<'_>, words: &[u64]| words.iter().for_each(|word| out.word(*word));
    let split = |width: u64, digests: u8| {
        finding(&|out| {
            out.byte(0);
            words(out, &[10, 19, width]);
            out.byte(digests);
            (0..digests).for_each(|_| out.word(1));
        })
    };
    assert_eq!((split(5, 2), split(4, 3)), (Ok(()), Ok(())));
    assert_eq!(split(5, 3), Err(DecodeError::Range("parts")));
    assert_eq!(split(4, 2), Err(DecodeError::Range("parts")));
    assert_eq!(split(0, 2), Err(DecodeError::Range("width")));
    let listed = |range: [u64; 2], places: &[u64]| {
        finding(&|out| {
            out.byte(1);
            words(out, &range);
            out.byte(places.len() as u8);
            places.iter().for_each(|place| words(out, &[*place, 1]));
        })
    };
    assert_eq!(listed([10, 19], &[10, 15, 19]), Ok(()));
    for wrong in [listed([10, 19], &[9]), listed([10, 19], &[15, 12]), listed([19, 10], &[])] {
        assert_eq!(wrong, Err(DecodeError::Order("places")));
    }
    assert_eq!(finding(&|out| out.raw(&[9; 18])), Err(DecodeError::Tag("finding")));
}
