//! One value with its concurrent siblings.
//!
//! A sibling is identified by its base: the event that set the value, or ⊥, the 0 that every absent
//! key has, so that two first INCRs add up. Increments hang on a base, one running sum an actor;
//! deadlines hang on the base that their issuer saw, and name the increments that he saw on it.
//!
//! A deadline holds as long as something that its issuer saw lives. Of those that hold and were given
//! concurrently the latest time counts, but none puts off another whose time had come before it was
//! given: what has expired stays so, whatever the next of this name is given. On a value a deadline
//! takes the whole sibling. ⊥ is the same for a counter and for the next one after a DEL, so there it
//! takes the increments that it names, and the others stay.
//!
//! Invariant (canonical form, so that `Eq` is equality of the elements): siblings are sorted by
//! base, increments by actor, deadlines by dot; a sibling without elements is not there; a dead
//! base keeps its value only while an increment needs it as payload.

use super::context::Context;
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::Bytes;

/// The time of a deadline that never comes: PERSIST, as far as a concurrent deadline is concerned.
pub const NEVER: u64 = u64::MAX;

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
    /// Sorted by dot. There are several only where they were given concurrently.
    pub deadlines: Vec<Deadline>,
}

/// One event's word on when a sibling expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The event.
    pub dot: Dot,
    /// Milliseconds since the Unix epoch; or [`NEVER`].
    pub at_ms: u64,
    /// The increments that its issuer saw here, by actor, each with its last clock. That he saw the
    /// base is said by the sibling's identity.
    pub covers: Context,
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
    /// The clock of the first of them, where an entry may begin again: on ⊥ and on a base that is
    /// dead. Zero if it began on a live one.
    pub since: Hlc,
    /// The clock of the last of them: with the actor, the element's dot.
    pub last: Hlc,
}

/// From where a record is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// What belongs to a collection and is not newer than this ended with a deadline of it.
    pub since: Hlc,
}

impl Sight {
    /// At a time, where no collection ended.
    pub fn at(now_ms: u64) -> Sight {
        Sight { now_ms, since: Hlc::ZERO }
    }
}

/// When a deadline comes, among those that hold.
pub(super) fn end_ms<'a>(
    deadline: &Deadline,
    holding: &(impl Iterator<Item = &'a Deadline> + Clone),
) -> u64 {
    let mut end = deadline.at_ms;
    loop {
        let before = holding.clone().filter(|other| other.dot.hlc.wall_ms() < end);
        match before.map(|other| other.at_ms).max() {
            Some(later) if later > end => end = later,
            _ => return end,
        }
    }
}

impl Register {
    /// The sibling with this base.
    pub fn sibling(&self, base: BaseId) -> Option<&Sibling> {
        self.find(base).ok().map(|at| &self.siblings[at])
    }

    /// The unexpired sibling with the highest clock: what a plain read shows.
    pub fn shown(&self, sight: Sight) -> Option<&Sibling> {
        self.visible(sight).max_by_key(|sibling| sibling.clock(sight))
    }

    /// The siblings that have a value and have not expired.
    pub fn visible(&self, sight: Sight) -> impl Iterator<Item = &Sibling> {
        self.siblings.iter().filter(move |sibling| sibling.is_visible(sight))
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

    /// When something here is due to be removed.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.siblings.iter().filter_map(Sibling::due_ms).min()
    }

    /// The deadlines in it.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = &Deadline> + Clone {
        self.siblings.iter().flat_map(|sibling| &sibling.deadlines)
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

    /// The highest live dot of what shows, deadlines aside; `None` if nothing does.
    pub fn clock(&self, sight: Sight) -> Option<Dot> {
        let base = self.base.live_dot().filter(|_| self.ended(sight.now_ms).next().is_none());
        self.unexpired(sight).map(|(actor, entry)| entry.dot(actor)).chain(base).max()
    }

    /// The same whether it has expired or not.
    pub fn highest(&self) -> Option<Dot> {
        self.live_dots().max()
    }

    /// The dots of base and increments that live.
    pub(super) fn live_dots(&self) -> impl Iterator<Item = Dot> {
        let increments = self.increments.iter().map(|&(actor, entry)| entry.dot(actor));
        increments.chain(self.base.live_dot())
    }

    /// When it expires, as Redis shows it: `None` if it never does, or only a part of it.
    pub fn deadline_ms(&self, sight: Sight) -> Option<u64> {
        let at_ms = self.coming_ms(sight.now_ms)?;
        (at_ms != NEVER && self.is_reached_whole(sight)).then_some(at_ms)
    }

    /// When something here is due to be removed. Deadlines of nothing are due too.
    pub fn due_ms(&self) -> Option<u64> {
        if self.has_value() {
            let ends = self.holding().map(|deadline| end_ms(deadline, &self.holding()));
            return ends.min().filter(|&at_ms| at_ms != NEVER);
        }
        let at_ms = self.deadlines.iter().map(|deadline| deadline.at_ms).max()?;
        Some(if at_ms == NEVER { 0 } else { at_ms })
    }

    /// The time of the deadlines that are still to come, which is one: of what was given before now
    /// the latest counts.
    pub(super) fn coming_ms(&self, now_ms: u64) -> Option<u64> {
        self.coming(now_ms).map(|deadline| deadline.at_ms).max()
    }

    /// Whether the deadlines to come reach all that shows of it.
    pub(super) fn is_reached_whole(&self, sight: Sight) -> bool {
        self.unexpired(sight).all(|(actor, entry)| self.is_to_end(entry.dot(actor), sight.now_ms))
    }

    /// Whether a deadline to come reaches this increment.
    pub(super) fn is_to_end(&self, increment: Dot, now_ms: u64) -> bool {
        self.coming(now_ms).any(|deadline| self.reaches(deadline, increment))
    }

    /// Whether an increment has expired. On a value none does but with the whole.
    pub(super) fn has_expired(&self, increment: Dot, sight: Sight) -> bool {
        self.base == Base::Bottom && increment.hlc <= sight.since
            || self.ended(sight.now_ms).any(|deadline| self.reaches(deadline, increment))
    }

    /// The deadlines whose time has come.
    pub(super) fn ended(&self, now_ms: u64) -> impl Iterator<Item = &Deadline> {
        self.holding().filter(move |deadline| {
            let at_ms = end_ms(deadline, &self.holding());
            at_ms != NEVER && at_ms <= now_ms
        })
    }

    fn coming(&self, now_ms: u64) -> impl Iterator<Item = &Deadline> {
        self.holding().filter(move |deadline| end_ms(deadline, &self.holding()) > now_ms)
    }

    /// The deadlines whose issuer saw something that lives, if only as the beginning of a sum.
    fn holding(&self) -> impl Iterator<Item = &Deadline> + Clone {
        self.deadlines.iter().filter(|deadline| {
            let mut increments = self.increments.iter();
            self.base.live_dot().is_some()
                || increments.any(|&(actor, entry)| {
                    let seen = deadline.covers.get(actor);
                    seen != Hlc::ZERO && seen >= entry.since
                })
        })
    }

    fn reaches(&self, deadline: &Deadline, increment: Dot) -> bool {
        self.base != Base::Bottom || deadline.covers.covers(increment)
    }

    /// The increments that have not expired.
    pub fn unexpired(&self, sight: Sight) -> impl Iterator<Item = (Actor, Increment)> {
        let increments = self.increments.iter().copied();
        increments.filter(move |&(actor, entry)| !self.has_expired(entry.dot(actor), sight))
    }

    /// Whether it has a value that has not expired. Deadlines without a value are orphans.
    pub fn is_visible(&self, sight: Sight) -> bool {
        self.clock(sight).is_some_and(|dot| dot.hlc > sight.since)
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
    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        match self.deadlines.binary_search_by_key(&deadline.dot, |known| known.dot) {
            Ok(at) => self.deadlines[at] = deadline,
            Err(at) => self.deadlines.insert(at, deadline),
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
