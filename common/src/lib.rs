//! The pure core of Kinring: no sockets, no files, no clocks, no randomness of its own.
//!
//! Time comes in as [`clock::Now`], randomness as a seed, and what has to happen outside leaves as
//! values. That is what lets one test drive a whole cluster from a seed.
//!
//! | room | what it answers |
//! |---|---|
//! | [`id`], [`clock`] | who wrote, and when |
//! | [`random`], [`keyed`] | numbers from a seed; hashes that nobody foresees |
//! | [`placement`], [`quorum`] | where a key lives, and how many of its owners must agree |
//! | [`membership`] | who is up, and whose clock can be believed |
//! | [`causal`] | what two copies of a record make together |
//! | [`keyspace`] | how records lie in memory, and how a command reaches them |
//! | [`merkle`] | which keys two owners hold differently |
//! | [`command`] | what each Redis command means |
//! | [`wire`] | what nodes say to each other |
//! | [`mutant`] | how the protocol is broken on purpose |
//! | [`resp`] | how requests and replies look as bytes |

pub mod causal;
pub mod clock;
pub mod command;
pub mod id;
pub mod keyed;
pub mod keyspace;
pub mod membership;
pub mod merkle;
pub mod mutant;
pub mod placement;
pub mod quorum;
pub mod random;
pub mod resp;
#[cfg(test)]
mod testing;
pub mod wire;
