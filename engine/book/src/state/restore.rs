//! A book from bytes, which may be anything.
//!
//! Inputs -> outputs: the sections of state.rs and a new book -> that book as it was saved, or what
//! is wrong with the bytes.
//! Invariants: nothing is believed: a part that contradicts the plan, itself or another part is
//! refused before it is used. What is not refused is a state that satisfies every structural rule
//! of verify.rs.
//! Limits: never allocates more than a chunk, whatever the bytes say. After an error the book is to
//! be thrown away.

use super::{CHUNK_ROWS, Head, OrderRow, Section, SymbolRow, check, planned, read_rows};
use crate::book::Book;
use crate::orders::{NIL, Order};
use crate::reports::Counters;
use gavel_contract::{BadState, StateSource};
use gavel_types::{Qty, SessionSlot, Side, TimeInForce};
use zerocopy::{FromZeros, IntoBytes};

/// A counter beyond this is no counter: it could not be counted to.
const COUNTER_MAX: u64 = 1 << 62;

// A chunk of the largest rows stays small.
const _: () = assert!(CHUNK_ROWS * size_of::<OrderRow>() <= 1 << 16);

pub(crate) fn restore(book: &mut Book, from: &mut impl StateSource) -> Result<(), BadState> {
    assert!(book.is_new(), "a state is restored into a new book");
    let mut head = Head::new_zeroed();
    from.take(head.as_mut_bytes())?;
    check_head(book, &head)?;
    take_symbols(book, from)?;
    let retired = take_generations(book, head.used, from)?;
    let accounted = u64::from(head.live) + u64::from(head.freed) + u64::from(retired);
    check(accounted == u64::from(head.used), "slots are lost")?;
    take_freed(book, &head, from)?;
    take_orders(book, &head, from)?;
    take_entered(book, &head, from)?;
    book.counters = Counters { exec: head.exec, trd_match: head.trd_match, mass: head.mass };
    Ok(())
}

fn check_head(book: &Book, head: &Head) -> Result<(), BadState> {
    let planned = planned(book);
    check(head.magic == planned.magic, "this is no book")?;
    check(head.version == planned.version, "the book has another version")?;
    let same = head.orders_max == planned.orders_max
        && head.levels_max == planned.levels_max
        && head.symbols == planned.symbols;
    check(same, "the book was saved under other sizes")?;
    check(head.used <= head.orders_max, "more slots were used than there are")?;
    let is_counted = |count: u64| count <= COUNTER_MAX;
    let counted = is_counted(head.exec) && is_counted(head.trd_match) && is_counted(head.mass);
    check(counted, "a counter is beyond use")?;
    // Every live order was reported New, and every match twice.
    check(head.exec >= 2 * head.trd_match + u64::from(head.live), "reports are lost")
}

fn take_symbols(book: &Book, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut planned = book.books.iter().map(|book| SymbolRow::of(&book.rules));
    read_rows(from, Section::Symbols, book.symbols.len() as u32, |row: &SymbolRow| {
        check(planned.next() == Some(*row), "the book was saved under other instruments")
    })
}

/// Returns how many slots are never taken again.
fn take_generations(
    book: &mut Book,
    used: u32,
    from: &mut impl StateSource,
) -> Result<u32, BadState> {
    let (mut slot, mut retired) = (0, 0);
    read_rows(from, Section::Generations, used, |&generation: &u32| {
        check(book.orders.restore_generation(slot, generation), "a generation is 0")?;
        retired += u32::from(book.orders.is_retired(slot));
        slot += 1;
        Ok(())
    })?;
    Ok(retired)
}

fn take_freed(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut last = NIL;
    read_rows(from, Section::Freed, head.freed, |&slot: &u32| {
        let is_free = slot < head.used && book.orders.restore_free(last, slot);
        check(is_free, "a slot that was freed is not free")?;
        last = slot;
        Ok(())
    })?;
    book.orders.restore_unused(last, head.used);
    Ok(())
}

fn take_orders(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut last = (0, 0);
    read_rows(from, Section::Orders, head.live, |row: &OrderRow| {
        check(row.slot < head.used, "an order's slot was never used")?;
        let order = order_of(book, row)?;
        let at = (order.book, order.side.code());
        check(at >= last, "sides are out of order")?;
        last = at;
        let slot = row.slot;
        check(book.orders.restore_live(slot, order), "an order's slot is not to be had")?;
        let is_new = book.names.try_insert(order.session, order.cl_ord_id, slot);
        check(is_new, "two orders have one name")?;
        queue(book, slot, &order)
    })?;
    let is_crossed = book.books.iter().any(|symbol| {
        let best = |side| symbol.ladder(side).best().map(|id| book.levels.level(id).price);
        matches!((best(Side::Buy), best(Side::Sell)), (Some(bid), Some(ask)) if bid >= ask)
    });
    check(!is_crossed, "a book is crossed")
}

/// The order of a row, if it is one that may rest in this book.
fn order_of(book: &Book, row: &OrderRow) -> Result<Order, BadState> {
    let bad = |what| BadState { what };
    let place = book.book_of(row.symbol).ok_or(bad("an order's symbol is unknown"))?;
    let side = Side::from_code(row.side).ok_or(bad("an order's side is unknown"))?;
    let time_in_force = TimeInForce::from_code(row.time_in_force);
    let time_in_force = time_in_force.ok_or(bad("an order's time in force is unknown"))?;
    let order = Order {
        cl_ord_id: row.cl_ord_id,
        price: row.price,
        qty: row.qty,
        leaves: row.leaves,
        session: row.session,
        account: row.account,
        book: place as u32,
        side,
        time_in_force,
    };
    let rules = &book.books[place].rules;
    check(rules.is_legal_price(order.price) && order.may_rest(), "an order may not rest")?;
    let has_something = order.leaves > Qty(0) && order.leaves <= order.qty;
    let is_legal = rules.is_legal_qty(order.qty) && rules.is_legal_qty(order.leaves);
    check(has_something && is_legal, "an order's quantities are wrong")?;
    check(order.session.0 < book.owners.sessions_max(), "an order's session is unknown")?;
    check(row.reserved == [0; 6], "a reserved byte is not zero")?;
    Ok(order)
}

/// Puts an order behind those that came so far: levels go from the worst to the best.
fn queue(book: &mut Book, slot: u32, order: &Order) -> Result<(), BadState> {
    let ladder = book.books[order.book as usize].ladder_mut(order.side);
    let best = ladder.best().filter(|&id| book.levels.level(id).price == order.price);
    let level = match best {
        Some(level) => level,
        None => {
            let may_follow = !ladder.is_full() && ladder.is_best(order.price);
            check(may_follow, "levels are out of order, or too many")?;
            let level = book.levels.take(order.price);
            ladder.insert(order.price, level);
            level
        }
    };
    book.levels.append(&mut book.orders, level, slot);
    Ok(())
}

fn take_entered(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut last = SessionSlot(0);
    read_rows(from, Section::Entered, head.live, |&slot: &u32| {
        let is_live = slot < head.used && book.orders.node(slot).is_live();
        check(is_live, "an order that was entered is not live")?;
        let session = book.orders.order(slot).session;
        check(session >= last, "sessions are out of order")?;
        last = session;
        check(!book.owners.has(slot), "an order was entered twice")?;
        book.owners.append(session, slot);
        Ok(())
    })
}
