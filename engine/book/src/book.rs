//! The fast machine: its state, and the way of a record to the rule that answers it.
//!
//! Inputs -> outputs: [`LogRecord`] -> reports.
//! Invariants: those of the crate; a paused record is finished before another one enters.
//! Limits: all in [`BookPlan`]; everything is allocated by [`Book::new`].
//! Not here: the rules themselves (entry.rs, cancel.rs, replace.rs, matching.rs, mass.rs,
//! status.rs, depth.rs), the form in which the state is saved (state.rs).

use crate::digest::{LiveOrder, StateDigest};
use crate::ladder::Ladder;
use crate::levels::Levels;
use crate::mass::MassCancel;
use crate::matching::Sweep;
use crate::names::Names;
use crate::orders::{Order, Orders};
use crate::owners::Owners;
use crate::reports::{Counters, Emit, Shown};
use alloc::vec::Vec;
use gavel_contract::{
    BadState, BookPlan, Machine, Outbox, Progress, StateSink, StateSource, SymbolSpec,
};
use gavel_types::{
    Body, CancelReason, ClOrdId, LogRecord, OrderId, Price, Qty, SessionSlot, Side, Stamp, SymbolId,
};

/// The limits of one symbol, without its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) symbol: SymbolId,
    pub(crate) tick: i64,
    pub(crate) lot: u64,
    pub(crate) price_min: i64,
    pub(crate) price_max: i64,
    pub(crate) qty_max: u64,
}

impl Rules {
    fn new(spec: &SymbolSpec, orders_max: u32) -> Self {
        assert!(spec.tick >= Price(1) && spec.lot >= Qty(1), "a tick and a lot are at least 1");
        assert!(spec.price_min >= Price(1), "the lowest price is above 0");
        assert!(spec.price_max < Price::NULL, "the highest price is not the null price");
        // The sum of a level, and of a side, fits in a Qty.
        assert!(
            spec.qty_max.0.checked_mul(u64::from(orders_max)).is_some(),
            "qty_max * orders_max fits in 64 bits"
        );
        Self {
            symbol: spec.symbol,
            tick: spec.tick.0,
            lot: spec.lot.0,
            price_min: spec.price_min.0,
            price_max: spec.price_max.0,
            qty_max: spec.qty_max.0,
        }
    }

    #[inline]
    pub(crate) fn is_legal_price(&self, price: Price) -> bool {
        (self.price_min..=self.price_max).contains(&price.0) && price.0 % self.tick == 0
    }

    /// 0 is legal here: what it means is the caller's to say.
    #[inline]
    pub(crate) fn is_legal_qty(&self, qty: Qty) -> bool {
        qty.0 <= self.qty_max && qty.0.is_multiple_of(self.lot)
    }
}

/// The book of one symbol.
#[derive(Debug)]
pub(crate) struct SymbolBook {
    pub(crate) rules: Rules,
    bids: Ladder,
    asks: Ladder,
}

impl SymbolBook {
    #[inline]
    pub(crate) fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    #[inline]
    pub(crate) fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}

/// What a record is in the middle of.
#[derive(Clone, Copy, Debug)]
enum Task {
    Sweep(Sweep),
    MassCancel(MassCancel),
}

/// Machine #1, fast.
#[derive(Debug)]
pub struct Book {
    /// Ascending; at the same places as `books`.
    pub(crate) symbols: Vec<SymbolId>,
    pub(crate) books: Vec<SymbolBook>,
    /// Most levels of a side.
    pub(crate) levels_max: u32,
    pub(crate) levels: Levels,
    pub(crate) orders: Orders,
    pub(crate) names: Names,
    pub(crate) owners: Owners,
    pub(crate) counters: Counters,
    paused: Option<(Stamp, Task)>,
}

impl Book {
    /// Takes all the memory that the machine will ever use.
    ///
    /// # Panics
    /// If the plan is not valid: symbols ascend strictly; ticks, lots and lowest prices are at
    /// least 1; the highest price is below [`Price::NULL`]; `qty_max * orders_max` fits in 64 bits.
    #[must_use]
    pub fn new(plan: &BookPlan) -> Self {
        let ascend = plan.symbols.windows(2).all(|pair| pair[0].symbol < pair[1].symbol);
        assert!(ascend, "symbols ascend strictly");
        let book = |spec: &SymbolSpec| SymbolBook {
            rules: Rules::new(spec, plan.orders_max),
            bids: Ladder::new(Side::Buy, plan.levels_max, plan.orders_max),
            asks: Ladder::new(Side::Sell, plan.levels_max, plan.orders_max),
        };
        Self {
            symbols: plan.symbols.iter().map(|spec| spec.symbol).collect(),
            books: plan.symbols.iter().map(book).collect(),
            levels_max: plan.levels_max,
            levels: Levels::new(plan.orders_max),
            orders: Orders::new(plan.orders_max),
            names: Names::new(plan.orders_max),
            owners: Owners::new(plan.orders_max, plan.sessions_max),
            counters: Counters::default(),
            paused: None,
        }
    }

    /// Shows every live order in canonical order: symbols ascending; of each, bids then asks; of
    /// each, best price first; at each price, the order in which they trade.
    ///
    /// # Panics
    /// If a record is paused: the aggressor is nowhere then.
    pub fn for_each_live(&self, mut show: impl FnMut(&LiveOrder)) {
        assert!(self.paused.is_none(), "live orders are shown between records");
        let sides = self.books.iter().flat_map(|book| [(book, Side::Buy), (book, Side::Sell)]);
        for (book, side) in sides {
            let levels = book.ladder(side).best_first();
            for slot in levels.flat_map(|level| self.levels.queue(&self.orders, level)) {
                let order = self.orders.order(slot);
                show(&LiveOrder {
                    session: order.session,
                    symbol: book.rules.symbol,
                    cl_ord_id: order.cl_ord_id,
                    price: order.price,
                    leaves_qty: order.leaves,
                    cum_qty: order.cum(),
                    side,
                });
            }
        }
    }

    /// Place of a symbol's book.
    #[inline]
    pub(crate) fn book_of(&self, symbol: SymbolId) -> Option<usize> {
        self.symbols.binary_search(&symbol).ok()
    }

    /// The live order of this session that a cancel or replace names.
    #[inline]
    pub(crate) fn named(
        &self,
        session: SessionSlot,
        order_id: OrderId,
        orig_cl_ord_id: ClOrdId,
    ) -> Option<u32> {
        if order_id == OrderId(0) {
            return self.names.find(session, orig_cl_ord_id);
        }
        self.orders.find(order_id).filter(|&slot| self.orders.order(slot).session == session)
    }

    /// An order as reports show it.
    #[inline]
    pub(crate) fn shown(&self, slot: u32) -> Shown<'_> {
        let order = self.orders.order(slot);
        let symbol = self.symbols[order.book as usize];
        Shown { order, id: self.orders.id(slot), symbol }
    }

    /// Puts an order at the end of the queue at its price.
    #[inline]
    pub(crate) fn rest(&mut self, slot: u32) {
        let order = *self.orders.order(slot);
        let ladder = self.books[order.book as usize].ladder_mut(order.side);
        let level = ladder.find(order.price).unwrap_or_else(|| {
            let level = self.levels.take(order.price);
            ladder.insert(order.price, level);
            level
        });
        self.levels.append(&mut self.orders, level, slot);
    }

    /// Takes an order out of its queue, and its level with it if it was the last.
    #[inline]
    pub(crate) fn unrest(&mut self, slot: u32) {
        let (level, emptied) = self.levels.unlink(&mut self.orders, slot);
        if emptied {
            let order = self.orders.order(slot);
            let price = self.levels.level(level).price;
            self.books[order.book as usize].ladder_mut(order.side).remove(price);
            self.levels.release(level);
        }
    }

    /// Makes an order live, at no level yet.
    #[inline]
    pub(crate) fn begin(&mut self, order: Order) -> u32 {
        let slot = self.orders.take(order);
        self.names.insert(order.session, order.cl_ord_id, slot);
        self.owners.append(order.session, slot);
        slot
    }

    /// Forgets an order that rests nowhere any more.
    #[inline]
    pub(crate) fn end(&mut self, slot: u32) {
        let order = self.orders.order(slot);
        self.names.remove(order.session, order.cl_ord_id);
        self.owners.remove(order.session, slot);
        self.orders.release(slot);
    }

    /// Sweeps until the sweep is done or pauses.
    fn run_sweep(&mut self, sweep: Option<Sweep>, emit: &mut Emit<'_, impl Outbox>) -> Progress {
        let Some(sweep) = sweep else { return Progress::Done };
        let progress = self.sweep(sweep, emit);
        if progress == Progress::Paused {
            self.paused = Some((emit.stamp(), Task::Sweep(sweep)));
        }
        progress
    }

    /// Cancels until the mass cancel is done or pauses.
    fn run_mass(&mut self, mass: Option<MassCancel>, emit: &mut Emit<'_, impl Outbox>) -> Progress {
        let Some(mut mass) = mass else { return Progress::Done };
        let progress = self.mass_cancel(&mut mass, emit);
        if progress == Progress::Paused {
            self.paused = Some((emit.stamp(), Task::MassCancel(mass)));
        }
        progress
    }

    /// True if nothing ever happened here.
    pub(crate) fn is_new(&self) -> bool {
        self.counters == Counters::default() && self.paused.is_none()
    }

    /// True between two records.
    pub(crate) fn is_between_records(&self) -> bool {
        self.paused.is_none()
    }
}

impl Machine for Book {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(self.paused.is_none(), "a paused record is finished before another one enters");
        let command = &record.command;
        let session = command.session;
        let body = command.parse().expect("what enters the log was checked when it was made");
        let mut counters = self.counters;
        let mut emit = Emit::begin(out, &mut counters, record.stamp);
        let progress = match body {
            Body::NewOrder(asked) => {
                let sweep = self.enter(session, asked, &mut emit);
                self.run_sweep(sweep, &mut emit)
            }
            Body::Cancel(asked) => {
                self.cancel(session, asked, &mut emit);
                Progress::Done
            }
            Body::Replace(asked) => {
                let sweep = self.replace(session, asked, &mut emit);
                self.run_sweep(sweep, &mut emit)
            }
            Body::MarketData(asked) => {
                self.market_data(command, asked, &mut emit);
                Progress::Done
            }
            Body::MassAction(asked) => {
                let mass = self.mass_action(session, asked, &mut emit);
                self.run_mass(mass, &mut emit)
            }
            Body::OrderStatus(asked) => {
                self.order_status(session, asked, &mut emit);
                Progress::Done
            }
            _ => return Progress::Done,
        };
        self.counters = counters;
        progress
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        let (stamp, task) = self.paused.take().expect("only a paused record is resumed");
        let mut counters = self.counters;
        let mut emit = Emit::resume(out, &mut counters, stamp);
        let progress = match task {
            Task::Sweep(sweep) => self.run_sweep(Some(sweep), &mut emit),
            Task::MassCancel(mass) => self.run_mass(Some(mass), &mut emit),
        };
        self.counters = counters;
        progress
    }

    fn expect(&self, records: &[LogRecord]) {
        self.fetch(records);
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        self.owners.count(session)
    }

    fn cancel_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        why: CancelReason,
        out: &mut impl Outbox,
    ) -> Progress {
        assert!(self.paused.is_none(), "a paused record is finished before another one enters");
        let mut counters = self.counters;
        let mut emit = Emit::resume(out, &mut counters, stamp);
        let mass = self.whole_session(session, why);
        let progress = self.run_mass(Some(mass), &mut emit);
        self.counters = counters;
        progress
    }

    fn save(&self, out: &mut impl StateSink) {
        crate::state::save(self, out);
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        crate::state::restore(self, from)
    }

    fn digest(&self, session_key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        let mut digest = StateDigest::new();
        self.for_each_live(|order| digest.order(order, session_key(order.session)));
        digest.finish()
    }

    fn memory_bytes(&self) -> usize {
        let ladders: usize =
            self.books.iter().map(|book| book.bids.memory_bytes() + book.asks.memory_bytes()).sum();
        size_of::<Self>()
            + self.symbols.capacity() * size_of::<SymbolId>()
            + self.books.capacity() * size_of::<SymbolBook>()
            + ladders
            + self.levels.memory_bytes()
            + self.orders.memory_bytes()
            + self.names.memory_bytes()
            + self.owners.memory_bytes()
    }
}
