//! What each Redis command means.

pub mod docs;
pub mod error;
pub mod glob;
pub mod introspect;
pub mod number;
pub mod table;
