//! SCAN: a step of a walk over the keys. What is there from the walk's start to its end comes out
//! at least once; a cursor is a place in the walk's order, so the server remembers no walk.

use super::super::error::CommandError;
use super::super::glob::{self, Case};
use super::super::number::parse_i64;
use super::super::plan::parse_cursor;
use super::type_name;
use crate::causal::Kind;
use crate::keyspace::{Cursor, Txn};
use crate::resp::ReplyBuf;

#[cfg(test)]
mod tests;

/// How many keys a step looks at if the client does not say.
const COUNT_DEFAULT: usize = 10;

/// What a SCAN asks for.
#[derive(Clone, Copy, Debug)]
struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
    /// The name of a type, of which there may be none.
    type_name: Option<&'a [u8]>,
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`. The filters apply to what the step has
/// looked at, so a reply may be empty before the walk is over.
pub(super) fn scan(
    txn: &mut Txn<'_, '_>,
    args: &[&[u8]],
    out: &mut ReplyBuf,
) -> Result<(), CommandError> {
    let cursor = cursor(args[1]).ok_or(CommandError::InvalidCursor)?;
    let options = Options::parse(&args[2..])?;
    let mut found = ReplyBuf::new(out.protocol());
    let (mut keys, mut typed) = (0, 0);
    let next = txn.scan(cursor, options.count, |key, kind| {
        if !options.matches(key) {
            return;
        }
        typed += usize::from(options.type_name.is_some());
        if options.is_type(kind) {
            found.bulk(key);
            keys += 1;
        }
    });
    // Redis looks a key up to learn its type.
    (0..typed).for_each(|_| txn.note_shown(true));
    out.array(2);
    out.bulk(itoa::Buffer::new().format(next.map_or(0, Cursor::number)).as_bytes());
    out.array(keys);
    found.chunks().for_each(|chunk| out.raw(chunk));
    Ok(())
}

/// What C's `strtoul` takes: no digits at all are 0, and a negative number counts down from 2^64.
/// The lock of its partition is held, or a lower one's: the walk only goes up from there.
fn cursor(text: &[u8]) -> Option<Cursor> {
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    match text {
        [] => Some(Cursor::START),
        [b'-', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            Some(Cursor::from_number(number.wrapping_neg()))
        }
        _ => parse_cursor(text),
    }
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<Options<'a>, CommandError> {
        let mut options = Options { count: COUNT_DEFAULT, pattern: None, type_name: None };
        for pair in words.chunks(2) {
            let [name, value] = *pair else { return Err(CommandError::Syntax) };
            if name.eq_ignore_ascii_case(b"count") {
                let count = parse_i64(value).ok_or(CommandError::NotInteger)?;
                options.count = usize::try_from(count).map_err(|_| CommandError::Syntax)?;
                if options.count == 0 {
                    return Err(CommandError::Syntax);
                }
            } else if name.eq_ignore_ascii_case(b"match") {
                options.pattern = (value != b"*").then_some(value);
            } else if name.eq_ignore_ascii_case(b"type") {
                options.type_name = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    fn matches(&self, key: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, key, Case::Sensitive))
    }

    fn is_type(&self, kind: Kind) -> bool {
        self.type_name.is_none_or(|name| name.eq_ignore_ascii_case(type_name(kind).as_bytes()))
    }
}
