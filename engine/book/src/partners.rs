//! All-or-none aggressors: find partners for the whole quantity first, then trade with all of them.
//!
//! Inputs -> outputs: an order that trades whole or not at all -> trades, or it comes to rest.
//! Invariants: what begins to trade trades whole.
//! Limits: [`ROW_MAX`] orders give before the one that closes the walk: trying whether they can is
//! quadratic in it.
//! Not here: all-or-none orders that rest and are met (matching.rs), second chances (chance.rs).
//! Source: the behaviour of Liquibook's tests of all-or-none orders.

use crate::book::{Book, Step, Task};
use crate::chance::Chance;
use crate::orders::{NIL, flag};
use crate::reports::Emit;
use crate::terms::Terms;
use gavel_contract::Outbox;
use gavel_types::Qty;

/// Most orders in a row.
const ROW_MAX: u32 = 256;

/// Partners of an aggressor, trading one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    slot: u32,
    terms: Terms,
    /// The order that trades what the row does not give.
    closer: u32,
    /// What is still needed of the row.
    left: u64,
    /// The next order of the row that is looked at.
    at: u32,
    /// The last one of its level: what is behind it by the time displays anew, and gave already.
    level_end: u32,
    /// What goes on after it.
    chance: Option<Chance>,
}

impl Book {
    /// An all-or-none order that is at no level becomes an aggressor, or comes to rest.
    pub(crate) fn aggress_whole(
        &mut self,
        slot: u32,
        terms: &Terms,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        match self.partners(slot, terms, None) {
            Some(row) => self.then(Task::Row(row)),
            None if self.orders.order(slot).may_rest() => self.come_to_rest(slot, emit),
            // A replace made it Ioc.
            None => self.end_rest(slot, emit),
        }
    }

    /// The partners of an order for all that is left of it, if there are enough.
    pub(crate) fn partners(&self, slot: u32, terms: &Terms, chance: Option<Chance>) -> Option<Row> {
        let wanted = self.orders.order(slot).leaves.0;
        let first = self.first_in(terms.place, terms.other());
        let (mut at, mut sum, mut length) = (first, 0_u64, 0);
        while at != NIL {
            if !terms.reaches(self.levels.level(self.orders.node(at).level).ticks) {
                break;
            }
            if let Some(qty) = self.could_give(terms, at, wanted) {
                if qty + sum >= wanted {
                    let is_whole = self.orders.order(at).is(flag::ALL_OR_NONE);
                    let left = if is_whole { wanted - qty } else { wanted };
                    let given = self.given(terms, (first, at), wanted, left);
                    if given == left || !is_whole && given + qty >= wanted {
                        let (terms, closer, at) = (*terms, at, first);
                        let level_end = self.level_end(first);
                        return Some(Row { slot, terms, closer, left, at, level_end, chance });
                    }
                }
                if length == ROW_MAX {
                    break;
                }
                length += 1;
                sum += qty;
            }
            at = self.following(at);
        }
        None
    }

    /// What an order could give to one that wants so much, if it could give anything.
    fn could_give(&self, terms: &Terms, slot: u32, wanted: u64) -> Option<u64> {
        let node = self.orders.node(slot);
        let qty = node.order.leaves.0;
        let is_too_large = node.order.is(flag::ALL_OR_NONE) && qty > wanted;
        let ticks = self.levels.level(node.level).ticks;
        let may = !is_too_large && terms.is_within_dynamic(ticks) && !self.prevents(terms, slot);
        may.then_some(qty)
    }

    /// What an order of the row gives while so much is still needed.
    fn share(&self, slot: u32, qty: u64, left: u64) -> u64 {
        if qty > left && self.orders.order(slot).is(flag::ALL_OR_NONE) { 0 } else { qty.min(left) }
    }

    /// What the orders from the first up to the last, not included, give of so much.
    fn given(&self, terms: &Terms, (first, end): (u32, u32), wanted: u64, of: u64) -> u64 {
        let (mut at, mut left) = (first, of);
        while at != end && left > 0 {
            if let Some(qty) = self.could_give(terms, at, wanted) {
                left -= self.share(at, qty, left);
            }
            at = self.following(at);
        }
        of - left
    }

    /// The last order at the price of another.
    fn level_end(&self, slot: u32) -> u32 {
        self.levels.level(self.orders.node(slot).level).tail
    }

    /// Looks at the order behind next.
    fn go_on(&self, row: &mut Row) {
        let level = self.levels.level(self.orders.node(row.at).level);
        if row.at != row.level_end {
            row.at = self.orders.node(row.at).next;
            return;
        }
        let other = row.terms.side.opposite();
        let ladder = self.books[row.terms.place as usize].side(other);
        let after = ladder.after(&self.pages, level.ticks);
        let after = after.expect("the closing order is still ahead");
        (row.at, row.level_end) = (self.levels.level(after).head, self.levels.level(after).tail);
    }

    /// Trades with the partners, as long as there is room.
    pub(crate) fn trade_row(&mut self, mut row: Row, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let wanted = self.orders.order(row.slot).qty.0;
        while row.left > 0 && row.at != row.closer {
            if !emit.has_room(2) {
                return self.pause(Task::Row(row));
            }
            let at = row.at;
            self.go_on(&mut row);
            if let Some(qty) = self.could_give(&row.terms, at, wanted) {
                let share = self.share(at, qty, row.left);
                if share > 0 {
                    self.trade(row.slot, at, Qty(share), emit);
                    row.left -= share;
                }
            }
        }
        if !emit.has_room(2) {
            return self.pause(Task::Row(row));
        }
        let rest = self.orders.order(row.slot).leaves;
        self.trade(row.slot, row.closer, rest, emit);
        self.end(row.slot);
        match row.chance {
            Some(chance) => self.then(Task::Chance(chance)),
            None => self.after(row.terms.place, emit),
        }
    }
}
