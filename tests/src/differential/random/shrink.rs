//! Finds a short sequence that still differs, by leaving parts out (Zeller, Hildebrandt, "Simplifying
//! and Isolating Failure-Inducing Input", 2002).

use super::super::twins::Twins;
use super::Op;
use super::play::{Difference, play};
use std::time::{Duration, Instant};

/// What is found until then is short enough.
const TIME_MAX: Duration = Duration::from_secs(30);

/// A shorter sequence, and how it differs; the one given when none was found.
pub fn shrink(twins: &Twins, ops: &[Op], found: Difference) -> (Vec<Op>, Difference) {
    let until = Instant::now() + TIME_MAX;
    let mut best = (ops[..ops.len().min(found.at + 1)].to_vec(), found);
    let mut part = best.0.len().div_ceil(2);
    while part > 0 && Instant::now() < until {
        let mut from = 0;
        while from < best.0.len() && Instant::now() < until {
            let mut fewer = best.0.clone();
            fewer.drain(from..(from + part).min(best.0.len()));
            // A sequence that no longer gets its replies is no simpler one.
            match play(twins, &fewer) {
                Ok(Some(found)) => {
                    fewer.truncate(found.at + 1);
                    best = (fewer, found);
                }
                _ => from += part,
            }
        }
        part = if part == 1 { 0 } else { part.div_ceil(2) };
    }
    best
}
