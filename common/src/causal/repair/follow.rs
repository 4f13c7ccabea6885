//! A repair under changes: what the other does to its copy is done to the model of it.
//!
//! While an owner is repaired, the deltas of the key still come to it. It cannot apply them, having
//! missed what was before them, but they say what the other has changed since it answered.
//!
//! Nothing hangs on them. One that came twice, too late or never, or that the other had not applied,
//! spoils the sum of the pass and no more; the next finds what is not so.

use super::Repair;
use crate::causal::cells::Cells;
use crate::causal::delta::{Delta, Removed};
use crate::causal::ranges::Range;
use crate::causal::record::{Path, Record};
use std::collections::BTreeMap;

impl Repair {
    /// To be told of each delta of the key that comes while the repair goes on, whether this copy
    /// applies it or not, in the order in which they and the answers come. No walk.
    ///
    /// One that removes all that was seen is passed over: there is little to ask for after it.
    pub fn follow(&mut self, mine: &Record, delta: &Delta) {
        let Removed::Elements(removed) = &delta.removed else { return };
        let paths = removed.iter().map(|element| &element.path);
        let paths = paths.chain(delta.added.iter().map(|added| added.path()));
        let mut places: BTreeMap<u64, Record> = BTreeMap::new();
        for path in paths {
            let place = self.seed.name(path).place;
            if !places.contains_key(&place) && !self.is_wanted(place) {
                let cells = self.model_at(mine, place, path);
                places.insert(place, Record { cells, ..Record::default() });
            }
        }
        let before: Vec<u64> = places.values().map(|model| model.cells.digest(self.seed)).collect();
        for element in removed {
            if let Some(model) = places.get_mut(&self.seed.name(&element.path).place) {
                model.remove(element);
            }
        }
        for added in &delta.added {
            if let Some(model) = places.get_mut(&self.seed.name(added.path()).place) {
                model.add(added, delta.dot);
            }
        }
        for ((place, model), before) in places.into_iter().zip(before) {
            let after = model.cells.digest(self.seed);
            if after == before {
                continue;
            }
            let cells = model.cells.iter();
            let cells = cells.map(|(path, register)| (place, path.clone(), register.clone()));
            self.staged.put(Range::of_place(place), cells.collect());
            self.proven = self.proven.wrapping_sub(before).wrapping_add(after);
        }
    }

    /// Whether this place will be asked for in this pass.
    fn is_wanted(&self, place: u64) -> bool {
        let end = Range::new(place, u64::MAX).unwrap_or(Range::ALL);
        [&self.compare, &self.fetch]
            .into_iter()
            .any(|ranges| ranges.range(..=end).next_back().is_some_and(|range| range.holds(place)))
    }

    /// What the model holds at a place, which is that of this path.
    fn model_at(&self, mine: &Record, place: u64, path: &Path) -> Cells {
        if self.staged.holds(place) {
            let here = self.staged.cells_at(place).iter();
            return here.map(|(path, register)| (path.clone(), register.clone())).collect();
        }
        let here = namesakes(path).into_iter().filter_map(|path| {
            let mut register = mine.cells.get(&path)?.clone();
            register.retain(|dot| self.known.covers(dot));
            Some((path, register))
        });
        here.collect()
    }
}

/// The paths that have the same place as this one, but for one chance in 2^64.
fn namesakes(path: &Path) -> Vec<Path> {
    match path {
        Path::Text | Path::Deadline => vec![Path::Text, Path::Deadline],
        Path::Field(name) | Path::Member(name) | Path::Scored(name) => {
            let name = || name.clone();
            vec![Path::Field(name()), Path::Member(name()), Path::Scored(name())]
        }
        Path::Item(..) => vec![path.clone()],
    }
}
