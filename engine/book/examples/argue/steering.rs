//! Commands that steer the venue, and those that take back what got in everybody's way.

use super::flow::{ACCOUNTS, Flow, SESSIONS};
use gavel_types::{
    Account, BandAction, Command, DefineSymbol, ExecRejected, Kill, KillAction, KillScope,
    MassAction, MassActionScope, MassActionType, OrderRejectReason, Price, Qty, RiskScope, SeqNo,
    SessionSlot, SetBands, SetPhase, SetRisk, StpInstruction, SymbolId, TradingPhase,
};

const NO_LIMITS: SetRisk = SetRisk {
    request_id: 0,
    qty_max: Qty(0),
    notional_max: 0,
    position_max: Qty(0),
    collar: Price(0),
    orders_max: 0,
    rate_per_s: 0,
    rate_burst: 0,
    duplicate_ms: 0,
    target: 0,
    scope: RiskScope::Session,
    reserved: [0; 3],
};

impl Flow {
    /// Where most orders are refused for one reason, that is lifted: else little would be met.
    pub(crate) fn repair(&mut self, session: SessionSlot, rejected: &ExecRejected) {
        use OrderRejectReason as No;
        let symbol = rejected.order.symbol;
        let seq = self.seq();
        let account = 1 + self.dice.below(ACCOUNTS) as u32;
        match OrderRejectReason::from_code(rejected.order.detail) {
            Some(No::ExchangeClosed) if self.dice.one_in(6) => {
                let phase = TradingPhase::Continuous;
                let body = SetPhase {
                    request_id: seq.0,
                    reference: Price::NULL,
                    symbol,
                    phase,
                    reserved: [0; 3],
                };
                self.repairs.push(Command::set_phase(session, seq, &body));
            }
            Some(No::PriceExceedsBand) if self.dice.one_in(5) => {
                let body = SetBands {
                    request_id: seq.0,
                    low: Price(0),
                    high: Price::NULL,
                    dynamic: Price(0),
                    symbol,
                    action: BandAction::Reject,
                    reserved: [0; 3],
                };
                self.repairs.push(Command::set_bands(session, seq, &body));
            }
            Some(No::Killed) if self.dice.one_in(6) => {
                let scopes = [
                    (KillScope::Venue, 0),
                    (KillScope::Session, session.0),
                    (KillScope::Symbol, symbol.0),
                    (KillScope::Account, account),
                ];
                for (scope, target) in scopes {
                    let (request_id, action) = (seq.0, KillAction::Reinstate);
                    let body = Kill { request_id, target, scope, action, reserved: [0; 2] };
                    self.repairs.push(Command::kill(session, seq, &body));
                }
            }
            Some(
                No::RiskRate
                | No::RiskQty
                | No::RiskNotional
                | No::RiskOpenOrders
                | No::RiskPosition
                | No::RiskCollar
                | No::RiskDuplicate,
            ) if self.dice.one_in(8) => {
                let scopes = [(RiskScope::Session, session.0), (RiskScope::Account, account)];
                for (scope, target) in scopes {
                    let body = SetRisk { scope, target, ..NO_LIMITS };
                    self.repairs.push(Command::set_risk(session, seq, &body));
                }
            }
            Some(No::BookFull) if self.dice.one_in(12) => {
                let request = self.mass_cancel(symbol);
                self.repairs.push(request);
            }
            _ => {}
        }
    }

    fn mass_cancel(&mut self, symbol: SymbolId) -> Command {
        let body = MassAction {
            cl_ord_id: self.name(),
            symbol,
            account: Account(0),
            action: MassActionType::CancelOrders,
            scope: MassActionScope::AllOrders,
            side: self.dice.of(&[0, b'1', b'2']),
            reserved: [0; 5],
        };
        let (session, seq) = (self.session(), self.seq());
        Command::mass_action(session, seq, &body)
    }

    pub(crate) fn steering_command(&mut self) -> Command {
        let (session, seq) = (self.session(), self.seq());
        let (symbol, tick) = self.symbol();
        let request_id = seq.0;
        match self.dice.below(12) {
            0..5 => {
                let reference = self.dice.of(&[
                    Price::NULL,
                    Price::NULL,
                    Price(self.mid * tick),
                    Price((self.mid + 2) * tick + 1),
                    // Between two prices.
                    Price(self.mid * tick + tick / 2),
                    Price(0),
                ]);
                // Continuous most often, or little would trade.
                let any = self.dice.of(TradingPhase::ALL);
                let phase = if self.dice.one_in(2) { any } else { TradingPhase::Continuous };
                let phase = self.phase.filter(|_| self.dice.one_in(5)).unwrap_or(phase);
                self.phase = Some(phase);
                let body = SetPhase { request_id, reference, symbol, phase, reserved: [0; 3] };
                Command::set_phase(session, seq, &body)
            }
            5 | 6 => {
                let width = self.dice.of(&[3, 8, 30, 500]);
                let none = !self.dice.one_in(4);
                let body = SetBands {
                    request_id,
                    low: Price(if none { 0 } else { (self.mid - width) * tick }),
                    high: if none { Price::NULL } else { Price((self.mid + width) * tick) },
                    dynamic: Price(
                        self.dice.of(&[0, 0, 1, 2, 5, 20, -1]) * tick + self.dice.of(&[0, 0, 1]),
                    ),
                    symbol,
                    action: self.dice.of(&[
                        BandAction::Reject,
                        BandAction::Reject,
                        BandAction::Halt,
                    ]),
                    reserved: [0; 3],
                };
                Command::set_bands(session, seq, &body)
            }
            7 | 8 => self.set_risk(session, seq, tick),
            9 => self.define(session, seq),
            _ => {
                let scope = self.dice.of(KillScope::ALL);
                // Switches are taken back one by one: they are thrown less often.
                let target = match scope {
                    KillScope::Venue => 0,
                    KillScope::Account => self.dice.below(ACCOUNTS + 1) as u32,
                    KillScope::Session => self.dice.below(SESSIONS + 3) as u32,
                    KillScope::Symbol => symbol.0,
                };
                let any = self.dice.of(KillAction::ALL);
                let action = if self.dice.one_in(2) { any } else { KillAction::Reinstate };
                let body = Kill { request_id, target, scope, action, reserved: [0; 2] };
                Command::kill(session, seq, &body)
            }
        }
    }

    fn set_risk(&mut self, session: SessionSlot, seq: SeqNo, tick: i64) -> Command {
        let mut some = |n: u64| if self.dice.one_in(2) { 0 } else { 1 + self.dice.below(n) };
        let body = SetRisk {
            request_id: seq.0,
            qty_max: Qty(some(60)),
            notional_max: some(100_000),
            position_max: Qty(some(200)),
            collar: Price(some(12) as i64 * tick),
            orders_max: some(12) as u32,
            rate_per_s: 0,
            rate_burst: some(20) as u32,
            duplicate_ms: some(3) as u32,
            target: self.dice.below(ACCOUNTS + 2) as u32,
            scope: self.dice.of(RiskScope::ALL),
            reserved: [0; 3],
        };
        let rate_per_s = if self.dice.one_in(2) { 0 } else { self.dice.of(&[1, 1_000, 100_000]) };
        let rate_burst = body.rate_burst.max(u32::from(rate_per_s > 0 && !self.dice.one_in(9)));
        let body = SetRisk { rate_per_s, rate_burst, ..body };
        // Most limits are lifted again, or little would trade.
        let none = SetRisk { target: body.target, scope: body.scope, ..NO_LIMITS };
        Command::set_risk(session, seq, if self.dice.one_in(3) { &none } else { &body })
    }

    fn define(&mut self, session: SessionSlot, seq: SeqNo) -> Command {
        let n = self.dice.of(&[1, 3, 70, 100, 101, 102, 103]);
        let known = self.ticks.iter().find(|(symbol, _)| *symbol == SymbolId(n));
        let tick = known.map_or(2, |(_, tick)| *tick);
        let tick = if self.dice.one_in(5) { tick + 1 } else { tick };
        let body = DefineSymbol {
            request_id: seq.0,
            tick: Price(tick),
            price_min: Price(tick),
            price_max: Price(4_000 * tick),
            lot: Qty(if n == 3 { 10 } else { 1 }),
            qty_max: Qty(if n == 3 { 10_000 } else { 1_000 }),
            protection: Price(self.dice.of(&[0, 0, 3, -1]) * tick),
            symbol: SymbolId(n),
            qty_scale: self.dice.of(&[n as u8 % 3, n as u8 % 3, 19]),
            stp: self.dice.of(StpInstruction::ALL),
            reserved: [0; 2],
        };
        if known.is_none() && self.ticks.len() < 6 {
            self.ticks.push((SymbolId(n), tick));
        }
        Command::define_symbol(session, seq, &body)
    }
}
