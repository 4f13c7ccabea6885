//! Numbers of 64 significant bits, added and written as INCRBYFLOAT does it.
//!
//! Why: Redis computes here in C's `long double`, which on x86-64 is the 80-bit extended format of
//! the x87, and replies `%.17Lf` without trailing zeros. That is what makes 10.5 + 0.1 come out as
//! 10.6, and clients' tests compare it. Rust has no such type, so the three operations that are
//! needed are done here on integers: reading and adding round to 64 bits, to nearest, ties to even;
//! writing rounds the exact value to 17 decimals in the same way. Every answer is the one of a
//! Redis on x86-64. (On AArch64 a `long double` has 113 bits, so there Redis itself differs from
//! itself from about the 18th digit on.)
//!
//! Invariant: a [`Finite`] that is not zero has the top bit of its mantissa set.

use super::big::Big;

/// Redis reads no number from a longer text than this.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// No finite number has its leading bit above this power of two.
const TOP_MAX: i32 = 16_383;
/// 2^-16446, half of the smallest number above zero, rounds to zero; what is above it does not.
const TOP_HALF: i32 = -16_446;
/// Decimal exponents of a leading digit beyond these are out of range whatever the digits.
const DECIMAL_RANGE: std::ops::Range<i64> = -4_960..4_940;
/// Quotients of 128 bits by less than this have at least 68 bits.
const BELOW_MAX: u128 = 1 << 60;
/// Written decimals.
const DECIMALS: u32 = 17;

/// A number or an infinity. Its sign is not kept: whatever is added to it, the sum is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// A number.
    Finite(Finite),
    /// `inf` or `-inf`.
    Infinite,
}

/// `mantissa * 2^exponent`. See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finite {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

impl Extended {
    /// What an absent key counts as.
    pub const ZERO: Extended =
        Extended::Finite(Finite { negative: false, mantissa: 0, exponent: 0 });

    /// A number as C's `strtold` reads it, of the whole text: decimal or hexadecimal, `inf` and
    /// `infinity` in any case, a `+` allowed. Refused: nothing at all, spaces, not-a-number, and
    /// what is too large or too small for anything but infinity or zero.
    pub fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', unsigned @ ..] => (true, unsigned),
            [b'+', unsigned @ ..] | unsigned => (false, unsigned),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Extended::Infinite);
        }
        let magnitude = match unsigned {
            [b'0', b'x' | b'X', hexadecimal @ ..] => read_hexadecimal(hexadecimal),
            decimal => read_decimal(decimal),
        };
        magnitude.map(|magnitude| Extended::Finite(Finite { negative, ..magnitude }))
    }

    /// The sum; `None` when it is no finite number.
    pub fn plus(self, other: Extended) -> Option<Finite> {
        match (self, other) {
            (Extended::Finite(a), Extended::Finite(b)) => a.plus(b),
            _ => None,
        }
    }
}

impl From<i64> for Finite {
    fn from(n: i64) -> Finite {
        Finite { negative: n < 0, ..Finite::rounded(n.unsigned_abs().into(), 0) }
    }
}

impl Finite {
    /// `wide * 2^exponent` to 64 bits, to nearest, ties to even.
    fn rounded(wide: u128, exponent: i32) -> Finite {
        let bits = (u128::BITS - wide.leading_zeros()) as i32;
        let dropped = bits - 64;
        let (mantissa, exponent) = if wide == 0 {
            (0, 0)
        } else if dropped <= 0 {
            (wide << -dropped, exponent + dropped)
        } else {
            (shift_rounded(wide, dropped as u32), exponent + dropped)
        };
        match u64::try_from(mantissa) {
            Ok(mantissa) => Finite { negative: false, mantissa, exponent },
            // All ones were rounded up to 2^64.
            Err(_) => Finite { negative: false, mantissa: 1 << 63, exponent: exponent + 1 },
        }
    }

    /// The power of two of its leading bit.
    fn top(self) -> i32 {
        self.exponent + 63
    }

    fn plus(self, other: Finite) -> Option<Finite> {
        if self.mantissa == 0 {
            return Some(other);
        }
        if other.mantissa == 0 {
            return Some(self);
        }
        let key = |number: Finite| (number.exponent, number.mantissa);
        let (large, small) = if key(self) >= key(other) { (self, other) } else { (other, self) };
        // 62 more bits: any that the smaller number loses below them only matter as "not zero".
        let apart = large.exponent.abs_diff(small.exponent);
        let wide = u128::from(large.mantissa) << 62;
        let narrow = shift_jammed(u128::from(small.mantissa) << 62, apart);
        let sum = if large.negative == small.negative { wide + narrow } else { wide - narrow };
        let sum = Finite { negative: large.negative, ..Finite::rounded(sum, large.exponent - 62) };
        (sum.mantissa == 0 || sum.top() <= TOP_MAX).then_some(sum)
    }

    /// C's `%.17Lf` without trailing zeros, and no sign before a zero.
    pub fn to_text(self) -> Vec<u8> {
        let mut text = Vec::with_capacity(32);
        if self.exponent >= 0 && self.mantissa != 0 {
            if self.negative {
                text.push(b'-');
            }
            let mut whole = Big::from(self.mantissa);
            whole.shift_left(self.exponent.unsigned_abs());
            whole.write_decimal(&mut text);
            return text;
        }
        let unit = 10u128.pow(DECIMALS);
        // Below 2^64 * 10^17, so below 2^121.
        let scaled = shift_rounded(u128::from(self.mantissa) * unit, self.exponent.unsigned_abs());
        if self.negative && scaled != 0 {
            text.push(b'-');
        }
        let (whole, decimals) = ((scaled / unit) as u64, (scaled % unit) as u64);
        text.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        if decimals != 0 {
            let padded = format!(".{decimals:0width$}", width = DECIMALS as usize);
            text.extend_from_slice(padded.trim_end_matches('0').as_bytes());
        }
        text
    }
}

/// Shifted right, to nearest, ties to even.
fn shift_rounded(wide: u128, by: u32) -> u128 {
    if by == 0 {
        return wide;
    }
    let (Some(kept), Some(half)) = (wide.checked_shr(by).or(Some(0)), 1u128.checked_shl(by - 1))
    else {
        return 0;
    };
    let rest = wide & (half | (half - 1));
    kept + u128::from(rest > half || rest == half && kept & 1 == 1)
}

/// Shifted right; the lowest bit says too whether any bit was lost.
fn shift_jammed(wide: u128, by: u32) -> u128 {
    let kept = wide.checked_shr(by).unwrap_or(0);
    let lost = kept.checked_shl(by).unwrap_or(0) != wide;
    kept | u128::from(lost)
}

fn read_hexadecimal(text: &[u8]) -> Option<Finite> {
    let digits = Digits::read(text, 16, b'p')?;
    if digits.number.is_zero() {
        return Some(Finite::rounded(0, 0));
    }
    let power = digits.exponent.saturating_sub(4 * digits.decimals);
    // Nothing in range has an exponent near this, and sums of 32 bits do not overflow.
    let power = i32::try_from(power.clamp(-1_000_000, 1_000_000)).ok()?;
    let finite = ratio(digits.number, Big::from(1));
    in_range(Finite { exponent: finite.exponent + power, ..finite })
}

fn read_decimal(text: &[u8]) -> Option<Finite> {
    let mut digits = Digits::read(text, 10, b'e')?;
    if digits.number.is_zero() {
        return Some(Finite::rounded(0, 0));
    }
    let power = digits.exponent.saturating_sub(digits.decimals);
    if power >= DECIMAL_RANGE.end || power.saturating_add(digits.significant) < DECIMAL_RANGE.start
    {
        return None;
    }
    let power = i32::try_from(power).ok()?;
    let mut below = Big::from(1);
    let scaled = if power < 0 { &mut below } else { &mut digits.number };
    scaled.multiply_by_ten(power.unsigned_abs());
    in_range(ratio(digits.number, below))
}

fn in_range(finite: Finite) -> Option<Finite> {
    let above_half = (finite.top(), finite.mantissa) > (TOP_HALF, 1 << 63);
    (above_half && finite.top() <= TOP_MAX).then_some(finite)
}

/// A number as written.
struct Digits {
    /// The digits, the point ignored.
    number: Big,
    /// How many digits there are from the first that is not 0.
    significant: i64,
    /// How many digits are after the point.
    decimals: i64,
    /// What is written after the marker.
    exponent: i64,
}

impl Digits {
    fn read(text: &[u8], radix: u32, marker: u8) -> Option<Digits> {
        let (text, exponent) = match text.iter().position(|b| b.eq_ignore_ascii_case(&marker)) {
            Some(at) => (&text[..at], read_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let mut digits = Digits { number: Big::from(0), significant: 0, decimals: 0, exponent };
        // As many digits at once as fit 64 bits.
        let (mut chunk, mut scale) = (0u64, 1u64);
        let (mut any, mut after_point) = (false, false);
        for &byte in text {
            if byte == b'.' && !after_point {
                after_point = true;
                continue;
            }
            let digit = char::from(byte).to_digit(radix)?;
            any = true;
            digits.decimals += i64::from(after_point);
            digits.significant += i64::from(digits.significant > 0 || digit > 0);
            if scale > u64::MAX / 16 / u64::from(radix) {
                digits.number.multiply_add(scale, chunk);
                (chunk, scale) = (0, 1);
            }
            chunk = chunk * u64::from(radix) + u64::from(digit);
            scale *= u64::from(radix);
        }
        digits.number.multiply_add(scale, chunk);
        any.then_some(digits)
    }
}

fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -value } else { value })
}

/// The quotient of two numbers that are not 0, rounded once.
fn ratio(mut above: Big, mut below: Big) -> Finite {
    // What INCRBYFLOAT itself writes, and most that people do, has at most 38 digits, 17 of them
    // after the point. Its quotient has at least 68 bits, so its lowest may stand for the rest.
    if let (Some(wide), Some(d @ 0..BELOW_MAX)) = (above.to_u128(), below.to_u128()) {
        let shift = wide.leading_zeros();
        let wide = wide << shift;
        return Finite::rounded((wide / d) | u128::from(wide % d != 0), -(shift as i32));
    }
    let power = above.bits() as i32 - below.bits() as i32;
    let shorter = if power < 0 { &mut above } else { &mut below };
    shorter.shift_left(power.unsigned_abs());
    // Now it is above a half and below two: 68 bits of it, the first of them whole, and the rest.
    let mut quotient = 0u128;
    for _ in 0..68 {
        quotient = (quotient << 1) | u128::from(above.take(&below));
        above.shift_left(1);
    }
    Finite::rounded((quotient << 1) | u128::from(!above.is_zero()), power - 68)
}
