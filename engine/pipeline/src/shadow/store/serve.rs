//! Pages filled from what is stored.

use super::{ChunkAt, PAGE_BYTES, ReportStore};
use crate::fetch::{Fetch, Flow, Page};
use alloc::format;
use alloc::string::String;
use gavel_contract::{Codec, FileName, FileStore};
use gavel_types::ReportNo;
use gavel_wire::frame::PREAMBLE_BYTES;
use gavel_wire::server::{self, Envelope, MAX_SERVER_FRAME_BYTES};

/// What there is for a [`Fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The page is filled.
    Filled,
    /// Nothing of that session under that number.
    Unknown,
    /// The numbers wanted are gone; the oldest that is not.
    Gone(ReportNo),
}

impl ReportStore {
    /// Fills the page with whole frames from the number wanted on, as many as one chunk has.
    pub(crate) fn fill(
        &mut self,
        fetch: &mut Fetch,
        files: &mut impl FileStore,
        codec: &mut impl Codec,
    ) -> Found {
        assert!(fetch.from < fetch.until, "a fetch is for something");
        let slot = fetch.slot.0 as usize;
        let known = self.histories.get(slot).filter(|history| history.uuid == fetch.uuid);
        let Some(history) = known else { return Found::Unknown };
        if fetch.from >= history.next {
            return Found::Unknown;
        }
        if fetch.from < history.oldest() {
            return Found::Gone(history.oldest());
        }
        let page = &mut fetch.page;
        if fetch.from >= history.gathered_first() {
            page.bytes.clear();
            page.bytes.extend_from_slice(&history.gathered);
            page.first = history.gathered_first();
        } else {
            let at = history.chunks.partition_point(|chunk| chunk.end() <= fetch.from);
            let chunk = history.chunks[at];
            if let Err(why) = self.read(&chunk, page, files, codec) {
                return self.lose_up_to(slot, at, why);
            }
        }
        let resent = fetch.flow == Flow::Resend;
        if !page.cut(fetch.from, fetch.until, &fetch.envelope, resent) {
            return self.lose_up_to(slot, 0, "stored reports are no frames".into());
        }
        Found::Filled
    }

    fn read(
        &mut self,
        chunk: &ChunkAt,
        page: &mut Page,
        files: &mut impl FileStore,
        codec: &mut impl Codec,
    ) -> Result<(), String> {
        let place = || format!("report file {}, byte {}", chunk.file, chunk.offset_bytes);
        let packed_bytes = chunk.packed_bytes as usize;
        self.packed.clear();
        self.packed.resize(packed_bytes, 0);
        let at = chunk.offset_bytes + super::CHUNK_HEAD_BYTES as u64;
        let read = files.read(FileName::Reports(chunk.file), at, &mut self.packed);
        let there = read.map_err(|fault| fault.facts)?;
        if there < packed_bytes || crc32c::crc32c(&self.packed) != chunk.body_crc {
            return Err(format!("{}: a chunk of stored reports is damaged", place()));
        }
        if chunk.codec != codec.id() {
            return Err(format!("{}: packed by codec {}", place(), chunk.codec));
        }
        codec
            .unpack(&self.packed, chunk.raw_bytes as usize, &mut page.bytes)
            .map_err(|bad| format!("{}: {bad}", place()))?;
        assert!(page.bytes.len() <= PAGE_BYTES, "a chunk fits in a page");
        page.first = chunk.first;
        Ok(())
    }

    /// A chunk cannot be read: what is older is of no use without it.
    fn lose_up_to(&mut self, slot: usize, chunk: usize, why: String) -> Found {
        let history = &mut self.histories[slot];
        let lost = history.chunks.len().min(chunk + 1);
        history.chunks.drain(..lost);
        self.losses += 1;
        self.fault = Some(why);
        Found::Gone(history.oldest())
    }
}

impl Page {
    /// Keeps the frames from `from` to before `until`, and stamps them. `first` names the first
    /// frame of the page as it was read. False if the bytes are no such frames.
    fn cut(&mut self, from: ReportNo, until: ReportNo, envelope: &Envelope, resent: bool) -> bool {
        let (mut at, mut number) = (0, self.first);
        while number < from {
            let Some(bytes) = frame_bytes(&self.bytes[at..]) else { return false };
            at += bytes;
            number.0 += 1;
        }
        (self.from_bytes, self.first) = (at, number);
        while number < until && at < self.bytes.len() {
            let Some(bytes) = frame_bytes(&self.bytes[at..]) else { return false };
            server::reenvelope(&mut self.bytes[at..at + bytes], envelope, resent);
            at += bytes;
            number.0 += 1;
        }
        (self.to_bytes, self.end) = (at, number);
        number > from
    }
}

#[cfg(feature = "mutate")]
impl Page {
    /// A planted bug: the page begins with the frame after the one that it says.
    pub(in crate::shadow) fn skip_one(&mut self) {
        if self.end.0 - self.first.0 > 1 {
            self.from_bytes += frame_bytes(self.frames()).unwrap_or(0);
        }
    }
}

/// Length of the frame at the front: SOFH's first field. None if it cannot be one.
fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
    let bounded = length > PREAMBLE_BYTES && length <= MAX_SERVER_FRAME_BYTES;
    (bounded && length <= bytes.len()).then_some(length)
}
