//! Promise 3: deleted stays deleted.
//!
//! A text is certainly deleted when every operation that writes it was over before its deletion was
//! sent, and the deletion was acknowledged. In strong mode a deletion saw everything that was over by
//! then; in available mode only what its reply, or [`Case::seen`], says it saw. From then on nobody
//! may read it, and it is not there at the end. An expired key is a deleted one.

use super::history::{Reply, Text, Verb};
use super::steps::{Case, Finding, Mode, Place, Step, has_part, steps};
use std::collections::BTreeMap;

/// What was deleted and came back.
pub fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, steps) in steps(case.history) {
        let deleted = deleted(case, &steps);
        // Parts of a string have to be looked for.
        let joined = steps.iter().any(|step| matches!(step.verb, Verb::Append(_)));
        let died = |place: &Place, text: &Text| match joined && *place == Place::Text {
            false => deleted.get(&(place.clone(), text.clone())).map(|at| (text.clone(), *at)),
            true => {
                let parts = deleted.iter().filter(|((place, _), _)| *place == Place::Text);
                let mut parts = parts.filter(|((_, part), _)| has_part(text, part));
                parts.next().map(|((_, part), at)| (part.clone(), *at))
            }
        };
        let mut report = |(text, at): (Text, u64), by: &str, at_us| {
            findings.push(Finding {
                promise: 3,
                key,
                what: format!("{text:?} was deleted by {at} and is back: {by}"),
                at_us,
            });
        };
        if case.mode == Mode::Strong {
            for step in &steps {
                for (place, text) in step.shows() {
                    let back = died(&place, text).filter(|(_, at)| step.invoked_at() > *at);
                    let (by, at_us) = (step.operation, step.operation.last_known_us());
                    back.into_iter().for_each(|dead| report(dead, &by.to_string(), at_us));
                }
            }
        }
        for held in case.held(key) {
            let back = died(&held.place, &held.text).filter(|(_, at)| case.ended_at > *at);
            let by = format!("at the end, from {:?}", held.dot);
            back.into_iter().for_each(|dead| report(dead, &by, case.ended_at));
        }
    }
    findings
}

/// What is certainly deleted, and since when.
fn deleted(case: &Case<'_>, steps: &[Step<'_>]) -> BTreeMap<(Place, Text), u64> {
    let mut writers: BTreeMap<(Place, Text), u64> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.may_have_changed()) {
        if let Some((place, text)) = step.written() {
            let last = writers.entry((place, text.clone())).or_default();
            *last = (*last).max(step.finished_at());
        }
    }
    let removers: Vec<(&Step<'_>, u64)> = steps
        .iter()
        .filter(|step| step.operation.reply().is_some())
        .filter_map(|step| Some((step, effective_at(case, step, steps)?)))
        .collect();
    let mut deleted = BTreeMap::new();
    for ((place, text), written_by) in writers {
        let certain = |(step, _): &&(&Step<'_>, u64)| {
            written_by < step.invoked_at() && deletes(case, step, &place, &text)
        };
        if let Some(at) = removers.iter().filter(certain).map(|(_, at)| *at).min() {
            deleted.insert((place, text), at);
        }
    }
    deleted
}

/// When a step has certainly deleted what it deletes; none for one that deletes nothing for good.
fn effective_at(case: &Case<'_>, step: &Step<'_>, steps: &[Step<'_>]) -> Option<u64> {
    match step.verb {
        Verb::Del | Verb::HDel(_) | Verb::SRem(_) | Verb::LPop => Some(step.finished_at()),
        Verb::Expire { ttl_us } if step.reply == Some(Reply::Int(1)) => {
            // Nobody else speaks about this deadline.
            let other = |other: &Step<'_>| {
                matches!(other.verb, Verb::Persist | Verb::Expire { .. })
                    && other.may_have_changed()
                    && other.may_follow(step)
                    && !(std::ptr::eq(other.operation, step.operation) && other.part == step.part)
            };
            let alone = !steps.iter().any(other) && case.mode == Mode::Strong;
            let late = ttl_us.saturating_add(case.skew_us);
            alone.then(|| step.finished_at().saturating_add(late))
        }
        _ => None,
    }
}

/// The step, which was executed, removed this text if that was there before it was sent.
fn deletes(case: &Case<'_>, step: &Step<'_>, place: &Place, text: &Text) -> bool {
    let (meant, seen) = match &step.verb {
        Verb::Del | Verb::Expire { .. } => (true, false),
        Verb::HDel(field) => (*place == Place::Field(field.clone()), false),
        Verb::SRem(member) => {
            let meant = *place == Place::Member && member == text;
            (meant, meant && step.reply == Some(Reply::Int(1)))
        }
        Verb::LPop => {
            let popped = *place == Place::Element && step.reply == Some(Reply::Bulk(text.clone()));
            (popped, popped)
        }
        _ => (false, false),
    };
    let refused = matches!(step.reply, Some(Reply::WrongType));
    meant && !refused && (case.mode == Mode::Strong || seen || case.saw(step, text) == Some(true))
}
