//! A machine's state on its way into a file.

use super::format::{
    CHUNK_BYTES, CHUNK_TAG, END_TAG, Header, HeaderBytes, MARK_BYTES, Mark, PACKED_BYTES_MAX,
};
use alloc::vec::Vec;
use gavel_contract::{Codec, FileName, FileStore, StateSink, StoreFault};
use zerocopy::IntoBytes;

/// What a snapshot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) raw_bytes: u64,
    pub(crate) file_bytes: u64,
}

/// Writes a snapshot: half of one first, which gets its name when it is durable. (The name itself
/// is once the directory is synced.) `save` puts the state; between chunks `meanwhile` gets a turn,
/// so that nobody waits for a long snapshot.
///
/// # Errors
/// [`StoreFault`]: what there is of it then is to be removed.
pub(crate) fn write<F: FileStore, C: Codec>(
    files: &mut F,
    codec: &mut C,
    header: &Header,
    mut meanwhile: impl FnMut(&mut F, &mut C),
    save: impl FnOnce(&mut Sink<'_, F, C>),
) -> Result<Written, StoreFault> {
    let half = FileName::SnapshotHalf(header.index());
    files.create(half)?;
    let head = HeaderBytes::of(header);
    files.append(half, head.as_bytes())?;
    let mut sink = Sink {
        files,
        codec,
        meanwhile: &mut meanwhile,
        name: half,
        raw: Vec::with_capacity(CHUNK_BYTES),
        packed: Vec::with_capacity(PACKED_BYTES_MAX),
        chunks: 0,
        crcs: 0,
        raw_bytes: 0,
        packed_bytes: 0,
        fault: None,
    };
    save(&mut sink);
    let written = sink.finish()?;
    files.sync(half)?;
    files.rename(half, FileName::Snapshot(header.index()))?;
    let file_bytes = written.file_bytes + head.as_bytes().len() as u64;
    Ok(Written { file_bytes, ..written })
}

/// Takes a state, chunk by chunk. After a fault it takes nothing more.
pub(crate) struct Sink<'a, F, C> {
    files: &'a mut F,
    codec: &'a mut C,
    meanwhile: &'a mut dyn FnMut(&mut F, &mut C),
    name: FileName,
    raw: Vec<u8>,
    packed: Vec<u8>,
    chunks: u32,
    crcs: u32,
    raw_bytes: u64,
    packed_bytes: u64,
    fault: Option<StoreFault>,
}

impl<F: FileStore, C: Codec> Sink<'_, F, C> {
    fn flush(&mut self) -> Result<(), StoreFault> {
        self.codec.pack(&self.raw, &mut self.packed);
        assert!(self.packed.len() <= PACKED_BYTES_MAX, "packing does not make much more of it");
        let crc = crc32c::crc32c(&self.packed);
        let (raw, packed) = (self.raw.len() as u64, self.packed.len() as u64);
        let mark = Mark::new(CHUNK_TAG, crc, raw, packed, self.chunks);
        self.files.append(self.name, mark.as_bytes())?;
        self.files.append(self.name, &self.packed)?;
        self.crcs = crc32c::crc32c_append(self.crcs, &crc.to_le_bytes());
        self.chunks += 1;
        self.raw_bytes += raw;
        self.packed_bytes += packed;
        self.raw.clear();
        (self.meanwhile)(self.files, self.codec);
        Ok(())
    }

    fn finish(mut self) -> Result<Written, StoreFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.raw.is_empty() {
            self.flush()?;
        }
        let end = Mark::new(END_TAG, self.crcs, self.raw_bytes, self.packed_bytes, self.chunks);
        self.files.append(self.name, end.as_bytes())?;
        let marks = (u64::from(self.chunks) + 1) * MARK_BYTES as u64;
        Ok(Written { raw_bytes: self.raw_bytes, file_bytes: self.packed_bytes + marks })
    }
}

impl<F: FileStore, C: Codec> StateSink for Sink<'_, F, C> {
    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.fault.is_none() {
            let taken = bytes.len().min(CHUNK_BYTES - self.raw.len());
            self.raw.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.raw.len() == CHUNK_BYTES {
                self.fault = self.flush().err();
            }
        }
    }
}
