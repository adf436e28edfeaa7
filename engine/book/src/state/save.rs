//! A book as bytes.
//!
//! Inputs -> outputs: a book between two records -> the sections of state.rs.
//! Limits: a queue or a list is a chain of reads that wait for each other, each as long as the
//! memory is far: a million of them took 190 ms where it was measured, when reads that do not wait
//! took 23. So many chains are followed at a time ([`LANES`]). A book whose orders are all in one
//! queue and of one session, or that has very many freed slots, has the long wait all the same.

use super::{OrderRow, Section, SymbolRow, planned, put_rows};
use crate::book::Book;
use alloc::vec;
use gavel_contract::StateSink;
use gavel_types::{SessionSlot, Side};
use zerocopy::IntoBytes;

/// Chains that are followed at a time. The processor has about so many reads under way.
const LANES: usize = 16;

pub(crate) fn save(book: &Book, out: &mut impl StateSink) {
    assert!(book.is_between_records(), "the state is saved between records");
    let orders = &book.orders;
    let mut head = planned(book);
    (head.used, head.live) = (orders.used(), orders.live());
    head.freed = head.used - head.live - orders.retired();
    let counters = &book.counters;
    (head.exec, head.trd_match, head.mass) = (counters.exec, counters.trd_match, counters.mass);
    out.put(head.as_bytes());

    let symbols = book.books.iter().map(|book| SymbolRow::of(&book.rules));
    put_rows(out, Section::Symbols, head.symbols, symbols);
    let generations = orders.nodes(head.used).iter().map(|node| node.generation);
    put_rows(out, Section::Generations, head.used, generations);
    // Behind the freed slots come those that were never used.
    let freed = orders.free_slots().take(head.freed as usize);
    put_rows(out, Section::Freed, head.freed, freed);

    let mut slots = vec![0; head.live as usize];
    let sides = book.books.iter().flat_map(|book| [Side::Buy, Side::Sell].map(|s| book.ladder(s)));
    let levels = sides.flat_map(|ladder| ladder.worst_first()).map(|id| book.levels.level(id));
    let queues = levels.map(|level| Chain { first: level.head, count: level.count });
    follow(queues, |slot| orders.node(slot).next, &mut slots);
    let rows = slots.iter().map(|&slot| row_of(book, slot));
    put_rows(out, Section::Orders, head.live, rows);
    let sessions = (0..book.owners.sessions_max()).map(SessionSlot);
    let lists = sessions.map(|session| Chain {
        first: book.owners.first(session),
        count: book.owners.count(session),
    });
    follow(lists, |slot| book.owners.after(slot), &mut slots);
    put_rows(out, Section::Entered, head.live, slots.into_iter());
}

fn row_of(book: &Book, slot: u32) -> OrderRow {
    let order = book.orders.order(slot);
    OrderRow {
        cl_ord_id: order.cl_ord_id,
        price: order.price,
        qty: order.qty,
        leaves: order.leaves,
        session: order.session,
        account: order.account,
        symbol: book.symbols[order.book as usize],
        slot,
        side: order.side.code(),
        time_in_force: order.time_in_force.code(),
        reserved: [0; 6],
    }
}

/// A queue or a list.
struct Chain {
    first: u32,
    count: u32,
}

/// A chain that is followed: the slot it is at, where that goes, and how many there are from it on.
#[derive(Clone, Copy)]
struct Lane {
    slot: u32,
    at: usize,
    left: u32,
}

/// Puts the slots of all chains into `slots`, which they fill, one chain after the other.
fn follow(mut chains: impl Iterator<Item = Chain>, next: impl Fn(u32) -> u32, slots: &mut [u32]) {
    let mut lanes = [Lane { slot: 0, at: 0, left: 0 }; LANES];
    let mut begun = 0;
    let mut done = 0;
    while done < slots.len() {
        for lane in &mut lanes {
            while lane.left == 0 && begun < slots.len() {
                let chain = chains.next().expect("every live order is in a chain");
                *lane = Lane { slot: chain.first, at: begun, left: chain.count };
                begun += chain.count as usize;
            }
            if lane.left > 0 {
                slots[lane.at] = lane.slot;
                lane.slot = next(lane.slot);
                lane.at += 1;
                lane.left -= 1;
                done += 1;
            }
        }
    }
    assert!(begun == done, "every live order is in one chain");
}
