//! What a record must hold, told from whole histories.
//!
//! Every event keeps the full set of events that its issuer had seen. An event adds facts and kills
//! facts; what lives for someone who knows a set of events is what one of them added and none of
//! them killed. No contexts, no registers, no joins: a join here is the union of two sets.

use crate::causal::{Base, BaseId, Change, Element, Kind, NEVER, Part, Path, Record, Value};
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

/// What a change does: which living facts it kills (all that was seen, if `None`) and what it adds.
type Effect = (Option<Vec<Element>>, Vec<(Path, BaseId, What)>);

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
fn time(deadlines: &[&Fact]) -> Option<u64> {
    deadlines.iter().filter_map(|fact| deadline_in(fact)).max()
}

impl Fact {
    /// Whether this fact's issuer had seen the event of that one.
    pub fn saw(&self, other: &Fact) -> bool {
        self.saw >> other.by & 1 == 1
    }

    /// Whether this deadline names that value.
    fn names(&self, value: &Fact) -> bool {
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

    fn holds(&self, fact: &Fact) -> bool {
        self.facts.iter().chain(&self.deadlines).any(|held| held.element == fact.element)
    }
}

fn names_of(facts: &[&Fact]) -> impl Iterator<Item = Element> {
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

fn is_own_sum(fact: &Fact, dot: Dot) -> bool {
    fact.element.part == Part::Increment && fact.element.dot.actor == dot.actor
}

fn sum_of(fact: &Fact) -> Option<i128> {
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
fn collection_deadlines<'a>(live: &[&'a Fact], now_ms: u64) -> (Vec<&'a Fact>, Vec<&'a Fact>) {
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
fn collections_since(live: &[&Fact], now_ms: u64) -> Hlc {
    given(&collection_deadlines(live, now_ms).0)
}

fn given(deadlines: &[&Fact]) -> Hlc {
    deadlines.iter().map(|fact| fact.element.dot.hlc).max().unwrap_or_default()
}

/// The deadline of all that shows of the collections: what is added to them takes it over.
fn collection_whole(live: &[&Fact], presented: &[Group], now_ms: u64) -> Option<u64> {
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

fn deadline_of_key(live: &[&Fact], presented: &[Group], now_ms: u64) -> Option<u64> {
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

fn effect(live: &[&Fact], change: &Change, dot: Dot, now_ms: u64) -> Effect {
    let presented = presented(live, now_ms);
    let set = |value: &Bytes, deadline_ms: Option<u64>| {
        let base = BaseId::Value(dot);
        let mut adds = vec![(Path::Text, base, What::Base(value.clone()))];
        adds.extend(deadline_ms.map(|at_ms| (Path::Text, base, What::Deadline(at_ms))));
        (None, adds)
    };
    match change {
        Change::Replace { value, deadline_ms } => set(value, *deadline_ms),
        Change::Keep { value } => set(value, deadline_of_key(live, &presented, now_ms)),
        Change::Clear => (None, Vec::new()),
        Change::Expire => expire(live, &presented, now_ms),
        Change::Increment { path, by } => increment(live, &presented, path, *by, dot, now_ms),
        Change::Deadline(at_ms) => {
            let reached = |group: &Group| *group.path == Path::Text;
            let (mut kills, mut adds) = set_deadlines(&presented, reached, *at_ms);
            if presented.iter().any(|group| *group.path != Path::Text) {
                let given = at_ms.or(persisted(time(&collection_deadlines(live, now_ms).1)));
                collection_deadline((live, &presented), given, now_ms, &mut kills, &mut adds);
            }
            (Some(kills), adds)
        }
        Change::FieldDeadline { paths, deadline_ms } => {
            let is_hash = kind(&presented) == Some(Kind::Hash);
            let reached = |group: &Group| is_hash && paths.contains(group.path);
            let (kills, adds) = set_deadlines(&presented, reached, *deadline_ms);
            (Some(kills), adds)
        }
        Change::Cells { kind, put, remove } => {
            cells(live, &presented, (*kind, put, remove), dot, now_ms)
        }
    }
}

fn elements(live: &[&Fact], of: impl Fn(&Path) -> bool) -> Vec<Element> {
    let facts = live.iter().filter(|fact| of(&fact.element.path));
    facts.map(|fact| fact.element.clone()).collect()
}

/// Cells of other types than `kind`, with the deadline of collections if that is a string's.
fn foreign(path: &Path, kind: Kind) -> bool {
    path.kind().map_or(kind == Kind::Text, |other| other != kind)
}

fn expire(live: &[&Fact], presented: &[Group], now_ms: u64) -> Effect {
    if presented.is_empty() {
        return (None, Vec::new());
    }
    let (since, collection) =
        (collections_since(live, now_ms), presented.iter().any(|group| *group.path != Path::Text));
    let stays = |fact: &&&Fact| {
        let ended = |group: &Group| group.ended.iter().any(|gone| gone.element == fact.element);
        presented.iter().any(|group| group.holds(fact) && !ended(group))
            || fact.element.path == Path::Deadline && collection && fact.element.dot.hlc > since
    };
    let gone = live.iter().filter(|fact| !stays(fact));
    (Some(gone.map(|fact| fact.element.clone()).collect()), Vec::new())
}

fn increment(
    live: &[&Fact],
    presented: &[Group],
    path: &Path,
    by: i64,
    dot: Dot,
    now_ms: u64,
) -> Effect {
    let own = |fact: &Fact| is_own_sum(fact, dot);
    let first = What::Sum { payload: Bytes::new(), sum: by.into() };
    if kind(presented) != path.kind() {
        return (None, vec![(path.clone(), BaseId::Bottom, first)]);
    }
    let other = |at: &Path| foreign(at, path.kind().expect("text or field"));
    let (mut kills, mut adds) = (elements(live, other), Vec::new());
    if *path != Path::Text {
        let time = collection_whole(live, presented, now_ms);
        collection_deadline((live, presented), time, now_ms, &mut kills, &mut adds);
    }
    let Some(shown) = shown(presented, path) else {
        kills.extend(elements(live, |at| at == path));
        adds.push((path.clone(), BaseId::Bottom, first));
        return (Some(kills), adds);
    };
    let here = live.iter().filter(|fact| fact.element.path == *path);
    let gone = here.filter(|fact| fact.element.base != shown.base || own(fact));
    kills.extend(gone.map(|fact| fact.element.clone()));
    let before = shown.facts.iter().find(|fact| own(fact)).and_then(|fact| sum_of(fact));
    let sum = before.unwrap_or(0) + i128::from(by);
    let payload = match shown.base {
        BaseId::Bottom => Bytes::new(),
        BaseId::Value(_) => shown.payload(),
    };
    adds.push((path.clone(), shown.base, What::Sum { payload, sum }));
    // The deadline of all that was seen is the deadline of what is added to it; that of a part of it
    // is the deadline of the own sum, if that is in it.
    kills.extend(names_of(&shown.expired));
    kills.extend(names_of(&shown.ended));
    let reaches = |value: &Fact| {
        let mut coming = shown.coming.iter();
        coming.any(|deadline| shown.base != BaseId::Bottom || deadline.names(value))
    };
    let own_ends = shown.facts.iter().find(|fact| own(fact)).is_some_and(|fact| reaches(fact));
    let given = match time(&shown.coming) {
        Some(at_ms) if shown.whole => Some(What::Deadline(at_ms)),
        Some(at_ms) if own_ends => Some(What::Share(at_ms)),
        _ => None,
    };
    if shown.whole || shown.coming.is_empty() {
        kills.extend(names_of(&shown.deadlines));
    }
    adds.extend(given.map(|what| (path.clone(), shown.base, what)));
    (Some(kills), adds)
}

/// What PERSIST says where there is a deadline that comes.
fn persisted(time: Option<u64>) -> Option<u64> {
    time.filter(|&at_ms| at_ms != NEVER).map(|_| NEVER)
}

/// The collections' deadlines give way to this one, if there is one, and with those that have come
/// what they have ended, or it would be back.
fn collection_deadline(
    (live, presented): (&[&Fact], &[Group]),
    time: Option<u64>,
    now_ms: u64,
    kills: &mut Vec<Element>,
    adds: &mut Vec<(Path, BaseId, What)>,
) {
    let Some(at_ms) = time else { return };
    if collections_since(live, now_ms) != Hlc::ZERO {
        let shows = |fact: &Fact| {
            fact.element.path == Path::Text || presented.iter().any(|group| group.holds(fact))
        };
        kills.extend(live.iter().filter(|fact| !shows(fact)).map(|fact| fact.element.clone()));
    }
    kills.extend(elements(live, |path| *path == Path::Deadline));
    adds.push((Path::Deadline, BaseId::Bottom, What::Deadline(at_ms)));
}

fn set_deadlines(
    presented: &[Group],
    reached: impl Fn(&Group) -> bool,
    at_ms: Option<u64>,
) -> (Vec<Element>, Vec<(Path, BaseId, What)>) {
    let (mut kills, mut adds) = (Vec::new(), Vec::new());
    for group in presented.iter().filter(|group| reached(group)) {
        if let Some(at_ms) = at_ms.or(persisted(time(&group.coming))) {
            kills.extend(names_of(&group.deadlines));
            kills.extend(names_of(&group.expired));
            adds.push((group.path.clone(), group.base, What::Deadline(at_ms)));
        }
    }
    (kills, adds)
}

fn cells(
    live: &[&Fact],
    presented: &[Group],
    (of, put, remove): (Kind, &[(Path, Bytes)], &[Path]),
    dot: Dot,
    now_ms: u64,
) -> Effect {
    let is_put = |path: &Path| put.iter().any(|(at, _)| at == path);
    let mut adds: Vec<(Path, BaseId, What)> = Vec::new();
    for (path, value) in put.iter().rev() {
        if !adds.iter().any(|(at, ..)| at == path) {
            adds.push((path.clone(), BaseId::Value(dot), What::Base(value.clone())));
        }
    }
    let touched = |path: &Path| is_put(path) || remove.contains(path);
    let mut rest = presented.iter().filter(|group| group.path.kind() == Some(of));
    let nothing_left = put.is_empty() && rest.all(|group| touched(group.path));
    if kind(presented) != Some(of) || nothing_left {
        return (None, adds);
    }
    let mut kills = elements(live, |path| touched(path) || foreign(path, of));
    if !put.is_empty() {
        let time = collection_whole(live, presented, now_ms);
        collection_deadline((live, presented), time, now_ms, &mut kills, &mut adds);
    }
    (Some(kills), adds)
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
