//! The `kinring` process: a RESP front end with an embedded shard.

pub mod config;
