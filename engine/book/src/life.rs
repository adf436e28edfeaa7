//! The life of an order: it becomes live, comes to rest or waits, becomes less, ends.
//!
//! Inputs -> outputs: orders and slots in; events out.
//! Invariants: whoever changes what is open or displayed of an order does it here, so that levels,
//! digests, positions and events follow.
//! Not here: why (a file for each rule).

use crate::book::Book;
use crate::digest::term;
use crate::names::Vacancy;
use crate::orders::{Extra, NIL, Order, flag};
use crate::reports::{Emit, Shown};
use crate::symbol::{resting, waiting};
use gavel_contract::Outbox;
use gavel_types::{CancelReason, ClOrdId, Event, EventKind, Nanos, Price, Qty, Side};

impl Book {
    /// Makes an order live, at no level yet. `vacancy` is where its name goes.
    #[inline]
    pub(crate) fn begin(&mut self, vacancy: Vacancy, order: &Order) -> u32 {
        let slot = self.orders.take(order);
        self.names.insert(vacancy, slot);
        self.enlist(slot, order);
        slot
    }

    /// An order that has its slot and its name is listed and counted.
    #[inline(always)]
    pub(crate) fn enlist(&mut self, slot: u32, order: &Order) {
        self.owners.append(order.session, slot);
        self.books[order.book as usize].live += 1;
        if order.is(flag::KNOWN) {
            let open = self.orders.open(slot);
            self.count_live(slot, 1, (Qty(0), open));
        }
    }

    /// What is known of few orders becomes known of one that is live.
    pub(crate) fn begin_extra(&mut self, slot: u32, extra: &Extra) {
        *self.orders.extra_mut(slot) = *extra;
        if extra.expire_time != Nanos(0) {
            self.entries += 1;
            self.orders.extra_mut(slot).entry = self.entries;
            self.timers.insert(&mut self.orders, slot);
        }
    }

    /// Forgets an order that rests nowhere any more.
    #[inline]
    pub(crate) fn end(&mut self, slot: u32) {
        let order = self.orders.order(slot);
        let (session, flags) = (order.session, order.flags);
        self.names.remove(session, order.cl_ord_id, slot);
        self.books[order.book as usize].live -= 1;
        self.owners.remove(session, slot);
        if flags & (flag::EXTRA | flag::KNOWN) != 0 {
            self.end_known(slot, flags);
        }
        self.orders.release(slot);
    }

    /// Forgets what is known of few orders.
    #[cold]
    fn end_known(&mut self, slot: u32, flags: u8) {
        if flags & flag::EXTRA != 0 {
            self.never_expires(slot);
        }
        if flags & flag::KNOWN != 0 {
            self.discount(slot);
        }
    }

    /// An order of an account that was named is live no more.
    pub(crate) fn discount(&mut self, slot: u32) {
        let open = self.orders.open(slot);
        self.count_live(slot, -1, (open, Qty(0)));
    }

    /// An order does not expire any more.
    pub(crate) fn never_expires(&mut self, slot: u32) {
        if self.orders.extra(slot).timer != NIL {
            self.timers.remove(&mut self.orders, slot);
        }
        self.orders.extra_mut(slot).expire_time = Nanos(0);
    }

    /// An order of an account that was named is live, or is no more.
    fn count_live(&mut self, slot: u32, by: i32, (from, to): (Qty, Qty)) {
        let Order { account, book, side, .. } = *self.orders.order(slot);
        let account = self.risk.account(account).expect("a known order's account was named");
        let live = &mut self.risk.accounts[account as usize].1.live;
        *live = live.wrapping_add_signed(by);
        self.risk.positions.opened(account, book, side, from, to);
    }

    /// There is more or less open of an order of an account that was named.
    pub(crate) fn opened(&mut self, slot: u32, from: Qty, to: Qty) {
        let order = self.orders.order(slot);
        let account = self.risk.account(order.account);
        let account = account.expect("a known order's account was named");
        self.risk.positions.opened(account, order.book, order.side, from, to);
    }

    /// Where an order rests, or waits: book, ladder, price.
    #[inline]
    pub(crate) fn home_of(&self, slot: u32) -> (u32, u32, Price) {
        let order = self.orders.order(slot);
        if order.is(flag::WAITS) {
            (order.book, waiting(order.side), self.orders.extra(slot).stop_px)
        } else {
            (order.book, resting(order.side), order.price)
        }
    }

    /// Puts an order at the end of the queue at its price, or at its stop price if it waits, and
    /// tells everybody.
    #[inline]
    pub(crate) fn rest(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) {
        self.queue(slot);
        self.tell_order(slot, EventKind::Add, self.orders.order(slot).leaves, emit);
    }

    /// Puts an order at the end of its queue.
    #[inline]
    pub(crate) fn queue(&mut self, slot: u32) {
        let order = *self.orders.order(slot);
        let (_, which, price) = self.home_of(slot);
        let hidden = self.orders.hidden(slot);
        let book = &mut self.books[order.book as usize];
        if order.is(flag::ALL_OR_NONE | flag::ICEBERG) {
            book.all_or_none += u32::from(order.is(flag::ALL_OR_NONE));
            book.icebergs += u32::from(order.is(flag::ICEBERG));
        }
        book.digest = book.digest.wrapping_add(term(book.rules.symbol, &order, hidden));
        let ticks = book.rules.ticks(price);
        let level = book.open_level(&mut self.levels, &mut self.pages, which, ticks, order.book);
        self.levels.append(&mut self.orders, level, slot);
    }

    /// Takes an order out of its queue, and its level with it if it was the last.
    #[inline]
    pub(crate) fn unrest(&mut self, slot: u32) -> Order {
        let (order, id, emptied) = self.levels.unlink(&mut self.orders, slot);
        let hidden = if order.is(flag::ICEBERG) { self.orders.extra(slot).hidden } else { Qty(0) };
        let book = &mut self.books[order.book as usize];
        book.digest = book.digest.wrapping_sub(term(book.rules.symbol, &order, hidden));
        if order.is(flag::ALL_OR_NONE | flag::ICEBERG) {
            book.all_or_none -= u32::from(order.is(flag::ALL_OR_NONE));
            book.icebergs -= u32::from(order.is(flag::ICEBERG));
        }
        if emptied {
            book.close_level(&mut self.levels, &mut self.pages, id);
        }
        order
    }

    /// A resting or waiting order is cancelled: reported, and gone.
    #[inline]
    pub(crate) fn cancel_resting<O: Outbox>(
        &mut self,
        slot: u32,
        why: CancelReason,
        request: ClOrdId,
        emit: &mut Emit<'_, O>,
    ) {
        if O::KEEPS_EVENTS {
            self.tell_order(slot, EventKind::Delete, self.orders.order(slot).leaves, emit);
        }
        let order = self.unrest(slot);
        if order.is(flag::ICEBERG) {
            return self.cancel_aggressor(slot, why, request, emit);
        }
        let (id, symbol) = (self.orders.id(slot), self.books[order.book as usize].rules.symbol);
        emit.canceled(
            self.counters.exec(),
            Shown { order: &order, id, symbol, open: order.leaves },
            why,
            request,
        );
        self.end(slot);
    }

    /// An order that is at no level is cancelled: reported, and gone.
    #[inline]
    pub(crate) fn cancel_aggressor(
        &mut self,
        slot: u32,
        why: CancelReason,
        request: ClOrdId,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        emit.canceled(self.counters.exec(), self.shown(slot), why, request);
        self.end(slot);
    }

    /// Less is displayed of an order that rests and stays where it is.
    #[inline]
    pub(crate) fn shrink(&mut self, slot: u32, by: Qty) {
        self.change(slot, |book, slot| {
            book.orders.order_mut(slot).leaves.0 -= by.0;
            book.levels.shrink(book.orders.node(slot).level, by);
        });
    }

    /// Changes a resting order in its place; the digest follows.
    #[inline]
    pub(crate) fn change(&mut self, slot: u32, change: impl FnOnce(&mut Self, u32)) {
        let before = self.term_of(slot);
        change(self, slot);
        let after = self.term_of(slot);
        let book = &mut self.books[self.orders.order(slot).book as usize];
        book.digest = book.digest.wrapping_sub(before).wrapping_add(after);
    }

    #[inline]
    pub(crate) fn term_of(&self, slot: u32) -> u64 {
        let order = self.orders.order(slot);
        let symbol = self.books[order.book as usize].rules.symbol;
        term(symbol, order, self.orders.hidden(slot))
    }

    /// How much of what is open is displayed, once it comes to rest.
    pub(crate) fn display(&mut self, slot: u32) {
        if self.orders.order(slot).is(flag::ICEBERG) {
            let open = self.orders.open(slot);
            let extra = self.orders.extra_mut(slot);
            let displayed = open.min(extra.display);
            extra.hidden = Qty(open.0 - displayed.0);
            self.orders.order_mut(slot).leaves = displayed;
        }
    }

    /// A resting iceberg of which nothing is displayed any more displays anew.
    pub(crate) fn display_anew(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) {
        self.change(slot, |book, slot| {
            book.display(slot);
            let level = book.orders.node(slot).level;
            book.levels.swell(level, book.orders.order(slot).leaves);
        });
        if self.conventions.iceberg_keeps_place {
            return self.tell_add_in_place(slot, emit);
        }
        let level = self.orders.node(slot).level;
        self.levels.requeue(&mut self.orders, level, slot);
        self.tell_order(slot, EventKind::Add, self.orders.order(slot).leaves, emit);
    }

    /// Tells everybody of an order, unless it is one that waits.
    #[inline]
    pub(crate) fn tell_order<O: Outbox>(
        &mut self,
        slot: u32,
        kind: EventKind,
        qty: Qty,
        emit: &mut Emit<'_, O>,
    ) {
        if O::KEEPS_EVENTS && !self.orders.order(slot).is(flag::WAITS) {
            let order = *self.orders.order(slot);
            self.tell_event(
                order.book,
                emit,
                Event {
                    order_id: self.orders.id(slot),
                    price: order.price,
                    qty,
                    kind: kind.code(),
                    side: order.side.code(),
                    ..Event::default()
                },
            );
        }
    }

    /// Tells everybody that an order displays anew where it is.
    pub(crate) fn tell_add_in_place<O: Outbox>(&mut self, slot: u32, emit: &mut Emit<'_, O>) {
        if O::KEEPS_EVENTS {
            let order = *self.orders.order(slot);
            self.tell_event(
                order.book,
                emit,
                Event {
                    order_id: self.orders.id(slot),
                    price: order.price,
                    qty: order.leaves,
                    kind: EventKind::Add.code(),
                    side: order.side.code(),
                    other: self.handle_behind(slot),
                    ..Event::default()
                },
            );
        }
    }

    /// OrderID of the order behind one in its queue, 0 if it is the last.
    fn handle_behind(&self, slot: u32) -> u64 {
        match self.orders.node(slot).next {
            NIL => 0,
            next => self.orders.id(next).0,
        }
    }

    /// Tells everybody something of a symbol, whose best prices may have changed.
    #[inline]
    pub(crate) fn tell_event<O: Outbox>(
        &mut self,
        place: u32,
        emit: &mut Emit<'_, O>,
        event: Event,
    ) {
        if !O::KEEPS_EVENTS {
            return;
        }
        emit.event(Event { symbol: self.books[place as usize].rules.symbol, ..event });
        self.touch(place, emit);
    }

    /// What everybody was told of a symbol's best prices, or auction, may be true no more.
    #[inline]
    pub(crate) fn touch<O: Outbox>(&mut self, place: u32, _emit: &Emit<'_, O>) {
        let book = &mut self.books[place as usize];
        if O::KEEPS_EVENTS && !book.is_touched {
            book.is_touched = true;
            self.touched.push(place);
        }
    }

    /// True if two orders that would trade rest, though the phase does not collect.
    pub(crate) fn is_crossed(&self, place: u32) -> bool {
        let book = &self.books[place as usize];
        let first = |side| self.regular(self.first_in(place, resting(side)));
        let (bid, ask) = (first(Side::Buy), first(Side::Sell));
        let price = |slot: u32| self.orders.order(slot).price;
        !book.phase.is_collecting() && bid != NIL && ask != NIL && price(bid) >= price(ask)
    }

    /// The best price of a side and what is displayed there, 0 at 0 if there is none.
    pub(crate) fn best(&self, place: u32, side: Side) -> (Price, Qty) {
        let book = &self.books[place as usize];
        book.side(side).first().map_or((Price(0), Qty(0)), |id| {
            let level = self.levels.level(id);
            (book.rules.price(level.ticks), level.qty)
        })
    }
}
