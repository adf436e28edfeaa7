//! The journal's port to a simulated disk.
//!
//! Inputs -> outputs: what [`LogStore`] says; every call counts towards a crash.
//! Invariants: a process that is dead changes nothing, and is told nothing.
//! Not here: what the disk does (gavel-journal's memory), and when (disk.rs).

use crate::crash::CrashPoint;
use gavel_contract::{BufferId, LogDone, LogStore, LogWrite, SegmentNo};
use gavel_journal::memory::MemoryStore;
use std::cell::Cell;
use std::rc::Rc;

/// Operations of a disk: on their way, and done without its process having been told. Whether there
/// is one is asked far more often than there is.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) pending: Cell<usize>,
    pub(super) done: Cell<usize>,
}

impl Traffic {
    fn begin(&self) {
        self.pending.set(self.pending.get() + 1);
    }

    /// One of them is done.
    pub(super) fn complete(&self) {
        self.pending.set(self.pending.get() - 1);
        self.done.set(self.done.get() + 1);
    }
}

/// The journal's store, deaf once the process is dead.
pub(super) struct Store {
    pub(super) inner: MemoryStore,
    pub(super) traffic: Rc<Traffic>,
    pub(super) crash: CrashPoint,
    /// A planted bug: a write that failed is taken for one that was done later.
    pub(super) retries: bool,
}

impl LogStore for Store {
    fn buffer_bytes(&self) -> usize {
        self.inner.buffer_bytes()
    }

    fn buffers(&self) -> usize {
        self.inner.buffers()
    }

    fn segment_bytes(&self) -> u64 {
        self.inner.segment_bytes()
    }

    fn buffer(&mut self, id: BufferId) -> &mut [u8] {
        self.inner.buffer(id)
    }

    fn submit(&mut self, write: LogWrite) {
        if self.crash.call() {
            self.traffic.begin();
            self.inner.submit(write);
        }
    }

    fn prepare(&mut self, segment: SegmentNo, free_below: SegmentNo) {
        if self.crash.call() {
            self.traffic.begin();
            self.inner.prepare(segment, free_below);
        }
    }

    fn poll(&mut self) -> Option<LogDone> {
        if self.crash.is_dead() || self.traffic.done.get() == 0 {
            return None;
        }
        self.traffic.done.set(self.traffic.done.get() - 1);
        match self.inner.poll()? {
            _ if !self.crash.call() => None,
            LogDone::WriteFailed(write, _) if self.retries => Some(LogDone::Written(write)),
            done => Some(done),
        }
    }
}
