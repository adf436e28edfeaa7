//! OrderCancelReplaceRequest: the same order under new terms.
//!
//! Invariants: a refused replace changes nothing (but a phase that a band halts); OrderID, the
//! place in the session's order of entry and what has filled stay.
//! Source: RULES.md, "A replace".

use super::cancel::Request;
use super::order::{Order, some_price};
use super::room::Ladder;
use super::{ReferenceBook, ensure};
use gavel_types::{
    CancelReason, CancelRejectReason as No, OrdType, OrderRejectReason, Price, ReplaceOrder,
    SessionSlot, TimeInForce, exec_inst,
};

/// What a replace comes to. It is decided before the checks that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It asks for no more than has filled.
    Ends,
    KeepsItsPlace,
    GoesInAgain,
}

impl ReferenceBook {
    pub(super) fn replace(&mut self, session: SessionSlot, asked: &ReplaceOrder) {
        let request = Request {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id: asked.order_id,
            symbol: asked.symbol,
            side: asked.side,
            response_to: b'2',
        };
        let Some(at) = self.meant(session, &request) else { return };
        let old = self.live[at].clone();
        let new = under_new_terms(&old, asked);
        let outcome = self.outcome(&old, &new, asked);
        if let Err(reason) = self.check_replace(&old, &new, asked, outcome) {
            return self.refuse_order(&request, &old, reason);
        }
        match outcome {
            Outcome::Ends => {
                self.live.remove(at);
                self.canceled(&old, CancelReason::ReplacedToFilled, asked.cl_ord_id);
            }
            Outcome::KeepsItsPlace => {
                let mut kept = Order {
                    qty: old.qty,
                    displayed: old.displayed,
                    hidden: old.hidden,
                    ..new.clone()
                };
                if new.qty < old.qty {
                    kept.shrink(old.qty - new.qty);
                }
                self.replaced(&kept, old.cl_ord_id);
                self.live[at] = kept;
            }
            Outcome::GoesInAgain => {
                self.live.remove(at);
                self.replaced(&new, old.cl_ord_id);
                if new.is_stop() {
                    self.live.push(new);
                } else {
                    self.go_in(new);
                }
            }
        }
    }

    fn outcome(&self, old: &Order, new: &Order, asked: &ReplaceOrder) -> Outcome {
        if asked.qty.0 <= old.cum {
            return Outcome::Ends;
        }
        let is_no_larger = if self.plan.conventions.requeue_on_decrease {
            new.qty == old.qty
        } else {
            new.qty <= old.qty
        };
        let keeps_its_place = (new.price, new.stop_px) == (old.price, old.stop_px)
            && is_no_larger
            && asked.exec_inst & exec_inst::REQUEUE == 0
            && (new.may_rest() || new.is_stop())
            && !new.is_all_or_none();
        if keeps_its_place { Outcome::KeepsItsPlace } else { Outcome::GoesInAgain }
    }

    /// Checks in the order of RULES.md.
    fn check_replace(
        &mut self,
        old: &Order,
        new: &Order,
        asked: &ReplaceOrder,
        outcome: Outcome,
    ) -> Result<(), No> {
        let symbol = *self.symbol(old.symbol);
        ensure(terms_go_together(old, asked), No::Unsupported)?;
        let takes_name =
            |o: &Order| o.id != old.id && o.session == old.session && o.cl_ord_id == new.cl_ord_id;
        ensure(!self.live.iter().any(takes_name), No::DuplicateClOrdId)?;
        let is_correct = asked.qty.0 <= symbol.terms.qty_max
            && asked.qty.0.is_multiple_of(symbol.terms.lot)
            && !(self.plan.conventions.refuse_replace_to_filled && outcome == Outcome::Ends);
        ensure(is_correct, No::IncorrectQuantity)?;
        ensure(symbol.is_legal_if_any(new.price), No::InvalidPriceIncrement)?;
        ensure(symbol.is_legal_if_any(new.stop_px), No::InvalidPriceIncrement)?;
        if outcome != Outcome::GoesInAgain {
            return Ok(());
        }
        ensure(symbol.takes(new.may_rest() || new.is_stop()), No::ExchangeClosed)?;
        if !symbol.is_within_static_band(new.price) {
            self.symbol_mut(old.symbol).band_was_left();
            return Err(No::PriceExceedsBand);
        }
        self.pass_risk(new, false).map_err(refused_by_risk)?;
        let conventions = &self.plan.conventions;
        let must_not_trade = (new.is_passive() && !conventions.post_only_on_entry_only)
            || conventions.refuse_replace_that_trades;
        if must_not_trade && symbol.is_continuous() && !new.is_stop() {
            ensure(self.best_in_reach(new).is_none(), No::PostOnly)?;
        }
        if let Some((ladder, price)) = Ladder::wanted_by(new) {
            ensure(self.has_room(ladder, price, Some(old.id)), No::BookFull)?;
        }
        Ok(())
    }
}

/// The order as it would go in again: what is left of it would be displayed.
fn under_new_terms(old: &Order, asked: &ReplaceOrder) -> Order {
    let keeps_time = asked.time_in_force == TimeInForce::Gtd;
    Order {
        cl_ord_id: asked.cl_ord_id,
        price: some_price(asked.price),
        stop_px: if asked.stop_px == Price(0) { old.stop_px } else { Some(asked.stop_px) },
        qty: asked.qty.0,
        displayed: asked.qty.0.saturating_sub(old.cum),
        hidden: 0,
        time_in_force: asked.time_in_force,
        expire_time: old.expire_time.filter(|_| keeps_time),
        ..old.clone()
    }
}

/// The first check.
fn terms_go_together(old: &Order, asked: &ReplaceOrder) -> bool {
    let time_goes = match asked.time_in_force {
        TimeInForce::Day | TimeInForce::Gtc => true,
        TimeInForce::Ioc => !old.is_stop(),
        TimeInForce::Gtd => old.time_in_force == TimeInForce::Gtd,
        TimeInForce::Fok => false,
    };
    let has_price = asked.price != Price::NULL;
    let has_stop_px = asked.stop_px != Price(0);
    asked.exec_inst & !exec_inst::REQUEUE == 0
        && time_goes
        && (!has_stop_px || old.is_stop())
        && has_price == (old.ord_type != OrdType::Stop)
}

fn refused_by_risk(reason: OrderRejectReason) -> No {
    match reason {
        OrderRejectReason::Killed => No::Killed,
        OrderRejectReason::RiskRate => No::RiskRate,
        OrderRejectReason::RiskQty => No::RiskQty,
        OrderRejectReason::RiskNotional => No::RiskNotional,
        OrderRejectReason::RiskPosition => No::RiskPosition,
        OrderRejectReason::RiskCollar => No::RiskCollar,
        other => unreachable!("{other:?} is for new orders only"),
    }
}
