//! Replies, compared with what must come: no parse, no allocation, resumable at any byte.

use super::request::{DIGITS, Request, Shape, Verb, digits};

/// One GET in this many is compared byte by byte, the others by their header and their end.
const SAMPLE: u32 = 64;

/// The replies that a server which lost nothing gives.
pub struct Replies {
    get: Form,
    set: Form,
    del: Form,
}

/// A reply's bytes; `head` of them are compared always.
struct Form {
    bytes: Vec<u8>,
    head: usize,
    digits_at: Option<usize>,
}

/// How far a connection is in the reply that it receives.
#[derive(Default)]
pub struct Cursor {
    offset: usize,
    gets: u32,
}

/// What [`Replies::advance`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The reply is complete and took this many bytes of the chunk.
    Complete(usize),
    /// The whole chunk belongs to the reply, and more must come.
    Partial,
}

/// A reply that is not the one expected.
#[derive(Debug)]
pub struct Wrong(pub String);

impl Replies {
    /// For keys and values of this shape.
    pub fn new(shape: &Shape) -> Replies {
        let head = format!("${}\r\n", shape.value_bytes).into_bytes();
        let at = head.len();
        Replies {
            get: Form {
                bytes: [head, shape.value(), b"\r\n".to_vec()].concat(),
                head: at,
                digits_at: Some(at),
            },
            set: Form { bytes: b"+OK\r\n".to_vec(), head: 5, digits_at: None },
            del: Form { bytes: b":1\r\n".to_vec(), head: 4, digits_at: None },
        }
    }

    /// Compares what of `chunk` belongs to the reply to `request`, and moves the cursor.
    pub fn advance(
        &self,
        cursor: &mut Cursor,
        request: Request,
        chunk: &[u8],
    ) -> Result<Progress, Wrong> {
        let form = match request.verb {
            Verb::Get => &self.get,
            Verb::Set => &self.set,
            Verb::Del => &self.del,
        };
        let left = form.bytes.len() - cursor.offset;
        let part = &chunk[..left.min(chunk.len())];
        let whole = cursor.gets.is_multiple_of(SAMPLE);
        if !form.matches(cursor.offset, part, request, whole) {
            return Err(form.wrong(cursor.offset, chunk, request));
        }
        if part.len() < left {
            cursor.offset += part.len();
            return Ok(Progress::Partial);
        }
        cursor.offset = 0;
        cursor.gets = cursor.gets.wrapping_add(u32::from(request.verb == Verb::Get));
        Ok(Progress::Complete(left))
    }
}

impl Form {
    fn matches(&self, offset: usize, part: &[u8], request: Request, whole: bool) -> bool {
        let end = self.bytes.len() - 2;
        if !agrees(part, offset, 0, &self.bytes[..self.head])
            || !agrees(part, offset, end, &self.bytes[end..])
        {
            return false;
        }
        match self.digits_at {
            Some(at) if whole => {
                let filler = at + DIGITS;
                agrees(part, offset, at, &digits(request.key))
                    && agrees(part, offset, filler, &self.bytes[filler..])
            }
            _ => true,
        }
    }

    #[cold]
    fn wrong(&self, offset: usize, chunk: &[u8], request: Request) -> Wrong {
        let mut expected = self.bytes.clone();
        if let Some(at) = self.digits_at {
            expected[at..at + DIGITS].copy_from_slice(&digits(request.key));
        }
        let shown = |bytes: &[u8]| bytes[..bytes.len().min(100)].escape_ascii().to_string();
        Wrong(format!(
            "{} of key {}: from byte {offset} of the reply \"{}\" was expected, \"{}\" came",
            request.verb,
            request.key,
            shown(&expected[offset..]),
            shown(chunk),
        ))
    }
}

/// Does `part`, which lies at `offset` of a reply, agree with the bytes `expected` at `at`, as far
/// as the two overlap?
fn agrees(part: &[u8], offset: usize, at: usize, expected: &[u8]) -> bool {
    let from = offset.max(at);
    let to = (offset + part.len()).min(at + expected.len());
    from >= to || part[from - offset..to - offset] == expected[from - at..to - at]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Request = Request { verb: Verb::Get, key: 42 };

    /// Feeds `bytes` in pieces of `size`; the first GET of a cursor is compared whole.
    fn feed(request: Request, bytes: &[u8], size: usize) -> Result<usize, Wrong> {
        let replies = Replies::new(&Shape::with_values_of(12));
        let mut cursor = Cursor::default();
        let mut complete = 0;
        for piece in bytes.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                match replies.advance(&mut cursor, request, rest)? {
                    Progress::Complete(n) => {
                        complete += 1;
                        rest = &rest[n..];
                    }
                    Progress::Partial => rest = &[],
                }
            }
        }
        Ok(complete)
    }

    #[test]
    fn a_right_reply_is_accepted_however_it_is_cut() {
        for size in 1..50 {
            let two = b"$12\r\n00000042abcd\r\n$12\r\n00000042abcd\r\n";
            assert_eq!(feed(GET, two, size).expect("right"), 2);
            let set = Request { verb: Verb::Set, key: 1 };
            assert_eq!(feed(set, b"+OK\r\n+OK\r\n", size).expect("right"), 2);
        }
    }

    #[test]
    fn a_wrong_reply_is_refused_however_it_is_cut() {
        let wrong: [&[u8]; 6] = [
            b"$-1\r\n",
            b"-ERR unknown command\r\n",
            b"$11\r\n00000042abc\r\n",
            b"$12\r\n00000043abcd\r\n",
            b"$12\r\n00000042abcX\r\n",
            b"$12\r\n00000042abcdXX",
        ];
        for bytes in wrong {
            for size in 1..50 {
                assert!(feed(GET, bytes, size).is_err(), "{}", bytes.escape_ascii());
            }
        }
        assert!(feed(Request { verb: Verb::Del, key: 1 }, b":0\r\n", 9).is_err());
    }
}
