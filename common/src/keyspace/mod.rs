//! The keys of one shard in memory, and how a command reaches them.
//!
//! A shard's slots are spread over 256 [`Partition`]s, each with its own lock, clock and
//! [`Table`](table::Table). A command runs in a [`Txn`] that holds the locks of all partitions its
//! keys are in, taken in ascending order, so that two transactions never wait for each other in a
//! circle. What a command did leaves as [`Effect`]s, which are read before the locks are given back.

mod actors;
mod effect;
mod locate;
mod packed;
mod partition;
mod rebuild;
mod scan;
pub mod table;
#[cfg(test)]
mod tests;
mod txn;
mod watch;

pub use actors::Actors;
pub use effect::{Doomed, Effect, Effects, EventClass, Interest};
pub use locate::{Cursor, HashSeed, PARTITIONS, is_order_of, partition_of};
pub use partition::{Counts, Found, Partition, Pass, Slots, Source, Ttl};
pub use scan::{Steps, Visit};
pub use table::Located;
pub use txn::{Hint, Text, Txn};
pub use watch::{WATCHED_KEYS_MAX, Watch};

use crate::clock::Now;
use crate::id::Actor;
use crate::placement::slot::Slot;
use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};
use partition::Shared;
use smallvec::SmallVec;
use std::sync::Arc;
use watch::Watchers;

/// What a keyspace is made with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The keyed hash, the same on all owners of a cluster.
    pub seed: HashSeed,
    /// This shard's actor.
    pub actor: Actor,
    /// Databases, 1 to 256.
    pub databases: u16,
    /// Whether this shard is the only owner of every slot.
    pub lone: bool,
    /// Whether deltas and cuts have a reader (a log, other owners).
    pub deltas: bool,
    /// Whether keyspace events have a reader.
    pub events: bool,
    /// Whether digests of the slots are kept, to compare with other owners.
    pub digests: bool,
}

/// All partitions of a shard. See the module.
pub struct Keyspace {
    partitions: Box<[CachePadded<Mutex<Partition>>]>,
    watchers: Watchers,
    actors: Arc<Actors>,
    options: Options,
}

/// A set of partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionSet([u64; PARTITIONS / 64]);

impl PartitionSet {
    /// Every partition.
    pub const ALL: PartitionSet = PartitionSet([u64::MAX; PARTITIONS / 64]);

    /// Adds one.
    #[inline]
    pub fn insert(&mut self, partition: u8) {
        self.0[usize::from(partition) / 64] |= 1 << (partition % 64);
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &PartitionSet) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    /// Its member, if it has one alone, as it has nearly always.
    #[inline]
    fn only(&self) -> Option<u8> {
        let word = self.0.iter().position(|bits| *bits != 0)?;
        let bits = self.0[word];
        let is_alone = bits.is_power_of_two() && self.0[word + 1..].iter().all(|bits| *bits == 0);
        is_alone.then(|| (word * 64) as u8 + bits.trailing_zeros() as u8)
    }

    /// Its members in ascending order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                if bits == 0 {
                    return None;
                }
                let bit = bits.trailing_zeros();
                bits &= bits - 1;
                Some((word * 64) as u8 + bit as u8)
            })
        })
    }
}

/// The locks of a set of partitions, held until dropped.
pub struct Locks<'k> {
    space: &'k Keyspace,
    /// By number, ascending.
    held: SmallVec<[(u8, MutexGuard<'k, Partition>); 16]>,
}

impl<'k> Locks<'k> {
    /// The keyspace the partitions belong to.
    pub fn space(&self) -> &'k Keyspace {
        self.space
    }

    /// A held partition.
    ///
    /// # Panics
    /// When its lock is not held: a command used a key that its table row does not name.
    #[inline]
    pub fn partition(&mut self, partition: u8) -> &mut Partition {
        let at =
            self.place(partition).expect("a command touches only keys that its table row names");
        &mut self.held[at].1
    }

    #[inline]
    fn place(&self, partition: u8) -> Option<usize> {
        // Nearly always it is the only one, else all are held.
        let guess = if self.held.len() == PARTITIONS { usize::from(partition) } else { 0 };
        match self.held.get(guess) {
            Some((number, _)) if *number == partition => Some(guess),
            _ => self.held.binary_search_by_key(&partition, |(number, _)| *number).ok(),
        }
    }

    /// The held partition of a slot.
    ///
    /// # Panics
    /// When its lock is not held.
    pub fn of_slot(&mut self, slot: Slot) -> &mut Partition {
        self.partition(partition_of(slot))
    }

    /// Takes one more lock, if it is not held. Only upwards, or two walks could wait for each other.
    ///
    /// # Panics
    /// When a higher partition is held already: its user must ask for all locks beforehand.
    pub fn also(&mut self, partition: u8) {
        if self.place(partition).is_some() {
            return;
        }
        let is_above = self.held.last().is_none_or(|(highest, _)| *highest < partition);
        assert!(is_above, "locks are taken in ascending order");
        self.held.push((partition, self.space.partition(partition)));
    }

    /// Hints, in two passes, that these keys will be read: their misses in memory then overlap
    /// instead of adding up.
    pub fn prefetch(&self, keys: impl Iterator<Item = Located> + Clone) {
        for at in keys.clone() {
            if let Some(partition) = self.held(at.partition) {
                partition.table().prefetch_bucket(&at);
            }
        }
        for at in keys {
            if let Some(partition) = self.held(at.partition) {
                partition.table().prefetch_entry(&at);
                partition.prefetch_leaf(&at);
            }
        }
    }

    fn held(&self, partition: u8) -> Option<&Partition> {
        self.place(partition).map(|at| &*self.held[at].1)
    }

    /// Whether a key of a held partition is there with its deadline passed.
    pub fn is_expired(&mut self, db: u8, key: &[u8], now: Now) -> bool {
        let at = self.space.locate(db, key);
        let partition = self.partition(at.partition);
        let there = partition.table().find(&at, db, key);
        there.is_some_and(|spot| {
            let entry = partition.table().get(spot);
            entry.deadline_ms().is_some() && partition.show(entry, now).is_none()
        })
    }

    /// A sweep for expired keys over some slots of one held partition, at most `keys_max` of them.
    /// Returns how many expired and whether the partition was walked to its end. `effects` is empty
    /// before and settled after.
    pub fn sweep(
        &mut self,
        (partition, slots): (u8, Slots),
        due_ms: u64,
        now: Now,
        keys_max: usize,
        effects: &mut Effects,
    ) -> (usize, bool) {
        let (mut expired, mut at) = (0, Some(0));
        let source = Source::Fleeting;
        let mut pass = Pass { db: 0, now, lru: 0, effects, source, expires: false };
        while let Some(order) = at
            && expired < keys_max
        {
            let left = keys_max - expired;
            let (n, next) =
                self.partition(partition).sweep(order, (slots, due_ms), left, &mut pass);
            expired += n;
            at = next;
        }
        self.space.watchers.see(effects);
        (expired, at.is_none())
    }

    /// Lets the readers of effects that live here see them. The last thing before the locks go.
    pub fn settle(&mut self, effects: &Effects) {
        if !effects.is_empty() {
            self.space.watchers.see(effects);
        }
    }
}

impl Keyspace {
    /// An empty one.
    ///
    /// # Panics
    /// When `databases` is not 1 to 256.
    pub fn new(options: Options) -> Keyspace {
        assert!((1..=256).contains(&options.databases), "a key's database is one byte");
        let shared = Shared {
            seed: options.seed,
            actors: Arc::new(Actors::new(options.actor)),
            databases: options.databases,
            lone: options.lone,
            digests: options.digests.then(|| options.seed.digests()),
        };
        let partition =
            |number| CachePadded::new(Mutex::new(Partition::new(number, shared.clone())));
        Keyspace {
            partitions: (0..=u8::MAX).map(partition).collect(),
            watchers: Watchers::default(),
            actors: shared.actors,
            options,
        }
    }

    /// Mints under another name from now on; see [`Partition::rename`].
    pub fn rename(&self, actor: Actor) {
        self.partitions.iter().for_each(|partition| partition.lock().rename(actor));
    }

    /// One step of giving the numbers of actors back that no key names any more, where so many are given
    /// that it is worth a look at `looks_max` entries or some more: see [`Actors`].
    pub fn reclaim_actors(&self, looks_max: usize) {
        let actors = &self.actors;
        let Some(mut walk) = actors.walk() else { return };
        let mut looks = 0;
        while looks < looks_max {
            let Some(Cursor { partition, order }) = walk.next() else {
                // Nobody is between asking for a number and storing it while all locks are held.
                let locks = self.lock(&PartitionSet::ALL);
                locks.held.iter().for_each(|(_, partition)| actors.is_used(partition.own_number()));
                return actors.take_back(&mut walk);
            };
            let held = self.partition(partition);
            let (entries, next) = held.table().segment_at(order);
            looks += 1;
            for entry in entries {
                actors.is_used(entry.actor());
                looks += 1;
            }
            walk.goes_on(partition, next);
        }
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Where a key belongs.
    #[inline]
    pub fn locate(&self, db: u8, key: &[u8]) -> Located {
        self.options.seed.locate(db, key)
    }

    /// The hash by which all owners know a key.
    #[inline]
    pub fn hash(&self, db: u8, key: &[u8]) -> u64 {
        self.options.seed.hash(db, key)
    }

    /// Takes the locks of a set, in ascending order.
    pub fn lock(&self, set: &PartitionSet) -> Locks<'_> {
        if let Some(only) = set.only() {
            return self.lock_one(only);
        }
        let held = set.iter().map(|partition| (partition, self.partition(partition)));
        Locks { space: self, held: held.collect() }
    }

    /// Takes the lock of one partition.
    #[inline]
    pub fn lock_one(&self, partition: u8) -> Locks<'_> {
        let mut locks = Locks { space: self, held: SmallVec::new() };
        locks.held.push((partition, self.partition(partition)));
        locks
    }

    /// The same for whoever needs no other lock beside it.
    #[inline]
    pub fn partition(&self, partition: u8) -> MutexGuard<'_, Partition> {
        self.partitions[usize::from(partition)].lock()
    }

    /// The same without a lock, for whoever has the keys to itself.
    #[inline]
    pub fn partition_mut(&mut self, partition: u8) -> &mut Partition {
        self.partitions[usize::from(partition)].get_mut()
    }

    /// Which effects have a reader now. To be read under the locks: a watch that is set before they
    /// are taken is in it.
    #[inline]
    pub fn interest(&self) -> Interest {
        Interest {
            deltas: self.options.deltas,
            touched: self.watchers.any(),
            events: self.options.events,
            ready: false,
        }
    }

    /// Keys and deadlines of a database over all partitions, one lock at a time: for INFO.
    pub fn counts(&self, db: u8) -> Counts {
        let mut sum = Counts::default();
        for partition in &self.partitions {
            let counts = partition.lock().counts(db);
            sum.keys += counts.keys;
            sum.deadlines += counts.deadlines;
        }
        sum
    }

    /// [`Locks::sweep`] of one partition, for a shard whose deltas nobody reads.
    ///
    /// # Panics
    /// When somebody does: an expire event that reaches no log and no owner comes undone.
    pub fn sweep(&self, partition: u8, due_ms: u64, now: Now, keys_max: usize) -> (usize, bool) {
        assert!(!self.options.deltas, "the deltas of a sweep are read by whoever reads deltas");
        let mut effects = Effects::new(self.interest());
        let mut locks = self.lock_one(partition);
        effects.interest = self.interest();
        locks.sweep((partition, Slots::ALL), due_ms, now, keys_max, &mut effects)
    }
}
