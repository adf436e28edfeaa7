//! Commands that steer the venue: definitions, bands, limits of risk, kill switches.
//!
//! Inputs -> outputs: a command -> one SteeringReport; a kill switch may cancel orders before it.
//! Invariants: what is refused changes nothing.
//! Source: RULES.md, "Steering".

use super::risk::{Limits, Party};
use super::symbols::{Bands, Symbol, Terms};
use super::{ReferenceBook, ensure};
use alloc::vec::Vec;
use gavel_types::{
    Account, CancelReason, CommandKind, DefineSymbol, Kill, KillAction, KillScope, Price, Qty,
    RiskScope, SessionSlot, SetBands, SetRisk, SteeringResult as Outcome, SymbolId,
};

impl ReferenceBook {
    pub(super) fn define_symbol(&mut self, session: SessionSlot, asked: &DefineSymbol) {
        let result = self.try_define(asked);
        self.steered_or_not(session, asked.request_id, CommandKind::DefineSymbol, result);
    }

    fn try_define(&mut self, asked: &DefineSymbol) -> Result<(), Outcome> {
        let terms = Terms::asked(asked);
        ensure(terms.are_correct(self.plan.orders_max), Outcome::ValueIncorrect)?;
        let has_orders = self.live.iter().any(|o| o.symbol == asked.symbol);
        if let Some(known) = self.symbols.get_mut(&asked.symbol) {
            let suits = terms.suit_the_orders_of(&known.terms);
            ensure(suits || !has_orders, Outcome::OrdersLive)?;
            known.terms = terms;
        } else {
            let room = self.symbols.len() < self.plan.symbols_max as usize;
            ensure(room, Outcome::NoRoom)?;
            self.symbols.insert(asked.symbol, Symbol::defined(terms));
        }
        Ok(())
    }

    pub(super) fn set_bands(&mut self, session: SessionSlot, asked: &SetBands) {
        let result = self.try_bands(asked);
        self.steered_or_not(session, asked.request_id, CommandKind::SetBands, result);
    }

    fn try_bands(&mut self, asked: &SetBands) -> Result<(), Outcome> {
        let symbol = self.symbols.get_mut(&asked.symbol).ok_or(Outcome::UnknownSymbol)?;
        let is_correct =
            asked.low >= Price(0) && asked.high >= asked.low && asked.dynamic >= Price(0);
        ensure(is_correct, Outcome::ValueIncorrect)?;
        symbol.bands = Bands {
            low: asked.low,
            high: asked.high,
            dynamic: asked.dynamic.0,
            action: asked.action,
        };
        Ok(())
    }

    pub(super) fn set_risk(&mut self, session: SessionSlot, asked: &SetRisk) {
        let result = self.try_risk(asked);
        self.steered_or_not(session, asked.request_id, CommandKind::SetRisk, result);
    }

    fn try_risk(&mut self, asked: &SetRisk) -> Result<(), Outcome> {
        let has_burst = asked.rate_per_s == 0 || asked.rate_burst > 0;
        ensure(has_burst && asked.collar >= Price(0), Outcome::ValueIncorrect)?;
        let now = self.now;
        let party = match asked.scope {
            RiskScope::Session => {
                let target = SessionSlot(asked.target);
                ensure(target.0 < self.plan.sessions_max, Outcome::UnknownSession)?;
                ensure(asked.position_max == Qty(0), Outcome::ValueIncorrect)?;
                self.sessions.entry(target).or_insert_with(|| Party::new(now))
            }
            RiskScope::Account => self.account_named(Account(asked.target))?,
        };
        *party = Party { killed: party.killed, ..Party::limited(Limits::asked(asked), now) };
        Ok(())
    }

    /// The account, which is known from now on.
    fn account_named(&mut self, account: Account) -> Result<&mut Party, Outcome> {
        ensure(account != Account(0), Outcome::ValueIncorrect)?;
        let is_known = self.accounts.contains_key(&account);
        let has_room = self.accounts.len() < self.plan.accounts_max as usize;
        ensure(is_known || has_room, Outcome::NoRoom)?;
        let now = self.now;
        Ok(self.accounts.entry(account).or_insert_with(|| Party::new(now)))
    }

    pub(super) fn kill(&mut self, session: SessionSlot, asked: &Kill) {
        let result = self.try_kill(asked);
        let affected = match (result, asked.action) {
            (Ok(()), KillAction::Suspend) => self.cancel_in_scope(asked),
            _ => 0,
        };
        let result = result.err().unwrap_or(Outcome::Done);
        self.steered(session, asked.request_id, CommandKind::Kill, (result, affected));
    }

    fn try_kill(&mut self, asked: &Kill) -> Result<(), Outcome> {
        let now = self.now;
        let switch = match asked.scope {
            KillScope::Venue => &mut self.killed,
            KillScope::Account => &mut self.account_named(Account(asked.target))?.killed,
            KillScope::Session => {
                let target = SessionSlot(asked.target);
                ensure(target.0 < self.plan.sessions_max, Outcome::UnknownSession)?;
                &mut self.sessions.entry(target).or_insert_with(|| Party::new(now)).killed
            }
            KillScope::Symbol => {
                let symbol = self.symbols.get_mut(&SymbolId(asked.target));
                &mut symbol.ok_or(Outcome::UnknownSymbol)?.killed
            }
        };
        *switch = asked.action != KillAction::Reinstate;
        Ok(())
    }

    /// "Sessions ascending, each in its order of entry."
    fn cancel_in_scope(&mut self, asked: &Kill) -> u64 {
        let mut sessions: Vec<SessionSlot> = self.live.iter().map(|o| o.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let mut affected = 0;
        for session in sessions {
            let ended =
                self.cancel_all(session, CancelReason::Killed, None, |o| match asked.scope {
                    KillScope::Venue => true,
                    KillScope::Account => o.account == Account(asked.target),
                    KillScope::Session => o.session == SessionSlot(asked.target),
                    KillScope::Symbol => o.symbol == SymbolId(asked.target),
                });
            affected += u64::from(ended);
        }
        affected
    }

    fn steered_or_not(
        &mut self,
        session: SessionSlot,
        request_id: u64,
        command: CommandKind,
        result: Result<(), Outcome>,
    ) {
        let result = result.err().unwrap_or(Outcome::Done);
        self.steered(session, request_id, command, (result, 0));
    }
}
