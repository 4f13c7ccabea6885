//! Changes, and their effects as values: what is replicated is a delta, never a command.
//!
//! A delta says which past its coordinator had seen, which elements of it go, and what comes. A
//! copy that has seen at least that past may take it; one that has not must ask for the record,
//! because taking the delta's context would kill what the delta does not mention.
//!
//! Invariant: a delta is applied whole or not at all, and never twice.

use super::cells::Cells;
use super::context::{Context, Floor, Horizon};
use super::record::{Element, Kind, Path, Record};
use super::register::{Base, BaseId, Deadline, Increment, NEVER};
use crate::clock::Hlc;
use crate::id::Dot;
use crate::mutant::Mutant;
use bytes::Bytes;

/// What a command asks of a record. Relative to what its coordinator holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// SET: supersedes all that is seen.
    Replace {
        /// The new string.
        value: Bytes,
        /// When it expires, in milliseconds since the Unix epoch.
        deadline_ms: Option<u64>,
    },
    /// SET KEEPTTL, APPEND, …: as `Replace`, with the deadline of what shows carried over.
    Keep {
        /// The new string.
        value: Bytes,
    },
    /// DEL, eviction: removes all that is seen.
    Clear,
    /// The expire event: removes what has expired (and deadlines of nothing), and no more. A
    /// sibling that has not expired then shows.
    ///
    /// **What promise 1 asks of the issuer:** a PERSIST or a longer EXPIRE that it has not seen is
    /// lost, since the value that they were given to goes. So only a settled home may mint it (it
    /// has seen every acknowledged write), or anybody once the slot's floor has passed the deadline.
    Expire,
    /// INCRBY and HINCRBY: the deadline of what is counted stays, under the event's own dot.
    Increment {
        /// `Text` or a `Field`.
        path: Path,
        /// By how much.
        by: i64,
    },
    /// EXPIRE, PERSIST: on every visible sibling and on the visible collection. PERSIST leaves a
    /// deadline of [`NEVER`] where it removes one that comes, or an INCR that is concurrent with it,
    /// and keeps the deadline, would undo it.
    Deadline(Option<u64>),
    /// HEXPIRE, HPERSIST: the same on every visible sibling of these fields.
    FieldDeadline {
        /// The fields.
        paths: Vec<Path>,
        /// When they expire, in milliseconds since the Unix epoch.
        deadline_ms: Option<u64>,
    },
    /// HSET HDEL SADD SREM ZADD ZREM LPUSH LPOP LSET …: one event for all. What puts something
    /// keeps the collection's deadline, under the event's own dot.
    Cells {
        /// The type of all these paths.
        kind: Kind,
        /// New values; the last one of a path counts.
        put: Vec<(Path, Bytes)>,
        /// What goes, unless it is put.
        remove: Vec<Path>,
    },
}

/// The effect of one event on a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// What the coordinator's record had seen before it.
    pub base: Context,
    /// The coordinator's floor, which is part of what it had seen.
    pub floor: Floor,
    /// The coordinator's cut, which is part of what it had seen.
    pub cut: Hlc,
    /// The event.
    pub dot: Dot,
    /// What goes.
    pub removed: Removed,
    /// What comes; every element has the event's dot.
    pub added: Vec<Added>,
}

/// What of its past an event removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Everything that the coordinator had seen.
    AllCovered,
    /// These.
    Elements(Vec<Element>),
}

/// An element that an event adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// A value; it is the base of a new sibling.
    Base {
        /// The register.
        path: Path,
        /// What it is set to.
        value: Bytes,
    },
    /// The actor's new sum on a sibling.
    Increment {
        /// The register.
        path: Path,
        /// The sibling.
        base: BaseId,
        /// The base's value, for a receiver that no longer holds it; empty for ⊥.
        value: Bytes,
        /// The actor's running sum.
        sum: i128,
        /// Since when: see [`Increment::since`].
        since: Hlc,
    },
    /// A deadline on a sibling.
    Deadline {
        /// The register.
        path: Path,
        /// The sibling.
        base: BaseId,
        /// Milliseconds since the Unix epoch; or [`NEVER`].
        at_ms: u64,
        /// The increments that the coordinator saw on it, its new one included.
        covers: Context,
    },
}

/// What became of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in the record now.
    Applied,
    /// Its event was seen before: nothing changed.
    Covered,
    /// Something before it is missing: nothing changed. Ask for the record, and raise floor and
    /// cut first if those are what is missing.
    Gap,
}

impl Record {
    /// What [`Record::apply`] would answer: the context alone says it.
    pub fn foresee(&self, delta: &Delta, horizon: &Horizon) -> Applied {
        delta.foresee(&self.context, horizon)
    }

    /// Takes a delta in, whole or not at all. Coordinator and replicas alike.
    pub fn apply(&mut self, delta: &Delta, horizon: &Horizon) -> Applied {
        let foreseen = self.foresee(delta, horizon);
        let is_gap_taken = foreseen == Applied::Gap && Mutant::GapApplied.is_on();
        if foreseen != Applied::Applied && !is_gap_taken {
            return foreseen;
        }
        match &delta.removed {
            Removed::AllCovered => self.retain(|dot| !delta.had_seen(dot)),
            Removed::Elements(elements) => elements.iter().for_each(|element| self.remove(element)),
        }
        for added in &delta.added {
            self.add(added, delta.dot);
        }
        if Mutant::DeltaContextJoined.is_on() {
            self.context.merge(&delta.base);
        }
        if !(delta.added.is_empty() && Mutant::RemovalWithoutDot.is_on()) {
            self.context.insert(delta.dot);
        }
        Applied::Applied
    }

    /// Takes out everything that this delta is about to remove, where that is all there is: no walk,
    /// and whoever called frees it where nobody waits. To be followed by [`Record::apply`].
    pub fn take_superseded(&mut self, delta: &Delta, horizon: &Horizon) -> Option<Cells> {
        let all = delta.removed == Removed::AllCovered
            && delta.base.includes(&self.context)
            && delta.floor.includes(&horizon.floor)
            && delta.cut >= horizon.cut;
        let applies = !self.knows(delta.dot, horizon) && delta.follows(&self.context, horizon);
        (all && applies).then(|| std::mem::take(&mut self.cells))
    }

    /// Adds one element of the event `dot`.
    pub(super) fn add(&mut self, added: &Added, dot: Dot) {
        let path = added.path();
        let base = match added {
            Added::Base { .. } => BaseId::Value(dot),
            Added::Increment { base, .. } | Added::Deadline { base, .. } => *base,
        };
        self.cells.change(path, |register| {
            let sibling = register.sibling_mut(base);
            match added {
                Added::Base { value, .. } => {
                    sibling.base = Base::Value { dot, live: true, value: value.clone() };
                }
                Added::Increment { value, sum, since, .. } => {
                    if let Base::Value { value: payload, live: false, .. } = &mut sibling.base {
                        *payload = value.clone();
                    }
                    let (sum, since, last) = (*sum, *since, dot.hlc);
                    sibling.set_increment(dot.actor, Increment { sum, since, last });
                }
                Added::Deadline { at_ms, covers, .. } => {
                    let (at_ms, covers) = (*at_ms, covers.clone());
                    sibling.set_deadline(Deadline { dot, at_ms, covers });
                }
            }
        });
    }
}

impl Added {
    /// The register.
    pub fn path(&self) -> &Path {
        let (Added::Base { path, .. }
        | Added::Increment { path, .. }
        | Added::Deadline { path, .. }) = self;
        path
    }
}

impl Delta {
    /// The same without deadlines of [`NEVER`], for a record that nobody else can have written:
    /// they would only be in the way of what is concurrent.
    pub fn of_lone_owner(mut self) -> Delta {
        let never = |added: &Added| matches!(added, Added::Deadline { at_ms: NEVER, .. });
        self.added.retain(|added| !never(added));
        self
    }

    /// What [`Record::apply`] would answer for a record with this context.
    pub fn foresee(&self, context: &Context, horizon: &Horizon) -> Applied {
        if horizon.covers(self.dot) || context.covers(self.dot) {
            Applied::Covered
        } else if self.follows(context, horizon) || Mutant::DeltaContextJoined.is_on() {
            Applied::Applied
        } else {
            Applied::Gap
        }
    }

    /// Whether a record with this context has seen what the coordinator had.
    ///
    /// The floor is judged by the effective context too: a record that was repaired from a holder
    /// with a higher floor has taken that floor into its own context.
    fn follows(&self, context: &Context, horizon: &Horizon) -> bool {
        let knows = |dot| horizon.covers(dot) || context.covers(dot);
        self.cut <= horizon.cut
            && self.base.iter().all(knows)
            && (horizon.floor.includes(&self.floor) || self.floor.iter().all(knows))
    }

    /// Whether this event is in the past that the coordinator had seen.
    pub fn had_seen(&self, dot: Dot) -> bool {
        dot.hlc <= self.cut || self.base.covers(dot) || self.floor.covers(dot)
    }
}
