//! Self-trade prevention: what happens where an aggressor would trade with an order of its own.
//!
//! Source: RULES.md, "The aggressor", 2, and "Owner".

use super::ReferenceBook;
use super::order::Order;
use gavel_types::{CancelReason, StpInstruction};

/// Whether the aggressor goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggressor {
    GoesOn,
    /// It has been reported Canceled.
    IsGone,
}

impl ReferenceBook {
    /// What the aggressor's instruction asks for if the two have one owner; none if they may trade.
    pub(super) fn prevention(&self, order: &Order, other: &Order) -> Option<StpInstruction> {
        let how = match order.stp {
            StpInstruction::Default => self.symbol(order.symbol).terms.stp,
            said => said,
        };
        let is_in_force = how != StpInstruction::Allow;
        (is_in_force && order.owner() == other.owner()).then_some(how)
    }

    /// The aggressor met an order of its own.
    pub(super) fn prevent(
        &mut self,
        order: &mut Order,
        at: usize,
        how: StpInstruction,
    ) -> Aggressor {
        match how {
            StpInstruction::CancelResting => {
                self.end_own(at);
                Aggressor::GoesOn
            }
            StpInstruction::CancelAggressor => self.end_aggressor(order),
            StpInstruction::CancelBoth => {
                self.end_own(at);
                self.end_aggressor(order)
            }
            StpInstruction::Decrement => self.decrement(order, at),
            StpInstruction::Default | StpInstruction::Allow => {
                unreachable!("the symbol's default is an instruction, and Allow prevents nothing")
            }
        }
    }

    /// Both are made smaller; first the resting order is reported, then the aggressor.
    fn decrement(&mut self, order: &mut Order, at: usize) -> Aggressor {
        let mut resting = self.live[at].clone();
        let by = order.open().min(resting.displayed);
        if resting.is_all_or_none() || resting.open() == by {
            self.end_own(at);
        } else {
            resting.qty -= by;
            resting.displayed -= by;
            self.restated(&resting);
            self.put_back(at, resting);
        }
        if order.open() == by {
            return self.end_aggressor(order);
        }
        order.qty -= by;
        order.displayed -= by;
        self.restated(order);
        Aggressor::GoesOn
    }

    fn end_own(&mut self, at: usize) {
        let resting = self.live.remove(at);
        self.canceled(&resting, CancelReason::SelfTrade, resting.cl_ord_id);
    }

    fn end_aggressor(&mut self, order: &Order) -> Aggressor {
        self.canceled(order, CancelReason::SelfTrade, order.cl_ord_id);
        Aggressor::IsGone
    }
}
