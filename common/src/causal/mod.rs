//! The causal data model: what two copies of a record make together.
