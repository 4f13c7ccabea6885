//! Records and what they are made of, and copies of them.

use super::reader::Reader;
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::causal::position::Beyond;
use crate::causal::{
    Base, Cells, Deadline, Floor, Increment, Path, Position, Record, Register, Sibling,
};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::wire::{Copies, Copy, GroupCuts, GroupHorizon, Name};
use bytes::Bytes;

impl Wire for Name {
    const BYTES_MIN: usize = 2;

    fn put(&self, out: &mut Writer<'_>) {
        out.byte(self.db);
        out.bytes(&self.key);
    }

    fn take(input: &mut Reader<'_>) -> Result<Name, DecodeError> {
        Ok(Name { db: input.byte()?, key: input.bytes()? })
    }
}

impl Wire for Copies {
    fn put(&self, out: &mut Writer<'_>) {
        self.horizon.put(out);
        out.list(&self.copies);
        out.list(&self.large);
        out.list(&self.bonds);
        out.list(&self.completions);
    }

    fn take(input: &mut Reader<'_>) -> Result<Copies, DecodeError> {
        Ok(Copies {
            horizon: GroupHorizon::take(input)?,
            copies: input.list()?,
            large: input.list()?,
            bonds: input.list()?,
            completions: input.list()?,
        })
    }
}

impl Wire for GroupHorizon {
    fn put(&self, out: &mut Writer<'_>) {
        self.floor.put(out);
        put_cuts(&self.cuts, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<GroupHorizon, DecodeError> {
        Ok(GroupHorizon { floor: Floor::take(input)?, cuts: take_cuts(input)? })
    }
}

impl Wire for Floor {
    fn put(&self, out: &mut Writer<'_>) {
        out.dots(self.len(), self.iter());
    }

    fn take(input: &mut Reader<'_>) -> Result<Floor, DecodeError> {
        Ok(Floor::from(input.context()?))
    }
}

/// By database, one of each.
pub(super) fn put_cuts(cuts: &GroupCuts, out: &mut Writer<'_>) {
    out.varint(cuts.len() as u64);
    for &(db, cut) in cuts {
        out.byte(db);
        out.clock(cut);
    }
}

pub(super) fn take_cuts(input: &mut Reader<'_>) -> Result<GroupCuts, DecodeError> {
    let count = input.count(2)?;
    let cuts = input.list_of(count, |input| Ok((input.byte()?, input.reached_clock()?)))?;
    if cuts.is_sorted_by(|one, next| one.0 < next.0) {
        Ok(cuts)
    } else {
        Err(DecodeError::Order("cuts"))
    }
}

impl Wire for Copy {
    const BYTES_MIN: usize = Name::BYTES_MIN + 2;

    fn put(&self, out: &mut Writer<'_>) {
        self.name.put(out);
        self.record.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Copy, DecodeError> {
        Ok(Copy { name: Name::take(input)?, record: Record::take(input)? })
    }
}

impl Wire for Record {
    fn put(&self, out: &mut Writer<'_>) {
        out.context(&self.context);
        out.varint(self.cells.len() as u64);
        for (path, register) in self.cells.iter() {
            put_path(path, out);
            put_register(register, out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Record, DecodeError> {
        let context = input.context()?;
        let count = input.count(4)?;
        let cells = (0..count).map(|_| Ok((take_path(input)?, take_register(input)?)));
        let cells: Cells = cells.collect::<Result<_, DecodeError>>()?;
        if cells.len() == count {
            Ok(Record { context, cells })
        } else {
            Err(DecodeError::Order("cells"))
        }
    }
}

const TEXT: u8 = 0;
const FIELD: u8 = 1;
const MEMBER: u8 = 2;
const SCORED: u8 = 3;
const ITEM: u8 = 4;
const DEADLINE: u8 = 5;
const PATH: u8 = 0b111;
/// Of an item: its place is told by the event's.
const RIGHT: u8 = 1 << 3;
const LEFT: u8 = 1 << 4;
const FRACTION: u8 = 1 << 5;

pub(super) fn put_path(path: &Path, out: &mut Writer<'_>) {
    let (tag, name) = match path {
        Path::Text => return out.byte(TEXT),
        Path::Deadline => return out.byte(DEADLINE),
        Path::Item(position, dot) => return put_item(position, *dot, out),
        Path::Field(name) => (FIELD, name),
        Path::Member(name) => (MEMBER, name),
        Path::Scored(name) => (SCORED, name),
    };
    out.byte(tag);
    out.bytes(name);
}

fn put_item(position: &Position, dot: Dot, out: &mut Writer<'_>) {
    let beyond = position.beyond(dot);
    let side = match beyond {
        None => 0,
        Some(Beyond { is_left: true, .. }) => LEFT,
        Some(Beyond { is_left: false, .. }) => RIGHT,
    };
    let fraction = if position.fraction.is_empty() { 0 } else { FRACTION };
    out.byte(ITEM | side | fraction);
    out.dot(dot);
    match beyond {
        Some(beyond) => out.varint(beyond.by.into()),
        None => out.wide(position.major as u128),
    }
    if fraction != 0 {
        out.bytes(&position.fraction);
    }
}

pub(super) fn take_path(input: &mut Reader<'_>) -> Result<Path, DecodeError> {
    let tag = input.flags(PATH | RIGHT | LEFT | FRACTION, "path")?;
    Ok(match tag {
        TEXT => Path::Text,
        FIELD => Path::Field(input.bytes()?),
        MEMBER => Path::Member(input.bytes()?),
        SCORED => Path::Scored(input.bytes()?),
        DEADLINE => Path::Deadline,
        _ if tag & PATH == ITEM => take_item(tag, input)?,
        _ => return Err(DecodeError::Tag("path")),
    })
}

fn take_item(tag: u8, input: &mut Reader<'_>) -> Result<Path, DecodeError> {
    let dot = input.dot()?;
    let major = match tag & (RIGHT | LEFT) {
        0 => input.wide()? as i128,
        side @ (RIGHT | LEFT) => {
            Beyond { is_left: side == LEFT, by: input.varint_u32("position")? }.major(dot)
        }
        _ => return Err(DecodeError::Tag("position")),
    };
    let fraction = if tag & FRACTION == 0 { Bytes::new() } else { input.bytes()? };
    if tag & FRACTION != 0 && matches!(fraction.last(), None | Some(0)) {
        return Err(DecodeError::Range("fraction"));
    }
    Ok(Path::Item(Position { major, fraction }, dot))
}

/// What a sibling's base is.
const BOTTOM: u8 = 0;
const LIVE: u8 = 1;
const DEAD: u8 = 2;
const BASE: u8 = 0b11;
const INCREMENTS: u8 = 1 << 2;
const DEADLINES: u8 = 1 << 3;
/// Another sibling follows.
const MORE: u8 = 1 << 4;

pub(super) fn put_register(register: &Register, out: &mut Writer<'_>) {
    assert!(!register.siblings.is_empty(), "no register of a record is empty");
    for (at, sibling) in register.siblings.iter().enumerate() {
        put_sibling(sibling, at + 1 < register.siblings.len(), out);
    }
}

fn put_sibling(sibling: &Sibling, more: bool, out: &mut Writer<'_>) {
    let Sibling { base, increments, deadlines } = sibling;
    let kind = match base {
        Base::Bottom => BOTTOM,
        Base::Value { live: true, .. } => LIVE,
        Base::Value { live: false, .. } => DEAD,
    };
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let parts = flag(!increments.is_empty(), INCREMENTS) | flag(!deadlines.is_empty(), DEADLINES);
    out.byte(kind | parts | flag(more, MORE));
    if let Base::Value { dot, value, .. } = base {
        out.dot(*dot);
        if has_value(kind | parts) {
            out.bytes(value);
        }
    }
    if !increments.is_empty() {
        out.varint(increments.len() as u64);
        for (actor, Increment { sum, since, last }) in increments {
            out.dot(Dot { hlc: *last, actor: *actor });
            put_since(*since, *last, out);
            out.wide_distance(*sum);
        }
    }
    if !deadlines.is_empty() {
        out.varint(deadlines.len() as u64);
        for deadline in deadlines {
            out.dot(deadline.dot);
            out.time(deadline.at_ms);
            out.context(&deadline.covers);
        }
    }
}

/// A dead base without increments has none.
fn has_value(flags: u8) -> bool {
    flags & BASE == LIVE || flags & INCREMENTS != 0
}

/// Since when a sum counts, told by its last event.
pub(super) fn put_since(since: Hlc, last: Hlc, out: &mut Writer<'_>) {
    debug_assert!(since <= last, "the first event is not after the last");
    out.varint(if since == Hlc::ZERO { 0 } else { 1 + (last.0 - since.0) });
}

pub(super) fn take_since(last: Hlc, input: &mut Reader<'_>) -> Result<Hlc, DecodeError> {
    match input.varint()? {
        0 => Ok(Hlc::ZERO),
        back if back <= last.0 => Ok(Hlc(last.0 - (back - 1))),
        _ => Err(DecodeError::Range("since")),
    }
}

pub(super) fn take_register(input: &mut Reader<'_>) -> Result<Register, DecodeError> {
    let mut siblings: Vec<Sibling> = input.reserve(1);
    loop {
        let flags = input.flags(BASE | INCREMENTS | DEADLINES | MORE, "sibling")?;
        let sibling = take_sibling(flags, input)?;
        if siblings.last().is_some_and(|last| last.base.id() >= sibling.base.id()) {
            return Err(DecodeError::Order("siblings"));
        }
        siblings.push(sibling);
        if flags & MORE == 0 {
            return Ok(Register { siblings });
        }
    }
}

fn take_sibling(flags: u8, input: &mut Reader<'_>) -> Result<Sibling, DecodeError> {
    let base = match flags & BASE {
        BOTTOM => Base::Bottom,
        base @ (LIVE | DEAD) => {
            let dot = input.dot()?;
            let value = if has_value(flags) { input.bytes()? } else { Bytes::new() };
            Base::Value { dot, live: base == LIVE, value }
        }
        _ => return Err(DecodeError::Tag("base")),
    };
    let is_empty = flags & BASE != LIVE && flags & (INCREMENTS | DEADLINES) == 0;
    let increments = if flags & INCREMENTS == 0 { Vec::new() } else { take_increments(input)? };
    let deadlines = if flags & DEADLINES == 0 { Vec::new() } else { take_deadlines(input)? };
    if is_empty {
        return Err(DecodeError::Range("sibling"));
    }
    Ok(Sibling { base, increments, deadlines })
}

fn take_increments(input: &mut Reader<'_>) -> Result<Vec<(Actor, Increment)>, DecodeError> {
    let count = count_of_some(4, input)?;
    let increments = input.list_of(count, |input| {
        let Dot { actor, hlc: last } = input.dot()?;
        let since = take_since(last, input)?;
        Ok((actor, Increment { sum: input.wide_distance()?, since, last }))
    })?;
    if increments.is_sorted_by(|one, next| one.0 < next.0) {
        Ok(increments)
    } else {
        Err(DecodeError::Order("increments"))
    }
}

fn take_deadlines(input: &mut Reader<'_>) -> Result<Vec<Deadline>, DecodeError> {
    let count = count_of_some(4, input)?;
    let deadlines = input.list_of(count, |input| {
        let dot = input.dot()?;
        Ok(Deadline { dot, at_ms: input.time()?, covers: input.context()? })
    })?;
    if deadlines.is_sorted_by(|one, next| one.dot < next.dot) {
        Ok(deadlines)
    } else {
        Err(DecodeError::Order("deadlines"))
    }
}

fn count_of_some(bytes_min: usize, input: &mut Reader<'_>) -> Result<usize, DecodeError> {
    match input.count(bytes_min)? {
        0 => Err(DecodeError::Range("count")),
        count => Ok(count),
    }
}
