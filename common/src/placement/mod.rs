//! Where a key lives.
//!
//! | room | what it answers |
//! |---|---|
//! | [`slot`] | key → slot |
//! | [`members`] | who belongs, with how much capacity, in which zone |
//! | [`layout`] | slot → owners, home, fallbacks; slots of the same owners as one group |
//! | [`plan`] | a layout from the members alone, or from the layout before |
//!
//! Words: a *place* is one owner's position in one slot, so a layout has 16384 × owners of them. The
//! rooms below serve the plan: `spread` (zones within a slot), `share` (places a node should
//! have), `rendezvous` (which nodes a slot likes best), `acceptance`, `draft`, `passing`, `homes`
//! (how a plan comes about).

mod acceptance;
mod draft;
mod homes;
pub mod layout;
pub mod members;
mod passing;
pub mod plan;
mod rendezvous;
mod share;
pub mod slot;
mod spread;
#[cfg(test)]
mod tests;
