//! Between shards: large records by ranges of their cells.

use super::reader::Reader;
use super::record::{put_path, put_register, take_path, take_register};
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::causal::ranges::{Ask, Finding, PARTS, Range};
use crate::causal::{Path, Register};
use crate::wire::{Large, Name};
use std::num::NonZeroU64;

impl Wire for Large {
    const BYTES_MIN: usize = Name::BYTES_MIN + 1 + 8 + 1;

    fn put(&self, out: &mut Writer<'_>) {
        let Large { name, context, digest, findings } = self;
        name.put(out);
        out.context(context);
        out.word(*digest);
        out.list(findings);
    }

    fn take(input: &mut Reader<'_>) -> Result<Large, DecodeError> {
        Ok(Large {
            name: Name::take(input)?,
            context: input.context()?,
            digest: input.word()?,
            findings: input.list()?,
        })
    }
}

impl Wire for Ask {
    const BYTES_MIN: usize = 2;

    fn put(&self, out: &mut Writer<'_>) {
        out.list(&self.compare);
        out.list(&self.fetch);
    }

    fn take(input: &mut Reader<'_>) -> Result<Ask, DecodeError> {
        Ok(Ask { compare: input.list()?, fetch: input.list()? })
    }
}

/// Places are hashes: eight bytes each.
impl Wire for Range {
    const BYTES_MIN: usize = 16;

    fn put(&self, out: &mut Writer<'_>) {
        out.word(self.first());
        out.word(self.last());
    }

    fn take(input: &mut Reader<'_>) -> Result<Range, DecodeError> {
        let (first, last) = (input.word()?, input.word()?);
        Range::new(first, last).ok_or(DecodeError::Order("places"))
    }
}

const SPLIT: u8 = 0;
const LISTED: u8 = 1;
const CELLS: u8 = 2;

impl Wire for Finding {
    const BYTES_MIN: usize = 1 + Range::BYTES_MIN + 1;

    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Finding::Split { range, width, digests } => {
                out.byte(SPLIT);
                range.put(out);
                out.word(width.get());
                out.list(digests);
            }
            Finding::Listed { range, places } => {
                out.byte(LISTED);
                range.put(out);
                out.list(places);
            }
            Finding::Cells { range, cells } => {
                out.byte(CELLS);
                range.put(out);
                out.list(cells);
            }
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Finding, DecodeError> {
        let (kind, range) = (input.byte()?, Range::take(input)?);
        Ok(match kind {
            SPLIT => {
                let width = NonZeroU64::new(input.word()?).ok_or(DecodeError::Range("width"))?;
                let digests: Vec<u64> = input.list()?;
                // As many as the range has parts of that width.
                let parts = (range.last() - range.first()) / width;
                if digests.len() > PARTS || parts.checked_add(1) != Some(digests.len() as u64) {
                    return Err(DecodeError::Range("parts"));
                }
                Finding::Split { range, width, digests }
            }
            LISTED => {
                let places: Vec<(u64, u64)> = input.list()?;
                let are_there = places.iter().all(|(place, _)| range.holds(*place));
                if !are_there || !places.is_sorted_by(|one, next| one.0 < next.0) {
                    return Err(DecodeError::Order("places"));
                }
                Finding::Listed { range, places }
            }
            CELLS => Finding::Cells { range, cells: input.list()? },
            _ => return Err(DecodeError::Tag("finding")),
        })
    }
}

impl Wire for Path {
    fn put(&self, out: &mut Writer<'_>) {
        put_path(self, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Path, DecodeError> {
        take_path(input)
    }
}

impl Wire for Register {
    const BYTES_MIN: usize = 3;

    fn put(&self, out: &mut Writer<'_>) {
        put_register(self, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Register, DecodeError> {
        take_register(input)
    }
}
