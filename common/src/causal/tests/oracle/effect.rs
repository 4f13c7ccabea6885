//! What each change does to a history: which facts it kills and which it adds.

use super::siblings::{
    Group, collection_deadlines, collection_whole, collections_since, deadline_of_key, is_own_sum,
    kind, names_of, presented, shown, sum_of, time,
};
use super::{Fact, What};
use crate::causal::{BaseId, Change, Element, Kind, NEVER, Path};
use crate::clock::Hlc;
use crate::id::Dot;
use bytes::Bytes;

/// What a change does: which living facts it kills (all that was seen, if `None`) and what it adds.
pub(super) type Effect = (Option<Vec<Element>>, Vec<(Path, BaseId, What)>);

pub(super) fn effect(live: &[&Fact], change: &Change, dot: Dot, now_ms: u64) -> Effect {
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
