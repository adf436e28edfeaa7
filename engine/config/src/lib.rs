//! TOML -> validated Plan and topology.
