//! What steers the venue, as records of a log.
//!
//! Inputs -> outputs: what a case asks of the venue -> commands.
//! Invariants: a symbol stays as it is in all that is not said.
//! Limits: numbers that the machine has no type for are the nearest that it has.
//! Not here: orders (adapter.rs).

use super::{Adapter, STEERING, SYMBOL, quantity, side};
use crate::cases::parse::{Killing, Limits, Party, Steering, SymbolCase};
use gavel_types::{
    Account, BandAction, ClOrdId, Command, DefineSymbol, Kill, KillAction, KillScope, MassAction,
    MassActionScope, MassActionType, Price, Qty, RiskScope, SeqNo, SetBands, SetPhase, SetRisk,
    SymbolId, TradingPhase,
};

/// Name of every request.
const REQUEST: u64 = 1;

impl Adapter {
    pub(super) fn steer(&mut self, steering: &Steering) -> Command {
        match *steering {
            Steering::Halt(true) => phase(TradingPhase::Halt, None),
            Steering::Halt(false) => phase(TradingPhase::Continuous, None),
            Steering::Phase { phase: to, reference } => phase(to, reference),
            Steering::Band { low, high, dynamic, halts } => bands(low, high, dynamic, halts),
            Steering::Symbol(ref symbol) => self.define(symbol),
            Steering::Risk(party, ref limits) => self.risk(party, limits),
            Steering::Kill(whom, action) => self.kill(whom, action),
            Steering::Mass { account, side: of } => {
                let body = MassAction {
                    cl_ord_id: ClOrdId(0),
                    symbol: SymbolId(0),
                    account: Account(0),
                    action: MassActionType::CancelOrders,
                    scope: MassActionScope::AllOrders,
                    side: of.map_or(0, |of| side(of).code()),
                    reserved: [0; 5],
                };
                Command::mass_action(self.session(account), SeqNo(0), &body)
            }
        }
    }

    fn define(&mut self, symbol: &SymbolCase) -> Command {
        let spec = self.defining.insert(self.spec.clone());
        spec.tick = symbol.tick.map_or(spec.tick, Price);
        spec.lot = symbol.lot.map_or(spec.lot, quantity);
        spec.price_min = symbol.low.map_or(spec.price_min, Price);
        spec.price_max = symbol.high.map_or(spec.price_max, Price);
        spec.qty_max = symbol.most.map_or(spec.qty_max, quantity);
        spec.protection = symbol.protection.map_or(spec.protection, Price);
        let body = DefineSymbol {
            request_id: REQUEST,
            tick: spec.tick,
            price_min: spec.price_min,
            price_max: spec.price_max,
            lot: spec.lot,
            qty_max: spec.qty_max,
            protection: spec.protection,
            symbol: SYMBOL,
            qty_scale: spec.qty_scale,
            stp: spec.stp,
            reserved: [0; 2],
        };
        Command::define_symbol(STEERING, SeqNo(0), &body)
    }

    fn party(&mut self, party: Party) -> (u32, RiskScope) {
        match party {
            Party::Account(account) => (account, RiskScope::Account),
            Party::SessionOf(account) => (self.session(account).0, RiskScope::Session),
        }
    }

    fn risk(&mut self, party: Party, limits: &Limits) -> Command {
        let (target, scope) = self.party(party);
        let body = SetRisk {
            request_id: REQUEST,
            qty_max: Qty(limits.qty),
            notional_max: limits.notional,
            position_max: Qty(limits.position),
            collar: Price(limits.collar),
            orders_max: limits.orders,
            rate_per_s: limits.rate.0,
            rate_burst: limits.rate.1,
            duplicate_ms: limits.duplicate_ms,
            target,
            scope,
            reserved: [0; 3],
        };
        Command::set_risk(STEERING, SeqNo(0), &body)
    }

    fn kill(&mut self, whom: Killing, action: KillAction) -> Command {
        let (target, scope) = match whom {
            Killing::Venue => (0, KillScope::Venue),
            Killing::Symbol => (SYMBOL.0, KillScope::Symbol),
            Killing::Party(party) => match self.party(party) {
                (target, RiskScope::Account) => (target, KillScope::Account),
                (target, RiskScope::Session) => (target, KillScope::Session),
            },
        };
        let body = Kill { request_id: REQUEST, target, scope, action, reserved: [0; 2] };
        Command::kill(STEERING, SeqNo(0), &body)
    }
}

pub(super) fn phase(phase: TradingPhase, reference: Option<i64>) -> Command {
    let (request_id, reference) = (REQUEST, reference.map_or(Price::NULL, Price));
    let body = SetPhase { request_id, reference, symbol: SYMBOL, phase, reserved: [0; 3] };
    Command::set_phase(STEERING, SeqNo(0), &body)
}

fn bands(low: Option<i64>, high: Option<i64>, dynamic: Option<i64>, halts: bool) -> Command {
    let body = SetBands {
        request_id: REQUEST,
        low: Price(low.unwrap_or(0)),
        high: high.map_or(Price::NULL, Price),
        dynamic: Price(dynamic.unwrap_or(0)),
        symbol: SYMBOL,
        action: if halts { BandAction::Halt } else { BandAction::Reject },
        reserved: [0; 3],
    };
    Command::set_bands(STEERING, SeqNo(0), &body)
}
