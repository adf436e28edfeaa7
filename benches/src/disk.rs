//! The floor of a durable commit: one 4 KiB write, durable, into a pre-written file.

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::ReadWriteFlags;
use std::fs::File;
use std::io::IoSlice;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// Bytes of one write.
pub const BLOCK_BYTES: usize = 4_096;
/// Bytes of the file, all written before use.
const FILE_BYTES: usize = 32 << 20;

/// A file that is ready for durable writes: O_DIRECT, pre-written.
#[derive(Debug)]
pub struct Disk {
    file: std::os::fd::OwnedFd,
    buffer: Vec<u8>,
    start: usize,
    offset: usize,
}

impl Disk {
    /// Makes the file in `directory`.
    ///
    /// # Errors
    /// If the filesystem cannot write it, or not with O_DIRECT.
    pub fn new(directory: &Path) -> Result<Self> {
        let path = directory.join("floor.bin");
        let zeros = vec![0_u8; 1 << 20];
        let plain = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            plain.write_all_at(&zeros, at as u64)?;
        }
        plain.sync_all()?;
        let flags = OFlags::WRONLY | OFlags::DIRECT | OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, Mode::empty())
            .with_context(|| format!("{} does not open with O_DIRECT", path.display()))?;
        let buffer = vec![0x5A_u8; 2 * BLOCK_BYTES];
        let start = buffer.as_ptr().align_offset(BLOCK_BYTES);
        Ok(Self { file, buffer, start, offset: 0 })
    }

    /// One durable write; returns its time (ns).
    ///
    /// # Errors
    /// If it fails.
    pub fn write(&mut self) -> Result<u64> {
        let slice = IoSlice::new(&self.buffer[self.start..self.start + BLOCK_BYTES]);
        let began = Instant::now();
        let written =
            rustix::io::pwritev2(&self.file, &[slice], self.offset as u64, ReadWriteFlags::DSYNC)?;
        let took = began.elapsed().as_nanos() as u64;
        anyhow::ensure!(written == BLOCK_BYTES, "a write was short: {written} bytes");
        self.offset = (self.offset + BLOCK_BYTES) % FILE_BYTES;
        Ok(took)
    }
}
