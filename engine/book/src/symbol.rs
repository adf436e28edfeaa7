//! One symbol: what is legal in it, what phase it is in, and its four ladders.
//!
//! Inputs -> outputs: prices and quantities in, whether they are legal, and prices in ticks, out.
//! Invariants: a level belongs to one ladder of one symbol.
//! Not here: orders and levels themselves (orders.rs, levels.rs), which all symbols share.

use crate::ladder::{First, Ladder};
use crate::levels::Levels;
use crate::pages::Pages;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::SymbolSpec;
use gavel_types::{
    BandAction, DefineSymbol, Price, Qty, Side, StpInstruction, SymbolId, TradingPhase,
};

/// Largest scale: 10^18 is the largest power of ten in an i64.
pub(crate) const SCALE_MAX: u8 = 18;

/// Division by a number that stays the same, for dividends below 2^63.
///
/// Source: Granlund and Montgomery, Division by Invariant Integers using Multiplication, theorem
/// 4.2 with N = 63.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    factor: u64,
    shift: u32,
}

impl Divisor {
    fn new(by: u64) -> Self {
        let shift = u64::BITS - (by - 1).leading_zeros();
        let factor = (1_u128 << (63 + shift)) / u128::from(by) + 1;
        Self { factor: factor as u64, shift }
    }

    #[inline]
    fn divide(self, dividend: u64) -> u64 {
        // Twice the dividend, so that the quotient is in the product's upper half.
        let product = u128::from(dividend << 1) * u128::from(self.factor);
        (product >> 64) as u64 >> self.shift
    }
}

/// What is legal in a symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) symbol: SymbolId,
    pub(crate) tick: i64,
    pub(crate) lot: u64,
    pub(crate) price_min: i64,
    pub(crate) price_max: i64,
    pub(crate) qty_max: u64,
    pub(crate) qty_scale: u8,
    pub(crate) stp: StpInstruction,
    pub(crate) protection: i64,
    per_tick: Divisor,
    /// Ten to the scale.
    units: u64,
}

impl Rules {
    /// None if they contradict themselves, or so many orders.
    pub(crate) fn new(asked: &DefineSymbol, orders_max: u32) -> Option<Self> {
        let prices = asked.tick >= Price(1)
            && asked.price_min >= Price(1)
            && asked.price_max >= asked.price_min
            && asked.price_max < Price::NULL
            && asked.protection >= Price(0);
        // The sum of a level, and of a side, fits in a Qty.
        let sums = asked.qty_max.0.checked_mul(u64::from(orders_max)).is_some();
        let quantities = asked.lot >= Qty(1) && asked.qty_max >= Qty(1) && sums;
        let rest = asked.qty_scale <= SCALE_MAX && asked.stp != StpInstruction::Default;
        (prices && quantities && rest).then(|| Self {
            symbol: asked.symbol,
            tick: asked.tick.0,
            lot: asked.lot.0,
            price_min: asked.price_min.0,
            price_max: asked.price_max.0,
            qty_max: asked.qty_max.0,
            qty_scale: asked.qty_scale,
            stp: asked.stp,
            protection: asked.protection.0,
            per_tick: Divisor::new(asked.tick.0 as u64),
            units: 10_u64.pow(asked.qty_scale.into()),
        })
    }

    /// What a command would say to define it so.
    pub(crate) fn definition(spec: &SymbolSpec) -> DefineSymbol {
        DefineSymbol {
            request_id: 0,
            tick: spec.tick,
            price_min: spec.price_min,
            price_max: spec.price_max,
            lot: spec.lot,
            qty_max: spec.qty_max,
            protection: spec.protection,
            symbol: spec.symbol,
            qty_scale: spec.qty_scale,
            stp: spec.stp,
            reserved: [0; 2],
        }
    }

    /// True if orders that are legal under one are under the other.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.tick == other.tick
            && self.lot == other.lot
            && self.qty_scale == other.qty_scale
            && self.price_min == other.price_min
            && self.price_max == other.price_max
            && self.qty_max == other.qty_max
    }

    #[inline]
    pub(crate) fn is_legal_price(&self, price: Price) -> bool {
        self.legal_ticks(price).is_some()
    }

    /// A legal price, in whole ticks.
    #[inline(always)]
    pub(crate) fn legal_ticks(&self, price: Price) -> Option<u64> {
        let ticks = self.ticks(price);
        let is_legal = (self.price_min..=self.price_max).contains(&price.0)
            && ticks.wrapping_mul(self.tick as u64) == price.0 as u64;
        is_legal.then_some(ticks)
    }

    /// 0 is legal here: what it means is the caller's to say.
    #[inline]
    pub(crate) fn is_legal_qty(&self, qty: Qty) -> bool {
        qty.0 <= self.qty_max && self.is_lots(qty)
    }

    #[inline]
    pub(crate) fn is_lots(&self, qty: Qty) -> bool {
        self.lot == 1 || qty.0.is_multiple_of(self.lot)
    }

    /// A price that is at least 0, in whole ticks.
    #[inline]
    pub(crate) fn ticks(&self, price: Price) -> u64 {
        self.per_tick.divide(price.0 as u64)
    }

    #[inline]
    pub(crate) fn price(&self, ticks: u64) -> Price {
        // Beyond the highest price it wraps, and is no legal price.
        Price((ticks as i64).wrapping_mul(self.tick))
    }

    /// Ten to the scale: what an amount of money is multiplied by to be price * quantity.
    #[inline]
    pub(crate) fn units(&self) -> u128 {
        self.units.into()
    }
}

/// Where prices may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bands {
    pub(crate) low: Price,
    pub(crate) high: Price,
    /// 0 for none.
    pub(crate) dynamic: Price,
    pub(crate) action: BandAction,
}

impl Bands {
    pub(crate) const NONE: Self =
        Self { low: Price(0), high: Price::NULL, dynamic: Price(0), action: BandAction::Reject };
}

/// A ladder's place in its symbol.
pub(crate) const BIDS: u32 = 0;
pub(crate) const ASKS: u32 = 1;
pub(crate) const BUY_STOPS: u32 = 2;
pub(crate) const SELL_STOPS: u32 = 3;

/// The ladder of orders of a side that rest.
#[inline]
pub(crate) const fn resting(side: Side) -> u32 {
    // Reckoned: whoever guesses a side is wrong every other time.
    BIDS + (side.code() - Side::Buy.code()) as u32
}

/// The ladder of stop orders of a side that wait.
#[inline]
pub(crate) const fn waiting(side: Side) -> u32 {
    BUY_STOPS + resting(side)
}

/// One symbol's book.
#[derive(Debug)]
pub(crate) struct SymbolBook {
    pub(crate) rules: Rules,
    pub(crate) phase: TradingPhase,
    /// Null if there is none.
    pub(crate) reference: Price,
    /// Price of the last trade, null if there was none.
    pub(crate) last: Price,
    pub(crate) bands: Bands,
    pub(crate) is_killed: bool,
    /// All-or-none orders that rest: where there are none, nothing is passed over.
    pub(crate) all_or_none: u32,
    /// Icebergs that rest.
    pub(crate) icebergs: u32,
    /// Live orders.
    pub(crate) live: u32,
    pub(crate) ladders: [Ladder; 4],
    /// What everybody was told last: best bid and ask.
    pub(crate) shown: [(Price, Qty); 2],
    /// And of what an auction would do: price, volume, imbalance.
    pub(crate) indicative: (Price, Qty, u64),
    /// Best prices may have changed in this record.
    pub(crate) is_touched: bool,
    /// The order-independent digest of its live orders (digest.rs).
    pub(crate) digest: u64,
}

/// What a ladder is called among those of all symbols, by its place in its own.
#[inline(always)]
pub(crate) fn row(place: u32, which: u32) -> u32 {
    place * 4 + which
}

/// The ladder's place in its symbol's book.
#[inline(always)]
pub(crate) fn ladder_of(row: u32) -> usize {
    (row % 4) as usize
}

/// The place of the ladder's symbol's book.
#[inline(always)]
pub(crate) fn book_of(row: u32) -> usize {
    (row / 4) as usize
}

impl SymbolBook {
    pub(crate) const fn new(rules: Rules, phase: TradingPhase) -> Self {
        Self {
            rules,
            phase,
            reference: Price::NULL,
            last: Price::NULL,
            bands: Bands::NONE,
            is_killed: false,
            all_or_none: 0,
            icebergs: 0,
            live: 0,
            ladders: [
                Ladder::new(First::High),
                Ladder::new(First::Low),
                Ladder::new(First::Low),
                Ladder::new(First::High),
            ],
            shown: [(Price(0), Qty(0)); 2],
            indicative: (Price(0), Qty(0), 0),
            is_touched: false,
            digest: 0,
        }
    }

    #[inline]
    pub(crate) fn side(&self, side: Side) -> &Ladder {
        &self.ladders[resting(side) as usize]
    }

    /// The ladder that an order of a side trades with.
    #[inline]
    pub(crate) fn other(&self, side: Side) -> &Ladder {
        &self.ladders[resting(side) as usize ^ 1]
    }

    /// True if there are stop orders that wait.
    #[inline]
    pub(crate) fn has_stops(&self) -> bool {
        let waiting = |side| self.ladders[waiting(side) as usize].len();
        waiting(Side::Buy) | waiting(Side::Sell) != 0
    }

    /// The level at a price of a ladder, from here on if there was none. There is room.
    #[inline(always)]
    pub(crate) fn open_level(
        &mut self,
        levels: &mut Levels,
        pages: &mut Pages,
        which: u32,
        ticks: u64,
        place: u32,
    ) -> u32 {
        let row = row(place, which);
        match levels.at_hand(row, ticks) {
            Some(level) => level,
            None => self.open_far_level(levels, pages, row, ticks),
        }
    }

    /// The same of a level that is not at hand.
    fn open_far_level(
        &mut self,
        levels: &mut Levels,
        pages: &mut Pages,
        row: u32,
        ticks: u64,
    ) -> u32 {
        let ladder = &mut self.ladders[ladder_of(row)];
        let level = ladder.find(pages, ticks).unwrap_or_else(|| {
            let level = levels.take(row, ticks);
            ladder.insert(pages, ticks, level);
            level
        });
        levels.keep_at_hand(row, ticks, level);
        level
    }

    /// An empty level is gone.
    #[inline]
    pub(crate) fn close_level(&mut self, levels: &mut Levels, pages: &mut Pages, id: u32) {
        let gone = levels.release(id);
        let ladder = &mut self.ladders[ladder_of(gone.ladder)];
        ladder.remove(pages, gone.ticks, |level| levels.level(level).ticks);
    }

    /// The price that others are measured by: the last trade's, else the reference.
    #[inline]
    pub(crate) fn market(&self) -> Option<Price> {
        let known = |price: Price| (price != Price::NULL).then_some(price);
        known(self.last).or(known(self.reference))
    }

    /// The price that auctions are measured by: the reference, else the last trade's.
    pub(crate) fn reference_first(&self) -> Option<Price> {
        let known = |price: Price| (price != Price::NULL).then_some(price);
        known(self.reference).or(known(self.last))
    }

    /// True if a limit price is within the static band.
    #[inline]
    pub(crate) fn is_within_band(&self, price: Price) -> bool {
        price == Price::NULL || (self.bands.low <= price && price <= self.bands.high)
    }
}

/// Places of symbols' books, by symbol.
#[derive(Debug)]
pub(crate) struct Places {
    /// A power of two of (symbol, place); a place of NONE is empty.
    slots: Vec<(SymbolId, u32)>,
    mask: usize,
}

const NONE: u32 = u32::MAX;

impl Places {
    pub(crate) fn new(symbols_max: u32) -> Self {
        let slots = (symbols_max as usize * 2).max(2).next_power_of_two();
        Self { slots: vec![(SymbolId(0), NONE); slots], mask: slots - 1 }
    }

    #[inline]
    pub(crate) fn find(&self, symbol: SymbolId) -> Option<u32> {
        let (known, place) = *self.slots.get(symbol.0 as usize & self.mask)?;
        if known == symbol && place != NONE {
            return Some(place);
        }
        self.find_beyond(symbol)
    }

    #[cold]
    fn find_beyond(&self, symbol: SymbolId) -> Option<u32> {
        let (known, place) = self.slots[self.seek(symbol)];
        (place != NONE && known == symbol).then_some(place)
    }

    /// A symbol that is not there yet: half of the slots stay empty.
    pub(crate) fn insert(&mut self, symbol: SymbolId, place: u32) {
        let at = self.seek(symbol);
        assert!(self.slots[at].1 == NONE, "a symbol has one book");
        self.slots[at] = (symbol, place);
    }

    #[inline]
    fn seek(&self, symbol: SymbolId) -> usize {
        // Symbols are often counted up: those lie side by side.
        let mut at = symbol.0 as usize & self.mask;
        while self.slots[at].1 != NONE && self.slots[at].0 != symbol {
            at = (at + 1) & self.mask;
        }
        at
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(SymbolId, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_whole_quotients_for_every_tick_and_price() {
        let ticks = [1, 2, 3, 5, 7, 10, 100, 1_000, 10_000_000, (1 << 40) - 1, 1 << 62, i64::MAX];
        let mut dice = 1_u64;
        for tick in ticks.map(|tick| tick as u64) {
            let divisor = Divisor::new(tick);
            for n in 0..10_000_u64 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let near = (dice >> 40).wrapping_mul(tick) & (u64::MAX >> 1);
                for price in [n, dice >> 1, near, near.saturating_sub(1), i64::MAX as u64 - n] {
                    assert_eq!(divisor.divide(price), price / tick, "{price} / {tick}");
                }
            }
        }
    }

    #[test]
    fn symbols_are_found_where_they_collide() {
        let mut places = Places::new(4);
        let symbols = [0, 8, 16, u32::MAX].map(SymbolId);
        for (place, symbol) in symbols.into_iter().enumerate() {
            assert_eq!(places.find(symbol), None);
            places.insert(symbol, place as u32);
        }
        assert_eq!(symbols.map(|symbol| places.find(symbol)), [0, 1, 2, 3].map(Some));
        assert_eq!(places.find(SymbolId(24)), None);
    }
}
