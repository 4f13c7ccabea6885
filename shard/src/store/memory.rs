//! An engine that keeps its entries in memory, and loses of them what a disk would.

use super::{Entry, Store};
use std::convert::Infallible;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    entries: Vec<Entry>,
    synced: usize,
}

impl Memory {
    /// Entries that were appended and may be lost.
    pub fn unsynced(&self) -> usize {
        self.entries.len() - self.synced
    }

    /// The power fails: of what was not synced, this many entries are there all the same.
    ///
    /// # Panics
    /// When there were not so many.
    pub fn crash(&mut self, kept: usize) {
        assert!(kept <= self.unsynced(), "only what was appended can be there");
        self.entries.truncate(self.synced + kept);
        self.synced = self.entries.len();
    }

    /// Some entries turn out to be damaged: those that `is_good` does not want are gone.
    pub fn damage(&mut self, mut is_good: impl FnMut(&Entry) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| is_good(entry));
        self.synced = self.entries.len();
        before - self.entries.len()
    }

    /// All that is there, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Store for Memory {
    type Error = Infallible;

    fn append(&mut self, entry: Entry) -> Result<(), Infallible> {
        self.entries.push(entry);
        Ok(())
    }

    fn sync(&mut self) -> Result<u64, Infallible> {
        self.synced = self.entries.len();
        Ok(self.synced as u64)
    }

    fn replay(&self, each: &mut dyn FnMut(&Entry)) -> Result<(), Infallible> {
        self.entries.iter().for_each(each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::id::Actor;

    fn entry(n: u64) -> Entry {
        Entry::Started { own: Actor(n), available: Actor(n), is_damaged: false }
    }

    #[test]
    fn a_crash_takes_a_tail_of_what_was_not_synced_and_nothing_else() {
        for kept in 0..=3 {
            let mut store = Memory::default();
            let append = |store: &mut Memory, n| store.append(entry(n)).expect("it does not fail");
            (0..3).for_each(|n| append(&mut store, n));
            assert_eq!(store.sync(), Ok(3));
            (3..6).for_each(|n| append(&mut store, n));
            assert_eq!(store.unsynced(), 3);
            store.crash(kept);
            let mut there = Vec::new();
            store.replay(&mut |entry| there.push(entry.clone())).expect("it does not fail");
            assert_eq!(there, (0..3 + kept as u64).map(entry).collect::<Vec<_>>());
            assert_eq!(store.unsynced(), 0, "what survived is durable");
        }
    }
}
