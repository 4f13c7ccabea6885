//! Kinring and a real Redis get the same requests and must give the same replies.
//!
//! The tables of requests are the files in `cases/`; what their lines mean is said in
//! `kinring_tests::differential::case`. Redis is any 7.x; where an older one differs from the 7.2
//! that Kinring follows, the line says so.

mod generated;
mod random;
mod tables;

use kinring_tests::differential::twins::Twins;
use kinring_tests::{Kinring, Redis};

/// Both servers, for one test; `None` when there is no Redis to compare with.
fn start() -> Option<(Kinring, Redis, Twins)> {
    let redis = Redis::start()?;
    let kinring = Kinring::start(&[]);
    let twins = Twins { kinring: kinring.addr(), redis: redis.addr() };
    Some((kinring, redis, twins))
}
