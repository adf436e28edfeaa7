//! What steers the venue: symbols, phases, bands, limits of risk, kill switches.

use crate::limits::COMMAND_BODY_BYTES;
use crate::{
    BandAction, KillAction, KillScope, Price, Qty, RiskScope, StpInstruction, SymbolId,
    TradingPhase,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

body! {
    /// SecurityDefinitionRequest: adds a symbol (Closed at first), or changes one. Tick, lot and
    /// scale of a symbol change only while it has no live order.
    DefineSymbol {
        /// The request's name.
        request_id: u64,
        /// Smallest price step (units of 10^-9), at least 1.
        tick: Price,
        /// Lowest price accepted, at least one tick.
        price_min: Price,
        /// Highest price accepted.
        price_max: Price,
        /// Smallest quantity step, at least 1.
        lot: Qty,
        /// Largest quantity of one order.
        qty_max: Qty,
        /// How far from the other side's best a market order trades (units of 10^-9); 0 for any
        /// distance.
        protection: Price,
        /// Tag 48.
        symbol: SymbolId,
        /// A quantity of 1 is 10^-scale units of the instrument, at most 18.
        qty_scale: u8,
        /// What an order's [`StpInstruction::Default`] means here; not itself.
        stp: StpInstruction,
        /// Zero.
        reserved: [u8; 2],
    }
}
body! {
    /// SecurityStatusRequest: a symbol's phase from here on.
    SetPhase {
        /// The request's name.
        request_id: u64,
        /// Reference price; [`Price::NULL`] leaves it as it is.
        reference: Price,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 326.
        phase: TradingPhase,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// PriceBandsRequest: a symbol's bands from here on.
    SetBands {
        /// The request's name.
        request_id: u64,
        /// No limit price below; 0 for none.
        low: Price,
        /// No limit price above; [`Price::NULL`] for none.
        high: Price,
        /// No trade further from the last one before the command; 0 for none.
        dynamic: Price,
        /// Tag 48.
        symbol: SymbolId,
        /// What happens at either.
        action: BandAction,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// PartyRiskLimitsRequest: limits from here on, instead of those before. 0 is no limit.
    SetRisk {
        /// The request's name.
        request_id: u64,
        /// Largest quantity of one order.
        qty_max: Qty,
        /// Largest price times quantity of one order (units of 10^-9 of the quote currency).
        notional_max: u64,
        /// Largest position, long or short, in one symbol, if everything live traded. Accounts
        /// only.
        position_max: Qty,
        /// Furthest price from the last trade.
        collar: Price,
        /// Most live orders.
        orders_max: u32,
        /// Orders and replaces a second.
        rate_per_s: u32,
        /// Orders and replaces at once, at least 1 if there is a rate.
        rate_burst: u32,
        /// The same order again within so long is refused (ms).
        duplicate_ms: u32,
        /// The account, or the session's slot.
        target: u32,
        /// Which of them.
        scope: RiskScope,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// PartyActionRequest: a kill switch.
    Kill {
        /// The request's name.
        request_id: u64,
        /// The account, the session's slot or the symbol; 0 for the venue.
        target: u32,
        /// Whom it is for.
        scope: KillScope,
        /// Tag 2329.
        action: KillAction,
        /// Zero.
        reserved: [u8; 2],
    }
}
