//! The rim: what touches the world. Log storage on files, TCP, clocks, CPUs, memory.
//!
//! Inputs -> outputs: the ports of gavel-contract, made real over Linux system calls.
//! Invariants: no call in a hot port blocks; nothing on a hot path allocates; whatever the world
//! does comes out as a value that says what, where and why.
//! Limits: Linux on 64 bits; each module names its own.
//! Not here: what bytes mean, who is a client, when to write.
//! Source: the manual pages of the calls, named where they are used.

pub mod clock;
pub mod codec;
pub mod cpu;
pub mod credentials;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
mod faults;
pub mod files;
pub mod hot_alloc;
mod huge;
pub mod memory;
pub mod storage;
pub mod transport;

pub use transport::tcp;

const _: () = assert!(cfg!(all(target_os = "linux", target_pointer_width = "64")));
