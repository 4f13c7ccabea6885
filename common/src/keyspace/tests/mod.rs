//! Tests of the keyspace, each named as a sentence. Most drive a [`twin::Twin`]: a keyspace beside
//! plain records that change only by the causal model's own rules.
//!
//! A failing case prints its seed. `KINRING_CASES=1 KINRING_SEED=<seed>` runs it again, and a large
//! `KINRING_CASES` makes a long run.

mod deadlines;
mod floors;
mod keeping;
mod locks;
mod model;
mod packing;
mod random;
mod random_key;
mod replicas;
mod twin;
mod twins;
mod watches;
