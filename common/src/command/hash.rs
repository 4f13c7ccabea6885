//! Hashes: fields and their values under one key.

use super::elements;
use super::error::CommandError;
use super::table::Command;
use crate::causal::{Change, Kind, Path, Value};
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;
use bytes::Bytes;
use std::collections::BTreeMap;

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
        Command::HSet => set(txn, args, out),
        Command::HGet => get(txn, args, out),
        Command::HGetAll => get_all(txn, args, out),
        Command::HDel => elements::remove(txn, Kind::Hash, "hdel", args, out),
        Command::HExists => elements::contains(txn, Kind::Hash, args, out),
        Command::HLen => elements::len(txn, Kind::Hash, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// `HSET key field value [field value …]`: the number of fields that were not there.
fn set(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let (pairs, rest) = args[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err(CommandError::Arity { command: Command::HSet.row().name });
    }
    let key = args[1];
    let view = txn.view_ms(key);
    let before = txn.collection(key, Kind::Hash)?;
    let (mut put, mut created) = (BTreeMap::new(), 0);
    for [field, value] in pairs {
        let path = Path::Field(Bytes::copy_from_slice(field));
        let is_new = !before.is_some_and(|record| record.shows(&path, view));
        let is_first = put.insert(path, Bytes::copy_from_slice(value)).is_none();
        created += i64::from(is_new && is_first);
    }
    let put = put.into_iter().collect();
    txn.change(key, Change::Cells { kind: Kind::Hash, put, remove: Vec::new() });
    txn.event(EventClass::Hash, "hset", key);
    out.integer(created);
    Ok(())
}

/// `HGET key field`
fn get(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let view = txn.view_ms(args[1]);
    let hash = txn.collection(args[1], Kind::Hash)?;
    let field = Bytes::copy_from_slice(args[2]);
    match hash.and_then(|record| record.field(&field, view)) {
        Some(value) => reply(value, out),
        None => out.null(),
    }
    Ok(())
}

/// `HGETALL key`
fn get_all(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let view = txn.view_ms(args[1]);
    let hash = txn.collection(args[1], Kind::Hash)?;
    let (mark, mut fields) = (out.mark(), 0);
    for (field, value) in hash.iter().flat_map(|record| record.fields(view)) {
        out.bulk(field);
        reply(value, out);
        fields += 1;
    }
    out.insert_map(mark, fields);
    Ok(())
}

fn reply(value: Value, out: &mut ReplyBuf) {
    match value {
        Value::Bytes(bytes) => out.bulk_shared(bytes),
        Value::Integer(number) => out.bulk(itoa::Buffer::new().format(number).as_bytes()),
    }
}
