//! Digests of records, so that owners see without sending them whether they hold the same and know
//! the same.
//!
//! An element is hashed by its name: path, sibling, part and dot. Its value is not: one event gives
//! one value, so the dot stands for it. The digest of a record is the sum of its elements' hashes
//! (AdHash: Bellare, Micciancio, "A new paradigm for collision-free hashing", 1997), so it is kept
//! as elements come and go, in any order and without a walk. To it comes the hash of each entry of
//! the context that is not settled yet: who took the place of another owner, and held the same but had
//! not seen a DEL, would let a third bring back what was deleted. The value under a dead base is in
//! no digest.
//!
//! **Why 64 bits.** Two copies that differ look equal once in 2^64 comparisons: with a thousand
//! million comparisons of unequal leaves a year, once in 10^10 years. Against chosen names the
//! defence is the secret seed, not the width: who knows it finds sums that agree at any width that
//! could be kept here (Wagner, "A generalized birthday problem", 2002), and who does not has one
//! chance in 2^64 for each name. What he could win is that a divergence of his own keys, which takes
//! a fault besides, is not found by exchange. The seed is not the one by which keys are placed:
//! SCAN's cursors show bits of those hashes.

use super::record::{Part, Path, Record, parts_of};
use super::register::{BaseId, Register};
use crate::id::Dot;
use crate::mutant::Mutant;
use crate::random::Random;
use std::num::NonZeroU64;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// What digests are keyed with: the same on all owners of a cluster, or none of theirs agree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestSeed(NonZeroU64);

/// One cell of a record, to compare and to send a large record by ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellDigest<'a> {
    /// The cell.
    pub path: &'a Path,
    /// Where it stands in the order in which ranges are compared: a hash of its path alone, so a
    /// cell that differs between two copies is in the same range of both.
    pub place: u64,
    /// The sum over its elements.
    pub digest: u64,
}

/// A path as elements are hashed with it.
#[derive(Clone, Copy)]
pub(super) struct CellName {
    kind: u64,
    /// See [`CellDigest::place`].
    pub(super) place: u64,
}

/// What sets the hash of an event that was seen apart from those of elements.
const SEEN: u64 = u64::MAX;

/// The string's: nothing else is in a packed entry.
const TEXT: CellName = CellName { kind: 0, place: 0 };

impl DigestSeed {
    /// From a secret that all owners share.
    pub fn new(secret: u64) -> DigestSeed {
        let seed = Random::new(secret ^ 0x6b69_6e72_696e_6731).word();
        DigestSeed(NonZeroU64::new(seed).unwrap_or(NonZeroU64::MIN))
    }

    /// The hash of an element of the string at a key.
    #[inline]
    pub fn text_element(self, base: BaseId, part: Part, dot: Dot) -> u64 {
        self.element(TEXT, base, part, dot)
    }

    /// What a key adds to its leaf, given the keyed hash of its database and name, and the digest of
    /// its record; 0 if nothing lives there.
    #[inline]
    pub fn of_key(self, key_hash: u64, record: u64) -> u64 {
        if record == 0 { 0 } else { self.hash([key_hash, record]) }
    }

    /// The hash of an event that was seen and is not settled.
    #[inline]
    pub fn seen(self, dot: Dot) -> u64 {
        self.hash([dot.hlc.0, dot.actor.0, SEEN, 0])
    }

    /// 128 bits that stand for a long name.
    pub fn of_name(self, name: &[u8]) -> u128 {
        xxh3_128_with_seed(name, self.0.get())
    }

    /// The sum over a register's elements.
    pub(super) fn of_register(self, path: &Path, register: &Register) -> u64 {
        if register.siblings.is_empty() {
            return 0;
        }
        self.of_named(self.name(path), register, |_| true)
    }

    /// The sum over those of a register's elements whose dots `counts` says.
    pub(super) fn of_named(
        self,
        name: CellName,
        register: &Register,
        counts: impl Fn(Dot) -> bool,
    ) -> u64 {
        let mut sum = 0_u64;
        for sibling in &register.siblings {
            let base = sibling.base.id();
            for (part, dot) in parts_of(sibling).filter(|&(_, dot)| counts(dot)) {
                sum = sum.wrapping_add(self.element(name, base, part, dot));
            }
        }
        sum
    }

    #[inline]
    fn element(self, name: CellName, base: BaseId, part: Part, dot: Dot) -> u64 {
        let CellName { kind, place } = name;
        let what = |part: u64| kind << 8 | part;
        let (hlc, actor) = (dot.hlc.0, dot.actor.0);
        let (bottom, value) = match part {
            // A live base is named by its own dot.
            Part::Base => return self.hash([place, hlc, actor, what(0)]),
            Part::Increment => (1, 2),
            Part::Deadline => (3, 4),
        };
        match base {
            BaseId::Bottom => self.hash([place, hlc, actor, what(bottom)]),
            BaseId::Value(base) => {
                self.hash([place, hlc, actor, what(value), base.hlc.0, base.actor.0])
            }
        }
    }

    pub(super) fn name(self, path: &Path) -> CellName {
        let bytes = |kind, bytes: &[u8]| CellName { kind, place: self.hash_bytes(bytes) };
        match path {
            Path::Text => TEXT,
            Path::Field(field) => bytes(1, field),
            Path::Member(member) => bytes(2, member),
            Path::Scored(member) => bytes(3, member),
            Path::Item(position, dot) => {
                let (high, low) = ((position.major >> 64) as u64, position.major as u64);
                let fraction = self.hash_bytes(&position.fraction);
                let place = self.hash([high, low, fraction, dot.hlc.0, dot.actor.0, 0]);
                CellName { kind: 4, place }
            }
            Path::Deadline => CellName { kind: 5, place: 0 },
        }
    }

    /// XXH3's core over whole words: products folded to their halves, both factors blinded by the
    /// seed, and its avalanche. Called on bytes, XXH3 spends more on finding out how many there are.
    #[inline]
    fn hash<const N: usize>(self, words: [u64; N]) -> u64 {
        const { assert!(N.is_multiple_of(2), "words are taken in pairs") };
        let seed = self.0.get();
        let (mut hash, mut blind) = (seed, seed);
        for [left, right] in words.as_chunks().0 {
            blind = blind.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash = fold(left ^ blind, right ^ hash);
        }
        hash ^= hash >> 37;
        hash = hash.wrapping_mul(0x1656_6791_9e37_79f9);
        hash ^ hash >> 32
    }

    #[inline]
    fn hash_bytes(self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.0.get())
    }
}

/// Both halves of a product, one over the other.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// Without the seed, which is a secret.
impl std::fmt::Debug for DigestSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestSeed")
    }
}

impl Record {
    /// The digest of what lives in it and of its context, which must have been pruned; 0 if there is
    /// neither. A walk unless its cells keep it.
    pub fn digest(&self, seed: DigestSeed) -> u64 {
        let seen = self.context.iter().filter(|_| !Mutant::LeafWithoutContexts.is_on());
        let seen = seen.map(|dot| seed.seen(dot));
        seen.fold(self.cells.digest(seed), u64::wrapping_add)
    }

    /// The digest of each cell, in the order of paths.
    pub fn cell_digests(&self, seed: DigestSeed) -> impl Iterator<Item = CellDigest<'_>> {
        self.cells.iter().map(move |(path, register)| {
            let name = seed.name(path);
            CellDigest { path, place: name.place, digest: seed.of_named(name, register, |_| true) }
        })
    }
}
