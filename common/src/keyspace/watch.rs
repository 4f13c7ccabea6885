//! WATCH: who wants to know that a key was touched.
//!
//! A watch is set under the lock of its key's partition and marked by the effects of whoever holds
//! that lock later, so no change falls between.

use super::effect::{Effect, Effects};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Keys one connection may watch at a time: with 10,000 connections still under a few GB.
pub const WATCHED_KEYS_MAX: usize = 65_536;

/// One connection's watch over any number of keys; dirty once one of them was touched.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Whether a watched key was touched since.
    pub fn is_dirty(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn mark(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// One connection's watch of one key.
#[derive(Debug)]
struct Watcher {
    watch: Watch,
    /// The key had expired by then, so the sweep that takes it changes nothing for this connection.
    expired: bool,
}

type Watched = HashMap<(u8, Box<[u8]>), Vec<Watcher>>;

/// All watches of a shard.
#[derive(Debug, Default)]
pub struct Watchers {
    /// Kept beside the map so that a write without watchers reads one number.
    keys: AtomicUsize,
    map: Mutex<Watched>,
}

impl Watchers {
    /// Whether anything is watched.
    #[inline]
    pub fn any(&self) -> bool {
        self.keys.load(Ordering::Acquire) != 0
    }

    /// The watched keys of a database, or of all.
    pub fn keys(&self, db: Option<u8>) -> Vec<(u8, Box<[u8]>)> {
        if !self.any() {
            return Vec::new();
        }
        let map = self.map.lock();
        map.keys().filter(|(of, _)| db.is_none_or(|db| db == *of)).cloned().collect()
    }

    /// Adds a watch. The caller holds the lock of the key's partition.
    fn add(&self, db: u8, key: &[u8], watch: &Watch, expired: bool) {
        let mut map = self.map.lock();
        let watch = watch.clone();
        map.entry((db, key.into())).or_default().push(Watcher { watch, expired });
        self.keys.store(map.len(), Ordering::Release);
    }

    /// Removes this connection's watch of a key.
    pub fn remove(&self, db: u8, key: &[u8], watch: &Watch) {
        let mut map = self.map.lock();
        let key = (db, Box::from(key));
        if let Some(list) = map.get_mut(&key) {
            list.retain(|other| !Arc::ptr_eq(&other.watch.0, &watch.0));
            if list.is_empty() {
                map.remove(&key);
            }
        }
        self.keys.store(map.len(), Ordering::Release);
    }

    /// Marks the watches of touched keys. Who began to watch a key when it had expired already is
    /// spared when it goes for that, this once.
    pub fn see(&self, effects: &Effects) {
        if !self.any() || effects.is_empty() {
            return;
        }
        let mut map = self.map.lock();
        for effect in effects.iter() {
            if let Effect::Touched { db, key, expired } = effect
                && let Some(list) = map.get_mut(&(*db, Box::from(&key[..])))
            {
                for watcher in list {
                    let spared = *expired && std::mem::take(&mut watcher.expired);
                    if !spared {
                        watcher.watch.mark();
                    }
                }
            }
        }
    }
}

impl super::Keyspace {
    /// Watches a key. Returns whether it shows nothing now because its deadline passed: such a key
    /// does not fail an EXEC when the sweep takes it.
    pub fn watch(&self, db: u8, key: &[u8], watch: &Watch, now: crate::clock::Now) -> bool {
        let at = self.locate(db, key);
        let mut locks = self.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        let entry = partition.table().find(&at, db, key).map(|spot| partition.table().get(spot));
        let expired = entry.is_some_and(|e| !e.is_tombstone() && partition.show(e, now).is_none());
        self.watchers.add(db, key, watch, expired);
        expired
    }

    /// Ends the watch of a key.
    pub fn unwatch(&self, db: u8, key: &[u8], watch: &Watch) {
        self.watchers.remove(db, key, watch);
    }
}
