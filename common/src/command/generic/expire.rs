//! Deadlines of keys: EXPIRE and its kin, TTL and its kin, PERSIST.
//!
//! A client's time to live counts from the wall clock of the batch. Whether a deadline has passed
//! is judged by the time of the view, which is never earlier: what shows has time left.

use super::super::error::CommandError;
use super::super::number::parse_i64;
use super::super::table::Command;
use crate::keyspace::{EventClass, Txn};
use crate::resp::ReplyBuf;
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// When EXPIRE is to do nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

/// `EXPIRE key seconds [NX | XX | GT | LT]` and PEXPIRE, EXPIREAT, PEXPIREAT.
pub(super) fn expire(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let conditions = Conditions::parse(&args[3..])?;
    let time = parse_i64(args[2]).ok_or(CommandError::NotInteger)?;
    let key = args[1];
    let deadline = deadline_ms(command, time, txn.view_ms(key))
        .ok_or(CommandError::InvalidExpire { command: command.row().name })?;
    if !txn.deadline(key).is_some_and(|before| conditions.hold(before, deadline)) {
        out.integer(0);
        return Ok(());
    }
    match u64::try_from(deadline) {
        Ok(deadline) if deadline > txn.view_ms(key) => {
            txn.set_deadline(key, Some(deadline));
            txn.event(EventClass::Generic, "expire", key);
        }
        _ => {
            txn.delete(key);
            txn.event(EventClass::Generic, "del", key);
        }
    }
    out.integer(1);
    Ok(())
}

/// The deadline in milliseconds since the Unix epoch; `None` when 64 bits do not hold it.
fn deadline_ms(command: Command, time: i64, now_ms: u64) -> Option<i64> {
    let (unit, base) = match command {
        Command::Expire => (1000, now_ms),
        Command::PExpire => (1, now_ms),
        Command::ExpireAt => (1000, 0),
        Command::PExpireAt => (1, 0),
        other => unreachable!("{other:?} sets no deadline"),
    };
    time.checked_mul(unit)?.checked_add_unsigned(base)
}

impl Conditions {
    fn parse(options: &[&[u8]]) -> Result<Conditions, CommandError> {
        let mut conditions = Conditions::default();
        for option in options {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => conditions.nx = true,
                b"xx" => conditions.xx = true,
                b"gt" => conditions.gt = true,
                b"lt" => conditions.lt = true,
                _ => return Err(unsupported(option)),
            }
        }
        let Conditions { nx, xx, gt, lt } = conditions;
        let conflict = if nx && (xx || gt || lt) {
            "ERR NX and XX, GT or LT options at the same time are not compatible"
        } else if gt && lt {
            "ERR GT and LT options at the same time are not compatible"
        } else {
            return Ok(conditions);
        };
        Err(CommandError::Other(Cow::Borrowed(conflict)))
    }

    /// A key without a deadline lives longer than any with one.
    fn hold(self, before: Option<u64>, deadline: i64) -> bool {
        let before = before.map(i128::from);
        let deadline = i128::from(deadline);
        !(self.nx && before.is_some()
            || self.xx && before.is_none()
            || self.gt && before.is_none_or(|before| deadline <= before)
            || self.lt && before.is_some_and(|before| deadline >= before))
    }
}

/// Redis quotes the whole word, as a C string.
fn unsupported(option: &[u8]) -> CommandError {
    let end = memchr::memchr(0, option).unwrap_or(option.len());
    let option = String::from_utf8_lossy(&option[..end]);
    CommandError::Other(Cow::Owned(format!("ERR Unsupported option {option}")))
}

/// `TTL key` and PTTL, EXPIRETIME, PEXPIRETIME: -2 when nothing shows, -1 without a deadline.
pub(super) fn time_to_live(command: Command, txn: &mut Txn<'_, '_>, key: &[u8]) -> i64 {
    let deadline = match txn.deadline(key) {
        None => return -2,
        Some(None) => return -1,
        Some(Some(deadline)) => deadline,
    };
    let left = deadline.saturating_sub(txn.view_ms(key));
    let answer = match command {
        Command::PTtl => left,
        Command::Ttl => left.saturating_add(500) / 1000,
        Command::PExpireTime => deadline,
        Command::ExpireTime => deadline.saturating_add(500) / 1000,
        other => unreachable!("{other:?} does not ask for a deadline"),
    };
    i64::try_from(answer).unwrap_or(i64::MAX)
}

/// `PERSIST key`. Returns whether there was a deadline.
pub(super) fn persist(txn: &mut Txn<'_, '_>, key: &[u8]) -> bool {
    // The look is counted, and removes what has expired.
    if txn.deadline(key).is_none() || !txn.is_to_expire(key) {
        return false;
    }
    txn.set_deadline(key, None);
    txn.event(EventClass::Generic, "persist", key);
    true
}
