//! Sets: members under one key.

use super::elements;
use super::error::CommandError;
use super::table::Command;
use crate::causal::{Change, Kind, Path};
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;
use bytes::Bytes;
use std::collections::BTreeSet;

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
        Command::SAdd => add(txn, args, out),
        Command::SRem => elements::remove(txn, Kind::Set, "srem", args, out),
        Command::SMembers => members(txn, args, out),
        Command::SIsMember => elements::contains(txn, Kind::Set, args, out),
        Command::SCard => elements::len(txn, Kind::Set, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// `SADD key member [member …]`: the number of members that were not there. If there is none, it
/// writes nothing.
fn add(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let key = args[1];
    let view = txn.view_ms(key);
    let before = txn.collection(key, Kind::Set)?;
    let paths = args[2..].iter().map(|member| Path::Member(Bytes::copy_from_slice(member)));
    let added: BTreeSet<Path> =
        paths.filter(|path| !before.is_some_and(|record| record.shows(path, view))).collect();
    out.integer(added.len() as i64);
    if !added.is_empty() {
        let put = added.into_iter().map(|path| (path, Bytes::new())).collect();
        txn.change(key, Change::Cells { kind: Kind::Set, put, remove: Vec::new() });
        txn.event(EventClass::Set, "sadd", key);
    }
    Ok(())
}

/// `SMEMBERS key`
fn members(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let view = txn.view_ms(args[1]);
    let set = txn.collection(args[1], Kind::Set)?;
    let (mark, mut members) = (out.mark(), 0);
    for member in set.iter().flat_map(|record| record.members(view)) {
        out.bulk(member);
        members += 1;
    }
    out.insert_set(mark, members);
    Ok(())
}
