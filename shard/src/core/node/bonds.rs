//! Keys that were written together, by a transaction or an MSET.
//!
//! An owner takes such a write whole or not at all. But keys also travel one by one, in exchanges and
//! repairs; and whoever is home next may have got only some of them when the one who knew them all was
//! lost. So until such a write is on enough owners for good, whoever sends a copy of one of its keys
//! sends all of them in one message, and who gets them remembers the same.
//!
//! A later holder vouches for what was written before it only when it is settled: until then whoever is put
//! in step with it binds what was bound.

use kinring_common::mutant::Mutant;
use kinring_common::wire::Name;
use std::collections::{BTreeSet, VecDeque};

/// Bonds kept in a group at most: as many as writes under way.
pub const BONDS_MAX: usize = crate::core::flight::WRITES_MAX;

/// See the module.
#[derive(Debug, Default)]
pub struct Bonds {
    sets: VecDeque<(Bound, Vec<Name>)>,
}

/// By which write: its tenure and its place there, if that is known.
pub type Bound = Option<(u64, u64)>;

/// What lasts as long as both: of different tenures until all end.
fn both(one: Bound, other: Bound) -> Bound {
    let of_one = one.zip(other).filter(|(one, other)| one.0 == other.0);
    of_one.map(|(one, other)| one.max(other))
}

impl Bonds {
    /// These were written together, in a tenure and a place in it if that is known.
    pub fn add(&mut self, write: Bound, names: &[Name]) {
        if names.len() < 2 || Mutant::BondsForgotten.is_on() {
            return;
        }
        if let Some((bound, _)) = self.sets.iter_mut().find(|(_, known)| known == names) {
            let is_later = bound.zip(write).is_some_and(|(known, write)| known.0 != write.0);
            // Before the write of a later tenure is on enough owners, all of the earlier ones are.
            *bound = if is_later { write } else { both(*bound, write) };
            return;
        }
        self.sets.push_back((write, names.to_vec()));
        if self.sets.len() > BONDS_MAX {
            self.tie_oldest();
        }
    }

    /// Makes one of the two oldest: what is bound too much travels together for a while longer.
    fn tie_oldest(&mut self) {
        let (Some((one, names)), Some((other, more))) =
            (self.sets.pop_front(), self.sets.pop_front())
        else {
            return;
        };
        let all: BTreeSet<Name> = names.into_iter().chain(more).collect();
        self.sets.push_front((both(one, other), all.into_iter().collect()));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// All writes of a tenure below this one are on enough owners.
    pub fn end(&mut self, tenure: u64, stable: u64) {
        self.sets.retain(|(write, _)| !write.is_some_and(|(of, at)| of == tenure && at < stable));
    }

    /// All writes of other tenures are as soon as the holder of this one is settled.
    pub fn bind_others(&mut self, tenure: u64) {
        if Mutant::BondsEndEarly.is_on() {
            return self.end_all();
        }
        for (write, _) in &mut self.sets {
            if !write.is_some_and(|(of, _)| of == tenure) {
                *write = Some((tenure, 0));
            }
        }
    }

    /// All are.
    pub fn end_all(&mut self) {
        self.sets.clear();
    }

    /// Keys that were written together, each with its kin.
    pub fn sets(&self) -> impl Iterator<Item = &Vec<Name>> + Clone {
        self.sets.iter().map(|(_, set)| set)
    }

    /// These keys and all that must travel with them, and what binds them.
    pub fn closure(&self, names: &[Name]) -> (BTreeSet<Name>, Vec<Vec<Name>>) {
        closure(self.sets(), names)
    }
}

/// These keys and all that such sets bind to them, and the sets that do.
pub fn closure<'s>(
    sets: impl Iterator<Item = &'s Vec<Name>> + Clone,
    names: &[Name],
) -> (BTreeSet<Name>, Vec<Vec<Name>>) {
    let mut all: BTreeSet<Name> = names.iter().cloned().collect();
    let mut used = vec![false; sets.clone().count()];
    loop {
        let before = all.len();
        for (set, used) in sets.clone().zip(&mut used) {
            if !*used && set.iter().any(|name| all.contains(name)) {
                *used = true;
                all.extend(set.iter().cloned());
            }
        }
        if all.len() == before {
            break;
        }
    }
    let sets = sets.zip(used).filter(|(_, used)| *used);
    (all, sets.map(|(set, _)| set.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &str) -> Vec<Name> {
        let name = |byte: u8| Name { db: 0, key: bytes::Bytes::copy_from_slice(&[byte]) };
        keys.bytes().map(name).collect()
    }

    #[test]
    fn what_is_bound_over_others_travels_together() {
        let mut bonds = Bonds::default();
        bonds.add(Some((1, 0)), &names("ab"));
        bonds.add(Some((1, 1)), &names("cd"));
        bonds.add(Some((1, 2)), &names("bd"));
        let (all, sets) = bonds.closure(&names("a"));
        assert_eq!((all, sets.len()), (names("abcd").into_iter().collect(), 3));
        bonds.end(1, 2);
        assert_eq!(bonds.closure(&names("a")).0, names("a").into_iter().collect());
        assert_eq!(bonds.closure(&names("b")).0, names("bd").into_iter().collect());
        bonds.end_all();
        assert!(bonds.sets.is_empty());
    }

    #[test]
    fn what_is_bound_again_is_bound_once_and_for_as_long_as_both() {
        let mut bonds = Bonds::default();
        bonds.add(Some((1, 5)), &names("ab"));
        bonds.add(Some((1, 3)), &names("ab"));
        bonds.end(1, 5);
        assert_eq!(bonds.len(), 1);
        bonds.add(None, &names("ab"));
        bonds.end(1, 9);
        assert_eq!(bonds.len(), 1, "until all end");
    }

    #[test]
    fn what_was_bound_before_a_tenure_is_so_until_its_holder_is_settled() {
        let mut bonds = Bonds::default();
        bonds.add(Some((1, 5)), &names("ab"));
        bonds.add(None, &names("cd"));
        bonds.add(Some((1, 6)), &names("ef"));
        bonds.add(Some((2, 3)), &names("ef"));
        bonds.bind_others(2);
        bonds.end(1, 9);
        bonds.end(2, 0);
        assert_eq!(bonds.len(), 3);
        bonds.end(2, 1);
        assert_eq!(bonds.closure(&names("e")).0, names("ef").into_iter().collect());
        assert_eq!(bonds.len(), 1, "what is under way is bound still");
    }

    #[test]
    fn past_the_bound_the_oldest_are_tied_together_and_none_is_lost() {
        let mut bonds = Bonds::default();
        for at in 0..=BONDS_MAX as u64 + 1 {
            let name = |n: u64| Name { db: 0, key: n.to_le_bytes().to_vec().into() };
            bonds.add(Some((1, at)), &[name(2 * at), name(2 * at + 1)]);
        }
        assert_eq!(
            (bonds.len(), bonds.sets[0].clone().0, bonds.sets[0].1.len()),
            (BONDS_MAX, Some((1, 2)), 6)
        );
        bonds.end(1, 2);
        assert_eq!(bonds.len(), BONDS_MAX, "the last of three is under way");
        bonds.end(1, 3);
        assert_eq!(bonds.len(), BONDS_MAX - 1);
    }
}
