//! Where a key lives.

pub mod slot;
