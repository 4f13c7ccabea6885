//! What is known of the records that are being pulled, and for whom some were.
//!
//! Invariant: bounded in number and in bytes; the oldest always comes to its end.

use super::Unit;
use crate::core::node::session::SESSIONS_MAX;
use crate::store::Take;
use kinring_common::causal::{
    Answer, Ask, Counterpart, DigestSeed, Horizon, Progress, Record, Repair,
};
use kinring_common::wire::Name;
use kinring_common::wire::peer::AnswerWhat;
use std::collections::{BTreeMap, BTreeSet};

/// Records that are known in part, at a time: one for each session.
pub const MODELS_MAX: usize = SESSIONS_MAX;

/// What was fetched and is not taken yet, in bytes: a large part of a large record. One record alone may
/// have more.
const FETCHED_BYTES_MAX: usize = 256 << 20;

/// So long what was fetched is kept for a session that goes on with it.
const KEEP_US: u64 = 30_000_000;

/// Exchanges, driven by others, of which it is known what was pulled for them: one a peer and group.
const PUSHES_MAX: usize = 256;

/// What is known of the records that are being pulled.
#[derive(Debug, Default)]
pub struct Pulls {
    models: BTreeMap<Name, Model>,
    /// What was taken for a step of an exchange that another node drives, by session.
    pushes: BTreeMap<u64, Pushed>,
    /// Answers that were taken in.
    answers: u64,
    begun: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// Another owner's record, as far as it is known.
#[derive(Debug)]
pub struct Model {
    repair: Repair,
    /// All of it, as it was at its last answer.
    whole: Option<Counterpart>,
    begun: u64,
    used_us: u64,
}

#[derive(Debug, Default)]
struct Pushed {
    /// All of this step, and of those before it, was taken.
    step: Option<u32>,
    /// Of a later one, this was.
    names: BTreeSet<Name>,
    used_us: u64,
}

impl Pulls {
    /// How many records are known in part.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// How often records were pulled, and why.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// This record was replaced: what was compared with it is worth nothing.
    pub fn forget(&mut self, name: &Name) {
        self.models.remove(name);
    }

    /// What to say to who waits for a pull.
    pub fn pulling(&self, is_done: bool) -> AnswerWhat {
        AnswerWhat::Pulling { answers: self.answers, is_done }
    }

    /// An answer has come.
    pub fn answered(&mut self) {
        self.answers += 1;
    }

    /// A record was pulled.
    pub fn count(&mut self, class: &'static str) {
        *self.counts.entry(class).or_default() += 1;
    }

    /// What is known of a record of which something is missing still.
    pub fn known(&mut self, name: &Name) -> Option<&mut Repair> {
        let model = self.models.get_mut(name)?;
        model.whole.is_none().then_some(&mut model.repair)
    }

    /// These were taken for an exchange.
    pub fn took(&mut self, session: u64, names: impl Iterator<Item = Name>, now_us: u64) {
        self.pushed(session, now_us).names.extend(names);
    }

    /// The units that have not been taken for a step of an exchange yet. If there are none, it is done.
    pub fn left(
        &mut self,
        units: Vec<Unit>,
        (session, step): (u64, u32),
        now_us: u64,
    ) -> Vec<Unit> {
        if units.is_empty() && !self.pushes.contains_key(&session) {
            return units;
        }
        let pushed = self.pushed(session, now_us);
        let is_taken = |unit: &Unit| pushed.step >= Some(step) || unit.is_subset(&pushed.names);
        let left: Vec<Unit> = units.into_iter().filter(|unit| !is_taken(unit)).collect();
        if left.is_empty() {
            pushed.step = pushed.step.max(Some(step));
            pushed.names.clear();
        }
        left
    }

    fn pushed(&mut self, session: u64, now_us: u64) -> &mut Pushed {
        if self.pushes.len() >= PUSHES_MAX && !self.pushes.contains_key(&session) {
            let oldest = self.pushes.iter().min_by_key(|(_, pushed)| pushed.used_us);
            let oldest = oldest.map(|(session, _)| *session);
            // Forgotten too early, it is pulled once more.
            oldest.map(|session| self.pushes.remove(&session));
        }
        let pushed = self.pushes.entry(session).or_default();
        pushed.used_us = now_us;
        pushed
    }

    /// What to ask about a key; nothing of one that is not known to be large, or all of which is here.
    pub fn ask(&mut self, name: &Name, now_us: u64) -> Ask {
        let Some(model) = self.models.get_mut(name) else { return Default::default() };
        model.used_us = now_us;
        if model.whole.is_some() { Default::default() } else { model.repair.ask() }
    }

    /// What is known of a record, perhaps from now on.
    pub fn model(&mut self, name: &Name, new: impl FnOnce() -> Repair, now_us: u64) -> &mut Model {
        let begun = self.begun;
        self.begun += 1;
        let new = || Model { repair: new(), whole: None, begun, used_us: now_us };
        let model = self.models.entry(name.clone()).or_insert_with(new);
        model.used_us = now_us;
        model
    }

    /// Drops what nobody goes on with, and what there is no room for: the oldest one always comes to
    /// its end.
    pub fn trim(&mut self, now_us: u64) {
        self.models.retain(|_, model| now_us < model.used_us + KEEP_US);
        while self.models.len() > MODELS_MAX {
            let idle = self.models.iter().min_by_key(|(_, model)| model.used_us);
            let idle = idle.map(|(name, _)| name.clone());
            idle.map(|name| self.models.remove(&name));
        }
        let bytes = |model: &Model| {
            model.repair.bytes() + model.whole.as_ref().map_or(0, Counterpart::bytes)
        };
        while self.models.len() > 1
            && self.models.values().map(bytes).sum::<usize>() > FETCHED_BYTES_MAX
        {
            let last = self.models.iter().max_by_key(|(_, model)| model.begun);
            let last = last.map(|(name, _)| name.clone());
            last.map(|name| self.models.remove(&name));
        }
    }
}

impl Model {
    /// Takes what is said of a record. Returns whether all of it is known, as it is at this moment.
    pub fn take(&mut self, mine: &Record, own: &Horizon, answer: Answer) -> bool {
        if self.whole.as_ref().is_some_and(|whole| *whole.standing() == answer.standing) {
            return true;
        }
        if let Some(whole) = self.whole.take() {
            self.repair.resume(whole);
        }
        match self.repair.take(mine, own, answer) {
            Progress::Asks => false,
            Progress::Complete(whole) => {
                self.whole = Some(whole);
                true
            }
        }
    }

    /// The record, if it is known still.
    pub fn record(
        &mut self,
        mine: &Record,
        own: &Horizon,
        how: Take,
        seed: DigestSeed,
    ) -> Option<Record> {
        let whole = self.whole.take()?;
        let record = whole.record(mine, own);
        // What is joined may lack what has gone here; what takes the place of this one may not.
        let is_it = |record: &Record| {
            how != Take::Adopt || record.cells.digest(seed) == whole.standing().digest
        };
        let record = record.filter(is_it);
        if record.is_none() {
            self.repair.resume(whole);
        }
        record
    }
}
