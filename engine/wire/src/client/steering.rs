//! Requests that steer the venue, both ways: symbols, phases, bands, limits of risk, kill switches.
//! Which values go together, and who may ask, the machine decides.

use super::Application;
use super::decode::{Refusal, application_block, incorrect, name, price, quantity, stp, symbol};
use crate::frame::{Frame, put};
use crate::template::{self as wire, Template};
use gavel_types::{
    BandAction, BusinessRejectReason, DefineSymbol, Kill, KillAction, KillScope, Price, Qty,
    RiskScope, SetBands, SetPhase, SetRisk, TradingPhase,
};

pub(super) fn decode(frame: &Frame<'_>) -> Result<Application, Refusal> {
    match frame.template {
        wire::SecurityDefinitionRequest::ID => define_symbol(frame).map(Application::DefineSymbol),
        wire::SecurityStatusRequest::ID => set_phase(frame).map(Application::SetPhase),
        wire::PriceBandsRequest::ID => set_bands(frame).map(Application::SetBands),
        wire::PartyRiskLimitsRequest::ID => set_risk(frame).map(Application::SetRisk),
        wire::PartyActionRequest::ID => kill(frame).map(Application::Kill),
        _ => Err((BusinessRejectReason::UnsupportedMessageType, 0)),
    }
}

fn define_symbol(frame: &Frame<'_>) -> Result<DefineSymbol, Refusal> {
    let block: &wire::SecurityDefinitionRequest = application_block(frame)?;
    Ok(DefineSymbol {
        request_id: name(block.security_req_id.get(), 320)?,
        tick: price(block.tick_increment.get(), 1208)?,
        price_min: price(block.start_tick_price_range.get(), 1206)?,
        price_max: price(block.end_tick_price_range.get(), 1207)?,
        lot: quantity(block.round_lot.get(), 561)?,
        qty_max: quantity(block.max_trade_vol.get(), 1140)?,
        protection: price(block.market_protection.get(), 20043)?,
        symbol: symbol(block.security_id.get())?,
        qty_scale: block.qty_scale,
        stp: stp(block.smp_instruction)?,
        reserved: [0; 2],
    })
}

fn set_phase(frame: &Frame<'_>) -> Result<SetPhase, Refusal> {
    let block: &wire::SecurityStatusRequest = application_block(frame)?;
    let phase = TradingPhase::from_code(block.security_trading_status);
    Ok(SetPhase {
        request_id: name(block.security_status_req_id.get(), 324)?,
        reference: Price(block.trading_reference_price.get()),
        symbol: symbol(block.security_id.get())?,
        phase: phase.ok_or(incorrect(326))?,
        reserved: [0; 3],
    })
}

fn set_bands(frame: &Frame<'_>) -> Result<SetBands, Refusal> {
    let block: &wire::PriceBandsRequest = application_block(frame)?;
    Ok(SetBands {
        request_id: name(block.price_bands_req_id.get(), 20044)?,
        low: price(block.low_limit_price.get(), 1148)?,
        high: Price(block.high_limit_price.get()),
        dynamic: price(block.dynamic_band.get(), 20045)?,
        symbol: symbol(block.security_id.get())?,
        action: BandAction::from_code(block.band_action).ok_or(incorrect(20046))?,
        reserved: [0; 3],
    })
}

fn set_risk(frame: &Frame<'_>) -> Result<SetRisk, Refusal> {
    let block: &wire::PartyRiskLimitsRequest = application_block(frame)?;
    Ok(SetRisk {
        request_id: name(block.risk_limit_request_id.get(), 1666)?,
        qty_max: Qty(block.order_qty_max.get()),
        notional_max: block.notional_max.get(),
        position_max: Qty(block.position_max.get()),
        collar: price(block.price_collar.get(), 20052)?,
        orders_max: block.open_orders_max.get(),
        rate_per_s: block.order_rate.get(),
        rate_burst: block.order_burst.get(),
        duplicate_ms: block.duplicate_window.get(),
        target: block.risk_target.get(),
        scope: RiskScope::from_code(block.risk_scope).ok_or(incorrect(20047))?,
        reserved: [0; 3],
    })
}

fn kill(frame: &Frame<'_>) -> Result<Kill, Refusal> {
    let block: &wire::PartyActionRequest = application_block(frame)?;
    Ok(Kill {
        request_id: name(block.party_action_request_id.get(), 2328)?,
        target: block.kill_target.get(),
        scope: KillScope::from_code(block.kill_scope).ok_or(incorrect(20057))?,
        action: KillAction::from_code(block.party_action_type).ok_or(incorrect(2329))?,
        reserved: [0; 2],
    })
}

/// SecurityDefinitionRequest.
pub fn encode_define_symbol(request: &DefineSymbol, out: &mut [u8]) -> usize {
    let block = wire::SecurityDefinitionRequest {
        security_req_id: request.request_id.into(),
        security_id: request.symbol.0.into(),
        tick_increment: request.tick.0.into(),
        start_tick_price_range: request.price_min.0.into(),
        end_tick_price_range: request.price_max.0.into(),
        round_lot: request.lot.0.into(),
        max_trade_vol: request.qty_max.0.into(),
        market_protection: request.protection.0.into(),
        qty_scale: request.qty_scale,
        smp_instruction: request.stp.code(),
    };
    put(&block, out)
}

/// SecurityStatusRequest.
pub fn encode_set_phase(request: &SetPhase, out: &mut [u8]) -> usize {
    let block = wire::SecurityStatusRequest {
        security_status_req_id: request.request_id.into(),
        security_id: request.symbol.0.into(),
        security_trading_status: request.phase.code(),
        trading_reference_price: request.reference.0.into(),
    };
    put(&block, out)
}

/// PriceBandsRequest.
pub fn encode_set_bands(request: &SetBands, out: &mut [u8]) -> usize {
    let block = wire::PriceBandsRequest {
        price_bands_req_id: request.request_id.into(),
        security_id: request.symbol.0.into(),
        low_limit_price: request.low.0.into(),
        high_limit_price: request.high.0.into(),
        dynamic_band: request.dynamic.0.into(),
        band_action: request.action.code(),
    };
    put(&block, out)
}

/// PartyRiskLimitsRequest.
pub fn encode_set_risk(request: &SetRisk, out: &mut [u8]) -> usize {
    let block = wire::PartyRiskLimitsRequest {
        risk_limit_request_id: request.request_id.into(),
        risk_scope: request.scope.code(),
        risk_target: request.target.into(),
        order_qty_max: request.qty_max.0.into(),
        notional_max: request.notional_max.into(),
        position_max: request.position_max.0.into(),
        price_collar: request.collar.0.into(),
        open_orders_max: request.orders_max.into(),
        order_rate: request.rate_per_s.into(),
        order_burst: request.rate_burst.into(),
        duplicate_window: request.duplicate_ms.into(),
    };
    put(&block, out)
}

/// PartyActionRequest.
pub fn encode_kill(request: &Kill, out: &mut [u8]) -> usize {
    let block = wire::PartyActionRequest {
        party_action_request_id: request.request_id.into(),
        kill_scope: request.scope.code(),
        party_action_type: request.action.code(),
        kill_target: request.target.into(),
    };
    put(&block, out)
}
