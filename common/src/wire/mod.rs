//! What nodes say to each other, as values: proxies and shards ([`request`]), shards among themselves
//! ([`peer`]); and what these look like as bytes ([`v1`]).
//!
//! Nothing here knows how it travels. Messages may be lost, come late, twice and in any order; what
//! each side does about that is in its core.

pub mod peer;
pub mod request;
mod scope;
pub mod v1;

use crate::causal::{Answer, Context, Delta, Finding, Floor, Horizon, Record, Standing};
use crate::clock::Hlc;
use bytes::Bytes;
use request::{Changed, Completion};
use smallvec::SmallVec;

/// What a key takes in a message beside its name and its values, about.
const ABOUT: usize = 16;

/// A key of a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The database.
    pub db: u8,
    /// The key.
    pub key: Bytes,
}

/// The last flush of each database of a group that had one, by database.
pub type GroupCuts = Vec<(u8, Hlc)>;

/// Settled history of a group: every slot of it has the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupHorizon {
    /// What every key has seen.
    pub floor: Floor,
    /// What is dead.
    pub cuts: GroupCuts,
}

impl Copies {
    /// The keys that are told of.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        let copies = self.copies.iter().map(|copy| &copy.name);
        copies.chain(self.large.iter().map(|large| &large.name))
    }

    /// Takes the names of the requests out that flushed something.
    pub fn take_flushes(&mut self) -> Vec<Completion> {
        let is_flush = |completion: &Completion| completion.changed == Changed::All;
        let all = std::mem::take(&mut self.completions);
        let (flushes, others) = all.into_iter().partition(is_flush);
        self.completions = others;
        flushes
    }

    /// About as many bytes as they take: names, values, and some for what goes with each.
    pub fn bytes(&self) -> usize {
        let copies = self.copies.iter().map(|copy| copy.name.key.len() + copy.record.bytes());
        let large = self.large.iter().map(|large| large.name.key.len() + 16 * large.findings.len());
        copies.chain(large).map(|bytes| bytes + ABOUT).sum()
    }
}

impl GroupHorizon {
    /// The part that concerns a database.
    pub fn of(&self, db: u8) -> Horizon {
        Horizon { floor: self.floor.clone(), cut: self.cut(db) }
    }

    /// The last flush of a database.
    pub fn cut(&self, db: u8) -> Hlc {
        self.cuts.iter().find(|(of, _)| *of == db).map_or(Hlc::ZERO, |(_, cut)| *cut)
    }

    /// The later of both flushes of each database. Returns whether any of these was new.
    pub fn merge_cuts(&mut self, cuts: &GroupCuts) -> bool {
        merge_cuts(&mut self.cuts, cuts)
    }
}

/// The later of both flushes of each database, among those known. Returns whether any of these was new.
pub fn merge_cuts(known: &mut GroupCuts, cuts: &GroupCuts) -> bool {
    let mut changed = false;
    for &(db, cut) in cuts {
        match known.binary_search_by_key(&db, |(of, _)| *of) {
            Ok(at) if known[at].1 >= cut => continue,
            Ok(at) => known[at].1 = cut,
            Err(at) => known.insert(at, (db, cut)),
        }
        changed = true;
    }
    changed
}

/// What one key holds, or that it holds nothing, beside the horizon that this is to be read by.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// The key.
    pub name: Name,
    /// Its record; empty for one that is not there.
    pub record: Record,
}

/// What an owner says of a record that is too large for a message: see [`crate::causal::ranges`].
#[derive(Clone, Debug, PartialEq)]
pub struct Large {
    /// The key.
    pub name: Name,
    /// What its record has seen, beside the horizon that this is to be read by.
    pub context: Context,
    /// The digest of all its cells.
    pub digest: u64,
    /// What is in the ranges that were asked for.
    pub findings: Vec<Finding>,
}

impl Large {
    /// As whoever repairs a copy takes it.
    pub fn into_answer(self, horizon: &GroupHorizon) -> Answer {
        let Large { name, context, digest, findings } = self;
        let standing = Standing { context, horizon: horizon.of(name.db), digest };
        Answer { standing, findings }
    }
}

/// Copies of one owner at one time, with what it has seen of all keys. Those of keys that were
/// written together stand together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copies {
    /// Settled history there.
    pub horizon: GroupHorizon,
    /// The copies.
    pub copies: Vec<Copy>,
    /// In the place of the copies of large records: what is said of them.
    pub large: Vec<Large>,
    /// Which keys of them belong together: see [`peer::Batch`].
    pub bonds: Vec<Vec<Name>>,
    /// The requests that changed these keys lately, and the flushes.
    pub completions: Vec<Completion>,
}

/// A part of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A record changed.
    Delta {
        /// The key.
        name: Name,
        /// The change.
        delta: Delta,
    },
    /// A database was flushed in every slot of the group.
    Cut {
        /// The database.
        db: u8,
        /// Everything at or below it is dead.
        cut: Hlc,
    },
}

/// The parts of a write: nearly always one.
pub type Items = SmallVec<[Item; 1]>;
