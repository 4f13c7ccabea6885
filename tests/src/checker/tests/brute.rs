//! Linearizability as it is defined: every order of every choice of unknown operations is tried.

use crate::checker::history::Operation;
use crate::checker::model::{State, Timing};

/// Some order explains every reply. For a handful of operations.
pub fn linearizable(operations: &[Operation], skew_us: u64) -> bool {
    let mut left: Vec<&Operation> = operations.iter().collect();
    extend(&mut left, &State::default(), 0, skew_us)
}

fn extend(left: &mut Vec<&Operation>, state: &State, from_us: u64, skew_us: u64) -> bool {
    let deadline = left.iter().filter_map(|op| op.finished_at()).min();
    let Some(deadline) = deadline else { return true };
    for at in 0..left.len() {
        let op = left[at];
        if op.invoked_at > deadline {
            continue;
        }
        let from_us = from_us.max(op.invoked_at);
        let timing =
            Timing { from_us: op.invoked_at, to_us: op.finished_at().unwrap_or(u64::MAX), skew_us };
        for (mut after, from_us) in state.met_by(&op.call, from_us, deadline) {
            let reply = after.apply(&op.call, timing);
            if op.reply().is_some_and(|known| *known != reply) {
                continue;
            }
            left.remove(at);
            let done = extend(left, &after, from_us, skew_us);
            left.insert(at, op);
            if done {
                return true;
            }
        }
    }
    false
}
