//! A book as bytes.
//!
//! Inputs -> outputs: a book between two records -> the sections of state.rs.
//! Limits: a queue or a list is a chain of reads that wait for each other, each as long as the
//! memory is far: a million of them took 190 ms where it was measured, when reads that do not wait
//! took 23. So many chains are followed at a time ([`LANES`]). A book whose orders are all in one
//! queue and of one session, or that has very many freed slots, has the long wait all the same.

use super::{
    ExtraRow, Head2, OrderRow, PartyRow, PositionRow, Section, SymbolRow, planned, put_rows,
};
use crate::book::Book;
use crate::orders::flag;
use crate::positions::Position;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::StateSink;
use gavel_types::SessionSlot;
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
    let mut slots = vec![0; head.live as usize];
    follow(queues(book), |slot| orders.node(slot).next, &mut slots);
    let has_extra = |slot: &u32| orders.order(*slot).is(flag::EXTRA);
    let parties = book.risk.sessions.iter().zip(0..);
    let sessions: Vec<PartyRow> = parties
        .filter(|(party, _)| party.is_somebody())
        .map(|(party, slot)| PartyRow::of(slot, party))
        .collect();
    let head2 = Head2 {
        entries: book.entries,
        now: book.now.0,
        extras: slots.iter().filter(|slot| has_extra(slot)).count() as u32,
        sessions: sessions.len() as u32,
        accounts: book.risk.accounts.len() as u32,
        positions: book.risk.positions.list().len() as u32,
        is_armed: book.risk.is_armed.into(),
        is_venue_killed: book.risk.is_venue_killed.into(),
        reserved: [0; 14],
    };
    out.put(head2.as_bytes());

    let symbols = book.books.iter().map(SymbolRow::of);
    put_rows(out, Section::Symbols, head.symbols, symbols);
    let generations = orders.nodes(head.used).iter().map(|node| node.generation);
    put_rows(out, Section::Generations, head.used, generations);
    // Behind the freed slots come those that were never used.
    let freed = orders.free_slots().take(head.freed as usize);
    put_rows(out, Section::Freed, head.freed, freed);
    let rows = slots.iter().map(|&slot| row_of(book, slot));
    put_rows(out, Section::Orders, head.live, rows);
    let extras = slots.iter().copied().filter(has_extra);
    let rows = extras.map(|slot| ExtraRow::of(slot, orders.extra(slot)));
    put_rows(out, Section::Extras, head2.extras, rows);
    let lists = (0..book.owners.sessions_max()).map(SessionSlot).map(|session| Chain {
        first: book.owners.first(session),
        count: book.owners.count(session),
    });
    follow(lists, |slot| book.owners.after(slot), &mut slots);
    put_rows(out, Section::Entered, head.live, slots.into_iter());
    put_rows(out, Section::Sessions, head2.sessions, sessions.into_iter());
    let accounts = book.risk.accounts.iter();
    let accounts = accounts.map(|(account, party)| PartyRow::of(account.0, party));
    put_rows(out, Section::Accounts, head2.accounts, accounts);
    let positions = book.risk.positions.list().iter().map(position_row);
    put_rows(out, Section::Positions, head2.positions, positions);
}

fn position_row(position: &Position) -> PositionRow {
    PositionRow {
        account: position.account,
        place: position.book,
        net_low: position.net as u64,
        net_high: (position.net >> 64) as i64,
    }
}

/// The queues of all levels.
fn queues(book: &Book) -> impl Iterator<Item = Chain> + '_ {
    let ladders = book.books.iter().flat_map(|book| book.ladders.iter());
    let levels = ladders.flat_map(move |ladder| {
        let ticks = move |id: u32| book.levels.level(id).ticks;
        core::iter::successors(ladder.first(), move |&id| ladder.after(&book.pages, ticks(id)))
    });
    levels
        .map(|id| book.levels.level(id))
        .map(|level| Chain { first: level.head, count: level.count })
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
        symbol: book.books[order.book as usize].rules.symbol,
        slot,
        side: order.side.code(),
        time_in_force: order.time_in_force.code(),
        flags: order.flags & !flag::KNOWN,
        stp: order.stp.code(),
        reserved: [0; 4],
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
