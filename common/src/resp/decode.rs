//! Requests from bytes: arrays of bulk strings and inline commands, however the network cuts them.
//!
//! Why our own: this reads what anyone may send. It has no recursion, allocates only for arguments
//! that have arrived (never by a declared length), copies no argument and goes on where it stopped
//! when a request arrives in pieces, so that its work is linear in the bytes.
//!
//! Invariant: requests, errors and their order depend on the bytes only, not on where they are
//! cut. Texts and rules are those of Redis 7.0 (`networking.c`) but for these, which are stricter:
//! the two bytes after a bulk and the byte after a length's CR are checked, an inline line has its
//! limit even when it arrives whole, and NUL is a byte like any other.

use super::batch::{ArgRange, Batch, Ends};
use super::inline;
use super::limits::{Limits, ProtocolError};
use super::limits::{UNAUTHENTICATED_ARGS_MAX, UNAUTHENTICATED_BULK_BYTES_MAX};
use std::mem;

/// Up to so many ranges of a partial request are copied when it goes on, more are swapped: the work
/// of a call must not grow with what earlier calls found.
const COPIED_MAX: usize = 256;

/// Decodes one connection's requests and remembers how far it came with a partial one.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Where to go on in the partial request; all zero between requests.
    cursor: Cursor,
    /// The arguments of the partial request that have arrived.
    args: Vec<ArgRange>,
}

/// Progress within one request. Offsets count from its first byte.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// Everything before has been understood.
    at: usize,
    /// No CR (inline: no LF) lies before; at or below `at` when nothing is known.
    scanned: usize,
    /// Arguments still to come; 0: the first line has not been read.
    missing: usize,
    /// The length of the argument whose bytes come next, when it is known.
    bulk: Option<usize>,
}

/// What was found at the start of the bytes.
enum Found {
    /// A request whose arguments were added, or an empty one; it ends there.
    Request {
        end: usize,
        inline: bool,
    },
    Empty {
        end: usize,
    },
    Partial,
}

/// A line with a length.
enum Line {
    Length { value: i64, next: usize },
    Invalid,
    TooBig,
    Partial,
}

impl Decoder {
    /// A decoder at the start of a connection.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Whether a part of a request has been seen and the rest is awaited.
    pub fn is_partial(&self) -> bool {
        self.cursor.at > 0 || self.cursor.scanned > 0
    }

    /// How many bytes the argument that is awaited needs beyond the first `len` of the partial
    /// request; 0 when its length is not known, or when it is all there.
    pub fn missing_bytes(&self, len: usize) -> usize {
        self.cursor.bulk.map_or(0, |bulk| (self.cursor.at + bulk + 2).saturating_sub(len))
    }

    /// Replaces what `batch` holds by up to `requests_max` requests from the start of `buf` and
    /// returns how many bytes they took: the caller drains these, so that a partial request then
    /// starts at offset 0, and calls again when the batch was not empty or when more bytes came.
    ///
    /// Bytes once shown must not change. When an error is returned, the batch holds the requests
    /// that came before it: they are to be executed first; then the connection is closed.
    pub fn decode(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        batch: &mut Batch,
        requests_max: usize,
    ) -> Result<usize, ProtocolError> {
        assert!(requests_max > 0, "a decoding that may deliver nothing would never end");
        batch.clear();
        if buf.is_empty() {
            return Ok(0);
        }
        let buf = &buf[..buf.len().min(u32::MAX as usize)];
        let requests_max = if limits.authenticated { requests_max } else { requests_max.min(1) };
        self.resume(batch);
        let mut start = 0;
        while batch.requests.len() < requests_max && start < buf.len() {
            match self.cursor.find(&buf[start..], limits, start, batch)? {
                Found::Request { end, inline } => {
                    start += end;
                    let (args, bytes) = (batch.args.len() as u32, start as u32);
                    batch.requests.push(Ends { args, bytes, inline });
                }
                Found::Empty { end } => start += end,
                Found::Partial => {
                    self.suspend(batch, start);
                    return Ok(start);
                }
            }
            self.cursor = Cursor::default();
        }
        Ok(start)
    }

    /// Gives the batch the arguments that the partial request has so far.
    fn resume(&mut self, batch: &mut Batch) {
        if self.args.len() <= COPIED_MAX {
            batch.args.extend_from_slice(&self.args);
            self.args.clear();
            self.args.shrink_to(COPIED_MAX);
        } else {
            batch.args = mem::take(&mut self.args);
        }
    }

    /// Takes the arguments of the partial request at `start` back from the batch.
    fn suspend(&mut self, batch: &mut Batch, start: usize) {
        let first = batch.finished_args();
        if start == 0 && batch.args.len() > COPIED_MAX {
            debug_assert_eq!(first, 0, "nothing ends before the first byte");
            self.args = mem::take(&mut batch.args);
            return;
        }
        let relative = |range: ArgRange| ArgRange { start: range.start - start as u32, ..range };
        self.args.extend(batch.args.drain(first..).map(relative));
    }
}

impl Cursor {
    /// Looks for the rest of a request in `buf`, which starts with it and lies at `base` in the
    /// batch's buffer.
    #[inline]
    fn find(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        base: usize,
        batch: &mut Batch,
    ) -> Result<Found, ProtocolError> {
        if buf[0] != b'*' {
            return self.find_inline(buf, limits, batch);
        }
        if self.missing == 0 {
            match self.line(buf, limits) {
                Line::Length { value, next } if value <= 0 => {
                    return Ok(Found::Empty { end: next });
                }
                Line::Length { value, next } => {
                    self.missing = args_count(value, limits)?;
                    self.at = next;
                }
                Line::Invalid => return Err(ProtocolError::InvalidMultibulkLength),
                Line::TooBig => return Err(ProtocolError::TooBigMultibulkCount),
                Line::Partial => return Ok(Found::Partial),
            }
        }
        if !self.find_args(buf, limits, base, &mut batch.args)? {
            return Ok(Found::Partial);
        }
        let name = batch.args[batch.finished_args()];
        refuse_http(&buf[name.start as usize - base..][..name.len as usize])?;
        Ok(Found::Request { end: self.at, inline: false })
    }

    /// Adds the arguments that are there; `true` when it was all of them.
    #[inline]
    fn find_args(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        base: usize,
        args: &mut Vec<ArgRange>,
    ) -> Result<bool, ProtocolError> {
        while self.missing > 0 {
            let len = match self.bulk {
                Some(len) => len,
                None => {
                    let Some(&marker) = buf.get(self.at) else { return Ok(false) };
                    if marker != b'$' {
                        return Err(ProtocolError::ExpectedDollar(marker));
                    }
                    match self.line(buf, limits) {
                        Line::Length { value, next } => {
                            let len = bulk_len(value, next, limits)?;
                            self.at = next;
                            self.bulk = Some(len);
                            len
                        }
                        Line::Invalid => return Err(ProtocolError::InvalidBulkLength),
                        Line::TooBig => return Err(ProtocolError::TooBigBulkCount),
                        Line::Partial => return Ok(false),
                    }
                }
            };
            let end = self.at + len;
            let Some(after) = buf.get(end..end + 2) else { return Ok(false) };
            if after != b"\r\n" {
                return Err(ProtocolError::UnterminatedBulk);
            }
            args.push(ArgRange::new(base + self.at, len));
            self.at = end + 2;
            self.bulk = None;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// Reads the line at `at`: a marker, a number, CRLF.
    #[inline]
    fn line(&mut self, buf: &[u8], limits: &Limits) -> Line {
        // One and two digits are nearly all there is.
        if let Some(&[_, tens, ones, b'\r', b'\n']) = buf[self.at..].first_chunk()
            && let (b'1'..=b'9', b'0'..=b'9') = (tens, ones)
        {
            let value = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            return Line::Length { value, next: self.at + 5 };
        }
        if let Some(&[_, ones @ b'0'..=b'9', b'\r', b'\n']) = buf[self.at..].first_chunk() {
            return Line::Length { value: i64::from(ones - b'0'), next: self.at + 4 };
        }
        self.long_line(buf, limits)
    }

    /// The same for every line. Remembers how far it looked.
    fn long_line(&mut self, buf: &[u8], limits: &Limits) -> Line {
        let Some(cr) = self.scan(b'\r', buf, limits) else {
            let too_big = buf.len() - self.at > limits.inline_bytes_max;
            return if too_big { Line::TooBig } else { Line::Partial };
        };
        match (decimal(&buf[self.at + 1..cr]), buf.get(cr + 1)) {
            (_, None) => Line::Partial,
            (Some(value), Some(b'\n')) => Line::Length { value, next: cr + 2 },
            _ => Line::Invalid,
        }
    }

    fn find_inline(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<Found, ProtocolError> {
        let Some(lf) = self.scan(b'\n', buf, limits) else {
            let too_big = buf.len() > limits.inline_bytes_max;
            return if too_big { Err(ProtocolError::TooBigInline) } else { Ok(Found::Partial) };
        };
        let line = buf[..lf].strip_suffix(b"\r").unwrap_or(&buf[..lf]);
        let first = batch.args.len();
        inline::split_args(line, &mut batch.args, &mut batch.inline)
            .map_err(|inline::Unbalanced| ProtocolError::UnbalancedQuotes)?;
        let Some(&name) = batch.args.get(first) else { return Ok(Found::Empty { end: lf + 1 }) };
        if lf >= limits.total_bytes_max {
            return Err(ProtocolError::RequestTooLarge);
        }
        refuse_http(&batch.inline[name.start as usize..][..name.len as usize])?;
        Ok(Found::Request { end: lf + 1, inline: true })
    }

    /// Finds `byte` in the line at `at`, among the bytes that the limit allows to a line.
    fn scan(&mut self, byte: u8, buf: &[u8], limits: &Limits) -> Option<usize> {
        let until = buf.len().min(self.at + limits.inline_bytes_max + 1);
        let from = self.scanned.clamp(self.at, until);
        let found = memchr::memchr(byte, &buf[from..until]).map(|offset| from + offset);
        self.scanned = found.unwrap_or(until);
        found
    }
}

/// The number of arguments that a request declares, if it may.
#[inline]
fn args_count(value: i64, limits: &Limits) -> Result<usize, ProtocolError> {
    let count = value as usize;
    if count > limits.args_max {
        return Err(ProtocolError::InvalidMultibulkLength);
    }
    if !limits.authenticated && count > UNAUTHENTICATED_ARGS_MAX {
        return Err(ProtocolError::UnauthenticatedMultibulkLength);
    }
    Ok(count)
}

/// The length that an argument declares, if it may; its bytes begin at `start` of the request.
#[inline]
fn bulk_len(value: i64, start: usize, limits: &Limits) -> Result<usize, ProtocolError> {
    let len = usize::try_from(value).map_err(|_| ProtocolError::InvalidBulkLength)?;
    if len > limits.bulk_bytes_max {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if !limits.authenticated && len > UNAUTHENTICATED_BULK_BYTES_MAX {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    // Ranges have 32 bits, whatever was configured.
    let total_bytes_max = limits.total_bytes_max.min(u32::MAX as usize);
    if start.saturating_add(len).saturating_add(2) > total_bytes_max {
        return Err(ProtocolError::RequestTooLarge);
    }
    Ok(len)
}

/// A browser's form or fetch sends its request line and headers as inline commands.
#[inline]
fn refuse_http(name: &[u8]) -> Result<(), ProtocolError> {
    let http = match name.len() {
        4 => name.eq_ignore_ascii_case(b"post"),
        5 => name.eq_ignore_ascii_case(b"host:"),
        _ => false,
    };
    if http { Err(ProtocolError::SecurityAttack) } else { Ok(()) }
}

/// A decimal as Redis's `string2ll` takes it: no plus, no leading zeros, no blanks, no overflow.
fn decimal(digits: &[u8]) -> Option<i64> {
    let (negative, digits) = match digits {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    digits.iter().try_fold(0i64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        let value = value.checked_mul(10)?;
        if negative { value.checked_sub(digit) } else { value.checked_add(digit) }
    })
}

#[cfg(test)]
mod differential_tests;
#[cfg(test)]
mod tests;
