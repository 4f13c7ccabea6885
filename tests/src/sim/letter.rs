//! What travels between the machines of a cluster.

use crate::world::network::Freight;
use bytes::BytesMut;
use kinring_common::wire::peer::Message;
use kinring_common::wire::request::{Attempt, Ping, Pong, Request, Response};
use kinring_common::wire::v1::{Frame, decode, encode_frame};

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Peer(Box<Message>),
    Request(Box<Request>),
    Response(Attempt, Response),
    Ping(Ping),
    Pong(Pong),
}

impl Letter {
    /// Its kind: a place in [`KINDS`].
    pub(super) fn kind(&self) -> u64 {
        match self {
            Letter::Peer(message) => match &**message {
                Message::Heartbeat(_) => 1,
                Message::Beat(_) => 2,
                Message::Release { .. } => 3,
                Message::Write(_) => 4,
                Message::Repair(_) => 5,
                Message::Ack(_) => 6,
                Message::Ask(_) => 7,
                Message::Answer(_) => 8,
                Message::Settle(_) => 9,
                Message::Settled { .. } => 10,
            },
            Letter::Request(_) => 11,
            Letter::Response(..) => 12,
            Letter::Ping(_) => 13,
            Letter::Pong(_) => 14,
        }
    }
}

impl Letter {
    /// What arrives of it over a wire, which must be the same, and a digest of its bytes.
    ///
    /// # Panics
    /// When it is not the same.
    pub(super) fn over_the_wire(self) -> (Letter, u64) {
        let frame = match self {
            Letter::Peer(message) => Frame::Peer(*message),
            Letter::Request(request) => Frame::Request(*request),
            Letter::Response(attempt, response) => Frame::Response(attempt, response),
            Letter::Ping(ping) => Frame::Ping(ping),
            Letter::Pong(pong) => Frame::Pong(pong),
        };
        let mut bytes = BytesMut::new();
        encode_frame(&frame, &mut bytes).expect("it is not too long");
        let digest = digest(&bytes);
        let again = decode(bytes.freeze())
            .unwrap_or_else(|error| panic!("what we send cannot be read: {error}:\n{frame:?}"));
        assert!(again == frame, "it is read otherwise than written:\n{frame:?}\n{again:?}");
        let letter = match again {
            Frame::Peer(message) => Letter::Peer(Box::new(message)),
            Frame::Request(request) => Letter::Request(Box::new(request)),
            Frame::Response(attempt, response) => Letter::Response(attempt, response),
            Frame::Ping(ping) => Letter::Ping(ping),
            Frame::Pong(pong) => Letter::Pong(pong),
            Frame::Write(_) => unreachable!("it was written whole"),
        };
        (letter, digest)
    }
}

/// One number for bytes, not a strong one.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |digest, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (digest ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    })
}

impl Freight for Letter {
    fn is_data(&self) -> bool {
        match self {
            Letter::Peer(message) => !matches!(
                **message,
                Message::Heartbeat(_) | Message::Beat(_) | Message::Release { .. }
            ),
            _ => false,
        }
    }
}

/// The kinds of letters, by number.
pub(super) const KINDS: [&str; 15] = [
    "",
    "Heartbeat",
    "Beat",
    "Release",
    "Write",
    "Repair",
    "Ack",
    "Ask",
    "Answer",
    "Settle",
    "Settled",
    "Request",
    "Response",
    "Ping",
    "Pong",
];
