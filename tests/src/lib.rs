//! Tests of Kinring as a whole: real processes and real sockets, and a world to simulate with judges
//! of what its clients were told.
//!
//! | file | what it answers |
//! |---|---|
//! | [`checker`] | whether what clients were told keeps the promises: pure, no I/O |
//! | [`process`] | how a test gets a Kinring, or a Redis to compare with, and gets rid of it |
//! | [`conn`] | how a test speaks to one: a blocking socket on which every wait has an end |
//! | [`differential`] | how Kinring and a Redis get the same requests, and what counts as equal |
//! | [`sim`] | a whole cluster in one thread, from a seed |
//! | [`world`] | a network and clocks with every fault, from a seed |
//!
//! Invariant: nothing a test starts outlives it, no test uses a fixed port, and no wait is without
//! a bound.

pub mod checker;
pub mod conn;
pub mod differential;
pub mod process;
pub mod sim;
pub mod world;

pub use conn::Conn;
pub use process::{Kinring, Redis};
