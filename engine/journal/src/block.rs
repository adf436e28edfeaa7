//! Records into a block, and a block into records.
//!
//! Inputs -> outputs: records, one by one -> a block's bytes with stamps and checks; a block's
//! bytes -> what is wrong with it, or its records.
//! Invariants: the records of a block share one term, have consecutive indexes, and times that
//! never fall; no unit within a block begins as a header does, whatever clients wrote; what was
//! encoded decodes to the same (checked at once with feature `verify`).
//! Limits: one block; no allocation after construction.
//! Not here: when a block is closed, and where it goes (journal.rs); which block belongs where
//! (recovery).

use crate::format::{
    BlockFields, BlockKind, BlockName, DurableMark, HEADER_BYTES, MAGIC, RECORD_HEAD_BYTES,
    RecordHead, SECTOR_BYTES, SECTOR_ROOM_BYTES, STAMP_BYTES, SectorStamp, TURN_BYTES, TurnBytes,
    TurnFields, UNIT_BYTES, UNIT_ROOM_BYTES, record_room_bytes,
};
use alloc::boxed::Box;
use alloc::vec;
use gavel_types::limits::COMMAND_BODY_BYTES;
use gavel_types::{Command, Index, LogRecord, Nanos, SeqNo, SessionSlot, Stamp};
use zerocopy::{FromBytes, IntoBytes};

/// What a block says besides its records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFrame {
    pub(crate) name: BlockName,
    pub(crate) durable: DurableMark,
    pub(crate) commit: Index,
    pub(crate) chain: u64,
}

/// Gathers records, then closes them into a block.
pub(crate) struct BlockBuilder {
    /// The block without stamps: first a header's room, then records.
    image: Box<[u8]>,
    /// Bytes of `image` that may be used this time.
    limit: usize,
    used: usize,
    count: u32,
    first: Stamp,
    last: Stamp,
}

impl BlockBuilder {
    /// A builder of blocks up to so many bytes, for a log whose last record was stamped `last`.
    pub(crate) fn new(block_bytes_max: usize, last: Stamp) -> Self {
        let bytes = HEADER_BYTES + record_room_bytes(block_bytes_max);
        let image = vec![0; bytes].into_boxed_slice();
        Self { image, limit: HEADER_BYTES, used: HEADER_BYTES, count: 0, first: last, last }
    }

    /// Begins a block of at most so many bytes.
    ///
    /// # Panics
    /// If records wait to be closed.
    pub(crate) fn begin(&mut self, block_bytes: usize) {
        assert_eq!(self.count, 0, "a block is closed before the next begins");
        self.limit = HEADER_BYTES + record_room_bytes(block_bytes);
        assert!(self.limit <= self.image.len(), "a block is no larger than the largest");
        self.used = HEADER_BYTES;
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Takes a record if it fits: if there is room, its term is the block's, its time is not too
    /// far from the block's first, and no unit would look like a block of its own. The first record
    /// of a block always fits.
    ///
    /// # Panics
    /// If the record does not follow the one before.
    #[inline]
    pub(crate) fn offer(&mut self, record: &LogRecord) -> bool {
        let Stamp { index, term, time } = record.stamp;
        assert_eq!(index, self.last.index.next(), "indexes have no gap");
        assert!(term >= self.last.term, "a term never falls");
        assert!(time >= self.last.time, "a stamp's time never falls");
        if self.count == 0 {
            self.first = record.stamp;
        }
        let end = self.used + RECORD_HEAD_BYTES + usize::from(record.command.len);
        let delta = u32::try_from(time.since(self.first.time));
        let (true, true, Ok(delta)) = (end <= self.limit, term == self.first.term, delta) else {
            assert!(self.count > 0, "the first record fits in any block");
            return false;
        };
        encode(record, delta, &mut self.image[self.used..end]);
        if self.feigns_header(end) {
            assert!(self.count > 0, "the first record ends before the second unit begins");
            return false;
        }
        self.used = end;
        self.count += 1;
        self.last = record.stamp;
        true
    }

    /// True if the bytes up to `end` complete a unit's first word, and it is a header's. What a
    /// client writes may lie there: old blocks stay in segments that are used again, and recovery,
    /// which looks for headers behind the log's end, would find one that a client made up.
    #[inline]
    fn feigns_header(&self, end: usize) -> bool {
        let unit = end / UNIT_ROOM_BYTES * UNIT_ROOM_BYTES;
        let word = unit..unit + MAGIC.len();
        // Units are longer than records, and whoever ends in the first word goes on in the next.
        self.used < word.end && word.end <= end && unit > 0 && self.image[word] == MAGIC
    }

    /// The last record taken, or turned to.
    pub(crate) fn last(&self) -> Stamp {
        self.last
    }

    /// Makes a block that turns the log to `last`, and writes it to the head of `into`.
    ///
    /// # Panics
    /// If records wait to be closed, or there is no room for a unit.
    pub(crate) fn turn(
        &mut self,
        last: Stamp,
        turn: TurnFields,
        frame: &BlockFrame,
        into: &mut [u8],
    ) -> BlockFields {
        self.begin(UNIT_BYTES);
        (self.first, self.last) = (last, last);
        self.used += TURN_BYTES;
        let bytes = TurnBytes::from(turn);
        self.image[HEADER_BYTES..self.used].copy_from_slice(bytes.as_bytes());
        self.finish(BlockKind::Turn, frame, into)
    }

    /// Closes the block (a seal if no record was taken) and writes it to the head of `into`.
    ///
    /// # Panics
    /// If the block is larger than `into`.
    pub(crate) fn close(&mut self, frame: &BlockFrame, into: &mut [u8]) -> BlockFields {
        let kind = if self.count == 0 { BlockKind::Seal } else { BlockKind::Data };
        self.finish(kind, frame, into)
    }

    fn finish(&mut self, kind: BlockKind, frame: &BlockFrame, into: &mut [u8]) -> BlockFields {
        let sealed = self.count == 0;
        let records = &self.image[HEADER_BYTES..self.used];
        let fields = BlockFields {
            name: frame.name,
            kind,
            term: if sealed { self.last.term } else { self.first.term },
            first_index: if sealed { self.last.index.next() } else { self.first.index },
            count: self.count,
            payload_bytes: records.len() as u32,
            time_base: if sealed { self.last.time } else { self.first.time },
            durable: frame.durable,
            commit: frame.commit,
            chain: frame.chain,
            payload_crc: crc32c::crc32c(records),
        };
        let header = fields.header();
        assert_eq!(header.fields(), Some(fields), "a block that is issued holds together");
        self.image[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        stamp(&self.image[..self.used], fields.name, &mut into[..fields.block_bytes()]);
        if cfg!(any(feature = "verify", test)) {
            self.check_pair(&fields, &into[..fields.block_bytes()]);
        }
        self.used = HEADER_BYTES;
        self.count = 0;
        fields
    }

    /// The other half of the pair: what was written can be read, and is what was meant. O(n).
    fn check_pair(&self, fields: &BlockFields, block: &[u8]) {
        let mut room = vec![0; self.image.len()];
        let payload = strip(block, fields, &mut room).expect("a block that was written is whole");
        assert_eq!(crate::format::probe(block), crate::format::Probe::Header(*fields));
        let mut last = None;
        let mut count = 0;
        for record in records(fields, payload) {
            last = Some(record.expect("a record that was written can be read").stamp);
            count += 1;
        }
        assert_eq!(count, fields.count, "as many records are read as were written");
        assert!(
            last.is_none_or(|last| last == self.last),
            "the last record read is the last taken"
        );
    }
}

/// Budget: one copy of a record, 20 + len bytes; the length is the only branch.
#[inline]
fn encode(record: &LogRecord, time_delta: u32, into: &mut [u8]) {
    let Command { session, kind, reserved, len, client_seq, ref body } = record.command;
    let (meant, rest) = body.split_at(usize::from(len));
    if cfg!(any(feature = "verify", test)) {
        assert!(rest.iter().all(|byte| *byte == 0), "a body is zero after what is meant");
    }
    let head = RecordHead {
        len: len.into(),
        kind,
        reserved,
        session: session.0.into(),
        time_delta: time_delta.into(),
        client_seq: client_seq.0.into(),
    };
    into[..RECORD_HEAD_BYTES].copy_from_slice(head.as_bytes());
    into[RECORD_HEAD_BYTES..].copy_from_slice(meant);
}

/// Spreads a block's bytes over its sectors; what is left of them is zero.
fn stamp(image: &[u8], name: BlockName, block: &mut [u8]) {
    let stamp = SectorStamp::new(name);
    let mut pieces = image.chunks(SECTOR_ROOM_BYTES);
    for sector in block.chunks_exact_mut(SECTOR_BYTES) {
        stamp.put(sector);
        let piece = pieces.next().unwrap_or(&[]);
        let (used, rest) = sector[STAMP_BYTES..].split_at_mut(piece.len());
        used.copy_from_slice(piece);
        rest.fill(0);
    }
    assert!(pieces.next().is_none(), "a block has room for all of its image");
}

/// What is wrong with a block whose header is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Some sectors were written as part of another block, or never.
    Torn {
        /// How many.
        sectors: usize,
    },
    /// Every sector is the block's own, and yet its checksum is wrong.
    Rotten,
}

/// Takes the stamps off and checks the checksum. Returns the records' bytes, which lie in `room`.
pub(crate) fn strip<'a>(
    block: &[u8],
    fields: &BlockFields,
    room: &'a mut [u8],
) -> Result<&'a [u8], Damage> {
    assert_eq!(block.len(), fields.block_bytes(), "a block is as long as its header says");
    let stamp = SectorStamp::new(fields.name);
    let sectors = block.chunks_exact(SECTOR_BYTES);
    let torn = sectors.clone().filter(|sector| SectorStamp::of(sector) != stamp).count();
    if torn > 0 {
        return Err(Damage::Torn { sectors: torn });
    }
    for (sector, piece) in sectors.zip(room.chunks_exact_mut(SECTOR_ROOM_BYTES)) {
        piece.copy_from_slice(&sector[STAMP_BYTES..]);
    }
    let payload = &room[HEADER_BYTES..HEADER_BYTES + fields.payload_bytes as usize];
    if crc32c::crc32c(payload) == fields.payload_crc { Ok(payload) } else { Err(Damage::Rotten) }
}

/// A record that cannot be one although its block's checksum is good: its writer was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Where the record would have been.
    pub(crate) index: Index,
}

/// The records of a block, from its stripped bytes.
pub(crate) fn records<'a>(fields: &BlockFields, payload: &'a [u8]) -> Records<'a> {
    let &BlockFields { term, first_index, time_base, count, .. } = fields;
    Records { payload, left: count, next: Stamp { index: first_index, term, time: time_base } }
}

/// Iterates over records. Ends after the first that is malformed.
pub(crate) struct Records<'a> {
    payload: &'a [u8],
    left: u32,
    /// Index and term of the next record, and the block's base time.
    next: Stamp,
}

impl Records<'_> {
    #[inline]
    fn take(&mut self) -> Option<LogRecord> {
        let (head, rest) = RecordHead::read_from_prefix(self.payload).ok()?;
        let len = usize::from(head.len.get());
        if len > COMMAND_BODY_BYTES {
            return None;
        }
        let (meant, rest) = rest.split_at_checked(len)?;
        // The bytes and the count end together.
        if (self.left == 1) != rest.is_empty() {
            return None;
        }
        let mut body = [0; COMMAND_BODY_BYTES];
        body[..len].copy_from_slice(meant);
        self.payload = rest;
        let time = Nanos(self.next.time.0.checked_add(u64::from(head.time_delta.get()))?);
        let record = LogRecord {
            stamp: Stamp { time, ..self.next },
            command: Command {
                session: SessionSlot(head.session.get()),
                kind: head.kind,
                reserved: head.reserved,
                len: head.len.get(),
                client_seq: SeqNo(head.client_seq.get()),
                body,
            },
        };
        self.next.index = self.next.index.next();
        Some(record)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<LogRecord, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let Some(record) = self.take() else {
            self.left = 0;
            return Some(Err(Malformed { index: self.next.index }));
        };
        self.left -= 1;
        Some(Ok(record))
    }
}
