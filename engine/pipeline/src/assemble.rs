//! `assemble()`: the one place where agents are made and linked. Production, benchmark and simulator
//! all call it.
//!
//! Inputs -> outputs: a Plan, a machine, a log to recover from, the ports -> agents ready to run, with
//! the log's state in the machine and its newest reports in egress.
//! Invariants: recovery is the only way to a state, so it is tested on every run; the first record of
//! every start says that all sessions are disconnected (SAFETY 21).
//! Limits: the Plan's.
//! Not here: threads.

use crate::egress::{Egress, EgressLinks, EgressStart};
use crate::executor::Executor;
use crate::gateway::{Gateway, GatewayLinks};
use crate::sequencer::{LogEnd, Sequencer, SequencerLinks};
use crate::session::Sessioned;
use crate::{FromEgress, ToEgress};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{
    Egress as EgressPort, Ingress, LogReader, LogStore, Machine, MemoryLine, Outbox, Plan, Progress,
};
use gavel_journal::recovery::{self, Recovered, Refusal};
use gavel_journal::{Journal, JournalLinks};
use gavel_link::{Position, Watermark, WatermarkWriter, Writer, touched_ring, watermark};
use gavel_types::{
    AdminStart, Command, ConnId, Index, LogRecord, Nanos, Report, SeqNo, SessionSlot, Stamp, Term,
};
use gavel_wire::server::TermRun;

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

const EMPTY_COMMAND_BODY: AdminStart = AdminStart { incarnation: 0 };

/// Recovers the log and makes the agents of a single node: term 1, `commit` = `durable` = `release`,
/// no lease, no replicator.
///
/// # Errors
/// [`Refusal`] if serving from the log as found could lose or repeat something acknowledged.
pub fn assemble<M, S, I, E>(
    plan: &Plan,
    machine: M,
    log: &mut impl LogReader,
    incarnation: u64,
    ports: Ports<S, I, E>,
) -> Result<Assembly<M, S, I, E>, Refusal>
where
    M: Machine,
    S: LogStore,
    I: Ingress,
    E: EgressPort,
{
    let command = Command::admin_start(SessionSlot::NONE, SeqNo(0), &EMPTY_COMMAND_BODY);
    let nowhere = Stamp { index: Index(0), term: Term(0), time: Nanos(0) };
    let record = LogRecord { stamp: nowhere, command };
    let report = any_report(nowhere);
    let depth = &plan.ring;
    let (mut control_in, control) = touched_ring(depth.control_to_sequencer, command);
    let (commands, gateway_out) = touched_ring(depth.gateway_to_sequencer, command);
    let (to_journal, journal_records) = touched_ring(depth.sequencer_to_journal, record);
    let (to_executor, executor_records) = touched_ring(depth.sequencer_to_executor, record);
    let (reports, reports_out) = touched_ring(depth.executor_to_egress, report);
    let close = ToEgress::Intake { stopped: false };
    let (requests, requests_out) = touched_ring(depth.gateway_to_egress, close);
    let released = FromEgress::Released { conn: ConnId(0) };
    let (events, events_out) = touched_ring(depth.egress_to_gateway, released);
    let rings = control_in.memory_bytes()
        + commands.memory_bytes()
        + to_journal.memory_bytes()
        + to_executor.memory_bytes()
        + reports.memory_bytes()
        + requests.memory_bytes()
        + events.memory_bytes();

    let mut machine = Sessioned::new(&plan.session, machine);
    // The journal raises `durable`; until recovery has found where it stands it stands at nothing.
    let (durable_in, durable) = watermark(Position::default());
    let start = EgressStart {
        sender_term: SINGLE_NODE_TERM,
        term_runs: vec![TermRun { term: SINGLE_NODE_TERM, first_index: Index(1) }],
    };
    let egress_links = EgressLinks {
        reports: reports_out,
        requests: requests_out,
        events,
        release: durable.clone(),
    };
    let mut egress = Egress::new(plan, egress_links, ports.egress, start);
    let recovered = recovery::scan(log, plan.journal.segment_bytes, &mut |record: &LogRecord| {
        let mut out = Restore(&mut egress);
        let progress = machine.apply(record, &mut out);
        assert!(progress == Progress::Done, "nothing pauses when there is room");
    })?;
    let recovered_to = Position { generation: 0, index: recovered.last.index };
    let (intake_in, intake) = watermark(Position::default());
    let (stop, stop_out) = watermark(Position::default());
    let (applied_in, applied) = watermark(recovered_to);

    let end = LogEnd {
        next: recovered.last.index.next(),
        term: SINGLE_NODE_TERM.max(recovered.last.term),
        time: recovered.last.time,
    };
    let links = SequencerLinks {
        control,
        gateway: gateway_out,
        journal: to_journal,
        executor: to_executor,
        replicator: None,
    };
    let sequencer = Sequencer::new(links, end);
    let journal_links = JournalLinks {
        records: journal_records,
        durable: durable_in,
        intake: intake_in,
        commit: durable.clone(),
    };
    let blocks = ports.store.buffers() * ports.store.buffer_bytes();
    let start = recovered.start(incarnation)?;
    let journal = Journal::new(&plan.journal, ports.store, start, journal_links);
    let links = GatewayLinks {
        commands,
        requests,
        events: events_out,
        intake: intake.clone(),
        stop: stop_out,
    };
    let gateway = Gateway::new(&plan.session, links, ports.ingress);
    control_in.push(Command::admin_start(SessionSlot::NONE, SeqNo(0), &AdminStart { incarnation }));
    let (pool, conns) = egress.memory_bytes();
    let memory = vec![
        MemoryLine { what: "machine (books, sessions)", bytes: machine.memory_bytes() },
        MemoryLine { what: "rings", bytes: rings },
        MemoryLine { what: "reports for retransmission", bytes: pool },
        MemoryLine { what: "connections", bytes: conns + gateway.memory_bytes() },
        MemoryLine { what: "log blocks", bytes: blocks },
    ];
    let executor = Executor::new(machine, executor_records, reports, applied_in);
    let handles =
        Handles { control: control_in, stop, durable, applied, intake, recovered, memory };
    Ok(Assembly { gateway, sequencer, journal, executor, egress, handles })
}

/// A report that fills a ring's slots before use.
fn any_report(stamp: Stamp) -> Report {
    let body = gavel_types::NotAppliedRange { from: SeqNo(0), count: 0 };
    Report::not_applied(stamp, SessionSlot::NONE, &body)
}
