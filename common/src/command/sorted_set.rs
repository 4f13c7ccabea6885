//! Sorted sets: members with scores, in the order of score, then member.

mod add;
mod range;
#[cfg(test)]
mod tests;

use super::elements;
use super::error::CommandError;
use super::table::Command;
use crate::causal::{Kind, Path, Record};
use crate::keyspace::Txn;
use crate::resp::ReplyBuf;
use bytes::Bytes;

/// Runs a command of this group.
pub fn execute(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match command {
        Command::ZAdd => add::add(txn, args, out),
        Command::ZRem => elements::remove(txn, Kind::Zset, "zrem", args, out),
        Command::ZRange => range::range(txn, args, out),
        Command::ZScore => score(txn, args, out),
        Command::ZCard => elements::len(txn, Kind::Zset, args, out),
        other => unreachable!("{other:?} is not of this group"),
    }
}

/// `ZSCORE key member`
fn score(txn: &mut Txn<'_, '_>, args: &[&[u8]], out: &mut ReplyBuf) -> Result<(), CommandError> {
    let view = txn.view_ms(args[1]);
    let record = txn.collection(args[1], Kind::Zset)?;
    let path = Path::Scored(Bytes::copy_from_slice(args[2]));
    match record.and_then(|record| score_of(record, &path, view)) {
        Some(score) => out.double(score),
        None => out.null(),
    }
    Ok(())
}

fn score_of(record: &Record, path: &Path, view_ms: u64) -> Option<f64> {
    let bits = record.shown(path, view_ms)?.sibling.base.value();
    let bits = <[u8; 8]>::try_from(&bits[..]).ok()?;
    Some(f64::from_bits(u64::from_be_bytes(bits)))
}
