//! Strings: one value a key.
//!
//! GET and SET without options are what caches live on and stay short; all else may look twice at
//! its key. INCR and its like are increments of the causal model, so that two of them that did not
//! see each other add up; INCRBYFLOAT, APPEND and GETSET are SETs of their result.

mod big;
mod extended;
mod options;
#[cfg(test)]
mod tests;

use self::extended::{Extended, Finite};
use self::options::{Condition, GetExOptions, Lifetime, SetOptions, Unit, deadline_ms};
use super::error::CommandError;
use super::number::parse_i64;
use super::table::Command;
use crate::keyspace::{EventClass, Text, Ttl, Txn};
use crate::resp::ReplyBuf;

/// Runs a string command.
///
/// # Errors
/// As Redis refuses; nothing has changed then, and nothing was written to `out`.
pub fn execute(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match command {
        Command::Get => get(txn, args, out),
        Command::Set => set(txn, args, out),
        Command::GetDel => get_del(txn, args, out),
        Command::GetEx => get_ex(txn, args, out),
        Command::GetSet => get_set(txn, args, out),
        Command::SetNx => set_nx(txn, args, out),
        Command::SetEx => set_ex(Unit::Ex, "setex", txn, args, out),
        Command::PSetEx => set_ex(Unit::Px, "psetex", txn, args, out),
        Command::MGet => m_get(txn, args, out),
        Command::MSet => m_set(txn, args, out),
        Command::MSetNx => m_set_nx(txn, args, out),
        Command::Append => append(txn, args, out),
        Command::StrLen => str_len(txn, args, out),
        Command::Incr => increment(txn, args[1], 1, out),
        Command::Decr => increment(txn, args[1], -1, out),
        Command::IncrBy => increment(txn, args[1], integer(args[2])?, out),
        Command::DecrBy => decr_by(txn, args, out),
        Command::IncrByFloat => incr_by_float(txn, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// `GET key`
#[inline]
pub fn get(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    reply_shown(txn, args[1], out)?;
    Ok(())
}

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT unix-s | PXAT unix-ms | KEEPTTL]`
#[inline]
pub fn set(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    if args.len() == 3 {
        put(txn, args[1], args[2], Ttl::Clear);
        out.ok();
        return Ok(());
    }
    set_with_options(txn, args, out)
}

#[inline(never)]
fn set_with_options(
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let options = SetOptions::parse(&args[3..])?;
    let key = args[1];
    let ttl = match options.lifetime {
        Lifetime::Unsaid => Ttl::Clear,
        Lifetime::Kept => Ttl::Keep,
        // A time that has passed is taken as well: the key is then there and expired.
        Lifetime::Until(unit, time) => Ttl::At(deadline_ms(unit, time, txn.view_ms(key), "set")?),
    };
    let was_there = if options.get { reply_shown(txn, key, out)? } else { txn.exists(key) };
    let wanted = match options.condition {
        None => true,
        Some(Condition::Absent) => !was_there,
        Some(Condition::Present) => was_there,
    };
    if wanted {
        put(txn, key, args[2], ttl);
    }
    match (options.get, wanted) {
        (true, _) => {}
        (false, true) => out.ok(),
        (false, false) => out.null(),
    }
    Ok(())
}

/// `GETDEL key`
fn get_del(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    if reply_shown(txn, args[1], out)? {
        txn.delete(args[1]);
        txn.event(EventClass::Generic, "del", args[1]);
    }
    Ok(())
}

/// `GETEX key [EX s | PX ms | EXAT unix-s | PXAT unix-ms | PERSIST]`
fn get_ex(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let options = GetExOptions::parse(&args[2..])?;
    let key = args[1];
    // Relative times count from where deadlines are judged.
    let now_ms = txn.view_ms(key);
    if !shows(txn, key)? {
        // The time is not even looked at.
        out.null();
        return Ok(());
    }
    let until = match options {
        GetExOptions::Read | GetExOptions::Persist => None,
        GetExOptions::Until(unit, time) => Some(deadline_ms(unit, time, now_ms, "getex")?),
    };
    if let Some(text) = txn.text(key)? {
        reply(text, out);
    }
    match (until, options) {
        (Some(at_ms), _) if at_ms <= now_ms => {
            txn.delete(key);
            txn.event(EventClass::Generic, "del", key);
        }
        (Some(at_ms), _) => {
            txn.set_deadline(key, Some(at_ms));
            txn.event(EventClass::Generic, "expire", key);
        }
        (None, GetExOptions::Persist) if txn.is_to_expire(key) => {
            txn.set_deadline(key, None);
            txn.event(EventClass::Generic, "persist", key);
        }
        (None, _) => {}
    }
    Ok(())
}

/// `GETSET key value`
fn get_set(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    reply_shown(txn, args[1], out)?;
    put(txn, args[1], args[2], Ttl::Clear);
    Ok(())
}

/// `SETNX key value`
fn set_nx(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let absent = !txn.exists(args[1]);
    if absent {
        put(txn, args[1], args[2], Ttl::Clear);
    }
    out.integer(i64::from(absent));
    Ok(())
}

/// `SETEX key seconds value`, `PSETEX key milliseconds value`
fn set_ex(
    unit: Unit,
    command: &'static str,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let at_ms = deadline_ms(unit, args[2], txn.view_ms(args[1]), command)?;
    put(txn, args[1], args[3], Ttl::At(at_ms));
    out.ok();
    Ok(())
}

/// `MGET key [key …]`
fn m_get(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    out.array(args.len() - 1);
    for key in &args[1..] {
        match txn.text(key) {
            Ok(Some(text)) => reply(text, out),
            // Another type reads as nothing here.
            Ok(None) | Err(_) => out.null(),
        }
    }
    Ok(())
}

/// `MSET key value [key value …]`
fn m_set(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    for [key, value] in pairs(args, "mset")? {
        put(txn, key, value, Ttl::Clear);
    }
    out.ok();
    Ok(())
}

/// `MSETNX key value [key value …]`
fn m_set_nx(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let pairs = pairs(args, "msetnx")?;
    let absent = !pairs.iter().any(|[key, _]| txn.exists(key));
    if absent {
        for [key, value] in pairs {
            put(txn, key, value, Ttl::Clear);
        }
    }
    out.integer(i64::from(absent));
    Ok(())
}

/// `APPEND key value`
fn append(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let len = txn.append(args[1], args[2])?;
    txn.event(EventClass::String, "append", args[1]);
    out.integer(len as i64);
    Ok(())
}

/// `STRLEN key`
fn str_len(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let len = txn.text(args[1])?.map_or(0, |text| text.len());
    out.integer(len as i64);
    Ok(())
}

/// `INCR key`, `DECR key`, `INCRBY key increment`
fn increment(
    txn: &mut Txn<'_, '_>,
    key: &[u8],
    by: i64,
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let sum = txn.increment(key, by)?;
    // DECR's event has the same name.
    txn.event(EventClass::String, "incrby", key);
    out.integer(sum);
    Ok(())
}

/// `DECRBY key decrement`
fn decr_by(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let by = integer(args[2])?.checked_neg().ok_or(CommandError::DecrementOverflow)?;
    increment(txn, args[1], by, out)
}

/// `INCRBYFLOAT key increment`
fn incr_by_float(
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let key = args[1];
    let before = match txn.text(key)? {
        None => Some(Extended::ZERO),
        Some(Text::Integer(n)) => Some(Extended::Finite(Finite::from(n))),
        Some(text) => Extended::parse(text.bytes(&mut itoa::Buffer::new())),
    };
    let before = before.ok_or(CommandError::NotFloat)?;
    let by = Extended::parse(args[2]).ok_or(CommandError::NotFloat)?;
    let sum = before.plus(by).ok_or(CommandError::NanOrInfinity)?.to_text();
    txn.set(key, &sum, Ttl::Keep);
    txn.event(EventClass::String, "incrbyfloat", key);
    out.bulk(&sum);
    Ok(())
}

/// Writes a key and says so.
#[inline]
fn put(txn: &mut Txn<'_, '_>, key: &[u8], value: &[u8], ttl: Ttl) {
    txn.set(key, value, ttl);
    txn.event(EventClass::String, "set", key);
    if let Ttl::At(_) = ttl {
        txn.event(EventClass::Generic, "expire", key);
    }
}

/// Replies the string at a key, or nothing; returns whether there is one.
#[inline]
fn reply_shown(
    txn: &mut Txn<'_, '_>,
    key: &[u8],
    out: &mut ReplyBuf,
) -> Result<bool, CommandError> {
    let found = match txn.text(key) {
        Ok(Some(text)) => {
            reply(text, out);
            Ok(true)
        }
        Ok(None) => {
            out.null();
            Ok(false)
        }
        Err(error) => Err(error),
    };
    // What is of another type was found, too.
    txn.note_shown(!matches!(found, Ok(false)));
    found
}

/// Whether a string is at a key, for a command that replies it if nothing else is wrong.
fn shows(txn: &mut Txn<'_, '_>, key: &[u8]) -> Result<bool, CommandError> {
    let found = txn.text(key).map(|text| text.is_some());
    txn.note_shown(!matches!(found, Ok(false)));
    found
}

#[inline]
fn reply(text: Text<'_>, out: &mut ReplyBuf) {
    match text {
        Text::Bytes(bytes) => out.bulk(bytes),
        Text::Shared(bytes) => out.bulk_shared(bytes),
        Text::Integer(n) => out.bulk(itoa::Buffer::new().format(n).as_bytes()),
    }
}

fn integer(word: &[u8]) -> Result<i64, CommandError> {
    parse_i64(word).ok_or(CommandError::NotInteger)
}

/// The keys and values after a command's name.
fn pairs<'a, 'b>(
    args: &'a [&'b [u8]],
    command: &'static str,
) -> Result<&'a [[&'b [u8]; 2]], CommandError> {
    match args[1..].as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(CommandError::Arity { command }),
    }
}
