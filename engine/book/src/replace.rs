//! OrderCancelReplaceRequest: the same order under new terms.
//!
//! Inputs -> outputs: [`ReplaceOrder`] -> CancelReject, Canceled, or Replaced and what follows.
//! Invariants: a refused replace changes nothing but tokens of risk that it took, and the phase if
//! its price left a band that halts; OrderID, cum_qty and the place in the order of entry stay.
//! Not here: which order is meant (cancel.rs), the sweep (matching.rs).
//! Source: FIX's total OrderQty, which mitigates what is in flight; CME's rule of priority. The
//! order of the checks is that of RULES.md, *Cancel, reduce, replace*.

use crate::book::{Book, Step};
use crate::cancel::target;
use crate::orders::{Order, flag};
use crate::reports::Emit;
use crate::symbol::waiting;
use gavel_contract::Outbox;
use gavel_types::{
    CancelReason, CancelRejectReason, EventKind, Price, Qty, ReplaceOrder, SessionSlot,
    TimeInForce, TradingPhase, exec_inst,
};

/// What a replace comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// No more than has filled: the order ends.
    Ends,
    /// The order keeps its place.
    Stays,
    /// The order leaves its place and goes in again.
    Moves,
}

impl Book {
    #[inline(never)]
    pub(crate) fn replace(
        &mut self,
        session: SessionSlot,
        asked: &ReplaceOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        if let Some(step) = self.replace_quick(session, asked, emit) {
            return step;
        }
        self.replace_any(session, asked, emit)
    }

    /// The way of every replace.
    #[inline(never)]
    fn replace_any(
        &mut self,
        session: SessionSlot,
        asked: &ReplaceOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let target = target!(asked, b'2');
        let Some(slot) = self.target(session, &target, emit) else {
            return self.told(emit);
        };
        let place = self.orders.order(slot).book;
        match self.may_replace(slot, asked) {
            Err(reason) => {
                self.refuse(slot, &target, reason, emit);
                if reason == CancelRejectReason::PriceExceedsBand {
                    self.halt_if_asked(place, emit);
                }
                self.after(place, emit)
            }
            Ok(Effect::Ends) => {
                let why = CancelReason::ReplacedToFilled;
                self.cancel_resting(slot, why, asked.cl_ord_id, emit);
                self.after(place, emit)
            }
            Ok(Effect::Stays) => {
                self.stay(slot, asked, emit);
                self.after(place, emit)
            }
            Ok(Effect::Moves) => self.go_again(slot, asked, emit),
        }
    }

    /// The order under its new terms, where it is.
    fn stay(&mut self, slot: u32, asked: &ReplaceOrder, emit: &mut Emit<'_, impl Outbox>) {
        let old = *self.orders.order(slot);
        self.rename(slot, asked);
        self.change(slot, |book, slot| book.orders.order_mut(slot).cl_ord_id = asked.cl_ord_id);
        self.keep_time(slot, asked.time_in_force);
        let by = Qty(old.qty.0 - asked.qty.0);
        if by > Qty(0) {
            self.decrease(slot, by, emit);
        }
        emit.replaced(self.counters.exec(), self.shown(slot), old.cl_ord_id);
    }

    /// The order under its new terms leaves its place and goes in again.
    #[inline]
    fn go_again(
        &mut self,
        slot: u32,
        asked: &ReplaceOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let old = *self.orders.order(slot);
        let open = self.orders.open(slot);
        let leaves = Qty(asked.qty.0 - (old.qty.0 - open.0));
        self.tell_order(slot, EventKind::Replace, old.leaves, emit);
        self.unrest(slot);
        self.rename(slot, asked);
        if old.is(flag::EXTRA) {
            let extra = self.orders.extra_mut(slot);
            extra.hidden = Qty(0);
            if asked.stop_px != Price(0) {
                extra.stop_px = asked.stop_px;
            }
            self.keep_time(slot, asked.time_in_force);
        }
        let (cl_ord_id, price, qty) = (asked.cl_ord_id, asked.price, asked.qty);
        let time_in_force = asked.time_in_force;
        *self.orders.order_mut(slot) =
            Order { cl_ord_id, price, qty, leaves, time_in_force, ..old };
        if old.is(flag::KNOWN) {
            self.opened(slot, open, leaves);
        }
        emit.replaced(self.counters.exec(), self.shown(slot), old.cl_ord_id);
        self.go_in(slot, emit)
    }

    /// The order goes by another name from here on.
    #[inline]
    fn rename(&mut self, slot: u32, asked: &ReplaceOrder) {
        let order = self.orders.order(slot);
        let (session, old) = (order.session, order.cl_ord_id);
        if old != asked.cl_ord_id {
            self.names.remove(session, old, slot);
            let vacancy = self.names.vacancy(&self.orders, session, asked.cl_ord_id);
            let vacancy = vacancy.expect("the name was looked for");
            self.names.insert(vacancy, slot);
        }
    }

    /// Its time in force from here on: only a Gtd order expires.
    fn keep_time(&mut self, slot: u32, time_in_force: TimeInForce) {
        self.orders.order_mut(slot).time_in_force = time_in_force;
        if time_in_force != TimeInForce::Gtd && self.orders.order(slot).is(flag::EXTRA) {
            self.never_expires(slot);
        }
    }

    /// What it comes to, or the first reason against it.
    #[inline]
    fn may_replace(
        &mut self,
        slot: u32,
        asked: &ReplaceOrder,
    ) -> Result<Effect, CancelRejectReason> {
        use CancelRejectReason as No;
        let order = *self.orders.order(slot);
        let cum = self.orders.cum(slot);
        if !is_supported(&order, asked) {
            return Err(No::Unsupported);
        }
        let holder = self.names.find(&self.orders, order.session, asked.cl_ord_id);
        if holder.is_some_and(|holder| holder != slot) {
            return Err(No::DuplicateClOrdId);
        }
        let rules = &self.books[order.book as usize].rules;
        let ends = asked.qty <= cum;
        let is_refused = ends && self.conventions.refuse_replace_to_filled;
        if !rules.is_legal_qty(asked.qty) || is_refused {
            return Err(No::IncorrectQuantity);
        }
        let is_legal = |price| price == Price::NULL || rules.is_legal_price(price);
        let is_legal_stop = asked.stop_px == Price(0) || rules.is_legal_price(asked.stop_px);
        if !is_legal(asked.price) || !is_legal_stop {
            return Err(No::InvalidPriceIncrement);
        }
        if ends {
            return Ok(Effect::Ends);
        }
        if self.keeps_place(slot, &order, asked) {
            return Ok(Effect::Stays);
        }
        let (price, time_in_force) = (asked.price, asked.time_in_force);
        let leaves = Qty(asked.qty.0 - cum.0);
        let new = Order { price, time_in_force, leaves, qty: asked.qty, ..order };
        self.may_move(slot, &new, asked)?;
        Ok(Effect::Moves)
    }

    /// A decrease, or no change at all, keeps the order's place.
    #[inline]
    pub(crate) fn keeps_place(&self, slot: u32, old: &Order, asked: &ReplaceOrder) -> bool {
        let is_no_larger =
            asked.qty == old.qty || asked.qty < old.qty && !self.conventions.requeue_on_decrease;
        let same_stop =
            asked.stop_px == Price(0) || asked.stop_px == self.orders.extra(slot).stop_px;
        asked.price == old.price
            && is_no_larger
            && asked.exec_inst == 0
            && !old.is(flag::ALL_OR_NONE)
            && asked.time_in_force != TimeInForce::Ioc
            && same_stop
    }

    /// The first reason against going in again.
    fn may_move(
        &mut self,
        slot: u32,
        new: &Order,
        asked: &ReplaceOrder,
    ) -> Result<(), CancelRejectReason> {
        use CancelRejectReason as No;
        let book = &self.books[new.book as usize];
        let waits = new.is(flag::WAITS);
        let is_continuous = book.phase == TradingPhase::Continuous;
        let collects = book.phase.is_collecting() && (new.may_rest() || waits);
        if !is_continuous && !collects {
            return Err(No::ExchangeClosed);
        }
        if !book.is_within_band(new.price) {
            return Err(No::PriceExceedsBand);
        }
        if self.risk.is_armed {
            self.check_replace(slot, new, asked)?;
        }
        let conventions = &self.conventions;
        let is_shy = new.is(flag::POST_ONLY | flag::SLIDES) && !conventions.post_only_on_entry_only
            || conventions.refuse_replace_that_trades;
        if is_shy && !waits && is_continuous && self.would_trade(new) {
            return Err(No::PostOnly);
        }
        let level = self.levels.level(self.orders.node(slot).level);
        let freed = u32::from(level.count == 1);
        let has_room = if waits {
            let stop_px = match asked.stop_px {
                Price(0) => self.orders.extra(slot).stop_px,
                changed => changed,
            };
            self.has_level_at(new.book, waiting(new.side), stop_px, freed)
        } else {
            !new.may_rest() || self.has_level(new, freed)
        };
        if has_room { Ok(()) } else { Err(No::BookFull) }
    }
}

/// False if the request asks for what an order of this kind cannot become.
#[inline]
pub(crate) fn is_supported(order: &Order, asked: &ReplaceOrder) -> bool {
    let waits = order.is(flag::WAITS);
    let time = match asked.time_in_force {
        TimeInForce::Day | TimeInForce::Gtc => true,
        TimeInForce::Ioc => !waits,
        TimeInForce::Gtd => order.time_in_force == TimeInForce::Gtd,
        TimeInForce::Fok => false,
    };
    let has_price = asked.price != Price::NULL;
    let needs_price = !waits || order.price != Price::NULL;
    asked.exec_inst & !exec_inst::REQUEUE == 0
        && time
        && (asked.stop_px == Price(0) || waits)
        && has_price == needs_price
}
