//! deterministic simulator.
