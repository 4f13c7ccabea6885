//! A load generator that costs little: one thread, one `epoll`, a write and a read per batch.
//!
//! On a small machine the generator competes with the server for the cores, so it does nothing per
//! request that can be done before: requests are templates in which eight digits are overwritten in
//! place, replies are compared with the bytes that must come, and nothing is allocated once the
//! connections stand.
//!
//! Invariant: a connection has one batch outstanding; the next is sent when all its replies came.

pub mod feed;
pub mod generator;
pub mod reply;
pub mod request;
