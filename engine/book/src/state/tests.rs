//! Saved states: what they say, that they are read back, and the version before.

mod refused;

use super::*;
use crate::orders::flag;
use crate::testing::limit;
use gavel_contract::{BookPlan, Machine, Outbox, Progress, SymbolSpec};
use gavel_types::limits::BURST;
use gavel_types::{
    BandAction, CancelOrder, Command, DefineSymbol, Index, Kill, KillAction, KillScope, LogRecord,
    NewOrder, OrdType, OrderId, Report, ReportBody, RiskScope, SeqNo, SetBands, SetPhase, SetRisk,
    Side, Stamp, StpInstruction, Term, TimeInForce, TradingPhase, exec_inst,
};

struct Held(Vec<u8>);

impl StateSink for Held {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

struct Left<'a>(&'a [u8]);

impl StateSource for Left<'_> {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let parts = self.0.split_at_checked(into.len());
        let (bytes, rest) = parts.ok_or(BadState { what: "it ends too early" })?;
        into.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }
}

fn plan() -> BookPlan {
    let spec = |symbol| SymbolSpec {
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
        symbol: SymbolId(symbol),
        name: format!("SYM{symbol}"),
        tick: Price(1),
        lot: Qty(2),
        price_min: Price(1),
        price_max: Price(1_000),
        qty_max: Qty(1_000),
    };
    BookPlan {
        symbols: vec![spec(1), spec(5)],
        levels_max: 3,
        sessions_max: 3,
        symbols_max: 4,
        accounts_max: 2,
        positions_max: 2,
        ..BookPlan::for_orders(12)
    }
}

/// An outbox without an end.
#[derive(Default)]
struct Heap(Vec<Report>);

impl Outbox for Heap {
    fn free(&self) -> usize {
        BURST
    }
    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

/// A book and the log that it lives from.
struct Desk {
    book: Book,
    index: u64,
}

impl Desk {
    fn of(book: Book) -> Self {
        Self { book, index: 0 }
    }

    fn run(&mut self, command: Command) -> Vec<Report> {
        self.index += 1;
        let time = Nanos(self.index * 1_000);
        let stamp = Stamp { index: Index(self.index), term: Term(1), time };
        let mut out = Heap::default();
        let progress = self.book.apply(&LogRecord { stamp, command }, &mut out);
        assert_eq!(progress, Progress::Done);
        out.0
    }

    /// Enters an order, and says its OrderID.
    fn enter(&mut self, session: u32, order: NewOrder) -> OrderId {
        let reports = self.run(Command::new_order(SessionSlot(session), SeqNo(1), &order));
        match reports[0].parse().expect("a report has a meaning") {
            ReportBody::New(new) => new.order.order_id,
            other => panic!("{other:?}"),
        }
    }

    fn cancel(&mut self, session: u32, order_id: OrderId) {
        let request = CancelOrder {
            cl_ord_id: ClOrdId(99),
            orig_cl_ord_id: ClOrdId(0),
            order_id,
            symbol: SymbolId(1),
            side: Side::Buy,
            reserved: [0; 3],
        };
        let reports = self.run(Command::cancel(SessionSlot(session), SeqNo(1), &request));
        assert!(matches!(reports[0].parse(), Ok(ReportBody::Canceled(_))), "it was live");
    }

    /// Done, or a panic.
    fn steer(&mut self, command: Command) {
        let reports = self.run(command);
        let last = reports.last().expect("a command that steers is answered");
        let Ok(ReportBody::Steering(answer)) = last.parse() else { panic!("{last:?}") };
        assert_eq!(answer.result, gavel_types::SteeringResult::Done);
    }
}

const S: (SessionSlot, SeqNo) = (SessionSlot(2), SeqNo(1));

fn define(symbol: u32, tick: i64, price_max: i64) -> Command {
    let request = DefineSymbol {
        request_id: 1,
        tick: Price(tick),
        price_min: Price(1),
        price_max: Price(price_max),
        lot: Qty(2),
        qty_max: Qty(1_000),
        protection: Price(3),
        symbol: SymbolId(symbol),
        qty_scale: 2,
        stp: StpInstruction::CancelBoth,
        reserved: [0; 2],
    };
    Command::define_symbol(S.0, S.1, &request)
}

/// No limits; change what should be one.
fn limits(scope: RiskScope, target: u32) -> SetRisk {
    SetRisk {
        request_id: 1,
        qty_max: Qty(800),
        notional_max: 900_000,
        position_max: Qty(0),
        collar: Price(0),
        orders_max: 0,
        rate_per_s: 5,
        rate_burst: 3,
        duplicate_ms: 7,
        target,
        scope,
        reserved: [0; 3],
    }
}

fn kill(scope: KillScope, target: u32, action: KillAction) -> Command {
    Command::kill(S.0, S.1, &Kill { request_id: 1, target, scope, action, reserved: [0; 2] })
}

/// Symbol 1, in Continuous, its band from 10 to 900, its reference 100:
///
/// ```text
///       105  10/A7(4), a stop order with a limit of 110
///       101  6/B1(2)
///     ------
///       100  10/A1(0) 4+6/B3(3)      session, name, (slot)
///        99  10/A2(1), of account 70
/// ```
/// Symbol 5 has a bid of 10 at 50, all or none (B5, slot 5), and an ask of 10 at 60 that expires
/// and has an SMPID (A6, slot 6). Symbol 9 was added by a command, and is killed. Slots 8 and 7 are
/// free again, in this order; 9 is used up; 10 and 11 were never used. Session 1 and account 70
/// have limits, account 71 a switch; what account 70 has in symbol 1 is counted.
fn sound() -> Book {
    let mut desk = Desk::of(Book::new(&plan()));
    desk.book.orders.age(9, u32::MAX - 1);
    let (buy, sell) =
        (|name, price| limit(name, Side::Buy, price), |name, price| limit(name, Side::Sell, price));
    let of_5 = |order| NewOrder { symbol: SymbolId(5), ..order };
    desk.enter(0, buy(1, 100));
    desk.enter(0, NewOrder { account: Account(70), ..buy(2, 99) });
    desk.enter(1, sell(1, 101));
    desk.enter(1, NewOrder { display_qty: Qty(4), ..buy(3, 100) });
    let (ord_type, stop_px) = (OrdType::StopLimit, Price(105));
    desk.enter(0, NewOrder { ord_type, stop_px, ..buy(7, 110) });
    desk.enter(1, of_5(NewOrder { exec_inst: exec_inst::ALL_OR_NONE, ..buy(5, 50) }));
    let (time_in_force, expire_time) = (TimeInForce::Gtd, Nanos(1 << 40));
    desk.enter(0, of_5(NewOrder { time_in_force, expire_time, stp_id: 9, ..sell(6, 60) }));
    let ends: Vec<OrderId> = (20..23).map(|name| desk.enter(2, buy(name, 98))).collect();
    [2, 0, 1].into_iter().for_each(|at| desk.cancel(2, ends[at]));
    desk.steer(Command::set_risk(S.0, S.1, &limits(RiskScope::Session, 1)));
    let risk = SetRisk { position_max: Qty(700), ..limits(RiskScope::Account, 70) };
    desk.steer(Command::set_risk(S.0, S.1, &risk));
    desk.steer(kill(KillScope::Account, 71, KillAction::HaltTrading));
    let take = NewOrder { time_in_force: TimeInForce::Ioc, qty: Qty(4), ..buy(30, 101) };
    desk.enter(2, NewOrder { account: Account(70), ..take });
    desk.steer(define(9, 3, 500));
    desk.steer(kill(KillScope::Symbol, 9, KillAction::HaltTrading));
    let (symbol, action) = (SymbolId(1), BandAction::Halt);
    let (low, high, dynamic) = (Price(10), Price(900), Price(50));
    let bands = SetBands { request_id: 1, low, high, dynamic, symbol, action, reserved: [0; 3] };
    desk.steer(Command::set_bands(S.0, S.1, &bands));
    let (reference, phase) = (Price(100), TradingPhase::Continuous);
    let phase = SetPhase { request_id: 1, reference, symbol, phase, reserved: [0; 3] };
    desk.steer(Command::set_phase(S.0, S.1, &phase));
    desk.book.counters.mass = 2;
    desk.book.verify();
    desk.book
}

fn saved(book: &Book) -> Vec<u8> {
    let mut held = Held(Vec::new());
    book.save(&mut held);
    held.0
}

fn restored(plan: &BookPlan, bytes: &[u8]) -> Book {
    let mut book = Book::new(plan);
    let mut left = Left(bytes);
    book.restore(&mut left).expect("what was saved is a state");
    assert_eq!(left.0.len(), 0, "what was written is read");
    book.verify();
    book
}

/// A saved state, taken apart.
#[derive(Debug)]
struct Parts {
    head: Head,
    head2: Head2,
    symbols: Vec<SymbolRow>,
    generations: Vec<u32>,
    freed: Vec<u32>,
    orders: Vec<OrderRow>,
    extras: Vec<ExtraRow>,
    entered: Vec<u32>,
    sessions: Vec<PartyRow>,
    accounts: Vec<PartyRow>,
    positions: Vec<PositionRow>,
}

fn put<T: IntoBytes + Immutable + Copy>(out: &mut Held, section: Section, rows: &[T]) {
    put_rows(out, section, rows.len() as u32, rows.iter().copied());
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        fn rows<T: FromBytes + IntoBytes + Copy>(
            from: &mut Left<'_>,
            section: Section,
            count: u32,
        ) -> Vec<T> {
            let mut rows = Vec::new();
            take_rows(from, section, count, |part: &[T]| {
                rows.extend(part);
                Ok(())
            })
            .expect("it is a section");
            rows
        }
        let mut from = Left(bytes);
        let (mut head, mut head2) = (Head::new_zeroed(), Head2::new_zeroed());
        from.take(head.as_mut_bytes()).expect("there is a head");
        from.take(head2.as_mut_bytes()).expect("there is another");
        let parts = Self {
            head,
            head2,
            symbols: rows(&mut from, Section::Symbols, head.symbols),
            generations: rows(&mut from, Section::Generations, head.used),
            freed: rows(&mut from, Section::Freed, head.freed),
            orders: rows(&mut from, Section::Orders, head.live),
            extras: rows(&mut from, Section::Extras, head2.extras),
            entered: rows(&mut from, Section::Entered, head.live),
            sessions: rows(&mut from, Section::Sessions, head2.sessions),
            accounts: rows(&mut from, Section::Accounts, head2.accounts),
            positions: rows(&mut from, Section::Positions, head2.positions),
        };
        assert_eq!(from.0.len(), 0, "there is nothing else");
        parts
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Held(self.head.as_bytes().to_vec());
        out.put(self.head2.as_bytes());
        put(&mut out, Section::Symbols, &self.symbols);
        put(&mut out, Section::Generations, &self.generations);
        put(&mut out, Section::Freed, &self.freed);
        put(&mut out, Section::Orders, &self.orders);
        put(&mut out, Section::Extras, &self.extras);
        put(&mut out, Section::Entered, &self.entered);
        put(&mut out, Section::Sessions, &self.sessions);
        put(&mut out, Section::Accounts, &self.accounts);
        put(&mut out, Section::Positions, &self.positions);
        out.0
    }

    /// Bytes of the rows of each section.
    fn sizes(&self) -> [usize; 9] {
        [
            self.symbols.as_bytes().len(),
            self.generations.as_bytes().len(),
            self.freed.as_bytes().len(),
            self.orders.as_bytes().len(),
            self.extras.as_bytes().len(),
            self.entered.as_bytes().len(),
            self.sessions.as_bytes().len(),
            self.accounts.as_bytes().len(),
            self.positions.as_bytes().len(),
        ]
    }
}

#[test]
fn a_state_says_what_it_is_meant_to_say() {
    let bytes = saved(&sound());
    let parts = Parts::of(&bytes);
    assert_eq!(parts.bytes(), bytes);
    assert_eq!(parts.generations, [1, 1, 1, 1, 1, 1, 1, 2, 3, u32::MAX]);
    assert_eq!(parts.freed, [8, 7]);
    let slots: Vec<u32> = parts.orders.iter().map(|row| row.slot).collect();
    assert_eq!(slots, [0, 3, 1, 2, 4, 5, 6], "best first: bids, asks, stops; then another symbol");
    let slots: Vec<u32> = parts.extras.iter().map(|row| row.slot).collect();
    assert_eq!(slots, [3, 4, 6]);
    assert_eq!(parts.entered, [0, 1, 4, 6, 2, 3, 5]);
    let symbols: Vec<u32> = parts.symbols.iter().map(|row| row.symbol.0).collect();
    assert_eq!(symbols, [1, 5, 9]);
    let killed: Vec<u8> = parts.symbols.iter().map(|row| row.is_killed).collect();
    assert_eq!(killed, [0, 0, 1]);
    let parties = |rows: &[PartyRow]| rows.iter().map(|row| row.party).collect::<Vec<_>>();
    assert_eq!((parties(&parts.sessions), parties(&parts.accounts)), (vec![1], vec![70, 71]));
    assert_eq!(parts.accounts[0].has_last, 1, "an order of it passed");
    let position = PositionRow { account: 0, place: 0, net_low: 4, net_high: 0 };
    assert_eq!(parts.positions, [position]);
    assert_eq!((parts.head2.entries, parts.head2.is_armed), (1, 1));
    assert_eq!(parts.head2.is_venue_killed, 0);
}

#[test]
fn a_book_that_is_restored_is_the_book_that_was_saved() {
    let book = sound();
    let bytes = saved(&book);
    let twin = restored(&plan(), &bytes);
    assert_eq!(saved(&twin), bytes);
    assert_eq!(twin.counters, book.counters);
    let known = |book: &Book| book.orders.order(1).is(flag::KNOWN);
    assert!(known(&book) && known(&twin), "KNOWN follows from the accounts");
    // Slots are taken in the same order under the same handles: freed ones, then unused ones. (A2
    // and all of account 70 have spent their tokens of risk: session 2 has no limits.)
    let mut desks = [Desk::of(book), Desk::of(twin)];
    for (generation, slot) in [(3, 8), (2, 7), (1, 10), (1, 11)] {
        for desk in &mut desks {
            desk.index = 1_000 + slot;
            let id = desk.enter(2, limit(100 + slot, Side::Buy, 100));
            assert_eq!(id, OrderId(generation << 32 | slot));
        }
    }
    let [book, twin] = desks.map(|desk| desk.book);
    assert!(book.orders.is_full() && twin.orders.is_full(), "a slot that is used up stays so");
    assert_eq!(saved(&twin), saved(&book));
}

#[test]
fn an_empty_book_and_a_full_one_are_restored() {
    let plan = BookPlan { orders_max: 3, ..plan() };
    let mut desk = Desk::of(Book::new(&plan));
    for name in 0..=3 {
        let bytes = saved(&desk.book);
        assert_eq!(saved(&restored(&plan, &bytes)), bytes);
        if name < 3 {
            desk.enter(0, limit(name, Side::Buy, 100));
        }
    }
}

/// A definition that a command changed goes before that of the plan.
#[test]
fn a_symbol_of_the_plan_that_was_changed_is_restored_as_it_was_changed() {
    let mut desk = Desk::of(Book::new(&plan()));
    desk.steer(define(5, 7, 994));
    let order = |price| NewOrder { symbol: SymbolId(5), ..limit(1, Side::Buy, price) };
    let bytes = saved(&desk.book);
    let book = restored(&plan(), &bytes);
    assert_eq!(saved(&book), bytes);
    let mut desk = Desk { book, ..desk };
    let command = Command::new_order(SessionSlot(0), SeqNo(1), &order(100));
    let reports = desk.run(command);
    assert!(matches!(reports[0].parse(), Ok(ReportBody::Rejected(_))), "100 is no 7 times n");
    desk.enter(0, order(994));
    let bytes = saved(&desk.book);
    assert_eq!(saved(&restored(&plan(), &bytes)), bytes);
}

/// What was written before there was a version 2: plain orders, worst bids first, symbols as in the
/// plan, nothing else.
#[test]
fn a_state_of_version_1_is_read_and_saved_as_version_2() {
    let mut desk = Desk::of(Book::new(&plan()));
    for (session, name, side, price) in
        [(0, 1, Side::Buy, 100), (1, 2, Side::Buy, 99), (1, 3, Side::Sell, 101)]
    {
        desk.enter(session, NewOrder { account: Account(70), ..limit(name, side, price) });
    }
    let gone = desk.enter(0, limit(4, Side::Buy, 98));
    desk.cancel(0, gone);
    let now = saved(&desk.book);
    let mut parts = Parts::of(&now);
    parts.head.version = 1;
    let rows: Vec<SymbolRow1> = desk.book.books.iter().map(SymbolRow1::of).collect();
    parts.orders.swap(0, 1);
    let mut bytes = Held(parts.head.as_bytes().to_vec());
    put(&mut bytes, Section::Symbols, &rows);
    put(&mut bytes, Section::Generations, &parts.generations);
    put(&mut bytes, Section::Freed, &parts.freed);
    put(&mut bytes, Section::Orders, &parts.orders);
    put(&mut bytes, Section::Entered, &parts.entered);
    let book = restored(&plan(), &bytes.0);
    let key = |session: SessionSlot| u64::from(session.0);
    assert_eq!(book.digest(&key), desk.book.digest(&key));
    // Version 1 did not know the time.
    let mut parts = Parts::of(&now);
    parts.head2.now = 0;
    assert_eq!(saved(&book), parts.bytes());
    let mut changed = bytes.0.clone();
    // The lot of the first symbol.
    changed[size_of::<Head>() + size_of::<SectionHead>() + 16] ^= 1;
    let refused = Book::new(&plan()).restore(&mut Left(&changed));
    assert_eq!(refused, Err(BadState { what: "the book was saved under other instruments" }));
    for end in 0..bytes.0.len() {
        let refused = Book::new(&plan()).restore(&mut Left(&bytes.0[..end])).unwrap_err();
        assert_eq!(refused.what, "it ends too early", "{end}");
    }
}

#[test]
#[should_panic(expected = "a state is restored into a new book")]
fn a_book_in_use_is_not_overwritten() {
    let bytes = saved(&sound());
    let _ = sound().restore(&mut Left(&bytes));
}
