//! Reads a log from end to end, with a thread that reads ahead.
//!
//! ```text
//! recovery -> AheadReader -- (segment, piece), a buffer -->  thread: TailingReader
//!                         <-- the same, filled -----------
//! ```
//!
//! Inputs -> outputs: `gavel_contract::LogReader` over a directory; the same bytes as without.
//! Invariants: what is asked for in order is answered in order; a fault is told to whoever asks for
//! the piece that it met, and to nobody else.
//! Limits: [`AHEAD`] pieces of [`PIECE_BYTES`] under way, [`HELD`] kept; one thread, which ends
//! with the reader.
//! Not here: logs that are being written (tailing.rs): a piece is read once.

use super::fault::fault;
use super::tailing::TailingReader;
use crate::cpu;
use gavel_contract::{LogReader, SegmentInfo, SegmentNo, StoreFault};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes of a piece.
const PIECE_BYTES: u64 = 1 << 20;
/// Pieces that are asked for before they are needed.
const AHEAD: usize = 4;
/// Pieces kept: what is read begins in one and ends in the next.
const HELD: usize = 2;

/// A piece of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    segment: SegmentNo,
    /// From 0.
    piece: u64,
}

struct Piece {
    name: Name,
    /// Fewer than [`PIECE_BYTES`] where the segment ends.
    bytes: Result<Vec<u8>, StoreFault>,
}

/// Reads the segments of a directory that nobody writes to.
pub struct AheadReader {
    lister: TailingReader,
    /// Lengths of the segments, as last listed.
    lengths: BTreeMap<SegmentNo, u64>,
    asks: Option<SyncSender<(Name, Vec<u8>)>>,
    answers: Receiver<Piece>,
    /// What the thread was asked for, oldest first.
    asked: VecDeque<Name>,
    held: VecDeque<Piece>,
    /// The piece that was needed last.
    last: Option<Name>,
    free: Vec<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl AheadReader {
    /// A reader of the segments in `directory`; its thread runs on these CPUs, on any if there are
    /// none.
    ///
    /// # Errors
    /// [`StoreFault`] if there is no memory, or no thread.
    pub fn new(directory: &Path, cpus: &[usize]) -> Result<Self, StoreFault> {
        let lister = TailingReader::new(directory)?;
        let mut reader = TailingReader::new(directory)?;
        let (asks, asks_out) = sync_channel::<(Name, Vec<u8>)>(AHEAD + 1);
        let (answers_in, answers) = sync_channel(AHEAD + 1);
        let cpus = cpus.to_vec();
        let thread = std::thread::Builder::new().name("gavel-ahead".to_owned());
        let thread = thread.spawn(move || {
            if !cpus.is_empty() {
                // Elsewhere it is as right, and perhaps slower.
                let _ = cpu::confine_current(&cpus);
            }
            for (name, mut bytes) in asks_out {
                bytes.resize(PIECE_BYTES as usize, 0);
                let read = reader.read(name.segment, name.piece * PIECE_BYTES, &mut bytes);
                let bytes = read.map(|count| {
                    bytes.truncate(count);
                    bytes
                });
                if answers_in.send(Piece { name, bytes }).is_err() {
                    return;
                }
            }
        });
        let thread = thread.map_err(|e| fault("starting a thread to read", directory, &e))?;
        Ok(Self {
            lister,
            lengths: BTreeMap::new(),
            asks: Some(asks),
            answers,
            asked: VecDeque::with_capacity(AHEAD + 1),
            held: VecDeque::with_capacity(HELD + 1),
            last: None,
            free: Vec::new(),
            thread: Some(thread),
        })
    }

    fn ask(&mut self, name: Name) {
        let buffer = self.free.pop().unwrap_or_default();
        let asks = self.asks.as_ref().expect("it is there until the reader is dropped");
        asks.send((name, buffer)).expect("the thread lives as long as the reader");
        self.asked.push_back(name);
    }

    /// The piece behind one, if there is one.
    fn behind(&self, name: Name) -> Option<Name> {
        let length = self.lengths.get(&name.segment).copied().unwrap_or(0);
        let next = Name { piece: name.piece + 1, ..name };
        if next.piece * PIECE_BYTES < length {
            return Some(next);
        }
        let segment = SegmentNo(name.segment.0 + 1);
        self.lengths.contains_key(&segment).then_some(Name { segment, piece: 0 })
    }

    fn take_answer(&mut self) -> Piece {
        let piece = self.answers.recv().expect("the thread answers all that it is asked");
        let asked = self.asked.pop_front();
        assert!(asked == Some(piece.name), "it is answered in order");
        piece
    }

    /// Has a piece at hand, as the last of those that are held.
    fn fetch(&mut self, name: Name) {
        if !self.asked.contains(&name) {
            while !self.asked.is_empty() {
                let unwanted = self.take_answer();
                self.free.extend(unwanted.bytes);
            }
            self.ask(name);
        }
        loop {
            let piece = self.take_answer();
            let found = piece.name == name;
            self.held.push_back(piece);
            if self.held.len() > HELD {
                let oldest = self.held.pop_front().expect("there are more than are held");
                self.free.extend(oldest.bytes);
            }
            if found {
                break;
            }
        }
        // Who jumps about is not read ahead for.
        let goes_on = self.last.is_some_and(|last| self.behind(last) == Some(name));
        self.last = Some(name);
        while goes_on
            && self.asked.len() < AHEAD
            && let Some(next) = self.behind(self.asked.back().copied().unwrap_or(name))
        {
            self.ask(next);
        }
    }

    /// The bytes of a piece, and no more than it has.
    fn piece(&mut self, name: Name) -> Result<&[u8], StoreFault> {
        if !self.held.iter().any(|piece| piece.name == name) {
            self.fetch(name);
        }
        let piece = self.held.iter().find(|piece| piece.name == name);
        match &piece.expect("it was just fetched").bytes {
            Ok(bytes) => Ok(bytes),
            Err(fault) => Err(fault.clone()),
        }
    }
}

impl LogReader for AheadReader {
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault> {
        let listed = self.lister.segments()?;
        self.lengths = listed.iter().map(|info| (info.segment, info.bytes)).collect();
        Ok(listed)
    }

    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        let mut done = 0;
        while done < into.len() {
            let at = offset_bytes + done as u64;
            let bytes = self.piece(Name { segment, piece: at / PIECE_BYTES })?;
            let from = bytes.len().min((at % PIECE_BYTES) as usize);
            let count = (bytes.len() - from).min(into.len() - done);
            into[done..done + count].copy_from_slice(&bytes[from..from + count]);
            let is_short = bytes.len() < PIECE_BYTES as usize;
            done += count;
            if is_short || count == 0 {
                break;
            }
        }
        Ok(done)
    }
}

impl Drop for AheadReader {
    fn drop(&mut self) {
        self.asks = None;
        // It may wait to give an answer: nobody does for it any more.
        while self.answers.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed there.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::file_name;
    use super::*;
    use crate::storage::SegmentReader;

    const MIB: u64 = 1 << 20;

    /// Segments of these lengths, from 1 on, each byte another.
    fn directory(lengths: &[u64]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (segment, length) in (1..).zip(lengths) {
            let bytes: Vec<u8> = (0..*length).map(|i| (i * 7 / 5 + segment * 31) as u8).collect();
            std::fs::write(directory.path().join(file_name(SegmentNo(segment))), bytes).unwrap();
        }
        directory
    }

    fn assert_same(ahead: &mut AheadReader, plain: &mut SegmentReader, at: (u64, u64), len: usize) {
        let (mut one, mut other) = (vec![1; len], vec![1; len]);
        let segment = SegmentNo(at.0);
        let read = ahead.read(segment, at.1, &mut one).unwrap();
        assert_eq!(read, plain.read(segment, at.1, &mut other).unwrap(), "{at:?} {len}");
        assert!(one[..read] == other[..read], "{at:?} {len}");
    }

    #[test]
    fn any_range_is_read_as_the_plain_reader_reads_it() {
        let directory = directory(&[3 * MIB, 2 * MIB + 4_096, 5_000, 0, MIB]);
        let mut ahead = AheadReader::new(directory.path(), &[]).unwrap();
        let mut plain = SegmentReader::new(directory.path());
        assert_eq!(ahead.segments().unwrap(), plain.segments().unwrap());
        // In order, in steps that are no pieces; then to and fro.
        for segment in 1..=5 {
            for step in 0..4 {
                assert_same(&mut ahead, &mut plain, (segment, step * 900_000), MIB as usize);
            }
        }
        for at in
            [(5, 0), (1, 2 * MIB - 1), (1, 3 * MIB), (2, 2 * MIB), (3, 4_999), (3, 6_000), (1, 0)]
        {
            assert_same(&mut ahead, &mut plain, at, 2 * MIB as usize);
            assert_same(&mut ahead, &mut plain, at, 1);
        }
    }

    #[test]
    fn a_fault_is_told_to_whoever_asks_for_what_it_met() {
        let directory = directory(&[2 * MIB, MIB]);
        let mut ahead = AheadReader::new(directory.path(), &[]).unwrap();
        ahead.segments().unwrap();
        std::fs::remove_file(directory.path().join(file_name(SegmentNo(2)))).unwrap();
        let mut bytes = vec![0; MIB as usize];
        for at in [0, MIB] {
            assert_eq!(ahead.read(SegmentNo(1), at, &mut bytes), Ok(MIB as usize));
        }
        let fault = ahead.read(SegmentNo(2), 0, &mut bytes).unwrap_err();
        assert!(fault.facts.contains(&file_name(SegmentNo(2))), "{fault}");
        assert_eq!(ahead.read(SegmentNo(1), 0, &mut bytes), Ok(MIB as usize), "it goes on");
    }
}
