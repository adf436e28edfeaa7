//! No quantity appears or vanishes.
//!
//! | rule | of |
//! |---|---|
//! | leaves + cum = qty | New, Trade, Replaced, Triggered, Restated |
//! | leaves = 0 | Canceled, Rejected |
//! | cum = cum before + last_qty | Trade, along one OrderID |
//! | both sides of a match: same TrdMatchID, price and quantity, opposite sides, adjacent | Trade |
//!
//! Inputs -> outputs: every report in log order -> a verdict.

use super::{Verdict, Violation};
use gavel_types::{ExecTrade, OrderState, Report, ReportBody};
use std::collections::BTreeMap;

/// The checker.
#[derive(Debug, Default)]
pub struct Conserve {
    /// By OrderID: what has filled.
    cum: BTreeMap<u64, u64>,
    /// The aggressor's side of a match whose other side must follow.
    half: Option<ExecTrade>,
}

impl Conserve {
    /// The next report.
    pub fn on_report(&mut self, report: &Report) -> Verdict {
        let Ok(body) = report.parse() else {
            return fail("a report has no meaning", report);
        };
        if self.half.is_some() && !matches!(body, ReportBody::Trade(_)) {
            return fail("one side of a match is reported, and not the other", report);
        }
        match body {
            ReportBody::New(exec) if exec.order.cum_qty.0 == 0 && adds_up(&exec.order) => {
                self.cum.insert(exec.order.order_id.0, 0);
                Ok(())
            }
            ReportBody::New(_) => fail("a new order has filled", report),
            ReportBody::Trade(exec) => self.on_trade(exec, report),
            ReportBody::Replaced(exec) if !adds_up(&exec.order) => {
                fail("leaves + cum is not qty", report)
            }
            ReportBody::Triggered(exec) if !adds_up(&exec.order) => {
                fail("leaves + cum is not qty", report)
            }
            ReportBody::Restated(exec) if !adds_up(&exec.order) => {
                fail("leaves + cum is not qty", report)
            }
            ReportBody::Canceled(exec) => {
                let cum = self.cum.remove(&exec.order.order_id.0);
                let well = exec.order.leaves_qty.0 == 0 && cum == Some(exec.order.cum_qty.0);
                if well { Ok(()) } else { fail("an order ends with another quantity", report) }
            }
            ReportBody::Rejected(exec) if exec.order.leaves_qty.0 != 0 => {
                fail("a rejected order has leaves", report)
            }
            _ => Ok(()),
        }
    }

    fn on_trade(&mut self, exec: &ExecTrade, report: &Report) -> Verdict {
        let Some(cum) = self.cum.get_mut(&exec.order.order_id.0) else {
            return fail("an order trades that was never accepted", report);
        };
        *cum += exec.last_qty.0;
        if *cum != exec.order.cum_qty.0 || !adds_up(&exec.order) || exec.last_qty.0 == 0 {
            return fail("a trade does not add up", report);
        }
        if exec.order.leaves_qty.0 == 0 {
            self.cum.remove(&exec.order.order_id.0);
        }
        match self.half.take() {
            None => self.half = Some(*exec),
            Some(other) => {
                let same = other.trd_match_id == exec.trd_match_id
                    && other.last_px == exec.last_px
                    && other.last_qty == exec.last_qty
                    && other.order.side != exec.order.side
                    && other.order.symbol == exec.order.symbol;
                if !same {
                    return fail("the two sides of a match differ", report);
                }
            }
        }
        Ok(())
    }
}

fn adds_up(order: &OrderState) -> bool {
    order.leaves_qty.0 + order.cum_qty.0 == order.qty.0
}

fn fail(what: &str, report: &Report) -> Verdict {
    Err(Violation::new("conserve", format!("{what}: {report:?}")))
}
