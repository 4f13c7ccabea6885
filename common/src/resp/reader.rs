//! The client side: replies from bytes, for tests, benches and probes of other servers.
//!
//! `redis-protocol` decodes them. It recurses without a limit and parses a partial frame from its
//! start each time, so it is only ever handed whole frames: a flat scan, which goes on where it
//! stopped, finds their ends and bounds their nesting.

use super::encode::Protocol;
use bytes::BytesMut;
use redis_protocol::error::RedisProtocolError;
use redis_protocol::{resp2, resp3};

/// A reply as a tree. RESP2's come in RESP3's shapes; what RESP2 lacks does not occur in them.
pub use redis_protocol::resp3::types::BytesFrame;

/// Deeper than any reply of Redis (COMMAND DOCS has 9 levels).
pub const DEPTH_MAX: usize = 32;
/// No number and no length is longer; a status or an error may be.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Why a reply cannot be read; nothing can be read after it.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// Aggregates within aggregates, too many.
    #[error("reply is nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// Not a reply, or one of the streamed kinds that Redis never sends.
    #[error("not a reply at byte {0}")]
    Malformed(usize),
    /// The decoder refused it.
    #[error(transparent)]
    Decode(#[from] RedisProtocolError),
}

/// Reads one connection's replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    protocol: Protocol,
    buf: BytesMut,
    /// How far the scan of the first frame in `buf` came.
    at: usize,
    /// No LF lies between `at` and here.
    scanned: usize,
    /// How many values are awaited at each level, outermost first; empty between replies.
    awaited: Vec<u64>,
}

impl ReplyReader {
    /// A reader at the start of a connection.
    pub fn new(protocol: Protocol) -> ReplyReader {
        ReplyReader { protocol, ..ReplyReader::default() }
    }

    /// Reads what follows in this protocol: after a HELLO was answered.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Adds bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The buffer to read the connection's bytes into, at its end.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buf
    }

    /// The next whole reply; `None`: more bytes are needed.
    pub fn next_reply(&mut self) -> Result<Option<BytesFrame>, ReplyError> {
        if !self.scan()? {
            return Ok(None);
        }
        let frame = self.buf.split_to(self.at).freeze();
        self.at = 0;
        self.scanned = 0;
        let (frame, len) = match self.protocol {
            Protocol::Resp2 => resp2::decode::decode_bytes(&frame)?
                .map(|(decoded, len)| (decoded.into_resp3(), len)),
            Protocol::Resp3 => resp3::decode::complete::decode_bytes(&frame)?,
        }
        .filter(|&(_, len)| len == frame.len())
        .ok_or(ReplyError::Malformed(frame.len()))?;
        debug_assert!(len > 0, "a frame has at least its marker");
        Ok(Some(frame))
    }

    /// Goes on to the end of the first frame; `false`: it is not there yet.
    fn scan(&mut self) -> Result<bool, ReplyError> {
        loop {
            let Some(next) = self.scan_value()? else { return Ok(false) };
            self.at = next;
            self.scanned = next;
            while let Some(awaited) = self.awaited.last_mut() {
                if *awaited > 0 {
                    break;
                }
                self.awaited.pop();
            }
            if self.awaited.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Steps over one value, or over the head of an aggregate; `None`: it is not there yet.
    fn scan_value(&mut self) -> Result<Option<usize>, ReplyError> {
        let from = self.scanned.max(self.at);
        let Some(lf) = memchr::memchr(b'\n', &self.buf[from..]).map(|found| from + found) else {
            self.scanned = self.buf.len();
            let too_long = self.buf.len() - self.at > LINE_BYTES_MAX;
            return if too_long { Err(ReplyError::Malformed(self.at)) } else { Ok(None) };
        };
        self.scanned = lf;
        let malformed = ReplyError::Malformed(self.at);
        let [marker, number @ .., b'\r'] = &self.buf[self.at..lf] else { return Err(malformed) };
        let number = || std::str::from_utf8(number).ok()?.parse::<i64>().ok();
        let children = match marker {
            b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' => 0,
            b'$' | b'!' | b'=' => {
                let Some(len @ -1..) = number() else { return Err(malformed) };
                let Ok(len) = usize::try_from(len) else { return Ok(Some(self.counted(lf + 1))) };
                let end = (lf + 1).saturating_add(len).saturating_add(2);
                return Ok((end <= self.buf.len()).then(|| self.counted(end)));
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let Some(count @ -1..) = number() else { return Err(malformed) };
                let count = u64::try_from(count).unwrap_or(0);
                // An attribute is followed by the value that it describes.
                count
                    .saturating_mul(if matches!(marker, b'%' | b'|') { 2 } else { 1 })
                    .saturating_add(u64::from(*marker == b'|'))
            }
            _ => return Err(malformed),
        };
        let next = self.counted(lf + 1);
        if children > 0 {
            if self.awaited.len() == DEPTH_MAX {
                return Err(ReplyError::TooDeep);
            }
            self.awaited.push(children);
        }
        Ok(Some(next))
    }

    /// Notes that the value before `next` has come.
    fn counted(&mut self, next: usize) -> usize {
        if let Some(awaited) = self.awaited.last_mut() {
            *awaited -= 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bytes give when they come one at a time.
    fn read(protocol: Protocol, bytes: &[u8]) -> Result<Vec<BytesFrame>, ReplyError> {
        let mut reader = ReplyReader::new(protocol);
        let mut replies = Vec::new();
        for byte in bytes {
            reader.feed(&[*byte]);
            replies.extend(reader.next_reply()?);
        }
        assert!(reader.buf.is_empty(), "every byte belongs to a reply");
        Ok(replies)
    }

    #[test]
    fn replies_are_read_byte_by_byte() {
        let replies = read(Protocol::Resp2, b"*2\r\n$-1\r\n*-1\r\n+OK\r\n*0\r\n$2\r\n\r\n\r\n");
        let replies = replies.unwrap();
        assert_eq!(replies.len(), 4);
        assert!(matches!(&replies[0], BytesFrame::Array { data, .. } if data.len() == 2));
        assert!(matches!(&replies[3], BytesFrame::BlobString { data, .. } if data == "\r\n"));

        let replies = read(Protocol::Resp3, b"|1\r\n+a\r\n:1\r\n%1\r\n+k\r\n*1\r\n_\r\n,1.5\r\n");
        let replies = replies.unwrap();
        assert_eq!(replies.len(), 2, "an attribute belongs to the value behind it");
        assert!(matches!(&replies[0], BytesFrame::Map { attributes: Some(_), .. }));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
        assert_eq!(read(Protocol::Resp2, &nested(DEPTH_MAX)).unwrap().len(), 1);
        let too_deep = read(Protocol::Resp2, &nested(DEPTH_MAX + 1));
        assert!(matches!(too_deep, Err(ReplyError::TooDeep)));
        assert!(matches!(read(Protocol::Resp3, &nested(100_000)), Err(ReplyError::TooDeep)));
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        let cases: [&[u8]; 7] =
            [b"x\r\n", b"\r\n", b"$x\r\n", b"$-2\r\n", b"*?\r\n", b"+OK\n", b":x\r\n"];
        for bytes in cases {
            assert!(read(Protocol::Resp3, bytes).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(read(Protocol::Resp2, &[b'+'; LINE_BYTES_MAX + 2]).is_err());
    }
}
