//! Which events have been seen: a key's context, a slot's floor and cut.
//!
//! A context maps an actor to the highest clock seen of it, *for one key*. That is enough because
//! contexts grow only by whole events whose past was seen: an entry (a, h) stands for every event
//! of `a` on this key up to `h`. The floor says the same for every key of a slot, present or
//! absent, and the cut says it for every actor: what is at or below them is settled history.
//!
//! Invariant: entries are sorted by actor, one an actor, none at clock zero.

use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// The events seen of one key: actor → highest clock.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Context(SmallVec<[(Actor, Hlc); 1]>);

/// From so many actors on, walking through both is quicker than looking each up.
const WALKED_MIN: usize = 8;

impl Context {
    /// Nothing seen.
    pub fn new() -> Context {
        Context::default()
    }

    /// The past up to and including one event.
    pub fn single(dot: Dot) -> Context {
        let mut context = Context::new();
        context.insert(dot);
        context
    }

    /// The highest clock seen of `actor`, [`Hlc::ZERO`] if none.
    pub fn get(&self, actor: Actor) -> Hlc {
        match self.find(actor) {
            Ok(at) => self.0[at].1,
            Err(_) => Hlc::ZERO,
        }
    }

    /// Raises the entry of the dot's actor to its clock; never lowers it.
    pub fn insert(&mut self, dot: Dot) {
        if dot.hlc == Hlc::ZERO {
            return;
        }
        match self.find(dot.actor) {
            Ok(at) => self.0[at].1 = self.0[at].1.max(dot.hlc),
            Err(at) => self.0.insert(at, (dot.actor, dot.hlc)),
        }
    }

    /// Whether this event was seen.
    pub fn covers(&self, dot: Dot) -> bool {
        dot.hlc <= self.get(dot.actor)
    }

    /// Whether everything that `other` saw was seen here too.
    pub fn includes(&self, other: &Context) -> bool {
        if other.len() < WALKED_MIN {
            return other.iter().all(|dot| self.covers(dot));
        }
        let mut own = self.0.iter().peekable();
        other.0.iter().all(|(actor, hlc)| {
            while own.next_if(|(known, _)| known < actor).is_some() {}
            own.peek().is_some_and(|(known, seen)| known == actor && hlc <= seen)
        })
    }

    /// The maximum of both.
    pub fn merge(&mut self, other: &Context) {
        for dot in other.iter() {
            self.insert(dot);
        }
    }

    /// The last event seen of each actor, by actor.
    pub fn iter(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().map(|&(actor, hlc)| Dot { hlc, actor })
    }

    /// How many actors have an entry.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The highest clock of any actor that is not closed: what the next mint must exceed.
    pub fn highest(&self) -> Hlc {
        highest(self.iter())
    }

    /// Drops the entries that `drop` says.
    pub fn remove_where(&mut self, mut drop: impl FnMut(Dot) -> bool) {
        self.0.retain(|&mut (actor, hlc)| !drop(Dot { hlc, actor }));
    }

    fn find(&self, actor: Actor) -> Result<usize, usize> {
        self.0.binary_search_by_key(&actor, |&(actor, _)| actor)
    }
}

/// The highest clock among these; what is closed has none.
pub fn highest(dots: impl Iterator<Item = Dot>) -> Hlc {
    dots.map(|dot| dot.hlc).filter(|hlc| *hlc != Hlc::CLOSED).max().unwrap_or(Hlc::ZERO)
}

impl FromIterator<Dot> for Context {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Context {
        let mut context = Context::new();
        dots.into_iter().for_each(|dot| context.insert(dot));
        context
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The implicit context of every key of a slot, present or absent. Cheap to clone.
///
/// A dot at or below it that is absent is dead; one that is present lives on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Floor(Option<Arc<Context>>);

impl Floor {
    /// Nothing is settled.
    pub fn new() -> Floor {
        Floor::default()
    }

    /// The highest settled clock of `actor`.
    pub fn get(&self, actor: Actor) -> Hlc {
        self.0.as_ref().map_or(Hlc::ZERO, |context| context.get(actor))
    }

    /// Whether this event is settled.
    pub fn covers(&self, dot: Dot) -> bool {
        dot.hlc <= self.get(dot.actor)
    }

    /// Whether the actor is closed: of its events those that are absent are dead, and no other will
    /// come to life.
    pub fn closes(&self, actor: Actor) -> bool {
        self.get(actor) == Hlc::CLOSED
    }

    /// The highest clock that is settled of an actor that is not closed.
    pub fn highest(&self) -> Hlc {
        highest(self.iter())
    }

    /// Whether all that is settled in `other` is settled here.
    pub fn includes(&self, other: &Floor) -> bool {
        let includes =
            |other: &Arc<Context>| self.0.as_ref().is_some_and(|own| own.includes(other));
        self.is_shared_with(other) || other.0.as_ref().is_none_or(includes)
    }

    /// The maximum of both.
    pub fn merge(&mut self, other: &Floor) {
        if self.includes(other) {
            return;
        }
        if other.includes(self) {
            // The slots of a group share one value.
            self.clone_from(other);
            return;
        }
        let mut context = self.to_context();
        other.iter().for_each(|dot| context.insert(dot));
        *self = Floor::from(context);
    }

    /// The last settled event of each actor, by actor.
    pub fn iter(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().flat_map(|context| context.iter())
    }

    /// How many actors have an entry.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |context| context.len())
    }

    /// Whether nothing is settled.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The floor as a context of one key.
    pub fn to_context(&self) -> Context {
        self.0.as_ref().map_or_else(Context::new, |context| Context::clone(context))
    }

    /// Whether both are one value in memory, so equal.
    pub fn is_shared_with(&self, other: &Floor) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

impl From<Context> for Floor {
    fn from(context: Context) -> Floor {
        // One form of the empty floor, so that equality is equality.
        Floor((!context.is_empty()).then(|| Arc::new(context)))
    }
}

impl fmt::Debug for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a slot, and a database in it, knows as settled history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Events that every holder of the slot has exchanged. Absent ⇒ dead.
    pub floor: Floor,
    /// The last flush: every event at or below it is dead, even one that is present.
    pub cut: Hlc,
}

impl Horizon {
    /// Whether this event is settled: seen by every key of the slot, present or absent.
    pub fn covers(&self, dot: Dot) -> bool {
        dot.hlc <= self.cut || self.floor.covers(dot)
    }

    /// Whether this event is dead wherever it is found.
    pub fn cuts(&self, dot: Dot) -> bool {
        dot.hlc <= self.cut
    }
}
