//! The naive book as bytes and back: a plain list of 64-bit words, another form than that of the
//! fast book.
//!
//! Inputs -> outputs: a book between two records <-> counters, slots, orders in the list's order.
//! Invariants: as for the fast book: whatever the bytes, no panic, and nothing larger than the
//! plan.
//! Limits: time in proportion to the plan's slots, and to the square of the live orders.
//! Not here: a version. The form is for tests and simulation, and outlives no process.

use super::{Order, ReferenceBook, is_legal, rests};
use alloc::vec::Vec;
use gavel_contract::{BadState, StateSink, StateSource};
use gavel_types::{Account, ClOrdId, OrderId, Price, SessionSlot, Side, SymbolId, TimeInForce};

impl ReferenceBook {
    pub(super) fn save_state(&self, out: &mut impl StateSink) {
        assert!(self.pending.is_empty(), "the state is saved between records");
        let mut put = |word: u64| out.put(&word.to_le_bytes());
        let counters = [self.entries, self.execs, self.matches, self.mass_reports];
        counters.into_iter().for_each(&mut put);
        put(self.generations.len() as u64);
        self.generations.iter().for_each(|&generation| put(generation.into()));
        put(self.free_slots.len() as u64);
        self.free_slots.iter().for_each(|&slot| put(slot.into()));
        put(self.live.len() as u64);
        for order in &self.live {
            let price = order.price.expect("a resting order has a price");
            put(order.id.0);
            put(order.session.0.into());
            put(order.account.0.into());
            put(order.entered);
            put(order.cl_ord_id.0);
            put(order.symbol.0.into());
            put(order.side.code().into());
            put(price.0 as u64);
            put(order.qty);
            put(order.cum);
            put(order.time_in_force.code().into());
        }
    }

    pub(super) fn restore_state(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        assert!(self.entries == 0 && self.execs == 0, "a state is restored into a new book");
        let slots = self.generations.len();
        let counters = [word(from)?, word(from)?, word(from)?, word(from)?];
        check(counters.iter().all(|&count| count < u64::MAX / 4), "a counter is beyond use")?;
        [self.entries, self.execs, self.matches, self.mass_reports] = counters;
        check(word(from)? == slots as u64, "the book was saved under other sizes")?;
        for slot in 0..slots {
            let generation = small(from)?;
            check(generation > 0, "a generation is 0")?;
            self.generations[slot] = generation;
        }
        let free = word(from)?;
        check(free <= slots as u64, "more slots are free than there are")?;
        self.free_slots = (0..free).map(|_| small(from)).collect::<Result<Vec<u32>, _>>()?;
        let live = word(from)?;
        check(live <= slots as u64, "more orders are live than there are slots")?;
        for _ in 0..live {
            let order = self.take_order(from)?;
            self.live.push(order);
        }
        self.check_slots()?;
        self.check_prices()
    }

    fn take_order(&self, from: &mut impl StateSource) -> Result<Order, BadState> {
        let order = Order {
            id: OrderId(word(from)?),
            session: SessionSlot(small(from)?),
            account: Account(small(from)?),
            entered: word(from)?,
            cl_ord_id: ClOrdId(word(from)?),
            symbol: SymbolId(small(from)?),
            side: code(word(from)?, Side::from_code)?,
            price: Some(Price(word(from)? as i64)),
            qty: word(from)?,
            cum: word(from)?,
            time_in_force: code(word(from)?, TimeInForce::from_code)?,
        };
        let unknown = BadState { what: "an order's symbol is unknown" };
        let spec = self.spec(order.symbol).ok_or(unknown)?;
        check(is_legal(spec, order.price) && rests(&order), "an order may not rest")?;
        let is_lots = order.qty.is_multiple_of(spec.lot.0) && order.cum.is_multiple_of(spec.lot.0);
        let is_legal_qty = order.qty <= spec.qty_max.0 && order.cum < order.qty && is_lots;
        check(is_legal_qty, "an order's quantities are wrong")?;
        check(order.session.0 < self.plan.sessions_max, "an order's session is unknown")?;
        check(order.entered <= self.entries, "an order was entered that never was")?;
        let is_same = |other: &Order| {
            other.entered == order.entered
                || (other.session == order.session && other.cl_ord_id == order.cl_ord_id)
        };
        check(!self.live.iter().any(is_same), "two orders have one name")?;
        Ok(order)
    }

    /// A slot is live, or free, or used up.
    fn check_slots(&self) -> Result<(), BadState> {
        let mut taken = alloc::vec![false; self.generations.len()];
        let mut take = |slot: u32, generation: u64| -> Result<(), BadState> {
            let known = self.generations.get(slot as usize).copied().map(u64::from);
            let is_usable = known == Some(generation) && generation < u64::from(u32::MAX);
            check(is_usable && !taken[slot as usize], "a slot is not to be had")?;
            taken[slot as usize] = true;
            Ok(())
        };
        for order in &self.live {
            take(order.id.0 as u32, order.id.0 >> 32)?;
        }
        for &slot in &self.free_slots {
            let generation = self.generations.get(slot as usize).copied().unwrap_or(0);
            take(slot, generation.into())?;
        }
        let mut slots = taken.iter().zip(&self.generations);
        check(slots.all(|(taken, &g)| *taken || g == u32::MAX), "slots are lost")
    }

    /// Sides have room for their levels, and no book is crossed.
    fn check_prices(&self) -> Result<(), BadState> {
        for order in &self.live {
            check(self.fits(order, None), "there are too many levels")?;
            check(self.best_against(order).is_none(), "a book is crossed")?;
        }
        Ok(())
    }
}

fn word(from: &mut impl StateSource) -> Result<u64, BadState> {
    let mut bytes = [0; 8];
    from.take(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn small(from: &mut impl StateSource) -> Result<u32, BadState> {
    u32::try_from(word(from)?).map_err(|_| BadState { what: "a number is too large" })
}

fn code<T>(word: u64, of: impl Fn(u8) -> Option<T>) -> Result<T, BadState> {
    let unknown = BadState { what: "a code is unknown" };
    u8::try_from(word).ok().and_then(of).ok_or(unknown)
}

fn check(holds: bool, what: &'static str) -> Result<(), BadState> {
    if holds { Ok(()) } else { Err(BadState { what }) }
}
