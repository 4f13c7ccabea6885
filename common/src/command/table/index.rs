//! From a name to its row: a hash index over the whole table, built by the compiler. Names of up to
//! 16 bytes are two machine words, so a lookup is a hash of two words and a comparison of two words.
//!
//! Invariant: an entry is found by its container and its lower-case name, in any case of letters,
//! and nothing else finds it.

use super::{Command, Row, TABLE};
use crate::command::error::CommandError;

/// The row of a command by its name, in any case; no subcommands.
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Row> {
    lookup(NONE, name)
}

/// The row of a subcommand by the name that follows its container's.
#[inline]
pub fn find_subcommand(parent: Command, name: &[u8]) -> Option<&'static Row> {
    lookup(parent as u16, name)
}

/// The row by its full name: `get`, `client|list`.
pub fn find_full(name: &[u8]) -> Option<&'static Row> {
    match memchr::memchr(b'|', name) {
        None => find(name),
        Some(at) => find_subcommand(find(&name[..at])?.run, &name[at + 1..]),
    }
}

/// The row that a request names with its first word, or its first two for a container.
pub fn find_in_request<A: AsRef<[u8]>>(args: &[A]) -> Option<&'static Row> {
    let row = find(args.first()?.as_ref())?;
    match args.get(1) {
        Some(name) if is_container(row) => find_subcommand(row.run, name.as_ref()),
        _ => Some(row),
    }
}

/// The row that executes a request, its arity checked.
///
/// # Errors
/// The error that Redis answers when there is no such command or subcommand, or the number of words
/// is wrong.
pub fn resolve<A: AsRef<[u8]>>(args: &[A]) -> Result<&'static Row, CommandError> {
    match find_in_request(args) {
        Some(row) if row.arity_ok(args.len()) => Ok(row),
        Some(row) => Err(CommandError::Arity { command: row.name }),
        None => Err(unknown(args)),
    }
}

#[cold]
fn unknown<A: AsRef<[u8]>>(args: &[A]) -> CommandError {
    match args {
        // The first word is a command: its second is no subcommand.
        [container, name, ..] if find(container.as_ref()).is_some() => {
            CommandError::unknown_subcommand(container.as_ref(), name.as_ref())
        }
        _ => CommandError::unknown_command(args),
    }
}

/// A container's first subcommand is its next row.
fn is_container(row: &Row) -> bool {
    TABLE.get(row.run as usize + 1).is_some_and(|next| next.parent == Some(row.run))
}

/// The container of a command that is in none.
const NONE: u16 = u16::MAX;

/// Four places a row: chains stay at one entry, two at worst.
const PLACES: usize = (Command::ALL.len() * 4).next_power_of_two();

#[derive(Clone, Copy)]
struct Entry {
    words: (u64, u64),
    parent: u16,
    len: u8,
    /// Index in [`TABLE`], or [`EMPTY`].
    row: u16,
}

const EMPTY: u16 = u16::MAX;

/// Open addressing with linear probing.
static INDEX: [Entry; PLACES] = {
    let mut index = [Entry { words: (0, 0), parent: NONE, len: 0, row: EMPTY }; PLACES];
    let mut at = 0;
    while at < TABLE.len() {
        let (parent, name) = own_name(&TABLE[at]);
        let words = words(name);
        let mut place = hash(words, parent, name.len());
        while index[place].row != EMPTY {
            place = (place + 1) % PLACES;
        }
        let len = name.len() as u8;
        index[place] = Entry { words, parent, len, row: at as u16 };
        at += 1;
    }
    index
};

/// The container's number and the name inside it.
const fn own_name(row: &Row) -> (u16, &'static [u8]) {
    let name = row.name.as_bytes();
    let Some(parent) = row.parent else { return (NONE, name) };
    let mut bar = 0;
    while name[bar] != b'|' {
        bar += 1;
    }
    (parent as u16, name.split_at(bar + 1).1)
}

#[inline]
fn lookup(parent: u16, name: &[u8]) -> Option<&'static Row> {
    let words = words(name);
    let mut place = hash(words, parent, name.len());
    loop {
        let entry = &INDEX[place];
        if entry.words == words && entry.parent == parent && usize::from(entry.len) == name.len() {
            let row = TABLE.get(usize::from(entry.row))?;
            // Two words hold every byte of a name of up to 16.
            if name.len() <= 16 || own_name(row).1.eq_ignore_ascii_case(name) {
                return Some(row);
            }
        }
        if entry.row == EMPTY {
            return None;
        }
        place = (place + 1) % PLACES;
    }
}

/// The first and the last bytes of a name in lower case; they overlap in a name of under 16.
#[inline]
const fn words(name: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        (lower(u64::from_le_bytes(*first)), lower(u64::from_le_bytes(*last)))
    } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        (lower((last as u64) << 32 | first as u64), 0)
    } else {
        match *name {
            [a, b, c] => (lower(a as u64 | (b as u64) << 8 | (c as u64) << 16), 0),
            [a, b] => (lower(a as u64 | (b as u64) << 8), 0),
            [a] => (lower(a as u64), 0),
            _ => (0, 0),
        }
    }
}

/// Eight bytes to lower case at once, ASCII letters only.
#[inline]
const fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let seven = word & !HIGH;
    let at_least_a = seven + (0x80 - b'A' as u64) * ONES;
    let above_z = seven + (0x7f - b'Z' as u64) * ONES;
    let upper = (at_least_a ^ above_z) & !word & HIGH;
    word | upper >> 2
}

#[inline]
const fn hash(words: (u64, u64), parent: u16, len: usize) -> usize {
    // Odd constants of the golden ratio and of Pi: the product's high bits depend on every byte.
    let mixed = (words.0 ^ (parent as u64) << 40 ^ (len as u64) << 56)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ words.1.rotate_left(23).wrapping_mul(0x2438_6a88_85a3_08d3 | 1);
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}
