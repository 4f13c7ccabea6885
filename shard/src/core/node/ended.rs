//! Actors that write without a lease no more: those of earlier starts of the owners.
//!
//! Each start has one of its own, and a floor has to close it when that start is over, or what it wrote and
//! somebody deleted is remembered for ever. But what is written without a lease counts wherever it is, and a
//! message of a process that is gone may come late. If an owner took it while its actor is being closed, that
//! event would be dead and what it replaced would be gone with it. So this takes two floor rounds. In the first
//! one all owners say by whom they mint now: who was known before that and is nobody's has ended. When the second
//! one begins each owner is told so, writes it down, and from then on takes from nobody but the home what is of
//! such an actor and is not here yet. What got to any owner before gets to all in that round; at its end the actor
//! is closed.

use super::Node;
use crate::store::Entry;
use kinring_common::causal::Record;
use kinring_common::id::{Actor, Dot};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::{Copies, Item, Name};
use std::collections::BTreeSet;

/// Actors that a round closes at most, of those without a lease: as many starts as nobody makes between two.
pub const ENDED_MAX: usize = 64;

/// Actors without a lease that a round is about.
#[derive(Debug, Default)]
pub struct Ended {
    /// Known before it began.
    known: BTreeSet<Actor>,
    /// They had ended before it began, and everybody is told so: they are closed at its end.
    told: Vec<Actor>,
}

impl Ended {
    /// For a round that begins now.
    pub fn new(known: &[Actor], told: Vec<Actor>) -> Ended {
        let known = known.iter().copied().filter(|actor| actor.is_unleased());
        Ended { known: known.collect(), told }
    }

    /// Those that everybody is told of.
    pub fn told(&self) -> &[Actor] {
        &self.told
    }

    /// Whether an actor that is nobody's may be closed.
    pub fn closes(&self, actor: Actor) -> bool {
        !actor.is_unleased() || self.told.contains(&actor)
    }

    /// Those that are found to have ended, as all owners mint by others now.
    pub fn found(self, now: &BTreeSet<Actor>) -> Vec<Actor> {
        let Ended { known, told } = self;
        let found = known.into_iter().filter(|actor| !now.contains(actor) && !told.contains(actor));
        found.take(ENDED_MAX).collect()
    }
}

impl Node {
    /// These have written here without a lease.
    pub(super) fn meet_writers(&mut self, id: GroupId, items: &[Item]) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        for item in items {
            if let Item::Delta { delta, .. } = item
                && delta.dot.actor.is_unleased()
            {
                group.meet(delta.dot.actor);
            }
        }
    }

    /// The same of copies.
    pub(super) fn meet_writers_of(&mut self, id: GroupId, copies: &Copies) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        for copy in &copies.copies {
            let dots = copy.record.context.iter();
            dots.filter(|dot| dot.actor.is_unleased()).for_each(|dot| group.meet(dot.actor));
        }
    }

    /// A floor round has found that these have ended.
    pub(super) fn have_ended(&mut self, id: GroupId, actors: &[Actor]) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let is_new = |actor: &&Actor| group.is_new_end(**actor);
        let new: Vec<Actor> = actors.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return;
        }
        group.ended.extend(&new);
        self.log(Entry::Ended { group: id, actors: new });
    }

    /// Whether a write is of an actor that has ended, and not here.
    pub(super) fn is_of_ended(&self, id: GroupId, items: &[Item]) -> bool {
        let brings = |item: &Item| match item {
            Item::Delta { name, delta } => self.lacks_of_ended(id, name, [delta.dot].into_iter()),
            Item::Cut { .. } => false,
        };
        items.iter().any(brings)
    }

    /// Whether something of such an actor is in these copies, and not here.
    pub(super) fn brings_ended(&self, id: GroupId, copies: &Copies) -> bool {
        let small = copies.copies.iter().map(|copy| (&copy.name, &copy.record.context));
        let large = copies.large.iter().map(|large| (&large.name, &large.context));
        small.chain(large).any(|(name, context)| self.lacks_of_ended(id, name, context.iter()))
    }

    fn lacks_of_ended(&self, id: GroupId, name: &Name, dots: impl Iterator<Item = Dot>) -> bool {
        let ended = &self.groups[&id].ended;
        let of_ended: Vec<Dot> = dots.filter(|dot| ended.contains(&dot.actor)).collect();
        if of_ended.is_empty() || Mutant::EndedTaken.is_on() {
            return false;
        }
        let at = self.keyspace.locate(name.db, &name.key);
        let mut locks = self.keyspace.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        let own = partition.horizon(&at, name.db);
        partition.with_record(&at, name.db, &name.key, |mine: &Record| {
            of_ended.into_iter().any(|dot| !own.covers(dot) && !mine.context.covers(dot))
        })
    }
}
