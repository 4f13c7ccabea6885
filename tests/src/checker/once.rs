//! Promise 8: a write takes effect at most once.
//!
//! What exactly one LPUSH pushed is in a list once, and, in strong mode, popped once; what exactly
//! one APPEND added is in a string once. At the end no written text has two dots.

use super::history::{Text, Verb};
use super::steps::{Case, Finding, Mode, Place, Step, count_parts, steps};
use std::collections::{BTreeMap, BTreeSet};

/// The writes that took effect more than once.
pub fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, steps) in steps(case.history) {
        let unique = written_once(&steps);
        let appended: Vec<&Text> = steps
            .iter()
            .filter_map(|step| match &step.verb {
                Verb::Append(text) if unique.contains(&(Place::Text, text.clone())) => Some(text),
                _ => None,
            })
            .collect();
        let mut report = |what, at_us| findings.push(Finding { promise: 8, key, what, at_us });
        let mut popped = BTreeSet::new();
        for step in &steps {
            for text in twice(step.shows(), &unique, &appended) {
                let what =
                    format!("{text:?} was written once and is there twice: {}", step.operation);
                report(what, step.operation.last_known_us());
            }
            let shown = step.shows().into_iter().filter(|_| step.verb == Verb::LPop);
            for (place, text) in shown.filter(|_| case.mode == Mode::Strong) {
                if unique.contains(&(place, text.clone())) && !popped.insert(text.clone()) {
                    let what =
                        format!("{text:?} was pushed once and popped twice: {}", step.operation);
                    report(what, step.operation.last_known_us());
                }
            }
        }
        let held = case.held(key).iter().map(|held| (held.place.clone(), &held.text)).collect();
        for text in twice(held, &unique, &appended) {
            let what = format!("{text:?} was written once and is there twice at the end");
            report(what, case.ended_at);
        }
    }
    findings
}

/// What exactly one step writes.
pub fn written_once(steps: &[Step<'_>]) -> BTreeSet<(Place, Text)> {
    let mut writes: BTreeMap<(Place, Text), usize> = BTreeMap::new();
    for (place, text) in steps.iter().filter_map(Step::written) {
        *writes.entry((place, text.clone())).or_default() += 1;
    }
    writes.into_iter().filter(|(_, count)| *count == 1).map(|(written, _)| written).collect()
}

/// Unique texts that are there more than once, as a whole or as a part of a string.
fn twice(
    shown: Vec<(Place, &Text)>,
    unique: &BTreeSet<(Place, Text)>,
    appended: &[&Text],
) -> Vec<Text> {
    let mut found = Vec::new();
    let mut met = BTreeSet::new();
    for (place, text) in shown {
        if place == Place::Text {
            let parts = appended.iter().filter(|part| count_parts(text, part) > 1);
            found.extend(parts.map(|part| (*part).clone()));
        }
        let written = (place, text.clone());
        if unique.contains(&written) && !met.insert(written) {
            found.push(text.clone());
        }
    }
    found
}
