//! The naive book as bytes and back: a plain list of 64-bit words, another form than that of the
//! fast book.
//!
//! Inputs -> outputs: a book between two records <-> counters, slots, symbols, parties, positions,
//! orders in the list's order.
//! Invariants: as for the fast book: whatever the bytes, no panic, and nothing larger than the
//! plan.
//! Limits: time in proportion to the plan's slots, and to the square of the live orders.
//! Not here: a version. The form is for tests and simulation, and outlives no process.

mod restore;

use super::ReferenceBook;
use super::order::Order;
use super::risk::{Likeness, Limits, Party};
use super::symbols::Symbol;
use gavel_contract::StateSink;
use gavel_types::{Nanos, Price};

impl ReferenceBook {
    pub(super) fn save_state(&self, out: &mut impl StateSink) {
        assert!(self.pending.is_empty(), "the state is saved between records");
        let mut put = |word: u64| out.put(&word.to_le_bytes());
        let counters = [self.entries, self.execs, self.matches, self.mass_reports];
        counters.into_iter().for_each(&mut put);
        put(self.now.0);
        put(self.killed.into());
        put(self.generations.len() as u64);
        self.generations.iter().for_each(|&generation| put(generation.into()));
        put(self.free_slots.len() as u64);
        self.free_slots.iter().for_each(|&slot| put(slot.into()));
        put(self.symbols.len() as u64);
        for (id, symbol) in &self.symbols {
            put(id.0.into());
            symbol_words(symbol).into_iter().for_each(&mut put);
        }
        put(self.sessions.len() as u64);
        for (session, party) in &self.sessions {
            put(session.0.into());
            party_words(party).into_iter().for_each(&mut put);
        }
        put(self.accounts.len() as u64);
        for (account, party) in &self.accounts {
            put(account.0.into());
            party_words(party).into_iter().for_each(&mut put);
        }
        put(self.positions.len() as u64);
        for ((account, symbol), net) in &self.positions {
            [account.0.into(), symbol.0.into()].into_iter().for_each(&mut put);
            [*net as u64, (*net >> 64) as u64].into_iter().for_each(&mut put);
        }
        put(self.live.len() as u64);
        for order in &self.live {
            order_words(order).into_iter().for_each(&mut put);
        }
    }
}

fn symbol_words(symbol: &Symbol) -> [u64; 16] {
    let (terms, bands) = (&symbol.terms, &symbol.bands);
    [
        terms.tick as u64,
        terms.price_min.0 as u64,
        terms.price_max.0 as u64,
        terms.lot,
        terms.qty_max,
        terms.qty_scale.into(),
        terms.stp.code().into(),
        terms.protection as u64,
        symbol.phase.code().into(),
        price_word(symbol.reference),
        price_word(symbol.last),
        bands.low.0 as u64,
        bands.high.0 as u64,
        bands.dynamic as u64,
        bands.action.code().into(),
        symbol.killed.into(),
    ]
}

/// The last order is told by its quantity, which is 0 if there was none.
fn party_words(party: &Party) -> [u64; 17] {
    let Limits { qty_max, notional_max, position_max, collar, .. } = party.limits;
    let Limits { orders_max, rate_per_s, rate_burst, duplicate_ms, .. } = party.limits;
    let last = party.last_order.map_or([0; 6], |(order, at)| {
        let Likeness { symbol, side, price, stop_px, qty } = order;
        let prices = [price_word(price), price_word(stop_px)];
        [symbol.0.into(), side.code().into(), prices[0], prices[1], qty, at.0]
    });
    [
        qty_max,
        notional_max,
        position_max,
        collar as u64,
        orders_max.into(),
        rate_per_s.into(),
        rate_burst.into(),
        duplicate_ms.into(),
        party.killed.into(),
        party.units,
        party.filled_at.0,
        last[0],
        last[1],
        last[2],
        last[3],
        last[4],
        last[5],
    ]
}

fn order_words(order: &Order) -> [u64; 22] {
    [
        order.id.0,
        order.session.0.into(),
        order.account.0.into(),
        order.entered,
        order.cl_ord_id.0,
        order.symbol.0.into(),
        order.side.code().into(),
        order.ord_type.code().into(),
        price_word(order.price),
        price_word(order.stop_px),
        order.qty,
        order.cum,
        order.displayed,
        order.hidden,
        order.min_qty,
        order.display_qty,
        order.time_in_force.code().into(),
        order.expire_time.unwrap_or(Nanos(0)).0,
        order.exec_inst.into(),
        order.stp.code().into(),
        order.stp_id,
        order.budget,
    ]
}

fn price_word(price: Option<Price>) -> u64 {
    price.unwrap_or(Price::NULL).0 as u64
}
