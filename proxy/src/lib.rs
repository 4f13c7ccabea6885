//! The `kinring` process: a RESP front end with an embedded shard.

pub mod banner;
pub mod config;
pub mod stop;
