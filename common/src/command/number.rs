//! Numbers as Redis reads them from requests and values: only the one spelling that writing the
//! integer gives, and what C's `strtod` takes for floating point, spaces excluded.

/// An integer in its canonical spelling: no `+`, no leading zero, no `-0`, no space, in 64 bits.
/// The rules are those of Redis's `string2ll`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= I64_DIGITS_MAX => {}
        _ => return None,
    }
    // 19 digits stay below 2^64.
    let mut value = 0u64;
    let (eights, rest) = digits.as_chunks();
    for eight in eights {
        value = value * 100_000_000 + parse_eight(*eight)?;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Eight digits at once: neighbours are added up to numbers of two, of four, of eight digits.
#[inline]
fn parse_eight(digits: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(digits);
    // Only of 0x30..=0x39 is the upper half 3, and still 3 with 6 added.
    const UPPER: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const THREES: u64 = 0x3030_3030_3030_3030;
    let plus_six = word.wrapping_add(0x0606_0606_0606_0606);
    if word & UPPER != THREES || plus_six & UPPER != THREES {
        return None;
    }
    let ones = word & 0x0f0f_0f0f_0f0f_0f0f;
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// The digits of `i64::MIN` and `i64::MAX`.
const I64_DIGITS_MAX: usize = 19;

/// A floating point number as `strtod` reads it, of the whole text: decimal or hexadecimal, with
/// `inf` and `infinity` in any case, a `+` allowed. Refused: nothing at all, spaces, not-a-number,
/// and a text whose value is too large or too small for anything but infinity or zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = parse_hex(hex.as_bytes())?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().ok()?;
    let is_word = unsigned.starts_with(['i', 'I']);
    let overflows = value.is_infinite() && !is_word;
    let underflows = value == 0.0 && has_digit_above_zero(unsigned);
    (!value.is_nan() && !overflows && !underflows).then_some(value)
}

fn has_digit_above_zero(decimal: &str) -> bool {
    decimal.bytes().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| matches!(b, b'1'..=b'9'))
}

/// What follows `0x`: hexadecimal digits with an optional point, and an optional `p` exponent of
/// two in decimal. Rounded to nearest, ties to even.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let mut mantissa = 0u64;
    let mut exponent = 0i64;
    let (mut digits, mut after_point, mut at) = (0, false, 0);
    while let Some(&byte) = text.get(at) {
        let Some(digit) = (byte as char).to_digit(16) else {
            if byte != b'.' || after_point {
                break;
            }
            (after_point, at) = (true, at + 1);
            continue;
        };
        if mantissa >> 58 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            exponent -= i64::from(after_point) * 4;
        } else {
            // Past 58 bits only whether something follows matters for rounding.
            mantissa |= u64::from(digit != 0);
            exponent += i64::from(!after_point) * 4;
        }
        (digits, at) = (digits + 1, at + 1);
    }
    if digits == 0 {
        return None;
    }
    exponent = exponent.saturating_add(parse_exponent(&text[at..])?);
    if mantissa == 0 { Some(0.0) } else { scale(mantissa, exponent) }
}

/// Nothing, or `p` with a decimal exponent.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let text = match text {
        [] => return Some(0),
        [b'p' | b'P', text @ ..] => text,
        _ => return None,
    };
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

/// `mantissa * 2^exponent`, if it is neither too large nor rounds to zero. The mantissa is not 0.
fn scale(mantissa: u64, exponent: i64) -> Option<f64> {
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    // The value is 1.xxx * 2^top, the leading bit of the mantissa being its 1.
    let top = exponent.saturating_sub(i64::from(shift)).saturating_add(63);
    if !(-1100..=1023).contains(&top) {
        return None;
    }
    // A normal number keeps 53 bits; below 2^-1022 one less each step.
    let kept = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    let dropped = u32::try_from(64 - kept).ok()?;
    if dropped > 64 {
        return None;
    }
    let wide = u128::from(mantissa);
    let (mut bits, rest) = (wide >> dropped, wide & ((1 << dropped) - 1));
    let half = 1u128 << (dropped - 1);
    if rest > half || rest == half && bits & 1 == 1 {
        bits += 1;
    }
    if bits == 0 {
        return None;
    }
    // A carry out of the mantissa raises the exponent by itself.
    let biased = if top >= -1022 { u128::try_from(top + 1022).ok()? << 52 } else { 0 };
    let value = f64::from_bits(u64::try_from(biased + bits).ok()?);
    value.is_finite().then_some(value)
}

/// Appends an integer in decimal.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_have_one_spelling() {
        let good = [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MIN + 1];
        for value in good {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
        let bad = [
            "",
            "-",
            "+",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x1",
            "a",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "1_000",
            "99999999999999999999",
            "\0",
            "1\0",
            "１",
        ];
        for text in bad {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn floats_are_what_strtod_reads() {
        let good: [(&str, f64); 22] = [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1.5", -1.5),
            ("007", 7.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("inf", f64::INFINITY),
            ("+Inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("0", 0.0),
            ("0e-999999", 0.0),
            ("0x10", 16.0),
            ("-0x1.8p1", -3.0),
            ("0X.8p-1", 0.25),
            ("0x1P+4", 16.0),
            ("0x0p-99999", 0.0),
            ("4.9e-324", 5e-324),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1.00000000000008p0", 1.0),
        ];
        for (text, value) in good {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        let bad = [
            "",
            " 1",
            "1 ",
            "nan",
            "-nan",
            "1e",
            "e1",
            ".",
            "+",
            "--1",
            "1,5",
            "1e400",
            "1e-400",
            "-1e999",
            "0x",
            "0x.",
            "0x1p",
            "0x1p+",
            "0xg",
            "0x1p1024",
            "0x1p1040",
            "0x7p1039",
            "0x1.fffffffffffff8p1023",
            "0x1p-1076",
            "1_0",
            "infin",
            "1\0",
            "nan(1)",
            "0x1.8.1",
        ];
        for text in bad {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_is_read_back(value: i64) {
            let mut text = Vec::new();
            write_i64(&mut text, value);
            prop_assert_eq!(parse_i64(&text), Some(value));
        }

        #[test]
        fn a_text_is_read_only_if_it_is_canonical(text in "[-+0-9 ]{0,20}") {
            let canonical = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
        }

        #[test]
        fn every_finite_number_is_read_back_from_hexadecimal(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let (mantissa, exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i64);
            let (lead, power) =
                if exponent == 0 { (0, -1022) } else { (1, exponent - 1023) };
            let sign = if value.is_sign_negative() { "-" } else { "" };
            let text = format!("{sign}0x{lead}.{mantissa:013x}p{power}");
            prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(bits));
        }
    }
}
