//! Leased writes that are here and may not count.
//!
//! As long as a write is not known to be on W owners, it may be on none of those whom the next home asks,
//! and dead. What is written on top of it without a lease counts wherever it is, and would bring it back;
//! so would copies that are sent beside it. So its keys are left alone until it is safe, or until this
//! owner is put in step with a later home, which says what counts. That its own term is a later one says
//! nothing: what it has becomes safe when it is settled, on enough owners.
//!
//! With up to four owners only a home has such writes of its own: of two that have one, one is among those
//! who are asked. With more, others have, too: these also take no leased write beside an available one
//! that its home has not seen, unless they make it safe by that, and know nothing of all that after a restart.
//! What is done when an available one comes later is in `apart`.

use super::Node;
use super::coordinate::distinct;
use super::replica::has_unleased;
use crate::core::flight::{FIRST, Touched, WRITES_MAX};
use kinring_common::causal::{Context, Horizon};
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::WriteNumber;
use kinring_common::wire::{Copies, Item, Name};
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
            self.all();
        }
    }

    /// All writes of a tenure below this one are safe.
    pub fn end(&mut self, tenure: u64, stable: u64) {
        let number = |sequence| WriteNumber { tenure, sequence };
        while let Some((&safe, _)) = self.writes.range(number(0)..number(stable)).next() {
            self.writes.remove(&safe);
        }
    }

    /// What is here counts, but for what the holder of this tenure has under way.
    pub fn begin(&mut self, tenure: u64) {
        self.is_all = false;
        self.writes.retain(|number, _| number.tenure == tenure);
    }

    /// What is here is on enough owners, but for what was written in this tenure.
    pub fn is_settled(&mut self, tenure: u64) {
        self.begin(tenure);
        self.end(tenure, FIRST);
    }

    /// Nothing is known of what is here.
    pub fn all(&mut self) {
        (self.writes, self.is_all) = (BTreeMap::new(), true);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// It is not known which writes are in doubt, but of these.
    pub fn after_restart(&mut self) {
        self.is_all = true;
    }

    /// Whether one of them that is known by itself changes one of these keys.
    pub fn names(&self, names: &[Name]) -> bool {
        let is_known = |number: &WriteNumber| number.sequence >= FIRST;
        let mut known = self.writes.iter().filter(|(number, _)| is_known(number));
        known.any(|(_, touched)| touched.holds(names))
    }

    /// Whether one of them changes one of these keys.
    pub fn holds(&self, names: &[Name]) -> bool {
        self.is_all || self.writes.values().any(|touched| touched.holds(names))
    }
}

impl Node {
    /// Whether a write that two owners have may be on none of those who are asked by the next home.
    pub(super) fn may_drop_copies(&self) -> bool {
        self.quorum.spares() > 1
    }

    /// A leased write came that is not known to be safe.
    pub(super) fn note_doubt(&mut self, id: GroupId, number: WriteNumber, touched: Touched) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        group.doubtful.add(number, touched);
    }

    /// Whether something that was written here without a lease was not seen by a home whose changes
    /// these are: they would be brought back with that.
    pub(super) fn has_unseen(&self, items: &[Item]) -> bool {
        let is_unseen = |item: &Item| match item {
            Item::Delta { name, delta } => {
                let horizon = Horizon { floor: delta.floor.clone(), cut: delta.cut };
                self.has_more(name, &delta.base, &horizon)
            }
            Item::Cut { .. } => false,
        };
        self.may_drop_copies() && items.iter().any(is_unseen)
    }

    /// The same of copies.
    pub(super) fn has_unseen_in(&self, copies: &Copies) -> bool {
        let theirs = |name: &Name| copies.horizon.of(name.db);
        let small = copies.copies.iter().map(|copy| (&copy.name, &copy.record.context));
        let large = copies.large.iter().map(|large| (&large.name, &large.context));
        let mut all = small.chain(large);
        self.may_drop_copies()
            && all.any(|(name, context)| self.has_more(name, context, &theirs(name)))
    }

    fn has_more(&self, name: &Name, context: &Context, horizon: &Horizon) -> bool {
        let at = self.keyspace.locate(name.db, &name.key);
        let mut locks = self.keyspace.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        partition.with_record(&at, name.db, &name.key, |mine| {
            has_unleased(&mine.context, (context, horizon))
        })
    }
}

/// What some changes touch.
pub fn touched(items: &[Item]) -> Touched {
    let is_cut = |item: &Item| matches!(item, Item::Cut { .. });
    if items.iter().any(is_cut) { Touched::All } else { Touched::Keys(distinct(items)) }
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
    fn what_was_in_doubt_before_a_tenure_is_so_until_that_is_settled() {
        let mut doubtful = Doubtful::default();
        add(&mut doubtful, 7, 1, "a");
        add(&mut doubtful, 8, 0, "b");
        add(&mut doubtful, 8, 1, "c");
        doubtful.is_settled(8);
        let held = ["a", "b", "c"].map(|key| doubtful.holds(&names(key)));
        assert_eq!(held, [false, false, true]);
    }

    #[test]
    fn past_the_bound_everything_is() {
        let mut doubtful = Doubtful::default();
        (0..=WRITES_MAX as u64).for_each(|sequence| add(&mut doubtful, 1, sequence, "a"));
        assert!(doubtful.holds(&names("b")) && doubtful.len() == 0);
    }
}
