//! ZADD: members come and scores change, each under the conditions that the options say.

use super::super::error::CommandError;
use super::super::number::parse_f64;
use super::score_of;
use crate::causal::{Change, Kind, Path};
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The words between the key and the scores.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

/// A score and its member.
type Pair<'a> = [&'a [u8]; 2];

/// What an option lets happen to one member.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// It comes with this score.
    Add(f64),
    /// It gets this score, which may be the one it has.
    Update(f64),
    /// Nothing.
    Skip,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Tally {
    added: i64,
    updated: i64,
    /// The score of the last member that was not skipped.
    score: Option<f64>,
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member …]`
pub(super) fn add(
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let key = args[1];
    let (options, pairs) = Options::parse(&args[2..])?;
    let scores = pairs.iter().map(|[score, _]| parse_f64(score).ok_or(CommandError::NotFloat));
    let scores: Vec<f64> = scores.collect::<Result<_, _>>()?;

    let view = txn.view_ms(key);
    let before = txn.collection(key, Kind::Zset)?;
    let (mut put, mut tally) = (BTreeMap::new(), Tally::default());
    for ([_, member], score) in pairs.iter().zip(scores) {
        let path = Path::Scored(Bytes::copy_from_slice(member));
        let stored = || before.and_then(|record| score_of(record, &path, view));
        // A member that is named twice has the first one's score by then.
        let current = put.get(&path).copied().or_else(stored);
        if let Some(score) = tally.count(options.step(current, score)?, current) {
            put.insert(path, score);
        }
    }
    if options.incr {
        match tally.score {
            Some(score) => out.double(score),
            None => out.null(),
        }
    } else {
        out.integer(tally.added + if options.ch { tally.updated } else { 0 });
    }
    if !put.is_empty() {
        let put = put.into_iter().map(|(path, score)| (path, stored(score))).collect();
        txn.change(key, Change::Cells { kind: Kind::Zset, put, remove: Vec::new() });
        txn.event(EventClass::Zset, if options.incr { "zincr" } else { "zadd" }, key);
        if tally.added > 0 {
            txn.ready(key);
        }
    }
    Ok(())
}

/// The bits of a score. Of -0 the sign is lost, as in Redis's small sets: a listpack has whole
/// numbers as integers.
fn stored(score: f64) -> Bytes {
    let score = if score == 0.0 { 0.0 } else { score };
    Bytes::copy_from_slice(&score.to_bits().to_be_bytes())
}

impl Options {
    /// The options, and the pairs of score and member after them.
    fn parse<'w, 'a>(words: &'w [&'a [u8]]) -> Result<(Options, &'w [Pair<'a>]), CommandError> {
        let mut options = Options::default();
        let is_option = |word: &&&[u8]| options.take(word);
        let count = words.iter().take_while(is_option).count();
        let Options { nx, xx, gt, lt, incr, .. } = options;
        let (pairs, rest) = words[count..].as_chunks::<2>();
        if !rest.is_empty() || pairs.is_empty() {
            return Err(CommandError::Syntax);
        }
        let conflict = if nx && xx {
            "ERR XX and NX options at the same time are not compatible"
        } else if nx && (gt || lt) || gt && lt {
            "ERR GT, LT, and/or NX options at the same time are not compatible"
        } else if incr && pairs.len() > 1 {
            "ERR INCR option supports a single increment-element pair"
        } else {
            return Ok((options, pairs));
        };
        Err(CommandError::Other(Cow::Borrowed(conflict)))
    }

    /// Notes an option; whether the word was one.
    fn take(&mut self, word: &[u8]) -> bool {
        match word.to_ascii_lowercase().as_slice() {
            b"nx" => self.nx = true,
            b"xx" => self.xx = true,
            b"gt" => self.gt = true,
            b"lt" => self.lt = true,
            b"ch" => self.ch = true,
            b"incr" => self.incr = true,
            _ => return false,
        }
        true
    }

    fn step(self, current: Option<f64>, score: f64) -> Result<Step, CommandError> {
        let Some(current) = current else {
            return Ok(if self.xx { Step::Skip } else { Step::Add(score) });
        };
        if self.nx {
            return Ok(Step::Skip);
        }
        let score = if self.incr { current + score } else { score };
        if score.is_nan() {
            return Err(CommandError::ScoreNan);
        }
        let refused = self.gt && score <= current || self.lt && score >= current;
        Ok(if refused { Step::Skip } else { Step::Update(score) })
    }
}

impl Tally {
    /// Counts a step; the score to write, if any. The score that is there already is not written.
    fn count(&mut self, step: Step, current: Option<f64>) -> Option<f64> {
        let (Step::Add(score) | Step::Update(score)) = step else { return None };
        self.score = Some(score);
        match step {
            Step::Add(_) => self.added += 1,
            _ if current == Some(score) => return None,
            _ => self.updated += 1,
        }
        Some(score)
    }
}
