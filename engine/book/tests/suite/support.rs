//! A venue for tests: makes records, gives machines as little room as allowed, and holds what comes
//! out against laws that every report stream obeys.

use gavel_book::reference::ReferenceBook;
use gavel_book::{Book, LiveOrder};
use gavel_contract::{
    BadState, BookPlan, Machine, Outbox, Progress, StateSink, StateSource, SymbolSpec,
};
use gavel_types::limits::BURST;
use gavel_types::*;

/// Levels of one side, best first: (price, quantity).
pub(crate) type Shown = Vec<(i64, u64)>;

/// What a test needs of either implementation.
pub(crate) trait Subject: Machine {
    fn make(plan: &BookPlan) -> Self;
    /// Checks the state against itself.
    fn check(&self);
    fn live(&self) -> Vec<LiveOrder>;
}

impl Subject for Book {
    fn make(plan: &BookPlan) -> Self {
        let mut book = Self::new(plan);
        book.look_ahead_always();
        book
    }
    fn check(&self) {
        self.verify();
    }
    fn live(&self) -> Vec<LiveOrder> {
        let mut live = Vec::new();
        self.for_each_live(|order| live.push(*order));
        live
    }
}

impl Subject for ReferenceBook {
    fn make(plan: &BookPlan) -> Self {
        Self::new(plan)
    }
    fn check(&self) {
        self.verify();
    }
    fn live(&self) -> Vec<LiveOrder> {
        let mut live = Vec::new();
        self.for_each_live(|order| live.push(*order));
        live
    }
}

pub(crate) fn spec(symbol: u32, tick: i64, lot: u64) -> SymbolSpec {
    SymbolSpec {
        symbol: SymbolId(symbol),
        name: format!("SYM{symbol}"),
        tick: Price(tick),
        lot: Qty(lot),
        price_min: Price(tick),
        price_max: Price(1_000_000_000),
        qty_max: Qty(1_000_000_000_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    }
}

pub(crate) fn plan(orders_max: u32, levels_max: u32) -> BookPlan {
    let symbols = vec![spec(1, 1, 1), spec(2, 1, 1)];
    BookPlan { symbols, levels_max, ..BookPlan::for_orders(orders_max) }
}

/// An outbox with so many slots, no more.
pub(crate) struct Slots {
    pub(crate) reports: Vec<Report>,
    pub(crate) free: usize,
}

impl Outbox for Slots {
    fn free(&self) -> usize {
        self.free
    }
    fn push(&mut self, report: Report) {
        assert!(self.free > 0, "a machine looks for room first");
        self.free -= 1;
        self.reports.push(report);
    }
}

/// A state that is held in memory.
#[derive(Default)]
pub(crate) struct Held(pub(crate) Vec<u8>);

impl StateSink for Held {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// What is left to be read of one.
pub(crate) struct Left<'a>(pub(crate) &'a [u8]);

impl StateSource for Left<'_> {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let (bytes, rest) =
            self.0.split_at_checked(into.len()).ok_or(BadState { what: "it ends too early" })?;
        into.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }
}

/// The state of a machine.
pub(crate) fn saved(machine: &impl Machine) -> Vec<u8> {
    let mut held = Held::default();
    machine.save(&mut held);
    held.0
}

/// One machine and the log it lives from.
pub(crate) struct Venue<M> {
    pub(crate) machine: M,
    index: u64,
    execs: u64,
    matches: u64,
    /// Slots that a paused machine finds free.
    pub(crate) room: usize,
    /// How often the machine paused.
    pub(crate) pauses: usize,
    /// Check the state after every record (takes time in proportion to it).
    pub(crate) checked: bool,
    /// Hold the reports against the laws, whose counters begin at nothing.
    pub(crate) lawful: bool,
    mass_reports: u64,
}

impl<M: Subject> Venue<M> {
    pub(crate) fn new(plan: &BookPlan) -> Self {
        Self::of(M::make(plan))
    }

    /// A venue of a machine that may have a past.
    pub(crate) fn of(machine: M) -> Self {
        Self {
            machine,
            index: 0,
            execs: 0,
            matches: 0,
            room: 2,
            pauses: 0,
            checked: true,
            lawful: true,
            mass_reports: 0,
        }
    }

    /// Another venue that goes on from the state of this one, and remembers what this one does.
    pub(crate) fn fork(&self, plan: &BookPlan) -> Self {
        let bytes = saved(&self.machine);
        let mut machine = M::make(plan);
        let mut left = Left(&bytes);
        machine.restore(&mut left).unwrap();
        assert_eq!(left.0.len(), 0, "what was written is read");
        machine.check();
        assert!(saved(&machine) == bytes, "a state that was restored is the state that was saved");
        Self { machine, ..*self }
    }

    /// Applies one command to its end.
    pub(crate) fn run(&mut self, command: Command) -> Vec<Report> {
        let is_mass = command.kind == CommandKind::MassAction.code();
        self.drive(BURST, is_mass, |machine, stamp, out| {
            let record = LogRecord { stamp, command };
            // Whatever it is, looking at it changes nothing.
            machine.expect(&[record; 3]);
            machine.apply(&record, out)
        })
    }

    /// Cancels all that a session has, as when it lost its connection.
    pub(crate) fn end_session(&mut self, session: u32) -> Vec<Report> {
        // Its record may have filled the outbox already.
        let (session, room) = (SessionSlot(session), self.room);
        let why = CancelReason::CancelOnDisconnect;
        let reports = self.drive(room, true, |machine, stamp, out| {
            machine.cancel_session(stamp, session, why, out)
        });
        assert_eq!(self.machine.live_orders(session), 0);
        reports
    }

    fn drive(
        &mut self,
        free: usize,
        is_mass: bool,
        begin: impl FnOnce(&mut M, Stamp, &mut Slots) -> Progress,
    ) -> Vec<Report> {
        self.index += 1;
        let time = Nanos(1_000 * self.index);
        let stamp = Stamp { index: Index(self.index), term: Term(3), time };
        let mut out = Slots { reports: Vec::new(), free };
        let mut progress = begin(&mut self.machine, stamp, &mut out);
        let (mut before, mut idle_turns) = (0, 0);
        while progress == Progress::Paused {
            // A mass cancel may also have looked at enough orders for one turn.
            assert!(out.free < 2 || is_mass, "a machine pauses when the next step has no room");
            idle_turns = if out.reports.len() > before { 0 } else { idle_turns + 1 };
            assert!(idle_turns < if is_mass { 100 } else { 3 }, "a resumed machine gets on");
            before = out.reports.len();
            self.pauses += 1;
            out.free = self.room;
            progress = self.machine.resume(&mut out);
            self.room = if self.room < 2 { 2 } else { self.room };
        }
        if self.checked {
            self.machine.check();
        }
        if self.lawful {
            self.laws(stamp, &out.reports);
        }
        out.reports
    }

    /// What is true of every record's reports.
    fn laws(&mut self, stamp: Stamp, reports: &[Report]) {
        let mut aggressor: Option<ExecTrade> = None;
        for report in reports {
            assert_eq!(report.stamp, stamp, "a report carries its record's stamp");
            assert_eq!(report.number, ReportNo(0), "the session layer numbers reports");
            let parsed = report.parse().unwrap();
            let exec = match parsed {
                ReportBody::New(r) => Some((r.exec_id, r.order)),
                ReportBody::Trade(r) => Some((r.exec_id, r.order)),
                ReportBody::Canceled(r) => Some((r.exec_id, r.order)),
                ReportBody::Replaced(r) => Some((r.exec_id, r.order)),
                ReportBody::Rejected(r) => Some((r.exec_id, r.order)),
                _ => None,
            };
            if let Some((exec_id, order)) = exec {
                self.execs += 1;
                assert_eq!(exec_id, ExecId(self.execs), "ExecIDs count");
                state_law(&order);
            }
            if let ReportBody::MassAction(mass) = parsed {
                self.mass_reports += 1;
                assert_eq!(mass.report_id, self.mass_reports, "mass action reports count");
                assert!(core::ptr::eq(report, &reports[reports.len() - 1]), "it comes last");
                assert_eq!(mass.total_affected as usize, reports.len() - 1);
            }
            if let ReportBody::Status(status) = parsed
                && status.order.ord_status != OrdStatus::Rejected
            {
                state_law(&status.order);
            }
            if let ReportBody::Trade(trade) = parsed {
                match aggressor.take() {
                    None => {
                        self.matches += 1;
                        assert_eq!(trade.order.detail, b'Y', "the aggressor's report comes first");
                        aggressor = Some(*trade);
                    }
                    Some(first) => pair_law(&first, trade),
                }
                assert_eq!(trade.trd_match_id, TrdMatchId(self.matches), "TrdMatchIDs count");
            } else {
                assert!(aggressor.is_none(), "a match's reports are adjacent");
            }
        }
        assert!(aggressor.is_none(), "a match has two reports");
    }

    pub(crate) fn digest(&self) -> u64 {
        self.machine.digest(&|slot| u64::from(slot.0) + 7)
    }

    /// The whole book as market data shows it: (bids, asks), best first.
    pub(crate) fn depth(&mut self, symbol: u32) -> (Shown, Shown) {
        let reports = self.run(market_data(9, symbol, 64));
        let mut levels = Vec::new();
        let mut sides = (0, 0);
        for (at, report) in reports.iter().enumerate() {
            assert_eq!((report.part as usize, report.parts as usize), (at, reports.len()));
            let ReportBody::MarketData(part) = report.parse().unwrap() else {
                panic!("{report:?}")
            };
            sides = (usize::from(part.bids), usize::from(part.asks));
            let used = &part.levels[..usize::from(part.levels_used)];
            levels.extend(used.iter().map(|level| (level.price.0, level.qty.0)));
        }
        assert_eq!(levels.len(), sides.0 + sides.1);
        let asks = levels.split_off(sides.0);
        (levels, asks)
    }
}

fn state_law(order: &OrderState) {
    let (qty, leaves, cum) = (order.qty.0, order.leaves_qty.0, order.cum_qty.0);
    match order.ord_status {
        OrdStatus::New => assert_eq!((leaves, cum), (qty, 0)),
        OrdStatus::PartiallyFilled => {
            assert!(leaves > 0 && cum > 0);
            assert_eq!(leaves + cum, qty, "what is left and what has filled make the whole");
        }
        OrdStatus::Filled => assert_eq!((leaves, cum), (0, qty)),
        OrdStatus::Canceled => assert!(leaves == 0 && cum < qty),
        OrdStatus::Rejected => assert_eq!((leaves, cum, order.order_id), (0, 0, OrderId(0))),
        OrdStatus::Expired => panic!("nothing expires yet"),
    }
}

fn pair_law(aggressor: &ExecTrade, maker: &ExecTrade) {
    assert_eq!(maker.order.detail, b'N', "the maker's report comes second");
    assert_eq!(aggressor.trd_match_id, maker.trd_match_id, "a match has one number");
    assert_eq!(aggressor.last_px, maker.last_px);
    assert_eq!(aggressor.last_qty, maker.last_qty);
    assert_eq!(aggressor.order.side, maker.order.side.opposite());
    assert_eq!(aggressor.order.symbol, maker.order.symbol);
    assert_eq!(maker.last_px, maker.order.price, "a trade is at the maker's price");
    assert!(maker.last_qty > Qty(0));
}

/// A new limit order, good till cancel, of symbol 1; change what should differ.
pub(crate) fn limit(name: u64, side: Side, qty: u64, price: i64) -> NewOrder {
    NewOrder {
        cl_ord_id: ClOrdId(name),
        price: Price(price),
        qty: Qty(qty),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(1),
        account: Account(0),
        side,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Allow,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    }
}

pub(crate) fn ioc(name: u64, side: Side, qty: u64, price: i64) -> NewOrder {
    NewOrder { time_in_force: TimeInForce::Ioc, ..limit(name, side, qty, price) }
}

pub(crate) fn market(name: u64, side: Side, qty: u64) -> NewOrder {
    NewOrder { ord_type: OrdType::Market, ..limit(name, side, qty, Price::NULL.0) }
}

pub(crate) fn enter(session: u32, order: NewOrder) -> Command {
    Command::new_order(SessionSlot(session), SeqNo(1), &order)
}

/// Cancels by OrigClOrdID.
pub(crate) fn cancel_of(name: u64, orig: u64, side: Side) -> CancelOrder {
    CancelOrder {
        cl_ord_id: ClOrdId(name),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: OrderId(0),
        symbol: SymbolId(1),
        side,
        reserved: [0; 3],
    }
}

pub(crate) fn cancel(session: u32, request: CancelOrder) -> Command {
    Command::cancel(SessionSlot(session), SeqNo(1), &request)
}

/// Replaces by OrigClOrdID.
pub(crate) fn replace_of(name: u64, orig: u64, side: Side, qty: u64, price: i64) -> ReplaceOrder {
    ReplaceOrder {
        cl_ord_id: ClOrdId(name),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: OrderId(0),
        price: Price(price),
        qty: Qty(qty),
        symbol: SymbolId(1),
        side,
        time_in_force: TimeInForce::Gtc,
        exec_inst: 0,
        reserved: 0,
        stop_px: Price(0),
    }
}

pub(crate) fn replace(session: u32, request: ReplaceOrder) -> Command {
    Command::replace(SessionSlot(session), SeqNo(1), &request)
}

/// Cancels all orders of the session; change what should be left out.
pub(crate) fn all_orders(name: u64) -> MassAction {
    MassAction {
        cl_ord_id: ClOrdId(name),
        symbol: SymbolId(0),
        account: Account(0),
        action: MassActionType::CancelOrders,
        scope: MassActionScope::AllOrders,
        side: 0,
        reserved: [0; 5],
    }
}

pub(crate) fn mass_action(session: u32, request: MassAction) -> Command {
    Command::mass_action(SessionSlot(session), SeqNo(1), &request)
}

/// Asks by ClOrdID.
pub(crate) fn status_of(name: u64, side: Side) -> OrderStatusQuery {
    OrderStatusQuery {
        cl_ord_id: ClOrdId(name),
        order_id: OrderId(0),
        symbol: SymbolId(1),
        side,
        reserved: [0; 3],
    }
}

pub(crate) fn order_status(session: u32, request: OrderStatusQuery) -> Command {
    Command::order_status(SessionSlot(session), SeqNo(1), &request)
}

pub(crate) fn market_data(session: u32, symbol: u32, depth: u8) -> Command {
    let query = MarketDataQuery {
        md_req_id: MdReqId(77),
        symbol: SymbolId(symbol),
        depth,
        reserved: [0; 3],
    };
    Command::market_data(SessionSlot(session), SeqNo(5), &query)
}

/// A report as a line that a trader can read; sessions are letters.
pub(crate) fn line(report: &Report) -> String {
    let who = char::from(b'A' + report.session.0 as u8);
    let terms = |o: &OrderState| {
        let side = if o.side == Side::Buy { "buy" } else { "sell" };
        let at = if o.price == Price::NULL { "mkt".into() } else { o.price.to_string() };
        format!("{side} {}@{at}", o.qty)
    };
    let now =
        |o: &OrderState| format!("{:?}, filled {}, left {}", o.ord_status, o.cum_qty, o.leaves_qty);
    let text = match report.parse().unwrap() {
        ReportBody::New(r) => format!("New {} {}", r.order.cl_ord_id, terms(&r.order)),
        ReportBody::Trade(r) => {
            let role = if r.order.detail == b'Y' { "takes" } else { "makes" };
            let (name, match_id) = (r.order.cl_ord_id, r.trd_match_id);
            let what = format!("{}@{} in match {match_id}", r.last_qty, r.last_px);
            format!("Trade {name} {role} {what}: {}", now(&r.order))
        }
        ReportBody::Canceled(r) => {
            let reason = CancelReason::from_code(r.order.detail).unwrap();
            let (name, by) = (r.order.cl_ord_id, r.request_cl_ord_id);
            format!("Canceled {name} by {by} {reason:?}: {}", now(&r.order))
        }
        ReportBody::Replaced(r) => {
            let (name, was) = (r.order.cl_ord_id, r.orig_cl_ord_id);
            format!("Replaced {name} was {was} {}: {}", terms(&r.order), now(&r.order))
        }
        ReportBody::Rejected(r) => {
            let reason = OrderRejectReason::from_code(r.order.detail).unwrap();
            format!("Rejected {} {} {reason:?}", r.order.cl_ord_id, terms(&r.order))
        }
        ReportBody::CancelReject(r) => {
            let to = if r.response_to == b'1' { "cancel" } else { "replace" };
            let (name, orig, reason) = (r.cl_ord_id, r.orig_cl_ord_id, r.reason);
            format!("CancelReject {name} {to} of {orig} {reason:?}, order {:?}", r.ord_status)
        }
        ReportBody::MassAction(r) => {
            let (name, what) = (r.cl_ord_id, format!("{:?} {:?}", r.response, r.reject_reason));
            format!("MassAction {name} report {} {what}: {} gone", r.report_id, r.total_affected)
        }
        ReportBody::Status(r) if r.order.ord_status == OrdStatus::Rejected => {
            let reason = OrderRejectReason::from_code(r.order.detail).unwrap();
            format!("Status {} {reason:?}", r.order.cl_ord_id)
        }
        ReportBody::Status(r) => {
            format!("Status {} {}: {}", r.order.cl_ord_id, terms(&r.order), now(&r.order))
        }
        other => format!("{other:?}"),
    };
    format!("{who} {text}")
}

/// Makes a test of each generic function named, for both implementations.
macro_rules! both {
    ($($name:ident),+ $(,)?) => {
        mod fast {
            $(#[test] fn $name() { super::$name::<gavel_book::Book>(); })+
        }
        mod naive {
            $(#[test] fn $name() { super::$name::<gavel_book::reference::ReferenceBook>(); })+
        }
    };
}
pub(crate) use both;
