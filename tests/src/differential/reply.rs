//! Replies as trees of bytes, and when two of them count as the same.
//!
//! A node keeps its header line and its payload as they came, so equal trees are equal bytes.

use std::fmt;
use std::io::{self, BufRead};

/// One reply, or the end of the connection in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reply {
    /// The header line with its type byte, without CR LF. Empty: the server closed instead.
    pub head: Vec<u8>,
    /// What a string of known length holds.
    pub payload: Option<Vec<u8>>,
    /// What an aggregate holds; a map has two a pair.
    pub children: Vec<Reply>,
}

/// When two replies count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Equal bytes.
    Exact,
    /// The same numbers, however they are spelled; what is no number exact.
    Numbers,
    /// Equal after sorting what every aggregate holds.
    Unordered,
    /// A flat array of names and values (or a map), equal after sorting its pairs.
    Pairs,
    /// Integers that differ by no more than this; all else exact.
    Near(i64),
    /// Aggregates with as many members, leaves of the same type.
    Shape,
    /// The same type; of errors the same code.
    Kind,
    /// Null and null, or both something.
    Nullness,
}

/// Replies nest no deeper than this; more is a broken server.
const DEPTH_MAX: usize = 32;

impl Reply {
    /// Reads one reply to its end.
    ///
    /// # Errors
    /// Those of reading, a time limit included, and bytes that are no reply. The end of the
    /// connection before the first byte is no error.
    pub fn read(from: &mut impl BufRead) -> io::Result<Reply> {
        Reply::read_nested(from, 0)
    }

    fn read_nested(from: &mut impl BufRead, depth: usize) -> io::Result<Reply> {
        let mut head = Vec::new();
        from.read_until(b'\n', &mut head)?;
        if head.is_empty() && depth == 0 {
            return Ok(Reply::default());
        }
        if !head.ends_with(b"\r\n") || depth > DEPTH_MAX {
            return Err(broken(&head));
        }
        head.truncate(head.len() - 2);
        let mut reply = Reply { head, ..Reply::default() };
        let [kind, number @ ..] = &reply.head[..] else { return Err(broken(b"")) };
        let length = || {
            let text = std::str::from_utf8(number).map_err(|_| broken(&reply.head))?;
            text.parse::<i64>().map_err(|_| broken(&reply.head))
        };
        match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
            b'$' | b'=' | b'!' => {
                if let Ok(length) = usize::try_from(length()?) {
                    let mut payload = vec![0; length + 2];
                    from.read_exact(&mut payload)?;
                    if payload.split_off(length) != b"\r\n" {
                        return Err(broken(&reply.head));
                    }
                    reply.payload = Some(payload);
                }
            }
            b'*' | b'~' | b'>' | b'%' => {
                let each = if *kind == b'%' { 2 } else { 1 };
                let count = usize::try_from(length()?).unwrap_or(0) * each;
                for _ in 0..count {
                    reply.children.push(Reply::read_nested(from, depth + 1)?);
                }
            }
            _ => return Err(broken(&reply.head)),
        }
        Ok(reply)
    }

    /// Whether the server closed the connection instead of replying.
    pub fn is_closed(&self) -> bool {
        self.head.is_empty()
    }

    /// Whether it is any of the nulls.
    pub fn is_null(&self) -> bool {
        matches!(&self.head[..], b"_" | b"$-1" | b"*-1")
    }

    /// The type byte; 0 for the end of the connection.
    pub fn kind(&self) -> u8 {
        self.head.first().copied().unwrap_or(0)
    }

    /// Its text when it is a string of any kind.
    pub fn text(&self) -> Option<&[u8]> {
        match (self.kind(), &self.payload) {
            (b'=', Some(payload)) => payload.get(4..),
            (_, Some(payload)) => Some(payload),
            (b'+', None) => Some(&self.head[1..]),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        let number = self.head.strip_prefix(b":")?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    /// What a string or a RESP3 double says, if that is a floating point number.
    fn number(&self) -> Option<f64> {
        let text = match self.kind() {
            b',' => &self.head[1..],
            b'$' => self.payload.as_deref()?,
            _ => return None,
        };
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    fn code(&self) -> &[u8] {
        self.head.split(|byte| *byte == b' ').next().unwrap_or_default()
    }

    /// The same with the members of all aggregates in order.
    fn sorted(mut self) -> Reply {
        self.children = self.children.into_iter().map(Reply::sorted).collect();
        if self.kind() == b'%' {
            self.sort_pairs();
        } else {
            self.children.sort();
        }
        self
    }

    fn sort_pairs(&mut self) {
        let mut pairs: Vec<Vec<Reply>> = self.children.chunks(2).map(<[Reply]>::to_vec).collect();
        pairs.sort();
        self.children = pairs.concat();
    }
}

impl Compare {
    /// How scores compare with a Redis of this version: before 7.2 it spelled doubles otherwise.
    pub fn scores(version: (u32, u32)) -> Compare {
        if version < (7, 2) { Compare::Numbers } else { Compare::Exact }
    }

    /// Whether the replies count as the same.
    pub fn same(self, a: &Reply, b: &Reply) -> bool {
        if a == b {
            return true;
        }
        match self {
            Compare::Exact => false,
            Compare::Numbers => {
                let numbers = || Some(a.number()?.to_bits() == b.number()?.to_bits());
                let (x, y) = (&a.children, &b.children);
                let members = || !x.is_empty() && x.iter().zip(y).all(|(x, y)| self.same(x, y));
                a.kind() == b.kind() && numbers().unwrap_or_else(|| a.head == b.head && members())
            }
            Compare::Unordered => a.clone().sorted() == b.clone().sorted(),
            Compare::Pairs => {
                let (mut a, mut b) = (a.clone(), b.clone());
                a.sort_pairs();
                b.sort_pairs();
                a == b
            }
            Compare::Near(distance) => match (a.integer(), b.integer()) {
                // -1 and -2 are no times.
                (Some(a), Some(b)) => a.min(b) >= 0 && a.abs_diff(b) <= distance.unsigned_abs(),
                _ => false,
            },
            Compare::Shape => {
                let aggregate = matches!(a.kind(), b'*' | b'~' | b'%' | b'>');
                let (x, y) = (&a.children, &b.children);
                a.kind() == b.kind()
                    && a.is_null() == b.is_null()
                    && (!aggregate || a.head == b.head)
                    && x.iter().zip(y).all(|(x, y)| Compare::Shape.same(x, y))
            }
            Compare::Kind => {
                a.kind() == b.kind()
                    && a.is_null() == b.is_null()
                    && (a.kind() != b'-' || a.code() == b.code())
            }
            Compare::Nullness => a.is_null() == b.is_null() && a.kind() != b'-' && b.kind() != b'-',
        }
    }
}

/// As a person reads it, long texts cut.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_closed() {
            return f.write_str("(closed)");
        }
        write!(f, "{}", self.head.escape_ascii())?;
        if let Some(payload) = &self.payload {
            write!(f, " \"{}\"", Quoted(payload))?;
        }
        if !self.children.is_empty() {
            let (shown, more) = self.children.split_at(self.children.len().min(40));
            f.write_str(" [")?;
            for (i, child) in shown.iter().enumerate() {
                let gap = if i > 0 { ", " } else { "" };
                write!(f, "{gap}{child}")?;
            }
            f.write_str(if more.is_empty() { "]" } else { ", …]" })?;
        }
        Ok(())
    }
}

/// Bytes as text, cut when long.
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES_MAX: usize = 300;
        if self.0.len() <= SHOWN_BYTES_MAX {
            return write!(f, "{}", self.0.escape_ascii());
        }
        let start = self.0[..SHOWN_BYTES_MAX / 2].escape_ascii();
        write!(f, "{start}… ({} bytes)", self.0.len())
    }
}

fn broken(head: &[u8]) -> io::Error {
    let line = head[..head.len().min(80)].escape_ascii();
    io::Error::new(io::ErrorKind::InvalidData, format!("no reply: \"{line}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: &str) -> Reply {
        Reply::read(&mut bytes.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_the_same_depends_on_the_comparison() {
        let same = |how: Compare, a, b| how.same(&reply(a), &reply(b));
        assert!(!same(Compare::Exact, "+OK\r\n", "$2\r\nOK\r\n"));
        assert!(same(Compare::Unordered, "*2\r\n:1\r\n:2\r\n", "*2\r\n:2\r\n:1\r\n"));
        assert!(!same(Compare::Unordered, "*2\r\n:1\r\n:2\r\n", "~2\r\n:2\r\n:1\r\n"));
        let (few, many) = ("*2\r\n$1\r\nm\r\n$3\r\n0.1\r\n", "*2\r\n$1\r\nm\r\n$4\r\n1e-1\r\n");
        assert!(same(Compare::Numbers, few, many));
        assert!(!same(Compare::Numbers, few, "*2\r\n$1\r\nn\r\n$3\r\n0.1\r\n"));
        assert!(same(Compare::Numbers, ",1e-05\r\n", ",0.00001\r\n"));
        assert!(!same(Compare::Numbers, ",0.1\r\n", ",0.2\r\n"));
        assert!(!same(Compare::Numbers, ",0.1\r\n", "$3\r\n0.1\r\n"));
        assert!(!same(Compare::Numbers, ":1\r\n", ":2\r\n"));
        let (ab, ba) = ("*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", "*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n");
        assert!(same(Compare::Pairs, ab, ba));
        assert!(!same(Compare::Pairs, ab, "*4\r\n+b\r\n+1\r\n+a\r\n+2\r\n"));
        assert!(same(Compare::Near(2), ":10\r\n", ":12\r\n"));
        assert!(!same(Compare::Near(2), ":10\r\n", ":13\r\n"));
        assert!(!same(Compare::Near(2), ":-1\r\n", ":-2\r\n"));
        assert!(same(Compare::Shape, "*1\r\n:1\r\n", "*1\r\n:7\r\n"));
        assert!(!same(Compare::Shape, "*1\r\n:1\r\n", "*1\r\n+7\r\n"));
        assert!(same(Compare::Kind, "-ERR a\r\n", "-ERR b\r\n"));
        assert!(!same(Compare::Kind, "-ERR a\r\n", "-OOM b\r\n"));
        assert!(!same(Compare::Nullness, "$-1\r\n", "$0\r\n\r\n"));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in ["x\r\n", "+OK\n", "$1\r\nab\r\n", "*1\r\n", "*x\r\n", "$3\r\na"] {
            assert!(Reply::read(&mut bytes.as_bytes()).is_err(), "{bytes:?}");
        }
        assert!(reply("").is_closed());
    }
}
