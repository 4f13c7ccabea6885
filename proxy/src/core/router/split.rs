//! A call as parts, each for one slot, and their replies as one.
//!
//! Invariant: the keys of a part are in one slot, every key of the call is in exactly one part, and
//! parts stand in the order of their groups.

use super::call::{Outcome, What, Why};
use super::gather::{elements, integer, is_error};
use bytes::{Buf, Bytes};
use kinring_common::command::CommandError;
use kinring_common::command::table::{Command, KeysError, Row, resolve};
use kinring_common::placement::layout::{Group, GroupId, Layout};
use kinring_common::placement::slot::Slot;
use kinring_common::resp::{Protocol, ReplyBuf};
use kinring_common::wire::request::Work;
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug)]
pub struct Split {
    /// The parts.
    pub pieces: Vec<Piece>,
    /// How one reply comes from theirs.
    pub gather: Gather,
    /// It changes nothing.
    pub is_read: bool,
}

/// What is to be done in one slot.
#[derive(Debug)]
pub struct Piece {
    /// The group that it is in.
    pub group: GroupId,
    /// The slot.
    pub slot: Slot,
    /// What is to be done.
    pub work: Work,
    /// Which keys of the call it has, for a reply that lists them.
    pub places: Vec<u32>,
}

/// How one reply comes from those of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// There is one.
    Only,
    /// All are OK.
    Ok,
    /// The sum.
    Sum,
    /// An array of so many elements, each where its key stands in the call.
    Array(usize),
}

/// How a part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was executed.
    Reply(Bytes),
    /// It was not, and will not be; or it only reads.
    Refused(Why),
    /// It may have been.
    Unknown,
}

impl Split {
    /// What a call comes to by its words and the layout.
    ///
    /// # Errors
    /// When the words are wrong, or keys are in different slots that must not be.
    pub fn new(what: What, layout: &Layout) -> Result<Split, Why> {
        match what {
            What::Commands(commands) => Split::whole(commands, layout),
            What::Scatter(words) => Split::scattered(&words, layout),
            What::Flush => {
                let piece = |group: Group<'_>| Piece {
                    group: group.id,
                    slot: group.slots[0],
                    work: Work::Flush(group.id),
                    places: Vec::new(),
                };
                let pieces = layout.groups().map(piece).collect();
                Ok(Split { pieces, gather: Gather::Ok, is_read: false })
            }
        }
    }

    fn whole(commands: Vec<Vec<Bytes>>, layout: &Layout) -> Result<Split, Why> {
        let (mut slot, mut is_read) = (None, true);
        for words in &commands {
            let row = resolve(words)?;
            is_read &= row.is_readonly();
            for at in keys(row, words)? {
                let found = Slot::of(&words[at]);
                if *slot.get_or_insert(found) != found {
                    return Err(CommandError::CrossSlot.into());
                }
            }
        }
        // What names no keys is for all nodes together.
        let slot = slot.ok_or(CommandError::Syntax)?;
        let group = layout.group_of(slot);
        let work = Work::Commands(commands);
        let pieces = vec![Piece { group, slot, work, places: Vec::new() }];
        Ok(Split { pieces, gather: Gather::Only, is_read })
    }

    fn scattered(words: &[Bytes], layout: &Layout) -> Result<Split, Why> {
        let row = resolve(words)?;
        let step = if row.run == Command::MSet { 2 } else { 1 };
        let keys = words.len() - 1;
        let gather = match row.run {
            Command::MSet if keys.is_multiple_of(2) => Gather::Ok,
            Command::MSet => return Err(CommandError::Arity { command: row.name }.into()),
            Command::MGet => Gather::Array(keys),
            Command::Del | Command::Unlink | Command::Exists | Command::Touch => Gather::Sum,
            _ => return Err(CommandError::CrossSlot.into()),
        };
        let mut slots: BTreeMap<(GroupId, Slot), (Vec<Bytes>, Vec<u32>)> = BTreeMap::new();
        for (place, pair) in words[1..].chunks_exact(step).enumerate() {
            let slot = Slot::of(&pair[0]);
            let of_slot = slots.entry((layout.group_of(slot), slot));
            let (of_slot, places) = of_slot.or_insert_with(|| (vec![words[0].clone()], Vec::new()));
            of_slot.extend_from_slice(pair);
            places.push(place as u32);
        }
        let is_only = slots.len() == 1;
        let piece = |((group, slot), (words, places))| Piece {
            group,
            slot,
            work: Work::Commands(vec![words]),
            places,
        };
        let pieces = slots.into_iter().map(piece).collect();
        let gather = if is_only { Gather::Only } else { gather };
        Ok(Split { pieces, gather, is_read: row.is_readonly() })
    }
}

fn keys<'a>(
    row: &'static Row,
    words: &'a [Bytes],
) -> Result<impl Iterator<Item = usize> + 'a, Why> {
    row.keys(words).map_err(|error| match error {
        KeysError::Arity => CommandError::Arity { command: row.name }.into(),
        KeysError::Syntax => CommandError::Syntax.into(),
    })
}

/// What became of a call whose parts ended like this; each comes with the places of its keys.
///
/// A write of which some was executed and some was not is neither executed nor refused.
pub fn outcome(
    gather: Gather,
    parts: Vec<(Ended, Vec<u32>)>,
    is_read: bool,
    protocol: Protocol,
) -> Outcome {
    let (mut replies, mut errors, mut refused, mut unknown) = (Vec::new(), None, None, 0);
    let all = parts.len();
    for (ended, places) in parts {
        match ended {
            Ended::Reply(reply) if gather == Gather::Only => return Outcome::Reply(reply),
            Ended::Reply(reply) if is_error(&reply) => {
                let (_, count) = errors.get_or_insert((reply, 0));
                *count += 1;
            }
            Ended::Reply(reply) => replies.push((reply, places)),
            Ended::Refused(why) => {
                let (_, count) = refused.get_or_insert((why, 0));
                *count += 1;
            }
            Ended::Unknown => unknown += 1,
        }
    }
    match (refused, errors) {
        (Some((why, count)), _) if is_read || count == all => Outcome::Refused(why),
        (None, Some((error, count))) if is_read || count == all => Outcome::Reply(error),
        (None, None) if unknown == 0 => match gathered(gather, &replies, protocol) {
            Some(reply) => Outcome::Reply(reply),
            None if is_read => Outcome::Refused(Why::Garbled),
            None => Outcome::Unknown,
        },
        _ => Outcome::Unknown,
    }
}

fn gathered(gather: Gather, replies: &[(Bytes, Vec<u32>)], protocol: Protocol) -> Option<Bytes> {
    let mut out = ReplyBuf::new(protocol);
    match gather {
        Gather::Only => return None,
        Gather::Ok => {
            if replies.iter().any(|(reply, _)| &reply[..] != b"+OK\r\n") {
                return None;
            }
            out.ok();
        }
        Gather::Sum => {
            let mut sum = 0_i64;
            for (reply, _) in replies {
                sum = sum.checked_add(integer(reply)?)?;
            }
            out.integer(sum);
        }
        Gather::Array(len) => {
            let mut all = vec![Bytes::new(); len];
            for (reply, places) in replies {
                for (element, place) in elements(reply, places.len())?.into_iter().zip(places) {
                    all[*place as usize] = element;
                }
            }
            out.array(len);
            all.iter().for_each(|element| out.raw(element));
        }
    }
    let len = out.len();
    Some(out.copy_to_bytes(len))
}
