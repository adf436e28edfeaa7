//! A host of the core in memory: it has the entries, a disk that can be slow or lost, and messages
//! that carry entries. For tests, scripts and measurements.
//!
//! Inputs -> outputs: what the core asks for -> done at once, or when the test says so.
//! Invariants: whatever is on [`Disk`] was completed; a crash keeps exactly that; a message that
//! waits for the hard state leaves when that is on the disk and not before.
//! Limits: nothing is ever compacted away here: a host keeps all entries since the first, so that
//! checkers can compare whole logs; what the core gave up is not sent all the same.
//! Not here: the network and the clocks (cluster.rs), what must hold (check.rs).

mod check;
mod cluster;
mod trio;

pub use check::{Checker, Violation};
pub use cluster::{Cluster, NodeClock, Slot};
pub use trio::Trio;

use crate::{
    Append, Body, Config, ConfigAt, DiskId, Dropped, DurablePoint, HardState, Incarnation, Input,
    LogPosition, Mark, Message, Now, Options, Output, Raft, ReadAnswer, Refusal, Restored, Run,
    Start, Want,
};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use gavel_types::{Index, NodeId, Term};

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Nothing.
    Noop,
    /// Members. Few entries have them: with room for them in each, all would be seven times as
    /// long.
    Config(Arc<Config>),
    /// Something of a client's.
    Value(u64),
}

/// One entry. Its index is its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The term in which it was appended.
    pub term: Term,
    /// What it holds.
    pub payload: Payload,
}

/// All entries up to a mark, and the configuration in force there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The last entry.
    pub mark: Mark,
    /// The configuration.
    pub config: ConfigAt,
    /// The entries: the state of a machine that forgets nothing.
    pub entries: Vec<Entry>,
}

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cargo {
    /// A message of the core's, and the entries that it names.
    Raft(Message, Vec<Entry>),
    /// Please send the snapshot.
    Fetch,
    /// Here it is.
    Snapshot(Snapshot),
}

/// Something on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// From whom.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What.
    pub cargo: Cargo,
}

impl Envelope {
    /// What kind of thing it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let Cargo::Raft(msg, _) = &self.cargo else {
            return if self.cargo == Cargo::Fetch { "fetch" } else { "snapshot-entries" };
        };
        match msg.body {
            Body::PreVote { .. } => "pre-vote",
            Body::PreVoteAnswer { .. } => "pre-vote-answer",
            Body::Vote { .. } => "vote",
            Body::VoteAnswer { .. } => "vote-answer",
            Body::Append(_) => "append",
            Body::AppendAck(_) => "append-ack",
            Body::AppendReject { .. } => "append-reject",
            Body::Heartbeat { .. } => "heartbeat",
            Body::HeartbeatAck { .. } => "heartbeat-ack",
            Body::Snapshot { .. } => "snapshot",
            Body::TimeoutNow => "timeout-now",
            Body::LeaseReleased => "lease-released",
            Body::Read { .. } => "read",
            Body::ReadAnswer { .. } => "read-answer",
            Body::TermOver => "term-over",
        }
    }

    /// Entries that it carries.
    #[must_use]
    pub fn entries(&self) -> usize {
        match &self.cargo {
            Cargo::Raft(_, entries) => entries.len(),
            Cargo::Snapshot(snapshot) => snapshot.entries.len(),
            Cargo::Fetch => 0,
        }
    }
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    /// Its name.
    pub id: DiskId,
    /// The newest life.
    pub incarnation: Incarnation,
    /// The hard state.
    pub hard: HardState,
    /// How often the log was truncated.
    pub generation: u32,
    /// All entries since the first.
    pub entries: Vec<Entry>,
    /// Up to here the core has given its entries up.
    pub base: Index,
    /// The newest snapshot.
    pub snapshot: Index,
    /// The configuration that the cluster began with; nobody, for a node that joins.
    pub founding: Config,
    /// Up to here entries are known to be committed.
    pub commit: Index,
    /// The log may have reached up to here before some of it was damaged (SAFETY 3).
    pub unsure: Mark,
}

impl Disk {
    /// A new one.
    #[must_use]
    pub fn new(id: DiskId, founding: Config) -> Self {
        Self {
            id,
            incarnation: Incarnation(0),
            hard: HardState::default(),
            generation: 0,
            entries: Vec::new(),
            base: Index(0),
            snapshot: Index(0),
            founding,
            commit: Index(0),
            unsure: Mark::default(),
        }
    }

    /// The mark of an entry.
    #[must_use]
    pub fn mark(&self, index: Index) -> Mark {
        let term = match index.0 {
            0 => Term(0),
            place => self.entries[place as usize - 1].term,
        };
        Mark { term, index }
    }
}

/// A write of entries that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogWrite {
    generation: u32,
    keep: Index,
    entries: Vec<Entry>,
}

impl LogWrite {
    /// The last entry that stays, and what comes behind it.
    #[must_use]
    pub fn parts(&self) -> (Index, &[Entry]) {
        (self.keep, &self.entries)
    }
}

/// One node's process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// The core.
    pub raft: Raft,
    /// What would survive now.
    pub disk: Disk,
    /// All entries since the first, durable or not.
    pub entries: Vec<Entry>,
    /// True if writes complete by themselves, at once.
    pub is_prompt: bool,
    /// Versions of the hard state under way, oldest first.
    pub hard_writes: VecDeque<(DurablePoint, HardState)>,
    /// Entries under way, oldest first.
    pub log_writes: VecDeque<LogWrite>,
    /// Messages that wait for the hard state.
    pub waiting: Vec<(DurablePoint, Envelope)>,
    /// Messages that may leave.
    pub sent: Vec<Envelope>,
    /// Answers to reads.
    pub reads: Vec<ReadAnswer>,
    /// Why the last input changed nothing.
    pub refused: Option<Refusal>,
    /// Why the last message was dropped.
    pub dropped: Option<Dropped>,
    /// A snapshot took the place of the log, until whoever owns the log takes note of it.
    pub restored: Option<Restored>,
    hard_done: DurablePoint,
}

/// The runs of these entries behind `base`.
fn runs(entries: &[Entry], base: Index) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (place, entry) in entries.iter().enumerate().skip(base.0 as usize) {
        if runs.last().is_none_or(|run| run.term != entry.term) {
            runs.push(Run { first: Index(place as u64 + 1), term: entry.term });
        }
    }
    runs
}

/// The configurations among these entries, which begin at `first`.
fn configs(entries: &[Entry], first: Index) -> Vec<ConfigAt> {
    let at = |(place, entry): (usize, &Entry)| match &entry.payload {
        Payload::Config(config) => {
            Some(ConfigAt { index: Index(first.0 + place as u64), config: **config })
        }
        _ => None,
    };
    entries.iter().enumerate().filter_map(at).collect()
}

impl Host {
    /// Starts a process with what is on a disk.
    #[must_use]
    pub fn start(options: Options, mut disk: Disk, now: Now) -> Self {
        disk.incarnation.0 += 1;
        let mut known = alloc::vec![ConfigAt { index: Index(0), config: disk.founding }];
        known.extend(configs(&disk.entries, Index(1)));
        let start = Start {
            hard: disk.hard,
            disk: disk.id,
            incarnation: disk.incarnation,
            log_generation: disk.generation,
            snapshot: disk.mark(disk.snapshot),
            runs: &runs(&disk.entries, disk.base),
            base: disk.mark(disk.base),
            last: Index(disk.entries.len() as u64),
            commit: disk.base.max(disk.commit),
            configs: &known,
            unsure: disk.unsure,
        };
        Self {
            raft: Raft::new(options, &start, now),
            entries: disk.entries.clone(),
            disk,
            is_prompt: true,
            hard_writes: VecDeque::new(),
            log_writes: VecDeque::new(),
            waiting: Vec::new(),
            sent: Vec::new(),
            reads: Vec::new(),
            refused: None,
            dropped: None,
            restored: None,
            hard_done: DurablePoint(0),
        }
    }

    /// Takes an input that carries no entries.
    pub fn step(&mut self, now: Now, input: Input<'_>, out: &mut Output) {
        self.step_with(now, input, &[], out);
        self.refused = out.refused;
        self.dropped = out.dropped;
        self.settle(now, out);
    }

    /// Takes what came by wire.
    pub fn receive(&mut self, now: Now, envelope: &Envelope, out: &mut Output) {
        match &envelope.cargo {
            Cargo::Raft(msg, entries) => {
                let first = match msg.body {
                    Body::Append(Append { prev, .. }) => prev.index.next(),
                    _ => Index(0),
                };
                let configs = configs(entries, first);
                self.step_with(now, Input::Message(msg, &configs), entries, out);
                self.dropped = out.dropped;
            }
            Cargo::Fetch => self.send_snapshot(envelope.from),
            Cargo::Snapshot(snapshot) => self.install(now, snapshot, out),
        }
        self.settle(now, out);
    }

    /// A leader appends something of a client's; false if it takes nothing.
    pub fn propose(&mut self, now: Now, value: u64, out: &mut Output) -> bool {
        let takes = self.raft.takes_proposals();
        if takes {
            self.append(now, Payload::Value(value), out);
            self.settle(now, out);
        }
        takes
    }

    fn step_with(&mut self, now: Now, input: Input<'_>, entries: &[Entry], out: &mut Output) {
        out.clear();
        let prev = match input {
            Input::Message(Message { body: Body::Append(append), .. }, _) => append.prev.index,
            _ => Index(0),
        };
        self.raft.step(now, input, out);
        if let Some(hard) = out.hard_state {
            self.hard_writes.push_back(hard);
        }
        if let Some(accept) = out.accept {
            self.entries.truncate(accept.keep.0 as usize);
            let from = (accept.keep.0 - prev.0.min(accept.keep.0)) as usize;
            let until = (accept.last.0 - prev.0.min(accept.last.0)) as usize;
            let taken = entries[from.min(until)..until].to_vec();
            self.write(accept.generation, accept.keep, taken);
        }
        self.collect(out);
        let (refused, want) = (out.refused, out.want);
        if let Some(want) = want {
            let payload = match want {
                Want::Noop => Payload::Noop,
                Want::Config(config) => Payload::Config(Arc::new(config)),
            };
            self.append(now, payload, out);
        }
        out.refused = refused;
    }

    fn append(&mut self, now: Now, payload: Payload, out: &mut Output) {
        let term = self.raft.term();
        let keep = Index(self.entries.len() as u64);
        let generation = self.raft.log().generation();
        let last = keep.next();
        let config = match &payload {
            Payload::Config(config) => Some(ConfigAt { index: last, config: **config }),
            _ => None,
        };
        self.write(generation, keep, alloc::vec![Entry { term, payload }]);
        self.step_with(now, Input::Appended { term, last, config: config.as_ref() }, &[], out);
    }

    fn write(&mut self, generation: u32, keep: Index, entries: Vec<Entry>) {
        self.entries.extend_from_slice(&entries);
        self.log_writes.push_back(LogWrite { generation, keep, entries });
    }

    /// Takes messages and answers out of an output.
    fn collect(&mut self, out: &mut Output) {
        self.reads.append(&mut out.reads);
        for send in out.send.drain(..) {
            let entries = match send.msg.body {
                Body::Append(Append { prev, last, .. }) => {
                    assert!(prev.index >= self.disk.base, "what was given up is not sent");
                    self.entries[prev.index.0 as usize..last.0 as usize].to_vec()
                }
                _ => Vec::new(),
            };
            let cargo = Cargo::Raft(send.msg, entries);
            let envelope = Envelope { from: send.msg.from, to: send.msg.to, cargo };
            self.post(send.after, envelope);
        }
        if let Some((from, _)) = out.fetch {
            let envelope = Envelope { from: self.raft.id(), to: from, cargo: Cargo::Fetch };
            self.post(DurablePoint(0), envelope);
        }
    }

    fn post(&mut self, after: DurablePoint, envelope: Envelope) {
        match after <= self.hard_done {
            true => self.sent.push(envelope),
            false => self.waiting.push((after, envelope)),
        }
    }

    fn let_go(&mut self) {
        let done = self.hard_done;
        let free = self.waiting.extract_if(.., |(after, _)| *after <= done);
        self.sent.extend(free.map(|(_, envelope)| envelope));
    }

    fn send_snapshot(&mut self, to: NodeId) {
        let index = self.disk.snapshot;
        let entries = self.entries[..index.0 as usize].to_vec();
        let founding = ConfigAt { index: Index(0), config: self.disk.founding };
        let config = configs(&entries, Index(1)).last().copied().unwrap_or(founding);
        let snapshot = Snapshot { mark: self.disk.mark(index), config, entries };
        let cargo = Cargo::Snapshot(snapshot);
        self.sent.push(Envelope { from: self.raft.id(), to, cargo });
    }

    fn install(&mut self, now: Now, snapshot: &Snapshot, out: &mut Output) {
        self.step_with(now, Input::Install(snapshot.mark, &snapshot.config), &[], out);
        let Some(restored) = out.restored else { return };
        self.restored = Some(restored);
        let index = snapshot.mark.index;
        if !restored.keeps_tail {
            self.entries.clone_from(&snapshot.entries);
            self.log_writes.clear();
        }
        // The snapshot holds the log's beginning, whatever else the disk had there.
        let is_there = self.disk.entries.starts_with(&snapshot.entries);
        if !restored.keeps_tail || !is_there {
            self.disk.entries.clone_from(&snapshot.entries);
        }
        self.disk.generation = restored.generation;
        self.disk.base = index;
        self.disk.snapshot = index;
    }

    /// Completes what is under way, if that happens by itself.
    fn settle(&mut self, now: Now, out: &mut Output) {
        while self.is_prompt && (self.complete_hard(now, out) || self.complete_log(now, out)) {}
    }

    /// The oldest write of the hard state is done; false if there is none.
    pub fn complete_hard(&mut self, now: Now, out: &mut Output) -> bool {
        let Some((point, hard)) = self.hard_writes.pop_front() else { return false };
        self.disk.hard = hard;
        self.hard_done = point;
        self.let_go();
        self.step_with(now, Input::HardDurable(point), &[], out);
        true
    }

    /// The oldest write of entries is done; false if there is none.
    pub fn complete_log(&mut self, now: Now, out: &mut Output) -> bool {
        let Some(at) = self.land_log() else { return false };
        self.step_with(now, Input::Durable(at), &[], out);
        true
    }

    /// The oldest write of entries is on the disk, but nobody was told.
    pub fn land_log(&mut self) -> Option<LogPosition> {
        let write = self.log_writes.pop_front()?;
        // A snapshot that was installed meanwhile holds all up to its mark: a write that is older
        // neither cuts that off nor writes it again.
        let keep = write.keep.max(self.disk.snapshot);
        let is_held = (keep.0 - write.keep.0) as usize;
        self.disk.entries.truncate(keep.0 as usize);
        self.disk.entries.extend(write.entries.into_iter().skip(is_held));
        self.disk.generation = write.generation;
        let index = Index(self.disk.entries.len() as u64);
        Some(LogPosition { generation: write.generation, index })
    }

    /// A snapshot of all up to `index` is made; false if it may not be.
    pub fn snapshot(&mut self, now: Now, index: Index, out: &mut Output) -> bool {
        self.step(now, Input::Snapshotted(index), out);
        if self.refused.is_none() {
            self.disk.snapshot = index;
        }
        self.refused.is_none()
    }

    /// Entries up to `index` are given up; false if they may not be.
    pub fn compact(&mut self, now: Now, index: Index, out: &mut Output) -> bool {
        self.step(now, Input::Compacted(index), out);
        if self.refused.is_none() {
            self.disk.base = self.disk.base.max(index);
        }
        self.refused.is_none()
    }
}
