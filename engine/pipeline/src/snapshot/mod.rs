//! Snapshots: the state after one record of the log, in a file of its own.
//!
//! ```text
//! | header | chunk | packed bytes | chunk | packed bytes | ... | end |     nothing behind
//!            \ raw and packed length, CRC32C              \ chunks, raw bytes, CRC of the CRCs
//! ```
//!
//! Inputs -> outputs: a machine and where the log goes on -> a file; a file -> that machine, or why
//! it is none.
//! Invariants: a file has its name only when all of it is durable. A state is taken from a file
//! only if every checksum is good, nothing is missing or left over, and the state's digest is the
//! one that the header names. No length in a file is believed before it is checked.
//! Limits: one chunk in memory, raw and packed, whatever the file's length.
//! Not here: when one is written and which are kept (the shadow), what a state is made of (the
//! machine), how bytes are packed (the codec).

mod format;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use format::{CHUNK_BYTES, FORMAT_VERSION, Header, MACHINE_VERSION};
pub use read::{BadSnapshot, Contents, Read, check, header, restore};
pub(crate) use write::{Written, write};

use alloc::vec::Vec;
use gavel_contract::{BadState, Codec, FileName, FileStore, StoreFault};
use gavel_types::Index;

/// The codec that packs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Codec for Plain {
    fn id(&self) -> u8 {
        0
    }

    fn pack(&mut self, raw: &[u8], into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(raw);
    }

    fn unpack(
        &mut self,
        packed: &[u8],
        raw_bytes: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), BadState> {
        if packed.len() != raw_bytes {
            return Err(BadState { what: "packed bytes of another length than they should have" });
        }
        self.pack(packed, into);
        Ok(())
    }
}

/// The snapshots that there are, newest first.
///
/// # Errors
/// [`StoreFault`] if the files cannot be listed.
pub fn list(files: &mut impl FileStore) -> Result<Vec<Index>, StoreFault> {
    let mut found: Vec<Index> = files
        .list()?
        .iter()
        .filter_map(|file| match file.name {
            FileName::Snapshot(index) => Some(index),
            FileName::SnapshotHalf(_) | FileName::Reports(_) => None,
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}
