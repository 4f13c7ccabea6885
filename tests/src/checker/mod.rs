//! The judges of a simulated cluster: from what clients did and were told, whether it kept its
//! promises. Pure: no I/O, no clock.

pub mod history;
pub mod linear;
pub mod model;
pub mod parts;

#[cfg(test)]
mod tests;
