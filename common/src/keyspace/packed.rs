//! Between a packed entry and the [`Record`] that it stands for.
//!
//! **Invariant:** `unpack(pack(r)) == r` for every record that packs; what does not pack is kept as
//! a boxed record, never approximated.

use super::actors::{Actors, FIRST};
use super::table::{Counter, Draft, Entry, INLINE_BYTES_MAX, NewPayload, Payload};
use crate::causal::{
    Base, BaseId, Context, Deadline, DigestSeed, Increment, Part, Path, Record, Register, Sibling,
};
use crate::clock::Hlc;
use crate::command::number::parse_i64;
use crate::id::{Actor, Dot};
use bytes::Bytes;

/// The context of the record that an entry stands for.
pub fn context(entry: &Entry, actors: &Actors) -> Context {
    match entry.payload() {
        Payload::Record(record) => record.context.clone(),
        _ => Context::single(Dot { hlc: entry.hlc(), actor: actors.get(entry.actor()) }),
    }
}

/// The record that an entry stands for.
pub fn unpack(entry: &Entry, actors: &Actors) -> Record {
    if let Payload::Record(record) = entry.payload() {
        return record.clone();
    }
    let actor = actors.get(entry.actor());
    let dot = |hlc: Hlc| Dot { hlc, actor };
    let (base_hlc, _) = entry.dots();
    let value = |value: Bytes| Base::Value { dot: dot(base_hlc), live: true, value };
    let mut increments = Vec::new();
    let base = match entry.payload() {
        Payload::Inline(bytes) => value(Bytes::copy_from_slice(bytes)),
        Payload::Shared(bytes) => value(bytes.clone()),
        Payload::Counter(counter) => {
            let sum = i128::from(counter.sum);
            increments.push((actor, Increment { sum, since: counter.since, last: counter.last }));
            counter.base.map_or(Base::Bottom, |base| value(Bytes::from(base.to_string())))
        }
        Payload::Tombstone | Payload::Record(_) => {
            return Record { context: Context::single(dot(entry.hlc())), ..Record::default() };
        }
    };
    // A deadline of one history names all that there is to name.
    let deadline = entry.deadline().map(|(at_ms, hlc)| Deadline {
        dot: dot(hlc),
        at_ms,
        covers: increments.iter().map(|&(by, entry): &(Actor, Increment)| entry.dot(by)).collect(),
    });
    let deadlines = deadline.into_iter().collect();
    let register = Register { siblings: vec![Sibling { base, increments, deadlines }] };
    Record {
        context: Context::single(dot(entry.hlc())),
        cells: [(Path::Text, register)].into_iter().collect(),
    }
}

/// The digest of that record, from the entry's header. A packed entry keeps its clock when that is
/// settled; `is_settled` says so.
pub fn digest(
    entry: &Entry,
    actors: &Actors,
    seed: DigestSeed,
    is_settled: impl FnOnce(Dot) -> bool,
) -> u64 {
    if let Payload::Record(record) = entry.payload() {
        return record.digest(seed);
    }
    let actor = actors.get(entry.actor());
    let dot = |hlc: Hlc| Dot { hlc, actor };
    let last = dot(entry.hlc());
    let seen = if is_settled(last) { 0 } else { seed.seen(last) };
    let counter = match entry.payload() {
        Payload::Tombstone | Payload::Record(_) => return seen,
        Payload::Counter(counter) => Some(counter),
        Payload::Inline(_) | Payload::Shared(_) => None,
    };
    let (base_hlc, deadline) = entry.dots();
    let base = match counter {
        Some(Counter { base: None, .. }) => BaseId::Bottom,
        _ => BaseId::Value(dot(base_hlc)),
    };
    let element = |part, hlc| seed.text_element(base, part, dot(hlc));
    let live = if base == BaseId::Bottom { 0 } else { element(Part::Base, base_hlc) };
    let counted = counter.map_or(0, |counter| element(Part::Increment, counter.last));
    let deadline = deadline.map_or(0, |hlc| element(Part::Deadline, hlc));
    seen.wrapping_add(live).wrapping_add(counted).wrapping_add(deadline)
}

/// The packed form of a record, or the record boxed.
pub fn pack<'a>(record: Box<Record>, db: u8, key: &'a [u8], actors: &Actors) -> Draft<'a> {
    if let Some(Small { actor, hlc, base_hlc, deadline, payload }) = small(&record, actors) {
        return Draft { db, key, actor, hlc, base_hlc, deadline, payload };
    }
    let hlc = record.context.highest();
    let deadline = record.min_deadline_ms().map(|ms| (ms, hlc));
    let payload = NewPayload::Record(record);
    Draft { db, key, actor: FIRST, hlc, base_hlc: hlc, deadline, payload }
}

/// Whether a record packs.
pub fn is_small(record: &Record, actors: &Actors) -> bool {
    small(record, actors).is_some()
}

/// A draft but for its name.
struct Small {
    actor: u16,
    hlc: Hlc,
    base_hlc: Hlc,
    deadline: Option<(u64, Hlc)>,
    payload: NewPayload<'static>,
}

/// One actor wrote all that there is, and at most one sibling is left of it.
///
/// Where the context is empty (the slot's floor or cut says it), the entry keeps the highest of its
/// dots in the context's place; whoever unpacks it prunes it again.
fn small(record: &Record, actors: &Actors) -> Option<Small> {
    let mut context = record.context.iter();
    let (seen, None) = (context.next(), context.next()) else { return None };
    if record.cells.is_empty() {
        let (actor, hlc) = (actors.intern(seen?.actor)?, seen?.hlc);
        let payload = NewPayload::Tombstone;
        return Some(Small { actor, hlc, base_hlc: hlc, deadline: None, payload });
    }
    let register = record.cells.get(&Path::Text).filter(|_| record.cells.len() == 1)?;
    let [sibling] = &register.siblings[..] else { return None };
    let highest = sibling.highest()?;
    let actor = seen.unwrap_or(highest).actor;
    let deadline = match &sibling.deadlines[..] {
        [] => None,
        [Deadline { dot, at_ms, covers }] if dot.actor == actor => {
            let named = sibling.increments.iter().map(|&(by, entry)| entry.dot(by));
            if !covers.iter().eq(named) {
                return None;
            }
            Some((*at_ms, dot.hlc))
        }
        _ => return None,
    };
    let (base_hlc, payload) = match (&sibling.base, &sibling.increments[..]) {
        (Base::Value { dot, live: true, value }, []) if dot.actor == actor => {
            (dot.hlc, text_payload(value))
        }
        (base, [(by, Increment { sum, since, last })]) if *by == actor => {
            let sum = i64::try_from(*sum).ok()?;
            let (base, base_hlc) = match base {
                Base::Bottom => (None, *last),
                Base::Value { dot, live: true, value }
                    if dot.actor == actor && *since == Hlc::ZERO =>
                {
                    (Some(parse_i64(value)?), dot.hlc)
                }
                Base::Value { .. } => return None,
            };
            (base_hlc, NewPayload::Counter(Counter { base, sum, since: *since, last: *last }))
        }
        _ => return None,
    };
    let own = highest.hlc.max(deadline.map_or(Hlc::ZERO, |deadline| deadline.1));
    let (actor, hlc) = (actors.intern(actor)?, seen.map_or(own, |seen| seen.hlc));
    Some(Small { actor, hlc, base_hlc, deadline, payload })
}

/// A string as a payload; the borrowed form is made from the record's own bytes, so it is shared
/// rather than copied when it is long.
fn text_payload(value: &Bytes) -> NewPayload<'static> {
    if value.len() > INLINE_BYTES_MAX {
        NewPayload::Shared(value.clone())
    } else {
        NewPayload::Owned(value.clone())
    }
}
