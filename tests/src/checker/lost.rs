//! Promise 1: no acknowledged write is lost.
//!
//! What an acknowledged write wrote is there at the end, shown or as a sibling, or something that
//! removes it may have followed: an operation on this key that was not over when the write was sent.
//! That is sound, and misses a loss that such an operation could have caused rightly; where
//! [`Case::seen`] tells what a write had seen, it is sharp.

use super::steps::{Case, Finding, Held, Place, Step, has_part, steps};

/// The acknowledged writes that are gone without a reason. Adds up in `judged` how many there are whose
/// loss has no reason: a workload in which everything may be removed by something proves nothing.
pub fn judge(case: &Case<'_>, judged: &mut u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, steps) in steps(case.history) {
        let written = steps.iter().filter(|step| step.is_acknowledged());
        for write in written {
            let Some((place, text)) = write.written() else { continue };
            let removes = |step: &&Step<'_>| {
                step.may_act_on(write, case.ended_at, case.skew_us)
                    && step.may_remove(&place, text, case.mode)
                    && !(std::ptr::eq(step.operation, write.operation) && step.part == write.part)
                    && (case.saw(step, text) != Some(false) || certainly_removes(step, write))
            };
            if steps.iter().any(|step| removes(&step)) {
                continue;
            }
            *judged += 1;
            if !case.held(key).iter().any(|held| keeps(held, &place, text)) {
                let what = format!("lost: {text:?} as {place:?}, written by {}", write.operation);
                let at_us = write.operation.last_known_us();
                findings.push(Finding { promise: 1, key, what, at_us });
            }
        }
    }
    findings
}

/// Later parts of one transaction see the earlier ones.
fn certainly_removes(step: &Step<'_>, write: &Step<'_>) -> bool {
    std::ptr::eq(step.operation, write.operation)
}

fn keeps(held: &Held, place: &Place, text: &[u8]) -> bool {
    held.place == *place
        && match place {
            Place::Text => has_part(&held.text, text),
            _ => held.text == text,
        }
}
