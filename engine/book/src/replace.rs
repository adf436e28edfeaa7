//! OrderCancelReplaceRequest: the same order under new terms.
//!
//! Inputs -> outputs: [`ReplaceOrder`] -> CancelReject, Canceled, or Replaced and perhaps a sweep.
//! Invariants: a refused replace changes nothing; OrderID and cum_qty stay.
//! Not here: which order is meant (cancel.rs), the sweep (matching.rs).
//! Source: FIX's total OrderQty; CME's rule of priority.

use crate::book::Book;
use crate::cancel::Target;
use crate::matching::Sweep;
use crate::orders::Order;
use crate::reports::Emit;
use gavel_contract::Outbox;
use gavel_types::{CancelReason, CancelRejectReason, Qty, ReplaceOrder, SessionSlot};

impl Book {
    #[inline]
    pub(crate) fn replace(
        &mut self,
        session: SessionSlot,
        asked: &ReplaceOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<Sweep> {
        let target = Target {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id: asked.order_id,
            symbol: asked.symbol,
            side: asked.side,
            response_to: b'2',
        };
        let slot = self.target(session, &target, emit)?;
        if let Err(reason) = self.may_replace(slot, asked) {
            self.refuse(slot, &target, reason, emit);
            return None;
        }
        let cum = self.orders.order(slot).cum();
        if asked.qty <= cum {
            self.unrest(slot);
            emit.canceled(self.shown(slot), CancelReason::ReplacedToFilled, asked.cl_ord_id);
            self.end(slot);
            return None;
        }
        let old = *self.orders.order(slot);
        let new = Order {
            cl_ord_id: asked.cl_ord_id,
            price: asked.price,
            qty: asked.qty,
            leaves: Qty(asked.qty.0 - cum.0),
            time_in_force: asked.time_in_force,
            ..old
        };
        if new.cl_ord_id != old.cl_ord_id {
            self.names.remove(session, old.cl_ord_id);
            self.names.insert(session, new.cl_ord_id, slot);
        }
        if keeps_priority(&old, &new) {
            let level = self.orders.node(slot).level;
            self.levels.shrink(level, Qty(old.leaves.0 - new.leaves.0));
            *self.orders.order_mut(slot) = new;
            emit.replaced(self.shown(slot), old.cl_ord_id);
            return None;
        }
        self.unrest(slot);
        *self.orders.order_mut(slot) = new;
        emit.replaced(self.shown(slot), old.cl_ord_id);
        Some(Sweep { slot })
    }

    /// The first reason against it (order of checks: lib.rs).
    #[inline]
    fn may_replace(&self, slot: u32, asked: &ReplaceOrder) -> Result<(), CancelRejectReason> {
        use CancelRejectReason as No;
        let node = self.orders.node(slot);
        let order = &node.order;
        let holder = self.names.find(order.session, asked.cl_ord_id);
        if holder.is_some_and(|holder| holder != slot) {
            return Err(No::DuplicateClOrdId);
        }
        let rules = &self.books[order.book as usize].rules;
        if !rules.is_legal_qty(asked.qty) {
            return Err(No::IncorrectQuantity);
        }
        if !rules.is_legal_price(asked.price) {
            return Err(No::InvalidPriceIncrement);
        }
        let new = Order { price: asked.price, time_in_force: asked.time_in_force, ..*order };
        let is_alone = self.levels.level(node.level).count == 1;
        let ends = asked.qty <= order.cum();
        if !ends && new.may_rest() && !self.has_level(&new, usize::from(is_alone)) {
            return Err(No::BookFull);
        }
        Ok(())
    }
}

/// A pure decrease, or no change at all, keeps the order's place in the queue.
#[inline]
fn keeps_priority(old: &Order, new: &Order) -> bool {
    new.price == old.price && new.qty <= old.qty && new.may_rest()
}
