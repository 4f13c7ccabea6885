//! Laws of the data model, each a test named as a sentence, checked over random worlds.
//!
//! [`oracle`] says what a record must hold, from whole histories and definitions of its own;
//! [`world`] is a few nodes that write, lose, repeat, join and flush at random; [`slot`] adds
//! crashes, absent nodes and floor rounds.
//!
//! `crate::testing` says how a case is repeated, and how a long run is made.

mod deadlines;
mod examples;
mod expiry;
mod floors;
mod joins;
mod linear;
mod lives;
mod oracle;
mod positions;
mod ranges;
mod semantics;
mod slot;
mod world;

/// Cases of each law.
const CASES: u64 = 5_000;
