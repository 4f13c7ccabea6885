//! Counters: every acknowledged increment counts, once, and no other does (promises 1 and 8).
//!
//! Of keys that only see INCR, GET and EXISTS. The final value lies between the sum of the
//! acknowledged increments with every unknown one that lowers it, and with every one that raises it;
//! so does, in strong mode, what was read on the way, over what was over and what was begun by then.

use super::history::{Reply, Text, Verb};
use super::model::integer;
use super::steps::{Case, Finding, Mode, Step, steps};
use std::collections::HashSet;

/// The counters that are wrong. Adds up in `judged` how many acknowledged increments they count.
pub fn judge(case: &Case<'_>, judged: &mut u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, steps) in steps(case.history) {
        let counts =
            |step: &Step<'_>| matches!(step.verb, Verb::Incr(_) | Verb::Get | Verb::Exists);
        let counted = steps.iter().any(|step| matches!(step.verb, Verb::Incr(_)));
        if !counted || !steps.iter().all(counts) {
            continue;
        }
        let acknowledged = |step: &&Step<'_>| step.is_acknowledged();
        *judged += steps.iter().filter(acknowledged).count() as u64;
        let mut report =
            |promise, what, at_us| findings.push(Finding { promise, key, what, at_us });
        let shown = case.ending.get(&key).and_then(|end| end.shown.as_ref());
        if let Some(what) = outside(shown, bounds(&steps, u64::MAX, u64::MAX, None)) {
            report(1, format!("the counter ended wrong: {what}"), case.ended_at);
        }
        if case.mode == Mode::Available {
            continue;
        }
        for (at, step) in steps.iter().enumerate() {
            let seen = match (&step.verb, &step.reply) {
                (Verb::Get, Some(Reply::Nil)) => None,
                (Verb::Get, Some(Reply::Bulk(text))) => Some(text.clone()),
                (Verb::Incr(_), Some(Reply::Int(sum))) => Some(Text::from(sum.to_string())),
                _ => continue,
            };
            let range = bounds(&steps, step.invoked_at(), step.finished_at(), Some(at));
            if let Some(what) = outside(seen.as_ref(), range) {
                report(4, format!("{what}: {}", step.operation), step.operation.last_known_us());
            }
        }
        let rises = steps.iter().all(|step| !matches!(step.verb, Verb::Incr(by) if by <= 0));
        let mut sums = HashSet::new();
        for step in steps.iter().filter(|step| rises && matches!(step.verb, Verb::Incr(_))) {
            if matches!(step.reply, Some(Reply::Int(sum)) if !sums.insert(sum)) {
                let what = format!("two increments gave one sum: {}", step.operation);
                report(8, what, step.operation.last_known_us());
            }
        }
    }
    findings
}

/// The sums that are possible to one who began and ended then; `own` counts for certain.
fn bounds(steps: &[Step<'_>], began: u64, ended: u64, own: Option<usize>) -> (i128, i128) {
    let (mut low, mut high) = (0, 0);
    for (at, step) in steps.iter().enumerate() {
        let Verb::Incr(by) = step.verb else { continue };
        if !step.may_have_changed() {
            continue;
        }
        let by = i128::from(by);
        let acknowledged = step.operation.reply().is_some();
        if acknowledged && step.finished_at() < began || own == Some(at) {
            (low, high) = (low + by, high + by);
        } else if step.invoked_at() <= ended {
            (low, high) = (low + by.min(0), high + by.max(0));
        }
    }
    (low, high)
}

fn outside(shown: Option<&Text>, (low, high): (i128, i128)) -> Option<String> {
    let value = match shown {
        None => 0,
        Some(text) => match integer(text) {
            Some(value) => i128::from(value),
            None => return Some(format!("{text:?} is no number")),
        },
    };
    (value < low || value > high).then(|| format!("{value} is not within {low}..={high}"))
}
