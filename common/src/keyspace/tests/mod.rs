//! Tests of the keyspace, each named as a sentence. Most drive a [`twin::Twin`]: a keyspace beside
//! plain records that change only by the causal model's own rules.
//!
//! `crate::testing` says how a case is repeated, and how a long run is made.

mod actors;
mod deadlines;
mod digests;
mod floors;
mod keeping;
mod locks;
mod model;
mod packing;
mod random_key;
mod replicas;
mod twin;
mod twins;
mod watches;
