//! What an event removes from a record, and what it puts there.

use super::reader::Reader;
use super::record::{put_path, put_since, take_path, take_since};
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::causal::{Added, BaseId, Element, Part, Removed};
use crate::id::Dot;

const ADDED: u8 = 0b11;
const ADDED_BASE: u8 = 0;
const ADDED_INCREMENT: u8 = 1;
const ADDED_DEADLINE: u8 = 2;

/// The count of what goes, one more than there is, or 0 for all that was seen; and what comes.
pub(super) fn put_effect(removed: &Removed, added: &[Added], dot: Dot, out: &mut Writer<'_>) {
    match removed {
        Removed::AllCovered => out.varint(0),
        Removed::Elements(elements) => {
            out.varint(elements.len() as u64 + 1);
            elements.iter().for_each(|element| element.put(out));
        }
    }
    out.return_to(dot.hlc);
    out.varint(added.len() as u64);
    for added in added {
        put_added(added, dot, out);
    }
}

fn put_added(added: &Added, dot: Dot, out: &mut Writer<'_>) {
    let (kind, base) = match added {
        Added::Base { .. } => (ADDED_BASE, BaseId::Bottom),
        Added::Increment { base, .. } => (ADDED_INCREMENT, *base),
        Added::Deadline { base, .. } => (ADDED_DEADLINE, *base),
    };
    out.byte(kind | base_bits(base, dot));
    put_path(added.path(), out);
    put_other_base(base, dot, out);
    match added {
        Added::Base { value, .. } => out.bytes(value),
        Added::Increment { value, sum, since, .. } => {
            out.bytes(value);
            out.wide_distance(*sum);
            put_since(*since, dot.hlc, out);
        }
        Added::Deadline { at_ms, covers, .. } => {
            out.time(*at_ms);
            out.context(covers);
        }
    }
}

pub(super) fn take_effect(
    dot: Dot,
    input: &mut Reader<'_>,
) -> Result<(Removed, Vec<Added>), DecodeError> {
    let removed = match input.count(1)? {
        0 => Removed::AllCovered,
        more => Removed::Elements(input.list_of(more - 1, Element::take)?),
    };
    input.return_to(dot.hlc);
    let count = input.count(3)?;
    Ok((removed, input.list_of(count, |input| take_added(dot, input))?))
}

fn take_added(dot: Dot, input: &mut Reader<'_>) -> Result<Added, DecodeError> {
    let tag = input.byte()?;
    let path = take_path(input)?;
    let base = take_base(tag & !ADDED, dot, input)?;
    Ok(match tag & ADDED {
        ADDED_BASE if base == BaseId::Bottom => Added::Base { path, value: input.bytes()? },
        ADDED_INCREMENT => {
            let (value, sum) = (input.bytes()?, input.wide_distance()?);
            Added::Increment { path, base, value, sum, since: take_since(dot.hlc, input)? }
        }
        ADDED_DEADLINE => {
            Added::Deadline { path, base, at_ms: input.time()?, covers: input.context()? }
        }
        _ => return Err(DecodeError::Tag("addition")),
    })
}

const PART: u8 = 0b11;
const BASE_SHIFT: u32 = 2;
const BOTTOM: u8 = 0;
/// The sibling that an event made itself.
const OWN: u8 = 1;
const OTHER: u8 = 2;

/// Which sibling, as two bits of a tag; [`put_other_base`] says the rest.
fn base_bits(base: BaseId, own: Dot) -> u8 {
    let base = match base {
        BaseId::Bottom => BOTTOM,
        BaseId::Value(dot) if dot == own => OWN,
        BaseId::Value(_) => OTHER,
    };
    base << BASE_SHIFT
}

fn put_other_base(base: BaseId, own: Dot, out: &mut Writer<'_>) {
    if let BaseId::Value(dot) = base
        && dot != own
    {
        out.actor(dot.actor);
        out.clock(dot.hlc);
    }
}

fn take_base(tag: u8, own: Dot, input: &mut Reader<'_>) -> Result<BaseId, DecodeError> {
    Ok(match tag >> BASE_SHIFT {
        BOTTOM => BaseId::Bottom,
        OWN => BaseId::Value(own),
        OTHER => BaseId::Value(Dot { actor: input.actor()?, hlc: input.reached_clock()? }),
        _ => return Err(DecodeError::Tag("base")),
    })
}

impl Wire for Element {
    const BYTES_MIN: usize = 4;

    fn put(&self, out: &mut Writer<'_>) {
        let part = match self.part {
            Part::Base => 0,
            Part::Increment => 1,
            Part::Deadline => 2,
        };
        out.byte(part | base_bits(self.base, self.dot));
        put_path(&self.path, out);
        out.dot(self.dot);
        put_other_base(self.base, self.dot, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Element, DecodeError> {
        let tag = input.byte()?;
        let part = match tag & PART {
            0 => Part::Base,
            1 => Part::Increment,
            2 => Part::Deadline,
            _ => return Err(DecodeError::Tag("part")),
        };
        let path = take_path(input)?;
        let dot = input.dot()?;
        Ok(Element { path, base: take_base(tag, dot, input)?, part, dot })
    }
}
