//! Commands about keys of any type: existence, names, deadlines, walks; and about whole databases.

mod expire;
mod scan;
#[cfg(test)]
mod tests;

use super::error::CommandError;
use super::table::Command;
use crate::causal::Kind;
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;

/// Runs a command of this group.
pub fn execute(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match command {
        Command::Del | Command::Unlink => out.integer(count(&args[1..], |key| delete(txn, key))),
        Command::Exists => {
            let exists = |key: &&[u8]| untouched(txn, |txn| txn.exists(key));
            out.integer(count(&args[1..], exists));
        }
        Command::Touch => out.integer(touch(txn, &args[1..])),
        Command::Type => out.simple(untouched(txn, |txn| type_of(txn, args[1]))),
        Command::Rename => rename(txn, args[1], args[2], out)?,
        Command::Expire | Command::PExpire | Command::ExpireAt | Command::PExpireAt => {
            expire::expire(command, txn, args, out)?;
        }
        Command::Ttl | Command::PTtl | Command::ExpireTime | Command::PExpireTime => {
            out.integer(expire::time_to_live(command, txn, args[1]));
        }
        Command::Persist => out.integer(i64::from(expire::persist(txn, args[1]))),
        Command::Scan => scan::scan(txn, args, out)?,
        Command::RandomKey => match txn.random_key() {
            Some(key) => out.bulk(&key),
            None => out.null(),
        },
        Command::DbSize => out.integer(txn.counts().keys as i64),
        Command::FlushDb | Command::FlushAll => flush(command, txn, args, out)?,
        other => unreachable!("{other:?} is not of this group"),
    }
    Ok(())
}

/// Of how many of these keys something is true; a key that is named twice counts twice.
fn count<'a>(keys: &[&'a [u8]], is_true: impl FnMut(&&'a [u8]) -> bool) -> i64 {
    keys.iter().copied().filter(is_true).count() as i64
}

/// Reads without leaving a trace for the eviction, as Redis does for questions about a key.
fn untouched<T>(txn: &mut Txn<'_, '_>, read: impl FnOnce(&mut Txn<'_, '_>) -> T) -> T {
    let touch = std::mem::replace(&mut txn.touch, false);
    let answer = read(txn);
    txn.touch = touch;
    answer
}

/// `TOUCH key [key …]`: leaves a trace even for a client that asked for NO-TOUCH.
fn touch(txn: &mut Txn<'_, '_>, keys: &[&[u8]]) -> i64 {
    let touch = std::mem::replace(&mut txn.touch, true);
    let touched = count(keys, |key| txn.exists(key));
    txn.touch = touch;
    touched
}

fn delete(txn: &mut Txn<'_, '_>, key: &[u8]) -> bool {
    let deleted = txn.delete(key);
    if deleted {
        txn.event(EventClass::Generic, "del", key);
    }
    deleted
}

fn type_of(txn: &mut Txn<'_, '_>, key: &[u8]) -> &'static str {
    txn.kind(key).map_or("none", type_name)
}

/// What TYPE calls it.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Hash => "hash",
        Kind::Set => "set",
        Kind::Zset => "zset",
        Kind::List => "list",
    }
}

/// `RENAME key newkey`: onto itself it changes nothing.
fn rename(
    txn: &mut Txn<'_, '_>,
    from: &[u8],
    to: &[u8],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    if txn.copy(from, to, txn.db).ok_or(CommandError::NoSuchKey)? {
        txn.delete(from);
        txn.event(EventClass::Generic, "rename_from", from);
        txn.event(EventClass::Generic, "rename_to", to);
        txn.ready(to);
    }
    out.ok();
    Ok(())
}

/// `FLUSHDB [ASYNC | SYNC]`, `FLUSHALL [ASYNC | SYNC]`: the memory is always freed after the locks
/// are gone, so the two ways are one.
fn flush(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match args[1..] {
        [] => {}
        [how] if how.eq_ignore_ascii_case(b"async") || how.eq_ignore_ascii_case(b"sync") => {}
        _ => return Err(CommandError::Syntax),
    }
    if command == Command::FlushDb {
        txn.flush();
    } else {
        txn.flush_all();
    }
    out.ok();
    Ok(())
}
