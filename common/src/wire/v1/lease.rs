//! Between shards: who holds what, and what became of writes.

use super::reader::Reader;
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::causal::Floor;
use crate::id::{Actor, NodeId};
use crate::placement::layout::{Epoch, GroupId};
use crate::wire::Copies;
use crate::wire::peer::{Ack, Beat, Granted, Heartbeat, Repair, Settle, Term, WriteNumber};

impl Wire for Heartbeat {
    fn put(&self, out: &mut Writer<'_>) {
        let Heartbeat { incarnation, epoch, sent_us, actor, is_sound, asks, declines } = self;
        out.word(*incarnation);
        epoch.put(out);
        out.varint(*sent_us);
        actor.put(out);
        is_sound.put(out);
        out.list(asks);
        out.list(declines);
    }

    fn take(input: &mut Reader<'_>) -> Result<Heartbeat, DecodeError> {
        Ok(Heartbeat {
            incarnation: input.word()?,
            epoch: Epoch::take(input)?,
            sent_us: input.varint()?,
            actor: Actor::take(input)?,
            is_sound: bool::take(input)?,
            asks: input.list()?,
            declines: input.list()?,
        })
    }
}

impl Wire for Beat {
    fn put(&self, out: &mut Writer<'_>) {
        out.word(self.incarnation);
        out.word(self.asker);
        out.varint(self.sent_us);
        out.varint(self.wall_ms);
        out.list(&self.asked);
    }

    fn take(input: &mut Reader<'_>) -> Result<Beat, DecodeError> {
        Ok(Beat {
            incarnation: input.word()?,
            asker: input.word()?,
            sent_us: input.varint()?,
            wall_ms: take_wall(input)?,
            asked: input.list()?,
        })
    }
}

/// A wall clock: 48 bits, or no clock could be minted by it.
fn take_wall(input: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let wall_ms = input.varint()?;
    if wall_ms < 1 << 48 { Ok(wall_ms) } else { Err(DecodeError::Range("wall clock")) }
}

impl Wire for Granted {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Granted::Yes => out.byte(0),
            Granted::Held(node) => {
                out.byte(1);
                node.put(out);
            }
            Granted::NotYet => out.byte(2),
            Granted::Stale(number) => {
                out.byte(3);
                out.varint(*number);
            }
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Granted, DecodeError> {
        Ok(match input.byte()? {
            0 => Granted::Yes,
            1 => Granted::Held(NodeId::take(input)?),
            2 => Granted::NotYet,
            3 => Granted::Stale(input.varint()?),
            _ => return Err(DecodeError::Tag("grant")),
        })
    }
}

impl Wire for Term {
    const BYTES_MIN: usize = 9;

    fn put(&self, out: &mut Writer<'_>) {
        out.varint(self.number);
        out.word(self.tenure);
    }

    fn take(input: &mut Reader<'_>) -> Result<Term, DecodeError> {
        Ok(Term { number: input.varint()?, tenure: input.word()? })
    }
}

impl Wire for Repair {
    fn put(&self, out: &mut Writer<'_>) {
        let Repair { group, epoch, copies, writes, next, held, is_available } = self;
        group.put(out);
        epoch.put(out);
        copies.put(out);
        put_numbers(writes, out);
        out.varint(*next);
        out.byte(*held);
        is_available.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Repair, DecodeError> {
        Ok(Repair {
            group: GroupId::take(input)?,
            epoch: Epoch::take(input)?,
            copies: Copies::take(input)?,
            writes: take_numbers(input)?,
            next: input.varint()?,
            held: input.byte()?,
            is_available: bool::take(input)?,
        })
    }
}

impl Wire for Ack {
    fn put(&self, out: &mut Writer<'_>) {
        self.group.put(out);
        put_numbers(&self.held, out);
        put_numbers(&self.gaps, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Ack, DecodeError> {
        let group = GroupId::take(input)?;
        Ok(Ack { group, held: take_numbers(input)?.into(), gaps: take_numbers(input)? })
    }
}

/// Numbers of writes: how many, then tenure by tenure how many are of it, and their distances.
fn put_numbers(numbers: &[WriteNumber], out: &mut Writer<'_>) {
    out.varint(numbers.len() as u64);
    for run in numbers.chunk_by(|one, next| one.tenure == next.tenure) {
        out.word(run[0].tenure);
        out.varint(run.len() as u64);
        let mut last = 0u64;
        for number in run {
            out.distance(number.sequence.wrapping_sub(last) as i64);
            last = number.sequence;
        }
    }
}

fn take_numbers(input: &mut Reader<'_>) -> Result<Vec<WriteNumber>, DecodeError> {
    let count = input.count(1)?;
    let mut numbers = input.reserve(count);
    while numbers.len() < count {
        let tenure = input.word()?;
        let run = input.count(1)?;
        if run == 0 || run > count - numbers.len() {
            return Err(DecodeError::Range("count"));
        }
        let mut sequence = 0u64;
        for _ in 0..run {
            sequence = sequence.wrapping_add(input.distance()? as u64);
            numbers.push(WriteNumber { tenure, sequence });
        }
    }
    Ok(numbers)
}

impl Wire for Settle {
    fn put(&self, out: &mut Writer<'_>) {
        self.group.put(out);
        self.epoch.put(out);
        out.word(self.incarnation);
        self.floor.put(out);
        self.term.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Settle, DecodeError> {
        Ok(Settle {
            group: GroupId::take(input)?,
            epoch: Epoch::take(input)?,
            incarnation: input.word()?,
            floor: Floor::take(input)?,
            term: Term::take(input)?,
        })
    }
}
