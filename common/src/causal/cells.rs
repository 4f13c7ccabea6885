//! The registers of a record by path, and which of the fields is due first.
//!
//! Strings and collections have one deadline, found at once; a hash may have one a field besides,
//! and the sweep asks every changed key when it is due. So the fields that will be due stand in an
//! order of their own, and the answer costs no walk over a large hash.
//!
//! A collection whose deadline has passed is absent, and that too is seen without a walk: nothing in
//! it is newer than `newest`, so nothing in it was put since the deadline was given.
//!
//! Where other owners hold copies, the digest of all elements is kept too: [`Cells::keep_digest`].
//!
//! Invariant: `due` holds (time, path) of exactly the fields with a due time. Every change of a
//! register goes through here, which keeps it so. No cell of a collection has a dot above `newest`. A
//! kept `sum` is the sum over all elements.

use super::digest::DigestSeed;
use super::record::Path;
use super::register::{Deadline, NEVER, Register, Sibling, end_ms};
use crate::clock::Hlc;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// See the module. Reads as the map that it is.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    map: BTreeMap<Path, Register>,
    due: BTreeSet<(u64, Path)>,
    newest: Hlc,
    /// Whose digests are kept, if anybody's, and their sum.
    seed: Option<DigestSeed>,
    sum: u64,
}

/// The rest follows from the map, or bounds it.
impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.map == other.map
    }
}

impl Eq for Cells {}

impl Cells {
    /// The earliest time at which something here is due to be removed.
    pub fn due_ms(&self) -> Option<u64> {
        let text = self.map.get(&Path::Text).and_then(Register::due_ms);
        let deadlines = self.map.get(&Path::Deadline);
        let collections = deadlines.and_then(|deadlines| {
            if !self.has_collection() {
                return deadlines.due_ms();
            }
            let ends = self.collection_deadlines().map(|(_, at_ms)| at_ms);
            ends.min().filter(|&at_ms| at_ms != NEVER)
        });
        [text, self.fields_due_ms(), collections].into_iter().flatten().min()
    }

    /// The same for the fields' own deadlines alone.
    pub fn fields_due_ms(&self) -> Option<u64> {
        self.due.first().map(|&(at_ms, _)| at_ms)
    }

    /// At or above every clock in the cells of collections.
    pub(super) fn newest(&self) -> Hlc {
        self.newest
    }

    /// The deadlines of the collections, each with its time: see [`end_ms`]. Where there are several,
    /// those hold that something here is old enough for.
    pub(super) fn collection_deadlines(&self) -> impl Iterator<Item = (&Deadline, u64)> {
        let register = self.map.get(&Path::Deadline);
        let all = register.into_iter().flat_map(Register::deadlines);
        let alone = all.clone().nth(1).is_none();
        let holding = all.filter(move |deadline| {
            // Nearly always the first cell is old enough.
            let mut siblings = self.collections().flat_map(|(_, register)| &register.siblings);
            alone || siblings.any(|s| s.live_dots().any(|dot| dot.hlc <= deadline.dot.hlc))
        });
        holding.clone().map(move |deadline| (deadline, end_ms(deadline, &holding)))
    }

    /// Keeps the digest from now on. One walk, unless it is kept already.
    pub fn keep_digest(&mut self, seed: DigestSeed) {
        if self.seed != Some(seed) {
            (self.sum, self.seed) = (self.digest(seed), Some(seed));
        }
    }

    /// Whether it is kept.
    #[cfg(test)]
    pub fn keeps_digest(&self, seed: DigestSeed) -> bool {
        self.seed == Some(seed)
    }

    /// The digest of all elements: a walk unless it is kept.
    pub fn digest(&self, seed: DigestSeed) -> u64 {
        if self.seed == Some(seed) {
            return self.sum;
        }
        let digests = self.map.iter().map(|(path, register)| seed.of_register(path, register));
        digests.fold(0, u64::wrapping_add)
    }

    /// Whether there is a cell of a collection, shown or not.
    fn has_collection(&self) -> bool {
        self.collections().next().is_some()
    }

    fn collections(&self) -> impl Iterator<Item = (&Path, &Register)> {
        self.map.range(Path::Field(Bytes::new())..Path::Deadline)
    }

    /// Changes the register at `path`, made if absent, dropped if nothing is left in it.
    pub(super) fn change(&mut self, path: &Path, change: impl FnOnce(&mut Register)) {
        let (newest, seed) = (&mut self.newest, self.seed);
        let change = |register: &mut Register| {
            change(register);
            *newest = (*newest).max(highest(path, register));
        };
        let (before, after) = match self.map.get_mut(path) {
            Some(register) => {
                let before = Facts::of(path, register, seed);
                change(register);
                let after = Facts::of(path, register, seed);
                if register.siblings.is_empty() {
                    self.map.remove(path);
                }
                (before, after)
            }
            None => {
                let mut register = Register::default();
                change(&mut register);
                let after = Facts::of(path, &register, seed);
                if !register.siblings.is_empty() {
                    self.map.insert(path.clone(), register);
                }
                (Facts::default(), after)
            }
        };
        self.sum = self.sum.wrapping_sub(before.digest).wrapping_add(after.digest);
        if before.due != after.due {
            before.due.map(|at_ms| self.due.remove(&(at_ms, path.clone())));
            after.due.map(|at_ms| self.due.insert((at_ms, path.clone())));
        }
    }

    /// Changes every register, and drops those in which nothing is left.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&Path, &mut Register)) {
        let fields = &mut self.due;
        fields.clear();
        let newest = &mut self.newest;
        *newest = Hlc::ZERO;
        let (seed, sum) = (self.seed, &mut self.sum);
        *sum = 0;
        self.map.retain(|path, register| {
            change(path, register);
            *newest = (*newest).max(highest(path, register));
            let facts = Facts::of(path, register, seed);
            *sum = sum.wrapping_add(facts.digest);
            fields.extend(facts.due.map(|at_ms| (at_ms, path.clone())));
            !register.siblings.is_empty()
        });
    }
}

/// What follows from a register and is kept beside it.
#[derive(Default)]
struct Facts {
    due: Option<u64>,
    /// 0 if digests are not kept.
    digest: u64,
}

impl Facts {
    fn of(path: &Path, register: &Register, seed: Option<DigestSeed>) -> Facts {
        let digest = seed.map_or(0, |seed| seed.of_register(path, register));
        Facts { due: due(path, register), digest }
    }
}

/// When a field is due; other registers are asked themselves.
fn due(path: &Path, register: &Register) -> Option<u64> {
    if matches!(path, Path::Field(_)) { register.due_ms() } else { None }
}

/// The highest clock in a cell of a collection.
fn highest(path: &Path, register: &Register) -> Hlc {
    if matches!(path, Path::Text | Path::Deadline) {
        return Hlc::ZERO;
    }
    let dots = register.siblings.iter().filter_map(Sibling::highest);
    dots.map(|dot| dot.hlc).max().unwrap_or_default()
}

impl Deref for Cells {
    type Target = BTreeMap<Path, Register>;

    fn deref(&self) -> &BTreeMap<Path, Register> {
        &self.map
    }
}

impl FromIterator<(Path, Register)> for Cells {
    fn from_iter<I: IntoIterator<Item = (Path, Register)>>(cells: I) -> Cells {
        let mut all = Cells::default();
        cells.into_iter().for_each(|(path, register)| {
            all.change(&path, |place| *place = register);
        });
        all
    }
}
