//! Commands of a case as records of a log.
//!
//! Inputs -> outputs: commands, and the orders that live -> records, stamped.
//! Invariants: an account of the case is a session and an account of the machine; an id is a
//! ClOrdID. An id that is live is sent by its owner's session, whoever the case says sends it: ids
//! of a case are the venue's, and the machine looks for names within a session only.
//! Limits: what a case can say and the machine cannot stands at the functions below.
//! Not here: reports (events.rs).

mod steering;

use super::parse::{AmendCase, CaseSide, CaseStp, CaseTif, Command as Asked, NewCase};
use gavel_contract::SymbolSpec;
use gavel_types::{
    Account, CancelOrder, ClOrdId, Command, Index, LogRecord, Nanos, NewOrder, OrdType, OrderId,
    Price, Qty, ReduceOrder, ReplaceOrder, SeqNo, SessionSlot, Side, Stamp, StpInstruction,
    SymbolId, Term, TimeInForce, TradingPhase, exec_inst,
};
use std::collections::HashMap;

/// The one symbol.
pub(super) const SYMBOL: SymbolId = SymbolId(1);
/// Lowest price of it.
pub(super) const PRICE_MIN: Price = Price(1);
/// Highest price of it.
pub(super) const PRICE_MAX: Price = Price(i64::MAX - 1);

/// Whoever steers the venue.
const STEERING: SessionSlot = SessionSlot(0);

/// One live order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    /// Whose it is.
    pub(super) session: SessionSlot,
    pub(super) side: Side,
    pub(super) time_in_force: TimeInForce,
    /// A stop order stays one until it triggers.
    pub(super) ord_type: OrdType,
    pub(super) open: u64,
    pub(super) filled: u64,
}

impl Live {
    pub(super) fn is_fill_or_kill(&self) -> bool {
        self.time_in_force == TimeInForce::Fok
    }
}

/// What the adapter knows of the orders, from what it asked for and the reports.
#[derive(Debug)]
pub(super) struct Adapter {
    /// The symbol as it is.
    pub(super) spec: SymbolSpec,
    /// What the last command would make of it.
    pub(super) defining: Option<SymbolSpec>,
    /// Account of each session, from slot 1 on.
    accounts: Vec<u32>,
    pub(super) live: HashMap<u64, Live>,
    /// The order that the last command would enter.
    pub(super) entering: Option<Live>,
    stamp: Stamp,
}

/// How the machine is to name an order, and what it is.
struct Named {
    session: SessionSlot,
    order: Live,
}

impl Adapter {
    pub(super) fn new(spec: SymbolSpec) -> Self {
        let (accounts, live) = (Vec::new(), HashMap::new());
        let stamp = Stamp::default();
        Self { spec, defining: None, accounts, live, entering: None, stamp }
    }

    /// The symbol trades from here on.
    pub(super) fn opening(&mut self) -> LogRecord {
        let command = steering::phase(TradingPhase::Continuous, None);
        self.stamped(command)
    }

    /// The record that a command becomes.
    pub(super) fn record(&mut self, asked: &Asked) -> LogRecord {
        (self.entering, self.defining) = (None, None);
        let command = match *asked {
            Asked::New(ref new) => self.new_order(new),
            Asked::Budget { id, side, qty, budget, account } => {
                self.budget(id, side, qty, budget, account)
            }
            Asked::Cancel { id, account } => self.cancel(id, account),
            Asked::Reduce { id, by, account } => self.reduce(id, by, account),
            Asked::Move { id, price, account } => {
                let named = self.named(id, account);
                let qty = named.order.filled + named.order.open;
                replace(id, &named, qty, price, exec_inst::REQUEUE)
            }
            Asked::Replace { id, qty, price, account } => {
                let named = self.named(id, account);
                // The case counts what is open, FIX what has filled too. Nothing, or less, is a
                // replace to what has filled.
                let qty = named.order.filled + quantity(qty).0;
                replace(id, &named, qty, price, 0)
            }
            Asked::Time(time) => {
                self.stamp.time = self.stamp.time.max(Nanos(time));
                Command::tick()
            }
            Asked::Amend(ref amend) => self.amend(amend),
            Asked::Steer(ref steering) => self.steer(steering),
        };
        self.stamped(command)
    }

    fn new_order(&mut self, new: &NewCase) -> Command {
        let new = &self.without_what_means_nothing(new);
        let (ord_type, price) = type_and_price(new);
        let time_in_force = time_in_force(new);
        let session = self.sender(new.id, new.account);
        let side = side(new.side);
        let order = NewOrder {
            cl_ord_id: ClOrdId(new.id),
            price,
            qty: quantity(new.qty),
            min_qty: quantity(new.min.unwrap_or(0)),
            display_qty: quantity(new.show.unwrap_or(0)),
            stop_px: new.stop.map_or(Price::NULL, Price),
            expire_time: Nanos(new.expires.unwrap_or(0)),
            stp_id: 0,
            symbol: SYMBOL,
            account: Account(new.account),
            side,
            ord_type,
            time_in_force,
            stp: match new.stp {
                None => StpInstruction::Allow,
                Some(CaseStp::Oldest) => StpInstruction::CancelResting,
                Some(CaseStp::Newest) => StpInstruction::CancelAggressor,
                Some(CaseStp::Both) => StpInstruction::CancelBoth,
                Some(CaseStp::Decrement) => StpInstruction::Decrement,
            },
            exec_inst: exec_inst(new),
            reserved: [0; 3],
            budget: 0,
        };
        self.entering =
            Some(Live { session, side, time_in_force, ord_type, open: order.qty.0, filled: 0 });
        Command::new_order(session, SeqNo(0), &order)
    }

    /// To a case, what never rests has nothing to show, and what never waits no time to end at. One
    /// that is too late is sent as one that waits: it is refused as late.
    fn without_what_means_nothing(&self, new: &NewCase) -> NewCase {
        let mut new = new.clone();
        let is_immediate = matches!(new.tif, CaseTif::Ioc | CaseTif::Fok);
        if is_immediate || new.price.is_none() {
            new.show = None;
        }
        let waits_for_all = new.is_all_or_none && !is_immediate;
        if new.stop.is_none() && (is_immediate || new.price.is_none() && !waits_for_all) {
            new.expires = new.expires.filter(|&time| time <= self.stamp.time.0);
            if new.expires.is_some() {
                new.tif = CaseTif::Gtc;
                new.price = new.price.or(Some(furthest(new.side).0));
            }
        }
        new
    }

    /// A budget of 0 is none to the machine, so the smallest is 1: what a buy of 1 at a price of 1
    /// costs, which the case would refuse.
    fn budget(&mut self, id: u64, of: CaseSide, qty: i64, budget: i64, account: u32) -> Command {
        let session = self.sender(id, account);
        let (side, ord_type, time_in_force) = (side(of), OrdType::Market, TimeInForce::Fok);
        let order = NewOrder {
            cl_ord_id: ClOrdId(id),
            price: Price::NULL,
            qty: quantity(qty),
            min_qty: Qty(0),
            display_qty: Qty(0),
            stop_px: Price::NULL,
            expire_time: Nanos(0),
            stp_id: 0,
            symbol: SYMBOL,
            account: Account(account),
            side,
            ord_type,
            time_in_force,
            stp: StpInstruction::Allow,
            exec_inst: 0,
            reserved: [0; 3],
            budget: quantity(budget).0.max(1),
        };
        self.entering =
            Some(Live { session, side, time_in_force, ord_type, open: order.qty.0, filled: 0 });
        Command::new_order(session, SeqNo(0), &order)
    }

    fn cancel(&mut self, id: u64, account: Option<u32>) -> Command {
        let Named { session, order } = self.named(id, account);
        let cancel = CancelOrder {
            cl_ord_id: ClOrdId(id),
            orig_cl_ord_id: ClOrdId(id),
            order_id: OrderId(0),
            symbol: SYMBOL,
            side: order.side,
            reserved: [0; 3],
        };
        Command::cancel(session, SeqNo(0), &cancel)
    }

    fn reduce(&mut self, id: u64, by: i64, account: Option<u32>) -> Command {
        let Named { session, order } = self.named(id, account);
        let reduce = ReduceOrder {
            cl_ord_id: ClOrdId(id),
            orig_cl_ord_id: ClOrdId(id),
            order_id: OrderId(0),
            by: quantity(by),
            symbol: SYMBOL,
            side: order.side,
            reserved: [0; 3],
        };
        Command::reduce(session, SeqNo(0), &reduce)
    }

    /// What is not said stays. A total of less than nothing is nothing.
    fn amend(&mut self, amend: &AmendCase) -> Command {
        let named = self.named(amend.id, amend.account);
        let flags = if amend.is_requeued { exec_inst::REQUEUE } else { 0 };
        let time_in_force = match amend.tif {
            None => replace_body(amend.id, &named, 0, 0).time_in_force,
            Some(CaseTif::Gtc) => TimeInForce::Gtc,
            Some(CaseTif::Day) => TimeInForce::Day,
            Some(CaseTif::Ioc) => TimeInForce::Ioc,
            Some(CaseTif::Fok) => TimeInForce::Fok,
        };
        let price = amend.price.map_or(Price::NULL, Price);
        let stop_px = Price(amend.stop.unwrap_or(0));
        let body = ReplaceOrder {
            price,
            stop_px,
            time_in_force,
            ..replace_body(amend.id, &named, quantity(amend.total).0, flags)
        };
        Command::replace(named.session, SeqNo(0), &body)
    }

    /// The order of this id, and who asks for something to be done to it. Of an order that is not
    /// live, or not the asker's, whatever is said makes the machine look for it in vain.
    fn named(&mut self, id: u64, account: Option<u32>) -> Named {
        let live = self.live.get(&id).copied();
        let session = match (account, live) {
            (Some(account), _) => self.session(account),
            (None, Some(order)) => order.session,
            (None, None) => self.session(1),
        };
        let nothing = Live {
            session,
            side: Side::Buy,
            time_in_force: TimeInForce::Gtc,
            ord_type: OrdType::Limit,
            open: 1,
            filled: 0,
        };
        Named { session, order: live.unwrap_or(nothing) }
    }

    /// Who sends a new order.
    fn sender(&mut self, id: u64, account: u32) -> SessionSlot {
        let owner = self.live.get(&id).map(|order| order.session);
        owner.unwrap_or_else(|| self.session(account))
    }

    fn session(&mut self, account: u32) -> SessionSlot {
        let known = self.accounts.iter().position(|&known| known == account);
        let at = known.unwrap_or_else(|| {
            self.accounts.push(account);
            self.accounts.len() - 1
        });
        SessionSlot(STEERING.0 + 1 + at as u32)
    }

    fn stamped(&mut self, command: Command) -> LogRecord {
        self.stamp.index = Index(self.stamp.index.0 + 1);
        self.stamp.term = Term(1);
        LogRecord { stamp: self.stamp, command }
    }
}

/// Less than nothing is nothing.
fn quantity(qty: i64) -> Qty {
    Qty(u64::try_from(qty).unwrap_or(0))
}

fn side(side: CaseSide) -> Side {
    match side {
        CaseSide::Buy => Side::Buy,
        CaseSide::Sell => Side::Sell,
    }
}

fn furthest(side: CaseSide) -> Price {
    match side {
        CaseSide::Buy => PRICE_MAX,
        CaseSide::Sell => PRICE_MIN,
    }
}

/// An order at any price that waits, until all of it can trade, is one at the furthest price: a
/// market order never waits.
fn type_and_price(new: &NewCase) -> (OrdType, Price) {
    let waits_for_all = new.is_all_or_none && matches!(new.tif, CaseTif::Gtc | CaseTif::Day);
    match (new.price, new.stop) {
        (Some(price), None) => (OrdType::Limit, Price(price).min(PRICE_MAX)),
        (Some(price), Some(_)) => (OrdType::StopLimit, Price(price).min(PRICE_MAX)),
        (None, None) if waits_for_all => (OrdType::Limit, furthest(new.side)),
        (None, None) => (OrdType::Market, Price::NULL),
        (None, Some(_)) => (OrdType::Stop, Price::NULL),
    }
}

/// All or none, and at once: fill or kill.
fn time_in_force(new: &NewCase) -> TimeInForce {
    match new.tif {
        CaseTif::Ioc if new.is_all_or_none => TimeInForce::Fok,
        CaseTif::Ioc => TimeInForce::Ioc,
        CaseTif::Fok => TimeInForce::Fok,
        CaseTif::Gtc | CaseTif::Day if new.expires.is_some() => TimeInForce::Gtd,
        CaseTif::Gtc => TimeInForce::Gtc,
        CaseTif::Day => TimeInForce::Day,
    }
}

fn exec_inst(new: &NewCase) -> u8 {
    let waits_for_all = new.is_all_or_none && matches!(new.tif, CaseTif::Gtc | CaseTif::Day);
    let post_only = if new.is_post_only { exec_inst::POST_ONLY } else { 0 };
    let slides = if new.is_sliding { exec_inst::POST_ONLY_SLIDE } else { 0 };
    let all_or_none = if waits_for_all { exec_inst::ALL_OR_NONE } else { 0 };
    post_only | slides | all_or_none
}

/// What a case calls the price of a stop order without one is its stop price.
fn replace(id: u64, named: &Named, qty: u64, price: i64, exec_inst: u8) -> Command {
    let price = Price(price).min(PRICE_MAX);
    let (price, stop_px) = match named.order.ord_type {
        OrdType::Stop => (Price::NULL, price),
        _ => (price, Price(0)),
    };
    let body = ReplaceOrder { price, stop_px, ..replace_body(id, named, qty, exec_inst) };
    Command::replace(named.session, SeqNo(0), &body)
}

/// A replace that leaves the time in force as it is, without prices.
fn replace_body(id: u64, named: &Named, qty: u64, exec_inst: u8) -> ReplaceOrder {
    ReplaceOrder {
        cl_ord_id: ClOrdId(id),
        orig_cl_ord_id: ClOrdId(id),
        order_id: OrderId(0),
        price: Price::NULL,
        qty: Qty(qty),
        symbol: SYMBOL,
        side: named.order.side,
        time_in_force: match named.order.time_in_force {
            // A replace cannot ask for what ends at once, of an order that still waits.
            TimeInForce::Ioc | TimeInForce::Fok => TimeInForce::Gtc,
            waits => waits,
        },
        exec_inst,
        reserved: 0,
        stop_px: Price(0),
    }
}
