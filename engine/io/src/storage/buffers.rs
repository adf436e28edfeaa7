//! The store's write buffers: one mapping, cut into equal, page-aligned pieces.
//!
//! Inputs -> outputs: a count and a size in; addresses for the kernel, slices for the journal out.
//! Invariants: a buffer in flight is lent to nobody; the mapping outlives every write from it, or
//! is never returned (see [`Buffers::leak`]).
//! Limits: fixed when made.
//! Not here: who decides that a write is over.

use gavel_contract::BufferId;
use std::io;
use std::ptr::NonNull;

/// What O_DIRECT asks of addresses, lengths and offsets, everywhere that we know.
pub(super) const ALIGNMENT_BYTES: usize = 4096;

pub(super) struct Buffers {
    base: NonNull<u8>,
    buffer_bytes: usize,
    in_flight: Box<[bool]>,
    leaked: bool,
}

// SAFETY: the mapping is owned by this value alone; the raw pointer is only a name for it.
unsafe impl Send for Buffers {}

impl Buffers {
    /// Maps `count` zeroed buffers and touches every page.
    pub(super) fn new(count: usize, buffer_bytes: usize) -> io::Result<Self> {
        assert!(count > 0, "a store has at least one buffer");
        assert!(
            buffer_bytes > 0 && buffer_bytes.is_multiple_of(ALIGNMENT_BYTES),
            "a buffer is a multiple of 4,096 bytes"
        );
        let bytes = count.checked_mul(buffer_bytes).expect("the buffers fit in the address space");
        // SAFETY: a fresh anonymous mapping; no existing memory is named.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).expect("a mapping is not at address zero");
        Ok(Self { base, buffer_bytes, in_flight: vec![false; count].into(), leaked: false })
    }

    pub(super) fn count(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// The buffer's first byte, for the kernel.
    pub(super) fn address(&self, id: BufferId) -> NonNull<u8> {
        assert!(id.0 < self.count(), "a buffer's number is below the count");
        // SAFETY: the offset is below the mapping's length (asserted above).
        unsafe { self.base.add(id.0 * self.buffer_bytes) }
    }

    /// The buffer's bytes, for the journal.
    pub(super) fn bytes(&mut self, id: BufferId) -> &mut [u8] {
        assert!(!self.in_flight[id.0], "a buffer in flight is not touched");
        let address = self.address(id);
        // SAFETY: the piece lies in the mapping; it is not in flight, so neither the kernel nor
        // another piece's borrow overlaps it; `&mut self` keeps it exclusive.
        unsafe { std::slice::from_raw_parts_mut(address.as_ptr(), self.buffer_bytes) }
    }

    pub(super) fn take_off(&mut self, id: BufferId) {
        assert!(!self.in_flight[id.0], "a buffer is in flight once");
        self.in_flight[id.0] = true;
    }

    pub(super) fn land(&mut self, id: BufferId) {
        assert!(self.in_flight[id.0], "only a buffer in flight lands");
        self.in_flight[id.0] = false;
    }

    pub(super) fn any_in_flight(&self) -> bool {
        self.in_flight.iter().any(|&flying| flying)
    }

    /// Gives the mapping up without unmapping: something may still read it.
    pub(super) fn leak(&mut self) {
        self.leaked = true;
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if self.leaked {
            return;
        }
        let bytes = self.count() * self.buffer_bytes;
        // SAFETY: our own mapping, whole, and no borrow of it outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_apart() {
        let mut buffers = Buffers::new(3, 8192).unwrap();
        for id in 0..3 {
            assert_eq!(buffers.address(BufferId(id)).as_ptr() as usize % ALIGNMENT_BYTES, 0);
            buffers.bytes(BufferId(id)).fill(id as u8 + 1);
        }
        for id in 0..3 {
            assert!(buffers.bytes(BufferId(id)).iter().all(|&b| b == id as u8 + 1));
        }
    }

    #[test]
    #[should_panic(expected = "in flight is not touched")]
    fn a_buffer_in_flight_is_not_lent() {
        let mut buffers = Buffers::new(1, 4096).unwrap();
        buffers.take_off(BufferId(0));
        buffers.bytes(BufferId(0));
    }
}
