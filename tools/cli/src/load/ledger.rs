//! What one session knows from the reports it received, and whether they can all be true.
//!
//! Inputs -> outputs: messages as submitted, reports as received -> live orders, a digest of the
//! report stream, the messages in the order in which the engine answered them, and faults in words.
//! Invariants checked: numbers ascend by one; every message is answered once, in order; an order
//! that was acknowledged is there until a report says that it ended; every fill takes exactly its
//! quantity.
//! Limits: memory follows the messages of a run.
//! Not here: the other sessions (model.rs puts them together).

use gavel_client::{Application, Sequenced, SequencedBody};
use gavel_types::{
    CancelReason, ClOrdId, Index, OrderState, Price, Qty, ReportNo, SeqNo, Side, SymbolId,
};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::time::Instant;
use zerocopy::IntoBytes;

/// Faults that are kept in words; all are counted.
const FAULTS_MAX: usize = 10;

/// An order that is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
    pub(crate) price: Price,
    /// Tag 38.
    pub(crate) qty: Qty,
    pub(crate) leaves: Qty,
    /// Smallest quantity that it was ever traded in: its quantity is a multiple.
    pub(crate) lot: u64,
}

/// A message without its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) seq: SeqNo,
    pub(crate) message: Application,
    /// When it was to be sent.
    pub(crate) intended: Instant,
    /// When it was handed to the session.
    pub(crate) submitted: Instant,
}

/// A message and the index at which the engine applied it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) index: Index,
    pub(crate) seq: SeqNo,
    pub(crate) message: Application,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Messages that were answered.
    pub(crate) answered: u64,
    /// Orders that were accepted.
    pub(crate) accepted: u64,
    /// Trades as aggressor: every trade of the venue is counted by one session.
    pub(crate) trades: u64,
    pub(crate) reports: u64,
    /// Reports that contradict what was received before.
    pub(crate) faults: u64,
    /// Gaps in the numbers, and reports that the engine had no more.
    pub(crate) gaps: u64,
    /// Reports or answers that came twice.
    pub(crate) duplicates: u64,
    /// Acknowledged orders that the engine does not know.
    pub(crate) missing: u64,
}

/// See the module.
pub(crate) struct Ledger {
    live: HashMap<u64, Live>,
    waiting: VecDeque<Sent>,
    answered: Vec<Answered>,
    next_number: u64,
    lots: HashMap<SymbolId, u64>,
    hash: Sha256,
    counts: Counts,
    faults: Vec<String>,
    /// The newest answer to a question for a book: (symbol, bids, asks).
    pub(crate) book: Option<Book>,
}

/// A book as it was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    pub(crate) symbol: SymbolId,
    pub(crate) bids: Vec<(Price, Qty)>,
    pub(crate) asks: Vec<(Price, Qty)>,
}

/// Feeds a report, without its envelope and its place in the log, to a digest: what two runs of the
/// same messages agree about.
pub(crate) fn digest_report(hash: &mut Sha256, number: ReportNo, body: &SequencedBody<'_>) {
    hash.update(number.0.to_le_bytes());
    match body {
        SequencedBody::NotApplied(body) => hash.update(body.as_bytes()),
        SequencedBody::BusinessReject(body) => hash.update(body.as_bytes()),
        SequencedBody::New(body) => hash.update(body.as_bytes()),
        SequencedBody::Trade(body) => hash.update(body.as_bytes()),
        SequencedBody::Canceled(body) => hash.update(body.as_bytes()),
        SequencedBody::Replaced(body) => hash.update(body.as_bytes()),
        SequencedBody::Rejected(body) => hash.update(body.as_bytes()),
        SequencedBody::CancelReject(body) => hash.update(body.as_bytes()),
        SequencedBody::MassAction(body) => hash.update(body.as_bytes()),
        SequencedBody::Status(body) => hash.update(body.as_bytes()),
        SequencedBody::Triggered(body) => hash.update(body.as_bytes()),
        SequencedBody::Restated(body) => hash.update(body.as_bytes()),
        SequencedBody::Steering(body) => hash.update(body.as_bytes()),
        SequencedBody::MarketData(body) => {
            hash.update(body.md_req_id.as_bytes());
            for side in [body.bids, body.asks] {
                hash.update((side.iter().len() as u64).to_le_bytes());
                for level in side.iter() {
                    hash.update(level.as_bytes());
                }
            }
        }
    }
}

impl Ledger {
    pub(crate) fn new(lots: HashMap<SymbolId, u64>) -> Self {
        Self {
            live: HashMap::new(),
            waiting: VecDeque::new(),
            answered: Vec::new(),
            next_number: 1,
            lots,
            hash: Sha256::new(),
            counts: Counts::default(),
            faults: Vec::new(),
            book: None,
        }
    }

    pub(crate) fn live(&self) -> &HashMap<u64, Live> {
        &self.live
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    pub(crate) fn answered(&self) -> &[Answered] {
        &self.answered
    }

    pub(crate) fn hash(&self) -> Sha256 {
        self.hash.clone()
    }

    /// Messages without their answer.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn on_submitted(&mut self, sent: Sent) {
        self.waiting.push_back(sent);
    }

    pub(crate) fn on_lost(&mut self, from: ReportNo, until: ReportNo) {
        self.counts.gaps += 1;
        self.next_number = until.0;
        self.fault(format!("reports {from} to before {until} are lost"));
    }

    fn fault(&mut self, what: String) {
        self.counts.faults += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(what);
        }
    }

    /// The session's next report; gives the message that it answers, if it answers one.
    pub(crate) fn on_report(&mut self, report: &Sequenced<'_>) -> Option<Sent> {
        if !self.is_next(report.number) {
            return None;
        }
        digest_report(&mut self.hash, report.number, &report.body);
        let index = report.stamp.index;
        match &report.body {
            SequencedBody::New(exec) => {
                self.open(&exec.order);
                self.counts.accepted += 1;
                self.answer(index, exec.order.cl_ord_id.0)
            }
            SequencedBody::Trade(exec) => {
                self.trade(&exec.order, exec.last_qty);
                None
            }
            SequencedBody::Canceled(exec) => {
                let name = exec.order.cl_ord_id;
                self.end(name);
                let reason = CancelReason::from_code(exec.order.detail);
                if reason == Some(CancelReason::ImmediateOrCancel) {
                    return None;
                }
                self.answer(index, exec.request_cl_ord_id.0)
            }
            SequencedBody::Replaced(exec) => {
                self.end(exec.orig_cl_ord_id);
                self.open(&exec.order);
                self.answer(index, exec.order.cl_ord_id.0)
            }
            SequencedBody::CancelReject(reject) => {
                // An order that ended is unknown; one that lives must be known.
                if self.live.contains_key(&reject.orig_cl_ord_id.0) {
                    self.counts.missing += 1;
                    let (orig, reason) = (reject.orig_cl_ord_id, reject.reason);
                    self.fault(format!("live order {orig} was refused a request: {reason:?}"));
                }
                self.answer(index, reject.cl_ord_id.0)
            }
            SequencedBody::MarketData(snapshot) => {
                let levels = |levels: gavel_client::Levels<'_>| {
                    levels.iter().map(|level| (level.price, level.qty)).collect()
                };
                let (bids, asks) = (levels(snapshot.bids), levels(snapshot.asks));
                self.book = Some(Book { symbol: snapshot.symbol, bids, asks });
                self.answer(index, snapshot.md_req_id.0)
            }
            SequencedBody::Rejected(exec) => {
                let code = exec.order.detail;
                self.fault(format!("legal order {} was refused: {code}", exec.order.cl_ord_id));
                self.answer(index, exec.order.cl_ord_id.0)
            }
            SequencedBody::BusinessReject(reject) => {
                self.fault(format!("legal message {} was refused", reject.ref_id));
                self.answer(index, reject.ref_id)
            }
            SequencedBody::MassAction(_)
            | SequencedBody::Status(_)
            | SequencedBody::Triggered(_)
            | SequencedBody::Restated(_)
            | SequencedBody::Steering(_) => {
                self.fault("an answer to what was never asked".into());
                None
            }
            SequencedBody::NotApplied(burnt) => {
                let (from, count) = (burnt.from, burnt.count);
                self.fault(format!("{count} messages from {from} were not applied"));
                None
            }
        }
    }

    /// Counts a report; false if it came before.
    fn is_next(&mut self, number: ReportNo) -> bool {
        self.counts.reports += 1;
        let number = number.0;
        if number < self.next_number {
            self.counts.duplicates += 1;
            self.fault(format!("report {number} came twice"));
            return false;
        }
        if number > self.next_number {
            self.counts.gaps += 1;
            self.fault(format!("reports {} to {number} are missing", self.next_number));
        }
        self.next_number = number + 1;
        true
    }

    fn answer(&mut self, index: Index, name: u64) -> Option<Sent> {
        match self.waiting.pop_front() {
            Some(sent) if name_of(&sent.message) == name => {
                self.counts.answered += 1;
                let Sent { seq, message, .. } = sent;
                self.answered.push(Answered { index, seq, message });
                Some(sent)
            }
            other => {
                self.counts.duplicates += 1;
                if let Some(sent) = other {
                    self.waiting.push_front(sent);
                }
                self.fault(format!("an answer to {name}, which is not the next in flight"));
                None
            }
        }
    }

    fn open(&mut self, order: &OrderState) {
        let &OrderState { cl_ord_id, symbol, side, price, qty, leaves_qty, .. } = order;
        let lot = self.lots.get(&symbol).copied().unwrap_or(1);
        let live = Live { symbol, side, price, qty, leaves: leaves_qty, lot };
        if self.live.insert(cl_ord_id.0, live).is_some() {
            self.counts.duplicates += 1;
            self.fault(format!("order {cl_ord_id} was accepted twice"));
        }
    }

    fn trade(&mut self, order: &OrderState, last_qty: Qty) {
        if order.detail == b'Y' {
            self.counts.trades += 1;
        }
        let name = order.cl_ord_id;
        let Some(live) = self.live.get_mut(&name.0) else {
            self.fault(format!("order {name} traded, though it is not live"));
            return;
        };
        let fits = live.leaves.0.checked_sub(last_qty.0) == Some(order.leaves_qty.0);
        live.leaves = order.leaves_qty;
        if order.leaves_qty == Qty(0) {
            self.live.remove(&name.0);
        }
        if !fits {
            self.fault(format!("order {name} has {} left after {last_qty}", order.leaves_qty));
        }
    }

    fn end(&mut self, name: ClOrdId) {
        if self.live.remove(&name.0).is_none() {
            self.fault(format!("order {name} ended, though it is not live"));
        }
    }
}

fn name_of(message: &Application) -> u64 {
    match message {
        Application::NewOrder(order) => order.cl_ord_id.0,
        Application::Cancel(request) => request.cl_ord_id.0,
        Application::Replace(request) => request.cl_ord_id.0,
        Application::MarketData(query) => query.md_req_id.0,
        Application::MassAction(request) => request.cl_ord_id.0,
        Application::OrderStatus(query) => query.cl_ord_id.0,
        Application::Reduce(request) => request.cl_ord_id.0,
        Application::DefineSymbol(request) => request.request_id,
        Application::SetPhase(request) => request.request_id,
        Application::SetBands(request) => request.request_id,
        Application::SetRisk(request) => request.request_id,
        Application::Kill(request) => request.request_id,
        Application::Refused(refused) => refused.ref_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_client::Limit;
    use gavel_types::{
        AckRuleCode, ExecId, ExecNew, ExecTrade, Nanos, OrdStatus, OrderId, Stamp, Term,
        TimeInForce, TrdMatchId,
    };
    use gavel_wire::server::Envelope;

    fn report(number: u64, body: SequencedBody<'_>) -> Sequenced<'_> {
        let stamp = Stamp { index: Index(number), term: Term(1), time: Nanos(1) };
        let (sender_term, commit, rule) = (Term(1), Index(number), AckRuleCode::Local);
        let envelope = Envelope { sender_term, commit, rule };
        Sequenced { number: ReportNo(number), stamp, envelope, poss_resend: false, body }
    }

    fn order(name: u64, leaves: u64) -> OrderState {
        OrderState {
            order_id: OrderId(name),
            cl_ord_id: ClOrdId(name),
            price: Price(5),
            qty: Qty(10),
            leaves_qty: Qty(leaves),
            cum_qty: Qty(10 - leaves),
            symbol: SymbolId(1),
            side: Side::Buy,
            ord_status: OrdStatus::New,
            detail: b'N',
            reserved: 0,
        }
    }

    fn new(number: u64, name: u64) -> Sequenced<'static> {
        let exec_id = ExecId(number);
        report(number, SequencedBody::New(ExecNew { order: order(name, 10), exec_id }))
    }

    fn trade(number: u64, name: u64, last_qty: u64, leaves: u64) -> Sequenced<'static> {
        let body = ExecTrade {
            order: order(name, leaves),
            exec_id: ExecId(number),
            last_px: Price(5),
            last_qty: Qty(last_qty),
            trd_match_id: TrdMatchId(1),
        };
        report(number, SequencedBody::Trade(body))
    }

    /// A ledger that waits for the answers to orders 1 and 2.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(HashMap::new());
        for name in 1..=2 {
            let limit = Limit {
                cl_ord_id: ClOrdId(name),
                symbol: SymbolId(1),
                side: Side::Buy,
                price: Price(5),
                qty: Qty(10),
                time_in_force: TimeInForce::Gtc,
            };
            let now = Instant::now();
            let (seq, message) = (SeqNo(name), limit.into());
            ledger.on_submitted(Sent { seq, message, intended: now, submitted: now });
        }
        ledger
    }

    fn after(reports: &[Sequenced<'_>]) -> Counts {
        let mut ledger = ledger();
        for report in reports {
            ledger.on_report(report);
        }
        ledger.counts()
    }

    #[test]
    fn what_is_right_has_no_fault() {
        let counts = after(&[new(1, 1), new(2, 2), trade(3, 1, 4, 6), trade(4, 1, 6, 0)]);
        assert_eq!((counts.faults, counts.answered, counts.reports), (0, 2, 4));
    }

    #[test]
    fn a_lost_report_is_a_gap() {
        assert_eq!(after(&[new(1, 1), new(3, 2)]).gaps, 1);
    }

    #[test]
    fn a_repeated_report_is_a_duplicate() {
        assert_eq!(after(&[new(1, 1), new(1, 1)]).duplicates, 1);
    }

    #[test]
    fn an_order_accepted_twice_is_a_duplicate() {
        assert!(after(&[new(1, 1), new(2, 1)]).duplicates > 0);
    }

    #[test]
    fn an_order_that_the_engine_forgot_is_missing() {
        let reject = gavel_types::CancelReject {
            cl_ord_id: ClOrdId(2),
            orig_cl_ord_id: ClOrdId(1),
            order_id: OrderId(0),
            reason: gavel_types::CancelRejectReason::UnknownOrder,
            ord_status: OrdStatus::Rejected,
            response_to: b'1',
            reserved: [0; 5],
        };
        let reject = report(2, SequencedBody::CancelReject(reject));
        assert_eq!(after(&[new(1, 1), reject]).missing, 1);
    }

    #[test]
    fn quantities_that_do_not_add_up_are_faults() {
        assert_eq!(after(&[new(1, 1), trade(2, 1, 4, 5)]).faults, 1);
        assert_eq!(after(&[new(1, 1), trade(2, 1, 10, 0), trade(3, 1, 1, 0)]).faults, 1);
    }

    #[test]
    fn any_changed_bit_changes_the_digest_and_the_envelope_does_not() {
        let digest = |report: &Sequenced<'_>| {
            let mut hash = Sha256::new();
            digest_report(&mut hash, report.number, &report.body);
            hash.finalize()
        };
        let mut elsewhere = new(1, 1);
        elsewhere.envelope.commit = Index(99);
        elsewhere.stamp.index = Index(77);
        elsewhere.poss_resend = true;
        assert_eq!(digest(&new(1, 1)), digest(&elsewhere));
        assert_ne!(digest(&new(1, 1)), digest(&new(2, 1)));
        assert_ne!(digest(&trade(1, 1, 4, 6)), digest(&trade(1, 1, 4, 5)));
    }
}
