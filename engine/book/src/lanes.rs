//! Ten short numbers of a cache line, compared with one at a time.
//!
//! Inputs -> outputs: ten numbers and one more -> a bit for each that equals it.
//! Invariants: the kernel and its scalar twin answer the same.
//! Not here: what the numbers are (names.rs).
//!
//! Whoever looks at one number after another guesses at each whether to go on; this guesses
//! nothing.

use wide::{i8x16, i16x16};

/// Numbers that are compared at one time.
pub(crate) const LANES: usize = 10;

/// Which of the numbers equal another, a bit each, the first one lowest.
#[inline(always)]
pub(crate) fn equal(values: &[u16; LANES], wanted: u16) -> u32 {
    // The first eight and the last eight, so that no other bytes of the line are looked at.
    let [a, b, c, d, e, f, g, h, i, j] = values.map(u16::cast_signed);
    let values = i16x16::new([a, b, c, d, e, f, g, h, c, d, e, f, g, h, i, j]);
    let alike = values.simd_eq(i16x16::splat(wanted.cast_signed()));
    let found = i8x16::from_i16x16_saturate(alike).to_bitmask();
    (found & 0xff) | (found >> 8) << 2
}

/// The scalar twin.
#[cfg(test)]
fn equal_scalar(values: &[u16; LANES], wanted: u16) -> u32 {
    values
        .iter()
        .zip(0..)
        .fold(0, |found, (&value, lane)| found | u32::from(value == wanted) << lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers_as_its_twin() {
        let mut dice = 1_u64;
        for _ in 0..100_000 {
            let values: [u16; LANES] = core::array::from_fn(|_| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Few values, so that they repeat; the ends of the range among them.
                ((dice >> 61) as u16).wrapping_sub(2)
            });
            for wanted in [0, 1, 2, 5, u16::MAX, u16::MAX - 1] {
                assert_eq!(equal(&values, wanted), equal_scalar(&values, wanted), "{values:?}");
            }
        }
        assert_eq!(equal(&[7, 1, 7, 2, 3, 4, 5, 7, 0, 7], 7), 0b10_1000_0101);
    }
}
