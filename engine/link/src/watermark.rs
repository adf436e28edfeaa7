//! A monotone position with one writer and any number of readers.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use gavel_types::Index;

const INDEX_BITS: u32 = 52;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// A place in the log that says which truncation it belongs to (SAFETY 1). The generation compares
/// first: a completion of an older generation can never look newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Raised by every truncation of the log; at most [`Position::GENERATION_MAX`].
    pub generation: u16,
    /// At most [`Position::INDEX_MAX`], which is 14 years at ten million records a second.
    pub index: Index,
}

impl Position {
    /// Largest index that a watermark can carry.
    pub const INDEX_MAX: Index = Index(INDEX_MASK);

    /// Largest generation that a watermark can carry.
    pub const GENERATION_MAX: u16 = (1 << (u64::BITS - INDEX_BITS)) - 1;

    fn pack(self) -> u64 {
        assert!(self.index <= Self::INDEX_MAX, "an index fits in 52 bits");
        assert!(self.generation <= Self::GENERATION_MAX, "a generation fits in 12 bits");
        u64::from(self.generation) << INDEX_BITS | self.index.0
    }

    fn unpack(word: u64) -> Self {
        Self { generation: (word >> INDEX_BITS) as u16, index: Index(word & INDEX_MASK) }
    }
}

/// Its own pair of cache lines: readers poll it while the writer's neighbours are written.
#[derive(Debug)]
#[repr(align(128))]
struct Line(AtomicU64);

/// Makes a watermark that stands at `start`.
#[must_use]
pub fn watermark(start: Position) -> (WatermarkWriter, Watermark) {
    let line = Arc::new(Line(AtomicU64::new(start.pack())));
    (WatermarkWriter { line: Arc::clone(&line), at: start }, Watermark { line })
}

/// The one writer.
#[derive(Debug)]
pub struct WatermarkWriter {
    line: Arc<Line>,
    at: Position,
}

impl WatermarkWriter {
    /// Raises the watermark. Whatever the writer did before is visible to readers that see it.
    ///
    /// # Panics
    /// If `to` lies before the present position.
    #[inline]
    pub fn raise(&mut self, to: Position) {
        assert!(to >= self.at, "a watermark never falls");
        self.at = to;
        self.line.0.store(to.pack(), Ordering::Release);
    }

    /// Where it stands.
    #[must_use]
    #[inline]
    pub fn at(&self) -> Position {
        self.at
    }
}

/// A reader. Clone it freely.
#[derive(Clone, Debug)]
pub struct Watermark {
    line: Arc<Line>,
}

impl Watermark {
    /// Where it stands now.
    #[must_use]
    #[inline]
    pub fn read(&self) -> Position {
        Position::unpack(self.line.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(generation: u16, index: u64) -> Position {
        Position { generation, index: Index(index) }
    }

    #[test]
    fn a_newer_generation_compares_first() {
        let (mut writer, reader) = watermark(at(0, 100));
        writer.raise(at(1, 80));
        assert_eq!(reader.read(), at(1, 80));
        assert!(at(0, 100) < at(1, 80));
    }

    #[test]
    fn the_largest_index_survives_the_word() {
        let (mut writer, reader) = watermark(at(0, 0));
        writer.raise(at(Position::GENERATION_MAX, Position::INDEX_MAX.0));
        assert_eq!(reader.read(), at(Position::GENERATION_MAX, Position::INDEX_MAX.0));
    }

    #[test]
    #[should_panic(expected = "never falls")]
    fn a_watermark_never_falls() {
        let (mut writer, _reader) = watermark(at(0, 5));
        writer.raise(at(0, 4));
    }
}
