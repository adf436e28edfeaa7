//! The node's ports: the simulated disk and network, watched, and deaf once the process is dead.
//!
//! Inputs -> outputs: what the port traits say; every call counts towards a crash.
//! Invariants: the checkers see a byte before any client can.
//! Not here: what disk and network do (gavel-journal's memory, net.rs).

use crate::check::Shared;
use crate::countdown::Countdown;
use crate::crash::CrashPoint;
use crate::mutation::Mutation;
use crate::net::Net;
use crate::timeline::Happened;
use gavel_contract::{
    BufferId, Deadline, Egress, FileInfo, FileName, FileStore, Ingress, IngressEvent, LogDone,
    LogReader, LogStore, LogWrite, Now, Received, SegmentInfo, SegmentNo, Sent, StoreFault,
    StoreFaultKind,
};
use gavel_journal::format::{Probe, UNIT_BYTES, probe};
use gavel_journal::memory::{MemoryDisk, MemoryFiles, MemoryReader, MemoryStore, heal};
use gavel_types::ConnId;

/// What all ports of one process share.
#[derive(Clone)]
pub struct Rim {
    /// Its fate.
    pub crash: CrashPoint,
    /// Which call of storage fails.
    pub countdown: Countdown,
    /// Who watches.
    pub checkers: Shared,
    /// What errs.
    pub mutation: Option<Mutation>,
}

/// The log's storage.
pub struct SimStore {
    inner: MemoryStore,
    disk: MemoryDisk,
    rim: Rim,
    completed: u64,
    /// What could not even begin.
    refused: Option<LogDone>,
}

impl SimStore {
    /// A store of one process over a disk.
    #[must_use]
    pub fn new(disk: &MemoryDisk, buffers: usize, buffer_bytes: usize, rim: Rim) -> Self {
        disk.set_lying(rim.mutation == Some(Mutation::LyingDisk));
        disk.set_names_lying(rim.mutation == Some(Mutation::DirectoryNotSynced));
        let inner = disk.store(buffers, buffer_bytes);
        Self { inner, disk: disk.clone(), rim, completed: 0, refused: None }
    }
}

impl LogStore for SimStore {
    fn buffer_bytes(&self) -> usize {
        self.inner.buffer_bytes()
    }

    fn buffers(&self) -> usize {
        self.inner.buffers()
    }

    fn segment_bytes(&self) -> u64 {
        self.inner.segment_bytes()
    }

    fn buffer(&mut self, id: BufferId) -> &mut [u8] {
        self.inner.buffer(id)
    }

    fn submit(&mut self, write: LogWrite) {
        if !self.rim.crash.call() {
            return;
        }
        if self.rim.countdown.call("writing a block").is_err() {
            self.disk.fail_write(write);
        }
        let checkers = &mut *self.rim.checkers.borrow_mut();
        let bytes = &self.inner.buffer(write.buffer)[..write.len_bytes];
        if let Some((block_seq, last)) = checkers.durable.on_submit(write, bytes) {
            checkers.timeline.note(Happened::BlockIssued { block_seq, last: last.0 });
        }
        self.inner.submit(write);
    }

    fn prepare(&mut self, segment: SegmentNo, free_below: SegmentNo) {
        if !self.rim.crash.call() {
            return;
        }
        let early = u64::from(self.rim.mutation == Some(Mutation::RecycledTooEarly));
        let free_below = SegmentNo(free_below.0 + early);
        match self.rim.countdown.call("preparing a segment") {
            Ok(()) => self.inner.prepare(segment, free_below),
            Err(why) => self.refused = Some(LogDone::PrepareFailed(segment, why)),
        }
    }

    fn poll(&mut self) -> Option<LogDone> {
        if self.rim.crash.is_dead() {
            return None;
        }
        let mut done = self.refused.take().or_else(|| self.inner.poll())?;
        let alive = self.rim.crash.call();
        assert!(alive, "checked above");
        if let LogDone::WriteFailed(write, _) = &done
            && self.rim.mutation == Some(Mutation::SyncRetried)
        {
            done = LogDone::Written(*write);
        }
        if let LogDone::Written(write) = &done {
            self.completed += 1;
            let spoils = self.completed.is_multiple_of(SPOILED_ONE_IN);
            if spoils && self.rim.mutation == Some(Mutation::CompletionLost) {
                return None;
            }
            self.rim.checkers.borrow_mut().on_written(write, &self.disk);
        }
        Some(done)
    }
}

/// Files beside the log.
pub struct SimFiles {
    inner: MemoryFiles,
    disk: MemoryDisk,
    rim: Rim,
}

impl SimFiles {
    /// Of one process over a disk.
    #[must_use]
    pub fn new(disk: &MemoryDisk, rim: Rim) -> Self {
        Self { inner: disk.files(), disk: disk.clone(), rim }
    }

    /// A call that may be the process's last, or fail.
    fn call(&self, what: &'static str) -> Result<(), StoreFault> {
        if !self.rim.crash.call() {
            let facts = format!("{what}: the process is dead");
            return Err(StoreFault { kind: StoreFaultKind::Io, facts });
        }
        if let Err(fault) = self.rim.countdown.call(what) {
            self.disk.fail_file_call_after(0, fault.kind);
        }
        Ok(())
    }
}

impl FileStore for SimFiles {
    fn list(&mut self) -> Result<Vec<FileInfo>, StoreFault> {
        self.call("listing files")?;
        self.inner.list()
    }

    fn create(&mut self, name: FileName) -> Result<(), StoreFault> {
        self.call("making a file")?;
        self.inner.create(name)
    }

    fn append(&mut self, name: FileName, bytes: &[u8]) -> Result<(), StoreFault> {
        self.call("appending to a file")?;
        self.inner.append(name, bytes)
    }

    fn sync(&mut self, name: FileName) -> Result<(), StoreFault> {
        self.call("syncing a file")?;
        let synced = self.inner.sync(name);
        if synced.is_err() && self.rim.mutation == Some(Mutation::FileSyncRetried) {
            return self.inner.sync(name);
        }
        synced
    }

    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), StoreFault> {
        self.call("renaming a file")?;
        self.inner.rename(from, to)
    }

    fn remove(&mut self, name: FileName) -> Result<(), StoreFault> {
        self.call("removing a file")?;
        self.inner.remove(name)
    }

    fn sync_directory(&mut self) -> Result<(), StoreFault> {
        self.call("syncing the directory")?;
        self.inner.sync_directory()
    }

    fn read(
        &mut self,
        name: FileName,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        self.call("reading a file")?;
        self.inner.read(name, offset_bytes, into)
    }
}

/// The node's reading half.
pub struct SimIngress {
    net: Net,
    rim: Rim,
}

impl SimIngress {
    /// Of one process.
    #[must_use]
    pub fn new(net: &Net, rim: Rim) -> Self {
        Self { net: net.clone(), rim }
    }
}

impl Ingress for SimIngress {
    fn poll(&mut self, _now: Now) -> Option<IngressEvent> {
        if self.rim.crash.is_dead() { None } else { self.net.poll() }
    }

    fn recv(&mut self, conn: ConnId, into: &mut [u8]) -> Received {
        if self.rim.crash.call() { self.net.recv(conn, into) } else { Received::Empty }
    }

    fn release(&mut self, conn: ConnId) {
        if self.rim.crash.call() {
            self.net.release(conn);
        }
    }
}

/// The node's writing half.
pub struct SimEgress {
    net: Net,
    rim: Rim,
    calls: u64,
}

impl SimEgress {
    /// Of one process.
    #[must_use]
    pub fn new(net: &Net, rim: Rim) -> Self {
        Self { net: net.clone(), rim, calls: 0 }
    }
}

/// Of so many calls a planted bug of a port spoils one.
const SPOILED_ONE_IN: u64 = 97;

impl Egress for SimEgress {
    fn send(&mut self, conn: ConnId, bytes: &[u8], not_after: Deadline) -> Sent {
        assert!(not_after == Deadline::Never, "a single node needs no lease");
        if !self.rim.crash.call() {
            return Sent::Full;
        }
        let sent = self.net.send(conn, bytes);
        if let Sent::Bytes(taken) = sent {
            self.rim.checkers.borrow_mut().on_send(conn, bytes, taken);
            self.calls += 1;
            let spoils = self.calls.is_multiple_of(SPOILED_ONE_IN);
            match self.rim.mutation {
                Some(Mutation::ShortWriteForgotten) => return Sent::Bytes(bytes.len()),
                Some(Mutation::SentTwice) if spoils => return Sent::Full,
                _ => {}
            }
        }
        sent
    }

    fn finish(&mut self, conn: ConnId) {
        if self.rim.crash.call() {
            self.net.finish(conn);
        }
    }
}

/// The log's reader.
pub struct SimReader {
    inner: MemoryReader,
    countdown: Countdown,
    /// What its reads are for.
    reading: &'static str,
    /// Bytes that a planted bug shows instead of those on the disk.
    instead: Option<(SegmentNo, u64, Vec<u8>)>,
}

impl SimReader {
    /// For whoever follows the log while it is written.
    #[must_use]
    pub fn tailing(disk: &MemoryDisk, rim: &Rim) -> Self {
        let (inner, countdown) = (disk.reader(), rim.countdown.clone());
        Self { inner, countdown, reading: "following the log", instead: None }
    }

    /// For a start.
    #[must_use]
    pub fn new(disk: &MemoryDisk, rim: &Rim) -> Self {
        let mut inner = disk.reader();
        let instead = match rim.mutation {
            Some(Mutation::RecoveryDropsLastBlock) => last_block(&mut inner).map(|mut last| {
                last.2.fill(0);
                last
            }),
            Some(Mutation::TornTailTrusted) => last_block(&mut inner).and_then(|mut last| {
                let torn = heal(&mut last.2);
                torn.then_some(last)
            }),
            _ => None,
        };
        Self { inner, countdown: rim.countdown.clone(), reading: "reading the log", instead }
    }
}

impl LogReader for SimReader {
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault> {
        self.countdown.call("listing the segments")?;
        self.inner.segments()
    }

    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        self.countdown.call(self.reading)?;
        let count = self.inner.read(segment, offset_bytes, into)?;
        if let Some((of, from, bytes)) = &self.instead
            && *of == segment
        {
            for (byte, at) in into[..count].iter_mut().zip(offset_bytes..) {
                let shown = at.checked_sub(*from).and_then(|at| bytes.get(at as usize));
                *byte = shown.copied().unwrap_or(*byte);
            }
        }
        Ok(count)
    }
}

/// The block with the highest number: its place and its bytes.
fn last_block(reader: &mut MemoryReader) -> Option<(SegmentNo, u64, Vec<u8>)> {
    let mut last = None;
    for info in reader.segments().ok()? {
        let mut bytes = vec![0; info.bytes as usize];
        let count = reader.read(info.segment, 0, &mut bytes).ok()?;
        for from in (0..count).step_by(UNIT_BYTES) {
            if let Probe::Header(fields) = probe(&bytes[from..])
                && last.as_ref().is_none_or(|(seq, _)| *seq < fields.name.block_seq)
            {
                let block = bytes[from..count.min(from + fields.block_bytes())].to_vec();
                last = Some((fields.name.block_seq, (info.segment, from as u64, block)));
            }
        }
    }
    last.map(|(_, block)| block)
}
