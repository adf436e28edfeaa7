//! zstd behind the codec port.
//!
//! Inputs -> outputs: bytes -> fewer bytes, and back.
//! Invariants: no more is unpacked than was asked for, whatever the packed bytes say.
//! Limits: what a caller packs at once, 2 GiB at most.
//! Not here: what the bytes are; checksums.
//! Source: RFC 8878.

use gavel_contract::{BadState, Codec};
use zstd::bulk::{Compressor, Decompressor};

/// Level: the fastest of the ordinary ones. A state packs to about a third at it, at several times
/// the speed of the disk.
const LEVEL: i32 = 1;

/// Packs with zstd.
pub struct Zstd {
    pack: Compressor<'static>,
    unpack: Decompressor<'static>,
}

impl core::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Zstd").field("level", &LEVEL).finish_non_exhaustive()
    }
}

impl Zstd {
    /// A codec with contexts of its own.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { pack: Compressor::new(LEVEL)?, unpack: Decompressor::new()? })
    }
}

impl Codec for Zstd {
    fn id(&self) -> u8 {
        1
    }

    fn pack(&mut self, raw: &[u8], into: &mut Vec<u8>) {
        into.clear();
        into.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let packed = self.pack.compress_to_buffer(raw, into);
        packed.expect("packing cannot fail with as much room as it may need");
    }

    fn unpack(
        &mut self,
        packed: &[u8],
        raw_bytes: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), BadState> {
        into.clear();
        into.reserve(raw_bytes);
        let unpacked = self.unpack.decompress_to_buffer(packed, into);
        match unpacked {
            Ok(bytes) if bytes == raw_bytes => Ok(()),
            Ok(_) => Err(BadState { what: "packed bytes that hold more or less than they should" }),
            Err(_) => Err(BadState { what: "bytes that are not packed as they should be" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|i| (i * i / 977) as u8 ^ (i / 64) as u8).collect()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut codec = Zstd::new().unwrap();
        let (mut packed, mut raw) = (Vec::new(), Vec::new());
        for bytes in [0, 1, 100, 65_536, 1 << 20] {
            let sample = sample(bytes);
            codec.pack(&sample, &mut packed);
            codec.unpack(&packed, bytes, &mut raw).unwrap();
            assert_eq!(raw, sample);
        }
    }

    #[test]
    fn neither_more_nor_less_than_asked_for_is_unpacked() {
        let mut codec = Zstd::new().unwrap();
        let mut packed = Vec::new();
        codec.pack(&vec![7; 1 << 20], &mut packed);
        assert!(packed.len() < 1_000, "a bomb, as it were");
        for asked in [0, 1, 4_096, (1 << 20) - 1, (1 << 20) + 1] {
            let mut raw = Vec::new();
            codec.unpack(&packed, asked, &mut raw).unwrap_err();
            assert!(raw.capacity() <= asked.max(64) * 2, "{} for {asked}", raw.capacity());
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_bytes_and_never_more() {
        let mut codec = Zstd::new().unwrap();
        let (mut packed, mut raw) = (Vec::new(), Vec::new());
        codec.pack(&sample(10_000), &mut packed);
        for at in 0..packed.len() {
            let mut bad = packed.clone();
            bad[at] ^= 0x55;
            if codec.unpack(&bad, 10_000, &mut raw).is_ok() {
                assert_eq!(raw.len(), 10_000);
            }
            codec.unpack(&packed[..at], 10_000, &mut raw).unwrap_err();
        }
        // It is none the worse for it.
        codec.unpack(&packed, 10_000, &mut raw).unwrap();
        assert_eq!(raw, sample(10_000));
    }
}
