//! What a change does to the record that its coordinator holds.
//!
//! A change removes only what its coordinator sees, so nothing concurrent is lost; and it removes
//! all of it that it supersedes, shown or not, so siblings never pile up behind what shows.
//!
//! Invariant: every element that the delta adds has the delta's dot, and none that it removes is
//! unknown to the record.

use super::context::{Context, Horizon};
use super::delta::{Added, Change, Delta, Removed};
use super::record::{Element, Kind, Part, Path, Record, elements_at};
use super::register::{BaseId, NEVER, Sibling, Sight};
use crate::clock::Hlc;
use crate::id::Dot;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

impl Record {
    /// The effect that `change` has as the event `dot`. Changes nothing: the coordinator applies
    /// the delta as every other owner does.
    ///
    /// The dot must be new and above every clock in the record's context; the record must have been
    /// pruned since its slot's cut rose.
    pub fn plan(&self, change: Change, dot: Dot, horizon: &Horizon, now_ms: u64) -> Delta {
        assert!(!self.knows(dot, horizon), "a minted dot is new");
        assert!(dot.hlc > self.context.highest(), "a mint exceeds every clock in the context");
        let draft = Draft { record: self, dot, now_ms };
        let (removed, added) = match change {
            Change::Replace { value, deadline_ms } => draft.replace(value, deadline_ms),
            Change::Keep { value } => draft.replace(value, self.deadline_ms(now_ms)),
            Change::Clear => (Removed::AllCovered, Vec::new()),
            Change::Expire => draft.expire(),
            Change::Increment { path, by } => draft.increment(path, by),
            Change::Deadline(at_ms) => draft.deadline(at_ms),
            Change::FieldDeadline { paths, deadline_ms } => {
                draft.field_deadline(&paths, deadline_ms)
            }
            Change::Cells { kind, put, remove } => draft.cells(kind, put, &remove),
        };
        let (base, floor, cut) = (self.context.clone(), horizon.floor.clone(), horizon.cut);
        Delta { base, floor, cut, dot, removed, added }
    }
}

impl Delta {
    /// [`Change::Replace`] as the event `dot`, of any record that has seen `base` besides the horizon:
    /// what is in it makes no difference.
    pub fn replace(
        base: Context,
        horizon: Horizon,
        dot: Dot,
        (value, deadline_ms): (Bytes, Option<u64>),
    ) -> Delta {
        assert!(!horizon.covers(dot) && !base.covers(dot), "a minted dot is new");
        assert!(dot.hlc > base.highest(), "a mint exceeds every clock in the context");
        let (Horizon { floor, cut }, removed) = (horizon, Removed::AllCovered);
        Delta { base, floor, cut, dot, removed, added: text(dot, value, deadline_ms) }
    }

    /// The value and the deadline of a delta that [`Delta::replace`] made.
    pub fn replaced(&self) -> Option<(&Bytes, Option<u64>)> {
        let (value, deadline) = match &self.added[..] {
            [Added::Base { path: Path::Text, value }] => (value, None),
            [Added::Base { path: Path::Text, value }, deadline] => (value, Some(deadline)),
            _ => return None,
        };
        let deadline_ms = match deadline {
            None => None,
            Some(Added::Deadline { path: Path::Text, base, at_ms, covers })
                if *base == BaseId::Value(self.dot) && covers.is_empty() =>
            {
                Some(*at_ms)
            }
            Some(_) => return None,
        };
        (self.removed == Removed::AllCovered).then_some((value, deadline_ms))
    }
}

/// What a SET adds.
fn text(dot: Dot, value: Bytes, deadline_ms: Option<u64>) -> Vec<Added> {
    let mut added = vec![Added::Base { path: Path::Text, value }];
    let deadline = |at_ms| added_deadline(&Path::Text, BaseId::Value(dot), at_ms);
    added.extend(deadline_ms.map(deadline));
    added
}

type Effect = (Removed, Vec<Added>);

struct Draft<'a> {
    record: &'a Record,
    dot: Dot,
    now_ms: u64,
}

impl Draft<'_> {
    fn replace(&self, value: Bytes, deadline_ms: Option<u64>) -> Effect {
        (Removed::AllCovered, text(self.dot, value, deadline_ms))
    }

    fn expire(&self) -> Effect {
        // All of it, without a walk.
        if self.record.only_kind().is_some() && self.record.kind(self.now_ms).is_none() {
            return (Removed::AllCovered, Vec::new());
        }
        let sight = self.record.sight(self.now_ms);
        let mut gone = Vec::new();
        let mut kept = BTreeSet::new();
        for (path, register) in self.record.cells.iter().filter(|(path, _)| path.kind().is_some()) {
            let sight = sight.of(path);
            for sibling in &register.siblings {
                if !sibling.is_visible(sight) {
                    gone.extend(elements_at(path, sibling));
                    continue;
                }
                kept.insert(path.kind());
                gone.extend(ended(path, sibling, sight));
            }
        }
        if kept.is_empty() {
            return (Removed::AllCovered, Vec::new());
        }
        let deadlines = self.record.elements_of(&Path::Deadline);
        let no_collection = kept.iter().all(|&kind| kind == Some(Kind::Text));
        gone.extend(deadlines.filter(|e| no_collection || e.dot.hlc <= sight.since));
        (Removed::Elements(gone), Vec::new())
    }

    fn increment(&self, path: Path, by: i64) -> Effect {
        let kind = path.kind();
        debug_assert!(matches!(kind, Some(Kind::Text | Kind::Hash)), "only these hold numbers");
        if self.record.kind(self.now_ms) != kind {
            return (Removed::AllCovered, vec![self.first_increment(path, by)]);
        }
        let mut effect = (self.others_than(kind), Vec::new());
        if kind == Some(Kind::Hash) {
            self.keep_collection_deadline(&mut effect);
        }
        let (mut removed, mut added) = effect;
        let sight = self.record.sight(self.now_ms).of(&path);
        let register = self.record.cells.get(&path);
        let Some(shown) = register.and_then(|register| register.shown(sight)) else {
            removed.extend(self.record.elements_of(&path));
            added.push(self.first_increment(path, by));
            return (Removed::Elements(removed), added);
        };
        let (base, value) = (shown.base.id(), shown.base.value());
        let mut unexpired = shown.unexpired(sight);
        let own = unexpired.find(|(actor, _)| *actor == self.dot.actor);
        // On a base that lives no sum ends but with it.
        let begins = if shown.base.live_dot().is_some() { Hlc::ZERO } else { self.dot.hlc };
        let (sum, since) = own.map_or((0, begins), |(_, own)| (own.sum, own.since));
        let sum = sum.saturating_add(by.into());
        let is_own = |e: &Element| e.part == Part::Increment && e.dot.actor == self.dot.actor;
        let gone = self.record.elements_of(&path).filter(|e| e.base != base || is_own(e));
        removed.extend(gone);
        let deadline = self.carried((&path, shown, sight), &mut removed);
        added.push(Added::Increment { path, base, value, sum, since });
        added.extend(deadline);
        (Removed::Elements(removed), added)
    }

    fn first_increment(&self, path: Path, by: i64) -> Added {
        let (base, value, since) = (BaseId::Bottom, Bytes::new(), self.dot.hlc);
        Added::Increment { path, base, value, sum: by.into(), since }
    }

    /// The deadline of a sibling that the event counts up, under the event's dot: whoever removes
    /// the old one does not take this one, so what survives still expires.
    ///
    /// One that reaches only a part of the sibling stays with that part: with the actor's own sum, if
    /// that is in it.
    fn carried(
        &self,
        (path, shown, sight): (&Path, &Sibling, Sight),
        removed: &mut Vec<Element>,
    ) -> Option<Added> {
        let coming = shown.coming_ms(self.now_ms);
        let whole = coming.is_some() && shown.is_reached_whole(sight);
        let is_own = |element: &Element| {
            element.part == Part::Increment && element.dot.actor == self.dot.actor
        };
        let gives_up = |e: &Element| e.part == Part::Deadline && (whole || coming.is_none());
        let there = elements_at(path, shown).filter(gives_up);
        removed.extend(ended(path, shown, sight).filter(|e| !is_own(e) && !gives_up(e)));
        removed.extend(there);
        let mut unexpired = shown.unexpired(sight).map(|(actor, entry)| entry.dot(actor));
        let own = unexpired.find(|dot| dot.actor == self.dot.actor);
        let covers = if whole {
            let mut seen = seen_on(shown, sight);
            seen.insert(self.dot);
            seen
        } else if own.is_some_and(|own| shown.is_to_end(own, self.now_ms)) {
            Context::single(self.dot)
        } else {
            return None;
        };
        let (path, base) = (path.clone(), shown.base.id());
        Some(Added::Deadline { path, base, at_ms: coming?, covers })
    }

    fn deadline(&self, at_ms: Option<u64>) -> Effect {
        let mut effect = (Vec::new(), Vec::new());
        self.deadline_on(&Path::Text, at_ms, &mut effect);
        if self.shows_collection() {
            let coming = self.record.coming_collection_ms(self.now_ms);
            let at_ms = at_ms.or(coming.filter(|&at_ms| at_ms != NEVER).map(|_| NEVER));
            self.set_collection_deadline(at_ms, &mut effect);
        }
        (Removed::Elements(effect.0), effect.1)
    }

    fn field_deadline(&self, paths: &[Path], at_ms: Option<u64>) -> Effect {
        let mut effect = (Vec::new(), Vec::new());
        if self.record.kind(self.now_ms) == Some(Kind::Hash) {
            for path in paths.iter().collect::<BTreeSet<_>>() {
                debug_assert_eq!(path.kind(), Some(Kind::Hash), "only fields have deadlines");
                self.deadline_on(path, at_ms, &mut effect);
            }
        }
        (Removed::Elements(effect.0), effect.1)
    }

    fn cells(&self, kind: Kind, put: Vec<(Path, Bytes)>, remove: &[Path]) -> Effect {
        let put: BTreeMap<Path, Bytes> = put.into_iter().collect();
        let of_kind = |path: &Path| path.kind() == Some(kind) && kind != Kind::Text;
        debug_assert!(put.keys().chain(remove).all(of_kind), "all paths are of the command's type");
        let touched: BTreeSet<&Path> = put.keys().chain(remove).collect();
        let fresh = self.record.kind(self.now_ms) != Some(kind);
        let mut effect = (Vec::new(), Vec::new());
        let all = fresh || put.is_empty() && !self.shows_beside(kind, &touched);
        if !all {
            effect.0 = self.others_than(Some(kind));
            effect.0.extend(touched.iter().flat_map(|path| self.record.elements_of(path)));
            if !put.is_empty() {
                self.keep_collection_deadline(&mut effect);
            }
        }
        let (gone, mut added) = effect;
        added.extend(put.into_iter().map(|(path, value)| Added::Base { path, value }));
        (if all { Removed::AllCovered } else { Removed::Elements(gone) }, added)
    }

    /// The deadline of the collections, under the event's own dot: see [`Draft::carried`].
    fn keep_collection_deadline(&self, effect: &mut (Vec<Element>, Vec<Added>)) {
        let coming = self.record.coming_collection_ms(self.now_ms);
        if coming.is_some() && self.record.collections_end_whole(self.now_ms) {
            self.set_collection_deadline(coming, effect);
        }
    }

    fn set_collection_deadline(
        &self,
        at_ms: Option<u64>,
        (removed, added): &mut (Vec<Element>, Vec<Added>),
    ) {
        let Some(at_ms) = at_ms else { return };
        let sight = self.record.sight(self.now_ms);
        if sight.since != Hlc::ZERO {
            // What the old deadline ended would be back without it.
            let cells = self.record.cells.iter();
            for (path, register) in
                cells.filter(|(path, _)| !matches!(path, Path::Text | Path::Deadline))
            {
                for sibling in &register.siblings {
                    let shows = sibling.is_visible(sight);
                    let gone = |e: &Element| !shows || is_expired(sibling, e, sight);
                    removed.extend(elements_at(path, sibling).filter(gone));
                }
            }
        }
        removed.extend(self.record.elements_of(&Path::Deadline));
        added.push(added_deadline(&Path::Deadline, BaseId::Bottom, at_ms));
    }

    /// Replaces the deadlines of the visible siblings at `path`.
    fn deadline_on(
        &self,
        path: &Path,
        at_ms: Option<u64>,
        (removed, added): &mut (Vec<Element>, Vec<Added>),
    ) {
        let Some(register) = self.record.cells.get(path) else { return };
        let sight = self.record.sight(self.now_ms).of(path);
        for sibling in register.visible(sight) {
            let comes = sibling.coming_ms(self.now_ms).is_some_and(|at_ms| at_ms != NEVER);
            if let Some(at_ms) = at_ms.or(comes.then_some(NEVER)) {
                let gone = |e: &Element| e.part == Part::Deadline || is_expired(sibling, e, sight);
                removed.extend(elements_at(path, sibling).filter(gone));
                let (path, base, covers) =
                    (path.clone(), sibling.base.id(), seen_on(sibling, sight));
                added.push(Added::Deadline { path, base, at_ms, covers });
            }
        }
    }

    /// The elements of every type but `kind`; the deadline of collections belongs to all of those.
    fn others_than(&self, kind: Option<Kind>) -> Vec<Element> {
        // Nearly always there is nothing else, and a large collection is not walked to see it. The
        // deadline of collections is foreign to a string.
        if kind != Some(Kind::Text) && self.record.only_kind() == kind {
            return Vec::new();
        }
        let foreign = |path: &Path| match path.kind() {
            None => kind == Some(Kind::Text),
            other => other != kind,
        };
        let cells = self.record.cells.iter().filter(|(path, _)| foreign(path));
        let siblings = cells.flat_map(|(path, register)| {
            register.siblings.iter().map(move |sibling| (path, sibling))
        });
        siblings.flat_map(|(path, sibling)| elements_at(path, sibling)).collect()
    }

    fn shows_collection(&self) -> bool {
        let mut paths = self.record.cells.keys();
        paths.any(|path| {
            !matches!(path, Path::Text | Path::Deadline)
                && self.record.shown(path, self.now_ms).is_some()
        })
    }

    /// Whether a cell of the shown collection is left when those at `touched` go.
    fn shows_beside(&self, kind: Kind, touched: &BTreeSet<&Path>) -> bool {
        self.record.cells.keys().any(|path| {
            path.kind() == Some(kind)
                && !touched.contains(path)
                && self.record.shown(path, self.now_ms).is_some()
        })
    }
}

/// What a deadline that is given now names of a sibling.
fn seen_on(sibling: &Sibling, sight: Sight) -> Context {
    sibling.unexpired(sight).map(|(actor, entry)| entry.dot(actor)).collect()
}

/// The deadlines of a visible sibling whose time has come, with the part of it that expired: without
/// them it would be back.
fn ended<'a>(
    path: &'a Path,
    sibling: &'a Sibling,
    sight: Sight,
) -> impl Iterator<Item = Element> + use<'a> {
    elements_at(path, sibling).filter(move |element| {
        is_expired(sibling, element, sight)
            || element.part == Part::Deadline
                && sibling.ended(sight.now_ms).any(|deadline| deadline.dot == element.dot)
    })
}

fn is_expired(sibling: &Sibling, element: &Element, sight: Sight) -> bool {
    element.part == Part::Increment && sibling.has_expired(element.dot, sight)
}

fn added_deadline(path: &Path, base: BaseId, at_ms: u64) -> Added {
    Added::Deadline { path: path.clone(), base, at_ms, covers: Context::new() }
}
