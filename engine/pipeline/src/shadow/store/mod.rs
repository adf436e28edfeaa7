//! Reports of every session on the disk, so that a client can be away for long.
//!
//! ```text
//! reports -> gathered, a session at a time -> chunk -> Reports(n), Reports(n + 1), ...
//!                                              | chunk of A | chunk of C | chunk of A | ...
//! snapshot: every chunk written, every file synced, then the snapshot; then a new file begins
//! start:    files behind the snapshot's are removed: their reports are made again from the log
//! ```
//!
//! Inputs -> outputs: the shadow's reports, encoded as egress encodes them -> pages of whole
//! frames.
//! Invariants: what is here of a session is a row of numbers without a gap that ends with its
//! newest report. With a snapshot, the store holds every report up to it (but for what the bound or
//! a fault took, oldest first, and said so): also with an older one, after falling back.
//! Limits: `bytes_max` on the disk, where a chunk counts for [`CHUNK_WEIGHT_MIN`] at least, so that
//! the index in memory is bounded too; `gather_bytes_max` in memory; [`PAGE_BYTES`] a chunk.
//! Not here: which connection is served when (egress), when a snapshot is due.

mod chunk;
mod open;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use crate::fetch::PAGE_BYTES;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use chunk::{CHUNK_HEAD_BYTES, Chunk, ChunkBytes};
use gavel_contract::{Codec, FileName, FileStore, ReportStorePlan, StoreFault, StoreFaultKind};
use gavel_types::limits::MD_PARTS_MAX;
use gavel_types::{AckRuleCode, Index, Report, ReportNo, SessionSlot, SessionUuid};
use gavel_wire::server::{self, Envelope, MAX_SERVER_FRAME_BYTES};
pub(crate) use serve::Found;
use zerocopy::IntoBytes;

/// What a chunk counts for on the disk, at least.
const CHUNK_WEIGHT_MIN: u64 = 4_096;
/// A file is followed by another when it has this share of the bound: the oldest file goes whole.
const FILES_IN_BOUND: u64 = 8;
/// Most bytes of a packed chunk.
const PACKED_BYTES_MAX: usize = PAGE_BYTES + PAGE_BYTES / 16;

const _: () = assert!(PAGE_BYTES >= 2 * MAX_SERVER_FRAME_BYTES);

/// Where a chunk lies.
#[derive(Clone, Copy, Debug)]
struct ChunkAt {
    file: u64,
    offset_bytes: u64,
    first: ReportNo,
    count: u32,
    raw_bytes: u32,
    packed_bytes: u32,
    body_crc: u32,
    codec: u8,
}

impl ChunkAt {
    fn of(chunk: &Chunk, file: u64, offset_bytes: u64) -> Self {
        Self {
            file,
            offset_bytes,
            first: chunk.first,
            count: chunk.count,
            raw_bytes: chunk.raw_bytes,
            packed_bytes: chunk.packed_bytes,
            body_crc: chunk.body_crc,
            codec: chunk.codec,
        }
    }

    /// Number behind its last.
    const fn end(&self) -> ReportNo {
        ReportNo(self.first.0 + self.count as u64)
    }
}

/// What is stored of one session.
#[derive(Debug)]
struct History {
    uuid: SessionUuid,
    /// Number of the session's next report.
    next: ReportNo,
    /// On the disk, oldest first.
    chunks: VecDeque<ChunkAt>,
    /// Whole frames, not yet on the disk: the newest reports.
    gathered: Vec<u8>,
    gathered_count: u32,
    gathered_from: Index,
    gathered_to: Index,
}

impl History {
    const fn new(uuid: SessionUuid, next: ReportNo) -> Self {
        Self {
            uuid,
            next,
            chunks: VecDeque::new(),
            gathered: Vec::new(),
            gathered_count: 0,
            gathered_from: Index(0),
            gathered_to: Index(0),
        }
    }

    /// Number of the first report that is not on the disk.
    const fn gathered_first(&self) -> ReportNo {
        ReportNo(self.next.0 - self.gathered_count as u64)
    }

    fn oldest(&self) -> ReportNo {
        self.chunks.front().map_or(self.gathered_first(), |chunk| chunk.first)
    }
}

/// A file, as long as it is kept.
#[derive(Clone, Copy, Debug)]
struct StoredFile {
    number: u64,
    bytes: u64,
    weight_bytes: u64,
}

/// The store.
#[derive(Debug)]
pub(crate) struct ReportStore {
    plan: ReportStorePlan,
    /// By session slot.
    histories: Vec<History>,
    /// Oldest first.
    files: VecDeque<StoredFile>,
    /// Number of the file that the next chunk goes to.
    number: u64,
    /// It is there.
    is_begun: bool,
    /// Files with something that is not yet durable.
    unsynced: Vec<u64>,
    gathered_bytes: usize,
    parts: Vec<Report>,
    frame: Vec<u8>,
    packed: Vec<u8>,
    whole: Vec<u8>,
    /// Sessions that lost their history to a fault, and the newest fault.
    losses: u64,
    fault: Option<String>,
}

impl ReportStore {
    fn empty(plan: ReportStorePlan) -> Self {
        Self {
            plan,
            histories: Vec::new(),
            files: VecDeque::new(),
            number: 1,
            is_begun: false,
            unsynced: Vec::new(),
            gathered_bytes: 0,
            parts: Vec::with_capacity(MD_PARTS_MAX),
            frame: vec![0; MAX_SERVER_FRAME_BYTES],
            packed: Vec::with_capacity(PACKED_BYTES_MAX),
            whole: Vec::with_capacity(CHUNK_HEAD_BYTES + PACKED_BYTES_MAX),
            losses: 0,
            fault: None,
        }
    }

    fn is_off(&self) -> bool {
        self.plan.bytes_max == 0
    }

    /// What went wrong since it was last asked: sessions whose history was lost, and why.
    pub(super) fn take_fault(&mut self) -> Option<(u64, String)> {
        let fault = self.fault.take()?;
        Some((core::mem::take(&mut self.losses), fault))
    }

    /// Bytes on the disk.
    #[cfg(test)]
    fn disk_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// A session takes the slot: what an earlier one of that slot was told is nobody's now.
    pub(crate) fn begin(&mut self, slot: SessionSlot, uuid: SessionUuid) {
        self.go_on(slot.0 as usize, uuid, ReportNo(1));
    }

    fn go_on(&mut self, slot: usize, uuid: SessionUuid, next: ReportNo) {
        while self.histories.len() <= slot {
            self.histories.push(History::new(SessionUuid::default(), ReportNo(1)));
        }
        let fresh = History::new(uuid, next);
        let old = core::mem::replace(&mut self.histories[slot], fresh);
        self.gathered_bytes -= old.gathered.len();
    }

    /// Takes in the next report of a session. Chunks that are full are written.
    pub(crate) fn gather(
        &mut self,
        report: &Report,
        files: &mut impl FileStore,
        codec: &mut impl Codec,
    ) {
        if self.is_off() || !report.is_sequenced() {
            return;
        }
        self.parts.push(*report);
        if !report.is_last_part() {
            return;
        }
        // What is stamped when it is sent is stamped again then.
        let envelope = Envelope {
            sender_term: report.stamp.term,
            commit: report.stamp.index,
            rule: AckRuleCode::Local,
        };
        let bytes = server::encode_report(&self.parts, &envelope, &mut self.frame);
        self.parts.clear();
        let slot = report.session;
        if self.histories[slot.0 as usize].gathered.len() + bytes > PAGE_BYTES {
            self.flush(slot, files, codec);
        }
        let history = &mut self.histories[slot.0 as usize];
        assert!(report.number == history.next, "a session's reports come without a gap");
        if history.gathered_count == 0 {
            history.gathered_from = report.stamp.index;
        }
        history.gathered_to = report.stamp.index;
        history.gathered.extend_from_slice(&self.frame[..bytes]);
        history.gathered_count += 1;
        history.next = ReportNo(history.next.0 + 1);
        self.gathered_bytes += bytes;
        if self.gathered_bytes > self.plan.gather_bytes_max {
            // All of them, so that what this costs is spread over as many bytes.
            self.flush_all(files, codec);
        }
    }

    fn flush_all(&mut self, files: &mut impl FileStore, codec: &mut impl Codec) {
        for slot in 0..self.histories.len() {
            self.flush(SessionSlot(slot as u32), files, codec);
        }
    }

    /// Writes what is gathered of a session as a chunk. If that fails, the session's history begins
    /// anew: a row with a gap in it would be worse than none.
    fn flush(&mut self, slot: SessionSlot, files: &mut impl FileStore, codec: &mut impl Codec) {
        let history = &mut self.histories[slot.0 as usize];
        if history.gathered_count == 0 {
            return;
        }
        codec.pack(&history.gathered, &mut self.packed);
        assert!(self.packed.len() <= PACKED_BYTES_MAX, "packing does not make much more of it");
        let chunk = Chunk {
            uuid: history.uuid,
            slot,
            first: history.gathered_first(),
            count: history.gathered_count,
            first_index: history.gathered_from,
            last_index: history.gathered_to,
            raw_bytes: history.gathered.len() as u32,
            packed_bytes: self.packed.len() as u32,
            body_crc: crc32c::crc32c(&self.packed),
            codec: codec.id(),
        };
        let written = self.append(&chunk, files);
        let history = &mut self.histories[slot.0 as usize];
        self.gathered_bytes -= history.gathered.len();
        history.gathered = Vec::new();
        history.gathered_count = 0;
        match written {
            Ok(at) => history.chunks.push_back(at),
            Err(fault) => {
                history.chunks.clear();
                self.losses += 1;
                self.fault = Some(fault.facts);
            }
        }
        self.evict(files);
    }

    /// Appends the chunk whose packed bytes are at hand. Without room, the oldest file makes some.
    fn append(&mut self, chunk: &Chunk, files: &mut impl FileStore) -> Result<ChunkAt, StoreFault> {
        self.whole.clear();
        self.whole.extend_from_slice(ChunkBytes::of(chunk).as_bytes());
        self.whole.extend_from_slice(&self.packed);
        match self.write(chunk, files) {
            Err(fault) if fault.kind == StoreFaultKind::Full && self.drop_oldest(files) => {
                self.write(chunk, files)
            }
            other => other,
        }
    }

    fn write(&mut self, chunk: &Chunk, files: &mut impl FileStore) -> Result<ChunkAt, StoreFault> {
        let written = self
            .begin_file(files)
            .and_then(|()| files.append(FileName::Reports(self.number), &self.whole));
        if let Err(fault) = written {
            // Where that file ends is not known any more.
            self.drop_if_empty(files);
            self.turn_page();
            return Err(fault);
        }
        let file = self.files.back_mut().expect("a file that was begun is known");
        let at = ChunkAt::of(chunk, file.number, file.bytes);
        file.bytes += self.whole.len() as u64;
        file.weight_bytes += (self.whole.len() as u64).max(CHUNK_WEIGHT_MIN);
        if file.weight_bytes >= self.plan.bytes_max / FILES_IN_BOUND {
            self.turn_page();
        }
        Ok(at)
    }

    /// A file that nothing got into is not left lying, nor held open.
    fn drop_if_empty(&mut self, files: &mut impl FileStore) {
        if !self.is_begun || self.files.back().is_none_or(|file| file.bytes > 0) {
            return;
        }
        // What cannot be removed is found by the next start.
        let _ = files.remove(FileName::Reports(self.number));
        self.files.pop_back();
        self.unsynced.retain(|number| *number != self.number);
    }

    fn begin_file(&mut self, files: &mut impl FileStore) -> Result<(), StoreFault> {
        if self.is_begun {
            return Ok(());
        }
        files.create(FileName::Reports(self.number))?;
        self.is_begun = true;
        self.unsynced.push(self.number);
        self.files.push_back(StoredFile { number: self.number, bytes: 0, weight_bytes: 0 });
        Ok(())
    }

    /// The next chunk goes to a new file.
    fn turn_page(&mut self) {
        self.number += 1;
        self.is_begun = false;
    }

    fn evict(&mut self, files: &mut impl FileStore) {
        let mut weight: u64 = self.files.iter().map(|file| file.weight_bytes).sum();
        while weight > self.plan.bytes_max {
            weight -= self.files.front().map_or(0, |file| file.weight_bytes);
            if !self.drop_oldest(files) {
                return;
            }
        }
    }

    /// Removes the oldest file, unless it is the one being written. False if there is none.
    fn drop_oldest(&mut self, files: &mut impl FileStore) -> bool {
        let Some(oldest) = self.files.front().copied() else { return false };
        if self.is_begun && oldest.number == self.number {
            return false;
        }
        if let Err(fault) = files.remove(FileName::Reports(oldest.number)) {
            // It is given up all the same; the next start finds it, and may remove it.
            self.fault = Some(fault.facts);
        }
        self.files.pop_front();
        self.unsynced.retain(|number| *number != oldest.number);
        for history in &mut self.histories {
            while history.chunks.front().is_some_and(|chunk| chunk.file == oldest.number) {
                history.chunks.pop_front();
            }
        }
        true
    }

    /// Makes all that was gathered durable, before a snapshot is. Returns the last file of it.
    ///
    /// # Errors
    /// [`StoreFault`] if a sync failed. What it was to cover may or may not be on the disk, so the
    /// histories that reach into it begin anew.
    pub(super) fn settle(
        &mut self,
        files: &mut impl FileStore,
        codec: &mut impl Codec,
    ) -> Result<u64, StoreFault> {
        self.flush_all(files, codec);
        let synced = self.sync(files);
        if let Err(fault) = &synced {
            self.forget_unsynced(files);
            self.fault = Some(fault.facts.clone());
        }
        self.unsynced.clear();
        let last = self.last_file();
        if self.is_begun {
            self.turn_page();
        }
        synced.map(|()| last)
    }

    /// The last file that there is, or was.
    pub(super) fn last_file(&self) -> u64 {
        if self.is_begun { self.number } else { self.number - 1 }
    }

    fn sync(&self, files: &mut impl FileStore) -> Result<(), StoreFault> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        for number in &self.unsynced {
            files.sync(FileName::Reports(*number))?;
        }
        files.sync_directory()
    }

    fn forget_unsynced(&mut self, files: &mut impl FileStore) {
        let Some(first) = self.unsynced.first().copied() else { return };
        for history in &mut self.histories {
            if history.chunks.back().is_some_and(|chunk| chunk.file >= first) {
                history.chunks.clear();
                self.losses += 1;
            }
        }
        while self.files.back().is_some_and(|file| file.number >= first) {
            let file = self.files.pop_back().expect("there is a last one");
            // If it stays, the next start finds that it does not follow.
            let _ = files.remove(FileName::Reports(file.number));
        }
    }
}
