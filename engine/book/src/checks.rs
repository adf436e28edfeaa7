//! What new orders and replaces tell risk of themselves.
//!
//! Inputs -> outputs: an order as it would be -> nothing, or the reason against it.
//! Not here: limits and switches (risk.rs).

use crate::book::Book;
use crate::orders::{NIL, Order, flag};
use crate::risk::{Likeness, Wish};
use gavel_types::{
    Account, CancelRejectReason, NewOrder, OrderRejectReason, Price, Qty, ReplaceOrder,
};

impl Book {
    /// Whether risk allows a new order; the flags that it has if its account was named.
    pub(crate) fn check_new(
        &mut self,
        order: &Order,
        asked: &NewOrder,
    ) -> Result<u8, OrderRejectReason> {
        let wish = self.wish(order, asked.stop_px, Qty(0), true);
        let is_known = self.check_wish(order, &wish)?;
        Ok(if is_known { flag::KNOWN } else { 0 })
    }

    /// Whether risk allows an order to become `new`.
    pub(crate) fn check_replace(
        &mut self,
        slot: u32,
        new: &Order,
        asked: &ReplaceOrder,
    ) -> Result<(), CancelRejectReason> {
        let stop_px = if new.is(flag::WAITS) {
            let changed = Some(asked.stop_px).filter(|&price| price != Price(0));
            changed.unwrap_or(self.orders.extra(slot).stop_px)
        } else {
            Price::NULL
        };
        let wish = self.wish(new, stop_px, self.orders.open(slot), false);
        self.check_wish(new, &wish).map(|_| ()).map_err(of_replace)
    }

    /// True if the order's account was named.
    #[inline(always)]
    fn check_wish(&mut self, order: &Order, wish: &Wish) -> Result<bool, OrderRejectReason> {
        let Order { account, book, .. } = *order;
        let of = if account == Account(0) { None } else { self.risk.account(account) };
        let position = of.and_then(|of| self.position_of((account, of), book, NIL));
        self.risk.check(wish, of, position)?;
        Ok(of.is_some())
    }

    #[inline(always)]
    fn wish(&self, order: &Order, stop_px: Price, replaced: Qty, is_new: bool) -> Wish {
        let book = &self.books[order.book as usize];
        let known = |price: Price| (price != Price::NULL).then_some(price);
        let best = || {
            let other = book.side(order.side.opposite()).first();
            other.map(|level| book.rules.price(self.levels.level(level).ticks))
        };
        let own = known(order.price).or(known(stop_px));
        Wish {
            now: self.now,
            session: order.session,
            is_new,
            is_symbol_killed: book.is_killed,
            likeness: Likeness {
                symbol: order.book,
                side: order.side,
                price: order.price,
                stop_px,
                qty: order.leaves,
            },
            qty: order.qty,
            replaced,
            valued_at: own.or_else(best).or_else(|| book.market()),
            units: book.rules.units(),
            market: book.market(),
            session_live: self.owners.count(order.session),
        }
    }
}

/// The same reason, as a replace is refused for it.
fn of_replace(reason: OrderRejectReason) -> CancelRejectReason {
    use OrderRejectReason as No;
    match reason {
        No::RiskRate => CancelRejectReason::RiskRate,
        No::RiskQty => CancelRejectReason::RiskQty,
        No::RiskNotional => CancelRejectReason::RiskNotional,
        No::RiskPosition => CancelRejectReason::RiskPosition,
        No::RiskCollar => CancelRejectReason::RiskCollar,
        // Nothing else is asked of a replace.
        _ => CancelRejectReason::Killed,
    }
}
