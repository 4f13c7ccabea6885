//! What each Redis command means: one table row a command, one file of semantics a group.
//!
//! A command is a function of a [`Txn`], its arguments and a reply buffer. It touches only keys that
//! its row names, reads no clock, does no I/O; what it did besides the reply is in the transaction's
//! effects. Arity is checked before it runs; on an error it has changed nothing and written nothing.

#[cfg(test)]
mod cost_tests;
pub mod docs;
mod elements;
pub mod error;
pub mod generic;
pub mod glob;
mod hash;
pub mod introspect;
mod keys;
mod list;
pub mod number;
pub mod plan;
mod set;
mod sorted_set;
mod string;
pub mod table;
#[cfg(test)]
mod testing;

pub use error::CommandError;
pub use keys::KeysJob;
pub use table::{Command, Place, Row};

use crate::keyspace::Txn;
use crate::resp::ReplyBuf;

/// What became of a command that did not fail.
#[derive(Debug)]
pub enum Outcome {
    /// The reply is in the buffer.
    Reply,
    /// It looks at every key: run it slice by slice, with other connections' commands in between.
    Slices(KeysJob),
}

/// Runs a command of [`Place::Keyspace`] whose arity was checked. `args[0]` is its name.
///
/// # Errors
/// As Redis refuses; nothing has changed then, and nothing was written to `out`.
///
/// # Panics
/// When called for a command of [`Place::Session`].
#[inline]
pub fn execute(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<Outcome, CommandError> {
    match command {
        // The two that caches live on come first: a predictable branch instead of a jump table.
        Command::Get => string::get(txn, args, out)?,
        Command::Set => string::set(txn, args, out)?,
        Command::Keys => return Ok(Outcome::Slices(KeysJob::new(args))),
        other => execute_group(other, txn, args, out)?,
    }
    Ok(Outcome::Reply)
}

/// Runs one command to its end, in one slice.
///
/// # Errors
/// As the command refuses.
#[inline]
pub fn run_one(
    row: &Row,
    txn: &mut Txn<'_, '_>,
    words: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    match execute(row.run, txn, words, out)? {
        Outcome::Reply => {}
        Outcome::Slices(mut job) => {
            while job.next().is_some() {
                job.step(txn);
            }
            job.finish(out);
        }
    }
    Ok(())
}

fn execute_group(
    command: Command,
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    use table::Group;
    match command.row().group {
        Group::String => string::execute(command, txn, args, out),
        Group::Generic | Group::Server => generic::execute(command, txn, args, out),
        Group::Hash => hash::execute(command, txn, args, out),
        Group::List => list::execute(command, txn, args, out),
        Group::Set => set::execute(command, txn, args, out),
        Group::SortedSet => sorted_set::execute(command, txn, args, out),
        Group::Connection | Group::Transactions => {
            unreachable!("{command:?} is executed by the session")
        }
    }
}
