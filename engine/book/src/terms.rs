//! On what terms an order trades: how far its price reaches, and with whom it must not trade.
//!
//! Inputs -> outputs: an order and its symbol as it is when it begins to trade -> [`Terms`].
//! Invariants: terms stay as they were at the beginning, whatever happens while it trades.
//! Not here: the trading itself (matching.rs, partners.rs).

use crate::book::Book;
use crate::orders::{Order, flag};
use crate::symbol::{SymbolBook, resting};
use gavel_types::{Account, Price, Side, StpInstruction};

/// Whose an order is, for self-trade prevention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    SmpId(u64),
    Account(u32),
    Session(u32),
}

/// On what terms an order trades.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Place of the symbol's book.
    pub(crate) place: u32,
    pub(crate) side: Side,
    /// Never Default.
    pub(crate) stp: StpInstruction,
    pub(crate) owner: Owner,
    /// Furthest price, in ticks, that it trades at.
    limit: u64,
    /// Lowest and highest price, in ticks, of the dynamic band.
    low: u64,
    high: u64,
}

impl Terms {
    /// True if its price reaches so far.
    #[inline]
    pub(crate) fn reaches(&self, ticks: u64) -> bool {
        match self.side {
            Side::Buy => ticks <= self.limit,
            Side::Sell => ticks >= self.limit,
        }
    }

    #[inline]
    pub(crate) fn is_within_dynamic(&self, ticks: u64) -> bool {
        self.low <= ticks && ticks <= self.high
    }

    /// The ladder that it trades with.
    #[inline]
    pub(crate) fn other(&self) -> u32 {
        resting(self.side.opposite())
    }
}

impl Book {
    /// The terms of an order that would begin to trade now.
    #[inline]
    pub(crate) fn terms(&self, order: &Order, smp_id: u64) -> Terms {
        let book = &self.books[order.book as usize];
        let limit = if order.price == Price::NULL {
            self.market_limit(book, order.side)
        } else {
            book.rules.ticks(order.price)
        };
        let (low, high) =
            if book.bands.dynamic == Price(0) { (0, u64::MAX) } else { dynamic_band(book) };
        let stp = match order.stp {
            StpInstruction::Default => book.rules.stp,
            chosen => chosen,
        };
        let owner = self.owner(order, smp_id);
        Terms { place: order.book, side: order.side, stp, owner, limit, low, high }
    }

    /// How far a market order goes.
    fn market_limit(&self, book: &SymbolBook, side: Side) -> u64 {
        let none = match side {
            Side::Buy => u64::MAX,
            Side::Sell => 0,
        };
        let protection = book.rules.protection;
        let Some(best) = book.side(side.opposite()).first() else { return none };
        if protection == 0 {
            return none;
        }
        let best = book.rules.price(self.levels.level(best).ticks).0;
        match side {
            Side::Buy => book.rules.ticks(Price(best.saturating_add(protection))),
            Side::Sell => ticks_up(book, best - protection),
        }
    }

    #[inline]
    pub(crate) fn owner(&self, order: &Order, smp_id: u64) -> Owner {
        if smp_id != 0 {
            Owner::SmpId(smp_id)
        } else if order.account != Account(0) {
            Owner::Account(order.account.0)
        } else {
            Owner::Session(order.session.0)
        }
    }

    /// SMPID of a live order, 0 if it has none.
    #[inline]
    pub(crate) fn smp_id(&self, slot: u32) -> u64 {
        if self.orders.order(slot).is(flag::SMP_ID) { self.orders.extra(slot).smp_id } else { 0 }
    }
}

/// The lowest price in ticks that is not below a price; 0 if that is negative.
fn ticks_up(book: &SymbolBook, price: i64) -> u64 {
    let price = price.max(0) as u64;
    price.div_ceil(book.rules.tick as u64)
}

fn dynamic_band(book: &SymbolBook) -> (u64, u64) {
    let Some(market) = book.market() else { return (0, u64::MAX) };
    let dynamic = book.bands.dynamic.0;
    let high = Price(market.0.saturating_add(dynamic));
    (ticks_up(book, market.0 - dynamic), book.rules.ticks(high))
}
