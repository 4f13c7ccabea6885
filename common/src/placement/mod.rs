//! Where a key lives.
//!
//! | room | what it answers |
//! |---|---|
//! | [`slot`] | key → slot |
//! | [`members`] | who belongs, with how much capacity, in which zone |
//! | [`layout`] | slot → owners, home, fallbacks; slots of the same owners as one group |

pub mod layout;
pub mod members;
mod rendezvous;
pub mod slot;
mod spread;
