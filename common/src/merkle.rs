//! Which keys two owners hold differently, found without sending what is equal.
//!
//! A slot has one digest, the sum of its leaves; a leaf is the sum over the keys in one part of the
//! slot's order. An exchange goes down three steps, and each answer is bounded:
//!
//! 1. the digests of the slots that both hold: equal ones are done in this one round trip;
//! 2. of a slot that differs, the [`Leaves`]: [`Leaves::differing`] says which parts differ;
//! 3. of such a leaf, [`Page`] by page, what lives there: [`Page::differing`] names the keys.
//!
//! Of each key that is named both sides then send their records, or that they have none.
//!
//! Equal digests say that the same lives on both sides and that both have seen the same of what is not
//! settled yet, tombstones among it. While one of them has a floor that the other has not, what lies
//! between is named although it is equal: a floor is exchanged first.

use crate::keyspace::is_order_of;
use crate::placement::slot::Slot;
use bytes::Bytes;
use std::collections::BTreeSet;

/// Leaves of a slot. With ten million keys a shard, one has some forty keys and its digests take
/// 128 bytes; sixteen times as many would take 32 MB a shard to save a few kilobytes an exchange.
pub const LEAVES: usize = 16;

/// Keys up to this length are named by themselves. Past it a digest says as much and a page stays
/// small: keys may have a megabyte.
pub const KEY_BYTES_MAX: usize = 64;

/// A part of a slot, by the first bits of its keys' keyed hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf(u8);

impl Leaf {
    /// The leaf with this number, if it is one.
    pub fn new(number: u8) -> Option<Leaf> {
        (usize::from(number) < LEAVES).then_some(Leaf(number))
    }

    /// Its number, below [`LEAVES`].
    pub fn number(self) -> u8 {
        self.0
    }

    /// All of a slot.
    pub fn all() -> impl Iterator<Item = Leaf> {
        (0..LEAVES as u8).map(Leaf)
    }
}

/// The leaves of one slot. All zero where nothing lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaves([u64; LEAVES]);

impl Leaves {
    /// As they came from another owner.
    pub fn new(sums: [u64; LEAVES]) -> Leaves {
        Leaves(sums)
    }

    /// The sum of each leaf.
    pub fn sums(&self) -> &[u64; LEAVES] {
        &self.0
    }

    /// The digest of the slot.
    pub fn digest(&self) -> u64 {
        self.0.iter().fold(0, |sum, leaf| sum.wrapping_add(*leaf))
    }

    /// Those that are not the same.
    pub fn differing(&self, other: &Leaves) -> impl Iterator<Item = Leaf> {
        Leaf::all().filter(|leaf| {
            let at = usize::from(leaf.0);
            self.0[at] != other.0[at]
        })
    }

    /// Puts what a key adds now in the place of what it added before.
    #[inline]
    pub fn change(&mut self, leaf: Leaf, before: u64, after: u64) {
        let sum = &mut self.0[usize::from(leaf.0)];
        *sum = sum.wrapping_sub(before).wrapping_add(after);
    }
}

/// A key as owners name it to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRef {
    /// Its place in the order of its partition, the same on all owners.
    pub order: u64,
    /// The database.
    pub db: u8,
    /// Its name, or what stands for it.
    pub name: KeyName,
}

impl KeyRef {
    /// About as many bytes as it and the digest of its record take in a message.
    pub fn bytes(&self) -> usize {
        let name = match &self.name {
            KeyName::Whole(name) => name.len(),
            KeyName::Digest(digest) => size_of_val(digest),
        };
        name + 2 * size_of::<u64>()
    }

    /// Whether it is a key of a slot, as far as can be told: a longer one's place is.
    pub fn is_of(&self, slot: Slot) -> bool {
        let is_whole_of = match &self.name {
            KeyName::Whole(key) => Slot::of(key) == slot,
            KeyName::Digest(_) => true,
        };
        is_whole_of && is_order_of(self.order, slot)
    }
}

/// The name of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// At most [`KEY_BYTES_MAX`] bytes.
    Whole(Bytes),
    /// 128 bits of keyed hash of a longer one.
    Digest(u128),
}

/// Keys of a leaf from some order on, with the digests of their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// By order.
    pub keys: Vec<(KeyRef, u64)>,
    /// The first order that is not in it any more; `None` at the end of the leaf.
    pub next: Option<u64>,
}

impl Page {
    /// Whether all of its keys are of a slot.
    pub fn is_of(&self, slot: Slot) -> bool {
        self.keys.iter().all(|(key, _)| key.is_of(slot))
    }

    /// The keys that are not the same on both pages, which begin at the same order, as far as both
    /// go; and from where to go on. One that is only on one of them is among them.
    pub fn differing(&self, theirs: &Page) -> (Vec<KeyRef>, Option<u64>) {
        let next = [self.next, theirs.next].into_iter().flatten().min();
        let covered = |page: &'_ Page| {
            let both = page.keys.iter().filter(|(key, _)| next.is_none_or(|next| key.order < next));
            both.cloned().collect::<BTreeSet<(KeyRef, u64)>>()
        };
        let (mine, theirs) = (covered(self), covered(theirs));
        let keys = mine.symmetric_difference(&theirs).map(|(key, _)| key);
        let keys: BTreeSet<&KeyRef> = keys.collect();
        (keys.into_iter().cloned().collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(keys: &[(u64, u64)], next: Option<u64>) -> Page {
        let key = |order| KeyRef { order, db: 0, name: KeyName::Digest(u128::from(order)) };
        Page { keys: keys.iter().map(|&(order, digest)| (key(order), digest)).collect(), next }
    }

    fn orders(keys: &[KeyRef]) -> Vec<u64> {
        keys.iter().map(|key| key.order).collect()
    }

    #[test]
    fn pages_are_compared_as_far_as_both_go() {
        let mine = page(&[(1, 7), (2, 7), (4, 7), (8, 7)], None);
        let theirs = page(&[(1, 7), (2, 8), (3, 7)], Some(5));
        let (keys, next) = mine.differing(&theirs);
        assert_eq!((orders(&keys), next), (vec![2, 3, 4], Some(5)), "8 may be on their next page");
        let (back, _) = theirs.differing(&mine);
        assert_eq!(back, keys);
    }

    #[test]
    fn a_leaf_that_changes_back_is_what_it_was() {
        let mut leaves = Leaves::default();
        let leaf = Leaf::new(15).expect("there are 16");
        leaves.change(leaf, 0, u64::MAX);
        assert_eq!(leaves.differing(&Leaves::default()).collect::<Vec<_>>(), [leaf]);
        leaves.change(leaf, u64::MAX, 0);
        assert_eq!(leaves, Leaves::default());
        assert_eq!(Leaf::new(16), None);
    }
}
