//! Who is up, and whose clock can be believed. What the list says who belongs is placement's.

pub mod drift;
pub mod suspicion;
