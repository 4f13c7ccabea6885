//! One value with its concurrent siblings.
//!
//! A sibling is identified by its base: the event that set the value, or ⊥, the 0 that every absent
//! key has, so that two first INCRs add up. Increments hang on a base, one running sum an actor;
//! deadlines hang on the base that their issuer saw.
//!
//! Invariant (canonical form, so that `Eq` is equality of the elements): siblings are sorted by
//! base, increments by actor, deadlines by dot; a sibling without elements is not there; a dead
//! base keeps its value only while an increment needs it as payload.

use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::Bytes;

/// The concurrent siblings at one path of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// Sorted by base.
    pub siblings: Vec<Sibling>,
}

/// A base with the increments and deadlines on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// What the increments add to.
    pub base: Base,
    /// Sorted by actor, one an actor.
    pub increments: Vec<(Actor, Increment)>,
    /// Milliseconds since the Unix epoch, sorted by dot; among several the latest time counts.
    pub deadlines: Vec<(Dot, u64)>,
}

/// The value that a sibling starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// ⊥, the 0 of an absent key. Not an event: it is never live by itself.
    Bottom,
    /// A value that an event set.
    Value {
        /// The event.
        dot: Dot,
        /// Whether the base itself lives; if not, the value is payload of the increments.
        live: bool,
        /// Empty for a dead base without increments.
        value: Bytes,
    },
}

/// What identifies a sibling. ⊥ sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaseId {
    /// ⊥.
    Bottom,
    /// The event that set the value.
    Value(Dot),
}

/// What one actor added to a base, as one running sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increment {
    /// The sum of the actor's increments since its entry began.
    pub sum: i128,
    /// The clock of the last of them: with the actor, the element's dot.
    pub last: Hlc,
}

impl Register {
    /// The sibling with this base.
    pub fn sibling(&self, base: BaseId) -> Option<&Sibling> {
        self.find(base).ok().map(|at| &self.siblings[at])
    }

    /// The unexpired sibling with the highest clock: what a plain read shows.
    pub fn shown(&self, now_ms: u64) -> Option<&Sibling> {
        self.visible(now_ms).max_by_key(|sibling| sibling.clock())
    }

    /// The siblings that have a value and have not expired.
    pub fn visible(&self, now_ms: u64) -> impl Iterator<Item = &Sibling> {
        self.siblings.iter().filter(move |sibling| sibling.is_visible(now_ms))
    }

    /// The sibling with this base, made if absent; its base is dead and empty then.
    pub(super) fn sibling_mut(&mut self, base: BaseId) -> &mut Sibling {
        let at = match self.find(base) {
            Ok(at) => at,
            Err(at) => {
                self.siblings.insert(at, Sibling::empty(base));
                at
            }
        };
        &mut self.siblings[at]
    }

    /// Brings the siblings back to canonical form after elements were removed.
    pub(super) fn tidy(&mut self) {
        self.siblings.retain_mut(|sibling| {
            sibling.tidy();
            !sibling.is_empty()
        });
    }

    fn find(&self, base: BaseId) -> Result<usize, usize> {
        self.siblings.binary_search_by_key(&base, |sibling| sibling.base.id())
    }
}

impl Sibling {
    /// A sibling without elements.
    pub(super) fn empty(base: BaseId) -> Sibling {
        let base = match base {
            BaseId::Bottom => Base::Bottom,
            BaseId::Value(dot) => Base::Value { dot, live: false, value: Bytes::new() },
        };
        Sibling { base, increments: Vec::new(), deadlines: Vec::new() }
    }

    /// Its highest live dot, deadlines aside; `None` if it has no value to show.
    pub fn clock(&self) -> Option<Dot> {
        let increments = self.increments.iter().map(|&(actor, entry)| entry.dot(actor));
        increments.chain(self.base.live_dot()).max()
    }

    /// When it expires: the latest of its deadlines.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.deadlines.iter().map(|&(_, at_ms)| at_ms).max()
    }

    /// Whether its deadline has passed.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.deadline_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// Whether it has a value that has not expired. Deadlines without a value are orphans.
    pub fn is_visible(&self, now_ms: u64) -> bool {
        self.has_value() && !self.is_expired(now_ms)
    }

    /// Whether a base or an increment lives here.
    pub fn has_value(&self) -> bool {
        !self.increments.is_empty() || self.base.live_dot().is_some()
    }

    /// What `actor` has added so far, if it holds an entry.
    pub fn increment(&self, actor: Actor) -> Option<Increment> {
        let at = self.increments.binary_search_by_key(&actor, |&(actor, _)| actor).ok()?;
        Some(self.increments[at].1)
    }

    /// Sets an actor's entry.
    pub(super) fn set_increment(&mut self, actor: Actor, entry: Increment) {
        match self.increments.binary_search_by_key(&actor, |&(actor, _)| actor) {
            Ok(at) => self.increments[at].1 = entry,
            Err(at) => self.increments.insert(at, (actor, entry)),
        }
    }

    /// Sets a deadline.
    pub(super) fn set_deadline(&mut self, dot: Dot, at_ms: u64) {
        match self.deadlines.binary_search_by_key(&dot, |&(dot, _)| dot) {
            Ok(at) => self.deadlines[at].1 = at_ms,
            Err(at) => self.deadlines.insert(at, (dot, at_ms)),
        }
    }

    fn is_empty(&self) -> bool {
        !self.has_value() && self.deadlines.is_empty()
    }

    fn tidy(&mut self) {
        let has_value = self.has_value();
        if let Base::Value { value, .. } = &mut self.base
            && !has_value
        {
            *value = Bytes::new();
        }
    }
}

impl Base {
    /// What identifies it.
    pub fn id(&self) -> BaseId {
        match self {
            Base::Bottom => BaseId::Bottom,
            Base::Value { dot, .. } => BaseId::Value(*dot),
        }
    }

    /// Its dot, if it is a live element.
    pub fn live_dot(&self) -> Option<Dot> {
        match self {
            Base::Value { dot, live: true, .. } => Some(*dot),
            _ => None,
        }
    }

    /// The bytes that it carries; empty for ⊥.
    pub fn value(&self) -> Bytes {
        match self {
            Base::Bottom => Bytes::new(),
            Base::Value { value, .. } => value.clone(),
        }
    }
}

impl Increment {
    /// The element's dot.
    pub fn dot(self, actor: Actor) -> Dot {
        Dot { hlc: self.last, actor }
    }
}
