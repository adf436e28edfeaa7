//! The rules of RULES.md, example by example. The numbers are worked out from its sentences.
//!
//! A desk applies commands to one machine and tells what came out, a line a report. Every other
//! record is applied by a machine that was restored from what the one before it saved, so that the
//! examples show that nothing is forgotten.

mod all_or_none;
mod auction;
mod entry;
mod expiry;
mod matching;
mod phases;
mod reach;
mod replace;
mod risk;
mod self_trade;
mod steering;
mod stops;

use crate::support::{Held, Left, Subject, both as examples, limit};
use gavel_contract::{BookPlan, Conventions, Outbox, Progress, SymbolSpec};
use gavel_types::limits::BURST;
use gavel_types::*;

/// Sessions.
const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
/// Who steers.
const S: u32 = 9;

const MS: u64 = 1_000_000;

/// Symbol 1 has nothing special; symbol 2 has a tick of 5, a lot of 10 and a scale of 1.
fn plan() -> BookPlan {
    let plain = SymbolSpec {
        symbol: SymbolId(1),
        name: "SYM1".into(),
        tick: Price(1),
        lot: Qty(1),
        price_min: Price(1),
        price_max: Price(1_000),
        qty_max: Qty(1_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    };
    let coarse = SymbolSpec {
        symbol: SymbolId(2),
        name: "SYM2".into(),
        tick: Price(5),
        lot: Qty(10),
        price_min: Price(10),
        qty_max: Qty(500),
        qty_scale: 1,
        ..plain.clone()
    };
    BookPlan { symbols: vec![plain, coarse], ..BookPlan::for_orders(50) }
}

/// An outbox that tells how much room there is left.
#[derive(Default)]
struct Out {
    reports: Vec<Report>,
    free: usize,
}

impl Outbox for Out {
    fn free(&self) -> usize {
        self.free
    }
    fn push(&mut self, report: Report) {
        self.free = self.free.checked_sub(1).expect("a machine looks for room first");
        self.reports.push(report);
    }
}

struct Desk<M> {
    plan: BookPlan,
    machine: M,
    index: u64,
    execs: u64,
    /// Time of the next records.
    now: u64,
    /// Every other record is applied by a machine that was restored.
    is_restored: bool,
}

impl<M: Subject> Desk<M> {
    fn new() -> Self {
        Self::of(plan())
    }

    fn of(plan: BookPlan) -> Self {
        let machine = M::make(&plan);
        Self { plan, machine, index: 0, execs: 0, now: 1_000, is_restored: true }
    }

    fn with(conventions: Conventions) -> Self {
        Self::of(BookPlan { conventions, ..plan() })
    }

    fn reports(&mut self, command: Command) -> Vec<Report> {
        self.index += 1;
        let (index, time) = (Index(self.index), Nanos(self.now));
        let record = LogRecord { stamp: Stamp { index, term: Term(1), time }, command };
        let mut out = Out { reports: Vec::new(), free: BURST };
        let mut progress = self.machine.apply(&record, &mut out);
        let mut turns = 0;
        while progress == Progress::Paused {
            turns += 1;
            // A burst is promised to a record that begins, and sooner or later to one that goes on;
            // until then it has the least there is.
            out.free = if turns % 4 == 0 { BURST } else { 2 + self.index as usize % 3 };
            progress = self.machine.resume(&mut out);
        }
        self.machine.check();
        if self.is_restored && self.index.is_multiple_of(2) {
            self.restore();
        }
        let mut matches = Vec::new();
        for report in &out.reports {
            assert_eq!(report.stamp, record.stamp);
            let exec_id = match report.parse().unwrap() {
                ReportBody::New(r) => r.exec_id,
                ReportBody::Canceled(r) => r.exec_id,
                ReportBody::Replaced(r) => r.exec_id,
                ReportBody::Rejected(r) => r.exec_id,
                ReportBody::Triggered(r) => r.exec_id,
                ReportBody::Restated(r) => r.exec_id,
                ReportBody::Trade(r) => {
                    matches.push((r.trd_match_id, r.last_px, r.last_qty));
                    r.exec_id
                }
                _ => continue,
            };
            self.execs += 1;
            assert_eq!(exec_id, ExecId(self.execs), "execution reports are counted");
        }
        assert!(matches.chunks(2).all(|pair| pair[0] == pair[1]), "two reports a match");
        out.reports
    }

    fn restore(&mut self) {
        let mut held = Held::default();
        self.machine.save(&mut held);
        let mut machine = M::make(&self.plan);
        machine.restore(&mut Left(&held.0)).unwrap();
        machine.check();
        self.machine = machine;
    }

    fn run(&mut self, command: Command) -> Vec<String> {
        self.reports(command).iter().map(line).collect()
    }

    fn enter(&mut self, session: u32, order: NewOrder) -> Vec<String> {
        self.run(Command::new_order(SessionSlot(session), SeqNo(1), &order))
    }

    /// Enters orders that meet nobody.
    fn rest(&mut self, orders: &[(u32, NewOrder)]) {
        for (session, order) in orders {
            let lines = self.enter(*session, *order);
            assert!(lines.len() == 1 && lines[0].contains(" new "), "{lines:?}");
        }
    }

    fn cancel(&mut self, session: u32, request: CancelOrder) -> Vec<String> {
        self.run(Command::cancel(SessionSlot(session), SeqNo(1), &request))
    }

    fn replace(&mut self, session: u32, request: ReplaceOrder) -> Vec<String> {
        self.run(Command::replace(SessionSlot(session), SeqNo(1), &request))
    }

    fn reduce(&mut self, session: u32, request: ReduceOrder) -> Vec<String> {
        self.run(Command::reduce(SessionSlot(session), SeqNo(1), &request))
    }

    fn define(&mut self, request: DefineSymbol) -> Vec<String> {
        self.run(Command::define_symbol(SessionSlot(S), SeqNo(1), &request))
    }

    fn bands(&mut self, request: SetBands) -> Vec<String> {
        self.run(Command::set_bands(SessionSlot(S), SeqNo(1), &request))
    }

    fn risk(&mut self, request: SetRisk) -> Vec<String> {
        self.run(Command::set_risk(SessionSlot(S), SeqNo(1), &request))
    }

    fn kill(&mut self, scope: KillScope, target: u32, action: KillAction) -> Vec<String> {
        let request = Kill { request_id: 1, target, scope, action, reserved: [0; 2] };
        self.run(Command::kill(SessionSlot(S), SeqNo(1), &request))
    }

    /// Moves symbol 1; a reference of `None` stays as it is.
    fn phase(&mut self, phase: TradingPhase, reference: Option<i64>) -> Vec<String> {
        let request = SetPhase {
            request_id: 1,
            reference: reference.map_or(Price::NULL, Price),
            symbol: SymbolId(1),
            phase,
            reserved: [0; 3],
        };
        self.run(Command::set_phase(SessionSlot(S), SeqNo(1), &request))
    }

    /// Live orders as "A1 buy 4+6@100": session, name, side, displayed and hidden, price; of one
    /// that waits "A1 buy 10 stop 105", and its price if it has one.
    fn live(&self) -> Vec<String> {
        let show = |o: gavel_book::LiveOrder| {
            let who = format!("{}{} {}", letter(o.session), o.cl_ord_id, side_of(o.side));
            let (displayed, hidden) = (o.leaves_qty.0 - o.hidden_qty.0, o.hidden_qty);
            match (o.stop_px, o.price) {
                (Price::NULL, price) => format!("{who} {displayed}+{hidden}@{price}"),
                (stop_px, Price::NULL) => format!("{who} {displayed} stop {stop_px}"),
                (stop_px, price) => format!("{who} {displayed}@{price} stop {stop_px}"),
            }
        };
        self.machine.live().into_iter().map(show).collect()
    }

    /// Displayed levels of symbol 1: bids, then asks.
    fn depth(&mut self) -> Vec<(i64, u64)> {
        let query = MarketDataQuery {
            md_req_id: MdReqId(1),
            symbol: SymbolId(1),
            depth: 64,
            reserved: [0; 3],
        };
        let command = Command::market_data(SessionSlot(S), SeqNo(1), &query);
        let mut levels = Vec::new();
        for report in self.reports(command) {
            let ReportBody::MarketData(part) = report.parse().unwrap() else {
                panic!("{report:?}")
            };
            let used = &part.levels[..usize::from(part.levels_used)];
            levels.extend(used.iter().map(|level| (level.price.0, level.qty.0)));
        }
        levels
    }
}

fn letter(session: SessionSlot) -> char {
    char::from(b'A' + session.0 as u8)
}

fn side_of(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

/// A report in a few words.
fn line(report: &Report) -> String {
    let price = |price: Price| if price == Price::NULL { "mkt".into() } else { price.to_string() };
    let terms = |o: &OrderState| format!("{} {}@{}", o.cl_ord_id, o.qty, price(o.price));
    let text = match report.parse().unwrap() {
        ReportBody::New(r) => format!("new {}", terms(&r.order)),
        ReportBody::Triggered(r) => format!("triggered {}", terms(&r.order)),
        ReportBody::Restated(r) => {
            format!("restated {} left {}", terms(&r.order), r.order.leaves_qty)
        }
        ReportBody::Trade(r) => {
            let role = char::from(r.order.detail);
            let (name, left) = (r.order.cl_ord_id, r.order.leaves_qty);
            format!("trade {name} {}@{} left {left} {role}", r.last_qty, r.last_px)
        }
        ReportBody::Canceled(r) => {
            let reason = CancelReason::from_code(r.order.detail).unwrap();
            let status = if reason == CancelReason::Expired {
                OrdStatus::Expired
            } else {
                OrdStatus::Canceled
            };
            assert_eq!((r.order.ord_status, r.order.leaves_qty), (status, Qty(0)));
            let by = if r.request_cl_ord_id == r.order.cl_ord_id {
                String::new()
            } else {
                format!(" by {}", r.request_cl_ord_id)
            };
            format!("canceled {} {reason:?}{by}", r.order.cl_ord_id)
        }
        ReportBody::Replaced(r) => {
            let (was, left) = (r.orig_cl_ord_id, r.order.leaves_qty);
            format!("replaced {} was {was} left {left}", terms(&r.order))
        }
        ReportBody::Rejected(r) => {
            let reason = OrderRejectReason::from_code(r.order.detail).unwrap();
            format!("rejected {} {reason:?}", r.order.cl_ord_id)
        }
        ReportBody::CancelReject(r) => format!("refused {} {:?}", r.cl_ord_id, r.reason),
        ReportBody::Steering(r) => format!("steered {:?} {}", r.result, r.total_affected),
        ReportBody::Status(r) => {
            let o = &r.order;
            format!("status {} {:?} left {}", terms(o), o.ord_status, o.leaves_qty)
        }
        ReportBody::MassAction(r) => format!("mass {:?} {}", r.response, r.total_affected),
        other => format!("{other:?}"),
    };
    format!("{} {text}", letter(report.session))
}

/// A limit order of symbol 1, good till cancel.
fn buy(name: u64, qty: u64, price: i64) -> NewOrder {
    NewOrder { stp: StpInstruction::Default, ..limit(name, Side::Buy, qty, price) }
}

fn sell(name: u64, qty: u64, price: i64) -> NewOrder {
    NewOrder { side: Side::Sell, ..buy(name, qty, price) }
}

fn market(order: NewOrder) -> NewOrder {
    NewOrder { ord_type: OrdType::Market, price: Price::NULL, ..order }
}

fn stop(order: NewOrder, stop_px: i64) -> NewOrder {
    let ord_type = OrdType::Stop;
    NewOrder { ord_type, price: Price::NULL, stop_px: Price(stop_px), ..order }
}

fn stop_limit(order: NewOrder, stop_px: i64) -> NewOrder {
    NewOrder { ord_type: OrdType::StopLimit, stop_px: Price(stop_px), ..order }
}

fn timed(order: NewOrder, time_in_force: TimeInForce) -> NewOrder {
    NewOrder { time_in_force, ..order }
}

fn ioc(order: NewOrder) -> NewOrder {
    timed(order, TimeInForce::Ioc)
}

fn fok(order: NewOrder) -> NewOrder {
    timed(order, TimeInForce::Fok)
}

fn day(order: NewOrder) -> NewOrder {
    timed(order, TimeInForce::Day)
}

fn gtd(order: NewOrder, expire_time: u64) -> NewOrder {
    NewOrder { expire_time: Nanos(expire_time), ..timed(order, TimeInForce::Gtd) }
}

fn iceberg(order: NewOrder, display_qty: u64) -> NewOrder {
    NewOrder { display_qty: Qty(display_qty), ..order }
}

fn inst(order: NewOrder, exec_inst: u8) -> NewOrder {
    NewOrder { exec_inst, ..order }
}

fn post_only(order: NewOrder) -> NewOrder {
    inst(order, exec_inst::POST_ONLY)
}

fn sliding(order: NewOrder) -> NewOrder {
    inst(order, exec_inst::POST_ONLY_SLIDE)
}

fn whole(order: NewOrder) -> NewOrder {
    inst(order, exec_inst::ALL_OR_NONE)
}

fn prevented(order: NewOrder, stp: StpInstruction) -> NewOrder {
    NewOrder { stp, ..order }
}

fn of_account(order: NewOrder, account: u32) -> NewOrder {
    NewOrder { account: Account(account), ..order }
}

fn cancel_of(name: u64, orig: u64, side: Side) -> CancelOrder {
    CancelOrder {
        cl_ord_id: ClOrdId(name),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: OrderId(0),
        symbol: SymbolId(1),
        side,
        reserved: [0; 3],
    }
}

fn reduce_of(name: u64, orig: u64, side: Side, by: u64) -> ReduceOrder {
    ReduceOrder {
        cl_ord_id: ClOrdId(name),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: OrderId(0),
        by: Qty(by),
        symbol: SymbolId(1),
        side,
        reserved: [0; 3],
    }
}

/// Of a buy.
fn replace_of(name: u64, orig: u64, qty: u64, price: i64) -> ReplaceOrder {
    ReplaceOrder {
        cl_ord_id: ClOrdId(name),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: OrderId(0),
        price: Price(price),
        qty: Qty(qty),
        symbol: SymbolId(1),
        side: Side::Buy,
        time_in_force: TimeInForce::Gtc,
        exec_inst: 0,
        reserved: 0,
        stop_px: Price(0),
    }
}

/// Of symbol 1.
fn bands_of(low: i64, high: Option<i64>, dynamic: i64, action: BandAction) -> SetBands {
    SetBands {
        request_id: 1,
        low: Price(low),
        high: high.map_or(Price::NULL, Price),
        dynamic: Price(dynamic),
        symbol: SymbolId(1),
        action,
        reserved: [0; 3],
    }
}

/// No limits; change what should be one.
fn limits_of(scope: RiskScope, target: u32) -> SetRisk {
    SetRisk {
        request_id: 1,
        qty_max: Qty(0),
        notional_max: 0,
        position_max: Qty(0),
        collar: Price(0),
        orders_max: 0,
        rate_per_s: 0,
        rate_burst: 0,
        duplicate_ms: 0,
        target,
        scope,
        reserved: [0; 3],
    }
}

/// Symbol 1 as the plan has it.
fn definition() -> DefineSymbol {
    DefineSymbol {
        request_id: 1,
        tick: Price(1),
        price_min: Price(1),
        price_max: Price(1_000),
        lot: Qty(1),
        qty_max: Qty(1_000),
        protection: Price(0),
        symbol: SymbolId(1),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        reserved: [0; 2],
    }
}
