//! A node: the consensus core, its log and disk, and the machine that applies what is committed.
//!
//! ```text
//! requests, messages, completions -> Host (core, entries, disk) -> commit -> Machine -> answers
//! ```
//!
//! Inputs -> outputs: an input of the core's -> messages, writes under way, answers to clients.
//! Invariants: only what is committed is applied; an answer leaves only from a leader that holds
//! its lease at that instant; a read is answered when its index is applied.
//! Limits: of [`gavel_raft::memory::Disk`] only what it was told is durable is believed while the
//! process runs; after a crash it is read from the journal's blocks (storage.rs).
//! Not here: when writes complete and messages arrive (world.rs), what must hold (check.rs).

use super::clock::Clocks;
use super::machine::{Applied, Command, Machine};
use super::mutation::Mutation;
use super::orphans::Orphans;
use super::primary::Primary;
use super::reading::Reading;
use super::recall::Sent;
use super::rule::{Policy, Reign, Rule};
use super::storage::Storage;
use crate::linear::{OpId, RegisterAnswer};
use crate::random::Random;
use gavel_raft::memory::{Disk, Entry, Envelope, Host};
use gavel_raft::{Input, Options, Output, ReadKind, Role};
use gavel_types::{Index, Nanos, NodeId, Term};
use std::collections::BTreeMap;

/// What a client asks a node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose operation.
    pub client: usize,
    /// Which.
    pub op: OpId,
    /// What.
    pub ask: Asked,
    /// Under which rule.
    pub rule: Rule,
    /// Whom the client goes by.
    pub reign: Reign,
}

/// A command for the log, or a read beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The command of that number.
    Command(usize),
    /// What a register holds.
    Read(u64, ReadKind),
}

/// What a node says to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The answer.
    Answer(OpId, RegisterAnswer),
    /// Ask that node, or any other.
    Redirect(OpId, Option<NodeId>),
    /// The session is established with a new primary, whose log has these runs: ask again. From
    /// here on the client takes nothing from an older one (SAFETY 8, 18, 19).
    Established(OpId, Sent),
}

/// An answer that may not leave yet, and the entry that it depends on.
#[derive(Clone, Copy, Debug)]
pub struct Unsent {
    /// To whom.
    pub client: usize,
    /// What.
    pub reply: Reply,
    /// The command's entry; the index of the read.
    pub index: Index,
    /// True if it answers a command.
    pub is_command: bool,
    /// Under which rule it may leave.
    pub rule: Rule,
    /// Of the leader that it comes from.
    pub term: Term,
    /// Up to where its node had applied the log: what it saw.
    pub seen: Index,
}

impl Unsent {
    /// The answer to a command, which that entry led to.
    #[must_use]
    pub fn of_command(request: &Request, reply: Reply, index: Index) -> Self {
        let (client, rule, term) = (request.client, request.rule, request.reign.term);
        Self { client, reply, index, is_command: true, rule, term, seen: index }
    }

    /// The answer to a read.
    #[must_use]
    pub fn of_read(request: &Request, reply: Reply, index: Index, term: Term) -> Self {
        let (client, rule) = (request.client, Rule::Quorum);
        Self { client, reply, index, is_command: false, rule, term, seen: index }
    }
}

/// A node, running or not.
#[derive(Debug)]
pub struct Node {
    /// Who.
    pub id: NodeId,
    /// What its core is told at each start.
    pub options: Options,
    /// Its clocks.
    pub clocks: Clocks,
    /// Its process, if it runs.
    pub host: Option<Host>,
    /// Its disk, while it does not run.
    pub disk: Option<Disk>,
    /// What it applied.
    pub machine: Machine,
    /// Until when it stands still.
    pub paused_until: Option<Nanos>,
    /// Starts so far: what was meant for an earlier life is dropped.
    pub life: u64,
    /// Answers that wait.
    pub unsent: Vec<Unsent>,
    /// Who asked for each command in this life.
    pub askers: BTreeMap<usize, Request>,
    /// The operator's rule.
    pub policy: Policy,
    /// What it is while it leads.
    pub(super) primary: Option<Primary>,
    /// The tails that it had to cut off.
    pub orphans: Orphans,
    /// How often `local` fell back to `quorum`.
    pub falls: u64,
    /// The planted bug.
    pub mutation: Option<Mutation>,
    /// What lies under it; nothing if its writes are durable when the world says so.
    pub storage: Option<Storage>,
    pub(super) reads: BTreeMap<u64, Reading>,
    next_read: u64,
    pub(super) out: Output,
}

impl Node {
    /// A node that does not run.
    #[must_use]
    pub fn new(options: Options, clocks: Clocks, disk: Disk, mutation: Option<Mutation>) -> Self {
        Self {
            id: options.id,
            options,
            clocks,
            host: None,
            disk: Some(disk),
            machine: Machine::default(),
            paused_until: None,
            life: 0,
            unsent: Vec::new(),
            askers: BTreeMap::new(),
            policy: Policy::default(),
            primary: None,
            orphans: Orphans::default(),
            falls: 0,
            mutation,
            storage: None,
            reads: BTreeMap::new(),
            next_read: 0,
            out: Output::default(),
        }
    }

    /// Starts the process with what is on the disk.
    ///
    /// # Errors
    /// If the journal refuses to go on.
    pub fn start(&mut self, now: Nanos) -> Result<(), String> {
        let Some(disk) = self.disk.take() else { return Ok(()) };
        let mut host = Host::start(self.options.clone(), disk, self.clocks.read(now));
        host.is_prompt = false;
        if let Some(core) = self.mutation.and_then(Mutation::core) {
            host.raft.plant(core);
        }
        self.host = Some(host);
        self.life += 1;
        self.machine = Machine::default();
        self.machine.forgets_sessions = self.mutation == Some(Mutation::SkipDeduplication);
        self.forget();
        match (&mut self.storage, &self.host) {
            (Some(storage), Some(host)) => storage.start(&host.disk),
            _ => Ok(()),
        }
    }

    /// Ends the process. Returns it; what is on the disk is still to be found out.
    pub fn crash(&mut self) -> Option<Host> {
        let host = self.host.take()?;
        self.disk = Some(host.disk.clone());
        self.paused_until = None;
        self.life += 1;
        self.forget();
        Some(host)
    }

    fn forget(&mut self) {
        self.unsent.clear();
        self.askers.clear();
        self.reads.clear();
        self.primary = None;
    }

    /// What is on its disk.
    #[must_use]
    pub fn disk(&self) -> Option<&Disk> {
        self.host.as_ref().map(|host| &host.disk).or(self.disk.as_ref())
    }

    /// The entries of its log, durable or not.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match (&self.host, &self.disk) {
            (Some(host), _) => &host.entries,
            (None, Some(disk)) => &disk.entries,
            (None, None) => &[],
        }
    }

    /// True if it runs and leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.raft.role() == Role::Leader)
    }

    /// True if it votes and holds no copy.
    #[must_use]
    pub fn is_witness(&self) -> bool {
        let is = |host: &Host| host.raft.config().witnesses.has(self.id);
        self.host.as_ref().is_some_and(is)
    }

    /// True if it may speak at this instant, by its own clocks.
    #[must_use]
    pub fn may_speak(&self, now: Nanos) -> bool {
        let until = self.host.as_ref().and_then(|host| host.raft.speaks_until());
        until.is_some_and(|until| !self.clocks.read(now).is_past(until))
    }

    /// Steps the core.
    pub fn step(&mut self, now: Nanos, input: Input<'_>) {
        let at = self.clocks.read(now);
        let Some(host) = &mut self.host else { return };
        host.step(at, input, &mut self.out);
    }

    /// Takes a message.
    pub fn receive(&mut self, now: Nanos, envelope: &Envelope) {
        if self.archives_first(envelope) || self.keeps_first(envelope) {
            return;
        }
        let at = self.clocks.read(now);
        let Some(host) = &mut self.host else { return };
        host.receive(at, envelope, &mut self.out);
    }

    /// A write of the disk is done: of a block, or of the hard state.
    pub fn complete(&mut self, now: Nanos, is_log: bool, random: &mut Random) {
        let at = self.clocks.read(now);
        let Some(host) = &mut self.host else { return };
        match (&mut self.storage, is_log) {
            (Some(storage), true) => storage.complete(random),
            (None, true) => drop(host.complete_log(at, &mut self.out)),
            (storage, false) => {
                if let (Some(storage), Some((_, hard))) = (storage, host.hard_writes.front()) {
                    storage.write_vote(hard);
                }
                host.complete_hard(at, &mut self.out);
            }
        }
    }

    /// Lets the journal work, and tells the core what is durable by now.
    pub fn drive(&mut self, now: Nanos) {
        let (Some(host), Some(storage)) = (&mut self.host, &mut self.storage) else { return };
        let clocks = &self.clocks;
        while storage.drive(host, self.machine.applied(), now, |host| {
            host.complete_log(clocks.read(now), &mut self.out);
        }) {}
        // SAFETY 14: who cannot write does not lead.
        if let Some(is_open) = storage.intake_turned() {
            host.step(clocks.read(now), Input::Fit(is_open), &mut self.out);
        }
    }

    /// A client asks.
    pub fn ask(&mut self, now: Nanos, request: Request, commands: &[Command]) -> Option<Reply> {
        let at = self.clocks.read(now);
        let (is_witness, reign) = (self.is_witness(), self.reign());
        let (answered, own_first) = (self.answered(request.ask, commands), self.own_first());
        let host = self.host.as_mut()?;
        let redirect = Reply::Redirect(request.op, host.raft.leader());
        if is_witness {
            return Some(redirect);
        }
        match request.ask {
            Asked::Command(place) => {
                if host.raft.role() != Role::Leader || request.reign > reign {
                    return Some(redirect);
                }
                if request.reign < reign {
                    let reply = Reply::Established(request.op, Sent::default());
                    let early = [Mutation::RunsTooEarly, Mutation::ReleaseBeforeOwnTerm];
                    if self.mutation.is_some_and(|mutation| early.contains(&mutation)) {
                        return Some(reply);
                    }
                    let unsent = Unsent::of_command(&request, reply, own_first);
                    let (rule, term) = (Rule::Quorum, reign.term);
                    self.unsent.push(Unsent { rule, term, ..unsent });
                    return None;
                }
                self.askers.insert(place, request);
                if let Some((answer, index)) = answered {
                    let reply = Reply::Answer(request.op, answer);
                    self.unsent.push(Unsent::of_command(&request, reply, index));
                    return None;
                }
                let takes = host.propose(at, place as u64, &mut self.out);
                (!takes).then_some(redirect)
            }
            Asked::Read(key, kind) => {
                if host.raft.leader().is_none() {
                    return Some(redirect);
                }
                if self.mutation == Some(Mutation::FollowerReadsAtOnce)
                    && host.raft.role() != Role::Leader
                {
                    return Some(Reply::Answer(request.op, self.machine.read(key)));
                }
                self.next_read += 1;
                let context = self.life << 40 | self.next_read;
                let term = host.raft.term();
                self.reads.insert(context, Reading { request, index: None, term });
                host.step(at, Input::Read { context, kind }, &mut self.out);
                if host.refused.is_some() {
                    self.reads.remove(&context);
                    return Some(redirect);
                }
                None
            }
        }
    }

    /// Applies the next entry, if there is one that may be.
    pub fn apply(&mut self, commands: &[Command]) -> Option<(Index, Option<Applied>)> {
        let host = self.host.as_ref()?;
        let is_hasty =
            self.mutation == Some(Mutation::ApplyBeforeCommit) && host.raft.role() != Role::Leader;
        let until = if is_hasty { host.raft.log().last().index } else { host.raft.commit() };
        if self.machine.applied() >= until {
            return None;
        }
        let entry = host.entries.get(self.machine.applied().0 as usize)?;
        let applied = self.machine.apply(entry, commands);
        let index = self.machine.applied();
        if self.mutation == Some(Mutation::StateDrifts) && self.id.0 == 2 && index.0 == 300 {
            self.machine.drift();
        }
        if let Some(applied) = applied
            && let Some(request) = self.askers.remove(&applied.command)
        {
            let reply = Reply::Answer(request.op, applied.answer);
            self.unsent.push(Unsent::of_command(&request, reply, index));
        }
        Some((index, applied))
    }

    /// Answers that a leader gives before it may: a planted bug.
    fn hasty_answers(&mut self, commands: &[Command]) {
        let Some(host) = &self.host else { return };
        let mut ahead = self.machine.clone();
        let until = host.raft.durable().index;
        while ahead.applied() < until {
            let Some(entry) = host.entries.get(ahead.applied().0 as usize) else { return };
            let applied = ahead.apply(entry, commands);
            let index = ahead.applied();
            if let Some(applied) = applied
                && let Some(request) = self.askers.remove(&applied.command)
            {
                let reply = Reply::Answer(request.op, applied.answer);
                self.unsent.push(Unsent::of_command(&request, reply, index));
            }
        }
    }

    /// Answers that may leave now.
    pub fn answers(&mut self, now: Nanos, commands: &[Command]) -> Vec<Unsent> {
        if self.mutation == Some(Mutation::AnswerBeforeCommit) && self.leads() {
            self.hasty_answers(commands);
        }
        self.executes(now, commands);
        let mut leaving = self.finished_reads();
        if !self.leads() {
            self.unsent.clear();
            self.askers.clear();
            return leaving;
        }
        // How far `local` may go depends on when it was looked at; nothing else does.
        if self.unsent.is_empty() && self.policy.rule == Rule::Quorum {
            return leaving;
        }
        // SAFETY 11: the lease is looked at again, by the clocks as they are now.
        let may_speak = self.may_speak(now) || self.mutation == Some(Mutation::LeaseUnchecked);
        if may_speak {
            let released = self.release(now);
            let may_leave = |unsent: &mut Unsent| {
                !unsent.is_command || unsent.index <= released.under(unsent.rule)
            };
            leaving.extend(self.unsent.extract_if(.., may_leave));
        }
        leaving
    }

    /// The answer to a command that had its effect before, and the entry that it depends on.
    fn answered(&self, ask: Asked, commands: &[Command]) -> Option<(RegisterAnswer, Index)> {
        let Asked::Command(place) = ask else { return None };
        let applied = || {
            let answer = self.machine.answered(&commands[place])?;
            Some((answer, self.effect_of(place)?))
        };
        self.executed(place, &commands[place]).or_else(applied)
    }

    /// How many writes are under way: of the hard state, and of entries.
    #[must_use]
    pub fn writes(&self) -> (usize, usize) {
        let Some(host) = &self.host else { return (0, 0) };
        let log = self.storage.as_ref().map_or(host.log_writes.len(), Storage::pending);
        (host.hard_writes.len(), log)
    }
}
