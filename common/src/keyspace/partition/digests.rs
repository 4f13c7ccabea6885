//! The digests of the slots: what other owners compare theirs with. See [`crate::merkle`].
//!
//! **Invariant:** a leaf is the sum over its keys of what [`Partition::weight`] says of their
//! entries. Entries come and go by `store` and `remove`, in bulk before a `recount`; one that changes
//! where it lies does so by `overwrite` or `update_boxed`. Nothing else may change what is in an entry;
//! what a cut ends is seen by `recount`, and what a floor settles by `forget_settled`.

use super::settled::orders;
use super::{Partition, SLOTS_EACH, Slots, cuts, slot_index};
use crate::causal::{BaseId, DigestSeed, Floor, Part, Record};
use crate::id::Dot;
use crate::keyspace::packed::digest;
use crate::keyspace::partition_of;
use crate::keyspace::table::{Entry, Located, prefetch};
use crate::merkle::{KEY_BYTES_MAX, KeyName, KeyRef, LEAVES, Leaf, Leaves, Page};
use crate::mutant::Mutant;
use crate::placement::slot::Slot;
use bytes::Bytes;

/// An order begins with the bits of the slot above the partition's, then those of the leaf.
const LEAF_SHIFT: u32 = u64::BITS - SLOTS_EACH.trailing_zeros() - LEAVES.trailing_zeros();

impl Partition {
    /// The leaves of a slot; their sum is its digest.
    ///
    /// # Panics
    /// When the slot is not in this partition, or no digests are kept.
    pub fn leaves(&self, slot: Slot) -> Leaves {
        self.digest_seed();
        self.leaves.get(self.slot_index(slot)).copied().unwrap_or_default()
    }

    /// The digest of a slot.
    ///
    /// # Panics
    /// As [`Partition::leaves`] does.
    pub fn slot_digest(&self, slot: Slot) -> u64 {
        if self.leaves.is_empty() { 0 } else { self.leaves(slot).digest() }
    }

    /// The digest of several slots: a sum in which every slot counts in its own way.
    pub fn digest_of(&self, slots: Slots) -> u64 {
        if self.leaves.is_empty() {
            return 0;
        }
        let each = slots.indices().map(|index| {
            let odd = 2 * index as u64 + 0x9e37_79b9_7f4a_7c15;
            self.leaves[index].digest().wrapping_mul(odd)
        });
        each.fold(0, u64::wrapping_add)
    }

    /// What is in a leaf of a slot from an order on (0: from its start), with the digest of each
    /// record. A page ends when `looks_max` entries were looked at, tombstones among them, so it may
    /// be short or empty and yet have a next. Keys of one order, which only one who knows the seed
    /// can make, are on one page.
    ///
    /// # Panics
    /// When the slot is not in this partition, or no digests are kept.
    pub fn leaf_keys(&self, slot: Slot, leaf: Leaf, from: u64, looks_max: usize) -> Page {
        let seed = self.digest_seed();
        let prefix = self.slot_index(slot) * LEAVES + usize::from(leaf.number());
        let start = (prefix as u64) << LEAF_SHIFT;
        let last = start | ((1 << LEAF_SHIFT) - 1);
        let (mut keys, mut left) = (Vec::new(), looks_max.max(1));
        let mut next = Some(start.max(from));
        while let Some(order) = next.filter(|order| *order <= last) {
            if left == 0 {
                return Page { keys, next };
            }
            let (entries, after) = self.table.segment_at(order);
            let located = entries.map(|entry| (self.locate(entry).order, entry));
            let mut here: Vec<(u64, &Entry)> =
                located.filter(|(at, _)| (order..=last).contains(at)).collect();
            here.sort_unstable_by_key(|(at, entry)| (*at, entry.db()));
            let mut end = left.min(here.len());
            while (1..here.len()).contains(&end) && here[end].0 == here[end - 1].0 {
                end += 1;
            }
            let digests = here[..end].iter().map(|&(at, entry)| {
                (self.key_ref(at, entry, seed), self.digest(self.slot_index(slot), entry, seed))
            });
            keys.extend(digests.filter(|(_, digest)| *digest != 0));
            if end < here.len() {
                return Page { keys, next: Some(here[end].0) };
            }
            // A segment without such keys is a look, too.
            left = left.saturating_sub(end.max(1));
            next = after;
        }
        Page { keys, next: None }
    }

    /// The key that another owner names, if there is an entry of it here, a tombstone perhaps.
    ///
    /// # Panics
    /// When no digests are kept.
    pub fn key_named(&self, key: &KeyRef) -> Option<&[u8]> {
        let seed = self.digest_seed();
        let (mut entries, _) = self.table.segment_at(key.order);
        let is_it = |entry: &&Entry| entry.db() == key.db && is_named(entry.key(), &key.name, seed);
        entries.find(is_it).map(Entry::key)
    }

    /// Hints that the leaf of a key will be read.
    #[inline]
    pub(in crate::keyspace) fn prefetch_leaf(&self, at: &Located) {
        let prefix = (at.order >> LEAF_SHIFT) as usize;
        if let Some(leaves) = self.leaves.get(prefix / LEAVES) {
            prefetch::read(&raw const leaves.sums()[prefix % LEAVES]);
        }
    }

    /// What an entry adds to its leaf; 0 where no digests are kept.
    #[inline]
    pub(super) fn weight(&self, at: &Located, entry: &Entry) -> u64 {
        match self.shared.digests {
            Some(seed) => seed.of_key(at.hash, self.digest(slot_index(at), entry, seed)),
            None => 0,
        }
    }

    /// What it added while its slot had another floor.
    pub(super) fn weight_below(&self, at: &Located, entry: &Entry, floor: &Floor) -> u64 {
        let Some(seed) = self.shared.digests else { return 0 };
        let is_settled = |dot| self.is_settled_by(floor, slot_index(at), entry.db(), dot);
        seed.of_key(at.hash, digest(entry, &self.shared.actors, seed, is_settled))
    }

    /// The same of a string that one event made, without its entry.
    #[inline]
    pub(super) fn digest_of_text(&self, slot: usize, db: u8, dot: Dot, seed: DigestSeed) -> u64 {
        let seen = if self.is_settled(slot, db, dot) { 0 } else { seed.seen(dot) };
        seen.wrapping_add(seed.text_element(BaseId::Value(dot), Part::Base, dot))
    }

    #[inline]
    fn digest(&self, slot: usize, entry: &Entry, seed: DigestSeed) -> u64 {
        let is_settled = |dot| self.is_settled(slot, entry.db(), dot);
        digest(entry, &self.shared.actors, seed, is_settled)
    }

    /// Whether an event is settled: it is in no digest that it was seen.
    #[inline]
    fn is_settled(&self, slot: usize, db: u8, dot: Dot) -> bool {
        self.is_settled_by(&self.floors[slot], slot, db, dot)
    }

    #[inline]
    fn is_settled_by(&self, floor: &Floor, slot: usize, db: u8, dot: Dot) -> bool {
        dot.hlc <= self.cuts.get(slot, db)
            || floor.covers(dot)
            || Mutant::LeafWithoutContexts.is_on()
    }

    /// Sums the leaves of some slots anew, in one walk: more of what was seen there is dead now.
    pub(super) fn recount(&mut self, slots: Slots) {
        if self.shared.digests.is_none() || self.leaves.is_empty() || slots == Slots::NONE {
            return;
        }
        let mut leaves = std::mem::take(&mut self.leaves);
        slots.indices().for_each(|slot| leaves[slot] = Leaves::default());
        let (start, last) = (orders(slots.first()).0, orders(slots.last()).1);
        let mut next = Some(start);
        while let Some(order) = next.filter(|order| *order <= last) {
            let (entries, after) = self.table.segment_at(order);
            for (at, entry) in entries.map(|entry| (self.locate(entry), entry)) {
                if slots.has(slot_index(&at)) {
                    leaves[slot_index(&at)].change(leaf_of(&at), 0, self.weight(&at, entry));
                }
            }
            next = after;
        }
        self.leaves = leaves;
    }

    /// Notes that the entry of a key weighs something else.
    #[inline]
    pub(super) fn reweigh(&mut self, at: &Located, before: u64, after: u64) {
        if before == after {
            return;
        }
        if self.leaves.is_empty() {
            self.leaves = vec![Leaves::default(); SLOTS_EACH];
        }
        self.leaves[slot_index(at)].change(leaf_of(at), before, after);
    }

    /// Notes that an entry was taken out.
    pub(super) fn forget(&mut self, entry: &Entry) {
        if self.shared.digests.is_some() {
            let at = self.locate(entry);
            self.reweigh(&at, self.weight(&at, entry), 0);
        }
    }

    /// Lets a record that goes into the table keep its digest.
    pub(super) fn keep_digest(&self, record: &mut Record) {
        if let Some(seed) = self.shared.digests {
            record.cells.keep_digest(seed);
        }
    }

    fn digest_seed(&self) -> DigestSeed {
        self.shared.digests.expect("digests are asked for where the options say that they are kept")
    }

    /// The place of a slot of this partition.
    ///
    /// # Panics
    /// When it is of another one.
    pub(super) fn slot_index(&self, slot: Slot) -> usize {
        assert!(partition_of(slot) == self.number, "a slot has one partition");
        cuts::index(slot)
    }

    fn locate(&self, entry: &Entry) -> Located {
        self.shared.seed.locate(entry.db(), entry.key())
    }

    fn key_ref(&self, order: u64, entry: &Entry, seed: DigestSeed) -> KeyRef {
        let key = entry.key();
        let name = if key.len() <= KEY_BYTES_MAX {
            KeyName::Whole(Bytes::copy_from_slice(key))
        } else {
            KeyName::Digest(seed.of_name(key))
        };
        KeyRef { order, db: entry.db(), name }
    }
}

fn leaf_of(at: &Located) -> Leaf {
    let prefix = (at.order >> LEAF_SHIFT) as usize;
    Leaf::new((prefix % LEAVES) as u8).expect("a remainder is below the divisor")
}

fn is_named(key: &[u8], name: &KeyName, seed: DigestSeed) -> bool {
    match name {
        KeyName::Whole(name) => key == &name[..],
        KeyName::Digest(digest) => key.len() > KEY_BYTES_MAX && seed.of_name(key) == *digest,
    }
}
