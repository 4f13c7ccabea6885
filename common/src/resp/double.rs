//! Floating point numbers as text, to the letter as Redis 7.0 spells them.
//!
//! Why: clients and their tests compare these texts. Redis prints scores with C's `%.17g`: always 17
//! significant digits, so that every double survives the way there and back, even where fewer
//! would do (`0.1` is shown as `0.10000000000000001`).

use std::fmt::{self, Write};
use std::ops::Deref;

/// The longest text: sign, 17 digits, point, `e-308`; or sign, `0.000`, 17 digits.
const TEXT_BYTES_MAX: usize = 32;
/// `%.17g` has so many significant digits.
const DIGITS: i32 = 17;
/// Below this every integral double is exact and has at most 17 digits.
const INTEGRAL_MAX: f64 = 1e17;

/// A short text without an allocation; derefs to `str`.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

/// A double as Redis 7.0 replies it: ZSCORE, ZINCRBY, GEODIST's kin, RESP3's `,`.
pub fn format_double(value: f64) -> DoubleText {
    let mut text = DoubleText::new();
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() < INTEGRAL_MAX && value.trunc() == value {
        text.push(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        general(value, &mut text);
    }
    text
}

/// C's `%.17g` for a finite value that is not zero.
fn general(value: f64, text: &mut DoubleText) {
    // Exactly rounded: d.dddddddddddddddde[-]x
    let mut scientific = DoubleText::new();
    write!(scientific, "{:.*e}", DIGITS as usize - 1, value.abs()).expect("17 digits fit");
    let (mantissa, exponent) = scientific.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a decimal exponent");
    let mut digits = [0; DIGITS as usize];
    digits[0] = mantissa.as_bytes()[0];
    digits[1..].copy_from_slice(&mantissa.as_bytes()[2..]);
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    let digits = &digits[..significant];

    if value < 0.0 {
        text.push(b"-");
    }
    if !(-4..DIGITS).contains(&exponent) {
        text.push(&digits[..1]);
        if digits.len() > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(text, "e{sign}{:02}", exponent.abs()).expect("an exponent fits");
    } else if exponent < 0 {
        text.push(b"0.");
        text.push(&b"000"[..(-exponent - 1) as usize]);
        text.push(digits);
    } else {
        let whole = exponent as usize + 1;
        text.push(&digits[..whole.min(digits.len())]);
        if digits.len() > whole {
            text.push(b".");
            text.push(&digits[whole..]);
        } else {
            text.push(&[b'0'; DIGITS as usize][..whole - digits.len()]);
        }
    }
}

impl DoubleText {
    fn new() -> DoubleText {
        DoubleText { bytes: [0; TEXT_BYTES_MAX], len: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl Write for DoubleText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.len + text.len() > TEXT_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.push(text.as_bytes());
        Ok(())
    }
}

impl Deref for DoubleText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("only ASCII is pushed")
    }
}

impl fmt::Display for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_redis_writes_them() {
        // Each as ZADD and ZSCORE on a Redis 7.0.15 show it.
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.10000000000000001"),
            (1.5, "1.5"),
            (31.4159, "31.415900000000001"),
            (1e16, "10000000000000000"),
            (99999999999999984.0, "99999999999999984"),
            (1e17, "1e+17"),
            (-1.5e300, "-1.5000000000000001e+300"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (1234567.125, "1234567.125"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, text) in cases {
            assert_eq!(&*format_double(value), text);
        }
    }
}
