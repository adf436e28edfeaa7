//! The commonest way, straight through: a plain order comes in where nothing special is about,
//! trades with plain orders, and rests or is gone.
//!
//! Inputs -> outputs: as entry.rs and matching.rs.
//! Invariants: what this does is what those do; whatever is not plain is left to them, before
//! anything changed or between two trades. So this file could be taken out, and only time would
//! tell.
//! Not here: every other way (entry.rs, matching.rs).
//!
//! An aggressor takes its slot, and so its handle, at once; it is enrolled (named, and listed among
//! its session's orders) only when it stays. Most aggressors do not, and nobody asks meanwhile.

use crate::book::{Book, Step};
use crate::digest::term;
use crate::entry::order_of;
use crate::kinds::is_plain;
use crate::matching::Sweep;
use crate::names::{Spot, Vacancy};
use crate::orders::{NIL, Order, flag, handle};
use crate::replace::is_supported;
use crate::reports::{Aggressor, Emit, Match, Shown};
use crate::symbol::{SymbolBook, resting};
use gavel_contract::Outbox;
use gavel_types::{
    CancelOrder, CancelReason, ClOrdId, EventKind, NewOrder, OrderId, Price, Qty, ReplaceOrder,
    SessionSlot, StpInstruction, TimeInForce, TradingPhase,
};

/// An order on the quick way, and what is at hand of it.
struct Incoming {
    slot: u32,
    id: OrderId,
    order: Order,
    /// Its price.
    ticks: u64,
    /// Where its name goes, while it is not enrolled.
    vacancy: Option<Vacancy>,
}

impl SymbolBook {
    /// True if plain orders do nothing here but trade and rest.
    #[inline(always)]
    fn is_quiet(&self) -> bool {
        self.all_or_none == 0
            && !self.has_stops()
            && self.phase == TradingPhase::Continuous
            && self.bands.dynamic == Price(0)
    }

    /// The price in ticks, if an order is legal here, whatever it is otherwise.
    #[inline(always)]
    fn legal(&self, qty: Qty, price: Price) -> Option<u64> {
        let is_legal = qty != Qty(0) && self.rules.is_legal_qty(qty) && self.is_within_band(price);
        if is_legal { self.rules.legal_ticks(price) } else { None }
    }
}

impl Book {
    /// The quick way of a new order; None, and nothing has changed, if it is not for this one.
    #[inline(always)]
    pub(crate) fn enter_quick(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<Step> {
        if !is_plain(asked) {
            return None;
        }
        let place = self.place_of(asked.symbol)?;
        let book = &self.books[place as usize];
        if !book.is_quiet() {
            return None;
        }
        let ticks = book.legal(asked.qty, asked.price)?;
        let vacancy = self.names.vacancy_at_home(session, asked.cl_ord_id)?;
        let has_room = book.side(asked.side).has_room(&self.pages, self.levels_max, 0);
        if self.orders.is_full() || !has_room {
            return None;
        }
        let stays = asked.time_in_force != TimeInForce::Ioc;
        let rests = stays && !book.other(asked.side).reaches(ticks);
        let mut flags = 0;
        if self.risk.is_armed {
            match self.check_new(&order_of(session, place, asked, 0), asked) {
                Ok(known) => flags = known,
                Err(reason) => return Some(self.reject(session, asked, reason, emit)),
            }
        }
        let order = order_of(session, place, asked, flags);
        if rests {
            return Some(self.rest_quick(order, ticks, vacancy, emit));
        }
        let at = (ticks, vacancy);
        Some(self.enter_crossing(session, asked, (place, flags), at, emit))
    }

    /// An order that meets nobody rests.
    #[inline(always)]
    fn rest_quick(
        &mut self,
        order: Order,
        ticks: u64,
        vacancy: Vacancy,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let symbol = self.books[order.book as usize].rules.symbol;
        let slot = self.orders.begin();
        let id = self.queue_quick(slot, order, ticks);
        self.names.insert(vacancy, slot);
        self.enlist(slot, &order);
        let shown = Shown { order: &order, id, symbol, open: order.qty };
        emit.accepted(self.counters.exec(), shown);
        self.tell_order(slot, EventKind::Add, order.leaves, emit);
        self.told(emit)
    }

    /// Puts an order in its slot, at the end of the queue at its price.
    #[inline(always)]
    fn queue_quick(&mut self, slot: u32, order: Order, ticks: u64) -> OrderId {
        let book = &mut self.books[order.book as usize];
        book.digest = book.digest.wrapping_add(term(book.rules.symbol, &order, Qty(0)));
        let which = resting(order.side);
        let level = book.open_level(&mut self.levels, &mut self.pages, which, ticks, order.book);
        let before = self.levels.push(level, slot, order.leaves);
        self.orders.put(slot, order, level, before)
    }

    /// Takes an order, as it is, out of its queue; its links stay as they are.
    #[inline(always)]
    fn unqueue_quick(&mut self, slot: u32, order: &Order) {
        let book = &mut self.books[order.book as usize];
        book.digest = book.digest.wrapping_sub(term(book.rules.symbol, order, Qty(0)));
        let (level, is_empty) = self.levels.take_out(&mut self.orders, slot, order.leaves);
        if is_empty {
            book.close_level(&mut self.levels, &mut self.pages, level);
        }
    }

    /// An order that meets somebody, or does not rest.
    #[inline(never)]
    fn enter_crossing(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
        (place, flags): (u32, u8),
        (ticks, vacancy): (u64, Vacancy),
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let order = order_of(session, place, asked, flags);
        let slot = self.orders.take(&order);
        let id = self.orders.id(slot);
        let symbol = self.books[order.book as usize].rules.symbol;
        emit.accepted(self.counters.exec(), Shown { order: &order, id, symbol, open: order.qty });
        let mut incoming = Incoming { slot, id, order, ticks, vacancy: Some(vacancy) };
        self.cross(&mut incoming, emit)
    }

    /// An order that meets somebody trades.
    fn cross(&mut self, incoming: &mut Incoming, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let place = incoming.order.book as usize;
        let stp = match incoming.order.stp {
            StpInstruction::Default => self.books[place].rules.stp,
            chosen => chosen,
        };
        // What is counted of accounts that were named asks for orders by their slots.
        if incoming.order.is(flag::KNOWN) {
            self.enrol_now(incoming);
        }
        let which = resting(incoming.order.side) as usize ^ 1;
        while incoming.order.leaves != Qty(0) {
            let ladder = &self.books[place].ladders[which];
            let Some(level) = ladder.first().filter(|_| ladder.reaches(incoming.ticks)) else {
                break;
            };
            let maker = self.levels.level(level).head;
            let order = self.orders.order(maker);
            let is_own = stp != StpInstruction::Allow
                && self.owner(order, 0) == self.owner(&incoming.order, 0);
            if order.is(!flag::KNOWN) || is_own || !emit.has_room(2) {
                return self.leave_to_sweep(incoming, emit);
            }
            self.match_first(incoming, level, maker, emit);
        }
        self.settle_quick(incoming, emit)
    }

    /// The rest is not for this way.
    #[cold]
    fn leave_to_sweep(
        &mut self,
        incoming: &mut Incoming,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        self.enrol_now(incoming);
        let terms = self.terms(&incoming.order, 0);
        self.sweep(Sweep::begin(incoming.slot, terms), emit)
    }

    /// One match with the first order of a level, a plain one.
    #[inline(always)]
    fn match_first(
        &mut self,
        incoming: &mut Incoming,
        level: u32,
        maker: u32,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        let Order { price, leaves, flags, .. } = *self.orders.order(maker);
        let (slot, side) = (incoming.slot, incoming.order.side);
        let is_known = (flags | incoming.order.flags) & flag::KNOWN != 0;
        if is_known {
            self.count_positions([slot, maker], slot);
        }
        let qty = incoming.order.leaves.min(leaves);
        let matched = Match { id: self.counters.trd_match(), price, qty };
        incoming.order.leaves.0 -= qty.0;
        self.orders.order_mut(slot).leaves = incoming.order.leaves;
        let book = &mut self.books[incoming.order.book as usize];
        let symbol = book.rules.symbol;
        book.last = price;
        let open = incoming.order.leaves;
        let shown = Shown { order: &incoming.order, id: incoming.id, symbol, open };
        emit.trade(self.counters.exec(), shown, matched, Aggressor::Yes);
        let node = self.orders.node_mut(maker);
        book.digest = book.digest.wrapping_sub(term(symbol, &node.order, Qty(0)));
        node.order.leaves.0 -= qty.0;
        let id = handle(node.generation, maker);
        let shown = Shown { order: &node.order, id, symbol, open: node.order.leaves };
        emit.trade(self.counters.exec(), shown, matched, Aggressor::No);
        let is_gone = node.order.leaves == Qty(0);
        if is_gone {
            let (_, is_empty) = self.levels.take_out(&mut self.orders, maker, qty);
            if is_empty {
                book.close_level(&mut self.levels, &mut self.pages, level);
            }
        } else {
            book.digest = book.digest.wrapping_add(term(symbol, &node.order, Qty(0)));
            self.levels.shrink(level, qty);
        }
        self.tell_trade(maker, matched, side.code(), emit);
        if is_known {
            self.count_trades([slot, maker], qty);
        }
        if is_gone {
            self.end(maker);
        }
    }

    /// The quick way of a cancel; None, and nothing has changed, if it is not for this one.
    #[inline(always)]
    pub(crate) fn cancel_quick(
        &mut self,
        session: SessionSlot,
        asked: &CancelOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<Step> {
        let (slot, spot) = self.named_at_home(session, asked.order_id, asked.orig_cl_ord_id)?;
        let order = *self.orders.order(slot);
        let book = &mut self.books[order.book as usize];
        let symbol = book.rules.symbol;
        let is_meant = symbol == asked.symbol && order.side == asked.side;
        if !is_meant || order.is(!flag::KNOWN) {
            return None;
        }
        book.live -= 1;
        self.tell_order(slot, EventKind::Delete, order.leaves, emit);
        self.unqueue_quick(slot, &order);
        if order.is(flag::KNOWN) {
            self.discount(slot);
        }
        self.names.clear(spot);
        self.owners.remove(session, slot);
        let id = self.orders.release(slot);
        let shown = Shown { order: &order, id, symbol, open: order.leaves };
        emit.canceled(self.counters.exec(), shown, CancelReason::Requested, asked.cl_ord_id);
        Some(self.after(order.book, emit))
    }

    /// The quick way of a replace that moves an order; None, and nothing has changed, if it is not
    /// for this one.
    #[inline(always)]
    pub(crate) fn replace_quick(
        &mut self,
        session: SessionSlot,
        asked: &ReplaceOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<Step> {
        let (slot, spot) = self.named_at_home(session, asked.order_id, asked.orig_cl_ord_id)?;
        let old = *self.orders.order(slot);
        let book = &self.books[old.book as usize];
        let is_meant = book.rules.symbol == asked.symbol && old.side == asked.side;
        if !is_meant || old.is(!flag::KNOWN) || !book.is_quiet() {
            return None;
        }
        let has_room = book.side(old.side).has_room(&self.pages, self.levels_max, 0);
        let filled = old.qty.0 - old.leaves.0;
        let ticks = book.legal(asked.qty, asked.price)?;
        let may_move = asked.qty.0 > filled
            && has_room
            && is_supported(&old, asked)
            && asked.time_in_force != TimeInForce::Ioc
            && !self.conventions.refuse_replace_that_trades;
        if !may_move || self.keeps_place(slot, &old, asked) {
            return None;
        }
        let is_renamed = asked.cl_ord_id != old.cl_ord_id;
        let vacancy = self.names.vacancy_at_home(session, asked.cl_ord_id);
        if is_renamed && vacancy.is_none() {
            return None;
        }
        let Qty(qty) = asked.qty;
        let (cl_ord_id, price, time_in_force) = (asked.cl_ord_id, asked.price, asked.time_in_force);
        let leaves = Qty(qty - filled);
        let new = Order { cl_ord_id, price, qty: asked.qty, leaves, time_in_force, ..old };
        if self.risk.is_armed {
            // A refusal takes nothing: the long way comes to it again, and says so.
            self.check_replace(slot, &Order { cl_ord_id: old.cl_ord_id, ..new }, asked).ok()?;
        }
        let names = (spot, vacancy.filter(|_| is_renamed));
        Some(self.move_quick(slot, (&old, new), ticks, names, emit))
    }

    /// An order leaves its place and goes in again, under another name if there is a place for one.
    #[inline(always)]
    fn move_quick(
        &mut self,
        slot: u32,
        (old, new): (&Order, Order),
        ticks: u64,
        (spot, vacancy): (Spot, Option<Vacancy>),
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        self.tell_order(slot, EventKind::Replace, old.leaves, emit);
        self.unqueue_quick(slot, old);
        if let Some(vacancy) = vacancy {
            self.names.clear(spot);
            self.names.insert(vacancy, slot);
        }
        let book = &self.books[new.book as usize];
        let symbol = book.rules.symbol;
        let rests = !book.other(new.side).reaches(ticks);
        let id = if rests {
            self.queue_quick(slot, new, ticks)
        } else {
            self.orders.put(slot, new, NIL, NIL)
        };
        if new.is(flag::KNOWN) {
            self.opened(slot, old.leaves, new.leaves);
        }
        let shown = Shown { order: &new, id, symbol, open: new.leaves };
        emit.replaced(self.counters.exec(), shown, old.cl_ord_id);
        if !rests {
            return self.aggress(slot, emit);
        }
        self.tell_order(slot, EventKind::Add, new.leaves, emit);
        self.told(emit)
    }

    /// The live order of this session that a cancel or replace names, and where the name stands, if
    /// that is where most do.
    #[inline(always)]
    fn named_at_home(
        &self,
        session: SessionSlot,
        order_id: OrderId,
        orig_cl_ord_id: ClOrdId,
    ) -> Option<(u32, Spot)> {
        if order_id == OrderId(0) {
            return self.names.find_at_home(&self.orders, session, orig_cl_ord_id);
        }
        let slot = self.orders.find(order_id)?;
        let order = self.orders.order(slot);
        let spot = self.names.spot_at_home(session, order.cl_ord_id, slot)?;
        (order.session == session).then_some((slot, spot))
    }

    /// Nothing more trades: what is left rests, or ends.
    #[inline(always)]
    fn settle_quick(&mut self, incoming: &mut Incoming, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let order = incoming.order;
        if order.leaves != Qty(0) && order.time_in_force != TimeInForce::Ioc {
            self.enrol_now(incoming);
            self.queue_quick(incoming.slot, order, incoming.ticks);
            self.tell_order(incoming.slot, EventKind::Add, order.leaves, emit);
            return self.told(emit);
        }
        if order.leaves != Qty(0) {
            if !emit.has_room(1) {
                return self.leave_to_sweep(incoming, emit);
            }
            let symbol = self.books[order.book as usize].rules.symbol;
            let shown = Shown { order: &order, id: incoming.id, symbol, open: order.leaves };
            let why = CancelReason::ImmediateOrCancel;
            emit.canceled(self.counters.exec(), shown, why, order.cl_ord_id);
        }
        match incoming.vacancy {
            Some(_) => {
                self.orders.release(incoming.slot);
            }
            None => self.end(incoming.slot),
        }
        self.told(emit)
    }

    #[inline(always)]
    fn enrol_now(&mut self, incoming: &mut Incoming) {
        let Some(vacancy) = incoming.vacancy.take() else { return };
        // Names only went meanwhile: the place is as good as it was.
        self.names.insert(vacancy, incoming.slot);
        self.enlist(incoming.slot, &incoming.order);
    }
}
