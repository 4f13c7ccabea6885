//! The world around simulated nodes, made from a seed: what they send each other over, and what time it
//! is for each. Their disks are `kinring_shard::store::memory`.

pub mod clock;
pub mod network;
