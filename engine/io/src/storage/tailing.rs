//! Reads segments past the page cache, while they are written past it.
//!
//! Inputs -> outputs: `gavel_contract::LogReader` over a directory; bytes as the device has them.
//! Invariants: what a completed write wrote is read, never an older page. Where the filesystem
//! refuses O_DIRECT the writer has no way past the page cache either, so reading through it finds
//! what was written.
//! Limits: one segment open; [`CHUNK_BYTES`] a system call; a path is made for each.
//! Not here: how far the log is durable, what is in it (gavel-journal's tail).
//! Source: open(2) O_DIRECT.

use super::buffers::{ALIGNMENT_BYTES, Buffers};
use super::fault::fault;
use super::segment::{file_name, list};
use crate::faults::{self, Step};
use gavel_contract::{BufferId, LogReader, SegmentInfo, SegmentNo, StoreFault};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Most that one system call reads: what a reader of the log asks for at most.
const CHUNK_BYTES: usize = 1 << 20;

const _: () = assert!(CHUNK_BYTES.is_multiple_of(ALIGNMENT_BYTES));

/// Reads the segments of a directory that is written to. Takes no lock.
pub struct TailingReader {
    directory: PathBuf,
    direct: bool,
    open: Option<(SegmentNo, File)>,
    /// One piece, aligned as O_DIRECT asks.
    piece: Buffers,
}

impl TailingReader {
    /// A reader of the segments in `directory`.
    ///
    /// # Errors
    /// [`StoreFault`] if there is no memory for its buffer.
    pub fn new(directory: &Path) -> Result<Self, StoreFault> {
        let piece = Buffers::new(1, CHUNK_BYTES)
            .map_err(|e| fault("taking memory to read", directory, &e))?;
        Ok(Self { directory: directory.to_owned(), direct: true, open: None, piece })
    }

    /// True if the page cache is passed by, as far as is known.
    #[must_use]
    pub fn direct(&self) -> bool {
        self.direct
    }

    fn path(&self, segment: SegmentNo) -> PathBuf {
        self.directory.join(file_name(segment))
    }

    fn open(&mut self, segment: SegmentNo) -> Result<(), StoreFault> {
        if self.open.as_ref().is_some_and(|(number, _)| *number == segment) {
            return Ok(());
        }
        self.open = None;
        let path = self.path(segment);
        let open = |flags| {
            faults::call(Step::Open, &path, || {
                OpenOptions::new().read(true).custom_flags(flags).open(&path)
            })
        };
        let file = match if self.direct { open(libc::O_DIRECT) } else { open(0) } {
            Err(e) if self.direct && e.raw_os_error() == Some(libc::EINVAL) => {
                self.direct = false;
                open(0)
            }
            other => other,
        };
        self.open = Some((segment, file.map_err(|e| fault("opening", &path, &e))?));
        Ok(())
    }

    /// Fills the piece from an aligned place on; returns how many bytes there were, at most `len`.
    fn fill(&mut self, segment: SegmentNo, at: u64, len: usize) -> Result<usize, StoreFault> {
        self.open(segment)?;
        let path = self.path(segment);
        let (_, file) = self.open.as_ref().expect("the segment was just opened");
        let into = &mut self.piece.bytes(BufferId(0))[..len];
        loop {
            match faults::call(Step::Read, &path, || file.read_at(into, at)) {
                Ok(bytes) => return Ok(bytes),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let doing = format!("reading at byte {at} of");
                    return Err(fault(&doing, &path, &e));
                }
            }
        }
    }
}

impl LogReader for TailingReader {
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault> {
        list(&self.directory)
    }

    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        let mut done = 0;
        while done < into.len() {
            let from = offset_bytes + done as u64;
            // What is asked for lies in the middle of what can be read.
            let before = (from % ALIGNMENT_BYTES as u64) as usize;
            let wanted = (before + into.len() - done).next_multiple_of(ALIGNMENT_BYTES);
            let len = wanted.min(CHUNK_BYTES);
            let read = self.fill(segment, from - before as u64, len)?;
            let bytes = read.saturating_sub(before).min(into.len() - done);
            let piece = &self.piece.bytes(BufferId(0))[before.min(read)..];
            into[done..done + bytes].copy_from_slice(&piece[..bytes]);
            done += bytes;
            if read < len {
                break;
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SegmentReader;

    #[test]
    fn any_range_is_read_as_the_other_reader_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3 * CHUNK_BYTES / 2 + 777).map(|i| (i * 7 / 5) as u8).collect();
        std::fs::write(directory.path().join(file_name(SegmentNo(1))), &bytes).unwrap();
        let mut direct = TailingReader::new(directory.path()).unwrap();
        let mut plain = SegmentReader::new(directory.path());
        let end = bytes.len() as u64;
        for at in [
            0,
            1,
            511,
            4_096,
            5_000,
            CHUNK_BYTES as u64 - 1,
            end - 4_097,
            end - 1,
            end,
            end + 9_000,
        ] {
            for len in [0, 1, 512, 4_096, 5_000, CHUNK_BYTES, CHUNK_BYTES + 8_193, 2 * CHUNK_BYTES]
            {
                let (mut one, mut other) = (vec![1; len], vec![2; len]);
                let read = direct.read(SegmentNo(1), at, &mut one).unwrap();
                assert_eq!(plain.read(SegmentNo(1), at, &mut other), Ok(read), "{at} {len}");
                assert_eq!(one[..read], other[..read], "{at} {len}");
            }
        }
        assert_eq!(direct.segments(), plain.segments());
        let missing = direct.read(SegmentNo(2), 0, &mut [0; 8]).unwrap_err();
        assert!(missing.facts.contains("wal-0000000000000002.seg"), "{missing}");
    }
}
