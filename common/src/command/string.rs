//! Strings: one value a key.

use super::error::CommandError;
use super::table::Command;
use crate::keyspace::{Text, Ttl, Txn};
use crate::resp::ReplyBuf;

/// Runs a string command.
pub fn execute(
    command: Command,
    _txn: &mut Txn<'_, '_>,
    _args: &[&[u8]],
    _out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match command {
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// `GET key`
#[inline]
pub fn get(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    match txn.text(args[1])? {
        Some(Text::Bytes(bytes)) => out.bulk(bytes),
        Some(Text::Shared(bytes)) => out.bulk_shared(bytes),
        Some(Text::Integer(n)) => out.bulk(itoa::Buffer::new().format(n).as_bytes()),
        None => out.null(),
    }
    Ok(())
}

/// `SET key value [options]`
#[inline]
pub fn set(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    if args.len() == 3 {
        txn.set(args[1], args[2], Ttl::Clear);
        out.ok();
        return Ok(());
    }
    Err(CommandError::Syntax)
}
