//! Eight numbers of a cache line's half, compared with one at a time.
//!
//! Inputs -> outputs: eight numbers and one more -> a bit for each that equals it.
//! Invariants: the kernel and its scalar twin answer the same.
//! Not here: what the numbers are (names.rs).
//!
//! Whoever looks at one number after another guesses at each whether to go on; this guesses
//! nothing.

use wide::u32x4;

/// Which of the numbers equal another, a bit each, the first one lowest.
#[inline]
pub(crate) fn equal(values: &[u32; 8], wanted: u32) -> u32 {
    // Two halves: a vector of four is what every x86-64 has.
    let &[a, b, c, d, e, f, g, h] = values;
    let all = u32x4::splat(wanted);
    let low = u32x4::new([a, b, c, d]).simd_eq(all).to_bitmask();
    let high = u32x4::new([e, f, g, h]).simd_eq(all).to_bitmask();
    low | high << 4
}

/// The scalar twin.
#[cfg(test)]
fn equal_scalar(values: &[u32; 8], wanted: u32) -> u32 {
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
            let values: [u32; 8] = core::array::from_fn(|_| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Few values, so that they repeat; the ends of the range among them.
                ((dice >> 61) as u32).wrapping_sub(2)
            });
            for wanted in [0, 1, 2, 5, u32::MAX, u32::MAX - 1] {
                assert_eq!(equal(&values, wanted), equal_scalar(&values, wanted), "{values:?}");
            }
        }
        assert_eq!(equal(&[7, 1, 7, 2, 3, 4, 5, 7], 7), 0b1000_0101);
    }
}
