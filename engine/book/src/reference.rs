//! The naive twin: the rules of RULES.md in the plainest form, for tests and simulation.
//!
//! Inputs -> outputs: the same as [`crate::Book`]'s, byte for byte; it makes no events.
//! Invariants: one list of live orders, in order of priority among equals, is the whole book; every
//! question is answered by looking through all of it. Everything that a record does is done at
//! once; only the reports wait for room.
//! Limits: as the plan says; time in proportion to the live orders; allocates as it goes.
//! Not here: any structure, any code of the fast book but the digest's row format.
//! Source: RULES.md, whose sentences the comments quote.

mod all_or_none;
mod auction;
mod cancel;
mod depth;
mod entry;
mod expiry;
mod kinds;
mod mass;
mod matching;
mod order;
mod phases;
mod reach;
mod replace;
mod reports;
mod risk;
mod room;
mod self_trade;
mod state;
mod steering;
mod stops;
mod symbols;
#[cfg(test)]
mod tests;
mod verify;

use crate::digest::{LiveOrder, StateDigest};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use gavel_contract::{BadState, BookPlan, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::{
    Account, Body, CancelReason, Command, CommandKind, Index, LogRecord, Nanos, Price, Qty, Report,
    SessionSlot, Side, Stamp, SymbolId, Term,
};
use order::Order;
use risk::Party;
use symbols::Symbol;

/// Machine #1, naive.
#[derive(Debug)]
pub struct ReferenceBook {
    plan: BookPlan,
    symbols: BTreeMap<SymbolId, Symbol>,
    /// Resting orders and stop orders that wait. Of two with one price on one ladder, the one that
    /// is earlier here comes first.
    live: Vec<Order>,
    /// The last one is taken first.
    free_slots: Vec<u32>,
    /// Next generation of each slot.
    generations: Vec<u32>,
    /// Those that a SetRisk or Kill named.
    sessions: BTreeMap<SessionSlot, Party>,
    /// Those that a SetRisk or Kill named.
    accounts: BTreeMap<Account, Party>,
    /// Net of each position that is counted.
    positions: BTreeMap<(Account, SymbolId), i128>,
    /// The venue's kill switch.
    killed: bool,
    entries: u64,
    execs: u64,
    matches: u64,
    mass_reports: u64,
    /// The book's time: that of the last record.
    now: Nanos,
    /// What reports carry.
    stamp: Stamp,
    /// Reports of the last record that had no room yet.
    pending: VecDeque<Report>,
}

impl ReferenceBook {
    /// A machine with nothing in it.
    #[must_use]
    pub fn new(plan: &BookPlan) -> Self {
        let symbols = plan.symbols.iter().map(|spec| (spec.symbol, Symbol::planned(spec)));
        Self {
            plan: plan.clone(),
            symbols: symbols.collect(),
            live: Vec::new(),
            free_slots: (0..plan.orders_max).rev().collect(),
            generations: alloc::vec![1; plan.orders_max as usize],
            sessions: BTreeMap::new(),
            accounts: BTreeMap::new(),
            positions: BTreeMap::new(),
            killed: false,
            entries: 0,
            execs: 0,
            matches: 0,
            mass_reports: 0,
            now: Nanos(0),
            stamp: Stamp { index: Index(0), term: Term(0), time: Nanos(0) },
            pending: VecDeque::new(),
        }
    }

    /// Shows every live order in the order in which [`crate::Book::for_each_live`] does.
    pub fn for_each_live(&self, mut show: impl FnMut(&LiveOrder)) {
        for &symbol in self.symbols.keys() {
            let ladders = [
                self.resting(symbol, Side::Buy),
                self.resting(symbol, Side::Sell),
                self.waiting(symbol, Side::Buy),
                self.waiting(symbol, Side::Sell),
            ];
            for order in ladders.iter().flatten().map(|&at| &self.live[at]) {
                show(&LiveOrder {
                    session: order.session,
                    symbol: order.symbol,
                    cl_ord_id: order.cl_ord_id,
                    price: order.price.unwrap_or(Price::NULL),
                    leaves_qty: Qty(order.open()),
                    cum_qty: Qty(order.cum),
                    hidden_qty: Qty(order.hidden),
                    stop_px: order.stop_px.unwrap_or(Price::NULL),
                    side: order.side,
                });
            }
        }
    }

    /// Places of the resting orders of a side: best price first, first in first out.
    fn resting(&self, symbol: SymbolId, side: Side) -> Vec<usize> {
        let is_meant = |o: &Order| o.symbol == symbol && o.side == side && !o.is_stop();
        let mut places: Vec<usize> =
            (0..self.live.len()).filter(|&at| is_meant(&self.live[at])).collect();
        // A stable sort: among equals, the list's order is the queue's.
        places.sort_by_key(|&at| {
            let price = self.live[at].resting_price().0;
            if side == Side::Buy { -price } else { price }
        });
        places
    }

    /// Best price of a side, all-or-none orders included.
    fn best(&self, symbol: SymbolId, side: Side) -> Option<Price> {
        self.resting(symbol, side).first().map(|&at| self.live[at].resting_price())
    }

    fn symbol(&self, symbol: SymbolId) -> &Symbol {
        self.symbols.get(&symbol).expect("a symbol that has been found stays")
    }

    fn symbol_mut(&mut self, symbol: SymbolId) -> &mut Symbol {
        self.symbols.get_mut(&symbol).expect("a symbol that has been found stays")
    }

    /// The record itself, after what was due.
    fn act(&mut self, command: &Command, body: &Body<'_>) {
        let session = command.session;
        match body {
            Body::NewOrder(asked) => self.new_order(session, asked),
            Body::Cancel(asked) => self.cancel(session, asked),
            Body::Replace(asked) => self.replace(session, asked),
            Body::Reduce(asked) => self.reduce(session, asked),
            Body::MarketData(asked) => self.market_data(session, command.client_seq, asked),
            Body::MassAction(asked) => self.mass_action(session, asked),
            Body::OrderStatus(asked) => self.order_status(session, asked),
            Body::DefineSymbol(asked) => self.define_symbol(session, asked),
            Body::SetPhase(asked) => self.set_phase(session, asked),
            Body::SetBands(asked) => self.set_bands(session, asked),
            Body::SetRisk(asked) => self.set_risk(session, asked),
            Body::Kill(asked) => self.kill(session, asked),
            _ => {}
        }
    }

    fn deliver(&mut self, out: &mut impl Outbox) -> Progress {
        while out.free() > 0 {
            let Some(report) = self.pending.pop_front() else { return Progress::Done };
            out.push(report);
        }
        if self.pending.is_empty() { Progress::Done } else { Progress::Paused }
    }
}

/// Symbol of the record, if it has one: stops are elected there.
fn symbol_of(body: &Body<'_>) -> Option<SymbolId> {
    match body {
        Body::NewOrder(asked) => Some(asked.symbol),
        Body::Cancel(asked) => Some(asked.symbol),
        Body::Replace(asked) => Some(asked.symbol),
        Body::Reduce(asked) => Some(asked.symbol),
        Body::MarketData(asked) => Some(asked.symbol),
        Body::OrderStatus(asked) => Some(asked.symbol),
        Body::DefineSymbol(asked) => Some(asked.symbol),
        Body::SetPhase(asked) => Some(asked.symbol),
        Body::SetBands(asked) => Some(asked.symbol),
        _ => None,
    }
}

impl Machine for ReferenceBook {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(self.pending.is_empty(), "a paused record is finished before another one enters");
        self.stamp = record.stamp;
        self.now = record.stamp.time;
        self.expire();
        // A record whose kind is not known does no more.
        if CommandKind::from_code(record.command.kind).is_some() {
            let body = record.command.parse();
            let body = body.expect("what enters the log was checked when it was made");
            self.act(&record.command, &body);
            if let Some(symbol) = symbol_of(&body) {
                self.elect_stops(symbol);
            }
        }
        self.deliver(out)
    }

    fn advance(&mut self, stamp: Stamp, out: &mut impl Outbox) -> Progress {
        assert!(self.pending.is_empty(), "a paused record is finished before another one enters");
        self.stamp = stamp;
        self.now = stamp.time;
        self.expire();
        self.deliver(out)
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        assert!(!self.pending.is_empty(), "only a paused record is resumed");
        self.deliver(out)
    }

    fn due(&self) -> Nanos {
        self.next_expiry()
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        self.live.iter().filter(|order| order.session == session).count() as u32
    }

    fn cancel_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        why: CancelReason,
        out: &mut impl Outbox,
    ) -> Progress {
        assert!(self.pending.is_empty(), "a paused record is finished before another one enters");
        // It is part of a record, which has moved the time already.
        self.stamp = stamp;
        self.cancel_all(session, why, None, |_| true);
        self.deliver(out)
    }

    fn save(&self, out: &mut impl StateSink) {
        self.save_state(out);
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        self.restore_state(from)
    }

    fn digest(&self, session_key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        let mut digest = StateDigest::new();
        self.for_each_live(|order| digest.order(order, session_key(order.session)));
        digest.finish()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.live.capacity() * size_of::<Order>()
            + self.symbols.len() * size_of::<Symbol>()
            + (self.sessions.len() + self.accounts.len()) * size_of::<Party>()
            + self.positions.len() * size_of::<((Account, SymbolId), i128)>()
            + (self.free_slots.capacity() + self.generations.capacity()) * size_of::<u32>()
            + self.pending.capacity() * size_of::<Report>()
    }
}

/// A check: the reason is why it does not hold.
fn ensure<R>(holds: bool, reason: R) -> Result<(), R> {
    if holds { Ok(()) } else { Err(reason) }
}

/// 10^scale, for a scale of at most 18.
fn ten_to(scale: u8) -> u128 {
    10_u128.pow(scale.into())
}
