//! Which snapshots are kept, and so which part of the log.
//!
//! Inputs -> outputs: the snapshots that there are -> those to be kept, the first segment needed.
//! Invariants: the newest `keep` that are known to be good are kept. The log is needed from the
//! oldest of them on, and all of it while there are fewer.
//! Not here: files.

use alloc::vec::Vec;
use gavel_contract::SegmentNo;
use gavel_types::Index;

/// A snapshot that is durable, name and all, and whose log is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) index: Index,
    /// Where its log goes on.
    pub(super) segment: SegmentNo,
}

/// The snapshots kept, newest first.
#[derive(Debug)]
pub(super) struct KeptList {
    keep: usize,
    list: Vec<Kept>,
}

impl KeptList {
    /// Of those found, newest first, the newest `keep`.
    pub(super) fn new(keep: u32, mut found: Vec<Kept>) -> Self {
        let keep = keep as usize;
        assert!(found.is_sorted_by(|a, b| a.index > b.index), "snapshots come newest first");
        found.truncate(keep);
        Self { keep, list: found }
    }

    /// Index of the newest; 0 if there is none.
    pub(super) fn newest(&self) -> Index {
        self.list.first().map_or(Index(0), |kept| kept.index)
    }

    /// A new one is durable.
    pub(super) fn add(&mut self, kept: Kept) {
        assert!(kept.index > self.newest(), "a newer snapshot is of a later record");
        self.list.insert(0, kept);
        self.list.truncate(self.keep);
    }

    pub(super) fn contains(&self, index: Index) -> bool {
        self.list.iter().any(|kept| kept.index == index)
    }

    /// The first segment of the log that is still needed, once enough snapshots stand behind it.
    pub(super) fn floor(&self) -> Option<SegmentNo> {
        let oldest = self.list.last().filter(|_| self.list.len() == self.keep)?;
        Some(oldest.segment)
    }

    /// A planted bug: the first segment that the newest needs.
    #[cfg(feature = "mutate")]
    pub(super) fn floor_of_newest(&self) -> Option<SegmentNo> {
        self.list.first().map(|kept| kept.segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(index: u64, segment: u64) -> Kept {
        Kept { index: Index(index), segment: SegmentNo(segment) }
    }

    #[test]
    fn the_log_is_needed_from_the_oldest_kept_on_and_whole_until_there_are_enough() {
        let mut list = KeptList::new(2, Vec::new());
        assert_eq!((list.newest(), list.floor()), (Index(0), None));
        list.add(kept(10, 3));
        assert_eq!(list.floor(), None, "if this one is damaged, the log must begin at 1");
        list.add(kept(20, 5));
        assert_eq!(list.floor(), Some(SegmentNo(3)));
        list.add(kept(30, 9));
        assert_eq!((list.newest(), list.floor()), (Index(30), Some(SegmentNo(5))));
        assert!(list.contains(Index(20)) && !list.contains(Index(10)));
    }

    #[test]
    fn more_than_enough_at_start_are_too_many() {
        let list = KeptList::new(1, [kept(30, 9), kept(20, 5)].into());
        assert_eq!(list.floor(), Some(SegmentNo(9)));
        assert!(!list.contains(Index(20)));
    }
}
