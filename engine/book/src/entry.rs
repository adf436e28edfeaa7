//! NewOrderSingle: is it legal, is there room, and in it goes.
//!
//! Inputs -> outputs: [`NewOrder`] -> Rejected, or New and a sweep to run.
//! Invariants: a rejected order changes nothing but the ExecID counter.
//! Not here: what happens then (matching.rs).

use crate::book::Book;
use crate::matching::Sweep;
use crate::orders::Order;
use crate::reports::Emit;
use gavel_contract::Outbox;
use gavel_types::{
    Nanos, NewOrder, OrdType, OrderRejectReason, Price, Qty, SessionSlot, StpInstruction,
    TimeInForce,
};

impl Book {
    #[inline]
    pub(crate) fn enter(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<Sweep> {
        match self.admit(session, asked) {
            Ok(order) => {
                let slot = self.begin(order);
                emit.accepted(self.shown(slot));
                Some(Sweep { slot })
            }
            Err(reason) => {
                emit.rejected(session, asked, reason);
                None
            }
        }
    }

    /// The order that was asked for, or the first reason against it (order of checks: lib.rs).
    #[inline]
    fn admit(&self, session: SessionSlot, asked: &NewOrder) -> Result<Order, OrderRejectReason> {
        use OrderRejectReason as No;
        let book = self.book_of(asked.symbol).ok_or(No::UnknownSymbol)?;
        let rules = &self.books[book].rules;
        let is_market = asked.ord_type == OrdType::Market;
        if !is_supported(asked) || is_market && asked.price != Price::NULL {
            return Err(No::UnsupportedOrderCharacteristic);
        }
        if asked.qty == Qty(0) || !rules.is_legal_qty(asked.qty) {
            return Err(No::IncorrectQuantity);
        }
        if !is_market && !rules.is_legal_price(asked.price) {
            return Err(No::InvalidPriceIncrement);
        }
        if self.names.find(session, asked.cl_ord_id).is_some() {
            return Err(No::DuplicateOrder);
        }
        let order = Order {
            cl_ord_id: asked.cl_ord_id,
            price: asked.price,
            qty: asked.qty,
            leaves: asked.qty,
            session,
            account: asked.account,
            book: book as u32,
            side: asked.side,
            time_in_force: asked.time_in_force,
        };
        if self.orders.is_full() || order.may_rest() && !self.has_level(&order, 0) {
            return Err(No::BookFull);
        }
        if is_market && self.books[book].ladder(asked.side.opposite()).len() == 0 {
            return Err(No::NoLiquidity);
        }
        Ok(order)
    }

    /// True if the order could rest: its level is there, or there is room for it once `freed`
    /// levels of its side are gone.
    #[inline]
    pub(crate) fn has_level(&self, order: &Order, freed: usize) -> bool {
        let ladder = self.books[order.book as usize].ladder(order.side);
        !ladder.is_full_after(freed) || ladder.find(order.price).is_some()
    }
}

/// False if a field asks for what this machine does not do yet: nothing is accepted silently.
#[inline]
fn is_supported(asked: &NewOrder) -> bool {
    let time_in_force = match asked.time_in_force {
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Ioc => true,
    };
    let stp = match asked.stp {
        StpInstruction::Off => asked.stp_id == 0,
    };
    time_in_force
        && stp
        && asked.min_qty == Qty(0)
        && asked.display_qty == Qty(0)
        && asked.stop_px == Price::NULL
        && asked.expire_time == Nanos(0)
        && asked.exec_inst == 0
}
