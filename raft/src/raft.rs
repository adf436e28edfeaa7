//! The core's state, and the way of one input through it.
//!
//! Inputs -> outputs: [`Input`] -> [`Output`].
//! Invariants: the term never falls; no message leaves before the hard state in which it was made
//! is durable; a message of an older term, life, disk or cluster changes nothing.
//! Limits: the module [`crate::limits`].
//! Not here: what the roles do (election.rs, follow.rs, lead.rs and their neighbours).

use crate::clock::{Now, Random, Timing};
use crate::config::{Config, ConfigAt, DiskId};
use crate::lead::Lead;
use crate::limits::{CONFIGS_MAX, NODES_MAX, PRIORITY_MAX, READS_MAX, WINDOW_MAX};
use crate::log::{Log, LogPosition, Mark, Run};
use crate::message::{Body, Incarnation, Message};
#[cfg(feature = "mutate")]
use crate::mutation::Mutation;
use crate::patience::Patience;
use crate::peer::{Holder, Peer};
use crate::port::{DurablePoint, HardState, Input, Output, Refusal, Role, Send};
use crate::reads::PendingRead;
use crate::set::{NodeSet, is_id};
use alloc::vec::Vec;
use gavel_types::{Index, NodeId, Term};

/// How much may be on its way to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Appends, at most [`WINDOW_MAX`].
    pub appends: usize,
    /// Bytes.
    pub bytes: u64,
    /// Bytes of one entry, at most.
    pub entry_bytes: u64,
    /// Entries of one append.
    pub append_entries: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { appends: WINDOW_MAX, bytes: 1 << 20, entry_bytes: 128, append_entries: 512 }
    }
}

/// What does not change in a node's life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Who it is.
    pub id: NodeId,
    /// Ids of nodes lie below this, at most [`NODES_MAX`]: the same at all nodes of a cluster.
    pub nodes: usize,
    /// What lasts how long.
    pub timing: Timing,
    /// What may be on its way to a peer.
    pub window: Window,
    /// At most [`PRIORITY_MAX`], which campaigns first; a lower one waits longer.
    pub priority: u8,
    /// Ask before an election whether it would be won (Thesis 9.6).
    pub pre_vote: bool,
    /// A leader that no majority answers steps down, and a voter that hears a leader keeps to it
    /// (Thesis 6.2, 4.2.3).
    pub check_quorum: bool,
    /// Draws the timeouts.
    pub seed: u64,
}

impl Options {
    /// The usual ones.
    #[must_use]
    pub fn new(id: NodeId, seed: u64) -> Self {
        Self {
            id,
            nodes: NODES_MAX,
            timing: Timing::default(),
            window: Window::default(),
            priority: PRIORITY_MAX,
            pre_vote: true,
            check_quorum: true,
            seed,
        }
    }
}

/// What a node finds at its start.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// As it was last written; the default on a new disk.
    pub hard: HardState,
    /// The disk's name.
    pub disk: DiskId,
    /// This life's number.
    pub incarnation: Incarnation,
    /// How often the log was truncated.
    pub log_generation: u32,
    /// The last entry that the newest snapshot holds.
    pub snapshot: Mark,
    /// The runs of the log behind `base`.
    pub runs: &'a [Run],
    /// What lies before the log.
    pub base: Mark,
    /// Where the log ends. All of it is durable.
    pub last: Index,
    /// What is known to be committed.
    pub commit: Index,
    /// The configurations of snapshot and log, by rising index; the last ones suffice.
    pub configs: &'a [ConfigAt],
    /// The log may have reached up to here before some of it was damaged (SAFETY 3); the default if
    /// nothing was.
    pub unsure: Mark,
}

/// One node's part in the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    pub(crate) options: Options,
    pub(crate) disk: DiskId,
    pub(crate) incarnation: Incarnation,
    pub(crate) now: Now,
    pub(crate) random: Random,

    pub(crate) hard: HardState,
    pub(crate) hard_version: DurablePoint,
    /// The newest version that changed what messages depend on.
    hard_gate: DurablePoint,
    hard_said: DurablePoint,
    hard_durable: DurablePoint,
    pub(crate) log: Log,
    pub(crate) snapshot: Mark,
    pub(crate) commit: Index,
    /// Newest last; the last is in force.
    pub(crate) configs: Vec<ConfigAt>,

    pub(crate) role: Role,
    pub(crate) leader: Option<NodeId>,
    pub(crate) is_fit: bool,
    /// The configuration in force was put over the log, and is not in it yet (SAFETY 16).
    pub(crate) is_forced: bool,

    /// When a leader was last heard; none if the promise to it is void.
    pub(crate) heard: Option<Now>,
    /// Since when an election timeout runs, and how long it is.
    pub(crate) waits_since: Now,
    pub(crate) waits_ns: u64,
    /// What silence is borne, and what it was when the timeout was drawn.
    pub(crate) patience: Patience,
    pub(crate) drawn_for_ns: u64,
    /// When this life began; none if there was no life before it whose promises might bind.
    pub(crate) restarted: Option<Now>,
    /// The newest term in which this life heard a leader.
    pub(crate) lease_term: Term,
    /// The newest leader that this life heard, or was.
    pub(crate) holder: Holder,

    pub(crate) granted: NodeSet,
    pub(crate) denied: NodeSet,
    /// The candidate's own vote counts once this is durable.
    pub(crate) own_vote: DurablePoint,
    /// The newest term in which a lease may have been given, as far as those know who granted.
    pub(crate) lease_seen: Term,

    /// Up to here the log is known to be the leader's.
    pub(crate) verified: Index,
    /// The log may have reached up to here, and does not any more; the default if it does.
    pub(crate) unsure: Mark,

    pub(crate) lead: Lead,
    /// By id.
    pub(crate) peers: Vec<Peer>,
    pub(crate) reads: Vec<PendingRead>,
    pub(crate) next_context: u32,
    #[cfg(feature = "mutate")]
    pub(crate) planted: Option<Mutation>,
}

/// True if this bug is planted; never in a build without the feature.
macro_rules! errs {
    ($raft:expr, $mutation:ident) => {{
        #[cfg(feature = "mutate")]
        let errs = $raft.planted == Some(crate::mutation::Mutation::$mutation);
        #[cfg(not(feature = "mutate"))]
        let errs = crate::raft::never(&$raft);
        errs
    }};
}
pub(crate) use errs;

/// Nothing is planted. A call, and no constant: what stands beside it is a rule of the protocol,
/// which must not read differently (to a lint either) where no bug can be planted.
#[cfg(not(feature = "mutate"))]
#[inline]
pub(crate) const fn never(_: &Raft) -> bool {
    false
}

impl Raft {
    /// A node at its start: a follower.
    ///
    /// # Panics
    /// If options or what was found contradict themselves.
    #[must_use]
    pub fn new(options: Options, start: &Start<'_>, now: Now) -> Self {
        assert!(is_id(options.id) && usize::from(options.id.0) < options.nodes, "an id in range");
        assert!(options.nodes <= NODES_MAX, "ids lie below the bound");
        assert!(options.timing.is_sound(), "durations fit together");
        assert!(options.priority <= PRIORITY_MAX, "a priority is at most the highest");
        assert!((1..=WINDOW_MAX).contains(&options.window.appends), "a window has a size");
        assert!(options.window.append_entries > 0, "an append carries entries");
        assert!(start.commit <= start.last, "what is committed is in the log");
        assert!(start.snapshot.index >= start.base.index, "a snapshot holds what the log lacks");
        assert!(!start.configs.is_empty(), "a node knows a configuration");
        let mut configs = Vec::with_capacity(CONFIGS_MAX + 1);
        let surplus = start.configs.len().saturating_sub(CONFIGS_MAX);
        configs.extend_from_slice(&start.configs[surplus..]);
        let is_new = start.hard.term == Term(0) && start.last == Index(0);
        let mut raft = Self {
            disk: start.disk,
            incarnation: start.incarnation,
            now,
            random: Random::new(options.seed ^ u64::from(options.id.0) << 56),
            hard: start.hard,
            hard_version: DurablePoint(0),
            hard_gate: DurablePoint(0),
            hard_said: DurablePoint(0),
            hard_durable: DurablePoint(0),
            log: Log::new(start.base, start.runs, start.last, start.log_generation),
            snapshot: start.snapshot,
            commit: start.commit.max(start.base.index),
            configs,
            role: Role::Follower,
            leader: None,
            is_fit: true,
            is_forced: false,
            // SAFETY 11: what an earlier life promised is kept by waiting.
            heard: (!is_new).then_some(now),
            waits_since: now,
            waits_ns: 0,
            patience: Patience::default(),
            drawn_for_ns: 0,
            restarted: (!is_new).then_some(now),
            lease_term: Term(0),
            holder: Holder::default(),
            granted: NodeSet::EMPTY,
            denied: NodeSet::EMPTY,
            own_vote: DurablePoint(0),
            lease_seen: Term(0),
            verified: Index(0),
            unsure: start.unsure,
            lead: Lead::default(),
            peers: alloc::vec![Peer::default(); options.nodes],
            reads: Vec::with_capacity(READS_MAX),
            next_context: 0,
            #[cfg(feature = "mutate")]
            planted: None,
            options,
        };
        raft.settle_unsure();
        raft.draw_timeout();
        raft
    }

    /// Plants a bug.
    #[cfg(feature = "mutate")]
    pub fn plant(&mut self, mutation: Mutation) {
        self.planted = Some(mutation);
    }

    /// Takes one input, and adds what comes of it to the output.
    ///
    /// # Panics
    /// If the output has no room (see [`Output::has_room`]).
    pub fn step(&mut self, now: Now, input: Input<'_>, out: &mut Output) {
        assert!(out.has_room(), "the host takes what came out before it asks for more");
        out.begin_step();
        // A clock that jumps back stands still instead.
        self.now.boot = self.now.boot.max(now.boot);
        self.now.raw = self.now.raw.max(now.raw);
        if self.hard.is_superseded && !matches!(input, Input::HardDurable(_) | Input::Durable(_)) {
            out.refused = Some(Refusal::Superseded);
            return;
        }
        match input {
            Input::Message(msg, configs) => self.on_message(msg, configs, out),
            Input::Appended { term, last, config } => self.on_appended(term, last, config, out),
            Input::Durable(at) => self.on_durable(at, out),
            Input::HardDurable(point) => self.on_hard_durable(point, out),
            Input::Tick => self.on_tick(out),
            Input::Campaign => self.on_campaign(out),
            Input::Suspect(node) => self.on_suspect(node, out),
            Input::Death(node, incarnation) => self.on_death(node, incarnation, out),
            Input::Transfer(to) => self.on_transfer(to, out),
            Input::Resign => self.on_resign(out),
            Input::Change(change) => self.on_change(change, out),
            Input::Leave => self.on_leave(out),
            Input::Read { context, kind } => self.on_read(context, kind, out),
            Input::Snapshotted(index) => self.on_snapshotted(index, out),
            Input::Compacted(index) => self.on_compacted(index, out),
            Input::Install(mark, config) => self.on_install(mark, config, out),
            Input::SnapshotFailed(node) => self.on_snapshot_failed(node, out),
            Input::Fit(is_fit) => self.is_fit = is_fit,
            Input::ForceNewCluster => self.on_force(out),
        }
        if self.hard_said < self.hard_version {
            self.hard_said = self.hard_version;
            out.hard_state = Some((self.hard_version, self.hard));
        }
    }

    fn on_hard_durable(&mut self, point: DurablePoint, out: &mut Output) {
        assert!(point <= self.hard_version, "what is durable was asked for");
        self.hard_durable = self.hard_durable.max(point);
        if self.role == Role::Candidate {
            self.count_own_vote(out);
        }
    }

    fn on_tick(&mut self, out: &mut Output) {
        match self.role {
            Role::Leader => self.tick_leader(out),
            _ => self.tick_election(out),
        }
    }

    /// Goes back to following, in this term or a newer one.
    pub(crate) fn follow(&mut self, term: Term, leader: Option<NodeId>, out: &mut Output) {
        assert!(term >= self.hard.term, "a term never falls");
        if self.role == Role::Leader {
            self.end_leadership();
        }
        // Raft 5.2: a newer term alone does not put off an election.
        let waits_on = self.role == Role::Follower && self.leader.is_none() && leader.is_none();
        if self.role != Role::Follower || term > self.hard.term || leader != self.leader {
            self.fail_reads(out);
        }
        if term > self.hard.term {
            self.hard.term = term;
            self.hard.vote = None;
            self.hard_changed();
            self.verified = Index(0);
        }
        self.role = Role::Follower;
        self.leader = leader;
        if !waits_on {
            self.draw_timeout();
        }
    }

    /// Term, vote or generation changed: messages wait until that is durable.
    pub(crate) fn hard_changed(&mut self) {
        self.hard_noted();
        self.hard_gate = self.hard_version;
    }

    /// Something was learned that is to be remembered. No message depends on it: a crash before it
    /// is written is as if it had not been learned.
    pub(crate) fn hard_noted(&mut self) {
        self.hard_version = DurablePoint(self.hard_version.0 + 1);
    }

    /// True if what this point stands for is durable.
    pub(crate) fn is_hard_durable(&self, point: DurablePoint) -> bool {
        self.hard_durable >= point || errs!(self, VoteBeforeSync)
    }

    /// Sends. Votes and terms are durable before any message that depends on them, so every message
    /// waits for the newest of them (Raft 5.2).
    #[inline]
    pub(crate) fn say(&self, to: NodeId, body: Body, out: &mut Output) {
        let is_durable = self.is_hard_durable(self.hard_gate);
        let after = if is_durable { DurablePoint(0) } else { self.hard_gate };
        let msg = Message {
            from: self.options.id,
            to,
            generation: self.hard.generation,
            disk: self.disk,
            incarnation: self.incarnation,
            term: self.hard.term,
            body,
        };
        out.push(Send { msg, after });
    }

    /// The configuration in force: the newest in the log, committed or not (Raft 6).
    #[must_use]
    #[inline]
    pub fn config(&self) -> &Config {
        &self.config_at().config
    }

    /// The configuration in force and where its entry lies.
    #[must_use]
    #[inline]
    pub fn config_at(&self) -> &ConfigAt {
        self.configs.last().expect("a node knows a configuration")
    }

    /// True if this node votes, with this disk.
    #[must_use]
    #[inline]
    pub fn is_voter(&self) -> bool {
        let config = self.config();
        config.all_voters().has(self.options.id) && config.disk_of(self.options.id) == self.disk
    }

    /// Who this is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.options.id
    }

    /// What it is now.
    #[must_use]
    #[inline]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its term.
    #[must_use]
    #[inline]
    pub fn term(&self) -> Term {
        self.hard.term
    }

    /// The leader of its term, if it knows one.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The hard state as it is now, durable or not.
    #[must_use]
    pub fn hard_state(&self) -> &HardState {
        &self.hard
    }

    /// Up to where the log is decided.
    #[must_use]
    #[inline]
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// True if it lacks part of what it may have acknowledged in an earlier life: it does not lead,
    /// and votes for nobody whose log ends before that (SAFETY 3).
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        self.unsure > Mark::default()
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The end of the log's durable prefix.
    #[must_use]
    pub fn durable(&self) -> LogPosition {
        LogPosition { generation: self.log.generation(), index: self.log.durable() }
    }

    /// What a leader knows of a member.
    #[must_use]
    pub fn peer(&self, node: NodeId) -> Option<&Peer> {
        let is_known = self.role == Role::Leader && node != self.options.id;
        self.peers.get(usize::from(node.0)).filter(|_| is_known)
    }

    /// What silence of its leader this node bears at present, or of a majority if it leads.
    #[must_use]
    pub fn patience_ns(&self) -> u64 {
        self.patience.lasts_ns(&self.options.timing)
    }

    /// True if a cluster of a higher generation has taken this one's place.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.hard.is_superseded
    }
}
