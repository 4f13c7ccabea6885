//! Laws of the data model, each a test named as a sentence, checked over random worlds.
//!
//! [`oracle`] says what a record must hold, from whole histories and definitions of its own;
//! [`world`] is a few nodes that write, lose, repeat, join and flush at random; [`slot`] adds
//! crashes, absent nodes and floor rounds.
//!
//! A failing case prints its seed. `KINRING_CASES=1 KINRING_SEED=<seed>` runs it again, and a large
//! `KINRING_CASES` makes a long run.

mod deadlines;
mod examples;
mod expiry;
mod floors;
mod joins;
mod oracle;
mod positions;
mod rng;
mod semantics;
mod slot;
mod world;
