//! Powers of ten to 64 bits, every eighth of those that a double can need.
//!
//! Why every eighth: one step is 2^26.6, and the digits come out of any product whose binary point lies
//! within 28 bits, so one of these always fits. The compiler computes them, exactly.

/// A factor `significand × 2^exponent`, whose top bit is set, for `10^decimal`.
#[derive(Clone, Copy, Debug)]
pub struct Power {
    /// Rounded to nearest.
    pub significand: u64,
    /// Of the significand's last bit.
    pub exponent: i32,
    /// The exponent of ten.
    pub decimal: i32,
}

/// The decimal exponent of the first one.
const FIRST: i32 = -348;
/// From one to the next.
const STEP: i32 = 8;
/// The last one is 10^340.
const COUNT: usize = 87;
/// Where the exponents turn positive: 10^4.
const MIDDLE: usize = 44;

const SIGNIFICANDS: [u64; COUNT] = significands();

impl Power {
    /// The smallest power that is at least `10^decimal`, for -348 to 340.
    pub fn at_least(decimal: i32) -> Power {
        let index = (decimal - FIRST + STEP - 1) / STEP;
        let decimal = FIRST + index * STEP;
        // The factor is log2(10) in 16 bits: exact after flooring, for all of these.
        let log2 = (decimal * 217_706) >> 16;
        Power { significand: SIGNIFICANDS[index as usize], exponent: log2 - 63, decimal }
    }
}

/// A natural number, its lowest part first: 5^348 has 809 bits.
type Wide = [u64; 16];

/// 10^k has the significand of 5^k.
const fn significands() -> [u64; COUNT] {
    const FIVE_4: u64 = 625;
    const FIVE_8: u64 = FIVE_4 * FIVE_4;
    let mut table = [0; COUNT];

    let mut power = [0; _];
    power[0] = FIVE_4;
    let mut index = MIDDLE;
    while index < COUNT {
        table[index] = leading(&power);
        power = multiplied(power, FIVE_8);
        index += 1;
    }

    // 2^960 over 5^-k. Rounding down again and again is rounding down once, and leaves 151 bits.
    let mut inverse: Wide = [0; _];
    inverse[inverse.len() - 1] = 1;
    inverse = divided(inverse, FIVE_4);
    while index > 0 {
        index -= 1;
        if index < MIDDLE {
            table[index] = leading(&inverse);
            inverse = divided(inverse, FIVE_8);
        }
    }
    table
}

const fn multiplied(mut number: Wide, by: u64) -> Wide {
    let mut carry = 0;
    let mut at = 0;
    while at < number.len() {
        let product = number[at] as u128 * by as u128 + carry;
        number[at] = product as u64;
        carry = product >> 64;
        at += 1;
    }
    assert!(carry == 0, "every power fits");
    number
}

const fn divided(mut number: Wide, by: u64) -> Wide {
    let mut rest = 0;
    let mut at = number.len();
    while at > 0 {
        at -= 1;
        let part = (rest << 64) | number[at] as u128;
        number[at] = (part / by as u128) as u64;
        rest = part % by as u128;
    }
    number
}

/// The first 64 bits, rounded to nearest. None is all ones, and none lies halfway.
const fn leading(number: &Wide) -> u64 {
    let mut top = number.len() - 1;
    while number[top] == 0 {
        top -= 1;
    }
    let below = if top > 0 { number[top - 1] } else { 0 };
    let bits = ((number[top] as u128) << 64 | below as u128) << number[top].leading_zeros();
    (bits >> 64) as u64 + (bits >> 63 & 1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_that_grisu_is_published_with() {
        let published = [
            (-348, 0xfa8f_d5a0_081c_0288, -1220),
            (-340, 0xbaae_e17f_a23e_bf76, -1193),
            (-332, 0x8b16_fb20_3055_ac76, -1166),
            (-4, 0xd1b7_1758_e219_652c, -77),
            (4, 0x9c40_0000_0000_0000, -50),
            (12, 0xe8d4_a510_0000_0000, -24),
            (28, 0x813f_3978_f894_0984, 30),
            (332, 0xeb96_bf6e_badf_77d9, 1039),
            (340, 0xaf87_023b_9bf0_ee6b, 1066),
        ];
        for (decimal, significand, exponent) in published {
            let power = Power::at_least(decimal);
            assert_eq!(
                (power.decimal, power.significand, power.exponent),
                (decimal, significand, exponent)
            );
        }
        assert_eq!(Power::at_least(-3).decimal, 4);
    }

    #[test]
    fn a_power_is_its_neighbour_times_ten_to_the_eighth() {
        for decimal in (FIRST..340).step_by(STEP as usize) {
            let (small, large) = (Power::at_least(decimal), Power::at_least(decimal + STEP));
            let product = u128::from(small.significand) * 100_000_000;
            let shift = large.exponent - small.exponent;
            let distance = (product >> shift).abs_diff(u128::from(large.significand));
            assert!(distance <= 2, "10^{decimal}: {distance} apart");
        }
    }
}
