//! The last flush of each slot and database of a partition.

use super::SLOTS_EACH;
use crate::clock::Hlc;
use crate::placement::slot::Slot;

/// Some slots of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots(u64);

const _: () = assert!(SLOTS_EACH == u64::BITS as usize, "a slot of a partition is one bit");

impl Slots {
    /// All of them.
    pub const ALL: Slots = Slots(u64::MAX);
    /// None of them.
    pub const NONE: Slots = Slots(0);

    /// Adds a slot, which is one of the partition's.
    pub fn insert(&mut self, slot: Slot) {
        self.0 |= 1 << index(slot);
    }

    /// Whether the slot is among them.
    pub fn contains(self, slot: Slot) -> bool {
        self.has(index(slot))
    }

    /// The one at a place within the partition.
    pub(super) fn at(index: usize) -> Slots {
        Slots(1 << index)
    }

    /// Adds the one at a place within the partition.
    pub(super) fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// The place of the first one.
    pub(super) fn first(self) -> usize {
        self.0.trailing_zeros() as usize
    }

    /// The place of the last one.
    pub(super) fn last(self) -> usize {
        (u64::BITS - 1 - self.0.leading_zeros()) as usize
    }

    /// The same by its place within the partition.
    pub(super) fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    pub(super) fn indices(self) -> impl Iterator<Item = usize> {
        (0..SLOTS_EACH).filter(move |&index| self.has(index))
    }
}

impl From<Slot> for Slots {
    fn from(slot: Slot) -> Slots {
        Slots(1 << index(slot))
    }
}

/// The place of a slot within its partition.
pub(super) fn index(slot: Slot) -> usize {
    usize::from(slot.number()) / crate::keyspace::PARTITIONS
}

/// See the module. Most flushes are of all slots, and few partitions ever see another one.
pub(super) struct Cuts {
    /// Of every slot, by database.
    all: Vec<Hlc>,
    /// Of single slots: by slot, then by database.
    each: Option<Box<[Hlc]>>,
}

impl Cuts {
    pub fn new(databases: u16) -> Cuts {
        Cuts { all: vec![Hlc::ZERO; usize::from(databases)], each: None }
    }

    pub fn databases(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, index: usize, db: u8) -> Hlc {
        let db = usize::from(db);
        let own = self.each.as_ref().map_or(Hlc::ZERO, |each| each[index * self.all.len() + db]);
        own.max(self.all[db])
    }

    pub fn raise(&mut self, slots: Slots, db: u8, cut: Hlc) {
        let (db, databases) = (usize::from(db), self.all.len());
        if slots == Slots::ALL {
            self.all[db] = cut.max(self.all[db]);
            return;
        }
        let nothing = || vec![Hlc::ZERO; SLOTS_EACH * databases].into();
        let each = self.each.get_or_insert_with(nothing);
        for index in slots.indices() {
            let known = &mut each[index * databases + db];
            *known = cut.max(*known);
        }
    }

    /// Puts another one in its place, even an earlier one.
    pub fn set(&mut self, slots: Slots, db: u8, cut: Hlc) {
        let databases = self.all.len();
        let db = usize::from(db);
        if slots == Slots::ALL {
            self.all[db] = cut;
        } else if self.all[db] != Hlc::ZERO {
            // What holds for all so far holds for each.
            let whole = std::mem::replace(&mut self.all[db], Hlc::ZERO);
            (0..SLOTS_EACH).for_each(|at| self.raise(Slots::at(at), db as u8, whole));
        }
        let nothing = || vec![Hlc::ZERO; SLOTS_EACH * databases].into();
        let each = self.each.get_or_insert_with(nothing);
        for index in slots.indices() {
            each[index * databases + db] = if slots == Slots::ALL { Hlc::ZERO } else { cut };
        }
    }

    pub fn raise_all(&mut self, cut: Hlc) {
        self.all.fill(cut);
    }
}
