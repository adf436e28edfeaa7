//! A book from bytes, which may be anything.
//!
//! Inputs -> outputs: the sections of state.rs and a new book -> that book as it was saved, or what
//! is wrong with the bytes.
//! Invariants: nothing is believed: a part that contradicts the plan, itself or another part is
//! refused before it is used. What is not refused is a state that satisfies every structural rule
//! of verify.rs.
//! Limits: never allocates more than a chunk, whatever the bytes say. After an error the book is to
//! be thrown away.
//! Not here: orders (orders.rs), limits of risk (parties.rs).

mod orders;
mod parties;

use super::{CHUNK_ROWS, Head, Head2, OrderRow, Section, SymbolRow, SymbolRow1};
use super::{VERSION, check, planned, take_rows};
use crate::book::Book;
use crate::orders::NIL;
use crate::reports::Counters;
use crate::symbol::{Bands, Places, Rules, SymbolBook};
use gavel_contract::{BadState, StateSource};
use gavel_types::{
    BandAction, DefineSymbol, Nanos, Price, Qty, Side, StpInstruction, SymbolId, TradingPhase,
};
use zerocopy::{FromZeros, IntoBytes};

/// A counter beyond this is no counter: it could not be counted to.
const COUNTER_MAX: u64 = 1 << 62;

/// The version that knew less.
const VERSION_1: u32 = 1;

// A chunk of the largest rows stays small, and so do the lines of memory that it is about.
const _: () = assert!(CHUNK_ROWS * size_of::<OrderRow>() <= 1 << 16);

pub(crate) fn restore(book: &mut Book, from: &mut impl StateSource) -> Result<(), BadState> {
    assert!(book.is_new(), "a state is restored into a new book");
    let mut head = Head::new_zeroed();
    from.take(head.as_mut_bytes())?;
    check_head(book, &head)?;
    let mut head2 = Head2::new_zeroed();
    if head.version == VERSION {
        from.take(head2.as_mut_bytes())?;
        check_head2(&head2)?;
        take_symbols(book, &head, from)?;
    } else {
        take_symbols_1(book, &head, from)?;
    }
    take_generations(book, &head, from)?;
    take_freed(book, &head, from)?;
    orders::take(book, &head, &head2, from)?;
    orders::take_entered(book, &head, from)?;
    if head.version == VERSION {
        parties::take(book, &head2, from)?;
    }
    check(!is_crossed(book), "a book is crossed")?;
    book.counters = Counters { exec: head.exec, trd_match: head.trd_match, mass: head.mass };
    book.entries = head2.entries;
    book.now = Nanos(head2.now);
    for place in 0..book.books.len() as u32 {
        let shown = [Side::Buy, Side::Sell].map(|side| book.best(place, side));
        book.books[place as usize].shown = shown;
        book.books[place as usize].indicative = book.indicative(place);
    }
    Ok(())
}

fn check_head(book: &Book, head: &Head) -> Result<(), BadState> {
    let planned = planned(book);
    check(head.magic == planned.magic, "this is no book")?;
    let is_known = head.version == planned.version || head.version == VERSION_1;
    check(is_known, "the book has another version")?;
    let same = head.orders_max == planned.orders_max && head.levels_max == planned.levels_max;
    check(same, "the book was saved under other sizes")?;
    let has_all = head.symbols >= planned.symbols && head.symbols as usize <= book.books.capacity();
    check(has_all, "the book was saved under other instruments")?;
    check(head.used <= head.orders_max, "more slots were used than there are")?;
    let is_counted = |count: u64| count <= COUNTER_MAX;
    let counted = is_counted(head.exec) && is_counted(head.trd_match) && is_counted(head.mass);
    check(counted, "a counter is beyond use")?;
    // Every live order was reported New, and every match twice.
    check(head.exec >= 2 * head.trd_match + u64::from(head.live), "reports are lost")
}

fn check_head2(head: &Head2) -> Result<(), BadState> {
    check(head.entries <= COUNTER_MAX, "a counter is beyond use")?;
    let are_bits = head.is_armed <= 1 && head.is_venue_killed <= 1;
    let is_armed = head.is_armed == 1;
    let is_needed = head.is_venue_killed != 0 || head.sessions != 0 || head.accounts != 0;
    check(are_bits && (is_armed || !is_needed), "a switch is neither on nor off")?;
    check(head.reserved == [0; 14], "a reserved byte is not zero")
}

fn take_symbols_1(
    book: &mut Book,
    head: &Head,
    from: &mut impl StateSource,
) -> Result<(), BadState> {
    let mut planned = book.books.iter().map(SymbolRow1::of);
    take_rows(from, Section::Symbols, head.symbols, |rows: &[SymbolRow1]| {
        let same = rows.iter().all(|row| planned.next() == Some(*row));
        check(same, "the book was saved under other instruments")
    })
}

/// Symbols as commands left them: those of the plan are the first ones.
fn take_symbols(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut taken = 0;
    book.places = Places::new(book.books.capacity() as u32);
    take_rows(from, Section::Symbols, head.symbols, |rows: &[SymbolRow]| {
        for row in rows {
            let planned = book.books.get(taken).map(|book| book.rules.symbol);
            let is_planned = planned.is_none_or(|symbol| symbol == row.symbol);
            let is_new = book.place_of(row.symbol).is_none();
            check(is_planned && is_new, "the book was saved under other instruments")?;
            let symbol = symbol_of(book, row);
            let symbol = symbol.ok_or(BadState { what: "a symbol contradicts itself" })?;
            book.places.insert(row.symbol, taken as u32);
            match book.books.get_mut(taken) {
                Some(planned) => *planned = symbol,
                None => book.books.push(symbol),
            }
            taken += 1;
        }
        Ok(())
    })
}

/// The symbol of a row, if there can be such a one.
fn symbol_of(book: &Book, row: &SymbolRow) -> Option<SymbolBook> {
    let definition = DefineSymbol {
        request_id: 0,
        tick: Price(row.tick),
        price_min: Price(row.price_min),
        price_max: Price(row.price_max),
        lot: Qty(row.lot),
        qty_max: Qty(row.qty_max),
        protection: Price(row.protection),
        symbol: SymbolId(row.symbol.0),
        qty_scale: row.qty_scale,
        stp: StpInstruction::from_code(row.stp)?,
        reserved: [0; 2],
    };
    let rules = Rules::new(&definition, book.orders.capacity())?;
    let mut symbol = SymbolBook::new(rules, TradingPhase::from_code(row.phase)?);
    let (low, high, dynamic) = (row.low, row.high, row.dynamic);
    symbol.bands = Bands { low, high, dynamic, action: BandAction::from_code(row.action)? };
    (symbol.reference, symbol.last) = (row.reference, row.last);
    symbol.is_killed = row.is_killed == 1;
    let are_prices = row.reference >= Price(1) && row.last >= Price(1);
    let are_bands = low >= Price(0) && high >= low && dynamic >= Price(0);
    // Every byte means something, so what it means is written as it was read.
    let is_same = SymbolRow::of(&symbol) == *row;
    (are_prices && are_bands && is_same).then_some(symbol)
}

fn take_generations(
    book: &mut Book,
    head: &Head,
    from: &mut impl StateSource,
) -> Result<(), BadState> {
    let mut slots = 0..head.used;
    take_rows(from, Section::Generations, head.used, |rows: &[u32]| {
        // The rows come first: the pair of a row that there is not would take a slot with it.
        let mut pairs = rows.iter().zip(slots.by_ref());
        let fit = pairs.all(|(&row, slot)| book.orders.restore_generation(slot, row));
        check(fit, "a generation is 0")
    })?;
    let used = [head.live, head.freed, book.orders.retired()].map(u64::from).iter().sum::<u64>();
    check(used == u64::from(head.used), "slots are lost")
}

fn take_freed(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut last = NIL;
    take_rows(from, Section::Freed, head.freed, |rows: &[u32]| {
        let fit = rows.iter().all(|&slot| {
            let before = core::mem::replace(&mut last, slot);
            slot < head.used && book.orders.restore_free(before, slot)
        });
        check(fit, "a slot that was freed is not free")
    })?;
    book.orders.restore_unused(last, head.used);
    Ok(())
}

/// True if two orders that would trade rest, where none may.
fn is_crossed(book: &Book) -> bool {
    (0..book.books.len() as u32).any(|place| book.is_crossed(place))
}
