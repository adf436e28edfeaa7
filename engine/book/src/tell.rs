//! What everybody is told at the end of a record: best prices, and what an auction would do.
//!
//! Inputs -> outputs: symbols that a record touched -> events, for what has changed.
//! Invariants: nothing is made for an outbox that keeps no events; a pause changes nothing in what
//! is told.
//! Limits: three events a symbol.
//! Not here: events of orders and trades (life.rs, matching.rs), made where they happen.

use crate::book::{Book, Step, Task};
use crate::reports::Emit;
use gavel_contract::Outbox;
use gavel_types::{Event, EventKind, Price, Qty, Side, TradingPhase};

impl Book {
    /// Tells what has changed of the symbols that were touched.
    pub(crate) fn tell<O: Outbox>(&mut self, emit: &mut Emit<'_, O>) -> Step {
        if !O::KEEPS_EVENTS {
            return Step::Done;
        }
        while let Some(&place) = self.touched.last() {
            if !emit.has_room(1) {
                return self.pause(Task::Tell);
            }
            // Events take room as well: the outbox knows how much.
            emit.spend(1);
            self.touched.pop();
            self.books[place as usize].is_touched = false;
            self.tell_best(place, emit);
            self.tell_indicative(place, emit);
        }
        Step::Done
    }

    fn tell_best(&mut self, place: u32, emit: &mut Emit<'_, impl Outbox>) {
        for (at, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let best = self.best(place, side);
            let kind = match side {
                Side::Buy => EventKind::BestBid,
                Side::Sell => EventKind::BestAsk,
            };
            let book = &mut self.books[place as usize];
            if core::mem::replace(&mut book.shown[at], best) != best {
                let symbol = book.rules.symbol;
                let (kind, side, (price, qty)) = (kind.code(), side.code(), best);
                emit.event(Event { price, qty, symbol, kind, side, ..Event::default() });
            }
        }
    }

    /// Tells what an auction would do, if that has changed.
    fn tell_indicative(&mut self, place: u32, emit: &mut Emit<'_, impl Outbox>) {
        let now = self.indicative(place);
        let book = &mut self.books[place as usize];
        if core::mem::replace(&mut book.indicative, now) != now {
            let (kind, symbol, (price, qty, other)) =
                (EventKind::Indicative.code(), book.rules.symbol, now);
            emit.event(Event { price, qty, other, symbol, kind, ..Event::default() });
        }
    }

    /// What an auction would do, while one collects: price, volume, imbalance.
    pub(crate) fn indicative(&self, place: u32) -> (Price, Qty, u64) {
        let book = &self.books[place as usize];
        let is_auction =
            matches!(book.phase, TradingPhase::OpeningAuction | TradingPhase::ClosingAuction);
        let auction = if is_auction { self.auction(place) } else { None };
        auction.map_or((Price(0), Qty(0), 0), |auction| {
            let price = book.rules.price(auction.ticks);
            (price, Qty(auction.volume()), auction.imbalance())
        })
    }
}
