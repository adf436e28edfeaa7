//! Large pieces of memory on huge pages, where there are any, and each at an offset of its own.
//!
//! Inputs -> outputs: layouts of [`LARGE`] bytes and more in, zeroed memory out; back it goes by
//! the same layout.
//! Invariants: a piece lies in a mapping of its own, which begins at a multiple of [`PAGE`] and
//! whose length follows from the layout: so it can be given back without a table.
//! Limits: a piece costs up to two huge pages of addresses more than it has bytes; what is never
//! touched is never there. Where the kernel has no huge pages, small ones serve.
//! Not here: who asks (hot_alloc.rs).
//!
//! Why: a book of a million orders misses the translation of nearly every address that it touches
//! on pages of 4 KiB. And why the offsets: arrays that all begin at the same place of a huge page
//! want the same few sets of the caches.

use std::alloc::Layout;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A huge page (bytes).
const PAGE: usize = 2 << 20;

/// From this size on (bytes).
pub(crate) const LARGE: usize = 2 * PAGE;

/// Offsets that differ, and by how much: an odd number of cache lines (bytes).
const OFFSETS: usize = 64;
const OFFSET_STEP: usize = 129 * 64;

const _: () = assert!(OFFSETS * OFFSET_STEP < PAGE);

/// Offsets that were given.
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// True of what is served here. A layout decides for good: it comes back with the memory.
#[inline]
pub(crate) fn serves(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= 64
}

/// Zeroed memory, or null if there is none.
pub(crate) fn take(layout: Layout) -> *mut u8 {
    let Some(bytes) = mapped(layout) else { return std::ptr::null_mut() };
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: an anonymous mapping at an address that the kernel chooses touches nobody's memory.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes + PAGE, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return std::ptr::null_mut();
    }
    let at = at.cast::<u8>();
    let before = at.align_offset(PAGE);
    let begin = at.wrapping_add(before);
    release(at, before);
    release(begin.wrapping_add(bytes), PAGE - before);
    // SAFETY: the range is the mapping made above; the call is advice, and changes no contents.
    unsafe { libc::madvise(begin.cast(), bytes, libc::MADV_HUGEPAGE) };
    begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed) % OFFSETS * OFFSET_STEP)
}

/// Gives memory back.
///
/// # Safety
/// It came from [`take`] with this layout, and nobody uses it any more.
pub(crate) unsafe fn give(at: *mut u8, layout: Layout) {
    let begin = at.wrapping_sub(at.addr() % PAGE);
    // What was taken has a length.
    release(begin, mapped(layout).unwrap_or(0));
}

/// Bytes of a layout's mapping, if there can be one.
fn mapped(layout: Layout) -> Option<usize> {
    (layout.size() + OFFSETS * OFFSET_STEP).checked_next_multiple_of(PAGE)
}

/// Unmaps whole pages of ours that nobody uses.
fn release(at: *mut u8, bytes: usize) {
    if bytes > 0 {
        // SAFETY: callers name pages of a mapping made by `take`, which holds nothing of anybody.
        unsafe { libc::munmap(at.cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 64).expect("a layout")
    }

    #[test]
    fn pieces_are_zeroed_apart_and_at_offsets_of_their_own() {
        let sizes = [LARGE, LARGE + 1, 3 * LARGE - 64, 5 * LARGE];
        let pieces: Vec<_> = sizes.map(|bytes| (take(layout(bytes)), bytes)).into();
        for &(at, bytes) in &pieces {
            assert!(!at.is_null() && at.addr() % 64 == 0);
            // SAFETY: the piece has so many bytes, and nobody else knows it.
            let bytes = unsafe { std::slice::from_raw_parts_mut(at, bytes) };
            assert!(bytes.iter().all(|&byte| byte == 0));
            bytes.fill(0xA5);
        }
        let mut offsets: Vec<usize> = pieces.iter().map(|(at, _)| at.addr() % PAGE).collect();
        offsets.sort_unstable();
        offsets.dedup();
        assert_eq!(offsets.len(), sizes.len());
        for (at, bytes) in pieces {
            // SAFETY: each goes back once, by its own layout.
            unsafe { give(at, layout(bytes)) };
        }
    }

    #[test]
    fn what_goes_back_is_mapped_no_more() {
        // Pages of addresses that the process has.
        let mapped = || {
            let statm = std::fs::read_to_string("/proc/self/statm").expect("there is one");
            statm.split(' ').next().and_then(|pages| pages.parse::<usize>().ok()).expect("a number")
        };
        let before = mapped();
        for _ in 0..200 {
            let at = take(layout(64 * PAGE));
            assert!(!at.is_null());
            // SAFETY: it goes back once, by its layout.
            unsafe { give(at, layout(64 * PAGE)) };
        }
        assert!(mapped() < before + 8 * 64 * PAGE / 4_096);
    }

    #[test]
    fn small_and_strange_layouts_are_not_served() {
        assert!(!serves(layout(LARGE - 1)) && serves(layout(LARGE)));
        assert!(!serves(Layout::from_size_align(LARGE, 128).expect("a layout")));
    }
}
