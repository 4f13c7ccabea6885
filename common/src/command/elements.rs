//! What the collections' commands do alike: count elements, look for one, take some out.
//!
//! Invariant: a command that takes nothing out changes nothing, and no event of the record comes of
//! it. Whoever takes the last element out takes the key.

use super::error::CommandError;
use crate::causal::{Change, Kind, Path};
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;
use bytes::Bytes;
use std::collections::BTreeSet;

/// `HLEN key`, `LLEN key`, `SCARD key`, `ZCARD key`
pub(super) fn len(
    txn: &mut Txn<'_, '_>,
    kind: Kind,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let view = txn.view_ms(args[1]);
    let len = txn.collection(args[1], kind)?.map_or(0, |record| record.len(kind, view));
    out.integer(len as i64);
    Ok(())
}

/// `HEXISTS key field`, `SISMEMBER key member`
pub(super) fn contains(
    txn: &mut Txn<'_, '_>,
    kind: Kind,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let view = txn.view_ms(args[1]);
    let record = txn.collection(args[1], kind)?;
    let path = named(kind, args[2]);
    out.integer(i64::from(record.is_some_and(|record| record.shows(&path, view))));
    Ok(())
}

/// `HDEL key field [field …]`, `SREM key member [member …]`, `ZREM key member [member …]`: the number
/// of elements that were there.
pub(super) fn remove(
    txn: &mut Txn<'_, '_>,
    kind: Kind,
    event: &'static str,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let key = args[1];
    let view = txn.view_ms(key);
    let Some(record) = txn.collection(key, kind)? else {
        out.integer(0);
        return Ok(());
    };
    let paths = args[2..].iter().map(|name| named(kind, name));
    let there: BTreeSet<Path> = paths.filter(|path| record.shows(path, view)).collect();
    let left = record.len(kind, view) - there.len();
    out.integer(there.len() as i64);
    take_out(txn, key, kind, there.into_iter().collect(), left, event);
    Ok(())
}

/// Takes out elements that show, so many others being `left`.
pub(super) fn take_out(
    txn: &mut Txn<'_, '_>,
    key: &[u8],
    kind: Kind,
    remove: Vec<Path>,
    left: usize,
    event: &'static str,
) {
    if remove.is_empty() {
        return;
    }
    txn.change(key, Change::Cells { kind, put: Vec::new(), remove });
    txn.event(class(kind), event, key);
    if left == 0 {
        txn.event(EventClass::Generic, "del", key);
    }
}

/// Where the element of a name lies in a collection whose elements have one.
fn named(kind: Kind, name: &[u8]) -> Path {
    let name = Bytes::copy_from_slice(name);
    match kind {
        Kind::Hash => Path::Field(name),
        Kind::Set => Path::Member(name),
        Kind::Zset => Path::Scored(name),
        Kind::Text | Kind::List => unreachable!("{kind:?} has no names"),
    }
}

fn class(kind: Kind) -> EventClass {
    match kind {
        Kind::Text => EventClass::String,
        Kind::Hash => EventClass::Hash,
        Kind::Set => EventClass::Set,
        Kind::Zset => EventClass::Zset,
        Kind::List => EventClass::List,
    }
}
