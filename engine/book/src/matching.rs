//! The sweep: an aggressor trades with the other side, best price first, first in first out.
//!
//! Inputs -> outputs: an order that rests nowhere -> Trade reports in pairs, then it rests or ends.
//! Invariants: a trade is at the maker's price; both its reports are adjacent; between two steps
//! the books are consistent, the aggressor aside, so a sweep can pause there.
//! Limits: a sweep is bounded by the orders it meets; it pauses when the outbox has no room for the
//! next step.
//! Not here: whether the order is legal (entry.rs, replace.rs), orders that trade whole or not at
//! all (partners.rs), what would trade (reach.rs).

use crate::book::{Book, Step, Task};
use crate::orders::{NIL, Order, flag};
use crate::reports::{Aggressor, Emit, Match};
use crate::terms::Terms;
use gavel_contract::Outbox;
use gavel_types::{
    BandAction, CancelReason, Event, EventKind, Price, Qty, StpInstruction, TimeInForce,
    TradingPhase,
};

/// Stands for "behind the last order" as a cursor.
const END: u32 = NIL - 1;

/// A sweep that is under way. The aggressor itself is in its slot, with what is left of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    pub(crate) slot: u32,
    pub(crate) terms: Terms,
    /// Where there are orders to pass over: the one that is looked at next, NIL at the beginning.
    at: u32,
    /// Price of its last trade, null if there was none.
    traded_at: Price,
    /// What is left may rest at that price though the order has none.
    pub(crate) rests_at_last: bool,
}

impl Sweep {
    /// That of an order with a price, before its first trade or between two.
    pub(crate) fn begin(slot: u32, terms: Terms) -> Self {
        Self { slot, terms, at: NIL, traded_at: Price::NULL, rests_at_last: false }
    }
}

impl Book {
    /// An order that is at no level becomes an aggressor.
    #[inline]
    pub(crate) fn aggress(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let order = self.orders.order(slot);
        // Most orders meet nobody, and their terms need not be known.
        let is_regular = order.price != Price::NULL && !order.is(flag::ALL_OR_NONE);
        if is_regular && !self.would_trade(order) {
            if order.may_rest() {
                return self.come_to_rest(slot, emit);
            }
            if emit.has_room(1) {
                return self.end_rest(slot, emit);
            }
        }
        self.aggress_on_terms(slot, emit)
    }

    fn aggress_on_terms(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let order = self.orders.order(slot);
        let terms = self.terms(order, self.smp_id(slot));
        let traded_at = Price::NULL;
        if order.is(flag::ALL_OR_NONE) {
            return self.aggress_whole(slot, &terms, emit);
        }
        let rests_at_last = self.conventions.market_rest_rests
            && order.price == Price::NULL
            && matches!(order.time_in_force, TimeInForce::Day | TimeInForce::Gtc);
        self.sweep(Sweep { slot, terms, at: NIL, traded_at, rests_at_last }, emit)
    }

    /// Goes on with a sweep until it is done or there is no room for its next step.
    pub(crate) fn sweep(&mut self, mut sweep: Sweep, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let (slot, place) = (sweep.slot, sweep.terms.place);
        loop {
            if self.orders.order(slot).leaves == Qty(0) {
                self.end(slot);
                return self.after(place, emit);
            }
            let Some(maker) = self.meet(&mut sweep) else { break };
            if !emit.has_room(2) {
                return self.pause(Task::Sweep(sweep));
            }
            let ticks = self.levels.level(self.orders.node(maker).level).ticks;
            if !sweep.terms.is_within_dynamic(ticks) {
                self.leave_band(slot, place, emit);
                return self.after(place, emit);
            }
            let behind = self.behind(place, maker);
            if self.prevents(&sweep.terms, maker) {
                if self.prevent(&sweep, maker, emit) {
                    return self.after(place, emit);
                }
            } else {
                let leaves = |slot| self.orders.order(slot).leaves;
                let qty = leaves(slot).min(leaves(maker));
                sweep.traded_at = self.orders.order(maker).price;
                self.trade(slot, maker, qty, emit);
            }
            sweep.at = self.cursor(maker, behind);
        }
        self.settle(&sweep, emit)
    }

    /// The first order that an aggressor meets and does not pass over.
    #[inline]
    fn meet(&self, sweep: &mut Sweep) -> Option<u32> {
        let terms = &sweep.terms;
        let book = &self.books[terms.place as usize];
        if book.all_or_none == 0 {
            let level = self.levels.level(book.side(terms.side.opposite()).first()?);
            return terms.reaches(level.ticks).then_some(level.head);
        }
        let first = || self.first_in(terms.place, terms.other());
        let mut slot = if sweep.at == NIL { first() } else { sweep.at };
        let leaves = self.orders.order(sweep.slot).leaves;
        while slot != NIL && slot != END {
            let node = self.orders.node(slot);
            if !terms.reaches(self.levels.level(node.level).ticks) {
                break;
            }
            if !node.order.is(flag::ALL_OR_NONE) || node.order.leaves <= leaves {
                sweep.at = slot;
                return Some(slot);
            }
            slot = self.following(slot);
        }
        sweep.at = END;
        None
    }

    /// What comes behind an order, and whether that is at the next price: asked before it trades.
    /// Not looked for where nothing is passed over.
    #[inline]
    fn behind(&self, place: u32, maker: u32) -> (u32, bool) {
        if self.books[place as usize].all_or_none == 0 {
            return (NIL, true);
        }
        let is_last = self.orders.node(maker).next == NIL;
        match self.following(maker) {
            NIL => (END, is_last),
            next => (next, is_last),
        }
    }

    /// Where a walk goes on after an order: it may be gone, or display anew behind the others.
    #[inline]
    fn cursor(&self, maker: u32, (behind, is_last): (u32, bool)) -> u32 {
        let stays = is_last || self.conventions.iceberg_keeps_place;
        if behind != NIL && stays && self.orders.node(maker).is_live() { maker } else { behind }
    }

    /// One match: the aggressor and an order that rests trade so much, at the latter's price.
    #[inline]
    pub(crate) fn trade(
        &mut self,
        slot: u32,
        maker: u32,
        qty: Qty,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        let Order { price, flags, .. } = *self.orders.order(maker);
        let known = (flags | self.orders.order(slot).flags) & flag::KNOWN;
        if known != 0 {
            self.count_positions([slot, maker], slot);
        }
        let matched = Match { id: self.counters.trd_match(), price, qty };
        self.orders.order_mut(slot).leaves.0 -= qty.0;
        let aggressor = *self.orders.order(slot);
        let place = aggressor.book;
        self.books[place as usize].last = price;
        let is_gone = self.fill_resting(maker, qty);
        emit.trade(self.counters.exec(), self.shown(slot), matched, Aggressor::Yes);
        emit.trade(self.counters.exec(), self.shown(maker), matched, Aggressor::No);
        self.tell_trade(maker, matched, aggressor.side.code(), emit);
        if known != 0 {
            self.count_trades([slot, maker], qty);
        }
        if is_gone {
            self.end(maker);
        } else if self.orders.order(maker).leaves == Qty(0) {
            self.display_anew(maker, emit);
        }
    }

    /// So much of a resting order is filled; true if nothing is left of it: it rests no more.
    #[inline]
    fn fill_resting(&mut self, maker: u32, qty: Qty) -> bool {
        let order = self.orders.order(maker);
        if order.leaves == qty && self.orders.hidden(maker) == Qty(0) {
            self.unrest(maker);
            self.orders.order_mut(maker).leaves = Qty(0);
            return true;
        }
        self.shrink(maker, qty);
        false
    }

    /// Tells everybody of a match with an order that rests, or did until then.
    #[inline]
    pub(crate) fn tell_trade<O: Outbox>(
        &mut self,
        maker: u32,
        matched: Match,
        side: u8,
        emit: &mut Emit<'_, O>,
    ) {
        if O::KEEPS_EVENTS {
            let order = *self.orders.order(maker);
            let event = Event {
                order_id: self.orders.id(maker),
                price: matched.price,
                qty: matched.qty,
                other: matched.id.0,
                side: order.side.code(),
                flags: side,
                ..Event::default()
            };
            let execute = Event { kind: EventKind::Execute.code(), ..event };
            self.tell_event(order.book, emit, execute);
            let trade = Event { kind: EventKind::Trade.code(), ..event };
            self.tell_event(order.book, emit, trade);
        }
    }

    /// The next trade would be too far from the last: the aggressor's rest is cancelled.
    pub(crate) fn leave_band(&mut self, slot: u32, place: u32, emit: &mut Emit<'_, impl Outbox>) {
        let own_name = self.orders.order(slot).cl_ord_id;
        self.cancel_aggressor(slot, CancelReason::PriceBand, own_name, emit);
        if self.books[place as usize].bands.action == BandAction::Halt {
            self.move_to(place, TradingPhase::Halt, emit);
        }
    }

    /// True if the aggressor must not trade with this order.
    #[inline]
    pub(crate) fn prevents(&self, terms: &Terms, maker: u32) -> bool {
        terms.stp != StpInstruction::Allow
            && terms.owner == self.owner(self.orders.order(maker), self.smp_id(maker))
    }

    /// What happens instead of a trade with an order of the same owner; true if the aggressor is
    /// gone by it.
    fn prevent(&mut self, sweep: &Sweep, maker: u32, emit: &mut Emit<'_, impl Outbox>) -> bool {
        use StpInstruction as Stp;
        let why = CancelReason::SelfTrade;
        let (slot, stp) = (sweep.slot, sweep.terms.stp);
        let own = |order: &Order| order.cl_ord_id;
        if stp == Stp::Decrement {
            return self.decrement(slot, maker, emit);
        }
        if matches!(stp, Stp::CancelResting | Stp::CancelBoth) {
            let name = own(self.orders.order(maker));
            self.cancel_resting(maker, why, name, emit);
        }
        let ends = matches!(stp, Stp::CancelAggressor | Stp::CancelBoth);
        if ends {
            let name = own(self.orders.order(slot));
            self.cancel_aggressor(slot, why, name, emit);
        }
        ends
    }

    /// Both become less by what they would have traded; true if the aggressor is gone by it.
    fn decrement(&mut self, slot: u32, maker: u32, emit: &mut Emit<'_, impl Outbox>) -> bool {
        let why = CancelReason::SelfTrade;
        let (aggressor, resting) = (*self.orders.order(slot), *self.orders.order(maker));
        let by = aggressor.leaves.min(resting.leaves);
        let is_gone = resting.leaves == by && self.orders.hidden(maker) == Qty(0);
        if is_gone || resting.is(flag::ALL_OR_NONE) {
            self.cancel_resting(maker, why, resting.cl_ord_id, emit);
        } else {
            self.lessen(maker, by);
            self.tell_order(maker, EventKind::Reduce, by, emit);
            if self.orders.order(maker).leaves == Qty(0) {
                self.display_anew(maker, emit);
            }
            emit.restated(self.counters.exec(), self.shown(maker));
        }
        if aggressor.leaves == by {
            self.cancel_aggressor(slot, why, aggressor.cl_ord_id, emit);
            return true;
        }
        let order = self.orders.order_mut(slot);
        order.qty.0 -= by.0;
        order.leaves.0 -= by.0;
        if order.is(flag::KNOWN) {
            self.opened(slot, aggressor.leaves, Qty(aggressor.leaves.0 - by.0));
        }
        emit.restated(self.counters.exec(), self.shown(slot));
        false
    }

    /// Less of a resting order is left, by its displayed quantity; it keeps its place.
    pub(crate) fn lessen(&mut self, slot: u32, by: Qty) {
        let open = self.orders.open(slot);
        if self.orders.order(slot).is(flag::KNOWN) {
            self.opened(slot, open, Qty(open.0 - by.0));
        }
        self.change(slot, |book, slot| {
            let order = book.orders.order_mut(slot);
            order.qty.0 -= by.0;
            order.leaves.0 -= by.0;
            book.levels.shrink(book.orders.node(slot).level, by);
        });
    }

    /// Nothing more trades: what is left of the aggressor rests or ends.
    #[inline]
    fn settle(&mut self, sweep: &Sweep, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let slot = sweep.slot;
        if sweep.rests_at_last && sweep.traded_at != Price::NULL {
            let order = Order { price: sweep.traded_at, ..*self.orders.order(slot) };
            if self.has_level(&order, 0) {
                self.orders.order_mut(slot).price = order.price;
            }
        }
        if self.orders.order(slot).may_rest() {
            return self.come_to_rest(slot, emit);
        }
        if !emit.has_room(1) {
            return self.pause(Task::Sweep(*sweep));
        }
        self.end_rest(slot, emit)
    }

    /// What is left of an order that may not rest is cancelled.
    pub(crate) fn end_rest(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let order = *self.orders.order(slot);
        self.cancel_aggressor(slot, CancelReason::ImmediateOrCancel, order.cl_ord_id, emit);
        self.after(order.book, emit)
    }

    /// What is left comes to rest while trading is continuous.
    #[inline]
    pub(crate) fn come_to_rest(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) -> Step {
        self.display(slot);
        self.rest(slot, emit);
        let place = self.orders.order(slot).book;
        if self.books[place as usize].all_or_none == 0 {
            return self.after(place, emit);
        }
        self.give_second_chance(slot)
    }
}
