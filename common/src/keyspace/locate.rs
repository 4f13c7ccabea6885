//! key → partition, order and hash: computed once a request, used by lock, lookup and SCAN.

use super::table::Located;
use crate::causal::DigestSeed;
use crate::merkle::{KEY_BYTES_MAX, KeyName, KeyRef};
use crate::placement::slot::{SLOTS, Slot};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many partitions a shard has: slots that share one lock. Fixed, because the order of SCAN
/// (slot mod 256, then slot / 256, then hash) must be the same on every owner of a slot.
pub const PARTITIONS: usize = 256;

/// Bits of the slot above the partition's.
const SLOT_HIGH_BITS: u32 = SLOTS.trailing_zeros() - PARTITIONS.trailing_zeros();

/// The keyed hash, the same on all owners of a cluster: who does not know the seed cannot choose
/// keys that collide.
#[derive(Clone, Copy, Debug)]
pub struct HashSeed(pub u64);

impl HashSeed {
    /// Where the key of this database belongs. The slot does not depend on the database.
    #[inline]
    pub fn locate(self, db: u8, key: &[u8]) -> Located {
        let (slot, hash) = (Slot::of(key), self.hash(db, key));
        let high = u64::from(slot.number()) / PARTITIONS as u64;
        Located {
            partition: partition_of(slot),
            order: high << (u64::BITS - SLOT_HIGH_BITS) | hash >> SLOT_HIGH_BITS,
            hash,
        }
    }

    /// The hash of that place alone.
    #[inline]
    pub fn hash(self, db: u8, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.0 ^ u64::from(db).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The name by which owners speak of a key to each other.
    pub fn key_ref(self, db: u8, key: &Bytes) -> KeyRef {
        let name = if key.len() <= KEY_BYTES_MAX {
            KeyName::Whole(key.clone())
        } else {
            KeyName::Digest(self.digests().of_name(key))
        };
        KeyRef { order: self.locate(db, key).order, db, name }
    }

    /// The seed of the digests that owners compare.
    pub fn digests(self) -> DigestSeed {
        DigestSeed::new(self.0)
    }
}

/// Whether a place in a partition's order is one of a slot in it.
pub fn is_order_of(order: u64, slot: Slot) -> bool {
    order >> (u64::BITS - SLOT_HIGH_BITS) == u64::from(slot.number()) / PARTITIONS as u64
}

impl Located {
    /// The slot of the key.
    #[inline]
    pub fn slot(&self) -> Slot {
        let high = (self.order >> (u64::BITS - SLOT_HIGH_BITS)) as u16;
        let slot = Slot::new(high * PARTITIONS as u16 + u16::from(self.partition));
        slot.expect("a partition and the bits above it are a slot")
    }
}

/// The partition of a slot.
pub fn partition_of(slot: Slot) -> u8 {
    (usize::from(slot.number()) % PARTITIONS) as u8
}

/// A position in the walk over all keys, as SCAN's cursor carries it: partition, then the first 45
/// bits of the order, so below 2^53 (clients in languages with one number type keep it exact).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The partition to go on in.
    pub partition: u8,
    /// The first order to visit there; its low bits are zero.
    pub order: u64,
}

/// Bits of the order that a cursor keeps. Tables split to at most 40 bits, so a cursor can stand
/// between any two segments.
const ORDER_BITS: u32 = 53 - PARTITIONS.trailing_zeros();

/// A group of orders is an order without these low bits.
pub const GROUP_SHIFT: u32 = u64::BITS - ORDER_BITS;

impl Cursor {
    /// The beginning of the walk.
    pub const START: Cursor = Cursor { partition: 0, order: 0 };

    /// What a client sends back; anything that is no cursor of ours starts at the nearest place.
    pub fn from_number(number: u64) -> Cursor {
        Cursor {
            partition: (number >> ORDER_BITS & (PARTITIONS as u64 - 1)) as u8,
            order: number << GROUP_SHIFT,
        }
    }

    /// What a client is given; 0 is both the start and the end of a walk.
    pub fn number(self) -> u64 {
        u64::from(self.partition) << ORDER_BITS | self.order >> GROUP_SHIFT
    }

    /// The group of orders that no cursor can tell apart from this one.
    pub fn group(order: u64) -> u64 {
        order >> GROUP_SHIFT
    }

    /// The first position after all keys of the group of `order`, `None` at the end of the walk.
    pub fn after(partition: u8, order: u64) -> Option<Cursor> {
        match (Self::group(order) + 1).checked_shl(GROUP_SHIFT) {
            Some(next) if next != 0 => Some(Cursor { partition, order: next }),
            _ => Self::next_partition(partition),
        }
    }

    /// The start of the partition after this one.
    pub fn next_partition(partition: u8) -> Option<Cursor> {
        Some(Cursor { partition: partition.checked_add(1)?, order: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_below_two_to_the_53_and_comes_back_the_same() {
        for partition in [0u8, 1, 255] {
            for group in [0u64, 1, 12_345, (1 << ORDER_BITS) - 1] {
                let cursor = Cursor { partition, order: group << (64 - ORDER_BITS) };
                assert!(cursor.number() < 1 << 53);
                assert_eq!(Cursor::from_number(cursor.number()), cursor);
            }
        }
    }

    #[test]
    fn a_cursor_moves_past_its_group_and_past_its_partition() {
        let last = u64::MAX;
        assert_eq!(Cursor::after(3, last), Some(Cursor { partition: 4, order: 0 }));
        assert_eq!(Cursor::after(255, last), None);
        let next = Cursor::after(3, 5 << 19 | 17).expect("there is more");
        assert_eq!(next, Cursor { partition: 3, order: 6 << 19 });
    }

    #[test]
    fn where_a_key_is_says_its_slot() {
        for n in 0..10_000 {
            let key = format!("key {n}");
            let (slot, at) = (Slot::of(key.as_bytes()), HashSeed(7).locate(1, key.as_bytes()));
            assert_eq!(at.slot(), slot);
            assert!(is_order_of(at.order, slot));
            let other = Slot::new((slot.number() + 256) % SLOTS).expect("it is below");
            assert!(!is_order_of(at.order, other));
        }
    }

    #[test]
    fn keys_of_one_hash_tag_share_partition_and_order_prefix() {
        let seed = HashSeed(7);
        let (a, b) = (seed.locate(0, b"{tag}1"), seed.locate(3, b"{tag}2"));
        assert_eq!(a.partition, b.partition);
        assert_eq!(a.order >> 58, b.order >> 58);
        assert_ne!(seed.locate(0, b"k").hash, seed.locate(1, b"k").hash, "db is part of identity");
    }
}
