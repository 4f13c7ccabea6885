//! Lists: items in an order that pushes and inserts make.

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
        Command::LPush => push_left(txn, args, out),
        Command::LRange => range(txn, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// `LPUSH key element [element …]`: each goes before the one pushed just before it. Replies the
/// length of the list.
fn push_left(
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let (key, elements) = (args[1], &args[2..]);
    let view = txn.view_ms(key);
    let before = txn.collection(key, Kind::List)?.map_or(0, |record| record.len(Kind::List, view));
    txn.change_with(key, |record, dot, view| before_all(record, elements, dot, view));
    txn.event(EventClass::List, "lpush", key);
    txn.ready(key);
    out.integer((before + elements.len()) as i64);
    Ok(())
}

fn before_all(record: &Record, elements: &[&[u8]], dot: Dot, view_ms: u64) -> Change {
    let mut first = record.items(view_ms).next().map(|(position, _, _)| position.clone());
    let mut put = Vec::with_capacity(elements.len());
    for element in elements {
        let position = Position::between(None, first.as_ref(), dot);
        put.push((Path::Item(position.clone(), dot), Bytes::copy_from_slice(element)));
        first = Some(position);
    }
    Change::Cells { kind: Kind::List, put, remove: Vec::new() }
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
