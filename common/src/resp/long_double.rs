//! x87's 80-bit long double in software, as far as INCRBYFLOAT and HINCRBYFLOAT need it.
//!
//! Why: Redis adds in long double and prints with `%.17Lf`, so that 10.5 + 0.1 is `10.6` and not
//! `10.59999999999999964`. Rust has no such type, and a sum in doubles shows other digits.
//!
//! Invariant: parsing, adding and printing are each exact, then rounded once, half to even, as
//! glibc and the FPU do. Not taken, unlike there: hexadecimal notation.

use std::cmp::Ordering;
use std::fmt;

/// Redis's buffer for such a text; what is longer is no number.
const TEXT_BYTES_MAX: usize = 5 * 1024;
/// Decimals of `%.17Lf`.
const DECIMALS: usize = 17;
/// The largest power of two below infinity, and the one whose upper half rounds up to the smallest
/// number above zero.
const EXPONENT_MAX: i32 = 16_383;
const EXPONENT_MIN: i32 = -16_446;

/// mantissa × 2^exponent. Zero has mantissa 0; otherwise the mantissa's top bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    infinite: bool,
}

/// A double in the notation of INCRBYFLOAT: up to 17 decimals, no exponent, no trailing zeros.
pub fn format_human_double(value: f64) -> String {
    LongDouble::from(value).to_string()
}

impl LongDouble {
    const ZERO: LongDouble =
        LongDouble { negative: false, mantissa: 0, exponent: 0, infinite: false };

    /// Reads a number as C's `strtold` does, all of `text`; `None`: it is not one, or NaN, or too
    /// large or too small.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= TEXT_BYTES_MAX {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble { negative, infinite: true, ..LongDouble::ZERO });
        }
        let (digits, exponent) = decimal_parts(text)?;
        let zero = LongDouble { negative, ..LongDouble::ZERO };
        if digits.0.is_empty() {
            return Some(zero);
        }
        // Far outside, whatever the digits: without this an exponent would cost memory.
        if exponent.unsigned_abs() > 2 * TEXT_BYTES_MAX as u32 {
            return None;
        }
        let (mut over, mut under) = (digits, Natural::from(1));
        let power = if exponent >= 0 { &mut over } else { &mut under };
        power.multiply_power_of_ten(exponent.unsigned_abs());
        let (mantissa, exponent) = over.divide(under);
        let top = exponent + 63;
        (EXPONENT_MIN..=EXPONENT_MAX).contains(&top).then_some(LongDouble {
            mantissa,
            exponent,
            ..zero
        })
    }

    /// Whether it is neither infinity nor what came of one.
    pub fn is_finite(self) -> bool {
        !self.infinite
    }

    /// The sum; not finite when it is too large.
    pub fn plus(self, other: LongDouble) -> LongDouble {
        if self.infinite || other.infinite {
            return LongDouble { infinite: true, ..self };
        }
        let order = match (self.mantissa, other.mantissa) {
            (0, 0) => {
                return LongDouble {
                    negative: self.negative && other.negative,
                    ..LongDouble::ZERO
                };
            }
            (_, 0) => return self,
            (0, _) => return other,
            _ => (self.exponent, self.mantissa).cmp(&(other.exponent, other.mantissa)),
        };
        let (large, small) = if order == Ordering::Less { (other, self) } else { (self, other) };
        // 62 bits below the mantissa, and what falls below these kept as one sticky bit.
        let wide = u128::from(large.mantissa) << 62;
        let shift = (large.exponent - small.exponent) as u32;
        let other = u128::from(small.mantissa) << 62;
        let shifted = other.checked_shr(shift).unwrap_or(0);
        let lost = shift > 0 && other.trailing_zeros() < shift;
        let sum = if large.negative == small.negative {
            (wide + shifted) | u128::from(lost)
        } else if order == Ordering::Equal {
            return LongDouble::ZERO;
        } else {
            (wide - shifted - u128::from(lost)) | u128::from(lost)
        };
        let (mantissa, exponent) = rounded(sum, false, large.exponent - 62);
        let infinite = exponent + 63 > EXPONENT_MAX;
        LongDouble { negative: large.negative, mantissa, exponent, infinite }
    }
}

impl From<f64> for LongDouble {
    /// Exact; NaN is as little finite as infinity.
    fn from(value: f64) -> LongDouble {
        let negative = value.is_sign_negative();
        if !value.is_finite() || value == 0.0 {
            return LongDouble { negative, infinite: value != 0.0, ..LongDouble::ZERO };
        }
        let bits = value.to_bits();
        let biased = (bits >> 52 & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        let shift = mantissa.leading_zeros();
        LongDouble {
            negative,
            mantissa: mantissa << shift,
            exponent: exponent - shift as i32,
            infinite: false,
        }
    }
}

/// `%.17Lf` without trailing zeros; `-0` is `0`.
impl fmt::Display for LongDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.infinite {
            return f.write_str(if self.negative { "-inf" } else { "inf" });
        }
        let (whole, decimals) = if self.exponent >= 0 {
            let mut whole = Natural::from(self.mantissa);
            whole.shift_left(self.exponent as u32);
            (whole.decimal(), String::new())
        } else {
            // Below 2^121, so that a shift by 128 or more leaves less than a half.
            let scaled = u128::from(self.mantissa) * 10u128.pow(DECIMALS as u32);
            let units = shift_right_rounded(scaled, self.exponent.unsigned_abs());
            let text = format!("{units:0width$}", width = DECIMALS + 1);
            let (whole, decimals) = text.split_at(text.len() - DECIMALS);
            (whole.to_string(), decimals.trim_end_matches('0').to_string())
        };
        let zero = whole == "0" && decimals.is_empty();
        let sign = if self.negative && !zero { "-" } else { "" };
        let point = if decimals.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{decimals}")
    }
}

/// The digits of a decimal as a natural number, and the power of ten to multiply it with.
fn decimal_parts(text: &[u8]) -> Option<(Natural, i32)> {
    let digits_at = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits_at(0);
    let mut at = whole;
    let mut decimals = 0;
    if text.get(at) == Some(&b'.') {
        decimals = digits_at(at + 1);
        at += 1 + decimals;
    }
    if whole + decimals == 0 {
        return None;
    }
    let mut digits = Natural::default();
    for byte in text[..at].iter().filter(|&&byte| byte != b'.') {
        digits.multiply_add(10, u32::from(byte - b'0'));
    }
    let mut exponent = 0i32;
    if let Some(b'e' | b'E') = text.get(at) {
        let (sign, start) = match text.get(at + 1) {
            Some(b'-') => (-1, at + 2),
            Some(b'+') => (1, at + 2),
            _ => (1, at + 1),
        };
        at = start + digits_at(start);
        if at == start {
            return None;
        }
        exponent = text[start..at].iter().fold(0i32, |value, digit| {
            value.saturating_mul(10).saturating_add(sign * i32::from(digit - b'0'))
        });
    }
    (at == text.len()).then(|| (digits, exponent.saturating_sub(decimals as i32)))
}

/// 64 bits of `wide` (not 0; `sticky`: something lies below it), rounded half to even.
fn rounded(wide: u128, sticky: bool, exponent: i32) -> (u64, i32) {
    let shift = 64 - wide.leading_zeros() as i32;
    if shift <= 0 {
        debug_assert!(!sticky, "what lies below must have been given the bits");
        return ((wide << -shift) as u64, exponent + shift);
    }
    let mut mantissa = wide >> shift;
    let below = wide & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    if below > half || below == half && (sticky || mantissa & 1 == 1) {
        mantissa += 1;
    }
    if mantissa >> 64 == 0 {
        (mantissa as u64, exponent + shift)
    } else {
        (1 << 63, exponent + shift + 1)
    }
}

/// value / 2^shift, half to even; `value` is below 2^127 and `shift` above 0.
fn shift_right_rounded(value: u128, shift: u32) -> u128 {
    if shift >= u128::BITS {
        return 0;
    }
    let floor = value >> shift;
    let below = value & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    floor + u128::from(below > half || below == half && floor & 1 == 1)
}

/// A natural number of any size: 32-bit digits, the lowest first, no zero on top.
#[derive(Clone, Debug, Default)]
struct Natural(Vec<u32>);

impl From<u64> for Natural {
    fn from(value: u64) -> Natural {
        let mut natural = Natural(vec![value as u32, (value >> 32) as u32]);
        natural.trim();
        natural
    }
}

impl Natural {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| self.0.len() as u32 * 32 - top.leading_zeros())
    }

    fn multiply_add(&mut self, factor: u32, mut carry: u32) {
        for digit in &mut self.0 {
            let product = u64::from(*digit) * u64::from(factor) + u64::from(carry);
            *digit = product as u32;
            carry = (product >> 32) as u32;
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    fn multiply_power_of_ten(&mut self, power: u32) {
        const STEP: u32 = 9;
        for _ in 0..power / STEP {
            self.multiply_add(10u32.pow(STEP), 0);
        }
        self.multiply_add(10u32.pow(power % STEP), 0);
    }

    fn shift_left(&mut self, shift: u32) {
        if self.0.is_empty() {
            return;
        }
        if !shift.is_multiple_of(32) {
            self.multiply_add(1 << (shift % 32), 0);
        }
        self.0.splice(..0, std::iter::repeat_n(0, (shift / 32) as usize));
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let by_digits = || self.0.iter().rev().cmp(other.0.iter().rev());
        self.0.len().cmp(&other.0.len()).then_with(by_digits)
    }

    /// `other` is not above `self`.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (at, digit) in self.0.iter_mut().enumerate() {
            let taken = other.0.get(at).copied().unwrap_or(0);
            let (rest, first) = digit.overflowing_sub(taken);
            let (rest, second) = rest.overflowing_sub(u32::from(borrow));
            *digit = rest;
            borrow = first || second;
        }
        debug_assert!(!borrow, "the smaller is taken from the larger");
        self.trim();
    }

    /// self / divisor, neither 0, as 64 bits and a power of two, rounded half to even.
    fn divide(mut self, mut divisor: Natural) -> (u64, i32) {
        // Aligned so that the quotient lies between 1/2 and 2; then one bit at a time.
        let (bits, divisor_bits) = (self.bits(), divisor.bits());
        self.shift_left(divisor_bits.saturating_sub(bits));
        divisor.shift_left(bits.saturating_sub(divisor_bits));
        let exponent = bits as i32 - divisor_bits as i32;
        const QUOTIENT_BITS: i32 = 68;
        let mut quotient = 0u128;
        for _ in 0..QUOTIENT_BITS {
            let fits = self.compare(&divisor) != Ordering::Less;
            if fits {
                self.subtract(&divisor);
            }
            quotient = quotient << 1 | u128::from(fits);
            self.shift_left(1);
        }
        rounded(quotient, !self.0.is_empty(), exponent - (QUOTIENT_BITS - 1))
    }

    /// In decimal; takes the number apart.
    fn decimal(mut self) -> String {
        const GROUP: u64 = 1_000_000_000;
        let mut groups = Vec::new();
        while !self.0.is_empty() {
            let mut rest = 0u64;
            for digit in self.0.iter_mut().rev() {
                let value = rest << 32 | u64::from(*digit);
                *digit = (value / GROUP) as u32;
                rest = value % GROUP;
            }
            self.trim();
            groups.push(rest);
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        groups.iter().rev().for_each(|group| text.push_str(&format!("{group:09}")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_read_as_incrbyfloat_writes_them() {
        // Each as SET and INCRBYFLOAT on a Redis 7.0.15 show it.
        let cases = [
            ("10.50", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("-0.5", "0.25", "-0.25"),
            ("1e20", "0", "100000000000000000000"),
            ("0.00000000000000000001", "0", "0"),
            ("1", "1e-17", "1.00000000000000001"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("-1e-30", "0", "0"),
            ("+.5", "1.", "1.5"),
        ];
        for (value, increment, sum) in cases {
            let [value, increment] =
                [value, increment].map(|text| LongDouble::parse(text.as_bytes()).unwrap());
            assert_eq!(value.plus(increment).to_string(), sum);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            " 1",
            "1 ",
            "1.2.3",
            "nan",
            "abc",
            "1e5000",
            "1e-99999999999",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert!(!LongDouble::parse(b"-inf").unwrap().is_finite());
        let huge = LongDouble::parse(b"1.1e4932").unwrap();
        assert!(!huge.plus(huge).is_finite(), "2.2e4932 is above the range");
    }

    #[test]
    fn doubles_are_taken_exactly() {
        assert_eq!(format_human_double(0.1), "0.10000000000000001");
        assert_eq!(format_human_double(-2.5), "-2.5");
        assert_eq!(format_human_double(-0.0), "0");
        assert_eq!(format_human_double(5e-324), "0");
        assert_eq!(format_human_double(1e23), "99999999999999991611392");
    }
}
