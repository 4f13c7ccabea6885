//! Writes: the message of which there is one for each SET and each other owner.
//!
//! Most of its bytes are the names that it cannot do without, at eight bytes each: the tenure, the
//! request's session, the event's clock, and what its coordinator had seen. That last one, floor and
//! cut, is the same for all writes between two floor rounds and nearly always the receiver's own: the
//! short form ([`encode_short`](super::encode_short)) names it by a digest of 64 bits. Its actors
//! need no name then, and the event's is one of them.
//!
//! **Who may send the short form:** anybody to anybody. A receiver that knows of no horizon with that
//! digest ([`ShortWrite::open`]) answers that it has a gap, and gets copies. So that a floor round
//! costs no gaps, a coordinator goes on with the whole form until that owner has taken the floor over,
//! and an owner keeps the horizon before its own.

use super::effect::{put_effect, take_effect};
use super::reader::Reader;
use super::request::{put_executed, reply_form, take_executed};
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::causal::{Added, BaseId, Context, Delta, Floor, Horizon, Path, Removed};
use crate::clock::Hlc;
use crate::id::Dot;
use crate::placement::layout::{Epoch, GroupId};
use crate::wire::peer::{Batch, WriteNumber};
use crate::wire::{GroupHorizon, Item, Items, Name};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A write that names what its coordinator had seen by a digest. Its head can be read by anybody.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortWrite {
    /// What a refusal or a gap is told by.
    pub head: WriteHead,
    /// All of it.
    pub(super) body: Bytes,
}

/// A write without its changes: see [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `Batch`")]
pub struct WriteHead {
    pub group: GroupId,
    pub epoch: Epoch,
    pub number: WriteNumber,
    pub stable: u64,
    pub is_available: bool,
}

/// How a write tells what its coordinator had seen of all keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Short,
}

impl ShortWrite {
    /// The write, if one of these horizons of its group is what its coordinator had seen: `None`
    /// otherwise, which is a gap.
    ///
    /// # Errors
    /// If it is none that a coordinator would send.
    pub fn open(&self, known: &[&GroupHorizon]) -> Result<Option<Batch>, DecodeError> {
        let mut input = Reader::new(&self.body);
        match take_batch(&mut input, known) {
            Ok(batch) => input.finish().map(|()| Some(batch)),
            Err(Stop::Unknown) => Ok(None),
            Err(Stop::Wrong(error)) => Err(error),
        }
    }

    /// Only the head is looked at.
    pub(super) fn new(body: Bytes) -> Result<ShortWrite, DecodeError> {
        let (_, head) = take_head(&mut Reader::new(&body))?;
        Ok(ShortWrite { head, body })
    }
}

impl Wire for Batch {
    fn put(&self, out: &mut Writer<'_>) {
        put_batch(self, Form::Whole, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Batch, DecodeError> {
        take_batch(input, &[]).map_err(|stop| match stop {
            Stop::Unknown => DecodeError::Tag("past"),
            Stop::Wrong(error) => error,
        })
    }
}

/// Why a write is not to be had.
enum Stop {
    /// Its past has a digest that nothing known has.
    Unknown,
    Wrong(DecodeError),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Stop {
        Stop::Wrong(error)
    }
}

const AVAILABLE: u8 = 1;
/// Not one item: their count follows.
const COUNTED: u8 = 1 << 1;
const EXECUTED: u8 = 1 << 2;
/// Two bits: what was replied.
const REPLY_SHIFT: u32 = 3;

pub(super) fn put_batch(batch: &Batch, form: Form, out: &mut Writer<'_>) {
    let Batch { group, epoch, number, stable, is_available, items, executed } = batch;
    let counted = if items.len() == 1 { 0 } else { COUNTED };
    let reply =
        executed.as_ref().map_or(0, |executed| EXECUTED | reply_form(executed) << REPLY_SHIFT);
    out.byte(u8::from(*is_available) | counted | reply);
    group.put(out);
    epoch.put(out);
    out.word(number.tenure);
    out.varint(number.sequence);
    out.distance(number.sequence.wrapping_sub(*stable) as i64);
    if counted != 0 {
        out.varint(items.len() as u64);
    }
    let mut before = None;
    for item in items.iter() {
        match item {
            Item::Cut { db, cut } => {
                out.byte(CUT);
                out.byte(*db);
                out.clock(*cut);
            }
            Item::Delta { name, delta } => {
                put_delta(name, delta, (form, before), out);
                before = Some(delta);
            }
        }
    }
    if let Some(executed) = executed {
        put_executed(executed, out);
    }
}

fn take_head(input: &mut Reader<'_>) -> Result<(u8, WriteHead), DecodeError> {
    let flags = input.flags(AVAILABLE | COUNTED | EXECUTED | 0b11 << REPLY_SHIFT, "write")?;
    let (group, epoch) = (GroupId::take(input)?, Epoch::take(input)?);
    let number = WriteNumber { tenure: input.word()?, sequence: input.varint()? };
    let stable = number.sequence.wrapping_sub(input.distance()? as u64);
    let is_available = flags & AVAILABLE != 0;
    Ok((flags, WriteHead { group, epoch, number, stable, is_available }))
}

fn take_batch(input: &mut Reader<'_>, known: &[&GroupHorizon]) -> Result<Batch, Stop> {
    let (flags, head) = take_head(input)?;
    let WriteHead { group, epoch, number, stable, is_available } = head;
    let count = if flags & COUNTED == 0 { 1 } else { input.count(3)? };
    let items = if count == 1 {
        Items::from_buf([take_item(input, &[], known)?])
    } else {
        let mut items = input.reserve(count);
        for _ in 0..count {
            let item = take_item(input, &items, known)?;
            items.push(item);
        }
        items.into()
    };
    let executed = match flags >> REPLY_SHIFT {
        form if flags & EXECUTED != 0 => Some(take_executed(form, input)?),
        0 => None,
        _ => return Err(DecodeError::Tag("reply").into()),
    };
    Ok(Batch { group, epoch, number, stable, is_available, items, executed })
}

/// Not a change of a record.
const CUT: u8 = 1;
/// Not database 0: it follows.
const DB: u8 = 1 << 1;

/// What the record had seen: nothing, one event of the same actor, or anything.
const BASE: u8 = 0b11 << 2;
const BASE_NONE: u8 = 0;
const BASE_OWN: u8 = 1 << 2;
const BASE_WHOLE: u8 = 2 << 2;

/// What all keys had seen: nothing, what those of the item before had, what has this digest, or this.
const PAST: u8 = 0b11 << 4;
const PAST_NONE: u8 = 0;
const PAST_SAME: u8 = 1 << 4;
const PAST_DIGEST: u8 = 2 << 4;
const PAST_WHOLE: u8 = 3 << 4;

/// What becomes of the record: anything, or all is replaced by a string, or by one with a deadline.
const BODY: u8 = 0b11 << 6;
const BODY_ANY: u8 = 0;
const BODY_TEXT: u8 = 1 << 6;
const BODY_EXPIRING: u8 = 2 << 6;

fn put_delta(
    name: &Name,
    delta: &Delta,
    (form, before): (Form, Option<&Delta>),
    out: &mut Writer<'_>,
) {
    let Delta { base, floor, cut, dot, removed, added } = delta;
    let db = if name.db == 0 { 0 } else { DB };
    let own = Some(base.get(dot.actor)).filter(|own| base.len() == 1 && *own != Hlc::ZERO);
    let seen = match own {
        Some(_) => BASE_OWN,
        None if base.is_empty() => BASE_NONE,
        None => BASE_WHOLE,
    };
    let past = match before {
        Some(before) if before.cut == *cut && before.floor == *floor => PAST_SAME,
        _ if floor.is_empty() && *cut == Hlc::ZERO => PAST_NONE,
        _ if form == Form::Short => PAST_DIGEST,
        _ => PAST_WHOLE,
    };
    let plain = delta.replaced();
    let body = match plain {
        None => BODY_ANY,
        Some((_, None)) => BODY_TEXT,
        Some((_, Some(_))) => BODY_EXPIRING,
    };
    out.byte(db | seen | past | body);
    if db != 0 {
        out.byte(name.db);
    }
    out.bytes(&name.key);
    match past {
        PAST_DIGEST => {
            out.word(digest(floor, *cut));
            floor.iter().for_each(|dot| out.learn(dot.actor));
        }
        PAST_WHOLE => {
            floor.put(out);
            out.byte(u8::from(*cut != Hlc::ZERO));
            if *cut != Hlc::ZERO {
                out.clock(*cut);
            }
        }
        _ => {}
    }
    out.dot(*dot);
    match own {
        Some(own) => out.clock(own),
        None if seen == BASE_WHOLE => out.context(base),
        None => {}
    }
    match plain {
        None => put_effect(removed, added, *dot, out),
        Some((value, at_ms)) => {
            out.bytes(value);
            at_ms.into_iter().for_each(|at_ms| out.time(at_ms));
        }
    }
}

/// What a coordinator had seen of all keys of a database, in 64 bits. Two that differ have the same
/// once in 2^64 pairs, and a receiver compares one or two: see [`crate::causal::digest`].
fn digest(floor: &Floor, cut: Hlc) -> u64 {
    floor.iter().fold(cut.0, |digest, Dot { hlc, actor }| {
        let entry = u128::from(actor.0) << 64 | u128::from(hlc.0);
        xxh3_64_with_seed(&entry.to_le_bytes(), digest)
    })
}

fn take_item(
    input: &mut Reader<'_>,
    before: &[Item],
    known: &[&GroupHorizon],
) -> Result<Item, Stop> {
    let flags = input.byte()?;
    if flags == CUT {
        return Ok(Item::Cut { db: input.byte()?, cut: input.reached_clock()? });
    }
    if flags & CUT != 0 {
        return Err(DecodeError::Tag("item").into());
    }
    let db = if flags & DB == 0 { 0 } else { input.byte()? };
    let name = Name { db, key: input.bytes()? };
    let past = match flags & PAST {
        PAST_NONE => Horizon::default(),
        PAST_SAME => past_of_last(before).ok_or(DecodeError::Tag("past"))?,
        PAST_DIGEST => known_past(db, input, known)?,
        _ => take_past(input)?,
    };
    let dot = input.dot()?;
    let base = match flags & BASE {
        BASE_NONE => Context::new(),
        BASE_OWN => Context::single(Dot { actor: dot.actor, hlc: input.clock()? }),
        BASE_WHOLE => input.context()?,
        _ => return Err(DecodeError::Tag("base").into()),
    };
    let (removed, added) = take_body(flags, dot, input)?;
    let Horizon { floor, cut } = past;
    Ok(Item::Delta { name, delta: Delta { base, floor, cut, dot, removed, added } })
}

fn past_of_last(items: &[Item]) -> Option<Horizon> {
    items.iter().rev().find_map(|item| match item {
        Item::Delta { delta: Delta { floor, cut, .. }, .. } => {
            Some(Horizon { floor: floor.clone(), cut: *cut })
        }
        Item::Cut { .. } => None,
    })
}

fn known_past(db: u8, input: &mut Reader<'_>, known: &[&GroupHorizon]) -> Result<Horizon, Stop> {
    let wanted = input.word()?;
    let mut known = known.iter().map(|horizon| (&horizon.floor, horizon.cut(db)));
    let found = known.find(|(floor, cut)| digest(floor, *cut) == wanted);
    let (floor, cut) = found.ok_or(Stop::Unknown)?;
    floor.iter().for_each(|dot| input.learn(dot.actor));
    Ok(Horizon { floor: floor.clone(), cut })
}

fn take_past(input: &mut Reader<'_>) -> Result<Horizon, DecodeError> {
    let floor = Floor::take(input)?;
    let has_cut = bool::take(input)?;
    Ok(Horizon { floor, cut: if has_cut { input.reached_clock()? } else { Hlc::ZERO } })
}

fn take_body(
    flags: u8,
    dot: Dot,
    input: &mut Reader<'_>,
) -> Result<(Removed, Vec<Added>), DecodeError> {
    let path = Path::Text;
    match flags & BODY {
        BODY_ANY => take_effect(dot, input),
        BODY_TEXT => Ok((Removed::AllCovered, vec![Added::Base { path, value: input.bytes()? }])),
        BODY_EXPIRING => {
            let value = input.bytes()?;
            let (at_ms, covers) = (input.time()?, Context::new());
            let deadline =
                Added::Deadline { path: Path::Text, base: BaseId::Value(dot), at_ms, covers };
            Ok((Removed::AllCovered, vec![Added::Base { path, value }, deadline]))
        }
        _ => Err(DecodeError::Tag("item")),
    }
}
