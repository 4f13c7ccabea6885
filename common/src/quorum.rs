//! How many owners of a key must agree: R and W, and what follows from them.

/// R owners, W of which acknowledge a write.
///
/// Any two sets of [`Quorum::grants`] owners share one, and each shares one with every set of
/// [`Quorum::acks`] owners: two homes at a time cannot be, and a home has heard of every
/// acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    replicas: u8,
    writes: u8,
}

impl Quorum {
    /// Of `replicas` owners, a majority acknowledges.
    ///
    /// # Panics
    /// When there is no owner.
    pub const fn majority(replicas: u8) -> Quorum {
        assert!(replicas > 0, "a key has an owner");
        Quorum { replicas, writes: replicas / 2 + 1 }
    }

    /// The same with another number of acknowledgements, 1 to `replicas`.
    pub const fn new(replicas: u8, writes: u8) -> Option<Quorum> {
        if writes == 0 || writes > replicas { None } else { Some(Quorum { replicas, writes }) }
    }

    /// R.
    pub const fn replicas(self) -> usize {
        self.replicas as usize
    }

    /// W: owners that hold a write before it is acknowledged, the coordinator among them.
    pub const fn acks(self) -> usize {
        self.writes as usize
    }

    /// Owners that grant a home its lease, itself among them: a majority, and so many that every
    /// acknowledged write is on one of them.
    pub const fn grants(self) -> usize {
        let majority = self.replicas() / 2 + 1;
        if majority > self.meets_acks() { majority } else { self.meets_acks() }
    }

    /// Owners that need not grant a home its lease.
    pub const fn spares(self) -> usize {
        self.replicas() - self.grants()
    }

    /// Owners that a home is in step with before it answers, itself among them: what it shows is safe.
    pub const fn settles(self) -> usize {
        if self.grants() > self.acks() { self.grants() } else { self.acks() }
    }

    /// Other owners that one which lost data must have exchanged with before it counts again: each
    /// write that it had acknowledged is on one of them, and each term that it had granted, with
    /// others, is known to one of them.
    ///
    /// There may be fewer others than that: then all of them.
    pub const fn others(self) -> usize {
        let meets_grants = self.replicas() - self.grants() + 1;
        if meets_grants > self.meets_acks() { meets_grants } else { self.meets_acks() }
    }

    /// So many owners that one of them has any acknowledged write.
    const fn meets_acks(self) -> usize {
        self.replicas() - self.acks() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every subset of `of` owners with `size` members, as bits.
    fn sets(of: usize, size: usize) -> impl Iterator<Item = u32> {
        (0..1_u32 << of).filter(move |set| set.count_ones() as usize == size)
    }

    #[test]
    fn any_two_sets_of_grantors_share_an_owner_and_each_hears_of_every_acknowledged_write() {
        for replicas in 1..=7 {
            for writes in 1..=replicas {
                let quorum = Quorum::new(replicas, writes).expect("it is in range");
                let all = quorum.replicas();
                for one in sets(all, quorum.grants()) {
                    assert!(sets(all, quorum.grants()).all(|other| one & other != 0), "{quorum:?}");
                    assert!(sets(all, quorum.acks()).all(|acked| one & acked != 0), "{quorum:?}");
                }
            }
        }
    }

    #[test]
    fn one_that_lost_its_data_finds_every_write_that_it_had_acknowledged_and_term_it_had_granted() {
        for replicas in 2..=7 {
            for writes in 2..=replicas {
                let quorum = Quorum::new(replicas, writes).expect("it is in range");
                // Owner 0 lost its data; a write that it acknowledged is on W - 1 of the others.
                let others = quorum.replicas() - 1;
                for asked in sets(others, quorum.others().min(others)) {
                    assert!(sets(others, quorum.acks() - 1).all(|acked| asked & acked != 0));
                    let mut granted = sets(others, quorum.grants() - 1);
                    assert!(granted.all(|granted| asked & granted != 0), "{quorum:?}");
                }
            }
        }
    }

    #[test]
    fn the_ordinary_quorums() {
        let of = |replicas| Quorum::majority(replicas);
        assert_eq!([1, 2, 3, 5].map(|r| of(r).acks()), [1, 2, 2, 3]);
        assert_eq!([1, 2, 3, 5].map(|r| of(r).grants()), [1, 2, 2, 3]);
        assert_eq!(
            Quorum::new(3, 1).expect("in range").grants(),
            3,
            "or a write is on none of them"
        );
        assert_eq!((Quorum::new(3, 0), Quorum::new(3, 4)), (None, None));
    }
}
