//! Inline commands: a line as a human types it, split into arguments.
//!
//! Why: `telnet`, `nc` and health checks speak it. The rules are those of Redis's `sdssplitargs`:
//! blanks separate; "…" knows \n \r \t \b \a \xHH and \ before any other byte; '…' knows only \';
//! a closing quote must be followed by a blank or by the end.

use super::batch::ArgRange;

/// A quote is not closed, or a closing quote is glued to what follows. Nothing was added.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// Appends the arguments of `line` (without its line end) to `args`, their bytes to `bytes`.
///
/// On an error `bytes` may have grown; no range was added that points there.
pub(super) fn split_args(
    line: &[u8],
    args: &mut Vec<ArgRange>,
    bytes: &mut Vec<u8>,
) -> Result<(), Unbalanced> {
    let first = args.len();
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Ok(());
        }
        let start = bytes.len();
        match argument(rest, bytes) {
            Ok(used) => rest = &rest[used..],
            Err(unbalanced) => {
                args.truncate(first);
                return Err(unbalanced);
            }
        }
        args.push(ArgRange::new(start, bytes.len() - start));
    }
}

/// One argument at the start of `line`: appends its bytes and returns how much of the line it took.
fn argument(line: &[u8], bytes: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        at += match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return Ok(at + 1),
            b'"' => return Ok(at + 1 + quoted(&line[at + 1..], escape, b'"', bytes)?),
            b'\'' => return Ok(at + 1 + quoted(&line[at + 1..], escape_single, b'\'', bytes)?),
            _ => {
                bytes.push(byte);
                1
            }
        }
    }
    Ok(at)
}

/// The rest of a quoted part up to and with the closing quote, which also ends the argument.
fn quoted(
    line: &[u8],
    escape: fn(&[u8]) -> Option<(u8, usize)>,
    quote: u8,
    bytes: &mut Vec<u8>,
) -> Result<usize, Unbalanced> {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        if byte == quote {
            let ends = line.get(at + 1).is_none_or(|&next| is_space(next));
            return if ends { Ok(at + 1) } else { Err(Unbalanced) };
        }
        let (byte, used) = escape(&line[at..]).unwrap_or((byte, 1));
        bytes.push(byte);
        at += used;
    }
    Err(Unbalanced)
}

/// An escape at the start of `line` between double quotes: its byte, and how much it took.
fn escape(line: &[u8]) -> Option<(u8, usize)> {
    match line {
        [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Some((hex(*high) << 4 | hex(*low), 4))
        }
        [b'\\', byte, ..] => {
            let byte = match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'a' => 0x07,
                _ => *byte,
            };
            Some((byte, 2))
        }
        _ => None,
    }
}

/// The same between single quotes.
fn escape_single(line: &[u8]) -> Option<(u8, usize)> {
    line.starts_with(b"\\'").then_some((b'\'', 2))
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<Vec<u8>>> {
        let (mut args, mut bytes) = (Vec::new(), Vec::new());
        split_args(line.as_bytes(), &mut args, &mut bytes).ok()?;
        let part = |range: &ArgRange| bytes[range.start as usize..][..range.len as usize].to_vec();
        Some(args.iter().map(part).collect())
    }

    #[test]
    fn lines_split_as_redis_splits_them() {
        let cases: [(&str, &[&[u8]]); 11] = [
            ("", &[]),
            (" \t\x0b\x0c ", &[]),
            ("  get   foo ", &[b"get", b"foo"]),
            (r#"set k "a b""#, &[b"set", b"k", b"a b"]),
            (r#""\x41\n\r\t\b\a\\\"\q\x4z""#, &[b"A\n\r\t\x08\x07\\\"qx4z"]),
            (r"'a\'b\n' c", &[b"a'b\\n", b"c"]),
            (r#"a"b c" d"#, &[b"ab c", b"d"]),
            ("''", &[b""]),
            (r#""" x"#, &[b"", b"x"]),
            ("a\x0bb", &[b"a\x0bb"]),
            ("a\0b", &[b"a\0b"]),
        ];
        for (line, expected) in cases {
            assert_eq!(split(line).unwrap(), expected, "{line:?}");
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["\"a", "'a", "get \"a\"b", "'a'b", "\"a\\", "\"\\\"", "'\\'", "a\"b"] {
            assert_eq!(split(line), None, "{line:?}");
        }
    }
}
