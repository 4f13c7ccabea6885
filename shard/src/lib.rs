//! The stateful side of Kinring: the partitions of one node and the work that goes on behind them.
//!
//! [`Shard`] holds the keys; [`driver`] is the thread that expires them. The rules of that work are
//! in [`core`], which reads no clock and starts no thread.

pub mod core;
pub mod driver;
mod reaper;
pub mod store;

use kinring_common::id::Actor;
use kinring_common::keyspace::{Effects, HashSeed, Keyspace, Options};
use reaper::Reaper;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a shard is made with.
#[derive(Clone, Copy, Debug)]
pub struct ShardOptions {
    /// Databases, 1 to 256.
    pub databases: u16,
    /// The keyed hash; the same on all owners.
    pub seed: HashSeed,
    /// This incarnation of the data. Without a data directory every start is a new one.
    pub actor: Actor,
}

/// The keys of one node.
pub struct Shard {
    keyspace: Keyspace,
    expired: AtomicU64,
    reaper: Reaper,
}

impl Shard {
    /// A shard that is the only owner of every slot and keeps nothing on disk.
    pub fn alone(options: ShardOptions) -> Shard {
        let keyspace = Keyspace::new(Options {
            seed: options.seed,
            actor: options.actor,
            databases: options.databases,
            lone: true,
            deltas: false,
            events: false,
            digests: false,
        });
        Shard { keyspace, expired: AtomicU64::new(0), reaper: Reaper::default() }
    }

    /// Its keys.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// What is left to do about commands when their locks are gone: counts what expired, and frees
    /// elsewhere what they took out, as millions of keys take a second.
    #[inline]
    pub fn finish(&self, effects: Effects) {
        if effects.keys_expired > 0 {
            self.note_expired(effects.keys_expired);
        }
        if !effects.doomed.is_empty() {
            self.reaper.free(effects.doomed);
        }
    }

    /// Keys that expired since the start.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Keys, and collections of keys, that were taken out and are yet to be freed.
    pub fn pending_frees(&self) -> u64 {
        self.reaper.pending()
    }

    fn note_expired(&self, keys: u64) {
        self.expired.fetch_add(keys, Ordering::Relaxed);
    }
}
