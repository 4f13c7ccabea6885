//! Every judge accepts what a sound store gives, and rejects what it must.

mod brute;
mod judges;
mod linear;
mod model;
mod workload;
