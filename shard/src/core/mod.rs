//! Decisions of the shard, without clocks, threads or sockets.

pub mod ascending;
pub mod expiry;
pub mod flight;
pub mod lease;
pub mod node;
