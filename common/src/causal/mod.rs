//! The causal data model: what two copies of a record make together.
//!
//! Every owner of a key may hold a different part of its history. This room says what a change does
//! to one copy ([`Record::plan`]), what it does to the others ([`Record::apply`]), and what two
//! copies make together whatever each has missed ([`Record::join`]). It is a delta-state CRDT over
//! causal contexts (Almeida, Shoker, Baquero, "Delta State Replicated Data Types", 2018; dotted
//! version vectors, Preguiça et al., 2010).
//!
//! A record is a set of *elements*, each (path, base, part, dot), and a context: the set of events
//! it has seen. An element that is absent although its dot was seen is dead; that is all a removal
//! leaves behind.
//!
//! **An expiry is a DEL of what its issuer had seen**, at a set time. Whoever adds a value to something
//! with a deadline gives the deadline again, under the same dot as the value: so whatever removes the
//! old one, what has expired stays expired. That is also why PERSIST leaves a word behind.
//!
//! **Invariant: equal effective contexts (context, floor and cut together) ⇒ equal records.** Every
//! change mints one dot, and contexts grow only by whole events whose past was seen.
//!
//! | file | what it answers |
//! |---|---|
//! | [`context`] | which events have been seen: context, floor, cut |
//! | [`position`] | where an item of a list lies |
//! | [`register`] | concurrent siblings of one value |
//! | [`cells`] | the registers of a key, and which is due first |
//! | [`record`] | the elements of a key |
//! | [`view`] | what of a record shows |
//! | [`delta`] | changes and their effects; applying one |
//! | [`plan`] | what a change does to the record that its coordinator holds |
//! | [`join`] | what two copies make together |
//! | [`digest`] | whether two copies are equal, without sending them |
//! | [`ranges`] | in which ranges of a large record two copies differ, and what is there |
//! | [`repair`] | a join with a large record of which only what differs is sent |

pub mod cells;
pub mod context;
pub mod delta;
pub mod digest;
pub mod join;
pub mod plan;
pub mod position;
pub mod ranges;
pub mod record;
pub mod register;
pub mod repair;
pub mod view;

#[cfg(test)]
mod tests;

pub use cells::Cells;
pub use context::{Context, Floor, Horizon};
pub use delta::{Added, Applied, Change, Delta, Removed};
pub use digest::{CellDigest, DigestSeed};
pub use position::Position;
pub use ranges::{Answer, Ask, Finding, Standing};
pub use record::{Element, Kind, Part, Path, Record};
pub use register::{Base, BaseId, Deadline, Increment, NEVER, Register, Sibling, Sight};
pub use repair::{Counterpart, Progress, Repair};
pub use view::{Shown, TextView, Value};
