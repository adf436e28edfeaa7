//! What a node stores, in memory: a log that is durable at once, a machine that does nothing.
//!
//! Not here: snapshots: none is ever made.

use super::Types;
use openraft::storage::{LogFlushed, RaftLogStorage, RaftStateMachine};
use openraft::{
    EmptyNode, Entry, EntryPayload, LogId, LogState, OptionalSend, RaftLogReader,
    RaftSnapshotBuilder, Snapshot, SnapshotMeta, StorageError, StoredMembership, Vote,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::Cursor;
use std::ops::{Bound, RangeBounds};
use std::rc::Rc;

type Stored<T> = Result<T, StorageError<u64>>;

/// What is in a log.
#[derive(Debug, Default)]
struct Kept {
    vote: Option<Vote<u64>>,
    purged: Option<LogId<u64>>,
    /// Of the first entry, if there is one.
    first: u64,
    entries: VecDeque<Entry<Types>>,
}

/// A log, shared by those who write and read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Rc<RefCell<Kept>>);

impl Log {
    /// Index of the last entry.
    pub(super) fn last(&self) -> u64 {
        let kept = self.0.borrow();
        (kept.first + kept.entries.len() as u64).saturating_sub(1)
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Stored<Vec<Entry<Types>>> {
        let kept = self.0.borrow();
        let end = kept.first + kept.entries.len() as u64;
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(from) => from + 1,
            Bound::Unbounded => 0,
        };
        let until = match range.end_bound() {
            Bound::Included(until) => until + 1,
            Bound::Excluded(until) => *until,
            Bound::Unbounded => end,
        };
        let (from, until) = (from.clamp(kept.first, end), until.clamp(kept.first, end));
        let places = (from - kept.first) as usize..(until.max(from) - kept.first) as usize;
        Ok(kept.entries.range(places).cloned().collect())
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Stored<LogState<Types>> {
        let kept = self.0.borrow();
        let last = kept.entries.back().map(|entry| entry.log_id).or(kept.purged);
        Ok(LogState { last_purged_log_id: kept.purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<u64>) -> Stored<()> {
        self.0.borrow_mut().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Stored<Option<Vote<u64>>> {
        Ok(self.0.borrow().vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Stored<()>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut kept = self.0.borrow_mut();
        for entry in entries {
            if kept.entries.is_empty() {
                kept.first = entry.log_id.index;
            }
            kept.entries.push_back(entry);
        }
        drop(kept);
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, from: LogId<u64>) -> Stored<()> {
        let mut kept = self.0.borrow_mut();
        let left = from.index.saturating_sub(kept.first) as usize;
        kept.entries.truncate(left);
        Ok(())
    }

    async fn purge(&mut self, until: LogId<u64>) -> Stored<()> {
        let mut kept = self.0.borrow_mut();
        kept.purged = Some(until);
        while kept.entries.front().is_some_and(|entry| entry.log_id.index <= until.index) {
            kept.entries.pop_front();
            kept.first += 1;
        }
        Ok(())
    }
}

/// A machine that knows how far it is, and who is a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    applied: Option<LogId<u64>>,
    members: StoredMembership<u64, EmptyNode>,
}

impl RaftSnapshotBuilder<Types> for Machine {
    async fn build_snapshot(&mut self) -> Stored<Snapshot<Types>> {
        let meta = SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.members.clone(),
            snapshot_id: String::from("empty"),
        };
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(Vec::new())) })
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = Self;

    async fn applied_state(
        &mut self,
    ) -> Stored<(Option<LogId<u64>>, StoredMembership<u64, EmptyNode>)> {
        Ok((self.applied, self.members.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Stored<Vec<()>>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        for entry in entries {
            self.applied = Some(entry.log_id);
            if let EntryPayload::Membership(members) = entry.payload {
                self.members = StoredMembership::new(Some(entry.log_id), members);
            }
            answers.push(());
        }
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Stored<Box<Cursor<Vec<u8>>>> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<u64, EmptyNode>,
        _snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Stored<()> {
        self.applied = meta.last_log_id;
        self.members = meta.last_membership.clone();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Stored<Option<Snapshot<Types>>> {
        Ok(None)
    }
}
