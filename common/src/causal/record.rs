//! A record: all that one copy holds of a key.
//!
//! Its elements may be of one Redis type, or of several that were written concurrently; the live
//! dot with the highest clock decides what shows, and a write removes what it saw of the others.
//!
//! Invariant: no empty register; every element's dot is covered by the record's context or by the
//! horizon of its slot.

use super::cells::Cells;
use super::context::{Context, Horizon};
use super::position::Position;
use super::register::{Base, BaseId, Register, Sibling};
use crate::id::Dot;
use bytes::Bytes;

/// One copy of a key: what it has seen and what of that lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The events seen. With the horizon of the slot it is the *effective* context.
    pub context: Context,
    /// The elements, by path.
    pub cells: Cells,
}

/// A Redis type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What Redis calls a string.
    Text,
    /// Field → value.
    Hash,
    /// Members.
    Set,
    /// Member → score.
    Zset,
    /// Items by position.
    List,
}

/// Where a register lies inside a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// The value of a string.
    Text,
    /// A field of a hash.
    Field(Bytes),
    /// A member of a set; its value is empty.
    Member(Bytes),
    /// A member of a sorted set; its value is the score, 8 bytes of the `f64`'s bits, big-endian.
    Scored(Bytes),
    /// An item of a list, with the event that put it there.
    Item(Position, Dot),
    /// The deadlines of a collection, on ⊥: of several the latest time counts, for every cell that
    /// is not newer than all of them.
    Deadline,
}

/// The name of one element: what a removal names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// The register.
    pub path: Path,
    /// The sibling.
    pub base: BaseId,
    /// Which part of the sibling.
    pub part: Part,
    /// The event that added it.
    pub dot: Dot,
}

/// The parts of a sibling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The base value itself.
    Base,
    /// An actor's sum.
    Increment,
    /// A deadline.
    Deadline,
}

impl Path {
    /// The type that a cell here belongs to; `None` for the deadline of collections.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Path::Text => Some(Kind::Text),
            Path::Field(_) => Some(Kind::Hash),
            Path::Member(_) => Some(Kind::Set),
            Path::Scored(_) => Some(Kind::Zset),
            Path::Item(..) => Some(Kind::List),
            Path::Deadline => None,
        }
    }
}

impl Record {
    /// About as many bytes as it takes in a message: names of cells, values, and some for their events.
    pub fn bytes(&self) -> usize {
        const AN_EVENT: usize = 12;
        let of_sibling = |sibling: &Sibling| {
            let value = match &sibling.base {
                Base::Value { value, .. } => value.len(),
                Base::Bottom => 0,
            };
            value + AN_EVENT * (1 + sibling.increments.len() + sibling.deadlines.len())
        };
        let of_cell = |(path, register): (&Path, &Register)| {
            let name = match path {
                Path::Field(name) | Path::Member(name) | Path::Scored(name) => name.len(),
                Path::Item(..) => AN_EVENT,
                Path::Text | Path::Deadline => 0,
            };
            name + register.siblings.iter().map(of_sibling).sum::<usize>()
        };
        self.cells.iter().map(of_cell).sum::<usize>() + AN_EVENT * self.context.len()
    }

    /// Whether this copy has seen the event, itself or as settled history.
    pub fn knows(&self, dot: Dot, horizon: &Horizon) -> bool {
        horizon.covers(dot) || self.context.covers(dot)
    }

    /// Whether this copy has seen all that another one has, given its context and its slot's horizon.
    pub fn has_seen(&self, horizon: &Horizon, (context, theirs): (&Context, &Horizon)) -> bool {
        theirs.cut <= horizon.cut
            && context.iter().all(|dot| self.knows(dot, horizon))
            && (horizon.floor.includes(&theirs.floor)
                || theirs.floor.iter().all(|dot| self.knows(dot, horizon)))
    }

    /// Every element, in canonical order.
    pub fn elements(&self) -> impl Iterator<Item = Element> + '_ {
        self.cells.iter().flat_map(|(path, register)| {
            register.siblings.iter().flat_map(move |sibling| elements_at(path, sibling))
        })
    }

    /// The elements at one path.
    pub fn elements_of<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = Element> + 'a {
        let siblings = self.cells.get(path).into_iter().flat_map(|register| &register.siblings);
        siblings.flat_map(move |sibling| elements_at(path, sibling))
    }

    /// Forgets what the horizon says for it: context entries that it covers, and elements at or
    /// below the cut. True when nothing is left, and the record may go.
    ///
    /// Deadlines stay as they are, a PERSIST's among them. The floor says which events are settled,
    /// not that every holder had seen them when it wrote: one that was away may still bring an INCR
    /// that keeps the deadline which was removed. The next deadline replaces them all.
    ///
    /// To be called on every record when its slot's floor or cut rises; a record that is not there
    /// is an empty one.
    pub fn prune(&mut self, horizon: &Horizon) -> bool {
        self.context.remove_where(|dot| horizon.covers(dot));
        self.retain(|dot| !horizon.cuts(dot));
        self.context.is_empty() && self.cells.is_empty()
    }

    /// Keeps the elements whose dots `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(Dot) -> bool) {
        self.cells.change_all(|_, register| register.retain(&keep));
    }

    /// Removes one element; nothing happens if it is not there.
    pub(super) fn remove(&mut self, element: &Element) {
        let gone = |register: &mut Register| {
            register.remove(element.base, element.part, element.dot);
        };
        self.cells.change(&element.path, gone);
    }
}

/// The elements of one sibling.
pub(super) fn elements_at<'a>(
    path: &'a Path,
    sibling: &'a Sibling,
) -> impl Iterator<Item = Element> + use<'a> {
    let base = sibling.base.id();
    parts_of(sibling).map(move |(part, dot)| Element { path: path.clone(), base, part, dot })
}

/// What lives of one sibling: which parts of it, by which events.
pub(super) fn parts_of(sibling: &Sibling) -> impl Iterator<Item = (Part, Dot)> {
    let live = sibling.base.live_dot().map(|dot| (Part::Base, dot));
    let increments = sibling.increments.iter();
    let increments = increments.map(|&(actor, entry)| (Part::Increment, entry.dot(actor)));
    let deadlines = sibling.deadlines.iter().map(|deadline| (Part::Deadline, deadline.dot));
    live.into_iter().chain(increments).chain(deadlines)
}

impl Register {
    /// Keeps the elements whose dots `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(Dot) -> bool) {
        for sibling in &mut self.siblings {
            if let Base::Value { dot, live, .. } = &mut sibling.base {
                *live = *live && keep(*dot);
            }
            sibling.increments.retain(|&(actor, entry)| keep(entry.dot(actor)));
            sibling.deadlines.retain(|deadline| keep(deadline.dot));
        }
        self.tidy();
    }

    fn remove(&mut self, base: BaseId, part: Part, gone: Dot) {
        if self.sibling(base).is_none() {
            return;
        }
        let sibling = self.sibling_mut(base);
        match part {
            Part::Base => {
                if let Base::Value { live, .. } = &mut sibling.base {
                    *live = false;
                }
            }
            Part::Increment => {
                sibling.increments.retain(|&(actor, entry)| entry.dot(actor) != gone);
            }
            Part::Deadline => sibling.deadlines.retain(|deadline| deadline.dot != gone),
        }
        self.tidy();
    }
}
