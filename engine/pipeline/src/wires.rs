//! The links of one node: every ring, touched, and every watermark, handed to its two ends.
//!
//! Inputs -> outputs: the Plan's depths -> each agent's ends, and those of the outside.
//! Invariants: each link has one writer, and goes where ARCHITECTURE.md draws it.
//! Limits: the Plan's.
//! Not here: agents.

use crate::authenticator::AuthenticatorLinks;
use crate::egress::{EgressLinks, FetchLinks};
use crate::gateway::{AuthenticatorRings, GatewayLinks};
use crate::sequencer::SequencerLinks;
use crate::shadow::{NEWS_MAX, ShadowLinks, ShadowNews};
use crate::{FromAuthenticator, FromEgress, ToAuthenticator, ToEgress};
use gavel_contract::{Plan, ReportStorePlan, RingPlan};
use gavel_journal::JournalLinks;
use gavel_link::{
    Position, Reader, Watermark, WatermarkWriter, Writer, ring, touched_ring, watermark,
};
use gavel_types::{
    Command, ConnId, Index, LogRecord, Nanos, NotAppliedRange, Report, SeqNo, SessionSlot, Stamp,
    Term,
};

/// Every agent's ends.
pub(crate) struct Wires {
    pub(crate) egress: EgressLinks,
    pub(crate) sequencer: SequencerLinks,
    pub(crate) journal: JournalLinks,
    pub(crate) gateway: GatewayLinks,
    pub(crate) shadow: ShadowLinks,
    /// Records in; reports and words about Ticks out.
    pub(crate) executor: (Reader<LogRecord>, Writer<Report>, Writer<Nanos>),
    pub(crate) outside: Outside,
    /// Of the rings.
    pub(crate) bytes: usize,
}

/// The ends that the outside of the pipeline holds.
pub(crate) struct Outside {
    pub(crate) control: Writer<Command>,
    pub(crate) stop: WatermarkWriter,
    pub(crate) snapshot_asked: WatermarkWriter,
    pub(crate) durable: Watermark,
    pub(crate) intake: Watermark,
    pub(crate) shadowed: Watermark,
    pub(crate) snapshot: Watermark,
    pub(crate) floor: Watermark,
    pub(crate) news: Reader<ShadowNews>,
    pub(crate) authenticator: Option<AuthenticatorLinks>,
}

impl Wires {
    /// Makes them, for a node that leads alone: `commit` and `release` are `durable`.
    pub(crate) fn new(plan: &Plan) -> Self {
        let rings = Rings::new(&plan.ring);
        let bytes = rings.memory_bytes();
        // The journal raises `durable` to what recovery found; until then it stands at nothing.
        let (durable_in, durable) = watermark(Position::default());
        let (intake_in, intake) = watermark(Position::default());
        let (stop, stop_out) = watermark(Position::default());
        let (shadow, ends) = shadow_links(&plan.reports, &durable);
        let (authenticator_rings, authenticator) = authenticator_rings(plan).unzip();
        Self {
            egress: EgressLinks {
                reports: rings.reports.1,
                requests: rings.requests.1,
                events: rings.events.0,
                release: durable.clone(),
                stored: ends.stored,
            },
            sequencer: SequencerLinks {
                control: rings.control.1,
                gateway: rings.commands.1,
                journal: rings.to_journal.0,
                executor: rings.to_executor.0,
                ticks: rings.ticks.1,
                replicator: None,
            },
            journal: JournalLinks {
                records: rings.to_journal.1,
                durable: durable_in,
                intake: intake_in,
                commit: durable.clone(),
                floor: ends.floor.clone(),
            },
            gateway: GatewayLinks {
                commands: rings.commands.0,
                requests: rings.requests.0,
                events: rings.events.1,
                authenticator: authenticator_rings,
                intake: intake.clone(),
                stop: stop_out,
            },
            shadow,
            executor: (rings.to_executor.1, rings.reports.0, rings.ticks.0),
            outside: Outside {
                control: rings.control.0,
                stop,
                snapshot_asked: ends.asked,
                durable,
                intake,
                shadowed: ends.shadowed,
                snapshot: ends.snapshot,
                floor: ends.floor,
                news: ends.news,
                authenticator,
            },
            bytes,
        }
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
