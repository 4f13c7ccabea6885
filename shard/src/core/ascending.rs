//! A map whose keys come in ascending order, such as the numbers of writes.
//!
//! Entries lie in one ring. While few of them have gone from the middle an entry is found where its
//! number says, and mostly it is the oldest that goes: both cost no search. Otherwise a search by halves
//! finds it, and what stands on its nearer side moves up.
//!
//! Invariant: numbers ascend from the front to the back.

use std::collections::VecDeque;

/// See the module. Whoever adds to it has the bound.
#[derive(Clone, Debug)]
pub struct Ascending<T> {
    entries: VecDeque<(u64, T)>,
}

impl<T> Default for Ascending<T> {
    fn default() -> Ascending<T> {
        Ascending { entries: VecDeque::new() }
    }
}

impl<T> Ascending<T> {
    /// Adds an entry.
    ///
    /// # Panics
    /// When its number is not above all that are there.
    pub fn push(&mut self, number: u64, value: T) {
        assert!(self.entries.back().is_none_or(|(last, _)| *last < number), "numbers ascend");
        self.entries.push_back((number, value));
    }

    /// The entry with this number.
    pub fn get(&self, number: u64) -> Option<&T> {
        self.find(number).map(|at| &self.entries[at].1)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.find(number)?;
        Some(&mut self.entries[at].1)
    }

    /// Takes it out.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.find(number)?;
        let entry = if at == 0 { self.entries.pop_front() } else { self.entries.remove(at) };
        entry.map(|(_, value)| value)
    }

    /// All entries, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.entries.iter().map(|(number, value)| (*number, value))
    }

    /// Takes all of them out.
    pub fn drain(&mut self) -> impl Iterator<Item = (u64, T)> {
        self.entries.drain(..)
    }

    /// The lowest number.
    pub fn first(&self) -> Option<u64> {
        self.entries.front().map(|(number, _)| *number)
    }

    /// The entry with the highest.
    pub fn last_mut(&mut self) -> Option<(u64, &mut T)> {
        self.entries.back_mut().map(|(number, value)| (*number, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, number: u64) -> Option<usize> {
        let from_first = usize::try_from(number.checked_sub(self.first()?)?).ok()?;
        // With nothing gone from the middle it is there, and never further back.
        if self.entries.get(from_first).is_some_and(|(at, _)| *at == number) {
            return Some(from_first);
        }
        self.entries.binary_search_by_key(&number, |(at, _)| *at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::random::Random;
    use std::collections::BTreeMap;

    #[test]
    fn it_answers_as_an_ordered_map_does() {
        let mut random = Random::new(1);
        let (mut ring, mut map, mut next) = (Ascending::default(), BTreeMap::new(), 0);
        for step in 0..20_000 {
            let number = next - random.below(20).min(next as usize) as u64;
            match random.below(5) {
                0 | 1 => {
                    next += 1 + random.below(10) as u64 / 9;
                    ring.push(next, step);
                    map.insert(next, step);
                }
                2 => assert_eq!(ring.get_mut(number), map.get_mut(&number)),
                3 => assert_eq!(ring.remove(number), map.remove(&number)),
                _ => {
                    let first = ring.first();
                    assert_eq!(first, map.first_key_value().map(|(number, _)| *number));
                    assert_eq!(first.and_then(|n| ring.remove(n)), map.pop_first().map(|e| e.1));
                }
            }
            assert_eq!(ring.len(), map.len());
            let last = ring.last_mut().map(|(number, step)| (number, *step));
            assert_eq!(last, map.last_key_value().map(|(number, step)| (*number, *step)));
        }
        assert!(
            !ring.is_empty() && ring.iter().eq(map.iter().map(|(number, step)| (*number, step)))
        );
        assert_eq!(ring.drain().count(), map.len());
    }

    #[test]
    #[should_panic(expected = "numbers ascend")]
    fn what_comes_late_is_refused() {
        let mut ring = Ascending::default();
        ring.push(2, ());
        ring.push(1, ());
    }
}
