//! The session rules, with a machine that answers every order by as many New reports as it asks
//! for.

mod echo;
mod expiry;
mod rules;
mod state;

use super::*;
use alloc::collections::VecDeque;
use alloc::vec;
use echo::Echo;
use gavel_contract::{Outbox, Progress};
use gavel_types::limits::GAP_MAX;
use gavel_types::{
    AdminStart, ClOrdId, Command, DisconnectCause, DisconnectSession, EstablishSession,
    EstablishmentRejectCode, FinishSending, LogRecord, NegotiateSession, NegotiationRejectCode,
    NewOrder, OrdType, Price, Qty, Report, ReportBody, Side, SkipSequence, Stamp, StpInstruction,
    SymbolId, TerminationCode, TimeInForce,
};

struct Out {
    reports: VecDeque<Report>,
    room: usize,
}

impl Outbox for Out {
    fn free(&self) -> usize {
        self.room - self.reports.len()
    }
    fn push(&mut self, report: Report) {
        assert!(self.free() > 0);
        self.reports.push_back(report);
    }
}

struct Bench {
    machine: Sessioned<Echo>,
    out: Out,
    /// The log's time (ns).
    now: u64,
}

/// Who asks, where most tests ask as nobody in particular.
#[derive(Clone, Copy, Debug)]
struct Who {
    key_id: u64,
    role: Role,
}

const NOBODY: Who = Who { key_id: 0, role: Role::Trade };
const MS: u64 = 1_000_000;

fn plan(sessions_max: u32) -> SessionPlan {
    SessionPlan {
        sessions_max,
        connections_max: 8,
        keepalive_min_ms: 100,
        keepalive_max_ms: 60_000,
        establish_timeout_ms: 1_000,
        cod_window_max_ms: 60_000,
        idle_expiry_ms: 0,
        throttle_per_s: 0,
        throttle_burst: 1,
        needs_credentials: false,
    }
}

fn negotiate(uuid: u8, who: Who) -> Command {
    let body = NegotiateSession {
        uuid: SessionUuid([uuid; 16]),
        conn: ConnId(1),
        timestamp: Nanos(0),
        key_id: who.key_id,
        role: who.role,
        reserved: [0; 7],
    };
    Command::negotiate(SessionSlot::NONE, SeqNo(0), &body)
}

fn establish(uuid: u8, conn: u64, next_seq: u64) -> EstablishSession {
    EstablishSession {
        uuid: SessionUuid([uuid; 16]),
        conn: ConnId(conn),
        timestamp: Nanos(0),
        next_seq: SeqNo(next_seq),
        last_term: Term(0),
        last_index: Index(0),
        last_number: ReportNo(0),
        keepalive_ms: 1_000,
        cod_type: 0,
        role: Role::Trade,
        reserved: [0; 2],
        cod_window_ms: 0,
        key_id: 0,
    }
}

fn disconnect(conn: u64, cause: DisconnectCause) -> Command {
    let body = DisconnectSession {
        conn: ConnId(conn),
        cause,
        code: TerminationCode::Finished,
        said: TerminationCode::Finished,
        reserved: [0; 5],
    };
    Command::disconnect(SessionSlot::NONE, SeqNo(0), &body)
}

fn start(idle_expiry_ms: u64) -> Command {
    let body = AdminStart { incarnation: 1, configuration: 0, idle_expiry_ms };
    Command::admin_start(SessionSlot::NONE, SeqNo(0), &body)
}

fn finish(slot: u32, conn: u64, last: u64) -> Command {
    let body = FinishSending { conn: ConnId(conn), last_seq: SeqNo(last) };
    Command::finish(SessionSlot(slot), SeqNo(0), &body)
}

impl Bench {
    fn new(sessions_max: u32) -> Self {
        let out = Out { reports: VecDeque::new(), room: 1_000 };
        Self { machine: Sessioned::new(&plan(sessions_max), Echo::default()), out, now: 0 }
    }

    fn feed(&mut self, command: Command) -> Progress {
        self.now += 1;
        let index = self.machine.applied().next();
        let stamp = Stamp { index, term: Term(1), time: Nanos(self.now) };
        self.machine.apply(&LogRecord { stamp, command }, &mut self.out)
    }

    fn apply(&mut self, command: Command) -> Vec<Report> {
        assert_eq!(self.feed(command), Progress::Done);
        self.out.reports.drain(..).collect()
    }

    fn negotiate(&mut self, uuid: u8) -> Vec<Report> {
        self.apply(negotiate(uuid, NOBODY))
    }

    fn ask(&mut self, ask: EstablishSession) -> Vec<Report> {
        self.apply(Command::establish(SessionSlot::NONE, SeqNo(0), &ask))
    }

    fn establish(&mut self, uuid: u8, conn: u64, next_seq: u64, last: (u64, u64)) -> Vec<Report> {
        self.ask(EstablishSession {
            last_term: Term(u64::from(last.1 > 0)),
            last_index: Index(last.0),
            last_number: ReportNo(last.1),
            ..establish(uuid, conn, next_seq)
        })
    }

    fn order(&mut self, slot: u32, seq: u64, reports: u64) -> Vec<Report> {
        self.apply(order(slot, seq, reports))
    }

    fn disconnect(&mut self, conn: u64) -> Vec<Report> {
        self.apply(disconnect(conn, DisconnectCause::PeerClosed))
    }

    /// A Tick so many milliseconds later.
    fn tick_after(&mut self, ms: u64) -> Vec<Report> {
        self.now += ms * MS;
        self.apply(Command::tick())
    }
}

fn order(slot: u32, seq: u64, reports: u64) -> Command {
    order_until(slot, seq, reports, 0)
}

/// An order that ends by itself at this time of the log, if it is not 0.
fn order_until(slot: u32, seq: u64, reports: u64, expire_time: u64) -> Command {
    let body = NewOrder {
        cl_ord_id: ClOrdId(seq),
        price: Price(1),
        qty: Qty(reports),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(expire_time),
        stp_id: 0,
        symbol: SymbolId(1),
        account: gavel_types::Account(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    };
    Command::new_order(SessionSlot(slot), SeqNo(seq), &body)
}

fn numbers(reports: &[Report]) -> Vec<u64> {
    reports.iter().map(|report| report.number.0).collect()
}

fn refusal(reports: &[Report]) -> EstablishmentRejectCode {
    match reports[0].parse().unwrap() {
        ReportBody::EstablishmentRefused(refused) => refused.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// A bench with session 7 in slot 0, established on connection 1.
fn established() -> Bench {
    let mut bench = Bench::new(2);
    bench.negotiate(7);
    assert!(matches!(
        bench.establish(7, 1, 1, (0, 0))[0].parse(),
        Ok(ReportBody::EstablishmentAccepted(_))
    ));
    bench
}

#[test]
fn a_session_id_is_negotiated_once_and_slots_are_bounded() {
    let mut bench = Bench::new(2);
    let code = |reports: &[Report]| match reports[0].parse().unwrap() {
        ReportBody::NegotiationAccepted(_) => None,
        ReportBody::NegotiationRefused(refused) => Some(refused.code),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(&bench.negotiate(9)), None);
    assert_eq!(code(&bench.negotiate(9)), Some(NegotiationRejectCode::DuplicateId));
    assert_eq!(code(&bench.negotiate(3)), None);
    assert_eq!(code(&bench.negotiate(4)), Some(NegotiationRejectCode::NoRoom));
    assert_eq!(bench.machine.sessions().len(), 2);
}

#[test]
fn a_number_is_applied_once_and_reports_are_numbered_without_a_gap() {
    let mut bench = established();
    assert_eq!(numbers(&bench.order(0, 1, 2)), [1, 2]);
    assert_eq!(numbers(&bench.order(0, 1, 2)), [], "a duplicate does nothing");
    assert_eq!(numbers(&bench.order(0, 2, 1)), [3]);
}

#[test]
fn a_gap_is_burnt_for_ever() {
    let mut bench = established();
    bench.order(0, 1, 1);
    let reports = bench.order(0, 5, 1);
    let ReportBody::NotApplied(range) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!((range.from, range.count), (SeqNo(2), 3));
    assert_eq!(numbers(&reports), [2, 3]);
    assert_eq!(bench.order(0, 3, 1), [], "a burnt number stays burnt");
    let skip = Command::skip(SessionSlot(0), SeqNo(6), &SkipSequence { until: SeqNo(9) });
    let reports = bench.apply(skip);
    let ReportBody::NotApplied(range) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!((range.from, range.count), (SeqNo(6), 3));
    assert_eq!(numbers(&bench.order(0, 9, 1)), [5]);
}

#[test]
fn a_session_resumes_on_another_connection_where_it_stopped() {
    let mut bench = established();
    bench.order(0, 1, 3);
    assert_eq!(
        refusal(&bench.establish(7, 2, 2, (0, 0))),
        EstablishmentRejectCode::AlreadyEstablished
    );
    assert!(matches!(bench.disconnect(1)[0].parse(), Ok(ReportBody::ConnectionClosed(_))));
    let reports = bench.establish(7, 2, 1, (3, 3));
    let ReportBody::EstablishmentAccepted(ack) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!((ack.next_number, ack.expected_seq), (ReportNo(4), SeqNo(2)));
    assert_eq!(reports.len(), 1, "a client that begins lower repeats, it does not skip");
    assert_eq!(bench.order(0, 1, 1), []);
    assert_eq!(numbers(&bench.order(0, 2, 1)), [4]);
}

#[test]
fn a_client_that_knows_more_than_the_log_is_told_so() {
    let mut bench = established();
    bench.order(0, 1, 3);
    bench.disconnect(1);
    for last in [(3, 4), (99, 3)] {
        let code = refusal(&bench.establish(7, 2, 2, last));
        assert_eq!(code, EstablishmentRejectCode::RolledBack, "{last:?}");
    }
    let beyond = 2 + GAP_MAX + 1;
    assert_eq!(
        refusal(&bench.establish(7, 2, beyond, (3, 3))),
        EstablishmentRejectCode::Unspecified
    );
    assert_eq!(refusal(&bench.establish(8, 2, 1, (0, 0))), EstablishmentRejectCode::Unnegotiated);
}

#[test]
fn a_disconnect_is_always_answered_and_unbinds_only_its_own_connection() {
    let mut bench = established();
    let reports = bench.disconnect(5);
    assert_eq!(reports[0].session, SessionSlot::NONE);
    assert_eq!(bench.machine.sessions()[0].conn, Some(ConnId(1)));
    assert_eq!(bench.disconnect(1)[0].session, SessionSlot(0));
    assert_eq!(bench.machine.sessions()[0].conn, None);
}

#[test]
fn a_sweep_longer_than_the_outbox_pauses_and_loses_no_report() {
    let mut bench = established();
    bench.out.room = 4;
    assert_eq!(bench.feed(order(0, 1, 10)), Progress::Paused);
    let before = bench.machine.applied();
    let mut seen = vec![];
    loop {
        seen.extend(bench.out.reports.drain(..).map(|report| report.number.0));
        if seen.len() == 10 {
            break;
        }
        let _ = bench.machine.resume(&mut bench.out);
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    assert_eq!(bench.machine.applied(), before.next());
}

#[test]
fn the_node_digest_covers_what_the_book_digest_does_not() {
    let (mut one, mut other) = (established(), established());
    assert_eq!(one.machine.node_digest(), other.machine.node_digest());
    one.order(0, 1, 1);
    other.order(0, 1, 2);
    assert_eq!(one.machine.book_digest(), other.machine.book_digest());
    assert_ne!(one.machine.node_digest(), other.machine.node_digest());
}
