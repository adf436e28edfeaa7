//! A symbol: what was defined, and how it stands.

use gavel_contract::SymbolSpec;
use gavel_types::{BandAction, DefineSymbol, Price, StpInstruction, TradingPhase};

#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) terms: Terms,
    pub(super) phase: TradingPhase,
    pub(super) reference: Option<Price>,
    /// Price of the last trade.
    pub(super) last: Option<Price>,
    pub(super) bands: Bands,
    pub(super) killed: bool,
}

/// What a definition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) tick: i64,
    pub(super) price_min: Price,
    pub(super) price_max: Price,
    pub(super) lot: u64,
    pub(super) qty_max: u64,
    pub(super) qty_scale: u8,
    pub(super) stp: StpInstruction,
    /// 0 for none.
    pub(super) protection: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bands {
    pub(super) low: Price,
    pub(super) high: Price,
    /// 0 for none.
    pub(super) dynamic: i64,
    pub(super) action: BandAction,
}

impl Bands {
    pub(super) const NONE: Self =
        Self { low: Price(0), high: Price::NULL, dynamic: 0, action: BandAction::Reject };
}

impl Symbol {
    /// "BookPlan.symbols": trading from the start.
    pub(super) fn planned(spec: &SymbolSpec) -> Self {
        let terms = Terms {
            tick: spec.tick.0,
            price_min: spec.price_min,
            price_max: spec.price_max,
            lot: spec.lot.0,
            qty_max: spec.qty_max.0,
            qty_scale: spec.qty_scale,
            stp: spec.stp,
            protection: spec.protection.0,
        };
        Self { phase: TradingPhase::Continuous, ..Self::defined(terms) }
    }

    /// "It is Closed, with no reference, last trade or bands."
    pub(super) fn defined(terms: Terms) -> Self {
        Self {
            terms,
            phase: TradingPhase::Closed,
            reference: None,
            last: None,
            bands: Bands::NONE,
            killed: false,
        }
    }

    pub(super) fn is_legal(&self, price: Price) -> bool {
        let Terms { tick, price_min, price_max, .. } = self.terms;
        price_min <= price && price <= price_max && price.0 % tick == 0
    }

    /// True of no price as well.
    pub(super) fn is_legal_if_any(&self, price: Option<Price>) -> bool {
        price.is_none_or(|price| self.is_legal(price))
    }

    /// True of no price as well.
    pub(super) fn is_within_static_band(&self, price: Option<Price>) -> bool {
        price.is_none_or(|price| self.bands.low <= price && price <= self.bands.high)
    }

    /// True if orders may come: to trade, or (if they can) to be collected.
    pub(super) fn takes(&self, may_be_collected: bool) -> bool {
        self.phase == TradingPhase::Continuous || (self.phase.is_collecting() && may_be_collected)
    }

    pub(super) fn is_continuous(&self) -> bool {
        self.phase == TradingPhase::Continuous
    }

    /// A price left a band.
    pub(super) fn band_was_left(&mut self) {
        if self.bands.action == BandAction::Halt && self.is_continuous() {
            self.phase = TradingPhase::Halt;
        }
    }

    /// "The last trade's price (else the reference)."
    pub(super) fn last_or_reference(&self) -> Option<Price> {
        self.last.or(self.reference)
    }
}

impl Terms {
    pub(super) fn asked(asked: &DefineSymbol) -> Self {
        Self {
            tick: asked.tick.0,
            price_min: asked.price_min,
            price_max: asked.price_max,
            lot: asked.lot.0,
            qty_max: asked.qty_max.0,
            qty_scale: asked.qty_scale,
            stp: asked.stp,
            protection: asked.protection.0,
        }
    }

    /// Every value is within its range.
    pub(super) fn are_correct(&self, orders_max: u32) -> bool {
        self.tick >= 1
            && self.lot >= 1
            && self.price_min >= Price(1)
            && self.price_max >= self.price_min
            && self.price_max < Price::NULL
            && self.qty_max >= 1
            && self.qty_max.checked_mul(orders_max.into()).is_some()
            && self.qty_scale <= 18
            && self.stp != StpInstruction::Default
            && self.protection >= 0
    }

    /// True if live orders may stay as they are under the other terms.
    pub(super) fn suit_the_orders_of(&self, other: &Self) -> bool {
        *self == Self { stp: self.stp, protection: self.protection, ..*other }
    }
}
