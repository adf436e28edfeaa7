//! The log on a disk: a locked directory of pre-written segments, written past the page cache,
//! durable by one of three ways ([`DurableMode`]).
//!
//! Inputs -> outputs: `gavel_contract::LogStore` and `LogReader` over a directory.
//! Invariants: a write is reported only when the device has it; a short write is a failure; what is
//! in flight is not touched.
//! Limits: [`StoreOptions`]; at most [`OPEN_SEGMENTS_MAX`] segments open for writing.
//! Not here: what the bytes mean (gavel-journal).
//! Source: open(2) O_DIRECT, pwritev2(2) RWF_DSYNC, io_uring_setup(2), io_uring_enter(2).

mod ahead;
mod buffers;
mod directory;
pub(crate) mod fault;
mod identity;
mod prepare;
mod probe;
mod segment;
mod store;
mod tailing;
mod uring;
mod writer;

pub use ahead::AheadReader;
pub use directory::LogDirectory;
pub use identity::Identity;
pub use segment::SegmentReader;
pub use store::FileLogStore;
pub use tailing::TailingReader;

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
    /// Segments that are not needed any more and are kept to be used again; more are removed.
    pub freed_segments_max: usize,
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
    /// The given sizes; for the rest, what served orders best end to end (`modes` in benches: one
    /// hot tile and one client on two CPUs; `benches/results`). One order at a time, p50/p99:
    /// io_uring with fdatasync 131/241 us, the thread 145/257, io_uring with RWF_DSYNC 133/4,788.
    /// With another process spinning on one of the CPUs, p50: 113, 3,183 and 4,000 us. Pipelined
    /// 1.6, 1.5 and 1.4 million messages a second; in other runs the thread was ahead. Between the
    /// flavours of io_uring nothing was found that held in both of two rounds, so it is the plain
    /// one. With a FIFO poller things differ (`examples/durable_modes.rs`): it starves the kernel's
    /// workers, and io_uring's completions with them. Measure on the host that is to serve.
    #[must_use]
    pub fn new(buffers: usize, buffer_bytes: usize, segment_bytes: u64) -> Self {
        Self {
            mode: DurableMode::UringFdatasync,
            buffers,
            buffer_bytes,
            segment_bytes,
            freed_segments_max: 2,
            uring: UringFlavour::Plain,
            housekeeping_cpus: Vec::new(),
            writer_spin_us: 0,
            writer_fifo: Some(1),
        }
    }
}
