//! What a record must hold, told from whole histories.
//!
//! Every event keeps the full set of events that its issuer had seen. An event adds facts and kills
//! facts; what lives for someone who knows a set of events is what one of them added and none of
//! them killed. No contexts, no registers, no joins: a join here is the union of two sets.
mod effect;
mod siblings;

pub use siblings::{deadline_in, kind, presented, shown};

use self::effect::effect;
use self::siblings::{Group, is_own_sum};
use crate::causal::{Base, BaseId, Change, Element, Part, Path, Record};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::Bytes;
use std::collections::BTreeMap;

/// A set of events of one key, by number.
pub type Set = u128;

/// Every event of one key.
#[derive(Default)]
pub struct History {
    pub events: Vec<Event>,
    pub facts: Vec<Fact>,
}

pub struct Event {
    pub dot: Dot,
    pub seen: Set,
}

/// An element with what it holds, who added it and who killed it.
pub struct Fact {
    pub element: Element,
    pub what: What,
    pub by: usize,
    /// The events that its issuer had seen, its own among them.
    pub saw: Set,
    /// Of a deadline, the values of its sibling that showed to its issuer.
    pub meant: Set,
    /// Of a sum, the events that it adds up.
    pub parts: Set,
    pub killers: Set,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Base(Bytes),
    Sum {
        payload: Bytes,
        sum: i128,
    },
    Deadline(u64),
    /// A deadline of the own sum alone, which is a part of what shows.
    Share(u64),
}

/// An element with what it holds and, of a deadline, the sums that it names, by actor.
pub type Flat = (Element, What, Vec<Dot>);

impl History {
    pub fn live(&self, known: Set, cut: Hlc) -> Vec<&Fact> {
        let lives = |fact: &&Fact| {
            known >> fact.by & 1 == 1 && fact.killers & known == 0 && fact.element.dot.hlc > cut
        };
        self.facts.iter().filter(lives).collect()
    }

    /// The living facts in the order of [`flat`].
    pub fn flat(&self, known: Set, cut: Hlc) -> Vec<Flat> {
        let plain = |what: &What| match what {
            What::Share(at_ms) => What::Deadline(*at_ms),
            other => other.clone(),
        };
        let live = self.live(known, cut).into_iter();
        let named = |fact: &Fact| (fact.element.clone(), plain(&fact.what), self.named_by(fact));
        let mut flat: Vec<_> = live.map(named).collect();
        flat.sort_by(|a, b| a.0.cmp(&b.0));
        flat
    }

    /// The sums that a deadline was given to.
    fn named_by(&self, deadline: &Fact) -> Vec<Dot> {
        let here = |fact: &&Fact| {
            let (one, other) = (&fact.element, &deadline.element);
            one.part == Part::Increment && (&one.path, one.base) == (&other.path, other.base)
        };
        let is_named = |fact: &&Fact| deadline.meant >> fact.by & 1 == 1;
        if deadline_in(deadline).is_none() {
            return Vec::new();
        }
        let named = self.facts.iter().filter(here).filter(is_named);
        // The event that counted up and carried the deadline goes on with its own sum.
        let mut last: BTreeMap<Actor, Dot> = BTreeMap::new();
        for dot in named.map(|fact| fact.element.dot) {
            let known = last.entry(dot.actor).or_insert(dot);
            *known = dot.max(*known);
        }
        last.into_values().collect()
    }

    /// A new event by someone who knows `known`; its number.
    pub fn mint(&mut self, known: Set, cut: Hlc, change: &Change, dot: Dot, now_ms: u64) -> usize {
        let id = self.events.len();
        assert!(id < Set::BITS as usize, "the world is too long for its sets");
        let live = self.live(known, cut);
        let (kills, adds) = effect(&live, change, dot, now_ms);
        // What kills all begins anew.
        let presented = if kills.is_none() { Vec::new() } else { presented(&live, now_ms) };
        let before = adds.iter().map(|(path, base, _)| seen_there(&presented, path, *base, dot));
        let before: Vec<(Set, Set)> = before.collect();
        for fact in &mut self.facts {
            let seen = known >> fact.by & 1 == 1;
            if seen && kills.as_ref().is_none_or(|kills| kills.contains(&fact.element)) {
                fact.killers |= 1 << id;
            }
        }
        let adds = adds.into_iter().zip(before);
        self.facts.extend(adds.map(|((path, base, what), (meant, parts))| Fact {
            element: Element { path, base, part: what.part(), dot },
            by: id,
            saw: known | 1 << id,
            meant: if matches!(what, What::Share(_)) { 0 } else { meant } | 1 << id,
            what,
            parts: parts | 1 << id,
            killers: 0,
        }));
        self.events.push(Event { dot, seen: known });
        id
    }

    /// Whether all of `set` is in `known`, or settled as `is_settled` says.
    pub fn is_known(&self, set: Set, known: Set, is_settled: impl Fn(Dot) -> bool) -> bool {
        let missing = set & !known;
        (0..self.events.len()).all(|id| missing >> id & 1 == 0 || is_settled(self.events[id].dot))
    }
}

/// The values of a sibling that show, and the events in the own sum among them.
fn seen_there(presented: &[Group], path: &Path, base: BaseId, dot: Dot) -> (Set, Set) {
    let group = presented.iter().find(|group| group.path == path && group.base == base);
    let values = || group.into_iter().flat_map(|group| &group.facts);
    let own = values().find(|fact| is_own_sum(fact, dot));
    (values().fold(0, |meant, fact| meant | 1 << fact.by), own.map_or(0, |own| own.parts))
}

impl What {
    fn part(&self) -> Part {
        match self {
            What::Base(_) => Part::Base,
            What::Sum { .. } => Part::Increment,
            What::Deadline(_) | What::Share(_) => Part::Deadline,
        }
    }
}

/// What a record holds, element by element, in the order of the elements.
pub fn flat(record: &Record) -> Vec<Flat> {
    let elements = record.elements().map(|element| {
        let sibling = record.cells[&element.path].sibling(element.base).expect("its own element");
        let (what, named) = match element.part {
            Part::Base => (What::Base(sibling.base.value()), Vec::new()),
            Part::Increment => {
                let sum = sibling.increment(element.dot.actor).expect("its own element").sum;
                (What::Sum { payload: sibling.base.value(), sum }, Vec::new())
            }
            Part::Deadline => {
                let mut deadlines = sibling.deadlines.iter();
                let found = deadlines.find(|deadline| deadline.dot == element.dot);
                let deadline = found.expect("its own element");
                (What::Deadline(deadline.at_ms), deadline.covers.iter().collect())
            }
        };
        (element, what, named)
    });
    let mut flat: Vec<_> = elements.collect();
    flat.sort_by(|a, b| a.0.cmp(&b.0));
    flat
}

/// Checks the canonical form that makes `Eq` the equality of elements.
pub fn assert_canonical(record: &Record) {
    for register in record.cells.values() {
        assert!(!register.siblings.is_empty(), "no empty register");
        assert!(register.siblings.is_sorted_by(|a, b| a.base.id() < b.base.id()));
        for sibling in &register.siblings {
            assert!(sibling.has_value() || !sibling.deadlines.is_empty(), "no empty sibling");
            assert!(sibling.increments.is_sorted_by(|a, b| a.0 < b.0));
            assert!(sibling.deadlines.is_sorted_by(|a, b| a.dot < b.dot));
            if let Base::Value { value, .. } = &sibling.base {
                assert!(sibling.has_value() || value.is_empty(), "an orphan has no payload");
            }
        }
    }
}
