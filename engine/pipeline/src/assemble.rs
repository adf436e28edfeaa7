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
use crate::configuration::configuration;
use crate::egress::{Egress, EgressStart};
use crate::executor::Executor;
use crate::gateway::Gateway;
use crate::restart::{Loaded, Restart, StartRefusal, load};
use crate::sequencer::{LogEnd, Sequencer};
use crate::shadow::{Shadow, ShadowNews, ShadowPorts};
use crate::snapshot::CHUNK_BYTES;
use crate::wires::{Outside, Wires};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{
    Clock, Codec, Egress as EgressPort, FileStore, Ingress, LogReader, LogStore, Machine,
    MemoryLine, Outbox, Plan,
};
use gavel_journal::Journal;
use gavel_journal::recovery::Recovered;
use gavel_link::{Reader, Watermark, WatermarkWriter, Writer, watermark};
use gavel_types::{AdminStart, Command, Index, Report, SeqNo, SessionSlot, Term};
use gavel_wire::server::TermRun;

/// The one term of a single node.
pub const SINGLE_NODE_TERM: Term = Term(1);

/// The rim of one node.
#[derive(Debug)]
pub struct Ports<S, I, E, R, F, C> {
    /// Where the log is written.
    pub store: S,
    /// Reads the log, also while it is written.
    pub log: R,
    /// Files beside the log.
    pub files: F,
    /// Packs them.
    pub codec: C,
    /// Clients' bytes in.
    pub ingress: I,
    /// Clients' bytes out.
    pub egress: E,
}

/// A node, ready to run.
pub struct Assembly<M, S, I, E, R, F, C, N>
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
    /// Writes snapshots and stores reports. Not for a hot tile.
    pub shadow: Shadow<M, R, F, C, N>,
    /// For whoever watches and steers the node.
    pub handles: Handles,
}

/// What a start comes to.
pub type Assembled<M, S, I, E, R, F, C, N> = Result<Assembly<M, S, I, E, R, F, C, N>, StartRefusal>;

/// What the outside of the pipeline holds of it.
#[derive(Debug)]
pub struct Handles {
    /// The node's own commands.
    pub control: Writer<Command>,
    /// Raise above 0: every connection is told that the node stops.
    pub stop: WatermarkWriter,
    /// Raise by one: the shadow is asked for a snapshot now.
    pub snapshot_asked: WatermarkWriter,
    /// How far the log is durable.
    pub durable: Watermark,
    /// How far it is applied.
    pub applied: Watermark,
    /// How far the shadow has come.
    pub shadowed: Watermark,
    /// Index of the newest snapshot.
    pub snapshot: Watermark,
    /// First segment of the log that is still needed.
    pub floor: Watermark,
    /// What the shadow has to say.
    pub news: Reader<ShadowNews>,
    /// Parity of its index: odd, the disk is full and intake has stopped.
    pub intake: Watermark,
    /// What the start began with.
    pub restart: Restart,
    /// What recovery found in the log.
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

/// Recovers the state and makes the agents of a single node: term 1, `commit` = `durable` =
/// `release`, no lease, no replicator.
/// `new_machine` is called for each machine that there is: one here, one for the shadow, and one
/// more for each damaged snapshot.
///
/// # Errors
/// [`StartRefusal`] if serving from the log as found, or under this Plan, could lose, repeat or
/// change something acknowledged.
pub fn assemble<M, S, I, E, R, F, C, N>(
    plan: &Plan,
    mut new_machine: N,
    log: &mut impl LogReader,
    incarnation: u64,
    clock: &impl Clock,
    ports: Ports<S, I, E, R, F, C>,
) -> Assembled<M, S, I, E, R, F, C, N>
where
    M: Machine,
    S: LogStore,
    I: Ingress,
    E: EgressPort,
    R: LogReader,
    F: FileStore,
    C: Codec,
    N: FnMut() -> M,
{
    let began = clock.now().mono;
    let Ports { store, log: tailing, mut files, mut codec, ingress, egress: egress_port } = ports;
    let wires = Wires::new(plan);
    let mut egress = Egress::new(plan, wires.egress, egress_port, single_node());
    let made = clock.now().mono.since(began);
    let mut loaded = load(plan, &mut new_machine, &mut files, &mut codec, clock)?;
    let state = loaded.machine.applied();
    for (slot, session) in loaded.machine.sessions().iter().enumerate() {
        egress.go_on(SessionSlot(slot as u32), session.next_number, state);
    }
    let recovered = loaded.replay(plan, log, &mut Restore(&mut egress), clock)?;
    let Loaded { machine, mut restart, .. } = loaded;
    restart.times.memory.0 += made;
    let start = recovered.start(incarnation)?;
    let (applied_in, applied) = watermark(start.durable);

    let end = LogEnd {
        next: recovered.last.index.next(),
        term: SINGLE_NODE_TERM.max(recovered.last.term),
        time: recovered.last.time,
    };
    let block_bytes = store.buffers() * store.buffer_bytes();
    let machine_bytes = machine.memory_bytes();
    let sequencer = Sequencer::new(wires.sequencer, end);
    let journal = Journal::new(&plan.journal, store, start, wires.journal);
    let gateway = Gateway::new(&plan.session, wires.gateway, ingress);
    let (records, reports, ticks) = wires.executor;
    let executor = Executor::new(machine, records, reports, applied_in, ticks);
    let rim = ShadowPorts { log: tailing, files, codec };
    let shadow = Shadow::new(plan, restart.snapshot, new_machine, rim, wires.shadow);
    let (pool_bytes, conn_bytes) = egress.memory_bytes();
    let shadow_bytes = machine_bytes + plan.reports.gather_bytes_max + 2 * CHUNK_BYTES;
    let memory = vec![
        MemoryLine { what: "machine (books, sessions)", bytes: machine_bytes },
        MemoryLine { what: "rings", bytes: wires.bytes },
        MemoryLine { what: "reports for retransmission", bytes: pool_bytes },
        MemoryLine { what: "connections", bytes: conn_bytes + gateway.memory_bytes() },
        MemoryLine { what: "log blocks", bytes: block_bytes },
        MemoryLine { what: "the shadow, once it follows", bytes: shadow_bytes },
    ];
    let Outside { control, stop, snapshot_asked, durable, shadowed, snapshot, floor, news, .. } =
        wires.outside;
    let Outside { intake, authenticator, .. } = wires.outside;
    let mut handles = Handles {
        control,
        stop,
        snapshot_asked,
        durable,
        applied,
        shadowed,
        snapshot,
        floor,
        news,
        intake,
        restart,
        recovered,
        memory,
        authenticator,
    };
    handles.control.push(admin_start(plan, incarnation));
    Ok(Assembly { gateway, sequencer, journal, executor, egress, shadow, handles })
}

/// What egress says of a node that leads alone, from the first record on.
fn single_node() -> EgressStart {
    let first = TermRun { term: SINGLE_NODE_TERM, first_index: Index(1) };
    EgressStart { sender_term: SINGLE_NODE_TERM, term_runs: vec![first] }
}

/// The first record of every start: all sessions are disconnected (SAFETY 21).
fn admin_start(plan: &Plan, incarnation: u64) -> Command {
    let idle_expiry_ms = plan.session.idle_expiry_ms;
    let start = AdminStart { incarnation, configuration: configuration(plan), idle_expiry_ms };
    Command::admin_start(SessionSlot::NONE, SeqNo(0), &start)
}
