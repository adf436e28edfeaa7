//! The file's parts as bytes.

use super::read::BadSnapshot;
use gavel_journal::recovery::{LogPoint, LogPointBytes};
use gavel_types::{Index, Stamp};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Version of the file's form that this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Version of the machine whose state this build writes and reads (SAFETY 22).
pub const MACHINE_VERSION: u32 = 1;

/// Raw bytes of every chunk but the last, which may have fewer.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Most packed bytes of a chunk: no codec makes much more of what it cannot pack.
pub(super) const PACKED_BYTES_MAX: usize = CHUNK_BYTES + CHUNK_BYTES / 16;

const MAGIC: [u8; 8] = *b"GVLSNAP\n";
pub(super) const CHUNK_TAG: [u8; 4] = *b"CHNK";
pub(super) const END_TAG: [u8; 4] = *b"DONE";

/// What stands at the head of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Digest of what the machine's answers depend on beside the log.
    pub configuration: u64,
    /// Of the last record that the state holds.
    pub node_digest: u64,
    /// The book digest of that state.
    pub book_digest: u64,
    /// Where the log goes on.
    pub point: LogPoint,
    /// The last file of stored reports that is complete with this snapshot; 0 if there is none.
    pub reports_file: u64,
    /// Live orders, for people.
    pub live_orders: u64,
    /// Sessions, for people.
    pub sessions: u32,
    /// How the chunks are packed.
    pub codec: u8,
}

impl Header {
    /// Stamp of the last record that the state holds.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.point.last
    }

    /// Index of that record: the snapshot's name.
    #[must_use]
    pub const fn index(&self) -> Index {
        self.point.last.index
    }
}

/// The same for every version: so that a newer one can be told from a damaged one.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 8],
    version: U32,
    /// CRC32C of what is before it.
    crc: U32,
}

/// Header of version 1.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct HeaderBytes {
    head: Head,
    machine: U32,
    chunk_bytes: U32,
    configuration: U64,
    node_digest: U64,
    book_digest: U64,
    point: LogPointBytes,
    reports_file: U64,
    live_orders: U64,
    sessions: U32,
    codec: u8,
    reserved: [u8; 7],
    /// CRC32C of what is before it.
    crc: U32,
}

const HEAD_CRC_AT: usize = 12;
const CRC_BYTES: usize = 4;
pub(super) const HEADER_BYTES: usize = size_of::<HeaderBytes>();
const _: () = assert!(size_of::<Head>() == HEAD_CRC_AT + CRC_BYTES);
const _: () = assert!(HEADER_BYTES == 16 + 8 + 24 + 96 + 16 + 12 + 4);

impl HeaderBytes {
    pub(super) fn of(header: &Header) -> Self {
        let mut head = Head { magic: MAGIC, version: FORMAT_VERSION.into(), crc: 0.into() };
        head.crc = crc32c::crc32c(&head.as_bytes()[..HEAD_CRC_AT]).into();
        let mut bytes = Self {
            head,
            machine: MACHINE_VERSION.into(),
            chunk_bytes: (CHUNK_BYTES as u32).into(),
            configuration: header.configuration.into(),
            node_digest: header.node_digest.into(),
            book_digest: header.book_digest.into(),
            point: (&header.point).into(),
            reports_file: header.reports_file.into(),
            live_orders: header.live_orders.into(),
            sessions: header.sessions.into(),
            codec: header.codec,
            reserved: [0; 7],
            crc: 0.into(),
        };
        bytes.crc = crc32c::crc32c(&bytes.as_bytes()[..HEADER_BYTES - CRC_BYTES]).into();
        bytes
    }

    /// The values, if they are those of a snapshot that this build reads.
    pub(super) fn read(bytes: &[u8]) -> Result<Header, BadSnapshot> {
        let damaged = |what| Err(BadSnapshot::Damaged { what, offset_bytes: 0 });
        let Ok((head, _)) = Head::ref_from_prefix(bytes) else {
            return damaged("the file is shorter than a header");
        };
        if head.magic != MAGIC || head.crc.get() != crc32c::crc32c(&bytes[..HEAD_CRC_AT]) {
            return damaged("the file does not begin as a snapshot does");
        }
        if head.version.get() != FORMAT_VERSION {
            return Err(BadSnapshot::Format { version: head.version.get() });
        }
        let Ok((header, _)) = Self::ref_from_prefix(bytes) else {
            return damaged("the file is shorter than a header");
        };
        if header.crc.get() != crc32c::crc32c(&bytes[..HEADER_BYTES - CRC_BYTES]) {
            return damaged("the header's checksum is wrong");
        }
        if header.machine.get() != MACHINE_VERSION {
            return Err(BadSnapshot::Machine { version: header.machine.get() });
        }
        if header.chunk_bytes.get() as usize != CHUNK_BYTES || header.reserved != [0; 7] {
            return damaged("the header says what none of this version says");
        }
        let point = LogPoint::try_from(&header.point).map_err(BadSnapshot::State)?;
        Ok(Header {
            configuration: header.configuration.get(),
            node_digest: header.node_digest.get(),
            book_digest: header.book_digest.get(),
            point,
            reports_file: header.reports_file.get(),
            live_orders: header.live_orders.get(),
            sessions: header.sessions.get(),
            codec: header.codec,
        })
    }
}

/// Before each chunk, and, with another tag, behind the last.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Mark {
    pub(super) tag: [u8; 4],
    /// Of the packed bytes; at the end: of all chunks' CRCs.
    pub(super) body_crc: U32,
    /// Raw bytes; at the end: of all chunks.
    pub(super) raw_bytes: U64,
    /// Packed bytes; at the end: of all chunks.
    pub(super) packed_bytes: U64,
    /// Number of the chunk, from 0; at the end: how many there are.
    pub(super) chunk: U32,
    /// CRC32C of what is before it.
    crc: U32,
}

pub(super) const MARK_BYTES: usize = size_of::<Mark>();
const _: () = assert!(MARK_BYTES == 32);

impl Mark {
    pub(super) fn new(
        tag: [u8; 4],
        body_crc: u32,
        raw_bytes: u64,
        packed_bytes: u64,
        chunk: u32,
    ) -> Self {
        let mut mark = Self {
            tag,
            body_crc: body_crc.into(),
            raw_bytes: raw_bytes.into(),
            packed_bytes: packed_bytes.into(),
            chunk: chunk.into(),
            crc: 0.into(),
        };
        mark.crc = crc32c::crc32c(&mark.as_bytes()[..MARK_BYTES - CRC_BYTES]).into();
        mark
    }

    /// None if the bytes are none, or damaged.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (mark, _) = Self::read_from_prefix(bytes).ok()?;
        let good = mark.crc.get() == crc32c::crc32c(&bytes[..MARK_BYTES - CRC_BYTES]);
        good.then_some(mark)
    }
}
