//! Between shards: the steps of an exchange.

use super::reader::Reader;
use super::record::{put_cuts, take_cuts};
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::causal::Floor;
use crate::id::Actor;
use crate::merkle::{KEY_BYTES_MAX, KeyName, KeyRef, LEAVES, Leaf, Leaves, Page};
use crate::placement::layout::{Epoch, GroupId};
use crate::placement::slot::Slot;
use crate::wire::Copies;
use crate::wire::peer::{Answer, AnswerWhat, Ask, AskWhat, Push, Term};

impl Wire for Ask {
    fn put(&self, out: &mut Writer<'_>) {
        let Ask { session, step, group, epoch, incarnation, push, what } = self;
        out.word(*session);
        out.varint((*step).into());
        group.put(out);
        epoch.put(out);
        incarnation.put(out);
        push.put(out);
        put_asked(what, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Ask, DecodeError> {
        Ok(Ask {
            session: input.word()?,
            step: input.varint_u32("step")?,
            group: GroupId::take(input)?,
            epoch: Epoch::take(input)?,
            incarnation: Wire::take(input)?,
            push: Wire::take(input)?,
            what: take_asked(input)?,
        })
    }
}

impl Wire for Push {
    fn put(&self, out: &mut Writer<'_>) {
        self.term.put(out);
        self.is_adopted.put(out);
        out.varint(self.next);
    }

    fn take(input: &mut Reader<'_>) -> Result<Push, DecodeError> {
        let (term, is_adopted) = (Term::take(input)?, bool::take(input)?);
        Ok(Push { term, is_adopted, next: input.varint()? })
    }
}

const OPEN: u8 = 0;
const SLOTS: u8 = 1;
const LEAF: u8 = 2;
const KEYS: u8 = 3;
const CLOSE: u8 = 4;
const REFUSED: u8 = 5;
const CELLS: u8 = 6;
const PULLING: u8 = 7;
const READ: u8 = 8;

fn put_asked(what: &AskWhat, out: &mut Writer<'_>) {
    match what {
        AskWhat::Open { digest, cuts, flushes, floor, wants_clock, ended, is_survey } => {
            out.byte(OPEN);
            out.word(*digest);
            put_cuts(cuts, out);
            out.list(flushes);
            floor.put(out);
            wants_clock.put(out);
            out.list(ended);
            is_survey.put(out);
        }
        AskWhat::Slots { from, digests } => {
            out.byte(SLOTS);
            out.varint((*from).into());
            out.list(digests);
        }
        AskWhat::Leaf { slot, leaf, from } => {
            out.byte(LEAF);
            slot.put(out);
            out.byte(leaf.number());
            out.word(*from);
        }
        AskWhat::Keys { copies, wanted, is_whole } => {
            out.byte(KEYS);
            copies.put(out);
            out.list(wanted);
            is_whole.put(out);
        }
        AskWhat::Cells { tenure, asks } => {
            out.byte(CELLS);
            tenure.put(out);
            out.list(asks);
        }
        AskWhat::Read(wanted) => {
            out.byte(READ);
            out.list(wanted);
        }
        AskWhat::Close { floor, completions, unsure_us } => {
            out.byte(CLOSE);
            floor.put(out);
            out.list(completions);
            out.varint(*unsure_us);
        }
    }
}

fn take_asked(input: &mut Reader<'_>) -> Result<AskWhat, DecodeError> {
    Ok(match input.byte()? {
        OPEN => AskWhat::Open {
            digest: input.word()?,
            cuts: take_cuts(input)?,
            flushes: input.list()?,
            floor: Floor::take(input)?,
            wants_clock: bool::take(input)?,
            ended: input.list()?,
            is_survey: bool::take(input)?,
        },
        SLOTS => AskWhat::Slots { from: input.varint_u32("place")?, digests: input.list()? },
        LEAF => AskWhat::Leaf {
            slot: Slot::take(input)?,
            leaf: Leaf::new(input.byte()?).ok_or(DecodeError::Range("leaf"))?,
            from: input.word()?,
        },
        KEYS => AskWhat::Keys {
            copies: Copies::take(input)?,
            wanted: input.list()?,
            is_whole: bool::take(input)?,
        },
        CELLS => AskWhat::Cells { tenure: Wire::take(input)?, asks: input.list()? },
        READ => AskWhat::Read(input.list()?),
        CLOSE => AskWhat::Close {
            floor: Floor::take(input)?,
            completions: input.list()?,
            unsure_us: input.varint()?,
        },
        _ => return Err(DecodeError::Tag("question")),
    })
}

impl Wire for Answer {
    fn put(&self, out: &mut Writer<'_>) {
        let Answer { session, step, group, incarnation, what } = self;
        out.word(*session);
        out.varint((*step).into());
        group.put(out);
        out.word(*incarnation);
        put_answered(what, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Answer, DecodeError> {
        Ok(Answer {
            session: input.word()?,
            step: input.varint_u32("step")?,
            group: GroupId::take(input)?,
            incarnation: input.word()?,
            what: take_answered(input)?,
        })
    }
}

fn put_answered(what: &AnswerWhat, out: &mut Writer<'_>) {
    match what {
        AnswerWhat::Opened { is_equal, cuts, completions, floor, is_whole, step, term, clock } => {
            out.byte(OPEN);
            is_equal.put(out);
            put_cuts(cuts, out);
            out.list(completions);
            floor.put(out);
            is_whole.put(out);
            step.put(out);
            term.put(out);
            clock.is_some().put(out);
            if let Some((actors, clock)) = clock {
                actors.iter().for_each(|actor| out.actor(*actor));
                out.clock(*clock);
            }
        }
        AnswerWhat::Leaves { slots, looked } => {
            out.byte(SLOTS);
            out.list(slots);
            out.varint((*looked).into());
        }
        AnswerWhat::Page(page) => {
            out.byte(LEAF);
            out.list(&page.keys);
            page.next.put(out);
        }
        AnswerWhat::Keys { copies, together, looked } => {
            out.byte(KEYS);
            copies.put(out);
            out.list(together);
            out.varint((*looked).into());
        }
        AnswerWhat::Pulling { answers, is_done } => {
            out.byte(PULLING);
            out.varint(*answers);
            is_done.put(out);
        }
        AnswerWhat::Closed { open, unsure_us, step } => {
            out.byte(CLOSE);
            out.list(open);
            out.varint(*unsure_us);
            step.put(out);
        }
        AnswerWhat::Refused => out.byte(REFUSED),
    }
}

fn take_answered(input: &mut Reader<'_>) -> Result<AnswerWhat, DecodeError> {
    Ok(match input.byte()? {
        OPEN => take_opened(input)?,
        SLOTS => AnswerWhat::Leaves { slots: input.list()?, looked: input.varint_u32("count")? },
        LEAF => AnswerWhat::Page(take_page(input)?),
        KEYS => AnswerWhat::Keys {
            copies: Copies::take(input)?,
            together: input.list()?,
            looked: input.varint_u32("count")?,
        },
        PULLING => AnswerWhat::Pulling { answers: input.varint()?, is_done: bool::take(input)? },
        CLOSE => AnswerWhat::Closed {
            open: input.list()?,
            unsure_us: input.varint()?,
            step: Term::take(input)?,
        },
        REFUSED => AnswerWhat::Refused,
        _ => return Err(DecodeError::Tag("answer")),
    })
}

fn take_opened(input: &mut Reader<'_>) -> Result<AnswerWhat, DecodeError> {
    let is_equal = bool::take(input)?;
    let (cuts, completions, floor) = (take_cuts(input)?, input.list()?, Floor::take(input)?);
    let is_whole = bool::take(input)?;
    let (step, term) = (Term::take(input)?, Term::take(input)?);
    let clock = if bool::take(input)? {
        Some(([input.actor()?, input.actor()?], input.reached_clock()?))
    } else {
        None
    };
    Ok(AnswerWhat::Opened { is_equal, cuts, completions, floor, is_whole, step, term, clock })
}

fn take_page(input: &mut Reader<'_>) -> Result<Page, DecodeError> {
    let keys: Vec<(KeyRef, u64)> = input.list()?;
    if keys.is_sorted_by_key(|(key, _)| key.order) {
        Ok(Page { keys, next: Wire::take(input)? })
    } else {
        Err(DecodeError::Order("page"))
    }
}

impl Wire for Leaves {
    const BYTES_MIN: usize = 8 * LEAVES;

    fn put(&self, out: &mut Writer<'_>) {
        self.sums().iter().for_each(|sum| out.word(*sum));
    }

    fn take(input: &mut Reader<'_>) -> Result<Leaves, DecodeError> {
        let mut sums = [0; LEAVES];
        for sum in &mut sums {
            *sum = input.word()?;
        }
        Ok(Leaves::new(sums))
    }
}

/// In the place of a length: a digest follows.
const DIGEST: u8 = u8::MAX;
const _: () = assert!(KEY_BYTES_MAX < DIGEST as usize, "a length is one byte");

impl Wire for KeyRef {
    const BYTES_MIN: usize = 8 + 1 + 1;

    fn put(&self, out: &mut Writer<'_>) {
        out.word(self.order);
        out.byte(self.db);
        match &self.name {
            KeyName::Whole(key) => {
                assert!(key.len() <= KEY_BYTES_MAX, "a longer key goes by its digest");
                out.byte(key.len() as u8);
                out.raw(key);
            }
            KeyName::Digest(digest) => {
                out.byte(DIGEST);
                out.wide(*digest);
            }
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<KeyRef, DecodeError> {
        let (order, db) = (input.word()?, input.byte()?);
        let name = match input.byte()? {
            DIGEST => KeyName::Digest(input.wide()?),
            len if usize::from(len) <= KEY_BYTES_MAX => {
                KeyName::Whole(input.raw_bytes(len.into())?)
            }
            _ => return Err(DecodeError::Range("key")),
        };
        Ok(KeyRef { order, db, name })
    }
}

impl Wire for Actor {
    const BYTES_MIN: usize = 8;

    fn put(&self, out: &mut Writer<'_>) {
        out.word(self.0);
    }

    fn take(input: &mut Reader<'_>) -> Result<Actor, DecodeError> {
        input.word().map(Actor)
    }
}
