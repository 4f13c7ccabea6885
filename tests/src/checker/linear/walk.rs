//! A walk through a history by the times at which its writes are said to have been executed.
//!
//! Depth first: what comes next by its time is taken if its reply fits, else put off as long as it may
//! be; what has an unknown outcome is taken, or had no effect. Every order that it finds is one; that
//! it finds none says nothing.

use super::super::executions::Timed;
use crate::checker::model::{State, Timing};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A place on the way.
struct Place {
    state: State,
    /// The next operation.
    next: usize,
    /// Those before it that are put off.
    put_off: Vec<usize>,
    /// When the last one that was taken took effect, at the earliest.
    now_us: u64,
}

/// Whether there is such an order, as far as can be told within so many places.
pub fn finds_order(operations: &[Timed<'_>], skew_us: u64, places_max: usize) -> bool {
    let start = Place { state: State::default(), next: 0, put_off: Vec::new(), now_us: 0 };
    let (mut places, mut visited) = (vec![start], HashSet::new());
    while let Some(place) = places.pop() {
        if place.next == operations.len() && place.put_off.is_empty() {
            return true;
        }
        if !visited.insert(place.fingerprint()) {
            continue;
        }
        if visited.len() > places_max {
            return false;
        }
        place.branch(operations, skew_us, &mut places);
    }
    false
}

impl Place {
    /// What can be done here; what is to be tried first is the last.
    fn branch(self, operations: &[Timed<'_>], skew_us: u64, places: &mut Vec<Place>) {
        let until = |at: &usize| operations[*at].until_us;
        let deadline_us = self.put_off.iter().map(until).min().unwrap_or(u64::MAX);
        if deadline_us < self.now_us {
            return;
        }
        if let Some(timed) = operations.get(self.next)
            && timed.from_us <= deadline_us
        {
            let mut put_off = self.put_off.clone();
            put_off.extend(timed.is_owed.then_some(self.next));
            places.push(Place { next: self.next + 1, put_off, ..self.same() });
            self.take(timed, &self.put_off, (self.next + 1, skew_us), places);
        }
        for (at, put_off) in self.put_off.iter().enumerate() {
            let mut left = self.put_off.clone();
            left.remove(at);
            self.take(&operations[*put_off], &left, (self.next, skew_us), places);
        }
    }

    fn same(&self) -> Place {
        Place {
            state: self.state.clone(),
            next: self.next,
            put_off: Vec::new(),
            now_us: self.now_us,
        }
    }

    /// The places after an operation, if it fits here.
    fn take(
        &self,
        timed: &Timed<'_>,
        put_off: &[usize],
        (next, skew_us): (usize, u64),
        places: &mut Vec<Place>,
    ) {
        let operation = timed.operation;
        let from_us = timed.from_us.max(self.now_us);
        if from_us > timed.until_us {
            return;
        }
        let timing = Timing { from_us: timed.from_us, to_us: timed.until_us, skew_us };
        for (mut state, now_us) in self.state.met_by(&operation.call, from_us, timed.until_us) {
            let reply = state.apply(&operation.call, timing);
            if operation.reply().is_none_or(|told| *told == reply) {
                places.push(Place { state, next, put_off: put_off.to_vec(), now_us });
            }
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.state, self.next, &self.put_off).hash(&mut hasher);
        // The time matters to what is put off, and to what may have expired.
        if !self.put_off.is_empty() || self.state.may_expire_by(u64::MAX) {
            self.now_us.hash(&mut hasher);
        }
        hasher.finish()
    }
}
