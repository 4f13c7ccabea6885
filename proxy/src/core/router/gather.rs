//! Replies of shards, read as far as gathering them needs it.

use bytes::Bytes;
use kinring_common::command::number::parse_i64;

/// Whether it is an error.
pub fn is_error(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'-' | b'!'))
}

/// The integer that it is.
pub fn integer(reply: &[u8]) -> Option<i64> {
    let (line, rest) = line(reply)?;
    let digits = line.strip_prefix(b":")?;
    rest.is_empty().then(|| parse_i64(digits)).flatten()
}

/// The elements of an array of so many strings and nulls, as they are written.
pub fn elements(reply: &Bytes, count: usize) -> Option<Vec<Bytes>> {
    let (head, mut rest) = line(reply)?;
    if parse_i64(head.strip_prefix(b"*")?)? != i64::try_from(count).ok()? {
        return None;
    }
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let (element, after) = string(rest)?;
        found.push(reply.slice_ref(element));
        rest = after;
    }
    rest.is_empty().then_some(found)
}

/// A string or a null, as it is written, and what follows.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = line(text)?;
    let head_bytes = text.len() - rest.len();
    if head == b"_" || head == b"$-1" {
        return Some(text.split_at(head_bytes));
    }
    let len = usize::try_from(parse_i64(head.strip_prefix(b"$")?)?).ok()?;
    let end = head_bytes.checked_add(len)?.checked_add(2)?;
    let (element, after) = text.split_at_checked(end)?;
    element.ends_with(b"\r\n").then_some((element, after))
}

/// The first line, without its end, and what follows.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    // No line that is read here is longer than a number.
    const LINE_BYTES_MAX: usize = 32;
    let near = &text[..text.len().min(LINE_BYTES_MAX)];
    let end = near.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&text[..end], &text[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_taken_apart_as_they_are_written() {
        let reply = Bytes::from_static(b"*4\r\n$3\r\na\r\n\r\n$-1\r\n_\r\n$0\r\n\r\n");
        let whole = elements(&reply, 4).expect("four strings");
        assert_eq!(whole, [&b"$3\r\na\r\n\r\n"[..], b"$-1\r\n", b"_\r\n", b"$0\r\n\r\n"]);
    }

    #[test]
    fn what_is_no_such_array_is_refused() {
        let wrong: [&'static [u8]; 7] = [
            b"",
            b"*1\r\n",
            b"*1\r\n$5\r\nabc\r\n",
            b"*1\r\n$1\r\naXY",
            b"*2\r\n$1\r\na\r\n",
            b"*1\r\n$1\r\na\r\n$1\r\nb\r\n",
            b"*1\r\n$99999999999999999999\r\n",
        ];
        for reply in wrong {
            assert_eq!(elements(&Bytes::from_static(reply), 1), None, "{reply:?}");
        }
        assert_eq!(integer(b":12\r\n"), Some(12));
        assert_eq!(integer(b":12\r\n:1\r\n"), None);
        assert_eq!(integer(b"+OK\r\n"), None);
    }
}
