//! Segment files by name: listing, reading, opening for direct writes.
//!
//! Inputs -> outputs: a directory's path in; numbers, bytes and open files out.
//! Invariants: a file named `wal-<16 hex digits>.seg` was complete when it got that name.
//! Limits: none but the filesystem's.
//! Not here: making a segment (prepare.rs), writing one (uring.rs, writer.rs).

use super::fault::fault;
use super::identity::sync_directory;
use crate::faults::{self, Step};
use gavel_contract::{LogReader, SegmentInfo, SegmentNo, StoreFault};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const PREFIX: &str = "wal-";
const SUFFIX: &str = ".seg";
const DIGITS: usize = 16;

/// Name of a segment's file.
pub(super) fn file_name(segment: SegmentNo) -> String {
    format!("{PREFIX}{:016x}{SUFFIX}", segment.0)
}

/// Number of the segment that a file name stands for, if it is one.
fn number_of(name: &str) -> Option<SegmentNo> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digits.len() != DIGITS || !lower {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(SegmentNo)
}

/// Every segment in a directory, ascending.
pub(super) fn list(directory: &Path) -> Result<Vec<SegmentInfo>, StoreFault> {
    let entries = faults::call(Step::List, directory, || std::fs::read_dir(directory))
        .map_err(|e| fault("listing", directory, &e))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| fault("listing", directory, &e))?;
        let Some(segment) = entry.file_name().to_str().and_then(number_of) else { continue };
        let path = entry.path();
        let meta = match faults::call(Step::Look, &path, || entry.metadata()) {
            // Taken for a newer segment, or removed, since the directory was read.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(|e| fault("looking at", &path, &e))?,
        };
        found.push(SegmentInfo { segment, bytes: meta.len() });
    }
    found.sort_unstable_by_key(|info| info.segment);
    Ok(found)
}

/// Opens an existing segment for writing, past the page cache if the filesystem can. The file has a
/// shared lock for as long as anything refers to this opening of it, writes in flight included.
pub(super) fn open_for_writing(path: &Path, direct: bool) -> io::Result<File> {
    let flags = if direct { libc::O_DIRECT } else { 0 };
    let file = faults::call(Step::Open, path, || {
        OpenOptions::new().write(true).custom_flags(flags).open(path)
    })?;
    if faults::call(Step::Lock, path, || try_lock(&file, libc::LOCK_SH))? {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process still writes to it"))
}

/// Takes the file's lock, shared or exclusive, if nobody else's forbids it.
pub(super) fn try_lock(file: &File, kind: libc::c_int) -> io::Result<bool> {
    // SAFETY: the descriptor is open for the call; no memory is named.
    if unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EWOULDBLOCK) { Ok(false) } else { Err(error) }
}

/// How long writes of an earlier process may take to land.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// Waits until no write of an earlier process can land any more, and makes durable what it wrote,
/// the segments' names among it.
///
/// A killed process lets go of its descriptors before its io_uring requests have ended, but a
/// request holds its file open, and so the lock that [`open_for_writing`] took. And a block that
/// was under way may have reached the device's cache only: recovery will find it and count it, so
/// it must not be lost after that.
///
/// # Errors
/// If a segment cannot be opened or synced, or is still written to after [`SETTLE_WITHIN`].
pub(super) fn settle(directory: &Path) -> Result<(), StoreFault> {
    let began = Instant::now();
    for info in list(directory)? {
        let path = directory.join(file_name(info.segment));
        let file = faults::call(Step::Open, &path, || File::open(&path))
            .map_err(|e| fault("opening", &path, &e))?;
        faults::call(Step::Lock, &path, || wait_for_lock(&file, began))
            .map_err(|e| fault("waiting for an earlier process's writes to", &path, &e))?;
        faults::call(Step::Sync, &path, || file.sync_data())
            .map_err(|e| fault("syncing", &path, &e))?;
    }
    // The last process may have ended between naming a segment and syncing that name.
    sync_directory(directory).map_err(|e| fault("syncing", directory, &e))
}

fn wait_for_lock(file: &File, began: Instant) -> io::Result<()> {
    while !try_lock(file, libc::LOCK_EX)? {
        if began.elapsed() > SETTLE_WITHIN {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is still written to"));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// Reads the segments of a directory: a node's own, or a copy. Takes no lock.
#[derive(Debug)]
pub struct SegmentReader {
    directory: PathBuf,
    open: Option<(SegmentNo, File)>,
}

impl SegmentReader {
    /// A reader of the segments in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), open: None }
    }

    fn file(&mut self, segment: SegmentNo) -> Result<&File, StoreFault> {
        let kept = self.open.take().filter(|(number, _)| *number == segment);
        let file = match kept {
            Some((_, file)) => file,
            None => {
                let path = self.directory.join(file_name(segment));
                let file = faults::call(Step::Open, &path, || File::open(&path))
                    .map_err(|e| fault("opening", &path, &e))?;
                forget_cached_pages(&file);
                file
            }
        };
        Ok(&self.open.insert((segment, file)).1)
    }
}

/// Direct writes go past the page cache; what an earlier process left in it must not be read.
fn forget_cached_pages(file: &File) {
    // SAFETY: the descriptor is open for the call; the call names no memory of ours. It is advice,
    // and the kernel drops the pages of a direct write itself: a failure loses nothing.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}

impl LogReader for SegmentReader {
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault> {
        list(&self.directory)
    }

    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        let path = self.directory.join(file_name(segment));
        let file = self.file(segment)?;
        let mut done = 0;
        while done < into.len() {
            let at = offset_bytes + done as u64;
            match faults::call(Step::Read, &path, || file.read_at(&mut into[done..], at)) {
                Ok(0) => break,
                Ok(bytes) => done += bytes,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let doing = format!("reading at byte {} of", offset_bytes + done as u64);
                    return Err(fault(&doing, &path, &e));
                }
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_whoever_still_writes_a_segment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(file_name(SegmentNo(1)));
        std::fs::write(&path, [0; 4_096]).unwrap();
        let writer = open_for_writing(&path, false).unwrap();
        // A request in flight holds the file as a duplicate of the descriptor does.
        let in_flight = writer.try_clone().unwrap();
        drop(writer);
        drop(open_for_writing(&path, false).unwrap());
        let place = directory.path().to_owned();
        let start = std::thread::spawn(move || settle(&place));
        assert!(!start.is_finished());
        drop(in_flight);
        start.join().unwrap().unwrap();
        open_for_writing(&path, false).unwrap();
    }

    #[test]
    fn names_go_both_ways_and_nothing_else_is_a_segment() {
        for number in [1, 0xabc, u64::MAX] {
            assert_eq!(number_of(&file_name(SegmentNo(number))), Some(SegmentNo(number)));
        }
        for other in [
            "wal-1.seg",
            "wal-00000000000000AB.seg",
            "wal-+000000000000001.seg",
            "wal-0000000000000001.seg.tmp",
            "meta",
            "LOCK",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
