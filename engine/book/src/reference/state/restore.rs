//! Words back to a naive book: whatever they are, a sound one or none.
//!
//! Invariants: each part is checked against itself and the plan when it is read, and all of them
//! against each other at the end.

use super::super::order::{Order, some_price};
use super::super::risk::{Likeness, Limits, Party};
use super::super::symbols::{Bands, Symbol, Terms};
use super::super::{ReferenceBook, kinds};
use alloc::vec::Vec;
use gavel_contract::{BadState, StateSource};
use gavel_types::{
    Account, BandAction, ClOrdId, Nanos, OrdType, OrderId, Price, SessionSlot, Side,
    StpInstruction, SymbolId, TimeInForce, TradingPhase,
};

impl ReferenceBook {
    pub(in super::super) fn restore_state(
        &mut self,
        from: &mut impl StateSource,
    ) -> Result<(), BadState> {
        assert!(self.entries == 0 && self.execs == 0, "a state is restored into a new book");
        let counters = [word(from)?, word(from)?, word(from)?, word(from)?];
        check(counters.iter().all(|&count| count < u64::MAX / 4), "a counter is beyond use")?;
        [self.entries, self.execs, self.matches, self.mass_reports] = counters;
        self.now = Nanos(word(from)?);
        self.killed = flag(from)?;
        self.take_slots(from)?;
        self.take_symbols(from)?;
        self.take_parties(from)?;
        self.take_positions(from)?;
        let live = word(from)?;
        check(live <= self.generations.len() as u64, "more orders are live than there are slots")?;
        for _ in 0..live {
            let order = self.take_order(from)?;
            self.live.push(order);
        }
        self.check_slots()?;
        self.check_prices()
    }

    fn take_slots(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let slots = self.generations.len();
        check(word(from)? == slots as u64, "the book was saved under other sizes")?;
        for slot in 0..slots {
            let generation = small(from)?;
            check(generation > 0, "a generation is 0")?;
            self.generations[slot] = generation;
        }
        let free = word(from)?;
        check(free <= slots as u64, "more slots are free than there are")?;
        self.free_slots = (0..free).map(|_| small(from)).collect::<Result<Vec<u32>, _>>()?;
        Ok(())
    }

    fn take_symbols(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let planned = core::mem::take(&mut self.symbols);
        let most = (self.plan.symbols_max as usize).max(planned.len());
        let count = word(from)?;
        check(count <= most as u64, "there are more symbols than allowed")?;
        for _ in 0..count {
            let id = SymbolId(small(from)?);
            let symbol = self.take_symbol(from)?;
            check(self.symbols.insert(id, symbol).is_none(), "a symbol is there twice")?;
        }
        let stay = planned.keys().all(|id| self.symbols.contains_key(id));
        check(stay, "a symbol of the plan is missing")
    }

    fn take_symbol(&self, from: &mut impl StateSource) -> Result<Symbol, BadState> {
        let terms = Terms {
            tick: word(from)? as i64,
            price_min: price(from)?,
            price_max: price(from)?,
            lot: word(from)?,
            qty_max: word(from)?,
            qty_scale: code(word(from)?, Some)?,
            stp: code(word(from)?, StpInstruction::from_code)?,
            protection: word(from)? as i64,
        };
        check(terms.are_correct(self.plan.orders_max), "a symbol's terms are wrong")?;
        let symbol = Symbol {
            terms,
            phase: code(word(from)?, TradingPhase::from_code)?,
            reference: some_price(price(from)?),
            last: some_price(price(from)?),
            bands: Bands {
                low: price(from)?,
                high: price(from)?,
                dynamic: word(from)? as i64,
                action: code(word(from)?, BandAction::from_code)?,
            },
            killed: flag(from)?,
        };
        let Bands { low, high, dynamic, .. } = symbol.bands;
        check(low >= Price(0) && high >= low && dynamic >= 0, "a symbol's bands are wrong")?;
        let is_known_price = |price: Option<Price>| price.is_none_or(|price| price >= Price(1));
        let are_prices = is_known_price(symbol.reference) && is_known_price(symbol.last);
        check(are_prices, "a symbol's prices are wrong")?;
        Ok(symbol)
    }

    fn take_parties(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let sessions = word(from)?;
        check(sessions <= self.plan.sessions_max.into(), "there are too many sessions")?;
        for _ in 0..sessions {
            let session = SessionSlot(small(from)?);
            check(session.0 < self.plan.sessions_max, "a session is unknown")?;
            let party = take_party(from)?;
            check(party.limits.position_max == 0, "a session has a position")?;
            check(self.sessions.insert(session, party).is_none(), "a session is there twice")?;
        }
        let accounts = word(from)?;
        check(accounts <= self.plan.accounts_max.into(), "there are too many accounts")?;
        for _ in 0..accounts {
            let account = Account(small(from)?);
            check(account != Account(0), "account 0 has limits")?;
            let party = take_party(from)?;
            check(self.accounts.insert(account, party).is_none(), "an account is there twice")?;
        }
        Ok(())
    }

    fn take_positions(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let positions = word(from)?;
        check(positions <= self.plan.positions_max.into(), "there are too many positions")?;
        for _ in 0..positions {
            let (account, symbol) = (Account(small(from)?), SymbolId(small(from)?));
            let is_known =
                self.accounts.contains_key(&account) && self.symbols.contains_key(&symbol);
            check(is_known, "a position is nobody's")?;
            let (low, high) = (word(from)?, word(from)? as i64);
            let net = i128::from(high) << 64 | i128::from(low);
            check(net.unsigned_abs() < 1 << 120, "a position is beyond use")?;
            let was_there = self.positions.insert((account, symbol), net).is_some();
            check(!was_there, "a position is there twice")?;
        }
        Ok(())
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
            ord_type: code(word(from)?, OrdType::from_code)?,
            price: some_price(price(from)?),
            stop_px: some_price(price(from)?),
            qty: word(from)?,
            cum: word(from)?,
            displayed: word(from)?,
            hidden: word(from)?,
            min_qty: word(from)?,
            display_qty: word(from)?,
            time_in_force: code(word(from)?, TimeInForce::from_code)?,
            expire_time: Some(Nanos(word(from)?)).filter(|&time| time != Nanos(0)),
            exec_inst: code(word(from)?, Some)?,
            stp: code(word(from)?, StpInstruction::from_code)?,
            stp_id: word(from)?,
            budget: word(from)?,
        };
        let unknown = BadState { what: "an order's symbol is unknown" };
        let symbol = self.symbols.get(&order.symbol).ok_or(unknown)?;
        check(order.is_stop() || order.may_rest(), "an order may neither wait nor rest")?;
        check(kinds::fields_go_together(&order), "an order is of no kind")?;
        check(symbol.is_legal_if_any(order.price), "an order's price is wrong")?;
        check(symbol.is_legal_if_any(order.stop_px), "an order's stop price is wrong")?;
        check(are_quantities_sound(&order, symbol), "an order's quantities are wrong")?;
        check(order.session.0 < self.plan.sessions_max, "an order's session is unknown")?;
        check(order.entered <= self.entries, "an order was entered that never was")?;
        check(order.expire_time.is_none_or(|time| time > self.now), "an order is overdue")?;
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

    /// Ladders have room for their levels, no book is crossed, and no stop order is overdue.
    fn check_prices(&self) -> Result<(), BadState> {
        let levels_max = self.plan.levels_max as usize;
        let fits = self.levels().into_iter().all(|levels| levels <= levels_max);
        check(fits, "there are too many levels")?;
        check(self.pages() <= self.plan.pages_max as usize, "there are too many pages")?;
        for (&id, symbol) in &self.symbols {
            let is_trading = symbol.is_continuous();
            let may_be_crossed = !is_trading;
            check(may_be_crossed || !self.is_crossed(id), "a book is crossed")?;
            let mut stops = self.live.iter().filter(|o| o.symbol == id && o.is_stop());
            let is_overdue = is_trading && stops.any(|o| self.is_elected(o));
            check(!is_overdue, "a stop order was elected")?;
        }
        Ok(())
    }
}

fn are_quantities_sound(order: &Order, symbol: &Symbol) -> bool {
    let Terms { lot, qty_max, .. } = symbol.terms;
    let parts = [order.cum, order.displayed, order.hidden];
    let is_whole = order.cum.checked_add(order.displayed).and_then(|q| q.checked_add(order.hidden))
        == Some(order.qty);
    let waits_or_hides = if order.is_stop() {
        order.cum == 0 && order.hidden == 0
    } else {
        order.hidden == 0 || order.displayed <= order.display_qty
    };
    is_whole
        && order.displayed > 0
        && order.qty <= qty_max
        && parts.iter().all(|part| part.is_multiple_of(lot))
        && order.display_qty.is_multiple_of(lot)
        && waits_or_hides
        && (!order.is_all_or_none() || (order.cum == 0 && order.hidden == 0))
}

fn take_party(from: &mut impl StateSource) -> Result<Party, BadState> {
    let limits = Limits {
        qty_max: word(from)?,
        notional_max: word(from)?,
        position_max: word(from)?,
        collar: word(from)? as i64,
        orders_max: small(from)?,
        rate_per_s: small(from)?,
        rate_burst: small(from)?,
        duplicate_ms: small(from)?,
    };
    let has_burst = limits.rate_per_s == 0 || limits.rate_burst > 0;
    check(has_burst && limits.collar >= 0, "limits of risk are wrong")?;
    let killed = flag(from)?;
    let (units, filled_at) = (word(from)?, Nanos(word(from)?));
    check(u128::from(units) <= limits.bucket(), "a bucket runs over")?;
    let [symbol, side, price, stop_px, qty, at] =
        [word(from)?, word(from)?, word(from)?, word(from)?, word(from)?, word(from)?];
    let mut party = Party { limits, killed, units, filled_at, last_order: None };
    if qty > 0 {
        let symbol =
            u32::try_from(symbol).map_err(|_| BadState { what: "a number is too large" })?;
        let likeness = Likeness {
            symbol: SymbolId(symbol),
            side: code(side, Side::from_code)?,
            price: some_price(Price(price as i64)),
            stop_px: some_price(Price(stop_px as i64)),
            qty,
        };
        party.last_order = Some((likeness, Nanos(at)));
    } else {
        let is_nothing = [symbol, side, price, stop_px, at] == [0; 5];
        check(is_nothing, "a last order is nothing")?;
    }
    Ok(party)
}

fn word(from: &mut impl StateSource) -> Result<u64, BadState> {
    let mut bytes = [0; 8];
    from.take(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn price(from: &mut impl StateSource) -> Result<Price, BadState> {
    Ok(Price(word(from)? as i64))
}

fn small(from: &mut impl StateSource) -> Result<u32, BadState> {
    u32::try_from(word(from)?).map_err(|_| BadState { what: "a number is too large" })
}

fn flag(from: &mut impl StateSource) -> Result<bool, BadState> {
    code(word(from)?, |byte| (byte <= 1).then_some(byte == 1))
}

fn code<T>(word: u64, of: impl Fn(u8) -> Option<T>) -> Result<T, BadState> {
    let unknown = BadState { what: "a code is unknown" };
    u8::try_from(word).ok().and_then(of).ok_or(unknown)
}

fn check(holds: bool, what: &'static str) -> Result<(), BadState> {
    if holds { Ok(()) } else { Err(BadState { what }) }
}
