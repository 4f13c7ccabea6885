//! RESP2 and RESP3: requests from bytes, replies to bytes.
//!
//! | file | what it answers |
//! |---|---|
//! | [`decode`] | which requests a client's bytes hold, however the network cut them |
//! | [`batch`] | where the arguments of those requests lie |
//! | [`limits`] | what a client may send, and what it is told else |
//! | [`inline`] | what a line typed by a human means |
//! | [`encode`] | how a command's reply looks in the client's protocol |
//! | [`frame`] | replies built as a tree before they are written |
//! | [`double`] | how Redis spells floating point numbers |
//! | [`reader`] | the client side: replies from bytes |
//!
//! Why not one library for both ways: a server reads bytes of people it does not trust, and only
//! ever flat arrays of strings. That side is ours: flat, resumable, capped, without a copy.
//! `redis-protocol` reads replies, and it is the oracle that our decoder and encoder are held
//! against in the tests.

pub mod batch;
pub mod decode;
pub mod double;
pub mod encode;
pub mod frame;
pub mod inline;
pub mod limits;
pub mod reader;

pub use batch::{Batch, Request};
pub use decode::Decoder;
pub use encode::{Mark, Protocol, ReplyBuf};
pub use frame::Frame;
pub use limits::{Limits, ProtocolError};
pub use reader::ReplyReader;
