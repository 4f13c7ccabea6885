//! Commands of this group.

use super::error::CommandError;
use super::table::Command;
use crate::keyspace::Txn;
use crate::resp::ReplyBuf;

/// Runs a command of this group.
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
