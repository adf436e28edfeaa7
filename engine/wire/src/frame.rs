//! Frames: SOFH (length, encoding type), SBE message header, root block, groups.
//!
//! ```text
//! | u32 BE length, u16 BE 0xEB50 | blockLength templateId schemaId version | block | groups |
//! |         SOFH, 6 bytes        |  message header, 4 x u16 LE, 8 bytes   |
//! |<----------------------- length: the whole, SOFH included ---------------------------->|
//! ```
//!
//! Inputs -> outputs: the front of a byte stream in, one [`Frame`] that borrows from it out.
//! Invariants: a fault is found as soon as the bytes that show it are there, and no later bytes
//! change the verdict.
//! Limits: a frame is at least [`PREAMBLE_BYTES`] and at most what the caller's side may send.
//! Not here: meaning of the block; resynchronisation (after a fault the stream is over).
//! Source: SOFH 1.0; SBE 1.0, message structure.

use crate::server::MAX_SERVER_FRAME_BYTES;
use crate::template::{Block, Grown, Template};
use zerocopy::byteorder::{big_endian, little_endian};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// SBE schema id, in every frame.
pub const SCHEMA_ID: u16 = 18262;

/// Version of the schema that this build speaks.
pub const SCHEMA_VERSION: u16 = 1;

/// SOFH encoding type of SBE 1.0, little endian.
pub const ENCODING_SBE_LE: u16 = 0xEB50;

/// SOFH and SBE message header.
pub const PREAMBLE_BYTES: usize = 14;

/// Longest frame that a client may send: the longest of this version is below 200 bytes, the rest
/// is room for newer ones.
pub const MAX_CLIENT_FRAME_BYTES: usize = 512;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Preamble {
    frame_bytes: big_endian::U32,
    encoding: big_endian::U16,
    block_bytes: little_endian::U16,
    template: little_endian::U16,
    schema: little_endian::U16,
    version: little_endian::U16,
}

const _: () = assert!(size_of::<Preamble>() == PREAMBLE_BYTES);

/// One whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// SBE template id.
    pub template: u16,
    /// Version of the schema that the sender speaks.
    pub version: u16,
    /// Bytes of the whole frame: where the next one begins.
    pub whole_bytes: usize,
    /// The root block, as long as the sender says.
    pub block: &'a [u8],
    /// What follows the root block: groups.
    pub groups: &'a [u8],
}

/// Bytes that are no frame of ours. The stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// Shorter than its own headers, or longer than the limit.
    Length {
        /// Length as found.
        bytes: u32,
    },
    /// Not SBE 1.0 little endian.
    Encoding {
        /// Encoding type as found.
        found: u16,
    },
    /// Another schema.
    Schema {
        /// Schema id as found.
        found: u16,
    },
    /// The root block is longer than the frame.
    Block {
        /// Template as found.
        template: u16,
        /// blockLength as found.
        block_bytes: u16,
    },
}

impl core::fmt::Display for FrameFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length { bytes } => write!(f, "frame length {bytes} is out of bounds"),
            Self::Encoding { found } => {
                write!(
                    f,
                    "encoding type {found:#06x} is not SBE little endian ({ENCODING_SBE_LE:#06x})"
                )
            }
            Self::Schema { found } => write!(f, "schema id {found} is not ours ({SCHEMA_ID})"),
            Self::Block { template, block_bytes } => {
                write!(f, "block of {block_bytes} bytes exceeds the frame of template {template}")
            }
        }
    }
}

/// The first frame of what a client sent; None if it is not whole yet.
///
/// # Errors
/// [`FrameFault`]: close the connection.
pub fn split(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameFault> {
    split_within(bytes, MAX_CLIENT_FRAME_BYTES)
}

/// The first frame of what a server sent; None if it is not whole yet.
///
/// # Errors
/// [`FrameFault`]: close the connection.
pub fn split_server(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameFault> {
    split_within(bytes, MAX_SERVER_FRAME_BYTES)
}

fn split_within(bytes: &[u8], max_bytes: usize) -> Result<Option<Frame<'_>>, FrameFault> {
    let Some((&length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(length);
    let whole_bytes = length as usize;
    if !(PREAMBLE_BYTES..=max_bytes).contains(&whole_bytes) {
        return Err(FrameFault::Length { bytes: length });
    }
    if let Some(&encoding) = rest.first_chunk::<2>() {
        let found = u16::from_be_bytes(encoding);
        if found != ENCODING_SBE_LE {
            return Err(FrameFault::Encoding { found });
        }
    }
    let Ok((preamble, _)) = Preamble::ref_from_prefix(bytes) else { return Ok(None) };
    let template = preamble.template.get();
    if preamble.schema.get() != SCHEMA_ID {
        return Err(FrameFault::Schema { found: preamble.schema.get() });
    }
    let block_bytes = preamble.block_bytes.get();
    if usize::from(block_bytes) > whole_bytes - PREAMBLE_BYTES {
        return Err(FrameFault::Block { template, block_bytes });
    }
    let Some(body) = bytes.get(PREAMBLE_BYTES..whole_bytes) else { return Ok(None) };
    let (block, groups) = body.split_at(usize::from(block_bytes));
    let version = preamble.version.get();
    Ok(Some(Frame { template, version, whole_bytes, block, groups }))
}

/// A block that does not fit its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockFault {
    /// Fields of the template are missing.
    Short,
    /// There is more than the template has, though the sender speaks our version.
    Long,
}

impl<'a> Frame<'a> {
    /// True if the sender's schema is newer, so that it may say more than this build knows.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.version > SCHEMA_VERSION
    }

    /// The root block of a template without groups.
    pub(crate) fn view<T: Template>(&self) -> Result<&'a T, BlockFault> {
        if !self.groups.is_empty() && !self.is_newer() {
            return Err(BlockFault::Long);
        }
        self.view_with_groups()
    }

    /// The root block of a template that has grown: what a sender of version 0 does not say is
    /// absent.
    pub(crate) fn view_grown<T: Grown>(&self) -> Result<T, BlockFault> {
        if self.version > 0 {
            return self.view().copied();
        }
        match self.block.len() {
            _ if !self.groups.is_empty() => Err(BlockFault::Long),
            bytes if bytes < T::FIRST_BYTES => Err(BlockFault::Short),
            bytes if bytes > T::FIRST_BYTES => Err(BlockFault::Long),
            bytes => {
                let mut block = T::absent();
                block.as_mut_bytes()[..bytes].copy_from_slice(self.block);
                Ok(block)
            }
        }
    }

    /// The root block of a template whose groups the caller reads.
    pub(crate) fn view_with_groups<T: Template>(&self) -> Result<&'a T, BlockFault> {
        debug_assert_eq!(self.template, T::ID, "a block is read as its own template");
        let (block, extra) = T::ref_from_prefix(self.block).map_err(|_| BlockFault::Short)?;
        if extra.is_empty() || self.is_newer() { Ok(block) } else { Err(BlockFault::Long) }
    }
}

/// Writes a frame without groups; returns its length.
///
/// # Panics
/// If `out` is shorter than the frame.
pub(crate) fn put<T: Template>(block: &T, out: &mut [u8]) -> usize {
    put_with_groups(block, 0, out)
}

/// Writes a frame's headers and block, and leaves `groups_bytes` behind it to the caller; returns
/// the length of the whole.
///
/// # Panics
/// If `out` is shorter than the frame.
pub(crate) fn put_with_groups<T: Template>(
    block: &T,
    groups_bytes: usize,
    out: &mut [u8],
) -> usize {
    let whole_bytes = PREAMBLE_BYTES + size_of::<T>() + groups_bytes;
    assert!(whole_bytes <= out.len(), "a frame fits the room that it is written to");
    let preamble = Preamble {
        frame_bytes: (whole_bytes as u32).into(),
        encoding: ENCODING_SBE_LE.into(),
        block_bytes: (size_of::<T>() as u16).into(),
        template: T::ID.into(),
        schema: SCHEMA_ID.into(),
        version: SCHEMA_VERSION.into(),
    };
    out[..PREAMBLE_BYTES].copy_from_slice(preamble.as_bytes());
    out[PREAMBLE_BYTES..PREAMBLE_BYTES + size_of::<T>()].copy_from_slice(block.as_bytes());
    whole_bytes
}

/// The part of a block that `B` lays over its beginning, in a frame that was encoded here.
pub(crate) fn block_prefix_mut<B: Block>(frame: &mut [u8]) -> Option<&mut B> {
    let block = frame.get_mut(PREAMBLE_BYTES..)?;
    B::mut_from_prefix(block).ok().map(|(prefix, _)| prefix)
}
