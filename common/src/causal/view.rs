//! What of a record shows: the view that Redis commands read.
//!
//! Expiry is a view: what has passed its deadline is absent here and changes no state. Of what is
//! left the live dot with the highest clock decides the type, and in each register the sibling with
//! the highest clock is the value.
//!
//! A deadline never takes what was put beside it or after it by somebody who knew of none: a part of
//! what is there may have expired, and the key then has no deadline that a client is told of.

use super::position::Position;
use super::record::{Kind, Path, Record};
use super::register::{Base, NEVER, Register, Sibling, Sight};
use crate::clock::Hlc;
use crate::id::Dot;
use bytes::Bytes;

/// A value as Redis sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// As it was set.
    Bytes(Bytes),
    /// A base with increments on it; sums beyond 64 bits show clamped.
    Integer(i64),
}

/// The string that a key shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextView {
    /// The shown sibling's value.
    pub value: Value,
    /// When the shown sibling expires.
    pub deadline_ms: Option<u64>,
    /// How many unexpired siblings there are, this one included.
    pub siblings: usize,
}

impl Value {
    /// The bytes that a reply carries.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Integer(number) => {
                Bytes::copy_from_slice(itoa::Buffer::new().format(*number).as_bytes())
            }
        }
    }
}

impl Sibling {
    /// The base with its unexpired increments added. A base that is no number counts as 0: INCR
    /// refuses such a value before it gets here.
    pub fn value(&self, sight: Sight) -> Value {
        if self.increments.is_empty() {
            return Value::Bytes(self.base.value());
        }
        let start = match &self.base {
            Base::Bottom => 0,
            Base::Value { value, .. } => parse_i64(value).unwrap_or(0),
        };
        let sums = self.unexpired(sight).map(|(_, entry)| entry.sum);
        let total = sums.fold(i128::from(start), i128::saturating_add);
        Value::Integer(total.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

fn parse_i64(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

impl Record {
    /// The type that shows; `None` if the key is absent.
    pub fn kind(&self, now_ms: u64) -> Option<Kind> {
        let sight = self.sight(now_ms);
        if let Some(kind) = self.only_kind() {
            // The first cell that shows decides: a large collection is not walked. Nor is one that
            // has expired.
            if kind != Kind::Text && sight.since != Hlc::ZERO && self.cells.newest() <= sight.since
            {
                return None;
            }
            let mut shown = self.cells.iter().filter(|(path, _)| path.kind().is_some());
            return shown
                .any(|(path, register)| shown_in(path, register, sight).is_some())
                .then_some(kind);
        }
        let shown = self.cells.iter().filter_map(|(path, register)| {
            let shown = shown_in(path, register, sight)?;
            Some((shown.clock(sight.of(path))?, path.kind()?))
        });
        shown.max().map(|(_, kind)| kind)
    }

    /// What a cell or the string shows, whatever type the key shows.
    pub fn shown(&self, path: &Path, now_ms: u64) -> Option<Shown<'_>> {
        let sight = self.sight(now_ms).of(path);
        Some(Shown { sibling: self.cells.get(path)?.shown(sight)?, sight })
    }

    /// Whether it does.
    pub fn shows(&self, path: &Path, now_ms: u64) -> bool {
        self.shown(path, now_ms).is_some()
    }

    /// From where its cells are looked at.
    pub(super) fn sight(&self, now_ms: u64) -> Sight {
        let deadlines = self.cells.collection_deadlines();
        let ended = deadlines.filter(|&(_, at_ms)| at_ms != NEVER && at_ms <= now_ms);
        let since = ended.map(|(deadline, _)| deadline.dot.hlc).max().unwrap_or_default();
        Sight { now_ms, since }
    }

    /// The type of all cells, when they are of one: nearly always. Paths are ordered by type, with
    /// the deadline of collections last, so the two ends tell.
    pub(super) fn only_kind(&self) -> Option<Kind> {
        let first = self.cells.keys().next()?.kind()?;
        let last = self.cells.keys().rev().find_map(Path::kind)?;
        (first == last).then_some(first)
    }

    /// The string that shows; `None` if the key is absent or of another type.
    pub fn text(&self, now_ms: u64) -> Option<TextView> {
        if self.kind(now_ms) != Some(Kind::Text) {
            return None;
        }
        let (register, sight) = (self.cells.get(&Path::Text)?, Sight::at(now_ms));
        let shown = register.shown(sight)?;
        Some(TextView {
            value: shown.value(sight),
            deadline_ms: shown.deadline_ms(sight),
            siblings: register.visible(sight).count(),
        })
    }

    /// When what shows expires.
    pub fn deadline_ms(&self, now_ms: u64) -> Option<u64> {
        match self.kind(now_ms)? {
            Kind::Text => self.shown(&Path::Text, now_ms)?.deadline_ms(),
            _ => self
                .coming_collection_ms(now_ms)
                .filter(|&at_ms| at_ms != NEVER && self.collections_end_whole(now_ms)),
        }
    }

    /// Whether what shows has a deadline to come, or a part of it: what PERSIST takes away.
    pub fn is_to_expire(&self, now_ms: u64) -> bool {
        let at_ms = match self.kind(now_ms) {
            None => None,
            Some(Kind::Text) => {
                self.shown(&Path::Text, now_ms).and_then(|shown| shown.sibling.coming_ms(now_ms))
            }
            Some(_) => self.coming_collection_ms(now_ms),
        };
        at_ms.is_some_and(|at_ms| at_ms != NEVER)
    }

    /// The fields of the hash that shows, by name; none if another type does.
    pub fn fields(&self, now_ms: u64) -> impl Iterator<Item = (&Bytes, Value)> {
        self.shown_cells(Kind::Hash, now_ms).filter_map(move |(path, shown)| match path {
            Path::Field(field) => Some((field, shown.value())),
            _ => None,
        })
    }

    /// One field of the hash that shows.
    pub fn field(&self, field: &Bytes, now_ms: u64) -> Option<Value> {
        if self.kind(now_ms) != Some(Kind::Hash) {
            return None;
        }
        Some(self.shown(&Path::Field(field.clone()), now_ms)?.value())
    }

    /// The members of the set that shows, by name.
    pub fn members(&self, now_ms: u64) -> impl Iterator<Item = &Bytes> {
        self.shown_cells(Kind::Set, now_ms).filter_map(|(path, _)| match path {
            Path::Member(member) => Some(member),
            _ => None,
        })
    }

    /// The members of the sorted set that shows, by name, with their scores.
    pub fn scores(&self, now_ms: u64) -> impl Iterator<Item = (&Bytes, f64)> {
        self.shown_cells(Kind::Zset, now_ms).filter_map(|(path, shown)| match path {
            Path::Scored(member) => Some((member, score(shown.sibling))),
            _ => None,
        })
    }

    /// The items of the list that shows, in order: where, put there by which event, and what.
    pub fn items(&self, now_ms: u64) -> impl DoubleEndedIterator<Item = (&Position, Dot, Bytes)> {
        self.shown_cells(Kind::List, now_ms).filter_map(|(path, shown)| match path {
            Path::Item(position, dot) => Some((position, *dot, shown.sibling.base.value())),
            _ => None,
        })
    }

    /// How many elements the collection has that shows; 0 if another type does. A walk only where
    /// elements can be there that do not show: expired fields, several types in one key.
    pub fn len(&self, kind: Kind, now_ms: u64) -> usize {
        match self.kind(now_ms) {
            Some(shown) if shown != kind => 0,
            None => 0,
            Some(_) if self.only_kind() == Some(kind) && !self.has_hidden(now_ms) => {
                self.cells.len() - usize::from(self.cells.contains_key(&Path::Deadline))
            }
            Some(_) => self.shown_cells(kind, now_ms).count(),
        }
    }

    /// The earliest time at which something in it expires: when the sweep should look again.
    /// Deadlines of nothing are due at their time, and at 0 if that never comes.
    pub fn min_deadline_ms(&self) -> Option<u64> {
        self.cells.due_ms()
    }

    /// The deadlines of the collections in it that are still to come: the latest of their clocks, and
    /// their time, which is one.
    fn coming_collection(&self, now_ms: u64) -> Option<(Hlc, u64)> {
        let coming = self.cells.collection_deadlines().filter(|&(_, at_ms)| at_ms > now_ms);
        let coming = coming.map(|(deadline, _)| (deadline.dot.hlc, deadline.at_ms));
        coming.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
    }

    /// When the collections in it end; [`NEVER`] if that was said.
    pub(super) fn coming_collection_ms(&self, now_ms: u64) -> Option<u64> {
        self.coming_collection(now_ms).map(|(_, at_ms)| at_ms)
    }

    /// Whether the deadline of the collections to come reaches all that shows of them: what is not
    /// newer. Whoever adds something and knows of a deadline gives it again with that, so what is
    /// newer was put by somebody who knew of none. A walk only where something newer is there, or
    /// was.
    pub(super) fn collections_end_whole(&self, now_ms: u64) -> bool {
        let given = self.coming_collection(now_ms).map_or(Hlc::ZERO, |(given, _)| given);
        let newer = Sight { since: given.max(self.sight(now_ms).since), now_ms };
        let mut cells = self.cells.iter();
        self.cells.newest() <= given
            || !cells.any(|(path, register)| {
                !matches!(path, Path::Text | Path::Deadline) && register.shown(newer).is_some()
            })
    }

    /// Whether a cell may be there that does not show.
    fn has_hidden(&self, now_ms: u64) -> bool {
        self.sight(now_ms).since != Hlc::ZERO
            || self.cells.fields_due_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    fn shown_cells(
        &self,
        kind: Kind,
        now_ms: u64,
    ) -> impl DoubleEndedIterator<Item = (&Path, Shown<'_>)> {
        let sight = self.sight(now_ms);
        let cells: Option<_> = (self.kind(now_ms) == Some(kind)).then(|| self.cells.iter());
        cells.into_iter().flatten().filter(move |(path, _)| path.kind() == Some(kind)).filter_map(
            move |(path, register): (&Path, &Register)| {
                let sibling = shown_in(path, register, sight)?;
                Some((path, Shown { sibling, sight: sight.of(path) }))
            },
        )
    }
}

/// A sibling that shows, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'r> {
    /// The sibling.
    pub sibling: &'r Sibling,
    sight: Sight,
}

impl Shown<'_> {
    /// Its value.
    pub fn value(&self) -> Value {
        self.sibling.value(self.sight)
    }

    /// When it expires by a deadline of its own.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.sibling.deadline_ms(self.sight)
    }
}

impl Sight {
    /// From where the register at a path is looked at.
    pub(super) fn of(self, path: &Path) -> Sight {
        if *path == Path::Text { Sight::at(self.now_ms) } else { self }
    }
}

fn shown_in<'a>(path: &Path, register: &'a Register, sight: Sight) -> Option<&'a Sibling> {
    register.shown(sight.of(path))
}

/// Scores are written by our own commands; anything else shows as 0.
fn score(shown: &Sibling) -> f64 {
    let bits = <[u8; 8]>::try_from(&shown.base.value()[..]);
    bits.map_or(0.0, |bits| f64::from_bits(u64::from_be_bytes(bits)))
}
