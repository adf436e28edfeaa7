//! the rim: log storage, TCP, clock, pinning.
