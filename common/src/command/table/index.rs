//! From a name to its row: a hash index over the whole table, built by the compiler. Names of up to
//! 16 bytes are two machine words, so a lookup is one multiplication and one comparison (3 to 4 ns).
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

/// Four places a row, so that most names are at their own place.
const PLACES: usize = (Command::ALL.len() * 4).next_power_of_two();

/// No name is further from its place than this.
const PASSED_MAX: usize = 3;

#[derive(Clone, Copy)]
struct Entry {
    words: (u64, u64),
    /// The length of the name, then the container.
    rest: u64,
    row: Option<&'static Row>,
}

/// Open addressing with linear probing.
static INDEX: [Entry; PLACES] = {
    let mut index = [Entry { words: (0, 0), rest: 0, row: None }; PLACES];
    let mut at = 0;
    while at < TABLE.len() {
        let (parent, name) = own_name(&TABLE[at]);
        let (words, rest) = (words(name), rest(name, parent));
        let mut place = hash(words, rest);
        let mut passed = 0;
        while index[place].row.is_some() {
            place = (place + 1) % PLACES;
            passed += 1;
        }
        assert!(passed <= PASSED_MAX, "a name is near its place: try another constant in `hash`");
        index[place] = Entry { words: lower(words), rest, row: Some(&TABLE[at]) };
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
    let (words, rest) = (words(name), rest(name, parent));
    // The hash takes the letters' case off more roughly, so that it need not wait for `lower`.
    let mut place = hash(words, rest);
    let words = lower(words);
    loop {
        let entry = &INDEX[place];
        let row = entry.row?;
        // Two words hold every byte of a name of up to 16.
        if entry.words == words
            && entry.rest == rest
            && (name.len() <= 16 || own_name(row).1.eq_ignore_ascii_case(name))
        {
            return Some(row);
        }
        place = (place + 1) % PLACES;
    }
}

/// The first and the last bytes of a name; they overlap in a name of under 16.
#[inline]
const fn words(name: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        ((u32::from_le_bytes(*last) as u64) << 32 | u32::from_le_bytes(*first) as u64, 0)
    } else {
        match *name {
            [a, b, c] => (a as u64 | (b as u64) << 8 | (c as u64) << 16, 0),
            [a, b] => (a as u64 | (b as u64) << 8, 0),
            [a] => (a as u64, 0),
            _ => (0, 0),
        }
    }
}

const fn rest(name: &[u8], parent: u16) -> u64 {
    name.len() as u64 | (parent as u64) << 48
}

const ONES: u64 = 0x0101_0101_0101_0101;

const fn lower(words: (u64, u64)) -> (u64, u64) {
    (lower_word(words.0), lower_word(words.1))
}

/// Eight bytes to lower case at once, ASCII letters only.
const fn lower_word(word: u64) -> u64 {
    const HIGH: u64 = 0x80 * ONES;
    let seven = word & !HIGH;
    let at_least_a = seven + (0x80 - b'A' as u64) * ONES;
    let above_z = seven + (0x7f - b'Z' as u64) * ONES;
    let upper = (at_least_a ^ above_z) & !word & HIGH;
    word | upper >> 2
}

/// Letters in either case give the same place: they differ in bit 5 only.
const fn hash(words: (u64, u64), rest: u64) -> usize {
    const BIT_5: u64 = 0x20 * ONES;
    let (first, last) = (words.0 | BIT_5, words.1 | BIT_5);
    // An odd constant of the golden ratio: the product's high bits depend on every byte.
    let mixed = (first ^ last.rotate_left(29) ^ rest).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}
