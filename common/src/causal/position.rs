//! Where an item of a list lies: a dense order in which pushes and inserts never renumber.
//!
//! A push takes an end: its place is made of its own clock, so that it lies outside everything its
//! coordinator had seen and costs no bytes of its own. An insert lies in a middle: its place is a
//! fraction between its neighbours (fractional indexing), tagged with its actor so that concurrent
//! inserts in one gap are distinct and a later one still fits between them.
//!
//! Invariant: a fraction never ends in a zero byte, so there is always room below it.

use crate::id::Dot;
use bytes::Bytes;

/// A place in a list. Ordered by `major`, then by `fraction` as bytes.
///
/// Two concurrent items share one only if their actors agree in 30 bits; the dot beside it in
/// [`Path::Item`](super::Path::Item) then orders them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From the clock of the push: above zero for a right push, below for a left one.
    pub major: i128,
    /// Empty for a push; the fraction of an item that was inserted in a middle.
    pub fraction: Bytes,
}

/// 64 bits of clock, 30 of the actor, 32 to count the items of one command: 126 in all.
const ACTOR_BITS: u32 = 30;
const COUNT_BITS: u32 = 32;

impl Position {
    /// The place at the end that `major` says.
    pub fn end(major: i128) -> Position {
        Position { major, fraction: Bytes::new() }
    }

    /// A place above `left` and below `right`, where `None` is the end of the list; `dot` is the
    /// event that puts an item there. Several items of one event are placed one beside the other.
    ///
    /// If `left` and `right` are the same place (see [`Position`]), the new one lies above both.
    pub fn between(left: Option<&Position>, right: Option<&Position>, dot: Dot) -> Position {
        match (left, right) {
            (None, None) => Position::end(reach(dot)),
            (Some(left), None) => Position::end(reach(dot).max(left.major.saturating_add(1))),
            (None, Some(right)) => Position::end((-reach(dot)).min(right.major.saturating_sub(1))),
            (Some(left), Some(right)) => {
                let below = (left.major == right.major && left.fraction < right.fraction)
                    .then_some(&right.fraction[..]);
                Position { major: left.major, fraction: fraction(&left.fraction, below, dot) }
            }
        }
    }

    /// Where it lies beside a push of the event `dot` at an end, if that is near: a short name of
    /// `major`.
    pub(crate) fn beyond(&self, dot: Dot) -> Option<Beyond> {
        let by = self.major.unsigned_abs().checked_sub(reach(dot).unsigned_abs())?;
        Some(Beyond { is_left: self.major < 0, by: u32::try_from(by).ok()? })
    }
}

/// A place at an end, or outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// At which end.
    pub is_left: bool,
    /// How far outside of the first place that an event takes there.
    pub by: u32,
}

impl Beyond {
    /// What [`Position::beyond`] names.
    pub fn major(self, dot: Dot) -> i128 {
        let major = reach(dot) + i128::from(self.by);
        if self.is_left { -major } else { major }
    }
}

/// How far from the middle a push at `dot` lies: further than any event before it.
fn reach(dot: Dot) -> i128 {
    i128::from(dot.hlc.0) << (ACTOR_BITS + COUNT_BITS) | i128::from(tag(dot)) << COUNT_BITS
}

fn tag(dot: Dot) -> u32 {
    (dot.actor.0 & ((1 << ACTOR_BITS) - 1)) as u32
}

/// A fraction above `low`, below `high` (`None`: one), ending in the tag of `dot`'s actor.
///
/// The digits before the tag end with one below `high`'s at the same place, so no tag can carry it
/// past `high`.
fn fraction(low: &[u8], mut high: Option<&[u8]>, dot: Dot) -> Bytes {
    let mut digits = Vec::with_capacity(low.len() + 5);
    loop {
        let at = digits.len();
        let from = u16::from(low.get(at).copied().unwrap_or(0));
        let to = high.map_or(256, |high| u16::from(high.get(at).copied().unwrap_or(0)));
        let middle = if high.is_none() && from > 0 { from + 1 } else { from.midpoint(to) };
        if middle > from && middle < to {
            digits.push(middle as u8);
            break;
        }
        digits.push(from as u8);
        if from < to {
            high = None;
        }
    }
    // The last bit set: the fraction does not end in a zero byte.
    digits.extend_from_slice(&(tag(dot) << 1 | 1).to_be_bytes());
    Bytes::from(digits)
}
