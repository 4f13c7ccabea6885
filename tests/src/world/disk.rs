//! The disk of a simulated node: a log whose tail is lost in a crash as far as nobody synced it.

use kinring_common::random::Random;

/// An append-only log of `E`.
#[derive(Clone, Debug)]
pub struct Disk<E> {
    entries: Vec<E>,
    synced: usize,
    /// Of the entries that a crash took: how many, and how often there were some.
    lost: (u64, u64),
}

impl<E> Default for Disk<E> {
    fn default() -> Disk<E> {
        Disk { entries: Vec::new(), synced: 0, lost: (0, 0) }
    }
}

impl<E> Disk<E> {
    /// Appends an entry. It is not durable yet.
    pub fn append(&mut self, entry: E) {
        self.entries.push(entry);
    }

    /// Everything up to now is durable.
    pub fn sync(&mut self) {
        self.synced = self.entries.len();
    }

    /// Whether all that was appended is durable.
    pub fn is_synced(&self) -> bool {
        self.synced == self.entries.len()
    }

    /// The power fails: of what is not durable a part, from its beginning on, may be there.
    pub fn crash(&mut self, random: &mut Random) {
        let unsynced = self.entries.len() - self.synced;
        let kept = self.synced + random.below(unsynced + 1);
        let lost = (self.entries.len() - kept) as u64;
        self.lost = (self.lost.0 + lost, self.lost.1 + u64::from(lost > 0));
        self.entries.truncate(kept);
        self.synced = kept;
    }

    /// Somebody puts in an empty one.
    pub fn wipe(&mut self) {
        self.entries.clear();
        self.synced = 0;
    }

    /// What is there, in order.
    pub fn entries(&self) -> &[E] {
        &self.entries
    }

    /// Entries lost in crashes, and crashes that lost some.
    pub fn lost(&self) -> (u64, u64) {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_takes_a_tail_of_what_was_not_synced_and_nothing_else() {
        let mut tails = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let (mut disk, mut random) = (Disk::default(), Random::new(seed));
            (0..10).for_each(|n| disk.append(n));
            disk.sync();
            (10..15).for_each(|n| disk.append(n));
            assert!(!disk.is_synced());
            disk.crash(&mut random);
            assert!(disk.is_synced() && disk.entries().len() >= 10);
            assert!(disk.entries().iter().copied().eq(0..disk.entries().len()));
            tails.insert(disk.entries().len());
            assert_eq!(disk.lost().0, 15 - disk.entries().len() as u64);
        }
        assert_eq!(tails.len(), 6, "every tail is lost now and then");
    }

    #[test]
    fn a_new_disk_is_empty() {
        let mut disk = Disk::default();
        disk.append(1);
        disk.sync();
        disk.wipe();
        assert!(disk.entries().is_empty() && disk.is_synced());
    }
}
