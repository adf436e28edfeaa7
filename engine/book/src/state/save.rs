//! A book as bytes.
//!
//! Inputs -> outputs: a book between two records -> the sections of state.rs.
//! Limits: a queue or list is a chain of dependent reads, slow in a slab of a cache line an order.
//! So the links of each kind are first copied out of the slab, in its own order, into an array that
//! is a sixteenth of it; the chains are followed there, and the reads of the slab depend on nothing.

use super::{OrderRow, RowWriter, Section, SymbolRow, planned};
use crate::book::Book;
use alloc::vec::Vec;
use gavel_contract::StateSink;
use gavel_types::{SessionSlot, Side};
use zerocopy::IntoBytes;

pub(crate) fn save(book: &Book, out: &mut impl StateSink) {
    assert!(book.is_between_records(), "the state is saved between records");
    let used = book.orders.used();
    let live = book.orders.live();
    let mut links: Vec<u32> = book.orders.nodes(used).iter().map(|node| node.next).collect();
    let free = book.orders.first_free();
    let freed = chain(&links, free).count() as u32;
    let mut head = planned(book);
    (head.used, head.live, head.freed) = (used, live, freed);
    let counters = &book.counters;
    (head.exec, head.trd_match, head.mass) = (counters.exec, counters.trd_match, counters.mass);
    out.put(head.as_bytes());

    let mut rows = RowWriter::begin(out, Section::Symbols, head.symbols);
    book.books.iter().for_each(|book| rows.push(SymbolRow::of(&book.rules)));
    rows.end();
    let mut rows = RowWriter::begin(out, Section::Generations, used);
    book.orders.nodes(used).iter().for_each(|node| rows.push(node.generation));
    rows.end();
    let mut rows = RowWriter::begin(out, Section::Freed, freed);
    chain(&links, free).for_each(|slot| rows.push(slot));
    rows.end();
    put_orders(book, &links, out);
    links.clear();
    links.extend(book.owners.afters(used));
    put_entered(book, &links, out);
}

fn put_orders(book: &Book, links: &[u32], out: &mut impl StateSink) {
    let mut rows = RowWriter::begin(out, Section::Orders, book.orders.live());
    let sides = book.books.iter().flat_map(|book| [(book, Side::Buy), (book, Side::Sell)]);
    for (symbol, side) in sides {
        for level in symbol.ladder(side).worst_first() {
            for slot in chain(links, book.levels.level(level).head) {
                let order = book.orders.order(slot);
                rows.push(OrderRow {
                    cl_ord_id: order.cl_ord_id,
                    price: order.price,
                    qty: order.qty,
                    leaves: order.leaves,
                    session: order.session,
                    account: order.account,
                    symbol: symbol.rules.symbol,
                    slot,
                    side: side.code(),
                    time_in_force: order.time_in_force.code(),
                    reserved: [0; 6],
                });
            }
        }
    }
    rows.end();
}

fn put_entered(book: &Book, links: &[u32], out: &mut impl StateSink) {
    let mut rows = RowWriter::begin(out, Section::Entered, book.orders.live());
    let mut left = book.orders.live();
    let sessions = (0..book.owners.sessions_max()).map(SessionSlot);
    for session in sessions {
        if left == 0 {
            break;
        }
        left -= book.owners.count(session);
        chain(links, book.owners.first(session)).for_each(|slot| rows.push(slot));
    }
    rows.end();
}

/// The slots of a chain. It ends with NIL, or a slot that was never used: these are in slot order.
fn chain(links: &[u32], first: u32) -> impl Iterator<Item = u32> + '_ {
    let within = |slot: u32| ((slot as usize) < links.len()).then_some(slot);
    core::iter::successors(within(first), move |&slot| within(links[slot as usize]))
}
