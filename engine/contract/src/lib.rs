//! The traits through which rooms meet: agents, machines, and the ports at the rim; and the Plan,
//! which holds every limit of a node.
//!
//! Inputs -> outputs: none; this crate says what others do.
//! Invariants: no call in a hot port blocks; whatever can fail for a reason of the world's says so
//! in a value.
//! Limits: all in [`Plan`].
//! Not here: any implementation.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod agent;
mod credentials;
mod files;
mod machine;
mod plan;
mod storage;
#[cfg(feature = "suite")]
pub mod suite;
mod transport;

pub use agent::{Agent, Clock, Now};
pub use credentials::{SessionKey, Verifier};
pub use files::{Codec, FileInfo, FileName, FileStore};
pub use machine::{BadState, EVENTS_PER_REPORT, Machine, Outbox, Progress, StateSink, StateSource};
pub use plan::{
    AckRule, BookPlan, Conventions, JournalPlan, MemoryLine, Plan, ReportStorePlan, RetransmitPlan,
    RingPlan, SessionPlan, SnapshotPlan, SymbolSpec,
};
pub use storage::{
    BufferId, LogDone, LogReader, LogStore, LogWrite, SegmentInfo, SegmentNo, StoreFault,
    StoreFaultKind,
};
pub use transport::{Deadline, Egress, Ingress, IngressEvent, Received, Sent};
