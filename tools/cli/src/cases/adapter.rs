//! Commands of a case as records of a log.
//!
//! Inputs -> outputs: commands, and the orders that live -> records, stamped.
//! Invariants: an account of the case is a session and an account of the machine; an id is a
//! ClOrdID. An id that is live is sent by its owner's session, whoever the case says sends it: ids
//! of a case are the venue's, and the machine looks for names within a session only.
//! Limits: what a case can say and the machine cannot stands at the functions below.
//! Not here: reports (events.rs).

use super::parse::{CaseSide, CaseStp, CaseTif, Command as Asked, NewCase};
use gavel_types::{
    Account, BandAction, CancelOrder, ClOrdId, Command, Index, LogRecord, Nanos, NewOrder, OrdType,
    OrderId, Price, Qty, ReduceOrder, ReplaceOrder, SeqNo, SessionSlot, SetBands, SetPhase, Side,
    Stamp, StpInstruction, SymbolId, Term, TimeInForce, TradingPhase, exec_inst,
};
use std::collections::HashMap;

/// The one symbol.
pub(super) const SYMBOL: SymbolId = SymbolId(1);
/// Lowest price of it.
pub(super) const PRICE_MIN: Price = Price(1);
/// Highest price of it.
pub(super) const PRICE_MAX: Price = Price(i64::MAX - 1);

/// Whoever halts trading and sets bands.
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
#[derive(Debug, Default)]
pub(super) struct Adapter {
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
    /// The symbol trades from here on.
    pub(super) fn opening(&mut self) -> LogRecord {
        let command = phase(TradingPhase::Continuous);
        self.stamped(command)
    }

    /// The record that a command becomes.
    pub(super) fn record(&mut self, asked: &Asked) -> LogRecord {
        self.entering = None;
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
            Asked::Halt(true) => phase(TradingPhase::Halt),
            Asked::Halt(false) => phase(TradingPhase::Continuous),
            Asked::Band { low, high } => bands(low, high),
        };
        self.stamped(command)
    }

    fn new_order(&mut self, new: &NewCase) -> Command {
        let (ord_type, price) = type_and_price(new);
        let time_in_force = time_in_force(new);
        let session = self.sender(new.id, new.account);
        let side = side(new.side);
        let order = NewOrder {
            cl_ord_id: ClOrdId(new.id),
            price,
            qty: quantity(new.qty),
            min_qty: Qty(0),
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
            },
            exec_inst: exec_inst(new),
            reserved: [0; 3],
            budget: 0,
        };
        self.entering =
            Some(Live { session, side, time_in_force, ord_type, open: order.qty.0, filled: 0 });
        Command::new_order(session, SeqNo(0), &order)
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

/// An order at any price that waits, until all of it can trade or until it ends, is one at the
/// furthest price: a market order never waits, and a stop order without a price never expires.
fn type_and_price(new: &NewCase) -> (OrdType, Price) {
    let furthest = match new.side {
        CaseSide::Buy => PRICE_MAX,
        CaseSide::Sell => PRICE_MIN,
    };
    match (new.price, new.stop) {
        (Some(price), None) => (OrdType::Limit, Price(price).min(PRICE_MAX)),
        (Some(price), Some(_)) => (OrdType::StopLimit, Price(price).min(PRICE_MAX)),
        (None, None) if new.is_all_or_none && new.tif == CaseTif::Gtc => (OrdType::Limit, furthest),
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
        CaseTif::Gtc if new.expires.is_some() => TimeInForce::Gtd,
        CaseTif::Gtc => TimeInForce::Gtc,
    }
}

fn exec_inst(new: &NewCase) -> u8 {
    let waits_for_all = new.is_all_or_none && new.tif == CaseTif::Gtc;
    let post_only = if new.is_post_only { exec_inst::POST_ONLY } else { 0 };
    let all_or_none = if waits_for_all { exec_inst::ALL_OR_NONE } else { 0 };
    post_only | all_or_none
}

/// What a case calls the price of a stop order without one is its stop price.
fn replace(id: u64, named: &Named, qty: u64, price: i64, exec_inst: u8) -> Command {
    let Named { session, order } = *named;
    let price = Price(price).min(PRICE_MAX);
    let (price, stop_px) = match order.ord_type {
        OrdType::Stop => (Price::NULL, price),
        _ => (price, Price(0)),
    };
    let replace = ReplaceOrder {
        cl_ord_id: ClOrdId(id),
        orig_cl_ord_id: ClOrdId(id),
        order_id: OrderId(0),
        price,
        qty: Qty(qty),
        symbol: SYMBOL,
        side: order.side,
        time_in_force: match order.time_in_force {
            // A replace cannot ask for what ends at once, of an order that still waits.
            TimeInForce::Ioc | TimeInForce::Fok => TimeInForce::Gtc,
            waits => waits,
        },
        exec_inst,
        reserved: 0,
        stop_px,
    };
    Command::replace(session, SeqNo(0), &replace)
}

fn phase(phase: TradingPhase) -> Command {
    let (request_id, reference) = (1, Price::NULL);
    let body = SetPhase { request_id, reference, symbol: SYMBOL, phase, reserved: [0; 3] };
    Command::set_phase(STEERING, SeqNo(0), &body)
}

fn bands(low: Option<i64>, high: Option<i64>) -> Command {
    let body = SetBands {
        request_id: 1,
        low: Price(low.unwrap_or(0)),
        high: high.map_or(Price::NULL, Price),
        dynamic: Price(0),
        symbol: SYMBOL,
        action: BandAction::Reject,
        reserved: [0; 3],
    };
    Command::set_bands(STEERING, SeqNo(0), &body)
}
