//! What two whole copies of a record make together.
//!
//! Element by element: one that both hold stays; one that only one side holds stays unless the
//! other has seen its event, for then the other saw it go. The contexts take their maximum. No rule
//! looks at two elements at once (a base's payload aside), or the join would not be associative.
//!
//! Invariant: commutative, associative and idempotent; the result has seen what either side had.

use super::context::{Context, Horizon};
use super::record::{Path, Record};
use super::register::{Base, BaseId, Deadline, Register, Sibling};
use crate::id::Dot;
use bytes::Bytes;
use std::borrow::Cow;

impl Record {
    /// Joins another copy of the key into this one.
    ///
    /// The other's floor becomes part of this record's context. Its cut cannot: the caller raises
    /// its own cut to the other's before it applies any further delta (`cut` is a maximum, part of
    /// every exchange). Elements at or below either cut are dead already in the result.
    pub fn join(&mut self, mine: &Horizon, other: &Record, theirs: &Horizon) {
        let there = |path: &Path, _: &Register| {
            Cow::Borrowed(other.cells.get(path).map_or(&[][..], |there| &there.siblings))
        };
        self.join_cells(mine, (&other.context, theirs), there, other.cells.iter());
    }

    /// The same with a copy that is told cell by cell: what it has seen, `there` what it holds where
    /// this record has a register, and `more` at least the cells that this record has not.
    pub(super) fn join_cells<'a>(
        &mut self,
        mine: &Horizon,
        (context, theirs): (&Context, &Horizon),
        there: impl Fn(&Path, &Register) -> Cow<'a, [Sibling]>,
        more: impl Iterator<Item = (&'a Path, &'a Register)>,
    ) {
        let cut = mine.cut.max(theirs.cut);
        let rule = Rule {
            seen_here: &|dot: Dot| self.context.covers(dot) || mine.covers(dot),
            seen_there: &|dot: Dot| context.covers(dot) || theirs.covers(dot),
            cut: &|dot: Dot| dot.hlc <= cut,
        };
        let mut cells = std::mem::take(&mut self.cells);
        cells.change_all(|path, register| {
            let there = there(path, register);
            rule.join(register, &there);
        });
        for (path, there) in more {
            if !cells.contains_key(path) {
                cells.change(path, |register| rule.join(register, &there.siblings));
            }
        }
        self.cells = cells;
        self.context.merge(context);
        theirs.floor.iter().for_each(|dot| self.context.insert(dot));
        self.context.remove_where(|dot| mine.covers(dot));
    }
}

struct Rule<'a> {
    seen_here: &'a dyn Fn(Dot) -> bool,
    seen_there: &'a dyn Fn(Dot) -> bool,
    cut: &'a dyn Fn(Dot) -> bool,
}

impl Rule<'_> {
    /// The whole law of the join.
    fn keeps(&self, dot: Dot, here: bool, there: bool) -> bool {
        !(self.cut)(dot)
            && match (here, there) {
                (true, true) => true,
                (true, false) => !(self.seen_there)(dot),
                (false, true) => !(self.seen_here)(dot),
                (false, false) => false,
            }
    }

    /// `register` may come out empty.
    fn join(&self, register: &mut Register, there: &[Sibling]) {
        for theirs in there {
            register.sibling_mut(theirs.base.id());
        }
        // Both are sorted, and each of theirs has its counterpart now: one walk.
        let mut there = there.iter().peekable();
        for sibling in &mut register.siblings {
            let id = sibling.base.id();
            match there.next_if(|theirs| theirs.base.id() == id) {
                Some(theirs) => self.join_sibling(sibling, theirs),
                None => self.join_sibling(sibling, &Sibling::empty(id)),
            }
        }
        register.tidy();
    }

    fn join_sibling(&self, here: &mut Sibling, there: &Sibling) {
        // Whichever side has a value holds the payload that its increments need.
        let value = if here.has_value() { here.base.value() } else { there.base.value() };
        self.join_base(&mut here.base, &there.base, value);
        for &(actor, entry) in &there.increments {
            let dot = entry.dot(actor);
            let ours = here.increment(actor);
            let both = ours.is_some_and(|ours| ours.last == entry.last);
            // A surviving entry of ours that is newer was minted knowing theirs.
            let newest = ours.is_none_or(|ours| ours.last < entry.last);
            if !both && newest && self.keeps(dot, false, true) {
                here.set_increment(actor, entry);
            }
        }
        here.increments.retain(|&(actor, entry)| {
            let both = there.increment(actor).is_some_and(|theirs| theirs.last == entry.last);
            both && !(self.cut)(entry.dot(actor)) || self.keeps(entry.dot(actor), true, false)
        });
        let ours: Vec<Deadline> = std::mem::take(&mut here.deadlines);
        let has = |deadlines: &[Deadline], dot| {
            deadlines.binary_search_by_key(&dot, |deadline| deadline.dot).is_ok()
        };
        for deadline in ours.iter().chain(&there.deadlines) {
            let dot = deadline.dot;
            if self.keeps(dot, has(&ours, dot), has(&there.deadlines, dot)) {
                here.set_deadline(deadline.clone());
            }
        }
    }

    fn join_base(&self, here: &mut Base, there: &Base, payload: Bytes) {
        let BaseId::Value(dot) = here.id() else { return };
        let is_live = |base: &Base| base.live_dot().is_some();
        let live = self.keeps(dot, is_live(here), is_live(there));
        *here = Base::Value { dot, live, value: payload };
    }
}
