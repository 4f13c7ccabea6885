//! Natural numbers of any size, with just the operations that reading and writing an
//! [`Extended`](super::extended::Extended) needs.
//!
//! Invariant: the highest digit is not 0.

use smallvec::SmallVec;

/// A natural number of any size: 64-bit digits, the lowest first, the highest not 0.
pub struct Big(SmallVec<[u64; 4]>);

impl Big {
    /// A small one.
    pub fn from(value: u64) -> Big {
        Big([value].into_iter().filter(|value| *value != 0).collect())
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// It, if it has at most 128 bits.
    pub fn to_u128(&self) -> Option<u128> {
        match self.0[..] {
            [] => Some(0),
            [low] => Some(low.into()),
            [low, high] => Some((u128::from(high) << 64) | u128::from(low)),
            _ => None,
        }
    }

    /// How many bits it has.
    pub fn bits(&self) -> u32 {
        let unused = self.0.last().map_or(0, |last| last.leading_zeros());
        self.0.len() as u32 * u64::BITS - unused
    }

    /// `self * by + add`.
    pub fn multiply_add(&mut self, by: u64, add: u64) {
        let mut carry = add;
        for digit in &mut self.0 {
            let wide = u128::from(*digit) * u128::from(by) + u128::from(carry);
            (*digit, carry) = (wide as u64, (wide >> 64) as u64);
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    /// So many times.
    pub fn multiply_by_ten(&mut self, times: u32) {
        const MOST: u32 = 19;
        for _ in 0..times / MOST {
            self.multiply_add(10u64.pow(MOST), 0);
        }
        self.multiply_add(10u64.pow(times % MOST), 0);
    }

    /// `self * 2^by`.
    pub fn shift_left(&mut self, by: u32) {
        self.multiply_add(1 << (by % u64::BITS), 0);
        if !self.is_zero() {
            self.0.insert_many(0, std::iter::repeat_n(0, (by / u64::BITS) as usize));
        }
    }

    /// Subtracts the other if it can; returns whether it did.
    pub fn take(&mut self, other: &Big) -> bool {
        let key = |number: &Big| number.0.len();
        let order = key(self).cmp(&key(other));
        if order.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())).is_lt() {
            return false;
        }
        let mut borrow = false;
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        for (digit, other) in self.0.iter_mut().zip(others) {
            let (difference, under) = digit.overflowing_sub(other);
            let (difference, under_too) = difference.overflowing_sub(u64::from(borrow));
            (*digit, borrow) = (difference, under || under_too);
        }
        self.trim();
        true
    }

    /// Appends its decimal digits.
    pub fn write_decimal(mut self, text: &mut Vec<u8>) {
        const CHUNK: u64 = 10u64.pow(19);
        let mut chunks = Vec::new();
        while !self.is_zero() {
            let mut rest = 0u64;
            for digit in self.0.iter_mut().rev() {
                let wide = (u128::from(rest) << 64) | u128::from(*digit);
                *digit = (wide / u128::from(CHUNK)) as u64;
                rest = (wide % u128::from(CHUNK)) as u64;
            }
            chunks.push(rest);
            self.trim();
        }
        let first = chunks.pop().unwrap_or(0);
        text.extend_from_slice(itoa::Buffer::new().format(first).as_bytes());
        for chunk in chunks.into_iter().rev() {
            text.extend_from_slice(format!("{chunk:019}").as_bytes());
        }
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}
