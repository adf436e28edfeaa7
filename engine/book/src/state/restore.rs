//! A book from bytes, which may be anything.
//!
//! Inputs -> outputs: the sections of state.rs and a new book -> that book as it was saved, or what
//! is wrong with the bytes.
//! Invariants: nothing is believed: a part that contradicts the plan, itself or another part is
//! refused before it is used. What is not refused is a state that satisfies every structural rule
//! of verify.rs.
//! Limits: never allocates more than a chunk, whatever the bytes say. After an error the book is to
//! be thrown away.

use super::{CHUNK_ROWS, Head, OrderRow, Section, SymbolRow, check, planned, take_rows};
use crate::book::Book;
use crate::orders::{NIL, Order};
use crate::reports::Counters;
use alloc::vec::Vec;
use gavel_contract::{BadState, StateSource};
use gavel_types::{Qty, SessionSlot, Side, TimeInForce};
use zerocopy::{FromZeros, IntoBytes};

/// A counter beyond this is no counter: it could not be counted to.
const COUNTER_MAX: u64 = 1 << 62;

// A chunk of the largest rows stays small, and so do the lines of memory that it is about.
const _: () = assert!(CHUNK_ROWS * size_of::<OrderRow>() <= 1 << 16);

pub(crate) fn restore(book: &mut Book, from: &mut impl StateSource) -> Result<(), BadState> {
    assert!(book.is_new(), "a state is restored into a new book");
    let mut head = Head::new_zeroed();
    from.take(head.as_mut_bytes())?;
    check_head(book, &head)?;
    take_symbols(book, from)?;
    take_generations(book, &head, from)?;
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
    take_rows(from, Section::Symbols, book.symbols.len() as u32, |rows: &[SymbolRow]| {
        let same = rows.iter().all(|row| planned.next() == Some(*row));
        check(same, "the book was saved under other instruments")
    })
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

/// Three passes over a chunk, two of them short: so the reads of far memory that each begins with
/// do not wait for each other, and the last one finds everything near. In one pass it took twice as
/// long.
fn take_orders(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut last = (0, 0);
    take_rows(from, Section::Orders, head.live, |rows: &[OrderRow]| {
        let fit = rows.iter().all(|row| row.slot < head.used && book.orders.restore_live(row.slot));
        check(fit, "an order's slot is not to be had")?;
        let are_new =
            rows.iter().all(|row| book.names.try_insert(row.session, row.cl_ord_id, row.slot));
        check(are_new, "two orders have one name")?;
        for row in rows {
            let order = order_of(book, row)?;
            let at = (order.book, order.side.code());
            check(at >= last, "sides are out of order")?;
            last = at;
            *book.orders.order_mut(row.slot) = order;
            queue(book, row.slot, &order)?;
        }
        Ok(())
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

/// Two passes over a chunk, as in [`take_orders`].
fn take_entered(book: &mut Book, head: &Head, from: &mut impl StateSource) -> Result<(), BadState> {
    let mut last = SessionSlot(0);
    let mut sessions = Vec::with_capacity(CHUNK_ROWS);
    take_rows(from, Section::Entered, head.live, |rows: &[u32]| {
        let fit = rows.iter().all(|&slot| slot < head.used && book.orders.node(slot).is_live());
        check(fit, "an order that was entered is not live")?;
        sessions.clear();
        sessions.extend(rows.iter().map(|&slot| book.orders.order(slot).session));
        for (&slot, &session) in rows.iter().zip(&sessions) {
            check(session >= last, "sessions are out of order")?;
            last = session;
            check(!book.owners.has(slot), "an order was entered twice")?;
            book.owners.append(session, slot);
        }
        Ok(())
    })
}
