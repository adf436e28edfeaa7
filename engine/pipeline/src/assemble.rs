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
use crate::restart::{Loaded, Restart, StartRefusal, configuration, load};
use crate::sequencer::{LogEnd, Sequencer, SequencerLinks};
use crate::shadow::{NEWS_MAX, Shadow, ShadowLinks, ShadowNews, ShadowPorts};
use crate::snapshot::CHUNK_BYTES;
use crate::{FetchLinks, FromAuthenticator, FromEgress, ToAuthenticator, ToEgress};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{
    Clock, Codec, Egress as EgressPort, FileStore, Ingress, LogReader, LogStore, Machine,
    MemoryLine, Outbox, Plan, ReportStorePlan, RingPlan,
};
use gavel_journal::recovery::Recovered;
use gavel_journal::{Journal, JournalLinks};
use gavel_link::{
    Position, Reader, Watermark, WatermarkWriter, Writer, ring, touched_ring, watermark,
};
use gavel_types::{
    AdminStart, Command, ConnId, Index, LogRecord, Nanos, NotAppliedRange, Report, SeqNo,
    SessionSlot, Stamp, Term,
};
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

/// Everything of a node but what its ports and the shadow do: recovers the state and makes the
/// agents of a single node: term 1, `commit` = `durable` = `release`, no lease, no replicator.
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
    let rings = Rings::new(&plan.ring);
    let ring_bytes = rings.memory_bytes();
    let Rings { control, commands, to_journal, to_executor, reports, requests, events, ticks } =
        rings;
    // The journal raises `durable` to what recovery found; until then it stands at nothing.
    let (durable_in, durable) = watermark(Position::default());
    let (intake_in, intake) = watermark(Position::default());
    let (stop, stop_out) = watermark(Position::default());
    let (shadow_links, shadow_ends) = shadow_links(&plan.reports, &durable);

    let links = EgressLinks {
        reports: reports.1,
        requests: requests.1,
        events: events.0,
        release: durable.clone(),
        stored: shadow_ends.stored,
    };
    let mut egress = Egress::new(plan, links, egress_port, single_node());
    let made = Nanos(clock.now().mono.since(began));
    let mut loaded = load(plan, &mut new_machine, &mut files, &mut codec, clock)?;
    for (slot, session) in loaded.machine.sessions().iter().enumerate() {
        egress.go_on(SessionSlot(slot as u32), session.next_number);
    }
    let recovered = loaded.replay(plan, log, &mut Restore(&mut egress), clock)?;
    let Loaded { machine, mut restart, .. } = loaded;
    restart.times.memory.0 += made.0;
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
        floor: shadow_ends.floor.clone(),
    };
    let block_bytes = store.buffers() * store.buffer_bytes();
    let journal = Journal::new(&plan.journal, store, start, links);
    let (rings_of_gateway, authenticator) = authenticator_rings(plan).unzip();
    let links = GatewayLinks {
        commands: commands.0,
        requests: requests.0,
        events: events.1,
        authenticator: rings_of_gateway,
        intake: intake.clone(),
        stop: stop_out,
    };
    let gateway = Gateway::new(&plan.session, links, ingress);
    let (pool_bytes, conn_bytes) = egress.memory_bytes();
    let machine_bytes = machine.memory_bytes();
    let shadow_bytes = machine_bytes + plan.reports.gather_bytes_max + 2 * CHUNK_BYTES;
    let memory = vec![
        MemoryLine { what: "machine (books, sessions)", bytes: machine_bytes },
        MemoryLine { what: "rings", bytes: ring_bytes },
        MemoryLine { what: "reports for retransmission", bytes: pool_bytes },
        MemoryLine { what: "connections", bytes: conn_bytes + gateway.memory_bytes() },
        MemoryLine { what: "log blocks", bytes: block_bytes },
        MemoryLine { what: "the shadow, once it follows", bytes: shadow_bytes },
    ];
    let executor = Executor::new(machine, to_executor.1, reports.0, applied_in, ticks.0);
    let rim = ShadowPorts { log: tailing, files, codec };
    let given = configuration(plan);
    let shadow = Shadow::new(plan, given, restart.snapshot, new_machine, rim, shadow_links);
    let mut handles = Handles {
        control: control.0,
        stop,
        snapshot_asked: shadow_ends.asked,
        durable,
        applied,
        shadowed: shadow_ends.shadowed,
        snapshot: shadow_ends.snapshot,
        floor: shadow_ends.floor,
        news: shadow_ends.news,
        intake,
        restart,
        recovered,
        memory,
        authenticator,
    };
    handles.control.push(admin_start(plan, incarnation));
    Ok(Assembly { gateway, sequencer, journal, executor, egress, shadow, handles })
}

/// The other ends of the shadow's links.
struct ShadowEnds {
    stored: Option<FetchLinks>,
    floor: Watermark,
    asked: WatermarkWriter,
    shadowed: Watermark,
    snapshot: Watermark,
    news: Reader<ShadowNews>,
}

fn shadow_links(plan: &ReportStorePlan, durable: &Watermark) -> (ShadowLinks, ShadowEnds) {
    let (floor_in, floor) = watermark(Position::default());
    let (asked_in, asked) = watermark(Position::default());
    let (shadowed_in, shadowed) = watermark(Position::default());
    let (snapshot_in, snapshot) = watermark(Position::default());
    let (news_in, news) = ring(NEWS_MAX);
    // Each page is in one of the two, or at one of their ends.
    let depth = plan.pages.next_power_of_two();
    let (fetches_in, fetches) = ring(depth);
    let (fetched_in, fetched) = ring(depth);
    let stored = FetchLinks { fetches: fetches_in, fetched };
    let links = ShadowLinks {
        durable: durable.clone(),
        commit: durable.clone(),
        floor: floor_in,
        asked,
        fetches,
        fetched: fetched_in,
        shadowed: shadowed_in,
        snapshot: snapshot_in,
        news: news_in,
    };
    let stored = (plan.bytes_max > 0).then_some(stored);
    let ends = ShadowEnds { stored, floor, asked: asked_in, shadowed, snapshot, news };
    (links, ends)
}

/// What egress says of a node that leads alone, from the first record on.
fn single_node() -> EgressStart {
    let first = TermRun { term: SINGLE_NODE_TERM, first_index: Index(1) };
    EgressStart { sender_term: SINGLE_NODE_TERM, term_runs: vec![first] }
}

/// The rings between gateway and authenticator, if keys are asked for. An open connection has at most
/// a challenge and a claim under way; a full ring only delays.
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
