//! The fast machine: its state, and the way of a record to the rule that answers it.
//!
//! Inputs -> outputs: [`LogRecord`] -> reports and events.
//! Invariants: those of the crate; a paused record is finished before another one enters.
//! Limits: all in [`BookPlan`]; everything is allocated by [`Book::new`].
//! Not here: the rules themselves (a file each), the form in which the state is saved (state.rs),
//! where orders live and how they end (life.rs).

use crate::chance::Chance;
use crate::digest::{LiveOrder, StateDigest};
use crate::fetch::Pays;
use crate::levels::Levels;
use crate::mass::MassCancel;
use crate::matching::Sweep;
use crate::names::Names;
use crate::orders::{NIL, Orders, flag};
use crate::owners::Owners;
use crate::pages::Pages;
use crate::partners::Row;
use crate::phases::Leaving;
use crate::reports::{Counters, Emit, Shown};
use crate::risk::Risk;
use crate::symbol::{Places, Rules, SymbolBook, book_of, ladder_of, resting, waiting};
use crate::timers::Timers;
use alloc::vec::Vec;
use gavel_contract::{
    BadState, BookPlan, Conventions, Machine, Outbox, Progress, StateSink, StateSource, SymbolSpec,
};
use gavel_types::limits::BURST;
use gavel_types::{
    Body, CancelReason, ClOrdId, LogRecord, Nanos, OrderId, Price, SessionSlot, Stamp, SymbolId,
    TradingPhase,
};

/// What a record is in the middle of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// The record itself: what was due before it has ended.
    Begin,
    /// An aggressor trades.
    Sweep(Sweep),
    /// An all-or-none aggressor trades with the partners that it found.
    Row(Row),
    /// All-or-none orders try again after an order of the other side came to rest.
    Chance(Chance),
    /// Many orders of a session, or of all, end.
    MassCancel(MassCancel),
    /// A symbol moves to another phase.
    Leaving(Leaving),
    /// Stop orders of a symbol are elected.
    Elect(u32),
    /// Everybody is told what the best prices are.
    Tell,
}

/// How a step of a task ended. What goes on is in the book: most records are done at once, and a
/// task is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// There was no room, or it was long enough: [`Book::task`] is where to go on.
    Paused,
    /// [`Book::task`] comes next.
    Then,
    /// That was all.
    Done,
}

/// Machine #1, fast.
#[derive(Debug)]
pub struct Book {
    /// In the order in which they were defined.
    pub(crate) books: Vec<SymbolBook>,
    pub(crate) places: Places,
    /// Most levels of a ladder.
    pub(crate) levels_max: u32,
    pub(crate) conventions: Conventions,
    pub(crate) pages: Pages,
    pub(crate) levels: Levels,
    pub(crate) orders: Orders,
    pub(crate) names: Names,
    pub(crate) owners: Owners,
    pub(crate) timers: Timers,
    pub(crate) risk: Risk,
    pub(crate) counters: Counters,
    /// Entries of orders that expire.
    pub(crate) entries: u64,
    /// Time of the last record.
    pub(crate) now: Nanos,
    /// Books whose best prices may have changed in this record, if anybody is told.
    pub(crate) touched: Vec<u32>,
    pub(crate) pays: Pays,
    /// What comes next in the record that is applied.
    task: Task,
    /// Where and when the record that paused was.
    paused: Option<Stamp>,
    /// The record that waits until what was due before it has ended.
    held: Option<LogRecord>,
}

impl Book {
    /// Takes all the memory that the machine will ever use.
    ///
    /// # Panics
    /// If the plan is not valid: symbols ascend strictly and are no more than `symbols_max`; each
    /// is one that a DefineSymbol command could define.
    #[must_use]
    pub fn new(plan: &BookPlan) -> Self {
        let ascend = plan.symbols.windows(2).all(|pair| pair[0].symbol < pair[1].symbol);
        assert!(ascend, "symbols ascend strictly");
        let symbols_max = plan.symbols_max.max(plan.symbols.len() as u32);
        let mut book = Self {
            books: Vec::with_capacity(symbols_max as usize),
            places: Places::new(symbols_max),
            levels_max: plan.levels_max,
            conventions: plan.conventions,
            pages: Pages::new(plan.pages_max),
            levels: Levels::new(plan.orders_max),
            orders: Orders::new(plan.orders_max),
            names: Names::new(plan.orders_max),
            owners: Owners::new(plan.orders_max, plan.sessions_max),
            timers: Timers::new(plan.orders_max),
            risk: Risk::new(plan.sessions_max, plan.accounts_max, plan.positions_max),
            counters: Counters::default(),
            entries: 0,
            now: Nanos(0),
            touched: Vec::with_capacity(symbols_max as usize),
            pays: Pays::MEASURED,
            task: Task::Tell,
            paused: None,
            held: None,
        };
        for spec in &plan.symbols {
            book.define_planned(spec);
        }
        book
    }

    fn define_planned(&mut self, spec: &SymbolSpec) {
        let rules = Rules::new(&Rules::definition(spec), self.orders.capacity());
        let rules = rules.expect("a planned symbol does not contradict itself");
        self.add_symbol(rules, TradingPhase::Continuous);
    }

    /// Adds a symbol; there is room.
    pub(crate) fn add_symbol(&mut self, rules: Rules, phase: TradingPhase) {
        self.places.insert(rules.symbol, self.books.len() as u32);
        self.books.push(SymbolBook::new(rules, phase));
    }

    /// Places of all books, symbols ascending.
    pub(crate) fn by_symbol(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0..self.books.len() as u32).collect();
        places.sort_unstable_by_key(|&place| self.books[place as usize].rules.symbol);
        places
    }

    /// Shows every live order in canonical order: symbols ascending; of each, bids, asks, stops of
    /// buys, stops of sales; of each, the first level first; of each, the order in which they
    /// trade.
    ///
    /// # Panics
    /// If a record is paused: the aggressor is nowhere then.
    pub fn for_each_live(&self, mut show: impl FnMut(&LiveOrder)) {
        assert!(self.paused.is_none(), "live orders are shown between records");
        for place in self.by_symbol() {
            for ladder in 0..4 {
                self.for_each_in(place, ladder, |slot| show(&self.live_order(slot)));
            }
        }
    }

    fn live_order(&self, slot: u32) -> LiveOrder {
        let order = self.orders.order(slot);
        let stop_px =
            if order.is(flag::WAITS) { self.orders.extra(slot).stop_px } else { Price::NULL };
        LiveOrder {
            session: order.session,
            symbol: self.books[order.book as usize].rules.symbol,
            cl_ord_id: order.cl_ord_id,
            price: order.price,
            leaves_qty: self.orders.open(slot),
            cum_qty: self.orders.cum(slot),
            hidden_qty: self.orders.hidden(slot),
            stop_px,
            side: order.side,
        }
    }

    /// Shows the slots of a ladder, the first level first, first in first out.
    pub(crate) fn for_each_in(&self, place: u32, ladder: usize, mut show: impl FnMut(u32)) {
        let ladder = &self.books[place as usize].ladders[ladder];
        let mut level = ladder.first();
        while let Some(id) = level {
            self.levels.queue(&self.orders, id).for_each(&mut show);
            level = ladder.after(&self.pages, self.levels.level(id).ticks);
        }
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
            return self.names.find(&self.orders, session, orig_cl_ord_id);
        }
        self.orders.find(order_id).filter(|&slot| self.orders.order(slot).session == session)
    }

    /// An order as reports show it.
    #[inline]
    pub(crate) fn shown(&self, slot: u32) -> Shown<'_> {
        let order = self.orders.order(slot);
        let symbol = self.books[order.book as usize].rules.symbol;
        Shown { order, id: self.orders.id(slot), symbol, open: self.orders.open(slot) }
    }

    /// The first order of a side that rests, or of the stops of a side that wait.
    #[inline]
    pub(crate) fn first_in(&self, place: u32, ladder: u32) -> u32 {
        let first = self.books[place as usize].ladders[ladder as usize].first();
        first.map_or(NIL, |level| self.levels.level(level).head)
    }

    /// The order that comes after one that rests: behind it in its queue, else the first at the
    /// next price. NIL if it is the last.
    #[inline]
    pub(crate) fn following(&self, slot: u32) -> u32 {
        let node = self.orders.node(slot);
        if node.next != NIL {
            return node.next;
        }
        let level = self.levels.level(node.level);
        let ladder = &self.books[book_of(level.ladder)].ladders[ladder_of(level.ladder)];
        let after = ladder.after(&self.pages, level.ticks);
        after.map_or(NIL, |level| self.levels.level(level).head)
    }

    /// Ladder of an order: where it rests, or waits.
    #[inline]
    pub(crate) fn ladder_of(&self, slot: u32) -> u32 {
        let order = self.orders.order(slot);
        if order.is(flag::WAITS) { waiting(order.side) } else { resting(order.side) }
    }

    /// True if a symbol's stop orders may be elected, or all-or-none orders may trade.
    #[inline]
    pub(crate) fn is_continuous(&self, place: u32) -> bool {
        self.books[place as usize].phase == TradingPhase::Continuous
    }

    /// A task comes next.
    #[inline]
    pub(crate) fn then(&mut self, task: Task) -> Step {
        self.task = task;
        Step::Then
    }

    /// A task goes on when there is room.
    pub(crate) fn pause(&mut self, task: Task) -> Step {
        self.task = task;
        Step::Paused
    }

    /// Nothing comes next but that everybody is told, where anybody is.
    #[inline]
    pub(crate) fn told<O: Outbox>(&mut self, _emit: &Emit<'_, O>) -> Step {
        if O::KEEPS_EVENTS { self.then(Task::Tell) } else { Step::Done }
    }

    /// What the end of a command on a symbol leads to.
    #[inline]
    pub(crate) fn after<O: Outbox>(&mut self, place: u32, emit: &Emit<'_, O>) -> Step {
        if self.books[place as usize].has_stops() {
            self.then(Task::Elect(place))
        } else {
            self.told(emit)
        }
    }

    /// Takes steps until all is done or there is a pause.
    #[inline]
    fn run(&mut self, mut step: Step, emit: &mut Emit<'_, impl Outbox>) -> Progress {
        while step == Step::Then {
            step = self.step(emit);
        }
        if step == Step::Done {
            return Progress::Done;
        }
        self.paused = Some(emit.stamp());
        Progress::Paused
    }

    fn step(&mut self, emit: &mut Emit<'_, impl Outbox>) -> Step {
        match self.task {
            Task::Begin => self.begin_record(emit),
            Task::Sweep(sweep) => self.sweep(sweep, emit),
            Task::Row(row) => self.trade_row(row, emit),
            Task::Chance(chance) => self.second_chance(chance, emit),
            Task::MassCancel(mass) => self.mass_cancel(mass, emit),
            Task::Leaving(leaving) => self.leave(leaving, emit),
            Task::Elect(place) => self.elect(place, emit),
            Task::Tell => self.tell(emit),
        }
    }

    fn begin_record(&mut self, emit: &mut Emit<'_, impl Outbox>) -> Step {
        if self.expire(emit) == Progress::Paused {
            return self.pause(Task::Begin);
        }
        // The record itself wants room as if it came alone.
        if self.held.is_some() && !emit.has_room(BURST) {
            return self.pause(Task::Begin);
        }
        match self.held.take() {
            Some(record) => self.command(&record, emit),
            None => self.told(emit),
        }
    }

    /// Does what a record asks for, or begins to.
    #[inline(always)]
    fn command(&mut self, record: &LogRecord, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let command = &record.command;
        let session = command.session;
        let body = command.parse().expect("what enters the log was checked when it was made");
        match body {
            Body::NewOrder(asked) => self.enter(session, asked, emit),
            Body::Cancel(asked) => self.cancel(session, asked, emit),
            Body::Reduce(asked) => self.reduce(session, asked, emit),
            Body::Replace(asked) => self.replace(session, asked, emit),
            Body::MarketData(asked) => {
                self.market_data(command, asked, emit);
                self.told(emit)
            }
            Body::MassAction(asked) => self.mass_action(session, asked, emit),
            Body::OrderStatus(asked) => {
                self.order_status(session, asked, emit);
                self.told(emit)
            }
            Body::DefineSymbol(asked) => self.define_symbol(session, asked, emit),
            Body::SetPhase(asked) => self.set_phase(session, asked, emit),
            Body::SetBands(asked) => self.set_bands(session, asked, emit),
            Body::SetRisk(asked) => self.set_risk(session, asked, emit),
            Body::Kill(asked) => self.kill(session, asked, emit),
            _ => self.told(emit),
        }
    }

    /// True if nothing ever happened here.
    pub(crate) fn is_new(&self) -> bool {
        self.counters == Counters::default() && self.paused.is_none() && self.now == Nanos(0)
    }

    /// True between two records.
    pub(crate) fn is_between_records(&self) -> bool {
        self.paused.is_none()
    }
}

impl Machine for Book {
    #[inline]
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(self.paused.is_none(), "a paused record is finished before another one enters");
        let mut emit = Emit::begin(out, &record.stamp);
        self.now = record.stamp.time;
        let step = if self.timers.due() <= self.now {
            self.held = Some(*record);
            self.then(Task::Begin)
        } else {
            self.command(record, &mut emit)
        };
        self.run(step, &mut emit)
    }

    fn advance(&mut self, stamp: Stamp, out: &mut impl Outbox) -> Progress {
        assert!(self.paused.is_none(), "a paused record is finished before another one enters");
        self.now = stamp.time;
        if self.timers.due() > self.now {
            return Progress::Done;
        }
        let mut emit = Emit::begin(out, &stamp);
        let step = self.then(Task::Begin);
        self.run(step, &mut emit)
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        let stamp = self.paused.take().expect("only a paused record is resumed");
        let mut emit = Emit::resume(out, &stamp);
        self.run(Step::Then, &mut emit)
    }

    fn expect(&self, records: &[LogRecord]) {
        self.fetch(records);
    }

    fn due(&self) -> Nanos {
        self.timers.due()
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
        let mut emit = Emit::resume(out, &stamp);
        let mass = self.whole_session(session, why);
        let step = self.then(Task::MassCancel(mass));
        self.run(step, &mut emit)
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
        size_of::<Self>()
            + self.books.capacity() * size_of::<SymbolBook>()
            + self.places.memory_bytes()
            + self.pages.memory_bytes()
            + self.levels.memory_bytes()
            + self.orders.memory_bytes()
            + self.names.memory_bytes()
            + self.owners.memory_bytes()
            + self.timers.memory_bytes()
            + self.risk.memory_bytes()
            + self.touched.capacity() * size_of::<u32>()
    }
}

impl Book {
    /// The order-independent digest of a symbol's live orders, kept up at every change; none if
    /// there is no such symbol. It covers names, prices and quantities, and not the queues' order
    /// ([`Machine::digest`] does). Sessions are covered by their slots.
    #[must_use]
    pub fn live_digest_of(&self, symbol: SymbolId) -> Option<u64> {
        self.place_of(symbol).map(|place| self.books[place as usize].digest)
    }

    /// The same over all symbols: their sum.
    #[must_use]
    pub fn live_digest(&self) -> u64 {
        self.books.iter().fold(0, |sum, book| sum.wrapping_add(book.digest))
    }

    /// Place of a symbol's book.
    #[inline]
    pub(crate) fn place_of(&self, symbol: SymbolId) -> Option<u32> {
        self.places.find(symbol)
    }
}
