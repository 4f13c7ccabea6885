//! How the owners of one slot lie in the zones: as evenly as the zones' sizes allow. With at least
//! as many zones as owners, that is each owner in a zone of its own.
//!
//! Every zone has `least` owners of a slot or one more (if it has the members), and `extra` says
//! how many zones have one more. What may be added to a slot is therefore a matroid: owners that
//! are fine together can always be completed, and the greedy choice is the best one.

use super::members::Members;

/// The rule for one list of members and a number of owners.
pub(super) struct Spread {
    /// Owners of one slot.
    pub owners: usize,
    /// Per zone, the owners that each slot has there.
    pub least: Vec<usize>,
    /// Per zone, the owners that a slot may have there: `least` or one more.
    pub most: Vec<usize>,
    /// The owners of a slot that come above `least`.
    extra: usize,
}

impl Spread {
    /// The rule when each slot has `owners` of these members.
    ///
    /// # Panics
    /// When there are fewer members than owners.
    pub fn new(members: &Members, owners: usize) -> Spread {
        assert!(owners <= members.len(), "an owner is a member, each only once");
        let sizes = members.zone_sizes().iter().map(|&size| usize::from(size));
        let filled = |to: usize| sizes.clone().map(move |size| size.min(to));
        let level = (1..).find(|&to| filled(to).sum::<usize>() >= owners);
        let level = level.expect("there are as many members as owners");
        let least: Vec<usize> = filled(level - 1).collect();
        let extra = owners - least.iter().sum::<usize>();
        Spread { owners, least, most: filled(level).collect(), extra }
    }

    /// Whether a slot with owners in `zones` may have one more in `zone`.
    pub fn fits(&self, zones: impl Iterator<Item = usize> + Clone, zone: usize) -> bool {
        let here = zones.clone().filter(|&other| other == zone).count();
        if here < self.least[zone] {
            return true;
        }
        here < self.most[zone] && self.above_least(zones) < self.extra
    }

    /// Whether owners in these zones are all that a slot needs, well spread.
    pub fn is_met(&self, zones: &[usize]) -> bool {
        let fits = |at: usize| self.fits(zones[..at].iter().copied(), zones[at]);
        zones.len() == self.owners && (0..zones.len()).all(fits)
    }

    fn above_least(&self, zones: impl Iterator<Item = usize> + Clone) -> usize {
        // Zones with no required owner, the usual case: each owner is one of the extra.
        if self.extra == self.owners {
            return zones.count();
        }
        let is_above = |(at, zone): &(usize, usize)| {
            zones.clone().take(*at).filter(|other| other == zone).count() >= self.least[*zone]
        };
        zones.clone().enumerate().filter(is_above).count()
    }
}
