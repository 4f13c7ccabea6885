//! Leased writes that are here and may not count.
//!
//! As long as a write is not known to be on W owners, it may be on none of those whom the next home asks,
//! and dead. What is written on top of it without a lease counts wherever it is, and would bring it back;
//! so would copies that are sent beside it. So its keys are left alone until it is safe, or until this
//! owner is put in step with a later home, which says what counts.
//!
//! Only writes of this node as a home are told. With up to four owners no other has any that may not
//! count: of two that have it, one is among those who are asked.

use crate::core::flight::{Touched, WRITES_MAX};
use kinring_common::wire::Name;
use kinring_common::wire::peer::WriteNumber;
use std::collections::BTreeMap;

/// See the module. Bounded by the writes under way of the tenures since the last step.
#[derive(Debug, Default)]
pub struct Doubtful {
    writes: BTreeMap<WriteNumber, Touched>,
    /// There are more than can be told.
    is_all: bool,
}

impl Doubtful {
    /// This one is in doubt.
    pub fn add(&mut self, number: WriteNumber, touched: Touched) {
        self.writes.insert(number, touched);
        if self.writes.len() > WRITES_MAX {
            (self.writes, self.is_all) = (BTreeMap::new(), true);
        }
    }

    /// All writes of a tenure below this one are safe.
    pub fn end(&mut self, tenure: u64, stable: u64) {
        let number = |sequence| WriteNumber { tenure, sequence };
        while let Some((&safe, _)) = self.writes.range(number(0)..number(stable)).next() {
            self.writes.remove(&safe);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether one of them changes one of these keys.
    pub fn holds(&self, names: &[Name]) -> bool {
        self.is_all || self.writes.values().any(|touched| touched.holds(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &'static str) -> Vec<Name> {
        vec![Name { db: 0, key: key.into() }]
    }

    fn add(doubtful: &mut Doubtful, tenure: u64, sequence: u64, key: &'static str) {
        let touched = Touched::Keys(names(key).into());
        doubtful.add(WriteNumber { tenure, sequence }, touched);
    }

    #[test]
    fn a_write_is_in_doubt_until_it_is_known_to_be_safe() {
        let mut doubtful = Doubtful::default();
        add(&mut doubtful, 7, 1, "a");
        add(&mut doubtful, 7, 2, "b");
        add(&mut doubtful, 8, 1, "c");
        doubtful.end(7, 2);
        let held = |doubtful: &Doubtful| ["a", "b", "c"].map(|key| doubtful.holds(&names(key)));
        assert_eq!(held(&doubtful), [false, true, true]);
        doubtful.end(7, 9);
        assert_eq!(held(&doubtful), [false, false, true]);
    }

    #[test]
    fn past_the_bound_everything_is() {
        let mut doubtful = Doubtful::default();
        (0..=WRITES_MAX as u64).for_each(|sequence| add(&mut doubtful, 1, sequence, "a"));
        assert!(doubtful.holds(&names("b")) && doubtful.len() == 0);
    }
}
