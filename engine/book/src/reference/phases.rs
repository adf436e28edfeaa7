//! SecurityStatusRequest: a symbol moves to another phase.
//!
//! Source: RULES.md, "Phases".

use super::ReferenceBook;
use super::order::some_price;
use gavel_types::{CommandKind, Price, SessionSlot, SetPhase, SteeringResult, TradingPhase};

impl ReferenceBook {
    pub(super) fn set_phase(&mut self, session: SessionSlot, asked: &SetPhase) {
        let (mut affected, mut begins) = (0, false);
        let result = if !self.symbols.contains_key(&asked.symbol) {
            SteeringResult::UnknownSymbol
        } else if asked.reference < Price(1) {
            SteeringResult::ValueIncorrect
        } else {
            let was_continuous = self.symbol(asked.symbol).is_continuous();
            affected = self.move_to_phase(asked);
            begins = !was_continuous && self.symbol(asked.symbol).is_continuous();
            SteeringResult::Done
        };
        self.steered(session, asked.request_id, CommandKind::SetPhase, (result, affected));
        if begins {
            self.give_all_a_chance(asked.symbol);
        }
    }

    /// Returns how many orders expired.
    fn move_to_phase(&mut self, asked: &SetPhase) -> u64 {
        let symbol = self.symbol_mut(asked.symbol);
        symbol.reference = some_price(asked.reference).or(symbol.reference);
        let before = symbol.phase;
        if before.is_collecting() && !asked.phase.is_collecting() {
            self.uncross(asked.symbol);
        }
        self.symbol_mut(asked.symbol).phase = asked.phase;
        if asked.phase == TradingPhase::Closed && before != TradingPhase::Closed {
            self.expire_day(asked.symbol)
        } else {
            0
        }
    }
}
