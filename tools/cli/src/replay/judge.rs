//! Judges a replay by what was received, and by nothing else.
//!
//! Inputs -> outputs: lines become messages, and wait here for what they should bring; reports come
//! in, and are tallied.
//! Invariants: a line is judged once all reports of its record are here, that is when the first
//! report of a later record arrives, so lines are judged in the order of the script, whatever is in
//! flight.
//! Limits: memory follows messages in flight and orders live.
//! Not here: sending, reading files.

use super::script::{Line, NewLine, PRICE_UNIT, Side2};
use crate::session;
use gavel_client::{Application, Limit, MarketDataSnapshot, Sequenced, SequencedBody};
use gavel_types::{
    CancelOrder, CancelReason, CancelRejectReason, ClOrdId, ExecCanceled, ExecTrade, Index,
    MarketDataQuery, MdReqId, OrderId, Price, Qty, ReplaceOrder, Side, SymbolId, TimeInForce,
    TrdMatchId,
};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

/// Disagreements that are shown in words.
const EXAMPLES_MAX: usize = 5;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// N, X, M, R and C lines that were sent.
    pub orders: u64,
    /// X and M lines with exactly their fills.
    pub fills_ok: u64,
    /// X and M lines without, N and R lines that traded, and fills of nobody.
    pub fills_bad: u64,
    /// B lines with exactly their book.
    pub book_ok: u64,
    /// B lines without.
    pub book_bad: u64,
    /// R and C lines whose order the engine did not know.
    pub unknown_ids: u64,
    /// Lines that the engine refused for any other reason.
    pub rejects: u64,
    /// Reports received.
    pub reports: u64,
    /// Reports that the engine had no more.
    pub reports_lost: u64,
    /// The first disagreements in words.
    pub examples: Vec<String>,
}

impl Tally {
    /// True if everything came as it should.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let bad = self.fills_bad + self.book_bad + self.unknown_ids;
        bad + self.rejects + self.reports_lost == 0
    }
}

/// What a message should bring.
#[derive(Debug)]
enum Expect {
    New,
    Immediate(Box<str>),
    Marketable(Box<str>),
    Reduce,
    Cancel,
    Book {
        row: u64,
        asks: Side2,
        bids: Side2,
    },
    /// Nothing: it shows that all before it is done.
    Fence,
}

/// A message without its answer.
#[derive(Debug)]
struct Waiting {
    /// ClOrdID or MDReqID.
    name: u64,
    /// The script's id.
    id: u64,
    expect: Expect,
}

/// A record whose reports are arriving.
#[derive(Debug)]
struct Current {
    index: Index,
    waiting: Waiting,
    leaves: u64,
    fills: String,
    /// The aggressor's half of a match, until the maker's comes.
    half: Option<(TrdMatchId, Price, Qty)>,
    broken: bool,
}

/// An order that is in flight or live.
#[derive(Debug)]
struct Live {
    id: u64,
    side: Side,
    price: Price,
    /// Tag 38, as last asked for.
    order_qty: u64,
}

/// See the module.
pub(super) struct Judge {
    symbol: SymbolId,
    last_name: u64,
    /// Script id -> ClOrdID of its newest order.
    names: HashMap<u64, u64>,
    /// By ClOrdID.
    orders: HashMap<u64, Live>,
    waiting: VecDeque<Waiting>,
    current: Option<Current>,
    tally: Tally,
    hash: Sha256,
}

impl Judge {
    pub(super) fn new(symbol: SymbolId) -> Self {
        Self {
            symbol,
            last_name: 0,
            names: HashMap::new(),
            orders: HashMap::new(),
            waiting: VecDeque::new(),
            current: None,
            tally: Tally::default(),
            hash: Sha256::new(),
        }
    }

    /// Messages without their answer.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// sha256 over the fills of all X and M lines so far, in the order of the script.
    pub(super) fn digest(&self) -> String {
        session::hex(&self.hash.clone().finalize())
    }

    fn name(&mut self) -> u64 {
        self.last_name += 1;
        self.last_name
    }

    fn wait(&mut self, name: u64, id: u64, expect: Expect) {
        self.waiting.push_back(Waiting { name, id, expect });
    }

    /// The message for a line that is no B line. It is to be sent: its answer is waited for.
    ///
    /// # Panics
    /// On a B line, for which there is [`Judge::book`].
    pub(super) fn order(&mut self, line: Line) -> Application {
        self.tally.orders += 1;
        match line {
            Line::New(new) => self.new_order(&new, TimeInForce::Gtc, Expect::New),
            Line::Immediate(new, fills) => {
                self.new_order(&new, TimeInForce::Ioc, Expect::Immediate(fills))
            }
            Line::Marketable(new, fills) => {
                self.new_order(&new, TimeInForce::Gtc, Expect::Marketable(fills))
            }
            Line::Reduce { id, by } => self.reduce(id, by),
            Line::Cancel { id } => self.cancel(id),
            Line::Book { .. } => panic!("a B line is a question, not an order"),
        }
    }

    /// The message for a B line.
    pub(super) fn book(
        &mut self,
        row: u64,
        depth: u8,
        (asks, bids): (Side2, Side2),
    ) -> Application {
        let name = self.name();
        self.wait(name, row, Expect::Book { row, asks, bids });
        self.query(name, depth)
    }

    /// A message whose answer shows that everything before it was received.
    pub(super) fn fence(&mut self) -> Application {
        let name = self.name();
        self.wait(name, 0, Expect::Fence);
        self.query(name, 1)
    }

    fn query(&self, name: u64, depth: u8) -> Application {
        let (md_req_id, symbol) = (MdReqId(name), self.symbol);
        Application::MarketData(MarketDataQuery { md_req_id, symbol, depth, reserved: [0; 3] })
    }

    fn new_order(
        &mut self,
        new: &NewLine,
        time_in_force: TimeInForce,
        expect: Expect,
    ) -> Application {
        let name = self.name();
        let price = Price(new.px.saturating_mul(PRICE_UNIT));
        self.names.insert(new.id, name);
        let live = Live { id: new.id, side: new.side, price, order_qty: new.qty };
        self.orders.insert(name, live);
        self.wait(name, new.id, expect);
        let (cl_ord_id, symbol, qty) = (ClOrdId(name), self.symbol, Qty(new.qty));
        Limit { cl_ord_id, symbol, side: new.side, price, qty, time_in_force }.into()
    }

    /// FIX's total OrderQty less `by`: exact whatever fills are in flight. The order keeps its
    /// name, so that requests behind this one find it whether this one is refused or not.
    fn reduce(&mut self, id: u64, by: u64) -> Application {
        let name = self.name_of(id);
        self.wait(name, id, Expect::Reduce);
        let (side, price, qty) = match self.orders.get_mut(&name) {
            Some(live) => {
                live.order_qty = live.order_qty.saturating_sub(by);
                (live.side, live.price, live.order_qty)
            }
            None => (Side::Buy, Price(PRICE_UNIT), 1),
        };
        Application::Replace(ReplaceOrder {
            cl_ord_id: ClOrdId(name),
            orig_cl_ord_id: ClOrdId(name),
            order_id: OrderId(0),
            price,
            qty: Qty(qty),
            symbol: self.symbol,
            side,
            time_in_force: TimeInForce::Gtc,
            exec_inst: 0,
            reserved: 0,
            stop_px: Price(0),
        })
    }

    fn cancel(&mut self, id: u64) -> Application {
        let orig = self.name_of(id);
        let name = self.name();
        self.wait(name, id, Expect::Cancel);
        Application::Cancel(CancelOrder {
            cl_ord_id: ClOrdId(name),
            orig_cl_ord_id: ClOrdId(orig),
            order_id: OrderId(0),
            symbol: self.symbol,
            side: self.orders.get(&orig).map_or(Side::Buy, |live| live.side),
            reserved: [0; 3],
        })
    }

    /// The name of a script's order. If it is known to be gone the engine is asked for a name that
    /// it never heard: that the order is unknown is the engine's to say.
    fn name_of(&mut self, id: u64) -> u64 {
        match self.names.get(&id) {
            Some(name) => *name,
            None => self.name(),
        }
    }

    fn forget(&mut self, name: u64) {
        if let Some(live) = self.orders.remove(&name)
            && self.names.get(&live.id) == Some(&name)
        {
            self.names.remove(&live.id);
        }
    }

    fn note(&mut self, example: impl FnOnce() -> String) {
        if self.tally.examples.len() < EXAMPLES_MAX {
            self.tally.examples.push(example());
        }
    }

    /// Reports that will never come.
    pub(super) fn on_lost(&mut self, count: u64) {
        self.tally.reports_lost += count;
        self.note(|| format!("{count} reports were lost"));
    }

    /// The session's next report.
    pub(super) fn on_report(&mut self, report: &Sequenced<'_>) {
        self.tally.reports += 1;
        let index = report.stamp.index;
        if self.current.as_ref().is_some_and(|current| current.index != index) {
            self.settle();
        }
        match &report.body {
            SequencedBody::New(exec) => {
                self.begin(index, exec.order.cl_ord_id.0, exec.order.leaves_qty.0);
            }
            SequencedBody::Rejected(exec) => {
                let name = exec.order.cl_ord_id.0;
                self.begin(index, name, exec.order.qty.0);
                self.refused(exec.order.detail);
                self.forget(name);
            }
            SequencedBody::Trade(exec) => self.on_trade(exec),
            SequencedBody::Canceled(exec) => self.on_canceled(index, exec),
            SequencedBody::Replaced(exec) => {
                self.begin(index, exec.order.cl_ord_id.0, exec.order.leaves_qty.0);
            }
            SequencedBody::CancelReject(reject) => {
                self.begin(index, reject.cl_ord_id.0, 0);
                if reject.reason == CancelRejectReason::UnknownOrder {
                    self.tally.unknown_ids += 1;
                    let id = self.current.as_ref().map_or(0, |current| current.waiting.id);
                    self.note(|| format!("order {id} is unknown to the engine"));
                } else {
                    self.refused(reject.reason.code());
                }
            }
            SequencedBody::BusinessReject(reject) => {
                self.begin(index, reject.ref_id, 0);
                self.refused(reject.reason.code());
                self.forget(reject.ref_id);
            }
            SequencedBody::MarketData(snapshot) => self.on_book(index, snapshot),
            SequencedBody::MassAction(_)
            | SequencedBody::Status(_)
            | SequencedBody::Triggered(_)
            | SequencedBody::Restated(_)
            | SequencedBody::Steering(_) => {
                self.note(|| "an answer to what was never asked".into());
            }
            SequencedBody::NotApplied(burnt) => {
                self.tally.rejects += burnt.count;
                self.note(|| format!("{} messages from {} never arrived", burnt.count, burnt.from));
            }
        }
    }

    /// The answer to the oldest message begins its record.
    fn begin(&mut self, index: Index, name: u64, leaves: u64) {
        match self.waiting.front() {
            Some(first) if first.name == name => {}
            _ => {
                self.tally.fills_bad += 1;
                self.note(|| format!("a report names {name}, which is not the next in flight"));
                return;
            }
        }
        let Some(waiting) = self.waiting.pop_front() else { return };
        let (fills, half, broken) = (String::new(), None, false);
        self.current = Some(Current { index, waiting, leaves, fills, half, broken });
    }

    /// The message that is being answered was refused.
    fn refused(&mut self, code: u8) {
        self.tally.rejects += 1;
        let Some(current) = &mut self.current else { return };
        current.broken = true;
        let id = current.waiting.id;
        self.note(|| format!("the line of {id} was refused with code {code}"));
    }

    fn on_trade(&mut self, exec: &ExecTrade) {
        let name = exec.order.cl_ord_id.0;
        let matched = (exec.trd_match_id, exec.last_px, exec.last_qty);
        let maker = self.orders.get(&name).map(|live| live.id);
        let fits = match &mut self.current {
            None => false,
            Some(current) if exec.order.detail == b'Y' => {
                current.leaves = exec.order.leaves_qty.0;
                let fits = current.waiting.name == name && current.half.is_none();
                current.half = Some(matched);
                fits
            }
            Some(current) => {
                if !current.fills.is_empty() {
                    current.fills.push('|');
                }
                let id = maker.map_or_else(|| "?".into(), |id| id.to_string());
                let px = show_price(exec.last_px);
                let _ = write!(current.fills, "{id}:{}:{px}", exec.last_qty);
                current.half.take() == Some(matched)
            }
        };
        if exec.order.leaves_qty == Qty(0) {
            self.forget(name);
        }
        if !fits {
            match &mut self.current {
                Some(current) => current.broken = true,
                None => self.tally.fills_bad += 1,
            }
            self.note(|| format!("a fill that nobody asked for: {exec:?}"));
        }
    }

    fn on_canceled(&mut self, index: Index, exec: &ExecCanceled) {
        if CancelReason::from_code(exec.order.detail) != Some(CancelReason::ImmediateOrCancel) {
            self.begin(index, exec.request_cl_ord_id.0, 0);
        }
        self.forget(exec.order.cl_ord_id.0);
    }

    fn on_book(&mut self, index: Index, snapshot: &MarketDataSnapshot<'_>) {
        self.begin(index, snapshot.md_req_id.0, 0);
        let Some(Current { waiting: Waiting { expect, .. }, .. }) = &self.current else { return };
        let Expect::Book { row, asks, bids } = expect else { return };
        let levels = |side: &Side2, got: gavel_client::Levels<'_>| {
            let want = side.iter().map(|(px, qty)| (px.saturating_mul(PRICE_UNIT), *qty));
            want.eq(got.iter().map(|level| (level.price.0, level.qty.0)))
        };
        if levels(asks, snapshot.asks) && levels(bids, snapshot.bids) {
            self.tally.book_ok += 1;
        } else {
            self.tally.book_bad += 1;
            let example = format!("row {row} wants asks {asks:?} and bids {bids:?}");
            self.note(|| example);
        }
    }

    /// All reports of the current record are here.
    fn settle(&mut self) {
        let Some(current) = self.current.take() else { return };
        let Current { waiting, leaves, fills, half, broken, .. } = current;
        let unbroken = !broken && half.is_none();
        let (want, done) = match &waiting.expect {
            Expect::Immediate(want) => (want, leaves == 0),
            Expect::Marketable(want) => (want, true),
            Expect::New | Expect::Reduce | Expect::Cancel => {
                if !fills.is_empty() || half.is_some() {
                    self.tally.fills_bad += 1;
                    self.note(|| format!("the line of {} traded {fills}", waiting.id));
                }
                return;
            }
            Expect::Book { .. } | Expect::Fence => return,
        };
        self.hash.update(format!("{} {fills}\n", waiting.id));
        if unbroken && done && fills == **want {
            self.tally.fills_ok += 1;
        } else {
            self.tally.fills_bad += 1;
            self.note(|| {
                format!("order {} wants {want}, got {fills} and has {leaves} left", waiting.id)
            });
        }
    }

    /// The replay is over: the last record is complete, and what was not answered never will be.
    pub(super) fn finish(&mut self) {
        self.settle();
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting.expect {
                Expect::Immediate(_) | Expect::Marketable(_) => self.tally.fills_bad += 1,
                Expect::Book { .. } => self.tally.book_bad += 1,
                _ => self.tally.rejects += 1,
            }
            self.note(|| format!("the line of {} was never answered", waiting.id));
        }
    }
}

/// A price in units of a script; one that is none keeps its fraction, so that it equals nothing.
fn show_price(price: Price) -> String {
    match (price.0 / PRICE_UNIT, price.0 % PRICE_UNIT) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}+{rest}e-9"),
    }
}
