//! Any bytes are refused or are a frame, and that frame's own bytes are the same frame.
//!
//! From the top of the repository, with the seeds as a start:
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir tests/fuzz wire_frame \
//!     tests/fuzz/corpus/wire_frame tests/fuzz/seeds/wire_frame -- -max_total_time=180
//! ```

#![no_main]

use bytes::{Bytes, BytesMut};
use kinring_common::causal::{Context, Floor};
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, Dot};
use kinring_common::wire::GroupHorizon;
use kinring_common::wire::peer::Message;
use kinring_common::wire::v1::{Frame, Stream, decode, encode_frame, encode_short, split};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    // As a stream brings them.
    let mut stream = BytesMut::from(data);
    while let Ok(Some(frame)) = split(&mut stream, Stream::Bulk) {
        check(frame);
    }
    // The kind and a body, under a head that fits.
    if let Some((kind, body)) = data.split_first() {
        let head = u32::from(kind & 0x7f) | (body.len() as u32) << 8;
        check([&head.to_le_bytes()[..], body].concat().into());
    }
});

fn check(bytes: Bytes) {
    let Ok(frame) = decode(bytes) else { return };
    assert_eq!(decode(encoded(&frame)), Ok(frame.clone()));
    let batch = match frame {
        Frame::Write(write) => match write.open(&[&horizon()]) {
            Ok(Some(batch)) => Arc::new(batch),
            Ok(None) | Err(_) => return,
        },
        Frame::Peer(Message::Write(batch)) => batch,
        _ => return,
    };
    let mut short = BytesMut::new();
    encode_short(&batch, &mut short).expect("it came in a frame");
    assert!(matches!(decode(short.freeze()), Ok(Frame::Write(_))));
    let whole = Frame::Peer(Message::Write(batch));
    assert_eq!(decode(encoded(&whole)), Ok(whole));
}

fn encoded(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    encode_frame(frame, &mut out).expect("it came in a frame");
    out.freeze()
}

/// What the seeds' short writes are relative to.
fn horizon() -> GroupHorizon {
    let settled = |actor| Dot { actor: Actor(actor), hlc: Hlc::new(1_800_000_000_000, 3) };
    let floor: Context = [1 << 60, 2 << 60, 3 << 60].map(settled).into_iter().collect();
    GroupHorizon { floor: Floor::from(floor), cuts: vec![(1, Hlc::new(1_799_999_999_999, 0))] }
}
