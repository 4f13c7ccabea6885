//! Kinring beside a real Redis: the same words go to both, and the bytes that come back are compared.
//!
//! Redis itself is the expectation, so no reply is written down here. Two ways use it: tables of
//! cases ([`case`], one file a group of commands, read in `tests/differential/`), and random
//! sequences ([`random`]). [`reply`] says what "the same" means where bytes cannot be equal: replies
//! without an order, times, ids.

pub mod case;
pub mod random;
pub mod reply;
pub mod twins;
pub mod wire;
