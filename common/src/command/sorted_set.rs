//! Sorted sets: members with scores, in the order of score, then member.

mod add;
mod range;
#[cfg(test)]
mod tests;

use super::error::CommandError;
use super::table::Command;
use crate::keyspace::Txn;
use crate::resp::ReplyBuf;

/// Runs a command of this group.
pub fn execute(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match command {
        Command::ZAdd => add::add(txn, args, out),
        Command::ZRange => range::range(txn, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}
