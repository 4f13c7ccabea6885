//! Few digits that read back as the same double: Grisu2 of Florian Loitsch, "Printing Floating-Point
//! Numbers Quickly and Accurately with Integers", 2010, with the choices that night-shift's fpconv makes,
//! which Redis 7.2 uses: the power of ten, the smaller interval, how the last digit is lowered.
//!
//! Why not the standard library's digits, which are always the fewest and the nearest: four doubles in
//! a thousand get a digit more or another last one from Grisu2, and Redis's texts show it.

use super::powers::Power;

/// Two halfway points are so far apart that 17 digits always tell what lies between.
const DIGITS_MAX: usize = 17;

/// A positive number `0.d₁d₂… × 10^point`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
    /// How many digits stand before the point; negative for zeros behind it.
    pub point: i32,
}

/// Of a double that is finite and not zero, without its sign.
pub fn digits(value: f64) -> Decimal {
    let interval = Interval::around(value);
    // The smallest power that leaves 60 bits behind the point at the most; log10(2) in 18 bits.
    let decimal = ((-61 - interval.exponent) * 78_913 + (1 << 18) - 1) >> 18;
    let power = Power::at_least(decimal);
    interval.times(&power).cut(-power.decimal)
}

impl Decimal {
    /// ASCII digits, the first of them not zero.
    pub fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn push(&mut self, digit: u8) {
        if self.len > 0 || digit > 0 {
            self.digits[self.len] = b'0' + digit;
            self.len += 1;
        }
    }

    /// With its last digit worth `10^exponent`.
    fn ending_at(mut self, exponent: i32) -> Decimal {
        self.point = exponent + self.len as i32;
        self
    }
}

/// What rounds to a double, as multiples of `2^exponent`.
struct Interval {
    lower: u64,
    value: u64,
    upper: u64,
    exponent: i32,
}

impl Interval {
    /// To the points halfway to both neighbours; the top bit of `upper` is set.
    fn around(value: f64) -> Interval {
        const HIDDEN: u64 = 1 << 52;
        let bits = value.to_bits();
        let fraction = bits & (HIDDEN - 1);
        let (significand, exponent) = match (bits >> 52 & 0x7ff) as i32 {
            0 => (fraction, -1074),
            biased => (fraction | HIDDEN, biased - 1075),
        };
        let upper = 2 * significand + 1;
        let shift = upper.leading_zeros();
        // Below a power of two doubles lie closer. (Not below the smallest normal one; Redis takes
        // it for one of them.)
        let lower = match significand {
            HIDDEN => (4 * significand - 1) << (shift - 1),
            _ => (2 * significand - 1) << shift,
        };
        Interval {
            lower,
            value: (2 * significand) << shift,
            upper: upper << shift,
            exponent: exponent - 1 - shift as i32,
        }
    }

    /// The product, an ulp smaller on both sides: that much the rounding of a product may be off.
    fn times(&self, power: &Power) -> Interval {
        let product = |factor: u64| {
            let exact = u128::from(factor) * u128::from(power.significand);
            ((exact + (1 << 63)) >> 64) as u64
        };
        Interval {
            lower: product(self.lower) + 1,
            value: product(self.value),
            upper: product(self.upper) - 1,
            exponent: self.exponent + power.exponent + 64,
        }
    }

    /// Takes digits of `upper` until what is left of it lies inside the interval.
    fn cut(&self, decimal: i32) -> Decimal {
        let behind = -self.exponent;
        assert!((32..=60).contains(&behind), "the power was chosen for this");
        let mut digits = Decimal { digits: [0; DIGITS_MAX], len: 0, point: 0 };
        let mut gap = Gap { width: self.upper - self.lower, wanted: self.upper - self.value };
        let mut whole = (self.upper >> behind) as u32;
        let mut part = self.upper & ((1 << behind) - 1);

        // `whole` has ten digits at the most.
        let (mut unit, mut left) = (1_000_000_000, 9);
        while unit > 0 {
            digits.push((whole / unit) as u8);
            whole %= unit;
            let rest = (u64::from(whole) << behind) + part;
            if rest <= gap.width {
                gap.approach(&mut digits, rest, u64::from(unit) << behind);
                return digits.ending_at(decimal + left);
            }
            unit /= 10;
            left -= 1;
        }
        loop {
            part *= 10;
            gap = Gap { width: gap.width * 10, wanted: gap.wanted * 10 };
            digits.push((part >> behind) as u8);
            part &= (1 << behind) - 1;
            if part < gap.width {
                gap.approach(&mut digits, part, 1 << behind);
                return digits.ending_at(decimal + left);
            }
            left -= 1;
        }
    }
}

/// Distances down from the upper end of an interval: to its lower end, and to the double itself.
struct Gap {
    width: u64,
    wanted: u64,
}

impl Gap {
    /// Lowers the last digit, worth `unit`, while that comes nearer to the double and stays inside.
    /// The digits are `rest` below the upper end.
    fn approach(&self, digits: &mut Decimal, mut rest: u64, unit: u64) {
        let Gap { width, wanted } = *self;
        while rest < wanted
            && width - rest >= unit
            && (rest + unit < wanted || wanted - rest > rest + unit - wanted)
        {
            digits.digits[digits.len - 1] -= 1;
            rest += unit;
        }
    }
}
