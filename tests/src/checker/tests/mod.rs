//! Every judge accepts what a sound store gives, and rejects what it must.

mod brute;
mod linear;
mod model;
mod workload;
