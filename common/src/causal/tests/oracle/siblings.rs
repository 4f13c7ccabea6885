//! What a history shows: siblings, deadlines and what they end, from facts alone.

use super::{Fact, What};
use crate::causal::{BaseId, Element, Kind, NEVER, Part, Path, Value};
use crate::clock::Hlc;
use crate::id::Dot;
use bytes::Bytes;

/// A sibling: the facts that share a path and a base.
///
/// A deadline speaks of what its issuer had seen. It counts as long as any of that lives. A value's
/// identity is its event, so whoever gave it a deadline meant all of it; ⊥ is everybody's, so there
/// only those increments go that the deadline's issuer had seen.
pub struct Group<'a> {
    pub path: &'a Path,
    pub base: BaseId,
    /// Of the values that have not expired.
    pub clock: Option<Dot>,
    /// Bases and sums that have not expired.
    pub facts: Vec<&'a Fact>,
    /// Those that have.
    pub expired: Vec<&'a Fact>,
    pub deadlines: Vec<&'a Fact>,
    /// The deadlines that count and whose time has come.
    pub ended: Vec<&'a Fact>,
    /// Those that count and are still to come.
    pub coming: Vec<&'a Fact>,
    /// Whether those are the end of all that shows here.
    pub whole: bool,
}

/// When a deadline comes, among those that count: whatever is given before puts it off.
fn comes(deadline: &Fact, all: &[&Fact]) -> u64 {
    let time = |fact: &Fact| deadline_in(fact).expect("a deadline");
    let mut at_ms = time(deadline);
    while let Some(later) =
        all.iter().find(|other| other.element.dot.hlc.wall_ms() < at_ms && time(other) > at_ms)
    {
        at_ms = time(later);
    }
    at_ms
}

/// Those of the deadlines whose time has come, and the others.
fn ended_and_coming<'a>(all: &[&'a Fact], now_ms: u64) -> (Vec<&'a Fact>, Vec<&'a Fact>) {
    all.iter().partition(|deadline| {
        let at_ms = comes(deadline, all);
        at_ms != NEVER && at_ms <= now_ms
    })
}

/// The latest time of these.
pub(super) fn time(deadlines: &[&Fact]) -> Option<u64> {
    deadlines.iter().filter_map(|fact| deadline_in(fact)).max()
}

impl Fact {
    /// Whether this fact's issuer had seen the event of that one.
    pub fn saw(&self, other: &Fact) -> bool {
        self.saw >> other.by & 1 == 1
    }

    /// Whether this deadline names that value.
    pub(super) fn names(&self, value: &Fact) -> bool {
        if matches!(self.what, What::Share(_)) { value.by == self.by } else { self.saw(value) }
    }
}

impl<'a> Group<'a> {
    /// `since`: what belongs to a collection and is not newer ended with it.
    pub fn new(
        path: &'a Path,
        base: BaseId,
        all: &[&'a Fact],
        (now_ms, since): (u64, Hlc),
    ) -> Group<'a> {
        let of_group = |fact: &&&Fact| fact.element.path == *path && fact.element.base == base;
        let all: Vec<&Fact> = all.iter().filter(of_group).copied().collect();
        let (deadlines, values): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|fact| deadline_in(fact).is_some());
        let counts = |deadline: &&&Fact| {
            // A sum goes on with what was seen of it.
            values.iter().any(|value| deadline.meant & value.parts != 0)
        };
        let counting: Vec<&Fact> = deadlines.iter().filter(counts).copied().collect();
        let (ended, coming) = ended_and_coming(&counting, now_ms);
        let reached = |by: &[&Fact], value: &Fact| {
            by.iter().any(|deadline| base != BaseId::Bottom || deadline.names(value))
        };
        let since = if *path == Path::Text { Hlc::ZERO } else { since };
        let (expired, facts): (Vec<_>, Vec<_>) = values.into_iter().partition(|value| {
            reached(&ended, value) || base == BaseId::Bottom && value.element.dot.hlc <= since
        });
        let clock = facts.iter().map(|fact| fact.element.dot).max().filter(|dot| dot.hlc > since);
        let whole = facts.iter().all(|value| reached(&coming, value));
        Group { path, base, clock, facts, expired, deadlines, ended, coming, whole }
    }

    pub fn deadline_ms(&self) -> Option<u64> {
        time(&self.coming).filter(|&at_ms| at_ms != NEVER && self.whole)
    }

    pub(super) fn holds(&self, fact: &Fact) -> bool {
        self.facts.iter().chain(&self.deadlines).any(|held| held.element == fact.element)
    }
}

pub(super) fn names_of(facts: &[&Fact]) -> impl Iterator<Item = Element> {
    facts.iter().map(|fact| fact.element.clone())
}

impl Group<'_> {
    pub fn payload(&self) -> Bytes {
        match &self.facts.last().expect("a group with a value").what {
            What::Base(value) | What::Sum { payload: value, .. } => value.clone(),
            What::Deadline(_) | What::Share(_) => unreachable!("these lie apart"),
        }
    }

    pub fn value(&self) -> Value {
        let sums: Vec<i128> = self.facts.iter().filter_map(|fact| sum_of(fact)).collect();
        if sums.is_empty() {
            return Value::Bytes(self.payload());
        }
        let payload = String::from_utf8(self.payload().to_vec()).expect("our own text");
        let start: i128 = payload.parse().unwrap_or(0);
        let total = start + sums.iter().sum::<i128>();
        Value::Integer(total.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

pub(super) fn is_own_sum(fact: &Fact, dot: Dot) -> bool {
    fact.element.part == Part::Increment && fact.element.dot.actor == dot.actor
}

pub(super) fn sum_of(fact: &Fact) -> Option<i128> {
    match fact.what {
        What::Sum { sum, .. } => Some(sum),
        _ => None,
    }
}

/// The siblings that show or stand behind what shows: with a value that has not expired.
pub fn presented<'a>(live: &[&'a Fact], now_ms: u64) -> Vec<Group<'a>> {
    let mut named: Vec<(&Path, BaseId)> = Vec::new();
    for &fact in live {
        let name = (&fact.element.path, fact.element.base);
        if !named.contains(&name) {
            named.push(name);
        }
    }
    let sight = (now_ms, collections_since(live, now_ms));
    let groups = named.into_iter().map(|(path, base)| Group::new(path, base, live, sight));
    groups.filter(|group| group.clock.is_some()).collect()
}

/// The collections' deadlines that have come, and those that are to come. Of several those count
/// that something living is old enough for.
pub(super) fn collection_deadlines<'a>(
    live: &[&'a Fact],
    now_ms: u64,
) -> (Vec<&'a Fact>, Vec<&'a Fact>) {
    let of_collection = |fact: &Fact| {
        !matches!(fact.element.path, Path::Text | Path::Deadline) && deadline_in(fact).is_none()
    };
    let (all, cells): (Vec<&Fact>, Vec<&Fact>) = live
        .iter()
        .filter(|fact| fact.element.path == Path::Deadline || of_collection(fact))
        .partition(|fact| fact.element.path == Path::Deadline);
    let is_old = |deadline: &&&Fact| {
        cells.iter().any(|cell| cell.element.dot.hlc <= deadline.element.dot.hlc)
    };
    let counting: Vec<&Fact> =
        all.iter().filter(|deadline| all.len() == 1 || is_old(deadline)).copied().collect();
    ended_and_coming(&counting, now_ms)
}

/// The clock up to which the collections have ended.
pub(super) fn collections_since(live: &[&Fact], now_ms: u64) -> Hlc {
    given(&collection_deadlines(live, now_ms).0)
}

fn given(deadlines: &[&Fact]) -> Hlc {
    deadlines.iter().map(|fact| fact.element.dot.hlc).max().unwrap_or_default()
}

/// The deadline of all that shows of the collections: what is added to them takes it over.
pub(super) fn collection_whole(live: &[&Fact], presented: &[Group], now_ms: u64) -> Option<u64> {
    let coming = collection_deadlines(live, now_ms).1;
    let mut cells = presented.iter().filter(|group| *group.path != Path::Text);
    let reached = |group: &Group| group.clock.is_some_and(|dot| dot.hlc <= given(&coming));
    time(&coming).filter(|_| cells.all(reached))
}

pub fn kind(presented: &[Group]) -> Option<Kind> {
    presented.iter().max_by_key(|group| group.clock)?.path.kind()
}

pub fn shown<'a, 'b>(presented: &'b [Group<'a>], path: &Path) -> Option<&'b Group<'a>> {
    presented.iter().filter(|group| group.path == path).max_by_key(|group| group.clock)
}

pub(super) fn deadline_of_key(live: &[&Fact], presented: &[Group], now_ms: u64) -> Option<u64> {
    if kind(presented)? == Kind::Text {
        return shown(presented, &Path::Text)?.deadline_ms();
    }
    collection_whole(live, presented, now_ms).filter(|&at_ms| at_ms != NEVER)
}

pub fn deadline_in(fact: &Fact) -> Option<u64> {
    match fact.what {
        What::Deadline(at_ms) | What::Share(at_ms) => Some(at_ms),
        _ => None,
    }
}
