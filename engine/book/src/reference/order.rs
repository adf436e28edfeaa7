//! An order as the naive book keeps it, and what can be said of it alone.
//!
//! Invariants: `qty` is `cum`, `displayed` and `hidden` together. Of what does not rest (an
//! aggressor, a stop order that waits) nothing is hidden.

use gavel_types::{
    Account, ClOrdId, Nanos, NewOrder, OrdStatus, OrdType, OrderId, Price, SessionSlot, Side,
    StpInstruction, SymbolId, TimeInForce, exec_inst,
};

#[derive(Clone, Debug)]
pub(super) struct Order {
    /// 0 until it is accepted.
    pub(super) id: OrderId,
    pub(super) session: SessionSlot,
    pub(super) account: Account,
    /// Rises with each order of the venue.
    pub(super) entered: u64,
    pub(super) cl_ord_id: ClOrdId,
    pub(super) symbol: SymbolId,
    pub(super) side: Side,
    /// Stop and StopLimit only while it waits: then it becomes Market or Limit.
    pub(super) ord_type: OrdType,
    pub(super) price: Option<Price>,
    /// None once it is triggered.
    pub(super) stop_px: Option<Price>,
    pub(super) qty: u64,
    pub(super) cum: u64,
    pub(super) displayed: u64,
    pub(super) hidden: u64,
    /// 0 if there is none.
    pub(super) min_qty: u64,
    /// 0 if there is none.
    pub(super) display_qty: u64,
    pub(super) time_in_force: TimeInForce,
    pub(super) expire_time: Option<Nanos>,
    pub(super) exec_inst: u8,
    pub(super) stp: StpInstruction,
    /// 0 if there is none.
    pub(super) stp_id: u64,
    /// 0 if there is none.
    pub(super) budget: u64,
}

/// Whose an order is, as far as self-trade prevention asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Smp(u64),
    Account(Account),
    Session(SessionSlot),
}

impl Order {
    /// The order as it is asked for.
    pub(super) fn asked(session: SessionSlot, asked: &NewOrder, entered: u64) -> Self {
        Self {
            id: OrderId(0),
            session,
            account: asked.account,
            entered,
            cl_ord_id: asked.cl_ord_id,
            symbol: asked.symbol,
            side: asked.side,
            ord_type: asked.ord_type,
            price: some_price(asked.price),
            stop_px: some_price(asked.stop_px),
            qty: asked.qty.0,
            cum: 0,
            displayed: asked.qty.0,
            hidden: 0,
            min_qty: asked.min_qty.0,
            display_qty: asked.display_qty.0,
            time_in_force: asked.time_in_force,
            expire_time: (asked.expire_time.0 != 0).then_some(asked.expire_time),
            exec_inst: asked.exec_inst,
            stp: asked.stp,
            stp_id: asked.stp_id,
            budget: asked.budget,
        }
    }

    /// What is left of it.
    pub(super) fn open(&self) -> u64 {
        self.displayed + self.hidden
    }

    /// True if it waits for its stop price, or would once it is accepted.
    pub(super) fn is_stop(&self) -> bool {
        matches!(self.ord_type, OrdType::Stop | OrdType::StopLimit)
    }

    /// "It may rest (its time in force, and it has a price)": a stop order, once it is triggered.
    pub(super) fn may_rest(&self) -> bool {
        matches!(self.ord_type, OrdType::Limit | OrdType::StopLimit)
            && matches!(self.time_in_force, TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd)
    }

    pub(super) fn is_all_or_none(&self) -> bool {
        self.exec_inst & exec_inst::ALL_OR_NONE != 0
    }

    /// Post-only or sliding: it never trades on entry.
    pub(super) fn is_passive(&self) -> bool {
        self.exec_inst & (exec_inst::POST_ONLY | exec_inst::POST_ONLY_SLIDE) != 0
    }

    pub(super) fn is_sliding(&self) -> bool {
        self.exec_inst & exec_inst::POST_ONLY_SLIDE != 0
    }

    pub(super) fn owner(&self) -> Owner {
        if self.stp_id != 0 {
            Owner::Smp(self.stp_id)
        } else if self.account != Account(0) {
            Owner::Account(self.account)
        } else {
            Owner::Session(self.session)
        }
    }

    pub(super) fn resting_price(&self) -> Price {
        self.price.expect("a resting order has a price")
    }

    /// True if this order, at its price, reaches an order of the other side at that price.
    pub(super) fn reaches(&self, price: Price) -> bool {
        match (self.price, self.side) {
            (None, _) => true,
            (Some(limit), Side::Buy) => price <= limit,
            (Some(limit), Side::Sell) => price >= limit,
        }
    }

    /// OrdStatus while it is live, or after a trade.
    pub(super) fn status(&self) -> OrdStatus {
        if self.cum == 0 {
            OrdStatus::New
        } else if self.open() == 0 {
            OrdStatus::Filled
        } else {
            OrdStatus::PartiallyFilled
        }
    }

    /// "An order with a DisplayQty smaller than what is left displays so much, and hides the rest."
    pub(super) fn display_anew(&mut self) {
        let open = self.open();
        self.displayed = if self.display_qty == 0 { open } else { open.min(self.display_qty) };
        self.hidden = open - self.displayed;
    }

    /// Makes it smaller, hidden quantity first.
    pub(super) fn shrink(&mut self, by: u64) {
        assert!(by < self.open(), "something is left of it");
        let of_hidden = by.min(self.hidden);
        self.qty -= by;
        self.hidden -= of_hidden;
        self.displayed -= by - of_hidden;
    }
}

/// None if it is null.
pub(super) fn some_price(price: Price) -> Option<Price> {
    (price != Price::NULL).then_some(price)
}
