//! ZRANGE: members by place, by score or by name, in either direction.

use super::super::error::CommandError;
use super::super::list::span;
use super::super::number::{parse_f64, parse_i64};
use crate::causal::{Kind, Record};
use crate::keyspace::Txn;
use crate::resp::{Protocol, ReplyBuf};
use bytes::Bytes;
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a ZRANGE asks for.
#[derive(Clone, Copy, Debug)]
struct Query<'a> {
    range: Range<'a>,
    rev: bool,
    with_scores: bool,
    /// Members to leave out first; a negative number leaves out all.
    offset: i64,
    /// Members to reply at most; a negative number is no limit.
    limit: i64,
}

#[derive(Clone, Copy, Debug)]
enum Range<'a> {
    /// Both included, negative ones from the end.
    Place {
        start: i64,
        stop: i64,
    },
    Score {
        min: Bound,
        max: Bound,
    },
    Name {
        min: Limit<'a>,
        max: Limit<'a>,
    },
}

/// An end of a range of scores.
#[derive(Clone, Copy, Debug)]
struct Bound {
    score: f64,
    excluded: bool,
}

/// An end of a range of names.
#[derive(Clone, Copy, Debug)]
enum Limit<'a> {
    Lowest,
    Highest,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

type Scored<'r> = (&'r Bytes, f64);

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
pub(super) fn range(
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let query = Query::parse(&args[2..])?;
    let view = txn.view_ms(args[1]);
    match txn.collection(args[1], Kind::Zset)? {
        Some(record) => query.reply(&query.select(record, view), out),
        None => out.array(0),
    }
    Ok(())
}

impl<'a> Query<'a> {
    /// The words after the key.
    fn parse(words: &[&'a [u8]]) -> Result<Query<'a>, CommandError> {
        #[derive(PartialEq)]
        enum By {
            Place,
            Score,
            Name,
        }
        let (mut by, mut rev, mut with_scores, mut offset, mut limit) =
            (By::Place, false, false, 0, -1);
        let mut options = &words[2..];
        while let [option, rest @ ..] = options {
            options = rest;
            match (option.to_ascii_lowercase().as_slice(), rest) {
                (b"withscores", _) => with_scores = true,
                (b"limit", [skip, most, rest @ ..]) => {
                    offset = parse_i64(skip).ok_or(CommandError::NotInteger)?;
                    limit = parse_i64(most).ok_or(CommandError::NotInteger)?;
                    options = rest;
                }
                (b"rev", _) if !rev => rev = true,
                (b"byscore", _) if by == By::Place => by = By::Score,
                (b"bylex", _) if by == By::Place => by = By::Name,
                _ => return Err(CommandError::Syntax),
            }
        }
        if limit != -1 && by == By::Place {
            return Err(refuse(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if with_scores && by == By::Name {
            return Err(refuse(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (first, second) = (words[0], words[1]);
        let (min, max) = if rev { (second, first) } else { (first, second) };
        let range = match by {
            By::Place => Range::place(first, second)?,
            By::Score => Range::score(min, max).ok_or(CommandError::MinMaxNotFloat)?,
            By::Name => Range::name(min, max)
                .ok_or_else(|| refuse("ERR min or max not valid string range item"))?,
        };
        Ok(Query { range, rev, with_scores, offset, limit })
    }

    /// The members in the order of the reply.
    fn select<'r>(&self, record: &'r Record, view_ms: u64) -> Vec<Scored<'r>> {
        // O(n log n): an order index comes with the rest of the sorted sets' commands.
        let mut members: Vec<Scored<'r>> = match self.range {
            Range::Score { min, max } => record
                .scores(view_ms)
                .filter(|(_, score)| min.is_below(*score) && max.is_above(*score))
                .collect(),
            _ => record.scores(view_ms).collect(),
        };
        members.sort_unstable_by(by_score);
        if self.rev {
            members.reverse();
        }
        let span = match self.range {
            Range::Place { start, stop } => span(start, stop, members.len()),
            Range::Score { .. } => self.page(0, members.len()),
            Range::Name { min, max } => self.name_span(&members, min, max),
        };
        members.truncate(span.end);
        members.drain(..span.start);
        members
    }

    /// What LIMIT leaves of a span.
    fn page(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let start = start.saturating_add(skipped).min(end);
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        start..start.saturating_add(most).min(end)
    }

    /// Where the members between two names are, and what LIMIT leaves of them. Redis says what comes
    /// out only if all scores are equal; otherwise this does what it does with a small set: look from
    /// the near end for the first name within the near limit, leave out as many as LIMIT says
    /// whatever their names, and stop at the first one beyond the far limit.
    fn name_span(
        &self,
        members: &[Scored<'_>],
        min: Limit<'_>,
        max: Limit<'_>,
    ) -> std::ops::Range<usize> {
        let rev = self.rev;
        let starts = |name: &Bytes| if rev { max.is_above(name) } else { min.is_below(name) };
        let goes_on = |name: &Bytes| if rev { min.is_below(name) } else { max.is_above(name) };
        let ends_fit = match (members.first(), members.last()) {
            (Some((near, _)), Some((far, _))) => goes_on(near) && starts(far),
            _ => false,
        };
        let first = members.iter().take_while(|(name, _)| !starts(name)).count();
        if !ends_fit || !members.get(first).is_some_and(|(name, _)| goes_on(name)) {
            return 0..0;
        }
        let page = self.page(first, members.len());
        let found = members[page.clone()].iter().take_while(|(name, _)| goes_on(name));
        page.start..page.start + found.count()
    }

    fn reply(&self, members: &[Scored<'_>], out: &mut ReplyBuf) {
        let pairs = self.with_scores && out.protocol() == Protocol::Resp3;
        let values_each = if self.with_scores && !pairs { 2 } else { 1 };
        out.array(members.len() * values_each);
        for (member, score) in members {
            if pairs {
                out.array(2);
            }
            out.bulk(member);
            if self.with_scores {
                out.double(*score);
            }
        }
    }
}

fn refuse(line: &'static str) -> CommandError {
    CommandError::Other(Cow::Borrowed(line))
}

/// Scores are never not-a-number, and 0 is -0.
fn by_score(one: &Scored<'_>, other: &Scored<'_>) -> Ordering {
    one.1.partial_cmp(&other.1).unwrap_or(Ordering::Equal).then_with(|| one.0.cmp(other.0))
}

impl<'a> Range<'a> {
    fn place(start: &[u8], stop: &[u8]) -> Result<Range<'a>, CommandError> {
        let start = parse_i64(start).ok_or(CommandError::NotInteger)?;
        let stop = parse_i64(stop).ok_or(CommandError::NotInteger)?;
        Ok(Range::Place { start, stop })
    }

    fn score(min: &[u8], max: &[u8]) -> Option<Range<'a>> {
        Some(Range::Score { min: Bound::parse(min)?, max: Bound::parse(max)? })
    }

    fn name(min: &'a [u8], max: &'a [u8]) -> Option<Range<'a>> {
        Some(Range::Name { min: Limit::parse(min)?, max: Limit::parse(max)? })
    }
}

impl Bound {
    fn parse(text: &[u8]) -> Option<Bound> {
        let (excluded, text) = match text {
            [b'(', text @ ..] => (true, text),
            text => (false, text),
        };
        Some(Bound { score: lenient_f64(text)?, excluded })
    }

    fn is_below(self, score: f64) -> bool {
        if self.excluded { self.score < score } else { self.score <= score }
    }

    fn is_above(self, score: f64) -> bool {
        if self.excluded { self.score > score } else { self.score >= score }
    }
}

/// Bounds go through C's `strtod` unchecked: nothing at all is 0, blanks before the number are
/// skipped, what is too large is infinite and what is too small is 0.
fn lenient_f64(text: &[u8]) -> Option<f64> {
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    let number = &text[blanks..];
    let rounded = || std::str::from_utf8(number).ok()?.parse().ok().filter(|n: &f64| !n.is_nan());
    parse_f64(number).or_else(rounded)
}

impl<'a> Limit<'a> {
    fn parse(text: &'a [u8]) -> Option<Limit<'a>> {
        match text {
            [b'-'] | [b'-', 0, ..] => Some(Limit::Lowest),
            [b'+'] | [b'+', 0, ..] => Some(Limit::Highest),
            [b'[', name @ ..] => Some(Limit::Included(name)),
            [b'(', name @ ..] => Some(Limit::Excluded(name)),
            _ => None,
        }
    }

    fn is_below(self, name: &[u8]) -> bool {
        match self {
            Limit::Lowest => true,
            Limit::Highest => false,
            Limit::Included(limit) => limit <= name,
            Limit::Excluded(limit) => limit < name,
        }
    }

    fn is_above(self, name: &[u8]) -> bool {
        match self {
            Limit::Lowest => false,
            Limit::Highest => true,
            Limit::Included(limit) => limit >= name,
            Limit::Excluded(limit) => limit > name,
        }
    }
}
