//! What there is in a directory, before its blocks are read: segments, snapshots, and the ways
//! that a start could go.
//!
//! Inputs -> outputs: a directory -> a [`Survey`].
//! Invariants: nothing is locked or changed; what is missing or damaged is a value, not an error.
//! Limits: one line of memory for a segment or a snapshot.
//! Not here: what is in the blocks.

use super::Which;
use crate::progress;
use anyhow::{Result, ensure};
use gavel_contract::{LogReader, SegmentInfo, SegmentNo};
use gavel_io::codec::Zstd;
use gavel_io::files::DataFiles;
use gavel_io::storage::SegmentReader;
use gavel_journal::inspect::{self, BlockSeen, RecordsSeen};
use gavel_journal::recovery::{self, LogPoint, Recovered, Refusal};
use gavel_pipeline::snapshot;
use gavel_types::Index;
use std::path::PathBuf;

/// A snapshot, as far as it was read: its header, or all of it.
pub(super) struct SnapshotSeen {
    pub(super) index: Index,
    /// Where the log goes on, or why that is not known.
    pub(super) point: Result<LogPoint, String>,
}

/// One way that a start could go, and what became of it.
pub(super) struct Way {
    /// The snapshot that it begins with; None for the log's beginning.
    pub(super) snapshot: Option<Index>,
    pub(super) from: LogPoint,
    pub(super) end: Result<Recovered, Refusal>,
}

impl Way {
    pub(super) fn name(&self) -> String {
        self.snapshot.map_or("the log's beginning".to_owned(), |i| format!("the snapshot of {i}"))
    }
}

/// A directory.
pub(super) struct Survey {
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) segments: Vec<SegmentInfo>,
    /// Newest first.
    pub(super) snapshots: Vec<SnapshotSeen>,
}

impl Survey {
    /// Looks at the directory.
    ///
    /// # Errors
    /// If it cannot be listed, or holds no segments.
    pub(super) fn of(which: &Which) -> Result<Self> {
        let dir = which.dir.clone();
        let mut segments = SegmentReader::new(&dir).segments()?;
        segments.sort_unstable_by_key(|info| info.segment);
        let name = dir.display();
        ensure!(!segments.is_empty(), "{name} holds no log: there is no file wal-*.seg in it");
        let segment_bytes = which.segment_bytes.unwrap_or_else(|| usual_bytes(&segments));
        ensure!(
            segment_bytes > 0 && segment_bytes.is_multiple_of(4_096),
            "{name}: {segment_bytes} bytes are no segment's length, which is a multiple of 4,096; \
             name the one that the node is configured with: --segment-bytes"
        );
        let mut files = DataFiles::new(&dir, 0);
        let snapshots = snapshot::list(&mut files)?.into_iter().map(|index| {
            let header = snapshot::header(&mut files, index);
            let point = header.map(|header| header.point).map_err(|why| why.to_string());
            SnapshotSeen { index, point }
        });
        let snapshots = snapshots.collect();
        Ok(Self { dir, segment_bytes, segments, snapshots })
    }

    /// Reads the snapshots whose headers are good to their ends.
    ///
    /// # Errors
    /// If there is no memory to unpack them.
    pub(super) fn check_snapshots(&mut self) -> Result<()> {
        let (mut files, mut codec) = (DataFiles::new(&self.dir, 0), Zstd::new()?);
        let bar = progress::bar(self.snapshots.len() as u64, "snapshots");
        for seen in self.snapshots.iter_mut().filter(|seen| seen.point.is_ok()) {
            if let Err(why) = snapshot::check(&mut files, &mut codec, seen.index) {
                seen.point = Err(why.to_string());
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    pub(super) fn reader(&self) -> SegmentReader {
        SegmentReader::new(&self.dir)
    }

    /// The ways that a start could go: from each snapshot that is good as far as it was read,
    /// newest first, or, without any, from the log's beginning.
    pub(super) fn ways(&self) -> Vec<Way> {
        let good = self.snapshots.iter().filter_map(|seen| {
            let point = seen.point.as_ref().ok()?;
            Some((Some(seen.index), *point))
        });
        let mut starts: Vec<_> = good.collect();
        if starts.is_empty() {
            starts.push((None, LogPoint::ORIGIN));
        }
        let scanned = starts.into_iter().map(|(snapshot, from)| {
            let end = recovery::scan(&mut self.reader(), self.segment_bytes, &from, &mut |_| ());
            Way { snapshot, from, end }
        });
        scanned.collect()
    }

    /// Reads every block, and shows how far it is.
    ///
    /// # Errors
    /// If a segment cannot be read.
    pub(super) fn blocks(&self, show: &mut impl FnMut(&BlockSeen, RecordsSeen<'_>)) -> Result<()> {
        let total = self.segments.iter().map(|info| info.bytes).sum();
        let bar = progress::bar(total, "reading");
        let mut before = std::collections::BTreeMap::new();
        let mut sum = 0;
        for info in &self.segments {
            before.insert(info.segment, sum);
            sum += info.bytes;
        }
        let read = inspect::blocks(&mut self.reader(), &mut |seen, records| {
            let base = before.get(&seen.segment).copied().unwrap_or(0);
            bar.set_position(base + seen.offset_bytes);
            show(seen, records);
        });
        bar.finish_and_clear();
        Ok(read?)
    }

    /// First segments of the row that ends with the last one: where a gap is behind it, what is
    /// before was freed.
    pub(super) fn row_begins(&self) -> SegmentNo {
        let mut first = self.segments[self.segments.len() - 1].segment;
        for info in self.segments.iter().rev().skip(1) {
            if info.segment.0 + 1 != first.0 {
                break;
            }
            first = info.segment;
        }
        first
    }
}

/// The length that most segments have; of two that are as frequent, the greater.
fn usual_bytes(segments: &[SegmentInfo]) -> u64 {
    let count = |bytes: u64| segments.iter().filter(|info| info.bytes == bytes).count();
    let lengths = segments.iter().map(|info| info.bytes);
    lengths.max_by_key(|bytes| (count(*bytes), *bytes)).unwrap_or(0)
}

/// The last place of the log that a way found: behind it is nothing of the log.
pub(super) fn is_behind(seen: &BlockSeen, end: &Recovered) -> bool {
    (seen.segment, seen.offset_bytes) >= (end.end.segment, end.end.offset_bytes)
}
