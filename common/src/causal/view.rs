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
use super::register::{Base, NEVER, Register, Sibling};
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
    pub fn value(&self, now_ms: u64) -> Value {
        if self.increments.is_empty() {
            return Value::Bytes(self.base.value());
        }
        let start = match &self.base {
            Base::Bottom => 0,
            Base::Value { value, .. } => parse_i64(value).unwrap_or(0),
        };
        let sums = self.unexpired(now_ms).map(|(_, entry)| entry.sum);
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
        let since = self.collections_since(now_ms);
        if let Some(kind) = self.only_kind() {
            // The first cell that shows decides: a large collection is not walked. Nor is one that
            // has expired.
            if kind != Kind::Text && since != Hlc::ZERO && self.cells.newest() <= since {
                return None;
            }
            let shows = self.cells.iter().any(|(path, register)| {
                path.kind().is_some() && shown_in(path, register, since, now_ms).is_some()
            });
            return shows.then_some(kind);
        }
        let shown = self.cells.iter().filter_map(|(path, register)| {
            let shown = shown_in(path, register, since, now_ms)?;
            Some((shown.clock(now_ms)?, path.kind()?))
        });
        shown.max().map(|(_, kind)| kind)
    }

    /// What a cell or the string shows, whatever type the key shows.
    pub fn shown(&self, path: &Path, now_ms: u64) -> Option<&Sibling> {
        shown_in(path, self.cells.get(path)?, self.collections_since(now_ms), now_ms)
    }

    /// Whether it does.
    pub fn shows(&self, path: &Path, now_ms: u64) -> bool {
        self.shown(path, now_ms).is_some()
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
        let register = self.cells.get(&Path::Text)?;
        let shown = register.shown(now_ms)?;
        Some(TextView {
            value: shown.value(now_ms),
            deadline_ms: shown.deadline_ms(),
            siblings: register.visible(now_ms).count(),
        })
    }

    /// When what shows expires.
    pub fn deadline_ms(&self, now_ms: u64) -> Option<u64> {
        match self.kind(now_ms)? {
            Kind::Text => self.cells.get(&Path::Text)?.shown(now_ms)?.deadline_ms(),
            _ => self
                .collection_deadline_ms()
                .filter(|&at_ms| at_ms > now_ms && self.collections_end_whole(now_ms)),
        }
    }

    /// The fields of the hash that shows, by name; none if another type does.
    pub fn fields(&self, now_ms: u64) -> impl Iterator<Item = (&Bytes, Value)> {
        self.shown_cells(Kind::Hash, now_ms).filter_map(move |(path, shown)| match path {
            Path::Field(field) => Some((field, shown.value(now_ms))),
            _ => None,
        })
    }

    /// One field of the hash that shows.
    pub fn field(&self, field: &Bytes, now_ms: u64) -> Option<Value> {
        if self.kind(now_ms) != Some(Kind::Hash) {
            return None;
        }
        Some(self.shown(&Path::Field(field.clone()), now_ms)?.value(now_ms))
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
            Path::Scored(member) => Some((member, score(shown))),
            _ => None,
        })
    }

    /// The items of the list that shows, in order: where, put there by which event, and what.
    pub fn items(&self, now_ms: u64) -> impl DoubleEndedIterator<Item = (&Position, Dot, Bytes)> {
        self.shown_cells(Kind::List, now_ms).filter_map(|(path, shown)| match path {
            Path::Item(position, dot) => Some((position, *dot, shown.base.value())),
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

    /// The deadline of the collections in it; `None` if it never comes.
    pub(super) fn collection_deadline_ms(&self) -> Option<u64> {
        self.cells.get(&Path::Deadline)?.latest_ms().filter(|&at_ms| at_ms != NEVER)
    }

    /// The clock that a cell of a collection must exceed to show: zero until the deadline has passed.
    pub(super) fn collections_since(&self, now_ms: u64) -> Hlc {
        let passed = self.collection_deadline_ms().is_some_and(|at_ms| at_ms <= now_ms);
        if passed { self.collection_deadline_given() } else { Hlc::ZERO }
    }

    /// When the latest deadline of the collections was given. It reaches what is not newer: whoever
    /// adds something and knows of a deadline gives it again with that, so what is newer was put by
    /// somebody who knew of none, in the next collection of this name perhaps.
    fn collection_deadline_given(&self) -> Hlc {
        let siblings = self.cells.get(&Path::Deadline).into_iter().flat_map(|r| &r.siblings);
        let deadlines = siblings.flat_map(|sibling| &sibling.deadlines);
        deadlines.map(|deadline| deadline.dot.hlc).max().unwrap_or_default()
    }

    /// Whether the deadline of the collections reaches all that shows of them. A walk only where
    /// something newer is there, or was.
    pub(super) fn collections_end_whole(&self, now_ms: u64) -> bool {
        let given = self.collection_deadline_given();
        let mut cells = self.cells.iter();
        self.cells.newest() <= given
            || !cells.any(|(path, register)| {
                !matches!(path, Path::Text | Path::Deadline)
                    && register.shown_since(given, now_ms).is_some()
            })
    }

    /// Whether a cell may be there that does not show.
    fn has_hidden(&self, now_ms: u64) -> bool {
        self.collections_since(now_ms) != Hlc::ZERO
            || self.cells.fields_due_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    fn shown_cells(
        &self,
        kind: Kind,
        now_ms: u64,
    ) -> impl DoubleEndedIterator<Item = (&Path, &Sibling)> {
        let since = self.collections_since(now_ms);
        let cells: Option<_> = (self.kind(now_ms) == Some(kind)).then(|| self.cells.iter());
        cells.into_iter().flatten().filter(move |(path, _)| path.kind() == Some(kind)).filter_map(
            move |(path, register): (&Path, &Register)| {
                Some((path, shown_in(path, register, since, now_ms)?))
            },
        )
    }
}

fn shown_in<'a>(
    path: &Path,
    register: &'a Register,
    collections_since: Hlc,
    now_ms: u64,
) -> Option<&'a Sibling> {
    match path {
        Path::Text => register.shown(now_ms),
        _ if collections_since == Hlc::ZERO => register.shown(now_ms),
        _ => register.shown_since(collections_since, now_ms),
    }
}

/// Scores are written by our own commands; anything else shows as 0.
fn score(shown: &Sibling) -> f64 {
    let bits = <[u8; 8]>::try_from(&shown.base.value()[..]);
    bits.map_or(0.0, |bits| f64::from_bits(u64::from_be_bytes(bits)))
}
