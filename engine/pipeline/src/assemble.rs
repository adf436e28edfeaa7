//! `assemble()`: the one place where agents are made and linked. Production, benchmark and
//! simulator all call it.
//!
//! Inputs -> outputs: a Plan, a machine, a log to recover from, the ports -> agents ready to run,
//! with the log's state in the machine and its newest reports in egress.
//! Invariants: recovery is the only way to a state, so it is tested on every run; the first record
//! of every start says that all sessions are disconnected (SAFETY 21).
//! Limits: the Plan's.
//! Not here: threads.

use crate::authenticator::AuthenticatorLinks;
use crate::egress::{Egress, EgressLinks, EgressStart};
use crate::executor::Executor;
use crate::gateway::{AuthenticatorRings, Gateway, GatewayLinks};
use crate::sequencer::{LogEnd, Sequencer, SequencerLinks};
use crate::session::Sessioned;
use crate::{FromAuthenticator, FromEgress, ToAuthenticator, ToEgress};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{
    Egress as EgressPort, Ingress, LogReader, LogStore, Machine, MemoryLine, Outbox, Plan,
    Progress, RingPlan,
};
use gavel_journal::recovery::{self, Recovered, Refusal};
use gavel_journal::{Journal, JournalLinks};
use gavel_link::{Position, Reader, Watermark, WatermarkWriter, Writer, touched_ring, watermark};
use gavel_types::{
    AdminStart, Body, Command, ConnId, Index, LogRecord, Nanos, NotAppliedRange, Report, SeqNo,
    SessionSlot, Stamp, Term,
};
use gavel_wire::server::TermRun;
use xxhash_rust::xxh3::Xxh3Default;

/// The one term of a single node.
pub const SINGLE_NODE_TERM: Term = Term(1);

/// The rim of one node.
#[derive(Debug)]
pub struct Ports<S, I, E> {
    /// Where the log is written.
    pub store: S,
    /// Clients' bytes in.
    pub ingress: I,
    /// Clients' bytes out.
    pub egress: E,
}

/// A node, ready to run.
pub struct Assembly<M, S, I, E>
where
    S: LogStore,
{
    /// Reads clients.
    pub gateway: Gateway<I>,
    /// Stamps commands.
    pub sequencer: Sequencer,
    /// Makes records durable.
    pub journal: Journal<S>,
    /// Applies records.
    pub executor: Executor<M>,
    /// Sends reports.
    pub egress: Egress<E>,
    /// For whoever watches and steers the node.
    pub handles: Handles,
}

/// What the outside of the pipeline holds of it.
#[derive(Debug)]
pub struct Handles {
    /// The node's own commands.
    pub control: Writer<Command>,
    /// Raise above 0: every connection is told that the node stops.
    pub stop: WatermarkWriter,
    /// Raise to the first segment of the log that is still needed.
    pub floor: WatermarkWriter,
    /// How far the log is durable.
    pub durable: Watermark,
    /// How far it is applied.
    pub applied: Watermark,
    /// Parity of its index: odd, the disk is full and intake has stopped.
    pub intake: Watermark,
    /// What recovery found.
    pub recovered: Recovered,
    /// Where memory went.
    pub memory: Vec<MemoryLine>,
    /// For an authenticator, where keys are configured: a housekeeping thread runs it.
    pub authenticator: Option<AuthenticatorLinks>,
}

/// Takes reports that recovery makes again; never full.
struct Restore<'a, E>(&'a mut Egress<E>);

impl<E: EgressPort> Outbox for Restore<'_, E> {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        self.0.restore(&report);
    }
}

/// Every ring of a node, touched.
struct Rings {
    control: (Writer<Command>, Reader<Command>),
    commands: (Writer<Command>, Reader<Command>),
    to_journal: (Writer<LogRecord>, Reader<LogRecord>),
    to_executor: (Writer<LogRecord>, Reader<LogRecord>),
    reports: (Writer<Report>, Reader<Report>),
    requests: (Writer<ToEgress>, Reader<ToEgress>),
    events: (Writer<FromEgress>, Reader<FromEgress>),
    ticks: (Writer<Nanos>, Reader<Nanos>),
}

/// Slots for words about Ticks: only the last counts, and whoever finds no room tries again.
const TICKS_DEPTH: usize = 16;

impl Rings {
    fn new(depth: &RingPlan) -> Self {
        let command = Command::tick();
        let stamp = Stamp { index: Index(0), term: Term(0), time: Nanos(0) };
        let record = LogRecord { stamp, command };
        let nothing = NotAppliedRange { from: SeqNo(0), count: 0 };
        let report = Report::not_applied(stamp, SessionSlot::NONE, &nothing);
        Self {
            control: touched_ring(depth.control_to_sequencer, command),
            commands: touched_ring(depth.gateway_to_sequencer, command),
            to_journal: touched_ring(depth.sequencer_to_journal, record),
            to_executor: touched_ring(depth.sequencer_to_executor, record),
            reports: touched_ring(depth.executor_to_egress, report),
            requests: touched_ring(depth.gateway_to_egress, ToEgress::Intake { stopped: false }),
            events: touched_ring(depth.egress_to_gateway, FromEgress::Released { conn: ConnId(0) }),
            ticks: touched_ring(TICKS_DEPTH, Nanos(0)),
        }
    }

    fn memory_bytes(&self) -> usize {
        self.control.0.memory_bytes()
            + self.commands.0.memory_bytes()
            + self.to_journal.0.memory_bytes()
            + self.to_executor.0.memory_bytes()
            + self.reports.0.memory_bytes()
            + self.requests.0.memory_bytes()
            + self.events.0.memory_bytes()
            + self.ticks.0.memory_bytes()
    }
}

/// Recovers the log and makes the agents of a single node: term 1, `commit` = `durable` =
/// `release`, no lease, no replicator.
///
/// # Errors
/// [`StartRefusal`] if serving from the log as found, or under this Plan, could lose, repeat or
/// change something acknowledged.
pub fn assemble<M, S, I, E>(
    plan: &Plan,
    machine: M,
    log: &mut impl LogReader,
    incarnation: u64,
    ports: Ports<S, I, E>,
) -> Result<Assembly<M, S, I, E>, StartRefusal>
where
    M: Machine,
    S: LogStore,
    I: Ingress,
    E: EgressPort,
{
    let rings = Rings::new(&plan.ring);
    let ring_bytes = rings.memory_bytes();
    let Rings { control, commands, to_journal, to_executor, reports, requests, events, ticks } =
        rings;
    // The journal raises `durable` to what recovery found; until then it stands at nothing.
    let (durable_in, durable) = watermark(Position::default());
    let (intake_in, intake) = watermark(Position::default());
    let (floor, floor_out) = watermark(Position::default());
    let (stop, stop_out) = watermark(Position::default());

    let mut machine = Sessioned::new(&plan.session, machine);
    let links = EgressLinks {
        reports: reports.1,
        requests: requests.1,
        events: events.0,
        release: durable.clone(),
    };
    let mut egress = Egress::new(plan, links, ports.egress, single_node());
    let recovered = recover(plan, log, &mut machine, &mut egress)?;
    let start = recovered.start(incarnation)?;
    let (applied_in, applied) = watermark(start.durable);

    let end = LogEnd {
        next: recovered.last.index.next(),
        term: SINGLE_NODE_TERM.max(recovered.last.term),
        time: recovered.last.time,
    };
    let links = SequencerLinks {
        control: control.1,
        gateway: commands.1,
        journal: to_journal.0,
        executor: to_executor.0,
        ticks: ticks.1,
        replicator: None,
    };
    let sequencer = Sequencer::new(links, end);
    let links = JournalLinks {
        records: to_journal.1,
        durable: durable_in,
        intake: intake_in,
        commit: durable.clone(),
        floor: floor_out,
    };
    let block_bytes = ports.store.buffers() * ports.store.buffer_bytes();
    let journal = Journal::new(&plan.journal, ports.store, start, links);
    let (rings_of_gateway, authenticator) = authenticator_rings(plan).unzip();
    let links = GatewayLinks {
        commands: commands.0,
        requests: requests.0,
        events: events.1,
        authenticator: rings_of_gateway,
        intake: intake.clone(),
        stop: stop_out,
    };
    let gateway = Gateway::new(&plan.session, links, ports.ingress);
    let (pool_bytes, conn_bytes) = egress.memory_bytes();
    let memory = vec![
        MemoryLine { what: "machine (books, sessions)", bytes: machine.memory_bytes() },
        MemoryLine { what: "rings", bytes: ring_bytes },
        MemoryLine { what: "reports for retransmission", bytes: pool_bytes },
        MemoryLine { what: "connections", bytes: conn_bytes + gateway.memory_bytes() },
        MemoryLine { what: "log blocks", bytes: block_bytes },
    ];
    let executor = Executor::new(machine, to_executor.1, reports.0, applied_in, ticks.0);
    let mut handles = Handles {
        control: control.0,
        stop,
        floor,
        durable,
        applied,
        intake,
        recovered,
        memory,
        authenticator,
    };
    handles.control.push(admin_start(plan, incarnation));
    Ok(Assembly { gateway, sequencer, journal, executor, egress, handles })
}

/// What egress says of a node that leads alone, from the first record on.
fn single_node() -> EgressStart {
    let first = TermRun { term: SINGLE_NODE_TERM, first_index: Index(1) };
    EgressStart { sender_term: SINGLE_NODE_TERM, term_runs: vec![first] }
}

/// The rings between gateway and authenticator, if keys are asked for. An open connection has at
/// most a challenge and a claim under way; a full ring only delays.
fn authenticator_rings(plan: &Plan) -> Option<(AuthenticatorRings, AuthenticatorLinks)> {
    if !plan.session.needs_credentials {
        return None;
    }
    let depth = (2 * plan.session.connections_max as usize).next_power_of_two();
    let conn = ConnId(0);
    let questions = touched_ring(depth, ToAuthenticator::Challenge { conn });
    let answers = touched_ring(depth, FromAuthenticator::Verified { conn, identity: None });
    let gateway = AuthenticatorRings { questions: questions.0, answers: answers.1 };
    Some((gateway, AuthenticatorLinks { questions: questions.1, answers: answers.0 }))
}

/// The first record of every start: all sessions are disconnected (SAFETY 21).
fn admin_start(plan: &Plan, incarnation: u64) -> Command {
    let idle_expiry_ms = plan.session.idle_expiry_ms;
    let start = AdminStart { incarnation, configuration: configuration(plan), idle_expiry_ms };
    Command::admin_start(SessionSlot::NONE, SeqNo(0), &start)
}

/// Applies the log to the machine, and gives egress the reports that it makes again.
fn recover<M: Machine, E: EgressPort>(
    plan: &Plan,
    log: &mut impl LogReader,
    machine: &mut Sessioned<M>,
    egress: &mut Egress<E>,
) -> Result<Recovered, StartRefusal> {
    let given = configuration(plan);
    let mut refusal = None;
    let recovered = recovery::scan(log, plan.journal.segment_bytes, &mut |record: &LogRecord| {
        if let Ok(Body::AdminStart(start)) = record.command.parse()
            && start.configuration != 0
            && start.configuration != given
        {
            let index = record.stamp.index;
            let logged = start.configuration;
            refusal.get_or_insert(StartRefusal::Configuration { index, logged, given });
        }
        if refusal.is_none() {
            let progress = machine.apply(record, &mut Restore(egress));
            assert!(progress == Progress::Done, "nothing pauses when there is room");
        }
    })?;
    refusal.map_or(Ok(recovered), Err)
}

/// Why a node must not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartRefusal {
    /// The log itself.
    Log(Refusal),
    /// The log was written under other instruments or sizes of the machine. Replayed under these,
    /// its commands could have other outcomes than those that clients were told.
    Configuration {
        /// Record that says under which configuration it was written.
        index: Index,
        /// Digest of that.
        logged: u64,
        /// Digest of what this start was given.
        given: u64,
    },
}

impl From<Refusal> for StartRefusal {
    fn from(refusal: Refusal) -> Self {
        Self::Log(refusal)
    }
}

impl core::fmt::Display for StartRefusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Log(refusal) => refusal.fmt(f),
            Self::Configuration { index, logged, given } => write!(
                f,
                "record {index} of the log was written with other instruments or limits \
                 ({logged:016x}) than this start was given ({given:016x}): replayed with these, \
                 orders could end differently from what clients were told. Start with the \
                 [[symbol]] list, the [book] section and sessions.sessions_max of before, or with \
                 an empty data directory"
            ),
        }
    }
}

impl core::error::Error for StartRefusal {}

/// Digest of whatever the machine's answers depend on beside the log.
fn configuration(plan: &Plan) -> u64 {
    let mut hash = Xxh3Default::new();
    for number in [plan.book.orders_max, plan.book.levels_max, plan.session.sessions_max] {
        hash.update(&number.to_le_bytes());
    }
    for spec in &plan.book.symbols {
        hash.update(&spec.symbol.0.to_le_bytes());
        for number in [spec.tick.0, spec.price_min.0, spec.price_max.0] {
            hash.update(&number.to_le_bytes());
        }
        for number in [spec.lot.0, spec.qty_max.0] {
            hash.update(&number.to_le_bytes());
        }
    }
    // 0 stands for "not said".
    hash.digest().max(1)
}
