//! A new order: thirteen checks, then its first step.
//!
//! Inputs -> outputs: [`NewOrder`] -> Rejected; or New, and what comes of it.
//! Invariants: the first check that fails is the reason. What a check before it changed stays
//! changed (tokens of risk; a phase that a band halted).

use super::kinds::fields_go_together;
use super::order::Order;
use super::room::Ladder;
use super::symbols::Symbol;
use super::{ReferenceBook, ensure, ten_to};
use gavel_types::{
    NewOrder, OrdType, OrderId, OrderRejectReason as No, Price, SessionSlot, Side, TimeInForce,
};

impl ReferenceBook {
    pub(super) fn new_order(&mut self, session: SessionSlot, asked: &NewOrder) {
        let mut order = Order::asked(session, asked, self.entries + 1);
        if let Err(reason) = self.check_new(&mut order) {
            return self.rejected(&order, reason);
        }
        let slot = self.free_slots.pop().expect("room was checked");
        let generation = u64::from(self.generations[slot as usize]);
        order.id = OrderId(generation << 32 | u64::from(slot));
        self.entries += 1;
        self.accepted(&order);
        if order.is_stop() {
            self.live.push(order);
        } else {
            self.go_in(order);
        }
    }

    /// "If the phase collects, comes to rest; else trades as an aggressor."
    pub(super) fn go_in(&mut self, order: Order) {
        if self.symbol(order.symbol).phase.is_collecting() {
            self.rest(order);
        } else {
            self.aggress(order);
        }
    }

    /// Checks in the order of RULES.md; a sliding order has its new price afterwards.
    fn check_new(&mut self, order: &mut Order) -> Result<(), No> {
        let symbol = *self.symbols.get(&order.symbol).ok_or(No::UnknownSymbol)?;
        ensure(fields_go_together(order), No::UnsupportedOrderCharacteristic)?;
        ensure(quantities_are_correct(order, &symbol), No::IncorrectQuantity)?;
        ensure(symbol.is_legal_if_any(order.price), No::InvalidPriceIncrement)?;
        ensure(symbol.is_legal_if_any(order.stop_px), No::InvalidPriceIncrement)?;
        ensure(!self.is_name_taken(order), No::DuplicateOrder)?;
        let may_be_collected = (order.may_rest() || order.is_stop()) && order.exec_inst == 0;
        ensure(symbol.takes(may_be_collected), No::ExchangeClosed)?;
        if !symbol.is_within_static_band(order.price) {
            self.symbol_mut(order.symbol).band_was_left();
            return Err(No::PriceExceedsBand);
        }
        ensure(order.expire_time.is_none_or(|time| time > self.now), No::TooLateToEnter)?;
        self.pass_risk(order, true)?;
        if order.is_passive() {
            self.keep_passive(order, &symbol)?;
        }
        ensure(!self.free_slots.is_empty(), No::BookFull)?;
        if let Some((ladder, price)) = Ladder::wanted_by(order) {
            ensure(self.has_room(ladder, price, None), No::BookFull)?;
        }
        if order.is_stop() {
            let refuses = self.plan.conventions.refuse_stop_beyond_last;
            return ensure(!(refuses && self.is_elected(order)), No::InvalidPriceIncrement);
        }
        self.check_reach(order)
    }

    fn is_name_taken(&self, order: &Order) -> bool {
        self.live.iter().any(|o| o.session == order.session && o.cl_ord_id == order.cl_ord_id)
    }

    /// Check 10: a post-only order must not trade; a sliding one gives way.
    fn keep_passive(&self, order: &mut Order, symbol: &Symbol) -> Result<(), No> {
        let Some(best) = self.best_in_reach(order) else { return Ok(()) };
        ensure(order.is_sliding(), No::PostOnly)?;
        let less_good = match order.side {
            Side::Buy => best.0.checked_sub(symbol.terms.tick),
            Side::Sell => best.0.checked_add(symbol.terms.tick),
        };
        let slid = less_good.map(Price).filter(|&price| symbol.is_legal(price));
        order.price = Some(slid.ok_or(No::PostOnly)?);
        Ok(())
    }

    /// Best price of the other side, if the order would trade there at once.
    pub(super) fn best_in_reach(&self, order: &Order) -> Option<Price> {
        self.best(order.symbol, order.side.opposite()).filter(|&best| order.reaches(best))
    }

    /// Check 13: what it finds is enough.
    fn check_reach(&self, order: &Order) -> Result<(), No> {
        let is_market = order.ord_type == OrdType::Market;
        if is_market && order.budget == 0 {
            let other_side = self.best(order.symbol, order.side.opposite());
            ensure(other_side.is_some(), No::NoLiquidity)?;
        }
        if order.time_in_force != TimeInForce::Fok && order.min_qty == 0 {
            return Ok(());
        }
        let reach = self.reach(order);
        if order.time_in_force == TimeInForce::Fok {
            ensure(reach.qty == order.qty, No::FillOrKill)?;
        }
        ensure(reach.qty >= order.min_qty, No::MinQty)?;
        if order.budget == 0 {
            return Ok(());
        }
        let scale = ten_to(self.symbol(order.symbol).terms.qty_scale);
        let budget = u128::from(order.budget) * scale;
        let is_kept = match order.side {
            Side::Buy => reach.cost <= budget,
            Side::Sell => reach.cost >= budget,
        };
        ensure(is_kept, No::FillOrKill)
    }
}

/// Check 3.
fn quantities_are_correct(order: &Order, symbol: &Symbol) -> bool {
    let lot = symbol.terms.lot;
    order.qty > 0
        && order.qty <= symbol.terms.qty_max
        && order.qty.is_multiple_of(lot)
        && order.display_qty.is_multiple_of(lot)
        && order.min_qty <= order.qty
}
