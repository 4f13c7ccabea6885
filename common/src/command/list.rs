//! Lists: items in an order that pushes and inserts make.

use super::elements;
use super::error::CommandError;
use super::number::parse_i64;
use super::table::Command;
use crate::causal::{Change, Kind, Path, Position, Record};
use crate::id::Dot;
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;
use bytes::Bytes;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// Runs a command of this group.
pub fn execute(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match command {
        Command::LPush => push(txn, End::Left, args, out),
        Command::RPush => push(txn, End::Right, args, out),
        Command::LPop => pop(txn, End::Left, args, out),
        Command::RPop => pop(txn, End::Right, args, out),
        Command::LLen => elements::len(txn, Kind::List, args, out),
        Command::LRange => range(txn, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// Where items come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

impl End {
    /// What a command is called at this end.
    fn name(self, left: &'static str, right: &'static str) -> &'static str {
        match self {
            End::Left => left,
            End::Right => right,
        }
    }

    /// The items from this end on inwards: where, put there by which event, and what.
    fn items(self, record: &Record, view_ms: u64) -> impl Iterator<Item = (&Position, Dot, Bytes)> {
        let mut items = record.items(view_ms);
        std::iter::from_fn(move || match self {
            End::Left => items.next(),
            End::Right => items.next_back(),
        })
    }
}

/// `LPUSH key element [element …]`, `RPUSH key element [element …]`: each goes beyond the one pushed
/// just before it. Replies the length of the list.
fn push(
    txn: &mut Txn<'_, '_>,
    end: End,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let (key, elements) = (args[1], &args[2..]);
    let view = txn.view_ms(key);
    let before = txn.collection(key, Kind::List)?.map_or(0, |record| record.len(Kind::List, view));
    txn.change_with(key, |record, dot, view| beyond_all(record, end, elements, dot, view));
    txn.event(EventClass::List, end.name("lpush", "rpush"), key);
    txn.ready(key);
    out.integer((before + elements.len()) as i64);
    Ok(())
}

fn beyond_all(record: &Record, end: End, elements: &[&[u8]], dot: Dot, view_ms: u64) -> Change {
    let mut outermost = end.items(record, view_ms).next().map(|(position, _, _)| position.clone());
    let mut put = Vec::with_capacity(elements.len());
    for element in elements {
        let position = match end {
            End::Left => Position::between(None, outermost.as_ref(), dot),
            End::Right => Position::between(outermost.as_ref(), None, dot),
        };
        put.push((Path::Item(position.clone(), dot), Bytes::copy_from_slice(element)));
        outermost = Some(position);
    }
    Change::Cells { kind: Kind::List, put, remove: Vec::new() }
}

/// `LPOP key [count]`, `RPOP key [count]`: with a count an array, from the end inwards.
fn pop(
    txn: &mut Txn<'_, '_>,
    end: End,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let key = args[1];
    let count = match args[2..] {
        [] => None,
        [count] => Some(parse_count(count).ok_or(CommandError::NotPositive)?),
        _ => return Err(CommandError::Arity { command: end.name("lpop", "rpop") }),
    };
    let view = txn.view_ms(key);
    let Some(record) = txn.collection(key, Kind::List)? else {
        if count.is_some() {
            out.null_array();
        } else {
            out.null();
        }
        return Ok(());
    };
    let popped = end.items(record, view).take(count.unwrap_or(1));
    let popped = popped.map(|(position, dot, item)| (Path::Item(position.clone(), dot), item));
    let (remove, items): (Vec<Path>, Vec<Bytes>) = popped.unzip();
    let left = record.len(Kind::List, view) - remove.len();
    if count.is_some() {
        out.array(items.len());
    }
    items.into_iter().for_each(|item| out.bulk_shared(item));
    elements::take_out(txn, key, Kind::List, remove, left, end.name("lpop", "rpop"));
    Ok(())
}

/// A number of elements, 0 included; more than there can be is all of them.
fn parse_count(text: &[u8]) -> Option<usize> {
    let count = parse_i64(text).filter(|count| *count >= 0)?;
    Some(usize::try_from(count).unwrap_or(usize::MAX))
}

/// `LRANGE key start stop`
fn range(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let start = parse_i64(args[2]).ok_or(CommandError::NotInteger)?;
    let stop = parse_i64(args[3]).ok_or(CommandError::NotInteger)?;
    let view = txn.view_ms(args[1]);
    let Some(list) = txn.collection(args[1], Kind::List)? else {
        out.array(0);
        return Ok(());
    };
    let len = list.len(Kind::List, view);
    let span = span(start, stop, len);
    out.array(span.len());
    let after = len - span.end;
    if span.start <= after {
        let items = list.items(view).skip(span.start).take(span.len());
        items.for_each(|(_, _, item)| out.bulk_shared(item));
    } else {
        // The tail is nearer.
        let items: Vec<_> = list.items(view).rev().skip(after).take(span.len()).collect();
        items.into_iter().rev().for_each(|(_, _, item)| out.bulk_shared(item));
    }
    Ok(())
}

/// The places from `start` to `stop`, both included, in something of this length; negative ones
/// count from its end.
pub(super) fn span(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let start = from_end(start).max(0);
    let end = from_end(stop).min(len - 1).saturating_add(1);
    if start < end { start as usize..end as usize } else { 0..0 }
}
