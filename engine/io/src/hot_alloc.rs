//! Proof that hot threads allocate nothing: a global allocator that watches threads marked hot.
//!
//! Inputs -> outputs: the binary or test says `#[global_allocator] static GUARD: HotGuard =
//! HotGuard;`, hot threads call [`mark_hot`] after their init; every allocation or free on them is
//! counted from then on, and aborts the process if [`set_mode`] says so.
//! Invariants: unmarked threads are served by the system's allocator, or for large pieces by
//! huge.rs, with one thread-local load on top; the guard itself allocates nothing.
//! Limits: sees Rust's allocator only, not C's.
//! Not here: who is hot (the tile runner knows).

use crate::huge;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

thread_local! {
    // Const and without a destructor: the access never allocates.
    static HOT: Cell<bool> = const { Cell::new(false) };
}

static ABORTS: AtomicBool = AtomicBool::new(false);
static COUNTED: AtomicU64 = AtomicU64::new(0);

/// What happens when a hot thread allocates or frees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotMode {
    /// It is counted.
    Count,
    /// It is counted, and the process aborts with a message.
    Abort,
}

/// Says what happens from now on, on all threads. At first it is [`HotMode::Count`].
pub fn set_mode(mode: HotMode) {
    ABORTS.store(mode == HotMode::Abort, Ordering::Relaxed);
}

/// Marks the calling thread hot, for good or until [`mark_cold`].
pub fn mark_hot() {
    HOT.with(|hot| hot.set(true));
}

/// Takes the mark off: a tile that ends may free what it owns.
pub fn mark_cold() {
    HOT.with(|hot| hot.set(false));
}

/// Allocations and frees on hot threads since the start. Always 0 where [`HotGuard`] is not the
/// global allocator.
#[must_use]
pub fn counted() -> u64 {
    COUNTED.load(Ordering::Relaxed)
}

/// The system's allocator, watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct HotGuard;

impl HotGuard {
    #[inline]
    fn look(what: &'static str) {
        // A thread that is being torn down has no thread-locals left; it is not hot any more.
        // And one that panics is to say why, which takes memory.
        if HOT.try_with(Cell::get).unwrap_or(false) && !std::thread::panicking() {
            caught(what);
        }
    }
}

#[cold]
fn caught(what: &'static str) {
    COUNTED.fetch_add(1, Ordering::Relaxed);
    if !ABORTS.load(Ordering::Relaxed) {
        return;
    }
    for piece in ["gavel: a hot thread ", what, "s memory after its init; this is a bug: abort\n"] {
        // SAFETY: the kernel reads the bytes named, which are static. (Formatting would allocate.)
        unsafe { libc::write(libc::STDERR_FILENO, piece.as_ptr().cast(), piece.len()) };
    }
    std::process::abort();
}

// SAFETY: a layout decides who serves it, for good: `huge` the large ones, `System` all others,
// each keeping the contract; `look` neither allocates nor unwinds.
unsafe impl GlobalAlloc for HotGuard {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::look("allocate");
        if huge::serves(layout) {
            return huge::take(layout);
        }
        // SAFETY: the caller keeps `alloc`'s contract, and this is it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::look("allocate");
        if huge::serves(layout) {
            return huge::take(layout);
        }
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, and this is it.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::look("free");
        if huge::serves(layout) {
            // SAFETY: the caller keeps `dealloc`'s contract; its layout came from there.
            return unsafe { huge::give(at, layout) };
        }
        // SAFETY: the caller keeps `dealloc`'s contract, and this is it; `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::look("reallocate");
        // SAFETY: the caller says that the new size makes a layout with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if huge::serves(layout) || huge::serves(new) {
            // SAFETY: the caller keeps `realloc`'s contract.
            return unsafe { self.moved(at, layout, new) };
        }
        // SAFETY: the caller keeps `realloc`'s contract, and this is it; `at` came from `System`.
        unsafe { System.realloc(at, layout, new_size) }
    }
}

impl HotGuard {
    /// The same bytes in another place.
    ///
    /// # Safety
    /// As [`GlobalAlloc::realloc`] says; `new` is the layout afterwards.
    unsafe fn moved(&self, at: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        // SAFETY: the caller says that the new layout is not empty.
        let to = unsafe { self.alloc(new) };
        if !to.is_null() {
            // SAFETY: both have so many bytes, and the new ones are nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(at, to, old.size().min(new.size())) };
            // SAFETY: `at` came with this layout, and is used no more.
            unsafe { self.dealloc(at, old) };
        }
        to
    }
}
