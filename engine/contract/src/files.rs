//! The port for files beside the log (snapshots, stored reports), and the one that packs bytes.
//!
//! Used by housekeeping agents only, so calls may block, unlike those of the log's store: whoever
//! writes a snapshot has nothing else to do, and every call is one step that can fail or be the
//! last before a crash.

use crate::{BadState, StoreFault};
use alloc::vec::Vec;
use gavel_types::Index;

/// Name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// A snapshot of the state after the record at this index.
    Snapshot(Index),
    /// A snapshot that is being written: not one yet.
    SnapshotHalf(Index),
    /// Stored reports; files are numbered from 1.
    Reports(u64),
}

/// A file as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name.
    pub name: FileName,
    /// Its length.
    pub bytes: u64,
}

/// Files beside the log. What was appended survives a crash once [`FileStore::sync`] returned, and
/// a name once [`FileStore::sync_directory`] did; before that either may be lost, or not.
pub trait FileStore {
    /// Every file there is, by name.
    ///
    /// # Errors
    /// [`StoreFault`] if they cannot be listed.
    fn list(&mut self) -> Result<Vec<FileInfo>, StoreFault>;

    /// Makes a file without content; one of that name is replaced.
    ///
    /// # Errors
    /// [`StoreFault`]; its kind says whether there was no room.
    fn create(&mut self, name: FileName) -> Result<(), StoreFault>;

    /// Writes at the end of a file. After a fault the file's end is unknown.
    ///
    /// # Errors
    /// [`StoreFault`]; its kind says whether there was no room.
    fn append(&mut self, name: FileName, bytes: &[u8]) -> Result<(), StoreFault>;

    /// Makes a file's content durable. Never called again after a fault: the file is given up.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn sync(&mut self, name: FileName) -> Result<(), StoreFault>;

    /// Gives a file another name; one that has it is replaced.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), StoreFault>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn remove(&mut self, name: FileName) -> Result<(), StoreFault>;

    /// Makes names durable: of files made, renamed and removed so far.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn sync_directory(&mut self) -> Result<(), StoreFault>;

    /// Fills `into` from a file; returns how many bytes there were before its end.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn read(
        &mut self,
        name: FileName,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault>;
}

/// Packs bytes and unpacks them.
pub trait Codec {
    /// Names the codec in files: 0 stands for none, 1 for zstd.
    fn id(&self) -> u8;

    /// Packs `raw` into `into`, whose content is replaced.
    fn pack(&mut self, raw: &[u8], into: &mut Vec<u8>);

    /// Unpacks exactly `raw_bytes` into `into`, whose content is replaced. Never makes more,
    /// whatever the packed bytes say.
    ///
    /// # Errors
    /// [`BadState`] if they are not the packed form of so many bytes.
    fn unpack(
        &mut self,
        packed: &[u8],
        raw_bytes: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), BadState>;
}
