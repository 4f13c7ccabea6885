//! The world around simulated nodes, made from a seed: what they send each other over, what time it
//! is for each, what is left of what they wrote.

pub mod clock;
pub mod disk;
pub mod network;
