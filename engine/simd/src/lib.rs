//! What a processor can do that safe Rust has no word for: so far, to fetch memory ahead.
//!
//! Inputs -> outputs: a place in a slice -> nothing; its cache line is on its way.
//! Invariants: nothing changes that a program could see but its time.
//! Limits: a line that is asked for may be gone again before it is used; a processor has some ten
//! such requests under way and lets the next wait.
//! Not here: comparing several numbers at one time (crate `wide`, which needs no unsafe of ours).
#![no_std]
#![allow(clippy::inline_always, reason = "each is one instruction")]

/// What a processor fetches at a time.
const LINE_BYTES: usize = 64;

/// Asks for the cache line in which an element begins. Unlike a load it does not hold up what comes
/// after it. Beyond the end of the slice nothing useful happens, and nothing bad.
#[inline(always)]
pub fn prefetch<T>(items: &[T], at: usize) {
    prefetch_line(items.as_ptr().wrapping_add(at).cast());
}

#[inline(always)]
fn prefetch_line(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: PREFETCHh is a hint: it neither faults nor reads for the program, whatever the
        // address is (AMD64 manual, volume 3); every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// The same of all lines of an element, wherever in a line it begins.
#[inline(always)]
pub fn prefetch_whole<T>(items: &[T], at: usize) {
    let begins = items.as_ptr().wrapping_add(at).cast::<u8>();
    for line in (0..size_of::<T>()).step_by(LINE_BYTES) {
        prefetch_line(begins.wrapping_add(line));
    }
    prefetch_line(begins.wrapping_add(size_of::<T>().saturating_sub(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_may_be_asked_for_and_nothing_changes() {
        let items = [[1_u64; 8]; 4];
        for at in [0, 3, 4, 1 << 40, usize::MAX / 64, usize::MAX] {
            prefetch(&items, at);
            prefetch_whole(&items, at);
        }
        prefetch::<u8>(&[], 0);
        assert_eq!(items, [[1; 8]; 4]);
    }
}
