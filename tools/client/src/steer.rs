//! Requests that steer the venue: its symbols, their phases and bands, limits of risk, kill
//! switches. Each is answered by [`SequencedBody::Steering`](crate::SequencedBody::Steering), or by
//! a BusinessMessageReject if the session's key has not the role admin.
//!
//! Inputs -> outputs: what matters -> a message.
//! Not here: whether the values go together (the engine says, by the report's result).

use gavel_types::{
    Account, BandAction, DefineSymbol, Kill, KillAction, KillScope, Price, Qty, RiskScope,
    SessionSlot, SetBands, SetPhase, SetRisk, StpInstruction, SymbolId, TradingPhase,
};
use gavel_wire::client::Application;

/// A request of this name, not 0, which the answer repeats.
///
/// ```
/// use gavel_client::{Application, Bands, KillParty, RiskLimits, RiskParty, Steer, SymbolRules};
/// use gavel_types::{Account, KillAction, Price, Qty, StpInstruction, SymbolId, TradingPhase};
///
/// let symbol = SymbolId(7);
/// let rules = SymbolRules {
///     tick: Price(10_000_000), // 0.01
///     price_min: Price(10_000_000),
///     price_max: Price(1_000_000_000_000), // 1,000
///     lot: Qty(1),
///     qty_max: Qty(1_000_000),
///     qty_scale: 0,
///     protection: Price(0),
///     stp: StpInstruction::CancelAggressor,
/// };
/// let bands = Bands { dynamic: Price(5_000_000_000), ..Bands::NONE };
/// let limits = RiskLimits { rate_per_s: 100, rate_burst: 20, ..RiskLimits::default() };
/// let requests: [Application; 5] = [
///     Steer(1).define_symbol(symbol, &rules),
///     Steer(2).bands(symbol, &bands),
///     Steer(3).risk(RiskParty::Account(Account(11)), &limits),
///     Steer(4).phase(symbol, TradingPhase::Continuous, None),
///     Steer(5).kill(KillParty::Account(Account(11)), KillAction::Suspend),
/// ];
/// assert!(matches!(requests[3], Application::SetPhase(request) if request.request_id == 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steer(pub u64);

/// What SecurityDefinitionRequest says of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolRules {
    /// Smallest price step (units of 10^-9), at least 1.
    pub tick: Price,
    /// Lowest price accepted.
    pub price_min: Price,
    /// Highest price accepted.
    pub price_max: Price,
    /// Smallest quantity step, at least 1.
    pub lot: Qty,
    /// Largest quantity of one order.
    pub qty_max: Qty,
    /// A quantity of 1 is 10^-scale units of the instrument, at most 18.
    pub qty_scale: u8,
    /// How far from the other side's best a market order trades; 0 for any distance.
    pub protection: Price,
    /// What an order's default of self-trade prevention means; not Default itself.
    pub stp: StpInstruction,
}

/// What PriceBandsRequest says of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// No limit price below; 0 for none.
    pub low: Price,
    /// No limit price above; [`Price::NULL`] for none.
    pub high: Price,
    /// No trade further from the last one; 0 for none.
    pub dynamic: Price,
    /// What happens at either.
    pub action: BandAction,
}

impl Bands {
    /// No bands.
    pub const NONE: Self =
        Self { low: Price(0), high: Price::NULL, dynamic: Price(0), action: BandAction::Reject };
}

/// Whom limits of risk are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskParty {
    /// One account, not 0.
    Account(Account),
    /// One session.
    Session(SessionSlot),
}

/// What PartyRiskLimitsRequest says. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RiskLimits {
    /// Largest quantity of one order.
    pub qty_max: Qty,
    /// Largest price times quantity of one order (units of 10^-9 of the quote currency).
    pub notional_max: u64,
    /// Largest position in one symbol, if everything live traded. Accounts only.
    pub position_max: Qty,
    /// Furthest price from the last trade.
    pub collar: Price,
    /// Most live orders.
    pub orders_max: u32,
    /// Orders and replaces a second.
    pub rate_per_s: u32,
    /// Orders and replaces at once, at least 1 if there is a rate.
    pub rate_burst: u32,
    /// The same order again within so long is refused (ms).
    pub duplicate_ms: u32,
}

/// Whom a kill switch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillParty {
    /// Everybody.
    Venue,
    /// One account, not 0.
    Account(Account),
    /// One session.
    Session(SessionSlot),
    /// One symbol.
    Symbol(SymbolId),
}

impl Steer {
    /// SecurityDefinitionRequest: adds a symbol, Closed at first, or changes one.
    #[must_use]
    pub fn define_symbol(self, symbol: SymbolId, rules: &SymbolRules) -> Application {
        let SymbolRules { tick, price_min, price_max, lot, qty_max, qty_scale, protection, stp } =
            *rules;
        Application::DefineSymbol(DefineSymbol {
            request_id: self.0,
            tick,
            price_min,
            price_max,
            lot,
            qty_max,
            protection,
            symbol,
            qty_scale,
            stp,
            reserved: [0; 2],
        })
    }

    /// SecurityStatusRequest: moves a symbol to a phase, with a reference price if one is given.
    #[must_use]
    pub fn phase(
        self,
        symbol: SymbolId,
        phase: TradingPhase,
        reference: Option<Price>,
    ) -> Application {
        let reference = reference.unwrap_or(Price::NULL);
        let reserved = [0; 3];
        Application::SetPhase(SetPhase { request_id: self.0, reference, symbol, phase, reserved })
    }

    /// PriceBandsRequest: a symbol's bands, instead of those before.
    #[must_use]
    pub fn bands(self, symbol: SymbolId, bands: &Bands) -> Application {
        let Bands { low, high, dynamic, action } = *bands;
        Application::SetBands(SetBands {
            request_id: self.0,
            low,
            high,
            dynamic,
            symbol,
            action,
            reserved: [0; 3],
        })
    }

    /// PartyRiskLimitsRequest: limits, instead of those before.
    #[must_use]
    pub fn risk(self, whose: RiskParty, limits: &RiskLimits) -> Application {
        let (scope, target) = match whose {
            RiskParty::Account(account) => (RiskScope::Account, account.0),
            RiskParty::Session(slot) => (RiskScope::Session, slot.0),
        };
        let limits = *limits;
        Application::SetRisk(SetRisk {
            request_id: self.0,
            qty_max: limits.qty_max,
            notional_max: limits.notional_max,
            position_max: limits.position_max,
            collar: limits.collar,
            orders_max: limits.orders_max,
            rate_per_s: limits.rate_per_s,
            rate_burst: limits.rate_burst,
            duplicate_ms: limits.duplicate_ms,
            target,
            scope,
            reserved: [0; 3],
        })
    }

    /// PartyActionRequest: throws a kill switch, or takes it back.
    #[must_use]
    pub fn kill(self, whose: KillParty, action: KillAction) -> Application {
        let (scope, target) = match whose {
            KillParty::Venue => (KillScope::Venue, 0),
            KillParty::Account(account) => (KillScope::Account, account.0),
            KillParty::Session(slot) => (KillScope::Session, slot.0),
            KillParty::Symbol(symbol) => (KillScope::Symbol, symbol.0),
        };
        let reserved = [0; 2];
        Application::Kill(Kill { request_id: self.0, target, scope, action, reserved })
    }
}
