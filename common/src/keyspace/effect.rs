//! What commands did, as values: the log, replication, invalidation, WATCH, notifications and
//! blocked clients read effects; nothing else is hooked into commands.

use super::partition::Slots;
use super::table::{Entry, Table};
use crate::causal::{Cells, Delta};
use crate::clock::Hlc;
use bytes::Bytes;
use smallvec::SmallVec;

/// What a keyspace event is about, as in Redis's `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClass {
    /// `g`: DEL, EXPIRE, RENAME and others that work on any type.
    Generic,
    /// `$`: string commands.
    String,
    /// `l`
    List,
    /// `s`
    Set,
    /// `h`
    Hash,
    /// `z`
    Zset,
    /// `x`: a key expired.
    Expired,
}

/// One thing that a command did.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A record changed: what other owners need to do the same.
    Delta {
        /// The database.
        db: u8,
        /// The key.
        key: Bytes,
        /// The change.
        delta: Delta,
    },
    /// What a key shows may have changed: WATCH and caches. Of the keys that a flush removes, only
    /// the watched ones are named.
    Touched {
        /// The database.
        db: u8,
        /// The key.
        key: Vec<u8>,
        /// It went because its time had passed: who began to watch it after that saw it absent
        /// already.
        expired: bool,
    },
    /// A keyspace event in Redis's words.
    Event {
        /// Its class.
        class: EventClass,
        /// Its name, such as `set`, `del`, `expired`.
        name: &'static str,
        /// The database.
        db: u8,
        /// The key.
        key: Vec<u8>,
    },
    /// A collection got elements that a blocked client may wait for.
    Ready {
        /// The database.
        db: u8,
        /// The key.
        key: Vec<u8>,
    },
    /// A database was flushed: dots at or below `cut` are dead there.
    Cut {
        /// The partition.
        partition: u8,
        /// The slots in it.
        slots: Slots,
        /// The database.
        db: u8,
        /// The clock of the cut.
        cut: Hlc,
    },
}

/// Who reads effects now; what nobody reads is not built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Deltas and cuts: a log or other owners.
    pub deltas: bool,
    /// Touched keys: somebody watches, or caches.
    pub touched: bool,
    /// Keyspace events.
    pub events: bool,
    /// Blocked clients.
    pub ready: bool,
}

/// What commands took out and that takes long to free.
pub enum Doomed {
    /// All keys of a partition.
    Table(Table),
    /// Some keys.
    Entries(Vec<Entry>),
    /// The elements of a key.
    Cells(Cells),
}

/// The effects of the commands that ran under one set of locks, in order.
#[derive(Default)]
pub struct Effects {
    /// Who reads them.
    pub interest: Interest,
    /// Nearly always one command's.
    list: SmallVec<[Effect; 1]>,
    /// Freed when this is dropped, which must be after the locks are.
    pub doomed: Vec<Doomed>,
    /// Keys that were found to have expired, and removed.
    pub keys_expired: u64,
}

impl Effects {
    /// An empty list for these readers.
    pub fn new(interest: Interest) -> Effects {
        Effects { interest, ..Effects::default() }
    }

    /// Adds one.
    pub fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    /// Adds any number.
    pub fn extend(&mut self, effects: impl IntoIterator<Item = Effect>) {
        self.list.extend(effects);
    }

    /// Notes that what a key shows may have changed.
    #[inline]
    pub fn touched(&mut self, db: u8, key: &[u8]) {
        if self.interest.touched {
            self.push(Effect::Touched { db, key: key.to_vec(), expired: false });
        }
    }

    /// Notes that a key went whose time had passed.
    pub fn expired(&mut self, db: u8, key: &[u8]) {
        if self.interest.touched {
            self.push(Effect::Touched { db, key: key.to_vec(), expired: true });
        }
    }

    /// What there is, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.list.iter()
    }

    /// Takes everything out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> {
        self.list.drain(..)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
