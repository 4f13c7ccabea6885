//! The sink that every command writes its reply to.
//!
//! Why: one contiguous buffer that a connection reuses makes a small reply a few moves, and a large
//! value that is shared with the keyspace is referenced, not copied. RESP2 or RESP3 is the
//! buffer's affair, so a command says what it means (a map, a double, nothing) once.
//!
//! Invariant: what is written is well-formed whatever the text; CR, LF and NUL in a line become
//! blanks, so a client's bytes that an error quotes never end that error.

use super::double::format_double;
use bytes::Bytes;
use std::fmt::Display;
use std::io::Write;

/// From here on a shared value is referenced: below it, the copy is cheaper than an extra slice in
/// the vectored write.
pub const SHARED_BYTES_MIN: usize = 16 * 1024;
/// What a buffer keeps from one batch of replies to the next.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// The same for references.
const KEPT_SHARED_MAX: usize = 64;
/// The protocol of one connection, chosen with HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What a connection starts with.
    #[default]
    Resp2,
    /// With maps, sets, doubles, booleans and push messages.
    Resp3,
}

/// Replies on their way to a client: bytes, and references to large values between them.
#[derive(Debug)]
pub struct ReplyBuf {
    protocol: Protocol,
    bytes: Vec<u8>,
    /// Values that come before `bytes[at]`, in order.
    shared: Vec<Shared>,
    /// All bytes of `shared`, the sent part of its first included.
    shared_bytes: usize,
    /// What has been sent, of `bytes` and of the first of `shared`.
    sent: usize,
    sent_of_shared: usize,
    /// See [`ReplyBuf::set_limit`].
    limit_bytes: usize,
    overflowed: bool,
}

impl Default for ReplyBuf {
    fn default() -> ReplyBuf {
        ReplyBuf::new(Protocol::default())
    }
}

#[derive(Debug)]
struct Shared {
    at: usize,
    value: Bytes,
}

/// A place to come back to; valid until bytes are sent or cleared.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    shared: usize,
}

impl ReplyBuf {
    /// An empty buffer.
    pub fn new(protocol: Protocol) -> ReplyBuf {
        ReplyBuf {
            protocol,
            bytes: Vec::new(),
            shared: Vec::new(),
            shared_bytes: 0,
            sent: 0,
            sent_of_shared: 0,
            limit_bytes: usize::MAX,
            overflowed: false,
        }
    }

    /// The protocol that replies are written in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Writes what follows in this protocol.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// From so many bytes on strings are lost, and the buffer says that it overflowed: what is in it
    /// then is no reply, and its connection must end.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit_bytes = bytes;
    }

    /// Whether something was lost since the last [`ReplyBuf::clear`].
    pub fn is_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Whether so many more bytes are within the limit; if not, it has overflowed.
    #[inline]
    fn has_room(&mut self, bytes: usize) -> bool {
        let has = self.bytes.len() + self.shared_bytes + bytes <= self.limit_bytes;
        self.overflowed |= !has;
        has
    }

    /// The bytes not yet sent, shared ones included.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.shared_bytes - self.sent_of_shared
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything and keeps a bounded part of the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.shared.clear();
        self.shared.shrink_to(KEPT_SHARED_MAX);
        self.shared_bytes = 0;
        self.sent = 0;
        self.sent_of_shared = 0;
        self.overflowed = false;
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.bytes.extend_from_slice(b"+OK\r\n");
    }

    /// A status.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', &text);
    }

    /// An error: a code in capitals, a blank, what went wrong.
    pub fn error<E: Display + ?Sized>(&mut self, error: &E) {
        self.line(b'-', error);
    }

    /// An error whose line is bytes, without the leading `-`; line breaks in it become blanks.
    pub fn error_line(&mut self, line: &[u8]) {
        self.bytes.push(b'-');
        let clean =
            line.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
        self.bytes.extend(clean);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The replies of another buffer in the same protocol, of which nothing has been sent. Taken as
    /// they are when there is nothing before them.
    pub fn append(&mut self, other: ReplyBuf) {
        assert!(other.sent == 0 && other.sent_of_shared == 0, "only what was not begun to be sent");
        if self.bytes.is_empty() {
            let (protocol, limit_bytes) = (self.protocol, self.limit_bytes);
            *self = ReplyBuf { protocol, limit_bytes, ..other };
            return;
        }
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.shared_bytes += other.shared_bytes;
        let moved = |shared: Shared| Shared { at: shared.at + offset, ..shared };
        self.shared.extend(other.shared.into_iter().map(moved));
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(digit @ 0..=9) => self.bytes.extend_from_slice(&[b':', b'0' + digit, b'\r', b'\n']),
            _ => self.number_line(b':', value),
        }
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        if !self.has_room(value.len()) {
            return;
        }
        self.bytes.reserve(value.len() + 32);
        self.length_line(b'$', value.len());
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A string that is shared with the keyspace: a large one is referenced until it is sent.
    pub fn bulk_shared(&mut self, value: Bytes) {
        if value.len() < SHARED_BYTES_MIN {
            return self.bulk(&value);
        }
        if !self.has_room(value.len()) {
            return;
        }
        self.length_line(b'$', value.len());
        self.shared_bytes += value.len();
        self.shared.push(Shared { at: self.bytes.len(), value });
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The text of a value, as a string.
    pub fn bulk_display(&mut self, value: impl Display) {
        let mark = self.mark();
        self.display(&value);
        let len = self.bytes.len() - mark.bytes;
        self.bytes.extend_from_slice(b"\r\n");
        self.insert_header(mark, b'$', len);
    }

    /// Nothing, where a string was asked for.
    #[inline]
    pub fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.bytes.extend_from_slice(b"$-1\r\n"),
            Protocol::Resp3 => self.bytes.extend_from_slice(b"_\r\n"),
        }
    }

    /// Nothing, where an array was asked for.
    pub fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.bytes.extend_from_slice(b"*-1\r\n"),
            Protocol::Resp3 => self.bytes.extend_from_slice(b"_\r\n"),
        }
    }

    /// The head of an array; `len` values follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.length_line(b'*', len);
    }

    /// The head of a map; `pairs` times a key and a value follow.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.length_line(b'*', 2 * pairs),
            Protocol::Resp3 => self.length_line(b'%', pairs),
        }
    }

    /// The head of a set; `len` members follow.
    pub fn set(&mut self, len: usize) {
        self.length_line(self.marker(b'*', b'~'), len);
    }

    /// The head of an out-of-band message; `len` values follow.
    pub fn push(&mut self, len: usize) {
        self.length_line(self.marker(b'*', b'>'), len);
    }

    /// Puts the head of an array before what was written since `mark`: for a command that cannot
    /// count before it walks. Moves those bytes once.
    pub fn insert_array(&mut self, mark: Mark, len: usize) {
        self.insert_header(mark, b'*', len);
    }

    /// The same for a set.
    pub fn insert_set(&mut self, mark: Mark, len: usize) {
        self.insert_header(mark, self.marker(b'*', b'~'), len);
    }

    /// The same for a map.
    pub fn insert_map(&mut self, mark: Mark, pairs: usize) {
        let len = if self.protocol == Protocol::Resp2 { 2 * pairs } else { pairs };
        self.insert_header(mark, self.marker(b'*', b'%'), len);
    }

    /// A truth.
    pub fn boolean(&mut self, value: bool) {
        match self.protocol {
            Protocol::Resp2 => self.integer(i64::from(value)),
            Protocol::Resp3 => {
                self.bytes.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" });
            }
        }
    }

    /// A floating point number in Redis's spelling.
    pub fn double(&mut self, value: f64) {
        let text = format_double(value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.bytes.push(b',');
                self.bytes.extend_from_slice(text.as_bytes());
                self.bytes.extend_from_slice(b"\r\n");
            }
        }
    }

    /// The digits of an integer that may not fit 64 bits.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits),
        }
    }

    /// Text for humans; `format` has three letters (`txt`, `mkd`).
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert_eq!(format.len(), 3, "the protocol gives the format three bytes");
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.length_line(b'=', text.len() + 4);
                self.bytes.extend_from_slice(format.as_bytes());
                self.bytes.push(b':');
                self.bytes.extend_from_slice(text);
                self.bytes.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A whole reply that was encoded elsewhere, in this buffer's protocol.
    pub fn raw(&mut self, reply: &[u8]) {
        if self.has_room(reply.len()) {
            self.bytes.extend_from_slice(reply);
        }
    }

    /// Here, to undo what follows or to put its length before it.
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), shared: self.shared.len() }
    }

    /// Takes back what was written since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        assert!(
            mark.bytes >= self.sent && mark.bytes <= self.bytes.len(),
            "a mark is valid until bytes are sent or cleared"
        );
        self.bytes.truncate(mark.bytes);
        for shared in self.shared.drain(mark.shared..) {
            self.shared_bytes -= shared.value.len();
        }
    }

    fn marker(&self, resp2: u8, resp3: u8) -> u8 {
        match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        }
    }

    #[inline]
    fn length_line(&mut self, marker: u8, len: usize) {
        match u8::try_from(len) {
            Ok(len @ 0..10) => self.bytes.extend_from_slice(&[marker, b'0' + len, b'\r', b'\n']),
            Ok(len @ 10..100) => {
                let line = [marker, b'0' + len / 10, b'0' + len % 10, b'\r', b'\n'];
                self.bytes.extend_from_slice(&line);
            }
            _ => self.number_line(marker, len as i64),
        }
    }

    fn number_line(&mut self, marker: u8, value: i64) {
        self.bytes.push(marker);
        self.bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A line of text that cannot end early.
    fn line<T: Display + ?Sized>(&mut self, marker: u8, text: &T) {
        self.bytes.push(marker);
        let start = self.bytes.len();
        self.display(text);
        for byte in &mut self.bytes[start..] {
            if matches!(byte, b'\r' | b'\n' | 0) {
                *byte = b' ';
            }
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn display<T: Display + ?Sized>(&mut self, value: &T) {
        // A vector takes all that is written; an error could only be the value's own.
        let _: Result<(), std::io::Error> = write!(self.bytes, "{value}");
    }

    fn insert_header(&mut self, mark: Mark, marker: u8, len: usize) {
        assert!(mark.bytes >= self.sent, "a mark is valid until bytes are sent or cleared");
        let before = self.bytes.len();
        self.length_line(marker, len);
        let header = self.bytes.len() - before;
        self.bytes[mark.bytes..].rotate_right(header);
        for shared in &mut self.shared[mark.shared..] {
            shared.at += header;
        }
    }
}

mod sending;

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;
