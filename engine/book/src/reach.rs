//! What an order could trade now, and what that would cost: asked before it is accepted.
//!
//! Inputs -> outputs: terms and a quantity -> how much of it is there, and at what cost.
//! Invariants: nothing changes; what is promised here the sweep keeps.
//! Limits: bounded by the orders on the way.

use crate::book::Book;
use crate::orders::flag;
use crate::terms::Terms;
use gavel_types::{Price, Qty, StpInstruction};

/// What a walk found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) qty: u64,
    /// Sum of price * quantity.
    pub(crate) cost: u128,
}

impl Reach {
    fn add(&mut self, qty: u64, price: Price, wanted: Qty) {
        let qty = qty.min(wanted.0 - self.qty);
        self.qty += qty;
        self.cost += price.0 as u128 * u128::from(qty);
    }
}

impl Book {
    /// Walks the other side for so much. See RULES.md, *Reach*.
    pub(crate) fn reach(&self, terms: &Terms, wanted: Qty) -> Reach {
        let mut reach = Reach::default();
        let book = &self.books[terms.place as usize];
        let ladder = book.side(terms.side.opposite());
        let mut level = ladder.first();
        while let Some(id) = level.filter(|_| reach.qty < wanted.0) {
            let ticks = self.levels.level(id).ticks;
            if !terms.reaches(ticks) || !terms.is_within_dynamic(ticks) {
                break;
            }
            if !self.reach_level(terms, id, wanted, &mut reach) {
                break;
            }
            level = ladder.after(&self.pages, ticks);
        }
        reach
    }

    /// Walks one level; false if the walk ends there.
    fn reach_level(&self, terms: &Terms, id: u32, wanted: Qty, reach: &mut Reach) -> bool {
        let rules = &self.books[terms.place as usize].rules;
        let price = rules.price(self.levels.level(id).ticks);
        // What is hidden displays anew behind those who are displayed now.
        let mut hidden = 0;
        for slot in self.levels.queue(&self.orders, id) {
            let order = self.orders.order(slot);
            let left = wanted.0 - reach.qty;
            if order.is(flag::ALL_OR_NONE) && order.leaves.0 > left {
                continue;
            }
            if self.prevents(terms, slot) {
                if terms.stp == StpInstruction::CancelResting {
                    continue;
                }
                return left == 0;
            }
            reach.add(order.leaves.0, price, wanted);
            if self.conventions.iceberg_keeps_place {
                reach.add(self.orders.hidden(slot).0, price, wanted);
            } else {
                hidden += self.orders.hidden(slot).0;
            }
        }
        reach.add(hidden, price, wanted);
        true
    }
}
