//! What happened, twice: as a hash of every event, and as the last ones for a person.
//!
//! Inputs -> outputs: events -> a hash, and lines.
//! Invariants: equal runs have equal hashes. Heartbeats and ticks are in the hash, and not in the
//! lines: they would leave no room for what matters.
//! Limits: [`LINES_KEPT`].
//! Not here: what events mean (world.rs).

use gavel_types::Nanos;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::rc::Rc;
use xxhash_rust::xxh3::Xxh3Default;

/// Lines that are kept for a person.
pub const LINES_KEPT: usize = 120;

/// The events of a run.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3Default,
    told: Told,
}

/// The last lines, which outlive a world whose build does not unwind.
pub type Told = Rc<RefCell<Lines>>;

/// The last lines, oldest first.
#[derive(Debug, Default)]
pub struct Lines {
    last: VecDeque<(Nanos, String)>,
    now: Nanos,
}

impl Trace {
    /// Something happened.
    pub fn note(&mut self, at: Nanos, words: [u64; 4]) {
        let [a, b, c, d] = words;
        let mut bytes = [0; 40];
        for (room, word) in bytes.chunks_exact_mut(8).zip([at.0, a, b, c, d]) {
            room.copy_from_slice(&word.to_le_bytes());
        }
        self.hash.update(&bytes);
        self.told.borrow_mut().now = at;
    }

    /// Something happened that a person wants to know of.
    pub fn tell(&mut self, at: Nanos, line: impl fmt::Display) {
        let mut lines = self.told.borrow_mut();
        // The oldest line gives its memory to the newest.
        let is_full = lines.last.len() == LINES_KEPT;
        let oldest = if is_full { lines.last.pop_front() } else { None };
        let (_, mut text) = oldest.unwrap_or_default();
        text.clear();
        write!(text, "{line}").expect("text can always be written to memory");
        self.hash.update(&at.0.to_le_bytes());
        self.hash.update(text.as_bytes());
        lines.last.push_back((at, text));
    }

    /// Of all events.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// The last lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> String {
        self.told.borrow().lines()
    }

    /// The lines, for somebody who asks when the world cannot be asked.
    #[must_use]
    pub fn told(&self) -> Told {
        Rc::clone(&self.told)
    }
}

impl Lines {
    /// The time of the last event, told or not.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// One a line.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for (at, line) in &self.last {
            let (ms, us) = (at.0 / 1_000_000, at.0 / 1_000 % 1_000);
            let _ = writeln!(text, "  {ms:>7}.{us:03} ms  {line}");
        }
        text
    }
}
