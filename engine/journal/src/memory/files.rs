//! Files beside the log, in memory: the simulated [`FileStore`], as hostile as POSIX allows.
//!
//! ```text
//! create, append, rename, remove -> what a process sees      what survives a crash for sure
//!                                       |                            ^
//!                                       +-- sync: content ----------/|
//!                                       +-- sync_directory: names ---/
//! crash(seed): of bytes not synced any length and any set of sectors is kept, the rest zeros or
//! junk; of changes to names not synced each is kept or lost by itself, in no order: a rename may
//! leave both names, or neither
//! ```
//!
//! Inputs -> outputs: what [`FileStore`] says; orders from the driver through [`MemoryDisk`].
//! Invariants: content that was synced, under a name that was synced, survives every crash. A sync
//! that failed has lost what it was for: a later one of the same file succeeds and saves only what
//! was appended since.
//! Limits: everything is in memory; files without a name are dropped when the directory is synced.
//! Not here: time; the log's segments (disk.rs).

#[cfg(test)]
mod tests;

use super::disk::fault;
use super::{MemoryDisk, Random};
use crate::format::SECTOR_BYTES;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use gavel_contract::{FileInfo, FileName, FileStore, StoreFault, StoreFaultKind};

/// What a sector that was lost may hold instead of zeros.
const JUNK: u8 = 0xa5;

/// Number of a file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Inode(u64);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Content {
    bytes: Vec<u8>,
    /// What lies below was synced, or lost by a sync that failed.
    synced: usize,
    /// What syncs that failed were for.
    lost: Vec<Range<usize>>,
}

/// What goes wrong with files.
#[derive(Clone, Debug, Default)]
pub(super) struct FileFaults {
    /// The call after so many fails.
    after: Option<(u64, StoreFaultKind)>,
    /// Nothing more fits.
    full: bool,
}

/// All files of a disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    contents: BTreeMap<Inode, Content>,
    /// As a process sees them.
    names: BTreeMap<FileName, Inode>,
    /// As they surely survive.
    kept: BTreeMap<FileName, Inode>,
    /// Changes that may survive or not, in the order in which they were made.
    changes: Vec<(FileName, Option<Inode>)>,
    next: u64,
    calls: u64,
    failed: u64,
    faults: FileFaults,
}

impl Files {
    /// A call: fails if it is this one's turn, or if it needs room and there is none.
    fn call(&mut self, what: &str, name: FileName, needs_room: bool) -> Result<(), StoreFault> {
        self.calls += 1;
        let mut failed = |kind| {
            self.failed += 1;
            Err(fault(kind, &format!("{what} {name:?}")))
        };
        if let Some((calls, kind)) = &mut self.faults.after {
            if *calls == 0 {
                let kind = *kind;
                self.faults.after = None;
                return failed(kind);
            }
            *calls -= 1;
        }
        if needs_room && self.faults.full {
            return failed(StoreFaultKind::Full);
        }
        Ok(())
    }

    fn set(&mut self, name: FileName, inode: Option<Inode>) {
        match inode {
            Some(inode) => drop(self.names.insert(name, inode)),
            None => drop(self.names.remove(&name)),
        }
        self.changes.push((name, inode));
    }

    fn inode(&self, what: &str, name: FileName) -> Result<Inode, StoreFault> {
        let missing = || fault(StoreFaultKind::Missing, &format!("{what} {name:?}"));
        self.names.get(&name).copied().ok_or_else(missing)
    }

    fn content_mut(&mut self, inode: Inode) -> &mut Content {
        self.contents.get_mut(&inode).expect("a name has a file")
    }

    fn make(&mut self, bytes: Vec<u8>) -> Inode {
        self.next += 1;
        let inode = Inode(self.next);
        self.contents.insert(inode, Content { synced: bytes.len(), bytes, lost: Vec::new() });
        inode
    }

    fn append(&mut self, name: FileName, bytes: &[u8]) -> Result<(), StoreFault> {
        let inode = self.inode("appending to", name)?;
        let outcome = self.call("appending to", name, true);
        // What fails may have been done in part.
        let taken = if outcome.is_ok() { bytes.len() } else { bytes.len() / 2 };
        self.content_mut(inode).bytes.extend_from_slice(&bytes[..taken]);
        outcome
    }

    fn sync(&mut self, name: FileName) -> Result<(), StoreFault> {
        let inode = self.inode("syncing", name)?;
        let outcome = self.call("syncing", name, false);
        let content = self.content_mut(inode);
        let synced = core::mem::replace(&mut content.synced, content.bytes.len());
        if outcome.is_err() && synced < content.bytes.len() {
            content.lost.push(synced..content.bytes.len());
        }
        outcome
    }

    /// (A failure leaves the names as they were; the next success is for these as well: a file
    /// system that cannot write its directories does not go on.)
    fn sync_directory(&mut self) -> Result<(), StoreFault> {
        self.call("syncing the directory of", FileName::Reports(0), false)?;
        self.settle();
        Ok(())
    }

    fn settle(&mut self) {
        self.changes.clear();
        self.kept = self.names.clone();
        let kept = &self.kept;
        self.contents.retain(|inode, _| kept.values().any(|named| named == inode));
    }

    /// What is left if the host fails now.
    pub(super) fn crash(&self, random: &mut Random) -> Self {
        let mut names = self.kept.clone();
        for (name, inode) in &self.changes {
            match (random.one_in(2), inode) {
                (false, _) => {}
                (true, Some(inode)) => drop(names.insert(*name, *inode)),
                (true, None) => drop(names.remove(name)),
            }
        }
        let contents = self.contents.iter().map(|(inode, content)| (*inode, content.crash(random)));
        let contents = contents.collect();
        let mut left = Self { contents, names, next: self.next, ..Self::default() };
        left.settle();
        left
    }

    /// What surely survives a crash, and nothing else.
    pub(super) fn least(&self) -> Self {
        let least = |content: &Content| {
            let bytes = content.bytes[..content.synced].to_vec();
            let mut least = Content { bytes, ..Content::default() };
            content.lost.iter().for_each(|range| least.bytes[range.clone()].fill(0));
            least.synced = least.bytes.len();
            least
        };
        let contents = self.contents.iter().map(|(inode, content)| (*inode, least(content)));
        let (contents, names) = (contents.collect(), self.kept.clone());
        let mut left = Self { contents, names, next: self.next, ..Self::default() };
        left.settle();
        left
    }
}

impl Content {
    fn crash(&self, random: &mut Random) -> Self {
        let mut bytes = self.bytes.clone();
        for range in &self.lost {
            lose_sectors(&mut bytes, range.clone(), random);
        }
        let end = bytes.len();
        let fresh = end - self.synced;
        if fresh > 0 {
            match random.below(4) {
                0 => bytes.truncate(self.synced),
                1 => {}
                2 => bytes.truncate(self.synced + random.below(fresh)),
                // Its length came through, and its bytes in part.
                _ => {
                    lose_sectors(&mut bytes, self.synced..end, random);
                    bytes.truncate(end - random.below(2) * random.below(fresh));
                }
            }
        }
        Self { synced: bytes.len(), bytes, lost: Vec::new() }
    }
}

/// Loses some sectors of a range, more or less of them.
fn lose_sectors(bytes: &mut [u8], range: Range<usize>, random: &mut Random) {
    let one_in = if random.one_in(2) { 2 } else { 16 };
    let fill = if random.one_in(2) { 0 } else { JUNK };
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
        if random.one_in(one_in) {
            bytes[at..end].fill(fill);
        }
        at = end;
    }
}

/// Files beside the log.
#[derive(Debug)]
pub struct MemoryFiles {
    disk: MemoryDisk,
}

impl MemoryDisk {
    /// A store of files over this disk.
    #[must_use]
    pub fn files(&self) -> MemoryFiles {
        MemoryFiles { disk: self.clone() }
    }

    /// Calls that stores of files were given, failed ones included.
    #[must_use]
    pub fn file_calls(&self) -> u64 {
        self.lock().files.calls
    }

    /// Calls that were made to fail.
    #[must_use]
    pub fn file_calls_failed(&self) -> u64 {
        self.lock().files.failed
    }

    /// The call to files after so many more fails.
    pub fn fail_file_call_after(&self, calls: u64, kind: StoreFaultKind) {
        self.lock().files.faults.after = Some((calls, kind));
    }

    /// While full, no file is made and nothing is appended.
    pub fn set_files_full(&self, full: bool) {
        self.lock().files.faults.full = full;
    }

    /// Every file's name, as a process sees them.
    #[must_use]
    pub fn file_names(&self) -> Vec<FileName> {
        self.lock().files.names.keys().copied().collect()
    }

    /// The bytes of a file, as a process sees them.
    #[must_use]
    pub fn file_bytes(&self, name: FileName) -> Option<Vec<u8>> {
        let disk = self.lock();
        let inode = disk.files.names.get(&name)?;
        Some(disk.files.contents[inode].bytes.clone())
    }

    /// Puts a file of any content in place, safe at once.
    pub fn put_file(&self, name: FileName, bytes: Vec<u8>) {
        let files = &mut self.lock().files;
        let inode = files.make(bytes);
        files.names.insert(name, inode);
        files.kept.insert(name, inode);
        files.changes.retain(|(changed, _)| *changed != name);
    }

    /// Rot: one bit of a file turns. False if there is no such byte.
    pub fn flip_file_bit(&self, name: FileName, offset_bytes: u64, bit: u8) -> bool {
        let files = &mut self.lock().files;
        let Some(inode) = files.names.get(&name).copied() else { return false };
        let byte = files.content_mut(inode).bytes.get_mut(offset_bytes as usize);
        byte.map(|byte| *byte ^= 1 << (bit % 8)).is_some()
    }
}

impl FileStore for MemoryFiles {
    fn list(&mut self) -> Result<Vec<FileInfo>, StoreFault> {
        let files = &mut self.disk.lock().files;
        files.call("listing", FileName::Reports(0), false)?;
        let info = |(name, inode): (&FileName, &Inode)| FileInfo {
            name: *name,
            bytes: files.contents[inode].bytes.len() as u64,
        };
        Ok(files.names.iter().map(info).collect())
    }

    fn create(&mut self, name: FileName) -> Result<(), StoreFault> {
        let files = &mut self.disk.lock().files;
        files.call("making", name, true)?;
        let inode = files.make(vec![]);
        files.set(name, Some(inode));
        Ok(())
    }

    fn append(&mut self, name: FileName, bytes: &[u8]) -> Result<(), StoreFault> {
        self.disk.lock().files.append(name, bytes)
    }

    fn sync(&mut self, name: FileName) -> Result<(), StoreFault> {
        self.disk.lock().files.sync(name)
    }

    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), StoreFault> {
        let files = &mut self.disk.lock().files;
        let inode = files.inode("renaming", from)?;
        files.call("renaming", from, false)?;
        files.set(to, Some(inode));
        files.set(from, None);
        Ok(())
    }

    fn remove(&mut self, name: FileName) -> Result<(), StoreFault> {
        let files = &mut self.disk.lock().files;
        files.inode("removing", name)?;
        files.call("removing", name, false)?;
        files.set(name, None);
        Ok(())
    }

    fn sync_directory(&mut self) -> Result<(), StoreFault> {
        self.disk.lock().files.sync_directory()
    }

    fn read(
        &mut self,
        name: FileName,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        let files = &mut self.disk.lock().files;
        let inode = files.inode("reading", name)?;
        files.call("reading", name, false)?;
        let bytes = &files.contents[&inode].bytes;
        let from = bytes.len().min(offset_bytes as usize);
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }
}
