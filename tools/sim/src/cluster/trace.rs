//! What happened, twice: as a hash of every event, and as the last ones for a person.
//!
//! Inputs -> outputs: events -> a hash, and lines.
//! Invariants: equal runs have equal hashes. Heartbeats and ticks are in the hash, and not in the
//! lines: they would leave no room for what matters.
//! Limits: [`LINES_KEPT`].
//! Not here: what events mean (world.rs).

use gavel_types::Nanos;
use std::collections::VecDeque;
use std::fmt::Write;
use xxhash_rust::xxh3::Xxh3Default;

/// Lines that are kept for a person.
pub const LINES_KEPT: usize = 120;

/// The events of a run.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3Default,
    lines: VecDeque<(Nanos, String)>,
}

impl Trace {
    /// Something happened.
    pub fn note(&mut self, at: Nanos, words: [u64; 4]) {
        self.hash.update(&at.0.to_le_bytes());
        words.iter().for_each(|word| self.hash.update(&word.to_le_bytes()));
    }

    /// Something happened that a person wants to know of.
    pub fn tell(&mut self, at: Nanos, line: String) {
        self.hash.update(&at.0.to_le_bytes());
        self.hash.update(line.as_bytes());
        if self.lines.len() == LINES_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back((at, line));
    }

    /// Of all events.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// The last lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for (at, line) in &self.lines {
            let (ms, us) = (at.0 / 1_000_000, at.0 / 1_000 % 1_000);
            let _ = writeln!(text, "  {ms:>7}.{us:03} ms  {line}");
        }
        text
    }
}
