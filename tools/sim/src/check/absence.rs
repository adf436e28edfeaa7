//! Sessions that are away: their orders are cancelled when they asked for that, not before, not
//! without a Tick, and none is left; and only who is away, and has nothing live, is forgotten.
//!
//! A naive twin of the session rules, of what times do alone: it knows connections, types, windows
//! and live orders from records and reports, and nothing of the machine's deadlines.
//!
//! | record                   | of the session                                                 |
//! |--------------------------|----------------------------------------------------------------|
//! | Establish, accepted      | it is back: nothing is due                                     |
//! | Disconnect               | its type covers it: due after its window                       |
//! | AdminStart               | connected and type 1 or 3, or due already: its window from now |
//! | Tick                     | what is due ends, each order with its reason; of others none   |
//! | Negotiate, another's slot | a Tick found that one away long enough, with nothing live     |
//!
//! Inputs -> outputs: records and their reports in log order -> verdicts.
//! Source: SAFETY 21; the types are B3's.

use super::{Verdict, Violation};
use gavel_types::{
    Body, CancelReason, ConnId, DisconnectCause, EstablishSession, LogRecord, Nanos, Report,
    ReportBody, SessionSlot,
};
use std::collections::{BTreeMap, BTreeSet};

const CHECKER: &str = "absence";

/// A finished session is forgotten when it was away for so long (ns).
const LINGER_NS: u64 = 60_000_000_000;
/// A tick may come so late (ns), agents being stopped and clocks stepping.
const LATE_NS: u64 = 20_000_000_000;

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    conn: Option<ConnId>,
    cod_type: u8,
    window_ns: u64,
    due: Option<Nanos>,
    away_since: Nanos,
    is_finished: bool,
    /// A Tick found it away for long enough, with nothing live: it may be forgotten since.
    may_be_gone: bool,
}

/// The checker.
#[derive(Debug, Default)]
pub struct Absence {
    sessions: BTreeMap<u32, Known>,
    /// Live orders: OrderID -> session.
    live: BTreeMap<u64, u32>,
    idle_expiry_ns: u64,
    /// Of the record that is being applied.
    time: Nanos,
    asked: Option<EstablishSession>,
    /// Whose orders end with it.
    ending: BTreeSet<u32>,
    violation: Option<Violation>,
}

impl Absence {
    /// A record is about to be applied.
    pub fn on_record(&mut self, record: &LogRecord) {
        self.time = record.stamp.time;
        self.asked = None;
        self.ending.clear();
        let now = record.stamp.time;
        match record.command.parse() {
            Ok(Body::AdminStart(start)) => {
                self.idle_expiry_ns = start.idle_expiry_ms.saturating_mul(1_000_000);
                for known in self.sessions.values_mut() {
                    let was_connected = known.conn.take().is_some();
                    if (was_connected && known.cod_type & 1 != 0) || known.due.is_some() {
                        known.due = Some(Nanos(now.0.saturating_add(known.window_ns)));
                    }
                    known.away_since = now;
                }
            }
            Ok(Body::Establish(ask)) => self.asked = Some(*ask),
            Ok(Body::Disconnect(gone)) => {
                let bit = if gone.cause == DisconnectCause::Terminated { 2 } else { 1 };
                let mut sessions = self.sessions.values_mut();
                if let Some(known) = sessions.find(|known| known.conn == Some(gone.conn)) {
                    known.conn = None;
                    known.away_since = now;
                    if known.cod_type & bit != 0 {
                        known.due = Some(Nanos(now.0.saturating_add(known.window_ns)));
                    }
                }
            }
            Ok(Body::Finish(_)) => {
                if let Some(known) = self.sessions.get_mut(&record.command.session.0) {
                    known.is_finished |= known.conn.is_some();
                }
            }
            Ok(Body::Tick) => {
                for (slot, known) in &mut self.sessions {
                    if known.due.is_some_and(|due| due <= now) {
                        known.due = None;
                        self.ending.insert(*slot);
                    }
                }
            }
            _ => {}
        }
    }

    /// A report of that record.
    pub fn on_report(&mut self, report: &Report) {
        let slot = report.session;
        match report.parse() {
            Ok(ReportBody::NegotiationAccepted(accepted)) => self.on_negotiated(accepted.slot),
            Ok(ReportBody::EstablishmentAccepted(accepted)) => {
                let Some(ask) = self.asked else {
                    return self.fail(format!("session {} is established by nobody", slot.0));
                };
                let known = self.sessions.entry(slot.0).or_default();
                known.conn = Some(accepted.conn);
                (known.cod_type, known.due) = (ask.cod_type, None);
                known.may_be_gone = false;
                known.window_ns = ask.cod_window_ms.saturating_mul(1_000_000);
            }
            Ok(ReportBody::New(exec)) if exec.order.leaves_qty.0 > 0 => {
                self.live.insert(exec.order.order_id.0, slot.0);
            }
            Ok(ReportBody::Trade(exec)) if exec.order.leaves_qty.0 == 0 => {
                self.live.remove(&exec.order.order_id.0);
            }
            Ok(ReportBody::Canceled(exec)) => {
                self.live.remove(&exec.order.order_id.0);
                let why = CancelReason::from_code(exec.order.detail);
                let for_absence = why == Some(CancelReason::CancelOnDisconnect);
                if for_absence && !self.ending.contains(&slot.0) {
                    let order = exec.order.order_id;
                    let known = self.sessions.get(&slot.0);
                    self.fail(format!(
                        "order {order} of session {} is cancelled for its absence at {:?}, and \
                         nothing was due: {known:?}",
                        slot.0, report.stamp
                    ));
                }
            }
            _ => {}
        }
    }

    fn on_negotiated(&mut self, slot: SessionSlot) {
        let before =
            self.sessions.insert(slot.0, Known { away_since: self.time, ..Known::default() });
        if let Some(before) = before.filter(|before| !before.may_be_gone) {
            self.fail(format!("the session in slot {} is forgotten: {before:?}", slot.0));
        }
    }

    /// After a Tick: who may be forgotten from now on.
    fn forget(&mut self) {
        let idle_ns = if self.idle_expiry_ns == 0 { u64::MAX } else { self.idle_expiry_ns };
        let live: BTreeSet<u32> = self.live.values().copied().collect();
        for (slot, known) in &mut self.sessions {
            let patience_ns = if known.is_finished { idle_ns.min(LINGER_NS) } else { idle_ns };
            let away_ns = self.time.since(known.away_since);
            known.may_be_gone |=
                known.conn.is_none() && away_ns >= patience_ns && !live.contains(slot);
        }
    }

    fn has_live(&self, slot: u32) -> bool {
        self.live.values().any(|owner| *owner == slot)
    }

    /// The record is applied.
    pub fn on_applied(&mut self, record: &LogRecord) -> Verdict {
        if matches!(record.command.parse(), Ok(Body::Tick)) {
            self.forget();
        }
        if let Some(slot) = self.ending.iter().copied().find(|slot| self.has_live(*slot)) {
            let stamp = record.stamp;
            self.fail(format!("session {slot} was due at {stamp:?}, and has live orders after it"));
        }
        self.violation.take().map_or(Ok(()), Err)
    }

    /// In the end, at this time of the log: nobody is overdue by much.
    pub fn finish(&self, now: Nanos) -> Verdict {
        let late =
            |known: &Known| known.due.is_some_and(|due| due.0.saturating_add(LATE_NS) < now.0);
        match self.sessions.iter().find(|(_, known)| late(known)) {
            None => Ok(()),
            Some((slot, known)) => Err(Violation::new(
                CHECKER,
                format!("session {slot} is overdue at {now}: {known:?}"),
            )),
        }
    }

    fn fail(&mut self, what: String) {
        self.violation.get_or_insert(Violation::new(CHECKER, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_types::{
        AdminStart, CancelOrder, ClOrdId, Command, DisconnectSession, EstablishmentAccepted,
        ExecCanceled, ExecId, ExecNew, Index, NegotiationAccepted, OrdStatus, OrderId, OrderState,
        Price, Qty, ReportNo, Role, SeqNo, SessionUuid, Side, Stamp, SymbolId, Term,
        TerminationCode,
    };

    const SLOT: SessionSlot = SessionSlot(0);
    const CONN: ConnId = ConnId(7);
    const S: u64 = 1_000_000_000;

    fn stamp(at: u64) -> Stamp {
        Stamp { index: Index(1), term: Term(1), time: Nanos(at) }
    }

    /// A record at a time, and its reports.
    fn apply(absence: &mut Absence, at: u64, command: Command, reports: &[Report]) -> Verdict {
        let record = LogRecord { stamp: stamp(at), command };
        absence.on_record(&record);
        reports.iter().for_each(|report| absence.on_report(report));
        absence.on_applied(&record)
    }

    fn order() -> OrderState {
        OrderState {
            order_id: OrderId(5),
            cl_ord_id: ClOrdId(1),
            price: Price(10),
            qty: Qty(1),
            leaves_qty: Qty(1),
            cum_qty: Qty(0),
            symbol: SymbolId(1),
            side: Side::Buy,
            ord_status: OrdStatus::New,
            detail: 0,
            reserved: 0,
        }
    }

    fn canceled() -> Report {
        let order = OrderState {
            leaves_qty: Qty(0),
            detail: CancelReason::CancelOnDisconnect.code(),
            ..order()
        };
        let (exec_id, request_cl_ord_id) = (ExecId(2), ClOrdId(1));
        Report::exec_canceled(stamp(0), SLOT, &ExecCanceled { order, exec_id, request_cl_ord_id })
    }

    fn negotiated(slot: SessionSlot) -> Report {
        let (uuid, conn, timestamp) = (SessionUuid([1; 16]), CONN, Nanos(0));
        let body = NegotiationAccepted { uuid, conn, timestamp, slot, reserved: [0; 4] };
        Report::negotiation_accepted(stamp(0), SessionSlot::NONE, &body)
    }

    fn establish(absence: &mut Absence, at: u64) {
        let (uuid, conn, timestamp) = (SessionUuid([1; 16]), CONN, Nanos(0));
        let ask = EstablishSession {
            uuid,
            conn,
            timestamp,
            next_seq: SeqNo(1),
            last_term: Term(0),
            last_index: Index(0),
            last_number: ReportNo(0),
            keepalive_ms: 1_000,
            cod_type: 1,
            role: Role::Trade,
            reserved: [0; 2],
            cod_window_ms: 2_000,
            key_id: 0,
        };
        let body = EstablishmentAccepted {
            uuid,
            conn,
            timestamp,
            next_number: ReportNo(1),
            expected_seq: SeqNo(1),
            client_next_seq: SeqNo(1),
            keepalive_ms: 1_000,
            finished: 0,
            reserved: [0; 3],
        };
        let command = Command::establish(SessionSlot::NONE, SeqNo(0), &ask);
        let accepted = Report::establishment_accepted(stamp(0), SLOT, &body);
        assert_eq!(apply(absence, at, command, &[accepted]), Ok(()));
    }

    fn lose(absence: &mut Absence, at: u64) {
        let body = DisconnectSession {
            conn: CONN,
            cause: DisconnectCause::PeerClosed,
            code: TerminationCode::UnspecifiedError,
            said: TerminationCode::UnspecifiedError,
            reserved: [0; 5],
        };
        let command = Command::disconnect(SLOT, SeqNo(0), &body);
        assert_eq!(apply(absence, at, command, &[]), Ok(()));
    }

    /// A session with type 1, a window of 2 s and a live order, that lost its connection at 10 s.
    fn lost() -> Absence {
        let mut absence = Absence::default();
        let start = AdminStart { incarnation: 1, configuration: 0, idle_expiry_ms: 0 };
        let start = Command::admin_start(SessionSlot::NONE, SeqNo(0), &start);
        assert_eq!(apply(&mut absence, 0, start, &[negotiated(SLOT)]), Ok(()));
        establish(&mut absence, S);
        let cancel = CancelOrder {
            cl_ord_id: ClOrdId(1),
            orig_cl_ord_id: ClOrdId(1),
            order_id: OrderId(0),
            symbol: SymbolId(1),
            side: Side::Buy,
            reserved: [0; 3],
        };
        let new = ExecNew { order: order(), exec_id: ExecId(1) };
        let new = Report::exec_new(stamp(0), SLOT, &new);
        let command = Command::cancel(SLOT, SeqNo(1), &cancel);
        assert_eq!(apply(&mut absence, 2 * S, command, &[new]), Ok(()));
        lose(&mut absence, 10 * S);
        absence
    }

    #[test]
    fn orders_end_at_the_tick_that_is_due_and_at_no_other() {
        assert_eq!(apply(&mut lost(), 12 * S, Command::tick(), &[canceled()]), Ok(()));
        assert_eq!(apply(&mut lost(), 11 * S, Command::tick(), &[]), Ok(()));
        assert!(apply(&mut lost(), 11 * S, Command::tick(), &[canceled()]).is_err(), "too early");
        assert!(apply(&mut lost(), 12 * S, Command::tick(), &[]).is_err(), "none is left");
        assert!(lost().finish(Nanos(11 * S)).is_ok());
        assert!(lost().finish(Nanos(12 * S + LATE_NS + 1)).is_err(), "nobody ticks");
    }

    #[test]
    fn who_came_back_keeps_its_orders() {
        let mut absence = lost();
        establish(&mut absence, 11 * S);
        assert!(apply(&mut absence, 12 * S, Command::tick(), &[canceled()]).is_err());
    }

    #[test]
    fn a_slot_is_given_away_only_of_who_may_be_forgotten() {
        let mut absence = lost();
        let tick = Command::tick();
        assert!(apply(&mut absence, 3_600 * S, tick, &[canceled(), negotiated(SLOT)]).is_err());
        let mut idle = Absence::default();
        let start = AdminStart { incarnation: 1, configuration: 0, idle_expiry_ms: 1_000 };
        let start = Command::admin_start(SessionSlot::NONE, SeqNo(0), &start);
        assert_eq!(apply(&mut idle, 0, start, &[negotiated(SLOT)]), Ok(()));
        assert_eq!(apply(&mut idle, S, Command::tick(), &[]), Ok(()));
        assert_eq!(apply(&mut idle, 2 * S, Command::tick(), &[negotiated(SLOT)]), Ok(()));
    }
}
