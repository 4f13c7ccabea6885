//! Floating point numbers as text, to the letter as Redis 7.2 spells them.
//!
//! Why: clients and their tests compare these texts. Redis prints few digits, enough for every double
//! to survive the way there and back, and it has its own rule for which get an exponent: `0.00001` has
//! none, `1.23e-5` has one. Whole numbers up to 2^62 are shown with all their digits.

mod grisu;
mod powers;

use std::fmt::{self, Write};
use std::ops::Deref;

/// The longest text has 24: sign, 17 digits, point, `e-308`.
const TEXT_BYTES_MAX: usize = 32;
/// Above this Redis shows no double as an integer.
const INTEGER_MAX: u64 = 1 << 62;

/// A short text without an allocation; derefs to `str`.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

/// A double as Redis 7.2 replies it: scores, RESP3's `,`.
pub fn format_double(value: f64) -> DoubleText {
    let mut text = DoubleText::new();
    let integer = value as i64;
    if value == 0.0 {
        text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if integer as f64 == value && integer.unsigned_abs() <= INTEGER_MAX {
        text.push(itoa::Buffer::new().format(integer).as_bytes());
    } else if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else {
        general(value, &mut text);
    }
    text
}

/// A finite value that is not zero.
fn general(value: f64, text: &mut DoubleText) {
    if value < 0.0 {
        text.push(b"-");
    }
    let decimal = grisu::digits(value);
    let (digits, point) = (decimal.digits(), decimal.point);
    // Places behind the last digit, and the exponent of the first.
    let (zeros, exponent) = (point - digits.len() as i32, point - 1);
    if (0..8).contains(&zeros) {
        text.push(digits);
        text.push(&b"0000000"[..zeros as usize]);
    } else if zeros < 0 && (zeros > -7 || exponent.abs() < 4) {
        let whole = point.max(0) as usize;
        text.push(if whole == 0 { b"0" } else { &digits[..whole] });
        text.push(b".");
        text.push(&b"000000"[..(-point).max(0) as usize]);
        text.push(&digits[whole..]);
    } else {
        text.push(&digits[..1]);
        if digits.len() > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        write!(text, "e{exponent:+}").expect("an exponent fits");
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
mod tests;
