//! Call auctions: the price at which most trades, and the trades at it.
//!
//! Inputs -> outputs: a symbol's book as it was collected -> the price, how much would trade and
//! what would be left over; then trades, one by one.
//! Invariants: nothing is allocated; the price depends on the book, the reference and the last
//! trade alone.
//! Limits: a walk over the levels between the lowest ask and the highest bid.
//! Not here: when an auction ends (phases.rs), when it is shown (tell.rs).
//! Source: RULES.md, *Phases*; the order of criteria is that of most venues (volume, imbalance,
//! reference).

use crate::book::Book;
use crate::orders::{NIL, flag};
use crate::reports::{Aggressor, Emit, Match};
use crate::symbol::{ASKS, BIDS};
use core::cmp::Ordering;
use gavel_contract::Outbox;
use gavel_types::{Event, EventKind, Price, Qty};

/// What an auction would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Auction {
    pub(crate) ticks: u64,
    /// Bids at the price or above.
    pub(crate) demand: u64,
    /// Asks at the price or below.
    pub(crate) supply: u64,
}

impl Auction {
    /// What trades.
    pub(crate) fn volume(&self) -> u64 {
        self.demand.min(self.supply)
    }

    /// Which side is left over at the price: bids (greater), asks (less) or neither.
    fn surplus(&self) -> Ordering {
        self.demand.cmp(&self.supply)
    }

    /// What is left over at the price.
    pub(crate) fn imbalance(&self) -> u64 {
        self.demand.abs_diff(self.supply)
    }
}

/// The trades of an auction, under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uncross {
    ticks: u64,
    /// The bid and the ask that are looked at next; none yet, at the beginning.
    at: Option<(u32, u32)>,
}

impl Uncross {
    pub(crate) const fn at(ticks: u64) -> Self {
        Self { ticks, at: None }
    }
}

impl Book {
    /// What an auction would do now, if anything.
    pub(crate) fn auction(&self, place: u32) -> Option<Auction> {
        let book = &self.books[place as usize];
        let market = book.reference_first();
        // Prices above the highest bid and below the lowest ask trade nothing.
        let mut bid = self.collected(place, BIDS, book.side(gavel_types::Side::Buy).first());
        let top = bid?.0;
        let lowest = self.collected(place, ASKS, book.ladders[ASKS as usize].first())?.0;
        let mut supply = self.supply_up_to(place, top);
        let mut ask = self.ask_below(place, top + 1);
        let wanted = market.filter(|&price| book.rules.is_legal_price(price));
        let mut wanted = wanted.map(|price| book.rules.ticks(price)).filter(|&ticks| ticks <= top);
        let mut best: Option<Auction> = None;
        let mut demand = 0;
        loop {
            let level = |of: Option<(u64, u64)>| of.map(|(ticks, _)| ticks);
            let Some(ticks) = level(bid).max(level(ask)).max(wanted) else { break };
            if ticks < lowest {
                break;
            }
            if let Some((_, qty)) = bid.filter(|(at, _)| *at == ticks) {
                demand += qty;
                bid = self.collected(
                    place,
                    BIDS,
                    book.ladders[BIDS as usize].after(&self.pages, ticks),
                );
            }
            let auction = Auction { ticks, demand, supply };
            if auction.volume() > 0
                && best.is_none_or(|best| self.is_better(place, &auction, &best))
            {
                best = Some(auction);
            }
            if let Some((_, qty)) = ask.filter(|(at, _)| *at == ticks) {
                supply -= qty;
                ask = self.ask_below(place, ticks);
            }
            wanted = wanted.filter(|at| *at != ticks);
        }
        best
    }

    /// True if the first is to be preferred; it is at the lower price.
    fn is_better(&self, place: u32, lower: &Auction, higher: &Auction) -> bool {
        let book = &self.books[place as usize];
        let gain = (lower.volume(), higher.imbalance()).cmp(&(higher.volume(), lower.imbalance()));
        let surplus = if self.conventions.surplus_before_reference {
            // As much is left over at both, of one side or of either: bids at the lower then.
            match (lower.surplus(), higher.surplus()) {
                (Ordering::Greater, Ordering::Greater) => Ordering::Less,
                (Ordering::Less, Ordering::Less) => Ordering::Greater,
                _ => Ordering::Equal,
            }
        } else {
            Ordering::Equal
        };
        gain.then(surplus)
            .then_with(|| match book.reference_first() {
                // Nearer; of two equally near the higher.
                Some(market) => {
                    let far =
                        |auction: &Auction| book.rules.price(auction.ticks).0.abs_diff(market.0);
                    far(higher).cmp(&far(lower))
                }
                None => Ordering::Greater,
            })
            .is_gt()
    }

    /// The first level from one on that an auction sees, and what it sees there.
    fn collected(&self, place: u32, ladder: u32, mut level: Option<u32>) -> Option<(u64, u64)> {
        let book = &self.books[place as usize];
        loop {
            let id = level?;
            let ticks = self.levels.level(id).ticks;
            let qty = self.seen(place, id);
            if qty > 0 {
                return Some((ticks, qty));
            }
            level = book.ladders[ladder as usize].after(&self.pages, ticks);
        }
    }

    /// What an auction sees of a level: hidden quantity too, all-or-none orders not.
    fn seen(&self, place: u32, id: u32) -> u64 {
        let book = &self.books[place as usize];
        if book.all_or_none == 0 && book.icebergs == 0 {
            return self.levels.level(id).qty.0;
        }
        let slots = self.levels.queue(&self.orders, id);
        let regular = slots.filter(|&slot| !self.orders.order(slot).is(flag::ALL_OR_NONE));
        regular.map(|slot| self.orders.open(slot).0).sum()
    }

    fn supply_up_to(&self, place: u32, top: u64) -> u64 {
        let ladder = &self.books[place as usize].ladders[ASKS as usize];
        let mut level = ladder.first();
        let mut supply = 0;
        while let Some(id) = level.filter(|&id| self.levels.level(id).ticks <= top) {
            supply += self.seen(place, id);
            level = ladder.after(&self.pages, self.levels.level(id).ticks);
        }
        supply
    }

    /// The highest asks below a price that an auction sees: those come before it in their ladder.
    fn ask_below(&self, place: u32, ticks: u64) -> Option<(u64, u64)> {
        let ladder = &self.books[place as usize].ladders[ASKS as usize];
        let mut level = ladder.before(&self.pages, ticks);
        loop {
            let id = level?;
            let ticks = self.levels.level(id).ticks;
            let qty = self.seen(place, id);
            if qty > 0 {
                return Some((ticks, qty));
            }
            level = ladder.before(&self.pages, ticks);
        }
    }

    /// One trade of an auction; false if there was none left.
    pub(crate) fn uncross(
        &mut self,
        place: u32,
        uncross: &mut Uncross,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> bool {
        let first = || (self.first_in(place, BIDS), self.first_in(place, ASKS));
        let (bid, ask) = uncross.at.unwrap_or_else(first);
        let (bid, ask) = (self.regular(bid), self.regular(ask));
        if bid == NIL || ask == NIL {
            return false;
        }
        let ticks = |slot| self.levels.level(self.orders.node(slot).level).ticks;
        if ticks(bid) < uncross.ticks || ticks(ask) > uncross.ticks {
            return false;
        }
        let qty = self.orders.open(bid).min(self.orders.open(ask));
        let next = |slot| if self.orders.open(slot) == qty { self.following(slot) } else { slot };
        uncross.at = Some((next(bid), next(ask)));
        let price = self.books[place as usize].rules.price(uncross.ticks);
        let matched = Match { id: self.counters.trd_match(), price, qty };
        self.books[place as usize].last = price;
        self.count_positions([bid, ask], NIL);
        for slot in [bid, ask] {
            self.fill_collected(slot, matched, emit);
        }
        for slot in [bid, ask] {
            emit.trade(self.counters.exec(), self.shown(slot), matched, Aggressor::No);
            if self.orders.order(slot).is(flag::KNOWN) {
                self.count_trade(slot, qty);
            }
            if self.orders.open(slot) == Qty(0) {
                self.end(slot);
            }
        }
        let (kind, other) = (EventKind::Trade.code(), matched.id.0);
        self.tell_event(place, emit, Event { kind, price, qty, other, ..Event::default() });
        true
    }

    /// This order, or the first behind it that is not all-or-none.
    pub(crate) fn regular(&self, mut slot: u32) -> u32 {
        while slot != NIL && self.orders.order(slot).is(flag::ALL_OR_NONE) {
            slot = self.following(slot);
        }
        slot
    }

    /// So much of what was collected of an order is filled; what remains displays anew in its
    /// place.
    fn fill_collected(&mut self, slot: u32, matched: Match, emit: &mut Emit<'_, impl Outbox>) {
        let displayed = self.orders.order(slot).leaves;
        let executed = displayed.min(matched.qty);
        let event = Event {
            order_id: self.orders.id(slot),
            price: Price(matched.price.0),
            qty: executed,
            other: matched.id.0,
            side: self.orders.order(slot).side.code(),
            kind: EventKind::Execute.code(),
            ..Event::default()
        };
        let place = self.orders.order(slot).book;
        self.tell_event(place, emit, event);
        let left = Qty(self.orders.open(slot).0 - matched.qty.0);
        if left == Qty(0) {
            self.unrest(slot);
            self.orders.order_mut(slot).leaves = Qty(0);
            if self.orders.order(slot).is(flag::ICEBERG) {
                self.orders.extra_mut(slot).hidden = Qty(0);
            }
            return;
        }
        self.shrink(slot, executed);
        if self.orders.order(slot).is(flag::ICEBERG) {
            self.show_rest(slot, left, emit);
        }
    }

    /// An iceberg of which so much is left displays anew in its place.
    fn show_rest(&mut self, slot: u32, left: Qty, emit: &mut Emit<'_, impl Outbox>) {
        let before = self.orders.order(slot).leaves;
        if before > Qty(0) {
            self.tell_order(slot, EventKind::Delete, before, emit);
        }
        self.change(slot, |book, slot| {
            let extra = book.orders.extra_mut(slot);
            let displayed = left.min(extra.display);
            extra.hidden = Qty(left.0 - displayed.0);
            book.orders.order_mut(slot).leaves = displayed;
            let level = book.orders.node(slot).level;
            book.levels.shrink(level, before);
            book.levels.swell(level, displayed);
        });
        self.tell_add_in_place(slot, emit);
    }
}
