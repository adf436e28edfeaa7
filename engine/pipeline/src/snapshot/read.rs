//! A file on its way to a machine's state, believing nothing.

use super::format::{
    CHUNK_BYTES, CHUNK_TAG, END_TAG, FORMAT_VERSION, HEADER_BYTES, Header, HeaderBytes,
    MACHINE_VERSION, MARK_BYTES, Mark, PACKED_BYTES_MAX,
};
use crate::session::Sessioned;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{
    BadState, Clock, Codec, FileName, FileStore, Machine, StateSource, StoreFault,
};
use gavel_types::{Index, Nanos};

/// Why a file gives no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSnapshot {
    /// It cannot be read.
    Fault(StoreFault),
    /// Its bytes are not those that were written.
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// About where.
        offset_bytes: u64,
    },
    /// The checksums are good, and yet it is no state.
    State(BadState),
    /// The state that came of it is not the one that the header names.
    Digest {
        /// By the header.
        named: u64,
        /// Of the state.
        found: u64,
    },
    /// It has another format than this build reads.
    Format {
        /// Its version.
        version: u32,
    },
    /// It is of another machine than this build has.
    Machine {
        /// Its version.
        version: u32,
    },
    /// Its chunks are packed as this build cannot.
    Codec {
        /// The codec's number.
        codec: u8,
    },
    /// It was taken under other instruments or limits.
    Configuration {
        /// Their digest.
        named: u64,
        /// Digest of what this start was given.
        given: u64,
    },
}

impl BadSnapshot {
    /// True if an older one may serve instead; false if it is whole, and meant for another build or
    /// configuration.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Fault(_) | Self::Damaged { .. } | Self::State(_) | Self::Digest { .. })
    }
}

impl core::fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Damaged { what, offset_bytes } => write!(f, "at byte {offset_bytes}: {what}"),
            Self::State(bad) => write!(f, "its checksums are good, but {bad}"),
            Self::Digest { named, found } => write!(
                f,
                "it says that its state has the digest {named:016x}, and what came of it has \
                 {found:016x}"
            ),
            Self::Format { version } => write!(
                f,
                "it has format version {version}, and this build reads {FORMAT_VERSION}. Start the \
                 build that wrote it"
            ),
            Self::Machine { version } => write!(
                f,
                "it is of machine version {version}, and this build has {MACHINE_VERSION}. Start \
                 the build that wrote it"
            ),
            Self::Codec { codec } => write!(
                f,
                "it is packed with codec {codec}, which this build does not have. Start the build \
                 that wrote it"
            ),
            Self::Configuration { named, given } => write!(
                f,
                "it was taken with other instruments or limits ({named:016x}) than this start was \
                 given ({given:016x}). Start with the [[symbol]] list, the [book] section and \
                 sessions.sessions_max of before, or with an empty data directory"
            ),
        }
    }
}

impl core::error::Error for BadSnapshot {}

/// What a snapshot that was read through holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its header.
    pub header: Header,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of the state.
    pub raw_bytes: u64,
    /// Chunks.
    pub chunks: u32,
}

/// What a restored snapshot holds, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it holds.
    pub contents: Contents,
    /// Time for reading, checking and unpacking.
    pub reading: Nanos,
    /// Time for making a state of it.
    pub restoring: Nanos,
}

/// Reads a snapshot's header.
///
/// # Errors
/// [`BadSnapshot`].
pub fn header(files: &mut impl FileStore, index: Index) -> Result<Header, BadSnapshot> {
    let mut bytes = [0; HEADER_BYTES];
    let name = FileName::Snapshot(index);
    let there = files.read(name, 0, &mut bytes).map_err(BadSnapshot::Fault)?;
    let header = HeaderBytes::read(&bytes[..there])?;
    if header.index() != index {
        let what = "the header is another snapshot's than the name";
        return Err(BadSnapshot::Damaged { what, offset_bytes: 0 });
    }
    Ok(header)
}

/// Reads a snapshot through and checks every checksum, without making a state of it.
///
/// # Errors
/// [`BadSnapshot`].
pub fn check<F: FileStore, C: Codec>(
    files: &mut F,
    codec: &mut C,
    index: Index,
) -> Result<Contents, BadSnapshot> {
    let mut source = Source::open(files, codec, index, None)?;
    while source.next_chunk()? {}
    source.finish()
}

/// Makes a snapshot's state the machine's, which was just made. `clock` tells what it cost.
///
/// # Errors
/// [`BadSnapshot`]; the machine is to be thrown away then.
pub fn restore<M: Machine, F: FileStore, C: Codec>(
    files: &mut F,
    codec: &mut C,
    index: Index,
    given: u64,
    machine: &mut Sessioned<M>,
    clock: &dyn Clock,
) -> Result<Read, BadSnapshot> {
    let began = clock.now().mono;
    let mut source = Source::open(files, codec, index, Some(clock))?;
    let header = source.header;
    if header.configuration != given {
        return Err(BadSnapshot::Configuration { named: header.configuration, given });
    }
    if let Err(bad) = machine.restore(&mut source) {
        // What the source found is nearer to the cause than what the machine made of it.
        return Err(source.bad.unwrap_or(BadSnapshot::State(bad)));
    }
    if source.raw_used < source.raw.len() {
        return Err(BadSnapshot::State(BadState { what: "the snapshot is longer than the state" }));
    }
    let reading = source.reading;
    let contents = source.finish()?;
    if machine.applied() != index {
        let what = "a state that is not the one after the snapshot's record";
        return Err(BadSnapshot::State(BadState { what }));
    }
    let found = machine.node_digest();
    if found != header.node_digest {
        return Err(BadSnapshot::Digest { named: header.node_digest, found });
    }
    let restoring = Nanos(clock.now().mono.since(began) - reading.0);
    Ok(Read { contents, reading, restoring })
}

/// A file, read chunk by chunk.
struct Source<'a, F, C> {
    files: &'a mut F,
    codec: &'a mut C,
    clock: Option<&'a dyn Clock>,
    header: Header,
    name: FileName,
    at_bytes: u64,
    raw: Vec<u8>,
    raw_used: usize,
    packed: Vec<u8>,
    chunks: u32,
    crcs: u32,
    raw_bytes: u64,
    packed_bytes: u64,
    reading: Nanos,
    bad: Option<BadSnapshot>,
}

impl<'a, F: FileStore, C: Codec> Source<'a, F, C> {
    fn open(
        files: &'a mut F,
        codec: &'a mut C,
        index: Index,
        clock: Option<&'a dyn Clock>,
    ) -> Result<Self, BadSnapshot> {
        let header = header(files, index)?;
        if header.codec != codec.id() {
            return Err(BadSnapshot::Codec { codec: header.codec });
        }
        Ok(Self {
            files,
            codec,
            clock,
            header,
            name: FileName::Snapshot(index),
            at_bytes: HEADER_BYTES as u64,
            raw: Vec::with_capacity(CHUNK_BYTES),
            raw_used: 0,
            packed: vec![0; PACKED_BYTES_MAX],
            chunks: 0,
            crcs: 0,
            raw_bytes: 0,
            packed_bytes: 0,
            reading: Nanos(0),
            bad: None,
        })
    }

    fn damaged<T>(&self, what: &'static str) -> Result<T, BadSnapshot> {
        Err(BadSnapshot::Damaged { what, offset_bytes: self.at_bytes })
    }

    fn mark(&mut self) -> Result<Mark, BadSnapshot> {
        let mut bytes = [0; MARK_BYTES];
        let read = self.files.read(self.name, self.at_bytes, &mut bytes);
        let there = read.map_err(BadSnapshot::Fault)?;
        match Mark::read(&bytes[..there]) {
            Some(mark) => Ok(mark),
            None if there < MARK_BYTES => self.damaged("the file ends before its end mark"),
            None => self.damaged("what stands before a chunk is damaged"),
        }
    }

    /// Reads the next chunk. False at the end mark.
    fn next_chunk(&mut self) -> Result<bool, BadSnapshot> {
        let began = self.clock.map(|clock| clock.now().mono);
        let mark = self.mark()?;
        if mark.tag != CHUNK_TAG {
            return Ok(false);
        }
        let (raw, packed) = (mark.raw_bytes.get() as usize, mark.packed_bytes.get() as usize);
        let bounded = (1..=CHUNK_BYTES).contains(&raw) && packed <= PACKED_BYTES_MAX;
        // Every chunk but the last is full.
        let follows = self.raw_bytes.is_multiple_of(CHUNK_BYTES as u64);
        if !bounded || !follows || mark.chunk.get() != self.chunks {
            return self.damaged("a chunk is not the one that should follow");
        }
        let body = &mut self.packed[..packed];
        let read = self.files.read(self.name, self.at_bytes + MARK_BYTES as u64, body);
        if read.map_err(BadSnapshot::Fault)? < packed {
            return self.damaged("the file ends in the middle of a chunk");
        }
        let crc = crc32c::crc32c(&self.packed[..packed]);
        if crc != mark.body_crc.get() {
            return self.damaged("a chunk's checksum is wrong");
        }
        let unpacked = self.codec.unpack(&self.packed[..packed], raw, &mut self.raw);
        unpacked.map_err(BadSnapshot::State)?;
        assert!(self.raw.len() == raw, "a codec unpacks as much as it says");
        self.raw_used = 0;
        self.chunks += 1;
        self.crcs = crc32c::crc32c_append(self.crcs, &crc.to_le_bytes());
        self.raw_bytes += raw as u64;
        self.packed_bytes += packed as u64;
        self.at_bytes += (MARK_BYTES + packed) as u64;
        if let (Some(clock), Some(began)) = (self.clock, began) {
            self.reading.0 += clock.now().mono.since(began);
        }
        Ok(true)
    }

    /// Checks that the file ends as it should, and that all of the state was taken.
    fn finish(mut self) -> Result<Contents, BadSnapshot> {
        let end = self.mark()?;
        let right = end.tag == END_TAG
            && end.chunk.get() == self.chunks
            && end.body_crc.get() == self.crcs
            && end.raw_bytes.get() == self.raw_bytes
            && end.packed_bytes.get() == self.packed_bytes;
        if !right {
            return self.damaged("the end mark does not sum up the chunks");
        }
        self.at_bytes += MARK_BYTES as u64;
        let behind = self.files.read(self.name, self.at_bytes, &mut [0]);
        if behind.map_err(BadSnapshot::Fault)? > 0 {
            return self.damaged("there is something behind the end mark");
        }
        Ok(Contents {
            header: self.header,
            file_bytes: self.at_bytes,
            raw_bytes: self.raw_bytes,
            chunks: self.chunks,
        })
    }
}

impl<F: FileStore, C: Codec> StateSource for Source<'_, F, C> {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let mut filled = 0;
        while filled < into.len() {
            let there = &self.raw[self.raw_used..];
            if there.is_empty() {
                match self.next_chunk() {
                    Ok(true) => {}
                    Ok(false) => {
                        return Err(BadState { what: "the state is longer than the snapshot" });
                    }
                    Err(bad) => {
                        self.bad = Some(bad);
                        return Err(BadState { what: "the snapshot is damaged" });
                    }
                }
                continue;
            }
            let taken = there.len().min(into.len() - filled);
            into[filled..filled + taken].copy_from_slice(&there[..taken]);
            self.raw_used += taken;
            filled += taken;
        }
        Ok(())
    }
}
