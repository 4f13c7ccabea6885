//! Promise 6: one connection reads its own writes and never goes back in time.
//!
//! Implied by promise 4, and cheap: one pass over each client's steps, over texts that exactly one
//! step writes. What a client wrote, or was shown, sets a mark; afterwards it is not shown what was
//! overwritten before that mark was made, not shown again what it has seen give way, and misses
//! nothing that nobody may have removed. For strong mode.

use super::history::{Reply, Text, Verb};
use super::once::written_once;
use super::steps::{Case, Finding, Mode, Place, Step, steps};
use std::collections::{BTreeMap, BTreeSet};

/// The clients that went back.
pub fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if case.mode == Mode::Available {
        return findings;
    }
    for (key, steps) in steps(case.history) {
        let unique = written_once(&steps);
        let writers = steps.iter().filter_map(|step| {
            let (place, text) = step.written()?;
            unique.contains(&(place.clone(), text.clone())).then(|| ((place, text.clone()), step))
        });
        let key_steps =
            KeySteps { steps: &steps, writers: writers.collect(), skew_us: case.skew_us };
        let clients: BTreeSet<u32> = steps.iter().map(|step| step.operation.client).collect();
        for client in clients {
            let own = steps.iter().filter(|step| step.operation.client == client);
            let mut own: Vec<&Step<'_>> = own.collect();
            own.sort_by_key(|step| (step.operation.order, step.part));
            let mut view = View::default();
            for step in own {
                if let Some(what) = view.step(step, &key_steps) {
                    let what = format!("{what}: {}", step.operation);
                    let at_us = step.operation.last_known_us();
                    findings.push(Finding { promise: 6, key, what, at_us });
                }
            }
        }
    }
    findings
}

struct KeySteps<'a> {
    steps: &'a [Step<'a>],
    /// Who wrote what only one step writes.
    writers: BTreeMap<(Place, Text), &'a Step<'a>>,
    skew_us: u64,
}

impl KeySteps<'_> {
    /// Something may have removed this between its write and the end of the step.
    fn may_be_gone(&self, place: &Place, text: &Text, by: &Step<'_>) -> bool {
        let Some(writer) = self.writers.get(&(place.clone(), text.clone())) else { return true };
        self.steps.iter().any(|step| {
            step.may_act_on(writer, by.finished_at(), self.skew_us)
                && !std::ptr::eq(step, *writer)
                && step.may_remove(place, text, Mode::Strong)
        })
    }
}

/// What one client knows of one key.
#[derive(Default)]
struct View {
    /// What it wrote or was shown last, and did not see give way.
    there: BTreeSet<(Place, Text)>,
    /// What it has seen give way to something else, or to nothing.
    gone: BTreeSet<(Place, Text)>,
    /// Of a string and of each field: when the newest value that it knows of was sent.
    newest: BTreeMap<Place, u64>,
}

impl View {
    /// Takes a step of the client in; says how it went back, if it did.
    fn step(&mut self, step: &Step<'_>, key: &KeySteps<'_>) -> Option<String> {
        step.operation.reply()?;
        if let Some((place, text)) = step.written() {
            // APPEND makes a text that has another name.
            if step.may_have_changed() && !matches!(step.verb, Verb::Append(_)) {
                self.meet(&place, text, key);
            }
            return None;
        }
        let shown: Vec<(Place, Text)> =
            step.shows().into_iter().map(|(place, text)| (place, text.clone())).collect();
        let mut wrong = None;
        for (place, text) in &shown {
            let Some(writer) = key.writers.get(&(place.clone(), text.clone())) else { continue };
            if self.gone.contains(&(place.clone(), text.clone())) {
                wrong = Some(format!("{text:?} had given way and is shown again"));
            }
            let newest = self.newest.get(place).copied().unwrap_or(0);
            if !is_many(place) && writer.finished_at() < newest {
                wrong = Some(format!("{text:?} is older than what was seen before"));
            }
            self.meet(place, text, key);
        }
        let missing: Vec<(Place, Text)> =
            self.there.iter().filter(|known| misses(step, known, &shown)).cloned().collect();
        for (place, text) in missing {
            let replaced = shown.iter().any(|(other, _)| *other == place) && !is_many(&place);
            if !replaced && !key.may_be_gone(&place, &text, step) {
                wrong = Some(format!("{text:?} was there, and nobody removed it"));
            }
            self.there.remove(&(place.clone(), text.clone()));
            self.gone.insert((place, text));
        }
        wrong
    }

    /// The client wrote this, or was shown it.
    fn meet(&mut self, place: &Place, text: &Text, key: &KeySteps<'_>) {
        let Some(writer) = key.writers.get(&(place.clone(), text.clone())) else { return };
        if !is_many(place) {
            let newest = self.newest.entry(place.clone()).or_default();
            *newest = (*newest).max(writer.invoked_at());
            let (older, there) = std::mem::take(&mut self.there)
                .into_iter()
                .partition(|(other, old)| other == place && old != text);
            self.there = there;
            self.gone.extend::<BTreeSet<_>>(older);
        }
        self.there.insert((place.clone(), text.clone()));
    }
}

/// Several texts can stand there at once.
const fn is_many(place: &Place) -> bool {
    matches!(place, Place::Member | Place::Scored | Place::Element)
}

/// The step looked where this stands, and was not shown it.
fn misses(step: &Step<'_>, known: &(Place, Text), shown: &[(Place, Text)]) -> bool {
    let looked = match (&step.verb, &known.0) {
        (Verb::Get, Place::Text) => !matches!(step.reply, Some(Reply::WrongType)),
        (Verb::HGet(field), Place::Field(other)) => field == other,
        (Verb::HGetAll, Place::Field(_)) => true,
        (Verb::SMembers, Place::Member) => true,
        (Verb::ZRange, Place::Scored) => true,
        (Verb::LRange, Place::Element) => true,
        (Verb::LPop, Place::Element) => matches!(step.reply, Some(Reply::Bulk(_))),
        _ => false,
    };
    if step.verb == Verb::LPop {
        // It is shown as it goes.
        return looked && shown.contains(known);
    }
    looked && !shown.contains(known)
}
