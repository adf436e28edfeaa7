//! Files beside the log: snapshots and stored reports, in the log's directory.
//!
//! ```text
//! snap-<index>.gvs    a snapshot        snap-<index>.gvs.tmp    half of one
//! rep-<number>.gvr    stored reports                            (numbers in 16 hex digits)
//! ```
//!
//! Inputs -> outputs: the calls of the file port -> system calls.
//! Invariants: files are their owner's alone, and no child's. What is appended goes to the disk
//! piece by piece and leaves the page cache behind it: one great flush at the end would make the
//! log's own writes wait, and nobody reads it soon.
//! Limits: [`READERS_MAX`] files open for reading; one for writing for each that was begun and not
//! yet synced; `bytes_per_s`, if the operator set it.
//! Not here: the log's segments; who may use the directory (its lock is the log's).
//! Source: open(2), sync_file_range(2), posix_fadvise(2), fdatasync(2), rename(2).

use crate::faults::{self, Step};
use crate::storage::fault::{fault, refusal};
use gavel_contract::{FileInfo, FileName, FileStore, StoreFault, StoreFaultKind};
use gavel_types::Index;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Most files that are kept open for reading.
pub const READERS_MAX: usize = 8;
/// Appended bytes after which the disk is set to work on them.
const PIECE_BYTES: u64 = 4 << 20;

/// A file that is being written.
#[derive(Debug)]
struct Writing {
    name: FileName,
    file: File,
    bytes: u64,
    /// Handed to the disk up to here.
    started_bytes: u64,
    /// On the disk, and out of the page cache, up to here.
    settled_bytes: u64,
}

/// The files of a directory.
#[derive(Debug)]
pub struct DataFiles {
    directory: PathBuf,
    bytes_per_s: u64,
    /// No byte is written before.
    not_before: Option<Instant>,
    writing: Vec<Writing>,
    reading: Vec<(FileName, File)>,
}

impl DataFiles {
    /// The files of a directory that is there. Nothing is opened yet. `bytes_per_s` bounds how fast
    /// is written; 0 for no bound.
    #[must_use]
    pub fn new(directory: &Path, bytes_per_s: u64) -> Self {
        let directory = directory.to_owned();
        Self { directory, bytes_per_s, not_before: None, writing: Vec::new(), reading: Vec::new() }
    }

    fn path(&self, name: FileName) -> PathBuf {
        self.directory.join(text(name))
    }

    fn forget(&mut self, name: FileName) {
        self.writing.retain(|writing| writing.name != name);
        self.reading.retain(|(reading, _)| *reading != name);
    }

    /// Waits as the bound on speed demands. (A delay, not a wait for anybody.)
    fn pace(&mut self, bytes: usize) {
        if self.bytes_per_s == 0 {
            return;
        }
        let now = Instant::now();
        let from = self.not_before.map_or(now, |at| at.max(now));
        // An early wake-up only makes the bound a little less strict.
        std::thread::park_timeout(from - now);
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_s);
        self.not_before = Some(from + Duration::from_nanos(nanos as u64));
    }

    fn writer(&mut self, name: FileName) -> Result<&mut Writing, StoreFault> {
        if let Some(at) = self.writing.iter().position(|writing| writing.name == name) {
            return Ok(&mut self.writing[at]);
        }
        let path = self.path(name);
        let open = || OpenOptions::new().append(true).open(&path);
        let file =
            faults::call(Step::Open, &path, open).map_err(|e| fault("opening", &path, &e))?;
        let look = || file.metadata();
        let known = faults::call(Step::Look, &path, look);
        let bytes = known.map_err(|e| fault("looking at", &path, &e))?.len();
        self.begin(name, file, bytes);
        Ok(self.writing.last_mut().expect("one was put there"))
    }

    fn begin(&mut self, name: FileName, file: File, bytes: u64) {
        self.writing.push(Writing {
            name,
            file,
            bytes,
            started_bytes: bytes,
            settled_bytes: bytes,
        });
    }

    fn reader(&mut self, name: FileName) -> Result<&File, StoreFault> {
        if let Some(at) = self.reading.iter().position(|(reading, _)| *reading == name) {
            return Ok(&self.reading[at].1);
        }
        let path = self.path(name);
        let opened = faults::call(Step::Open, &path, || File::open(&path));
        let file = opened.map_err(|e| fault("opening", &path, &e))?;
        if self.reading.len() == READERS_MAX {
            self.reading.remove(0);
        }
        self.reading.push((name, file));
        Ok(&self.reading[self.reading.len() - 1].1)
    }
}

impl Writing {
    /// Sets the disk to work on what was appended last, and waits for what it was set to before.
    fn push_out(&mut self) -> io::Result<()> {
        const START: u32 = libc::SYNC_FILE_RANGE_WRITE;
        const FINISH: u32 = libc::SYNC_FILE_RANGE_WAIT_BEFORE
            | libc::SYNC_FILE_RANGE_WRITE
            | libc::SYNC_FILE_RANGE_WAIT_AFTER;
        let (settled, started) = (self.settled_bytes, self.started_bytes);
        self.range(started, self.bytes, START)?;
        if started > settled {
            self.range(settled, started, FINISH)?;
            self.drop_pages(settled, started);
        }
        self.settled_bytes = started;
        self.started_bytes = self.bytes;
        Ok(())
    }

    fn range(&self, from: u64, to: u64, how: u32) -> io::Result<()> {
        let (from, bytes) = (from as libc::off64_t, (to - from) as libc::off64_t);
        // SAFETY: the descriptor is open for the call; no memory is named.
        let failed = unsafe { libc::sync_file_range(self.file.as_raw_fd(), from, bytes, how) };
        match failed {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                // Not every file system can; then the sync does it all.
                e if matches!(e.raw_os_error(), Some(libc::ESPIPE | libc::ENOSYS)) => Ok(()),
                e => Err(e),
            },
        }
    }

    /// Advice: whether it is taken changes nothing but memory.
    fn drop_pages(&self, from: u64, to: u64) {
        let (from, bytes) = (from as libc::off_t, (to - from) as libc::off_t);
        let fd = self.file.as_raw_fd();
        // SAFETY: the descriptor is open for the call; no memory is named.
        let _ = unsafe { libc::posix_fadvise(fd, from, bytes, libc::POSIX_FADV_DONTNEED) };
    }
}

impl FileStore for DataFiles {
    fn list(&mut self) -> Result<Vec<FileInfo>, StoreFault> {
        let directory = &self.directory;
        let listing = |e: io::Error| fault("listing", directory, &e);
        let mut found = Vec::new();
        let entries = faults::call(Step::List, directory, || std::fs::read_dir(directory));
        for entry in entries.map_err(listing)? {
            let entry = entry.map_err(listing)?;
            let Some(name) = entry.file_name().to_str().and_then(parse) else { continue };
            let known = faults::call(Step::Look, &entry.path(), || entry.metadata());
            let bytes = known.map_err(|e| fault("looking at", &entry.path(), &e))?.len();
            found.push(FileInfo { name, bytes });
        }
        found.sort_unstable_by_key(|info| info.name);
        Ok(found)
    }

    fn create(&mut self, name: FileName) -> Result<(), StoreFault> {
        self.forget(name);
        let path = self.path(name);
        // A file that was there is not cut: it may still be open somewhere.
        let old = faults::call(Step::Remove, &path, || std::fs::remove_file(&path));
        if let Err(e) = old
            && e.kind() != io::ErrorKind::NotFound
        {
            return Err(fault("replacing", &path, &e));
        }
        let make = || OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
        let file =
            faults::call(Step::Create, &path, make).map_err(|e| fault("making", &path, &e))?;
        self.begin(name, file, 0);
        Ok(())
    }

    fn append(&mut self, name: FileName, bytes: &[u8]) -> Result<(), StoreFault> {
        self.pace(bytes.len());
        let path = self.path(name);
        let writing = self.writer(name)?;
        let write = || -> io::Result<()> {
            writing.file.write_all(bytes)?;
            writing.bytes += bytes.len() as u64;
            if writing.bytes - writing.started_bytes >= PIECE_BYTES {
                writing.push_out()?;
            }
            Ok(())
        };
        faults::call(Step::Write, &path, write).map_err(|e| fault("writing", &path, &e))
    }

    fn sync(&mut self, name: FileName) -> Result<(), StoreFault> {
        let path = self.path(name);
        let writing = self.writer(name)?;
        let synced = faults::call(Step::Sync, &path, || writing.file.sync_data());
        writing.drop_pages(0, writing.bytes);
        self.writing.retain(|writing| writing.name != name);
        synced.map_err(|e| fault("syncing", &path, &e))
    }

    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), StoreFault> {
        self.forget(from);
        self.forget(to);
        let path = self.path(from);
        let to = self.path(to);
        let renamed = faults::call(Step::Rename, &path, || std::fs::rename(&path, to));
        renamed.map_err(|e| fault("renaming", &path, &e))
    }

    fn remove(&mut self, name: FileName) -> Result<(), StoreFault> {
        self.forget(name);
        let path = self.path(name);
        let removed = faults::call(Step::Remove, &path, || std::fs::remove_file(&path));
        removed.map_err(|e| fault("removing", &path, &e))
    }

    fn sync_directory(&mut self) -> Result<(), StoreFault> {
        let sync = || File::open(&self.directory).and_then(|directory| directory.sync_all());
        let synced = faults::call(Step::SyncDirectory, &self.directory, sync);
        synced.map_err(|e| fault("syncing the directory", &self.directory, &e))
    }

    fn read(
        &mut self,
        name: FileName,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        let path = self.path(name);
        let file = self.reader(name)?;
        let read = || read_at(file, offset_bytes, into);
        faults::call(Step::Read, &path, read).map_err(|e| fault("reading", &path, &e))
    }
}

/// Fills `into`, up to the file's end.
fn read_at(file: &File, offset_bytes: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read_at(&mut into[filled..], offset_bytes + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// A file's name in its directory.
#[must_use]
pub fn text(name: FileName) -> String {
    match name {
        FileName::Snapshot(Index(index)) => format!("snap-{index:016x}.gvs"),
        FileName::SnapshotHalf(Index(index)) => format!("snap-{index:016x}.gvs.tmp"),
        FileName::Reports(number) => format!("rep-{number:016x}.gvr"),
    }
}

/// The name that a text stands for. None if it is not one of ours.
#[must_use]
pub fn parse(text: &str) -> Option<FileName> {
    let number = |digits: &str| {
        let ours = digits.len() == 16 && digits.bytes().all(|b| b"0123456789abcdef".contains(&b));
        ours.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
    };
    if let Some(rest) = text.strip_prefix("snap-") {
        if let Some(digits) = rest.strip_suffix(".gvs.tmp") {
            return number(digits).map(|index| FileName::SnapshotHalf(Index(index)));
        }
        let digits = rest.strip_suffix(".gvs")?;
        return number(digits).map(|index| FileName::Snapshot(Index(index)));
    }
    let digits = text.strip_prefix("rep-")?.strip_suffix(".gvr")?;
    number(digits).map(FileName::Reports)
}

/// Splits the path of a snapshot's file into its directory and its record.
///
/// # Errors
/// [`StoreFault`] if the name is not that of a snapshot.
pub fn snapshot_at(path: &Path) -> Result<(PathBuf, Index), StoreFault> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(parse);
    let Some(FileName::Snapshot(index)) = name else {
        let facts = format!(
            "{} is not named as a snapshot is (snap-<16 hex digits>.gvs); give a data directory, \
             or a snapshot under its own name",
            path.display()
        );
        return Err(refusal(StoreFaultKind::Missing, facts));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")).to_owned(), index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_say_and_nothing_else_is_one() {
        let names = [
            (FileName::Snapshot(Index(0xAB)), "snap-00000000000000ab.gvs"),
            (FileName::SnapshotHalf(Index(1)), "snap-0000000000000001.gvs.tmp"),
            (FileName::Reports(u64::MAX), "rep-ffffffffffffffff.gvr"),
        ];
        for (name, written) in names {
            assert_eq!(text(name), written);
            assert_eq!(parse(written), Some(name));
        }
        let foreign = [
            "snap-ab.gvs",
            "snap-00000000000000AB.gvs",
            "snap-+0000000000000ab.gvs",
            "rep-0000000000000001.gvr.tmp",
            "rep-0000000000000001.gvs",
            "wal-0000000000000001",
            "meta",
            "",
        ];
        for name in foreign {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_path_that_is_no_snapshots_is_refused() {
        let (directory, index) = snapshot_at(Path::new("/data/snap-000000000000000a.gvs")).unwrap();
        assert_eq!((directory.as_path(), index), (Path::new("/data"), Index(10)));
        let why = snapshot_at(Path::new("meta")).unwrap_err();
        assert!(why.facts.contains("not named as a snapshot"), "{why}");
    }
}
