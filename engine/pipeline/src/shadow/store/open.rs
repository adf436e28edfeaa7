//! The index of what is stored, made again at start from the heads of the chunks.

use super::chunk::{CHUNK_HEAD_BYTES, Chunk, ChunkBytes};
use super::{CHUNK_WEIGHT_MIN, ChunkAt, History, ReportStore, StoredFile};
use crate::session::Session;
use alloc::format;
use alloc::vec::Vec;
use gavel_contract::{FileInfo, FileName, FileStore, ReportStorePlan, StoreFault};

impl ReportStore {
    /// Opens what is stored up to file `last`, which a snapshot of these sessions names. Files
    /// behind it are removed: their reports are made again.
    ///
    /// # Errors
    /// [`StoreFault`] if the files cannot be listed, or one cannot be removed.
    pub(crate) fn open(
        plan: ReportStorePlan,
        files: &mut impl FileStore,
        sessions: &[Session],
        last: u64,
    ) -> Result<Self, StoreFault> {
        let mut store = Self::empty(plan);
        let last = if store.is_off() { 0 } else { last };
        store.number = last + 1;
        for (slot, session) in sessions.iter().enumerate() {
            store.go_on(slot, session.uuid, session.next_number);
        }
        let mut found = numbers(&files.list()?);
        found.sort_unstable_by_key(|(number, _)| *number);
        for (number, bytes) in found {
            if number > last {
                files.remove(FileName::Reports(number))?;
            } else {
                store.scan(files, sessions, number, bytes);
            }
        }
        for (history, session) in store.histories.iter_mut().zip(sessions) {
            // What does not end where the session is belongs to an earlier life of its name.
            if history.chunks.back().is_some_and(|chunk| chunk.end() != session.next_number) {
                history.chunks.clear();
            }
        }
        store.evict(files);
        Ok(store)
    }

    /// Takes in a file's chunks, up to its end or to the first that is damaged.
    fn scan(&mut self, files: &mut impl FileStore, sessions: &[Session], number: u64, bytes: u64) {
        let mut file = StoredFile { number, bytes, weight_bytes: 0 };
        let mut at = 0;
        while at < bytes {
            let mut head = [0; CHUNK_HEAD_BYTES];
            let read = files.read(FileName::Reports(number), at, &mut head);
            let chunk = match read {
                Ok(there) => ChunkBytes::read(&head[..there]),
                Err(fault) => {
                    self.fault = Some(fault.facts);
                    break;
                }
            };
            let whole = |chunk: &Chunk| CHUNK_HEAD_BYTES as u64 + u64::from(chunk.packed_bytes);
            let Some(chunk) = chunk.filter(|chunk| whole(chunk) <= bytes - at) else {
                let what = "stored reports are damaged, and left unused, from there on";
                self.fault = Some(format!("report file {number}, byte {at}: {what}"));
                break;
            };
            let session = sessions.get(chunk.slot.0 as usize);
            if session.is_some_and(|session| session.uuid == chunk.uuid) {
                self.histories[chunk.slot.0 as usize].take_in(&chunk, number, at);
            }
            file.weight_bytes += whole(&chunk).max(CHUNK_WEIGHT_MIN);
            at += whole(&chunk);
        }
        file.weight_bytes = file.weight_bytes.max(bytes);
        self.files.push_back(file);
    }
}

impl History {
    /// A chunk written later says the same of its numbers as an earlier one, or belongs to a later
    /// life of the session's name: either way it stands, and what does not lead up to it goes.
    fn take_in(&mut self, chunk: &Chunk, file: u64, offset_bytes: u64) {
        while self.chunks.back().is_some_and(|known| known.first >= chunk.first) {
            self.chunks.pop_back();
        }
        if self.chunks.back().is_some_and(|known| known.end() != chunk.first) {
            self.chunks.clear();
        }
        self.chunks.push_back(ChunkAt::of(chunk, file, offset_bytes));
    }
}

fn numbers(listed: &[FileInfo]) -> Vec<(u64, u64)> {
    let reports = listed.iter().filter_map(|info| match info.name {
        FileName::Reports(number) => Some((number, info.bytes)),
        FileName::Snapshot(_) | FileName::SnapshotHalf(_) => None,
    });
    reports.collect()
}
