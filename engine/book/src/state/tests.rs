//! Every rule that a saved state keeps, broken once.

use super::*;
use crate::orders::Order;
use crate::reports::Counters;
use gavel_contract::{BookPlan, Machine, SymbolSpec};
use gavel_types::{OrderId, Side, TimeInForce};

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
        symbol: SymbolId(symbol),
        name: format!("SYM{symbol}"),
        tick: Price(1),
        lot: Qty(2),
        price_min: Price(1),
        price_max: Price(1_000),
        qty_max: Qty(1_000),
    };
    BookPlan { symbols: vec![spec(1), spec(5)], orders_max: 9, levels_max: 2, sessions_max: 2 }
}

/// ```text
///       101  6/B1(2)
///     ------
///       100  10/A1(0) 10/B3(3)       session, name, (slot)
///        99  10/A2(1)
/// ```
/// Slots 5 and 4 are free again, in this order; 6 is used up; 7 and 8 were never used.
fn sound() -> Book {
    let mut book = Book::new(&plan());
    book.orders.age(6, u32::MAX - 1);
    let rows = [
        (0, 1, Side::Buy, 100),
        (0, 2, Side::Buy, 99),
        (1, 1, Side::Sell, 101),
        (1, 3, Side::Buy, 100),
        (0, 4, Side::Buy, 98),
        (0, 5, Side::Buy, 98),
        (0, 6, Side::Buy, 98),
    ];
    for (session, name, side, price) in rows {
        let order = Order {
            cl_ord_id: ClOrdId(name),
            price: Price(price),
            qty: Qty(10),
            leaves: if side == Side::Sell { Qty(6) } else { Qty(10) },
            session: SessionSlot(session),
            account: Account(70),
            book: 0,
            side,
            time_in_force: TimeInForce::Gtc,
        };
        let slot = book.begin(order);
        if price == 98 {
            continue;
        }
        book.rest(slot);
    }
    for slot in [6, 4, 5] {
        book.end(slot);
    }
    book.counters = Counters { exec: 20, trd_match: 3, mass: 2 };
    book.verify();
    book
}

fn saved(book: &Book) -> Vec<u8> {
    let mut held = Held(Vec::new());
    book.save(&mut held);
    held.0
}

/// A saved state, taken apart.
#[derive(Debug)]
struct Parts {
    head: Head,
    symbols: Vec<SymbolRow>,
    generations: Vec<u32>,
    freed: Vec<u32>,
    orders: Vec<OrderRow>,
    entered: Vec<u32>,
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
            .unwrap();
            rows
        }
        let mut from = Left(bytes);
        let mut head = Head::new_zeroed();
        from.take(head.as_mut_bytes()).unwrap();
        let parts = Self {
            head,
            symbols: rows(&mut from, Section::Symbols, head.symbols),
            generations: rows(&mut from, Section::Generations, head.used),
            freed: rows(&mut from, Section::Freed, head.freed),
            orders: rows(&mut from, Section::Orders, head.live),
            entered: rows(&mut from, Section::Entered, head.live),
        };
        assert_eq!(from.0.len(), 0, "there is nothing else");
        parts
    }

    fn bytes(&self) -> Vec<u8> {
        fn put<T: IntoBytes + Immutable + Copy>(out: &mut Held, section: Section, rows: &[T]) {
            put_rows(out, section, rows.len() as u32, rows.iter().copied());
        }
        let mut out = Held(self.head.as_bytes().to_vec());
        put(&mut out, Section::Symbols, &self.symbols);
        put(&mut out, Section::Generations, &self.generations);
        put(&mut out, Section::Freed, &self.freed);
        put(&mut out, Section::Orders, &self.orders);
        put(&mut out, Section::Entered, &self.entered);
        out.0
    }
}

#[test]
fn a_state_says_what_it_is_meant_to_say() {
    let bytes = saved(&sound());
    let parts = Parts::of(&bytes);
    assert_eq!(parts.bytes(), bytes);
    assert_eq!(parts.generations, [1, 1, 1, 1, 2, 2, u32::MAX]);
    assert_eq!(parts.freed, [5, 4]);
    let slots: Vec<u32> = parts.orders.iter().map(|row| row.slot).collect();
    assert_eq!(slots, [1, 0, 3, 2], "bids, worst level first, then asks");
    assert_eq!(parts.entered, [0, 1, 2, 3]);
}

#[test]
fn a_book_that_is_restored_is_the_book_that_was_saved() {
    let mut book = sound();
    let bytes = saved(&book);
    let mut twin = Book::new(&plan());
    twin.restore(&mut Left(&bytes)).unwrap();
    twin.verify();
    assert_eq!(saved(&twin), bytes);
    assert_eq!(twin.counters, book.counters);
    // Slots are taken in the same order under the same handles: freed ones, then unused ones.
    for expected in [(2, 5), (2, 4), (1, 7), (1, 8)] {
        let id = OrderId(expected.0 << 32 | expected.1);
        for book in [&mut book, &mut twin] {
            let order = Order { cl_ord_id: ClOrdId(100 + expected.1), ..*book.orders.order(0) };
            let slot = book.begin(order);
            assert_eq!(book.orders.id(slot), id);
            book.rest(slot);
        }
    }
    assert!(book.orders.is_full() && twin.orders.is_full(), "a slot that is used up stays so");
    assert_eq!(saved(&twin), saved(&book));
}

#[test]
fn an_empty_book_and_a_full_one_are_restored() {
    let plan = BookPlan { orders_max: 3, ..plan() };
    let mut book = Book::new(&plan);
    for name in 0..=3 {
        let bytes = saved(&book);
        let mut twin = Book::new(&plan);
        twin.restore(&mut Left(&bytes)).unwrap();
        twin.verify();
        assert_eq!(saved(&twin), bytes);
        if name < 3 {
            let order = Order { cl_ord_id: ClOrdId(name), ..*sound().orders.order(0) };
            let slot = book.begin(order);
            book.rest(slot);
            book.counters.exec += 1;
        }
    }
}

#[test]
fn a_state_that_is_cut_is_refused_wherever_it_is_cut() {
    let bytes = saved(&sound());
    for end in 0..bytes.len() {
        let refused = Book::new(&plan()).restore(&mut Left(&bytes[..end])).unwrap_err();
        assert_eq!(refused.what, "it ends too early", "{end}");
    }
}

#[test]
fn a_section_that_is_another_one_is_refused() {
    let bytes = saved(&sound());
    let mut at = size_of::<Head>();
    let parts = Parts::of(&bytes);
    for section_bytes in [
        parts.symbols.as_bytes().len(),
        parts.generations.as_bytes().len(),
        parts.freed.as_bytes().len(),
        parts.orders.as_bytes().len(),
        parts.entered.as_bytes().len(),
    ] {
        for byte in 0..size_of::<SectionHead>() {
            let mut bytes = bytes.clone();
            bytes[at + byte] ^= 1;
            let refused = Book::new(&plan()).restore(&mut Left(&bytes)).unwrap_err();
            assert_eq!(refused.what, "a section's head is wrong");
        }
        at += size_of::<SectionHead>() + section_bytes;
    }
    assert_eq!(at, bytes.len());
}

macro_rules! refuses {
    ($($name:ident($what:literal): $damage:expr;)+) => {$(
        #[test]
        fn $name() {
            let mut parts = Parts::of(&saved(&sound()));
            let damage: fn(&mut Parts) = $damage;
            damage(&mut parts);
            let refused = Book::new(&plan()).restore(&mut Left(&parts.bytes()));
            assert_eq!(refused, Err(BadState { what: $what }));
        }
    )+};
}

refuses! {
    something_else("this is no book"): |parts| parts.head.magic ^= 1;
    another_version("the book has another version"): |parts| parts.head.version += 1;
    another_slab("the book was saved under other sizes"): |parts| parts.head.orders_max += 1;
    other_ladders("the book was saved under other sizes"): |parts| parts.head.levels_max += 1;
    more_instruments("the book was saved under other sizes"): |parts| parts.head.symbols += 1;
    another_lot("the book was saved under other instruments"): |parts| parts.symbols[1].lot = 1;
    slots_beyond_the_slab("more slots were used than there are"): |parts| parts.head.used = 10;
    an_absurd_exec("a counter is beyond use"): |parts| parts.head.exec = u64::MAX;
    an_absurd_match("a counter is beyond use"): |parts| parts.head.trd_match = 1 << 63;
    an_absurd_mass("a counter is beyond use"): |parts| parts.head.mass = u64::MAX;
    fewer_reports_than_orders("reports are lost"): |parts| parts.head.exec = 9;
    a_lost_slot("slots are lost"): |parts| parts.head.live -= 1;
    a_slot_too_many("slots are lost"): |parts| parts.head.freed = u32::MAX;
    a_slot_that_is_used_up_twice("slots are lost"): |parts| parts.generations[0] = u32::MAX;
    no_generation("a generation is 0"): |parts| parts.generations[2] = 0;
    a_slot_freed_twice("a slot that was freed is not free"): |parts| parts.freed[1] = 5;
    a_freed_slot_that_is_used_up("a slot that was freed is not free"): |parts| {
        parts.freed[1] = 6;
    };
    a_freed_slot_never_used("a slot that was freed is not free"): |parts| parts.freed[1] = 7;
    a_freed_slot_never_freed("a slot that was freed is not free"): |parts| {
        parts.generations[4] = 1;
    };
    an_order_in_a_freed_slot("an order's slot is not to be had"): |parts| {
        parts.orders[0].slot = 5;
    };
    an_order_in_a_slot_that_is_used_up("an order's slot is not to be had"): |parts| {
        parts.orders[0].slot = 6;
    };
    two_orders_in_a_slot("an order's slot is not to be had"): |parts| parts.orders[0].slot = 0;
    an_order_in_an_unused_slot("an order's slot is not to be had"): |parts| {
        parts.orders[0].slot = 7;
    };
    an_order_nowhere("an order's slot is not to be had"): |parts| parts.orders[0].slot = u32::MAX;
    an_unknown_symbol("an order's symbol is unknown"): |parts| {
        parts.orders[0].symbol = SymbolId(2);
    };
    an_unknown_side("an order's side is unknown"): |parts| parts.orders[0].side = 0;
    an_unknown_time_in_force("an order's time in force is unknown"): |parts| {
        parts.orders[0].time_in_force = 1;
    };
    an_order_that_is_immediate("an order may not rest"): |parts| {
        parts.orders[0].time_in_force = TimeInForce::Ioc.code();
    };
    a_market_order("an order may not rest"): |parts| parts.orders[0].price = Price::NULL;
    a_price_beyond_the_limits("an order may not rest"): |parts| parts.orders[0].price = Price(0);
    nothing_left("an order's quantities are wrong"): |parts| parts.orders[0].leaves = Qty(0);
    more_left_than_asked_for("an order's quantities are wrong"): |parts| {
        parts.orders[0].leaves = Qty(12);
    };
    half_a_lot("an order's quantities are wrong"): |parts| parts.orders[0].leaves = Qty(9);
    an_order_too_large("an order's quantities are wrong"): |parts| {
        parts.orders[0].qty = Qty(1_002);
    };
    an_unknown_session("an order's session is unknown"): |parts| {
        parts.orders[0].session = SessionSlot(2);
    };
    a_reserved_byte("a reserved byte is not zero"): |parts| parts.orders[3].reserved[5] = 1;
    asks_before_bids("sides are out of order"): |parts| parts.orders.swap(2, 3);
    symbols_that_fall("sides are out of order"): |parts| parts.orders[1].symbol = SymbolId(5);
    one_name_twice("two orders have one name"): |parts| parts.orders[1].cl_ord_id = ClOrdId(2);
    levels_that_fall("levels are out of order, or too many"): |parts| parts.orders.swap(0, 1);
    a_level_in_two_pieces("levels are out of order, or too many"): |parts| {
        parts.orders.swap(0, 2);
        parts.orders[0].price = Price(100);
    };
    a_level_too_many("levels are out of order, or too many"): |parts| {
        parts.orders[2].price = Price(102);
    };
    a_crossed_book("a book is crossed"): |parts| parts.orders[3].price = Price(100);
    a_locked_out_order("an order that was entered is not live"): |parts| parts.entered[0] = 4;
    an_entry_nowhere("an order that was entered is not live"): |parts| parts.entered[0] = 7;
    an_entry_of_another_session("sessions are out of order"): |parts| parts.entered.swap(1, 2);
    an_entry_twice("an order was entered twice"): |parts| parts.entered[1] = 0;
}

#[test]
#[should_panic(expected = "a state is restored into a new book")]
fn a_book_in_use_is_not_overwritten() {
    let bytes = saved(&sound());
    let _ = sound().restore(&mut Left(&bytes));
}
