//! Which partitions a request needs, from its table row: asked before any lock is taken.

use super::error::CommandError;
use super::number::parse_i64;
use super::table::{Begin, Command, Find, KeySpec, KeysError, Place, Row};
use crate::keyspace::{Cursor, Hint, Keyspace, PartitionSet};
use smallvec::SmallVec;

/// Located keys of the requests that run under one set of locks.
pub type Hints = SmallVec<[Hint; 64]>;

/// Adds what a request needs to `set`, and where its keys are to `hints`.
///
/// `queued`: it is one of several in a transaction, whose locks are all taken beforehand; a single
/// SCAN takes them as it walks.
///
/// # Errors
/// When the keys cannot be told from the words: a syntax error.
#[inline]
pub fn reach(
    space: &Keyspace,
    row: &Row,
    args: &[&[u8]],
    db: u8,
    queued: bool,
    (set, hints): (&mut PartitionSet, &mut Hints),
) -> Result<(), CommandError> {
    let mut add = |key: &[u8]| {
        let at = space.locate(db, key);
        set.insert(at.partition);
        hints.push(Hint::new(db, key, at));
    };
    if let [KeySpec { begin: Begin::Index(first), find: Find::Range { last: 0, .. }, .. }] =
        row.keys
    {
        add(args[usize::from(*first)]);
        return Ok(());
    }
    if row.has_keys() {
        for at in row.keys(args).map_err(|error| refuse(error, row))? {
            add(args[at]);
        }
    } else if row.run == Command::Scan && !queued {
        let cursor = args.get(1).and_then(|text| parse_cursor(text)).unwrap_or(Cursor::START);
        set.insert(cursor.partition);
    } else if row.place == Place::Keyspace {
        set.extend(&PartitionSet::ALL);
    }
    Ok(())
}

/// A SCAN cursor: an unsigned number.
pub(super) fn parse_cursor(text: &[u8]) -> Option<Cursor> {
    let number = match parse_i64(text) {
        Some(number) => u64::try_from(number).ok()?,
        None => std::str::from_utf8(text).ok()?.parse().ok()?,
    };
    Some(Cursor::from_number(number))
}

fn refuse(error: KeysError, row: &Row) -> CommandError {
    match error {
        KeysError::Arity => CommandError::Arity { command: row.name },
        KeysError::Syntax => CommandError::Syntax,
    }
}
