//! The newest reports of every session, encoded, in one bounded pool.
//!
//! ```text
//! pool    | chunk 0 | chunk 1 | chunk 2 | chunk 3 | ...        equal chunks, all taken at start
//! session A:  oldest -> 2 -> 0 -> 5 <- tail                    frames lie whole inside a chunk
//! session B:  oldest -> 1 <- tail
//! ```
//!
//! A connection sends straight out of the pool: it is a [`Cursor`] into its session's chain, and
//! retransmission is another. When the pool is empty, the session that holds most gives its oldest
//! chunk, so a busy session cannot take a quiet one's history.
//!
//! Inputs -> outputs: whole frames, in order of their numbers -> bytes at a cursor.
//! Invariants: numbers along a chain are consecutive; a cursor whose chunk was taken is found out
//! by the chunk's epoch and never reads another session's bytes.
//! Limits: the pool; a frame is at most `frame_bytes_max`.
//! Not here: what a frame says, beyond the length in its first four bytes (SOFH).

use crate::fetch::Page;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::RetransmitPlan;
use gavel_types::{ReportNo, SessionSlot};

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Chunk {
    next: u32,
    used_bytes: u32,
    first: ReportNo,
    /// Counts how often the chunk changed hands.
    epoch: u32,
}

#[derive(Clone, Copy, Debug)]
struct Chain {
    head: u32,
    tail: u32,
    chunks: u32,
    next: ReportNo,
    /// Bytes ever appended.
    total_bytes: u64,
}

/// A place in a session's flow: the next byte to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// Number of the frame that it stands at or in.
    pub(super) number: ReportNo,
    /// Bytes of that frame that are sent already.
    pub(super) into_bytes: u32,
    chunk: u32,
    epoch: u32,
    offset_bytes: u32,
    /// Bytes of the flow before `offset_bytes`, to measure the lag.
    passed_bytes: u64,
}

impl Cursor {
    /// A cursor at a number that is not here: its bytes come out of pages.
    pub(super) const fn outside(number: ReportNo) -> Self {
        Self { number, into_bytes: 0, chunk: NONE, epoch: 0, offset_bytes: 0, passed_bytes: 0 }
    }

    /// True in the middle of a frame that came out of a page. The rest of it does too: stamps in
    /// the window's copy of it may differ.
    pub(super) const fn is_in_page(&self) -> bool {
        self.into_bytes > 0 && self.chunk == NONE
    }

    /// True if the page goes on where the cursor is.
    pub(super) fn is_at(&self, page: &Page) -> bool {
        page.first == self.number && page.from_bytes < page.to_bytes
    }

    /// Moves over bytes of the page that were sent, and the page's beginning with it.
    pub(super) fn pass(&mut self, page: &mut Page, bytes: usize) {
        assert!(self.is_at(page), "a page goes on where the cursor is");
        self.passed_bytes += bytes as u64;
        let mut left = self.into_bytes as usize + bytes;
        while left > 0 {
            let frame = frame_length(page.frames());
            if left < frame {
                break;
            }
            left -= frame;
            page.from_bytes += frame;
            page.first.0 += 1;
        }
        self.number = page.first;
        self.into_bytes = left as u32;
        self.chunk = NONE;
    }
}

/// SOFH: the first four bytes are the frame's length, big endian.
pub(super) fn frame_length(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk::<4>().map(|length| u32::from_be_bytes(*length));
    length.expect("a frame has a header") as usize
}

/// Every session's window.
#[derive(Debug)]
pub(super) struct Windows {
    pool: Vec<u8>,
    chunk_bytes: usize,
    frame_bytes_max: usize,
    chunks: Vec<Chunk>,
    free: u32,
    chains: Vec<Chain>,
}

impl Windows {
    /// Takes and touches all memory.
    ///
    /// # Panics
    /// If the pool has fewer than two chunks a session, or a frame does not fit in a chunk.
    pub(super) fn new(plan: &RetransmitPlan, sessions_max: usize, frame_bytes_max: usize) -> Self {
        let count = plan.pool_bytes / plan.chunk_bytes;
        assert!(count >= 2 * sessions_max, "every session can hold a chunk and fill another");
        assert!(plan.chunk_bytes >= frame_bytes_max, "a frame lies whole inside a chunk");
        let chunk = |i: usize| Chunk {
            next: if i + 1 < count { i as u32 + 1 } else { NONE },
            used_bytes: 0,
            first: ReportNo(0),
            epoch: 0,
        };
        let empty = Chain { head: NONE, tail: NONE, chunks: 0, next: ReportNo(1), total_bytes: 0 };
        Self {
            // Not zero, so that the pages are touched now and not on the first order.
            pool: vec![0xA5; count * plan.chunk_bytes],
            chunk_bytes: plan.chunk_bytes,
            frame_bytes_max,
            chunks: (0..count).map(chunk).collect(),
            free: 0,
            chains: vec![empty; sessions_max],
        }
    }

    /// Bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.pool.capacity()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.chains.capacity() * size_of::<Chain>()
    }

    /// Number of the next report of the session.
    pub(super) fn next(&self, slot: SessionSlot) -> ReportNo {
        self.chains[slot.0 as usize].next
    }

    /// Oldest number that can still be sent; equal to [`Windows::next`] if there is none.
    pub(super) fn oldest(&self, slot: SessionSlot) -> ReportNo {
        let chain = &self.chains[slot.0 as usize];
        if chain.head == NONE { chain.next } else { self.chunks[chain.head as usize].first }
    }

    /// Begins a session's flow at `next`: what was here under its slot is gone.
    pub(super) fn begin(&mut self, slot: SessionSlot, next: ReportNo) {
        let chain = &mut self.chains[slot.0 as usize];
        let mut head = chain.head;
        (chain.head, chain.tail, chain.chunks, chain.next) = (NONE, NONE, 0, next);
        while head != NONE {
            let chunk = &mut self.chunks[head as usize];
            let after = chunk.next;
            chunk.epoch = chunk.epoch.wrapping_add(1);
            chunk.next = self.free;
            self.free = head;
            head = after;
        }
    }

    /// Appends the session's next frame, which `encode` writes and measures.
    pub(super) fn append(
        &mut self,
        slot: SessionSlot,
        number: ReportNo,
        encode: impl FnOnce(&mut [u8]) -> usize,
    ) {
        let chain = self.chains[slot.0 as usize];
        assert!(number == chain.next, "reports of a session come without a gap");
        let room = chain.tail != NONE
            && self.chunks[chain.tail as usize].used_bytes as usize + self.frame_bytes_max
                <= self.chunk_bytes;
        let tail = if room { chain.tail } else { self.grow(slot, number) };
        let start = tail as usize * self.chunk_bytes;
        let used = self.chunks[tail as usize].used_bytes as usize;
        let bytes = encode(&mut self.pool[start + used..start + self.chunk_bytes]);
        assert!(bytes <= self.frame_bytes_max, "a frame is bounded");
        self.chunks[tail as usize].used_bytes = (used + bytes) as u32;
        let chain = &mut self.chains[slot.0 as usize];
        chain.next = ReportNo(number.0 + 1);
        chain.total_bytes += bytes as u64;
    }

    fn grow(&mut self, slot: SessionSlot, first: ReportNo) -> u32 {
        if self.free == NONE {
            self.take_from_richest();
        }
        let taken = self.free;
        let chunk = &mut self.chunks[taken as usize];
        self.free = chunk.next;
        *chunk = Chunk { next: NONE, used_bytes: 0, first, epoch: chunk.epoch.wrapping_add(1) };
        let chain = &mut self.chains[slot.0 as usize];
        match chain.tail {
            NONE => chain.head = taken,
            tail => self.chunks[tail as usize].next = taken,
        }
        chain.tail = taken;
        chain.chunks += 1;
        taken
    }

    fn take_from_richest(&mut self) {
        let richest = self.chains.iter_mut().max_by_key(|chain| chain.chunks);
        let richest = richest.expect("there is a session, or nothing was appended");
        assert!(richest.chunks >= 2, "the pool holds two chunks a session");
        let taken = richest.head;
        richest.head = self.chunks[taken as usize].next;
        richest.chunks -= 1;
        let chunk = &mut self.chunks[taken as usize];
        chunk.epoch = chunk.epoch.wrapping_add(1);
        chunk.next = self.free;
        self.free = taken;
    }

    /// A cursor at the end: what comes next is live.
    pub(super) fn end(&self, slot: SessionSlot) -> Cursor {
        let chain = &self.chains[slot.0 as usize];
        let (epoch, offset_bytes) = match chain.tail {
            NONE => (0, 0),
            tail => (self.chunks[tail as usize].epoch, self.chunks[tail as usize].used_bytes),
        };
        Cursor {
            number: chain.next,
            into_bytes: 0,
            chunk: chain.tail,
            epoch,
            offset_bytes,
            passed_bytes: chain.total_bytes,
        }
    }

    /// A cursor at `number`, or none if it is not (or no longer) here.
    pub(super) fn seek(&self, slot: SessionSlot, number: ReportNo) -> Option<Cursor> {
        if number < self.oldest(slot) || number >= self.next(slot) {
            return None;
        }
        let mut chunk = self.chains[slot.0 as usize].head;
        loop {
            let next = self.chunks[chunk as usize].next;
            if next == NONE || self.chunks[next as usize].first > number {
                break;
            }
            chunk = next;
        }
        let meta = self.chunks[chunk as usize];
        let mut cursor = Cursor {
            number: meta.first,
            into_bytes: 0,
            chunk,
            epoch: meta.epoch,
            offset_bytes: 0,
            passed_bytes: 0,
        };
        while cursor.number < number {
            cursor.offset_bytes += self.frame_bytes(&cursor) as u32;
            cursor.number.0 += 1;
        }
        Some(cursor)
    }

    /// Bytes appended to the session's flow that the cursor has not passed.
    pub(super) fn lag_bytes(&self, slot: SessionSlot, cursor: &Cursor) -> u64 {
        self.chains[slot.0 as usize].total_bytes - cursor.passed_bytes
    }

    /// The bytes at the cursor, up to the end of its chunk; empty at the end of the flow. None if
    /// the cursor fell out of the window.
    pub(super) fn pending(&self, slot: SessionSlot, cursor: &mut Cursor) -> Option<&[u8]> {
        if cursor.number == self.next(slot) {
            return Some(&[]);
        }
        self.settle(slot, cursor)?;
        let start = cursor.chunk as usize * self.chunk_bytes;
        let used = self.chunks[cursor.chunk as usize].used_bytes as usize;
        Some(&self.pool[start + (cursor.offset_bytes + cursor.into_bytes) as usize..start + used])
    }

    /// As [`Windows::pending`], but as if the flow ended before `until`.
    pub(super) fn pending_until(
        &self,
        slot: SessionSlot,
        cursor: &mut Cursor,
        until: ReportNo,
    ) -> Option<&[u8]> {
        let frames = self.frames(slot, cursor, until, usize::MAX)?;
        Some(&frames[cursor.into_bytes as usize..])
    }

    /// Whole frames from the start of the one that the cursor stands at or in: those of its chunk
    /// with numbers below `until`, at most `bytes_max`, but always one if there is one. None as for
    /// [`Windows::pending`].
    pub(super) fn frames(
        &self,
        slot: SessionSlot,
        cursor: &mut Cursor,
        until: ReportNo,
        bytes_max: usize,
    ) -> Option<&[u8]> {
        if cursor.number >= until.min(self.next(slot)) {
            return Some(&[]);
        }
        self.settle(slot, cursor)?;
        let used = self.chunks[cursor.chunk as usize].used_bytes;
        let (mut at, mut bytes) = (*cursor, 0);
        while at.number < until && at.offset_bytes < used {
            let frame = self.frame_bytes(&at);
            if bytes > 0 && bytes + frame > bytes_max {
                break;
            }
            bytes += frame;
            at.offset_bytes += frame as u32;
            at.number.0 += 1;
        }
        let start = cursor.chunk as usize * self.chunk_bytes + cursor.offset_bytes as usize;
        Some(&self.pool[start..start + bytes])
    }

    /// Makes the cursor point into the chunk that holds its frame.
    fn settle(&self, slot: SessionSlot, cursor: &mut Cursor) -> Option<()> {
        if cursor.number < self.oldest(slot) {
            return None;
        }
        let stale =
            cursor.chunk == NONE || self.chunks[cursor.chunk as usize].epoch != cursor.epoch;
        if stale || cursor.offset_bytes == self.chunks[cursor.chunk as usize].used_bytes {
            // The chunk ended, or was taken away after the cursor had left it.
            assert!(cursor.into_bytes == 0, "a frame lies whole inside a chunk");
            let passed_bytes = cursor.passed_bytes;
            *cursor = self.seek(slot, cursor.number)?;
            cursor.passed_bytes = passed_bytes;
        }
        Some(())
    }

    /// Moves the cursor over bytes that were sent.
    pub(super) fn advance(&self, slot: SessionSlot, cursor: &mut Cursor, bytes: usize) {
        cursor.passed_bytes += bytes as u64;
        let chunk = self.chunks[cursor.chunk as usize];
        let mut left = cursor.into_bytes as usize + bytes;
        if cursor.offset_bytes as usize + left == chunk.used_bytes as usize {
            // All of the chunk, the usual case: no need to walk its frames.
            cursor.offset_bytes = chunk.used_bytes;
            cursor.into_bytes = 0;
            cursor.number = match chunk.next {
                NONE => self.next(slot),
                next => self.chunks[next as usize].first,
            };
            return;
        }
        while left > 0 {
            let frame = self.frame_bytes(cursor);
            if left < frame {
                break;
            }
            left -= frame;
            cursor.offset_bytes += frame as u32;
            cursor.number.0 += 1;
        }
        cursor.into_bytes = left as u32;
    }

    /// Length of the frame at the cursor.
    fn frame_bytes(&self, cursor: &Cursor) -> usize {
        let at = cursor.chunk as usize * self.chunk_bytes + cursor.offset_bytes as usize;
        frame_length(&self.pool[at..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionSlot = SessionSlot(0);
    const B: SessionSlot = SessionSlot(1);

    fn windows(chunks: usize) -> Windows {
        let plan =
            RetransmitPlan { pool_bytes: chunks * 64, chunk_bytes: 64, lag_max_bytes: 1 << 20 };
        Windows::new(&plan, 2, 24)
    }

    /// A frame of `bytes` bytes that holds its number.
    fn put(windows: &mut Windows, slot: SessionSlot, bytes: usize) {
        let number = windows.next(slot);
        windows.append(slot, number, |into| {
            into[..bytes].fill(number.0 as u8);
            into[..4].copy_from_slice(&(bytes as u32).to_be_bytes());
            bytes
        });
    }

    fn drain(windows: &Windows, slot: SessionSlot, cursor: &mut Cursor, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let pending = windows.pending(slot, cursor).unwrap();
            let take = pending.len().min(step);
            if take == 0 {
                return all;
            }
            all.extend_from_slice(&pending[..take]);
            windows.advance(slot, cursor, take);
        }
    }

    fn numbers(mut bytes: &[u8]) -> Vec<u64> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u32::from_be_bytes(*bytes.first_chunk::<4>().unwrap()) as usize;
            found.push(u64::from(bytes[4]));
            bytes = &bytes[length..];
        }
        found
    }

    #[test]
    fn a_cursor_sends_every_frame_once_whatever_the_socket_takes() {
        for step in [1, 3, 7, 24, 64, 1_000] {
            let mut windows = windows(8);
            let mut cursor = windows.end(A);
            for bytes in [10, 24, 5, 17, 20, 9, 24, 24] {
                put(&mut windows, A, bytes);
            }
            let sent = drain(&windows, A, &mut cursor, step);
            assert_eq!(numbers(&sent), (1..=8).collect::<Vec<_>>(), "step {step}");
            assert_eq!(windows.lag_bytes(A, &cursor), 0);
            put(&mut windows, A, 12);
            assert_eq!(numbers(&drain(&windows, A, &mut cursor, step)), [9]);
        }
    }

    #[test]
    fn a_flow_that_begins_anew_has_its_own_numbers_and_gives_back_its_memory() {
        let mut windows = windows(4);
        for _ in 0..5 {
            put(&mut windows, A, 24);
        }
        let mut cursor = windows.seek(A, ReportNo(1)).unwrap();
        windows.begin(A, ReportNo(100));
        assert_eq!((windows.oldest(A), windows.next(A)), (ReportNo(100), ReportNo(100)));
        assert!(windows.pending(A, &mut cursor).is_none(), "a cursor of before finds nothing");
        put(&mut windows, A, 24);
        let mut cursor = windows.seek(A, ReportNo(100)).unwrap();
        assert_eq!(numbers(&drain(&windows, A, &mut cursor, 7)), [100]);
        // All four chunks are there to be used: B keeps three of them without taking from A.
        for _ in 0..6 {
            put(&mut windows, B, 24);
        }
        assert_eq!((windows.oldest(A), windows.oldest(B)), (ReportNo(100), ReportNo(1)));
    }

    #[test]
    fn the_richest_session_gives_its_oldest_chunk() {
        let mut windows = windows(4);
        put(&mut windows, B, 24);
        for _ in 0..20 {
            put(&mut windows, A, 24);
        }
        assert_eq!(windows.oldest(B), ReportNo(1), "a quiet session keeps its history");
        assert!(windows.oldest(A) > ReportNo(1));
        assert!(windows.seek(A, ReportNo(1)).is_none());
        let mut cursor = windows.seek(A, windows.oldest(A)).unwrap();
        let sent = numbers(&drain(&windows, A, &mut cursor, 5));
        assert_eq!(sent, (windows.oldest(A).0..=20).collect::<Vec<_>>());
    }

    #[test]
    fn a_cursor_that_fell_behind_never_reads_anothers_bytes() {
        let mut windows = windows(4);
        put(&mut windows, A, 24);
        let mut behind = windows.seek(A, ReportNo(1)).unwrap();
        let mut at_end = windows.end(A);
        for _ in 0..20 {
            put(&mut windows, B, 24);
            put(&mut windows, A, 24);
        }
        assert!(windows.pending(A, &mut behind).is_none());
        // This one had left its chunk before the chunk was taken; its number is gone too by now.
        assert_eq!(windows.pending(A, &mut at_end), None);
    }

    #[test]
    fn a_cursor_whose_chunk_changed_hands_goes_on_in_the_next_one() {
        let mut windows = windows(4);
        put(&mut windows, A, 24);
        put(&mut windows, A, 24);
        let mut cursor = windows.end(A); // at the end of A's first chunk, which is full
        put(&mut windows, A, 24);
        put(&mut windows, A, 24);
        while windows.oldest(A) == ReportNo(1) {
            put(&mut windows, B, 24);
            put(&mut windows, A, 10); // until A's first chunk is taken
        }
        assert_eq!(windows.oldest(A), ReportNo(3));
        assert_eq!(windows.pending(A, &mut cursor).unwrap()[4], 3);
    }

    #[test]
    fn frames_for_retransmission_are_whole_and_below_the_end() {
        let mut windows = windows(4);
        for bytes in [20, 20, 20, 20] {
            put(&mut windows, A, bytes);
        }
        let mut cursor = windows.seek(A, ReportNo(1)).unwrap();
        let ask = |cursor: &mut Cursor, until, most| {
            numbers(windows.frames(A, cursor, ReportNo(until), most).unwrap())
        };
        assert_eq!(ask(&mut cursor, 9, 1_000), [1, 2, 3], "those of one chunk");
        assert_eq!(ask(&mut cursor, 2, 1_000), [1]);
        assert_eq!(ask(&mut cursor, 9, 39), [1]);
        assert_eq!(ask(&mut cursor, 9, 3), [1], "a frame larger than asked for still goes");
        windows.advance(A, &mut cursor, 45);
        assert_eq!((cursor.number, cursor.into_bytes), (ReportNo(3), 5));
        assert_eq!(ask(&mut cursor, 9, 1_000), [3]);
        windows.advance(A, &mut cursor, 15);
        assert_eq!(ask(&mut cursor, 9, 1_000), [4]);
    }
}
