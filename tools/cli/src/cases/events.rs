//! Reports as the events that a case lists.
//!
//! Inputs -> outputs: the reports of one command -> its events, and what is live now.
//! Invariants: acknowledgements are no events; every other report is one, or half of one: a trade
//! is reported to both of its orders, the aggressor first.
//! Not here: whether they are the right ones (run.rs).

use super::adapter::Adapter;
use super::parse::Command as Asked;
use gavel_types::{
    BusinessRejectReason, CancelReason, CancelRejectReason, OrdType, OrderRejectReason, OrderState,
    Report, ReportBody, SteeringResult,
};

impl Adapter {
    /// The events of the command that was just recorded.
    pub(super) fn events(&mut self, asked: &Asked, reports: &[Report]) -> Vec<String> {
        let mut events = Vec::new();
        let mut aggressor = None;
        for report in reports {
            let body = match report.parse() {
                Ok(body) => body,
                Err(bad) => {
                    events.push(format!("a report without meaning: {bad:?}"));
                    continue;
                }
            };
            match body {
                ReportBody::Trade(trade) => {
                    let id = trade.order.cl_ord_id;
                    self.update(&trade.order);
                    match aggressor.take() {
                        None => aggressor = Some(id),
                        Some(taker) => events
                            .push(format!("T {id} {taker} {}@{}", trade.last_qty, trade.last_px)),
                    }
                }
                other => events.extend(self.event(asked, &other)),
            }
        }
        if let Some(id) = aggressor {
            events.push(format!("a trade of {id} with nobody"));
        }
        events
    }

    /// The event that a report is, but a trade.
    fn event(&mut self, asked: &Asked, body: &ReportBody<'_>) -> Option<String> {
        match body {
            ReportBody::New(new) => {
                let id = new.order.cl_ord_id.0;
                match self.entering.take() {
                    Some(order) => {
                        self.live.insert(id, order);
                        None
                    }
                    None => Some(format!("a new order {id} that nobody asked for")),
                }
            }
            ReportBody::Canceled(canceled) => Some(self.canceled(&canceled.order)),
            ReportBody::Restated(restated) => self.shrunk(&restated.order),
            ReportBody::Replaced(replaced) if matches!(asked, Asked::Reduce { .. }) => {
                self.shrunk(&replaced.order)
            }
            ReportBody::Replaced(replaced) => {
                self.update(&replaced.order);
                None
            }
            ReportBody::Triggered(triggered) => {
                let id = triggered.order.cl_ord_id.0;
                if let Some(order) = self.live.get_mut(&id) {
                    order.ord_type = match order.ord_type {
                        OrdType::Stop => OrdType::Market,
                        _ => OrdType::Limit,
                    };
                }
                Some(format!("TRIG {id}"))
            }
            ReportBody::Rejected(rejected) => {
                let OrderState { cl_ord_id, detail, .. } = rejected.order;
                let is_fok = self.entering.take().is_some_and(|order| order.is_fill_or_kill());
                let word = match OrderRejectReason::from_code(detail) {
                    // To a case, a fill-or-kill order is killed for one reason only.
                    Some(OrderRejectReason::NoLiquidity) if is_fok => "FOK",
                    // Where both hold, a case names the id first, and the machine the quantity.
                    Some(OrderRejectReason::IncorrectQuantity)
                        if self.live.contains_key(&cl_ord_id.0) =>
                    {
                        "DUPLICATE_ID"
                    }
                    Some(reason) => order_word(reason),
                    None => "UNNAMED",
                };
                Some(format!("R {cl_ord_id} {word}"))
            }
            ReportBody::CancelReject(refused) => {
                Some(format!("R {} {}", refused.orig_cl_ord_id, cancel_word(refused.reason)))
            }
            ReportBody::BusinessReject(refused) => {
                Some(format!("R {} {}", refused.ref_id, business_word(refused.reason)))
            }
            ReportBody::Steering(done) => {
                let defined = self.defining.take().filter(|_| done.result == SteeringResult::Done);
                self.spec = defined.unwrap_or_else(|| self.spec.clone());
                refused(asked, done.result)
            }
            // How many ended, after those that did.
            ReportBody::MassAction(done) => Some(format!("M {}", done.total_affected)),
            other => Some(format!("a report that no case asks for: {other:?}")),
        }
    }

    /// What the machine says of an order from here on.
    fn update(&mut self, said: &OrderState) {
        let id = said.cl_ord_id.0;
        if said.leaves_qty.0 == 0 {
            self.live.remove(&id);
        } else if let Some(order) = self.live.get_mut(&id) {
            order.open = said.leaves_qty.0;
            order.filled = said.cum_qty.0;
        }
    }

    /// Less of an order is left, and it did not trade.
    fn shrunk(&mut self, said: &OrderState) -> Option<String> {
        let id = said.cl_ord_id.0;
        let before = self.live.get(&id).map_or(0, |order| order.open);
        self.update(said);
        Some(format!("X {id} {}", before.saturating_sub(said.leaves_qty.0)))
    }

    /// An order is gone. One that triggered and could not trade at all is refused, to a case.
    fn canceled(&mut self, said: &OrderState) -> String {
        let id = said.cl_ord_id.0;
        let gone = self.live.remove(&id);
        let open = gone.map_or(0, |order| order.open);
        let is_fok = gone.is_some_and(|order| order.is_fill_or_kill());
        match CancelReason::from_code(said.detail) {
            Some(CancelReason::FillOrKill) => format!("R {id} FOK"),
            Some(CancelReason::NoLiquidity) if is_fok => format!("R {id} FOK"),
            Some(CancelReason::NoLiquidity) => format!("R {id} NO_LIQUIDITY"),
            Some(CancelReason::BookFull) => format!("R {id} BOOK_FULL"),
            _ => format!("X {id} {open}"),
        }
    }
}

/// What steers the venue is done without an event, or refused.
fn refused(asked: &Asked, result: SteeringResult) -> Option<String> {
    let verb = match asked {
        Asked::Steer(steering) => steering.word(),
        _ => "-",
    };
    let word = match result {
        SteeringResult::Done => return None,
        SteeringResult::UnknownSymbol => "UNKNOWN_SYMBOL",
        SteeringResult::UnknownSession => "UNKNOWN_SESSION",
        SteeringResult::ValueIncorrect => "VALUE",
        SteeringResult::OrdersLive => "ORDERS_LIVE",
        SteeringResult::NoRoom => "NO_ROOM",
    };
    Some(format!("R {verb} {word}"))
}

/// The word of a case for each reason; those from PRICE on are our own.
fn order_word(reason: OrderRejectReason) -> &'static str {
    use OrderRejectReason as Why;
    match reason {
        Why::UnknownOrder => "UNKNOWN_ORDER",
        Why::DuplicateOrder => "DUPLICATE_ID",
        Why::IncorrectQuantity => "BAD_QTY",
        Why::PostOnly => "POST_ONLY",
        Why::FillOrKill => "FOK",
        Why::NoLiquidity => "NO_LIQUIDITY",
        Why::ExchangeClosed => "HALTED",
        Why::PriceExceedsBand => "BAND",
        Why::TooLateToEnter => "EXPIRED",
        Why::InvalidPriceIncrement => "PRICE",
        Why::UnsupportedOrderCharacteristic => "UNSUPPORTED",
        Why::BookFull => "BOOK_FULL",
        Why::MinQty => "MIN_QTY",
        Why::UnknownSymbol => "UNKNOWN_SYMBOL",
        Why::OrderExceedsLimit => "LIMIT",
        Why::Killed => "KILLED",
        Why::RiskRate => "RISK_RATE",
        Why::RiskQty => "RISK_QTY",
        Why::RiskNotional => "RISK_NOTIONAL",
        Why::RiskOpenOrders => "RISK_ORDERS",
        Why::RiskPosition => "RISK_POSITION",
        Why::RiskCollar => "RISK_COLLAR",
        Why::RiskDuplicate => "RISK_DUPLICATE",
    }
}

/// The same of requests about an order that lives, or does not.
fn cancel_word(reason: CancelRejectReason) -> &'static str {
    use CancelRejectReason as Why;
    match reason {
        Why::UnknownOrder | Why::TooLateToCancel => "UNKNOWN_ORDER",
        Why::DuplicateClOrdId => "DUPLICATE_ID",
        Why::IncorrectQuantity => "BAD_QTY",
        Why::PostOnly => "POST_ONLY",
        Why::ExchangeClosed => "HALTED",
        Why::PriceExceedsBand => "BAND",
        Why::InvalidPriceIncrement => "PRICE",
        Why::Unsupported => "UNSUPPORTED",
        Why::BookFull => "BOOK_FULL",
        Why::Mismatch => "MISMATCH",
        Why::Killed => "KILLED",
        Why::RiskRate => "RISK_RATE",
        Why::RiskQty => "RISK_QTY",
        Why::RiskNotional => "RISK_NOTIONAL",
        Why::RiskPosition => "RISK_POSITION",
        Why::RiskCollar => "RISK_COLLAR",
    }
}

fn business_word(reason: BusinessRejectReason) -> &'static str {
    match reason {
        BusinessRejectReason::UnknownSymbol => "UNKNOWN_SYMBOL",
        BusinessRejectReason::ValueIncorrect => "VALUE",
        BusinessRejectReason::NotAuthorized => "NOT_AUTHORIZED",
        _ => "MESSAGE",
    }
}
