//! Live orders from bytes: their rows, what few of them have, the order in which they were entered.

use super::super::{CHUNK_ROWS, ExtraRow, Head, Head2, OrderRow, Section, check, take_rows};
use crate::book::Book;
use crate::orders::{Extra, Order, flag};
use alloc::vec::Vec;
use gavel_contract::{BadState, StateSource};
use gavel_types::{Nanos, Price, Qty, SessionSlot, Side, StpInstruction, TimeInForce};

/// Flags that an order has or has not; KNOWN follows from accounts.
const FLAGS: u8 = !flag::KNOWN;

/// Several passes over a chunk, all but the last short: so the reads of far memory that each begins
/// with do not wait for each other, and the last one finds everything near. In one pass it took
/// twice as long.
pub(super) fn take(
    book: &mut Book,
    head: &Head,
    head2: &Head2,
    from: &mut impl StateSource,
) -> Result<(), BadState> {
    // Orders wait for their extras: where they belong depends on them.
    let mut waiting: Vec<u32> =
        Vec::with_capacity(if head2.extras > 0 { head.live as usize } else { 0 });
    take_rows(from, Section::Orders, head.live, |rows: &[OrderRow]| {
        let fit = rows.iter().all(|row| row.slot < head.used && book.orders.restore_live(row.slot));
        check(fit, "an order's slot is not to be had")?;
        for row in rows {
            *book.orders.order_mut(row.slot) = order_of(book, row)?;
        }
        for row in rows {
            let vacancy = book.names.vacancy(&book.orders, row.session, row.cl_ord_id);
            let vacancy = vacancy.ok_or(BadState { what: "two orders have one name" })?;
            book.names.insert(vacancy, row.slot);
        }
        for row in rows {
            if head2.extras > 0 {
                waiting.push(row.slot);
            } else {
                place(book, row.slot)?;
            }
        }
        Ok(())
    })?;
    if head.version == super::VERSION {
        take_extras(book, head, head2, from)?;
    }
    for slot in waiting {
        place(book, slot)?;
    }
    Ok(())
}

/// The order of a row, if it may be one of this book.
fn order_of(book: &Book, row: &OrderRow) -> Result<Order, BadState> {
    let bad = |what| BadState { what };
    let place = book.place_of(row.symbol).ok_or(bad("an order's symbol is unknown"))?;
    let side = Side::from_code(row.side).ok_or(bad("an order's side is unknown"))?;
    let time_in_force = TimeInForce::from_code(row.time_in_force);
    let time_in_force = time_in_force.ok_or(bad("an order's time in force is unknown"))?;
    let stp = StpInstruction::from_code(row.stp);
    let stp = stp.ok_or(bad("an order's self-trade prevention is unknown"))?;
    let order = Order {
        cl_ord_id: row.cl_ord_id,
        price: row.price,
        qty: row.qty,
        leaves: row.leaves,
        session: row.session,
        account: row.account,
        book: place,
        side,
        time_in_force,
        flags: row.flags,
        stp,
    };
    let waits = order.is(flag::WAITS);
    let rules = &book.books[place as usize].rules;
    let is_legal_price = rules.is_legal_price(order.price) || waits && order.price == Price::NULL;
    check(is_legal_price && (waits || order.may_rest()), "an order may not rest")?;
    let has_something = order.leaves > Qty(0) && order.leaves <= order.qty;
    let is_legal = rules.is_legal_qty(order.qty) && rules.is_legal_qty(order.leaves);
    check(has_something && is_legal, "an order's quantities are wrong")?;
    check(order.session.0 < book.owners.sessions_max(), "an order's session is unknown")?;
    check(row.flags & !FLAGS == 0 && row.reserved == [0; 4], "a reserved byte is not zero")?;
    let extras = flag::WAITS | flag::ICEBERG | flag::SMP_ID;
    let is_extra = order.is(flag::EXTRA);
    let needs_extra = order.is(extras) || time_in_force == TimeInForce::Gtd;
    check(is_extra || !needs_extra, "an order lacks something")?;
    // Neither what waits nor what trades whole has filled, and what trades whole shows all of it.
    let is_whole = order.is(flag::ALL_OR_NONE);
    let has_filled = order.leaves != order.qty;
    let is_iceberg = order.is(flag::ICEBERG);
    let is_odd = has_filled && (is_whole || waits && !is_iceberg) || is_whole && is_iceberg;
    check(!is_odd, "an order did what it cannot")?;
    let shy = row.flags & (flag::POST_ONLY | flag::SLIDES | flag::ALL_OR_NONE);
    check(shy.count_ones() <= 1 && !(shy != 0 && waits), "an order is of two kinds")?;
    Ok(order)
}

fn take_extras(
    book: &mut Book,
    head: &Head,
    head2: &Head2,
    from: &mut impl StateSource,
) -> Result<(), BadState> {
    let mut left = 0;
    take_rows(from, Section::Extras, head2.extras, |rows: &[ExtraRow]| {
        for row in rows {
            let is_live = row.slot < head.used && book.orders.node(row.slot).is_live();
            check(is_live && book.orders.order(row.slot).is(flag::EXTRA), "nobody has this")?;
            check(*book.orders.extra(row.slot) == Extra::NONE, "an order has two extras")?;
            let extra = extra_of(book, head2, row)?;
            *book.orders.extra_mut(row.slot) = extra;
            if extra.expire_time != Nanos(0) {
                book.timers.insert(&mut book.orders, row.slot);
            }
            left += 1;
        }
        Ok(())
    })?;
    let slots = 0..head.used;
    let needs = slots.filter(|&slot| {
        let node = book.orders.node(slot);
        node.is_live() && node.order.is(flag::EXTRA)
    });
    check(needs.count() == left, "an order lacks something")
}

fn extra_of(book: &Book, head2: &Head2, row: &ExtraRow) -> Result<Extra, BadState> {
    let order = book.orders.order(row.slot);
    let rules = &book.books[order.book as usize].rules;
    let iceberg = order.is(flag::ICEBERG);
    let displays = (row.display > Qty(0)) == iceberg && rules.is_lots(row.display);
    let hides = (row.hidden == Qty(0) || iceberg) && rules.is_legal_qty(row.hidden);
    let sum = row.hidden.0.checked_add(order.leaves.0);
    let is_within = sum.is_some_and(|open| open <= order.qty.0);
    // What waits hides nothing yet.
    let waits_whole = !order.is(flag::WAITS) || order.leaves == order.qty && row.hidden == Qty(0);
    check(displays && hides && is_within && waits_whole, "a hidden quantity is wrong")?;
    let was_stop = row.stop_px == Price::NULL || rules.is_legal_price(row.stop_px);
    let waits = !order.is(flag::WAITS) || row.stop_px != Price::NULL;
    check(was_stop && waits, "a stop price is wrong")?;
    let expires = row.expire_time != Nanos(0);
    let is_gtd = order.time_in_force == TimeInForce::Gtd;
    let is_later = !expires || row.expire_time.0 > head2.now && row.entry <= head2.entries;
    check(expires == is_gtd && is_later, "an order's time is wrong")?;
    check((row.smp_id != 0) == order.is(flag::SMP_ID), "an SMPID is wrong")?;
    check(row.reserved == 0, "a reserved byte is not zero")?;
    Ok(Extra {
        display: row.display,
        hidden: row.hidden,
        stop_px: row.stop_px,
        expire_time: row.expire_time,
        smp_id: row.smp_id,
        entry: row.entry,
        ..Extra::NONE
    })
}

/// Puts an order behind those of its level that came so far.
fn place(book: &mut Book, slot: u32) -> Result<(), BadState> {
    let (place, which, price) = book.home_of(slot);
    let symbol = &book.books[place as usize];
    let ladder = &symbol.ladders[which as usize];
    let ticks = symbol.rules.ticks(price);
    let is_new = ladder.find(&book.pages, ticks).is_none();
    let fits = ladder.len() < book.levels_max && ladder.fits(&book.pages, ticks);
    check(!is_new || fits, "there are too many levels")?;
    book.books[place as usize].live += 1;
    book.queue(slot);
    Ok(())
}

/// Two passes over a chunk, as in [`take`].
pub(super) fn take_entered(
    book: &mut Book,
    head: &Head,
    from: &mut impl StateSource,
) -> Result<(), BadState> {
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
