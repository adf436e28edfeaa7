//! The log on a disk: a locked directory of pre-written segments, written past the page cache,
//! durable by one of three ways ([`DurableMode`]).
//!
//! Inputs -> outputs: `gavel_contract::LogStore` and `LogReader` over a directory.
//! Invariants: a write is reported only when the device has it; a short write is a failure; what is
//! in flight is not touched.
//! Limits: [`StoreOptions`]; at most [`OPEN_SEGMENTS_MAX`] segments open for writing.
//! Not here: what the bytes mean (gavel-journal).
//! Source: open(2) O_DIRECT, pwritev2(2) RWF_DSYNC, io_uring_setup(2), io_uring_enter(2).

mod buffers;
mod directory;
mod fault;
mod identity;
mod prepare;
mod segment;
mod store;
mod uring;
mod writer;

pub use directory::LogDirectory;
pub use identity::Identity;
pub use segment::SegmentReader;
pub use store::FileLogStore;

/// Segments that a store keeps open for writing: the one in use, the next, and those with writes
/// still in flight.
pub const OPEN_SEGMENTS_MAX: usize = 4;

/// How a write is made durable. All three give the same guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurableMode {
    /// An io_uring write with RWF_DSYNC. One completion a write, which a kernel worker delivers.
    UringDsync,
    /// An io_uring write linked to an fdatasync.
    UringFdatasync,
    /// pwritev2 with RWF_DSYNC on a thread of the store's own.
    Thread,
}

/// How io_uring tells of completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UringFlavour {
    /// The kernel interrupts the polling thread.
    Plain,
    /// COOP_TASKRUN: the polling thread notices a flag and enters the kernel.
    Coop,
    /// SINGLE_ISSUER and DEFER_TASKRUN: as Coop, and only there. The store belongs to the first
    /// thread that uses it.
    Defer,
}

/// Sizes and ways of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// How writes are made durable, if the host can.
    pub mode: DurableMode,
    /// Write buffers, so also the most writes in flight: 1 to 256.
    pub buffers: usize,
    /// Bytes of each buffer, a multiple of 4,096.
    pub buffer_bytes: usize,
    /// Bytes of each segment, a multiple of 4,096.
    pub segment_bytes: u64,
    /// How io_uring tells of completions.
    pub uring: UringFlavour,
    /// CPUs for the store's own threads and io_uring's workers; empty: wherever the maker may run.
    pub housekeeping_cpus: Vec<usize>,
    /// [`DurableMode::Thread`]: how long the writer looks for more work before it sleeps (us).
    pub writer_spin_us: u32,
    /// [`DurableMode::Thread`]: FIFO priority of the writer, which sleeps in every write; `None`
    /// for the ordinary class. If the process may not, a note says so.
    pub writer_fifo: Option<u8>,
}

impl StoreOptions {
    /// The given sizes; for the rest, what did best in `examples/durable_modes.rs` with a FIFO
    /// poller on two CPUs that were busy with other work and a spinning neighbour (three rounds):
    /// at depth 1 the ways were equal within the noise (p50 79 to 129 us for the thread, 87 to
    /// 114 us for io_uring with fdatasync); at depth 8 the thread mostly made 32,000 to 54,000
    /// commits/s and io_uring at most 21,000, because the thread gathers neighbours. Both stalled
    /// when the poller starved the kernel's own workers: the thread once for 0.9 s, io_uring more
    /// often and for up to 1 s a write. RWF_DSYNC through io_uring was mostly 4 ms.
    /// Not settled: `writer_spin_us` of 50 was faster there (63 to 125 us) and slower with an
    /// ordinary poller (113 to 151 us against 65 to 114 us in the first full run); no ranking held
    /// with an ordinary poller under load. Measure on the host that is to serve.
    #[must_use]
    pub fn new(buffers: usize, buffer_bytes: usize, segment_bytes: u64) -> Self {
        Self {
            mode: DurableMode::Thread,
            buffers,
            buffer_bytes,
            segment_bytes,
            uring: UringFlavour::Coop,
            housekeeping_cpus: Vec::new(),
            writer_spin_us: 0,
            writer_fifo: Some(1),
        }
    }
}
