//! Commands that steer the venue: symbols, bands, limits of risk, kill switches.
//!
//! Inputs -> outputs: the commands -> one SteeringReport each (a kill switch: after the Canceled
//! reports of what it ended).
//! Invariants: a refused command changes nothing.
//! Limits: `symbols_max`, `accounts_max`. An account that is named for the first time costs a walk
//! over all live orders.
//! Not here: phases (phases.rs), what limits do (risk.rs), the cancelling (mass.rs). Who may send
//! them is the gateway's.

use crate::book::{Book, Step, Task};
use crate::orders::{NIL, Order, flag};
use crate::positions::Position;
use crate::reports::{Emit, Steered};
use crate::risk::Limits;
use crate::symbol::{Bands, Rules};
use gavel_contract::Outbox;
use gavel_types::{
    Account, CommandKind, DefineSymbol, Kill, KillAction, KillScope, Price, Qty, RiskScope,
    SessionSlot, SetBands, SetRisk, Side, SteeringResult, SymbolId, TradingPhase,
};

impl Book {
    pub(crate) fn define_symbol(
        &mut self,
        session: SessionSlot,
        asked: &DefineSymbol,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let (command, request_id) = (CommandKind::DefineSymbol, asked.request_id);
        let result = self.define(asked).err().unwrap_or(SteeringResult::Done);
        emit.steered(Steered { session, command, request_id }, result, 0);
        self.after_steering(asked.symbol, emit)
    }

    fn define(&mut self, asked: &DefineSymbol) -> Result<(), SteeringResult> {
        use SteeringResult as No;
        let rules = Rules::new(asked, self.orders.capacity()).ok_or(No::ValueIncorrect)?;
        let Some(place) = self.place_of(asked.symbol) else {
            if self.books.len() == self.books.capacity() {
                return Err(No::NoRoom);
            }
            self.add_symbol(rules, TradingPhase::Closed);
            return Ok(());
        };
        let book = &mut self.books[place as usize];
        if book.live > 0 && !book.rules.is_alike(&rules) {
            return Err(No::OrdersLive);
        }
        book.rules = rules;
        Ok(())
    }

    pub(crate) fn set_bands(
        &mut self,
        session: SessionSlot,
        asked: &SetBands,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let (command, request_id) = (CommandKind::SetBands, asked.request_id);
        let result = match self.place_of(asked.symbol) {
            None => SteeringResult::UnknownSymbol,
            Some(_) if asked.low < Price(0) || asked.high < asked.low => {
                SteeringResult::ValueIncorrect
            }
            Some(_) if asked.dynamic < Price(0) => SteeringResult::ValueIncorrect,
            Some(place) => {
                let SetBands { low, high, dynamic, action, .. } = *asked;
                self.books[place as usize].bands = Bands { low, high, dynamic, action };
                SteeringResult::Done
            }
        };
        emit.steered(Steered { session, command, request_id }, result, 0);
        self.after_steering(asked.symbol, emit)
    }

    /// Stops are elected after every record on their symbol.
    fn after_steering(&mut self, symbol: SymbolId, emit: &Emit<'_, impl Outbox>) -> Step {
        match self.place_of(symbol) {
            Some(place) => self.after(place, emit),
            None => self.told(emit),
        }
    }

    pub(crate) fn set_risk(
        &mut self,
        session: SessionSlot,
        asked: &SetRisk,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let (command, request_id) = (CommandKind::SetRisk, asked.request_id);
        let result = self.limit(asked).err().unwrap_or(SteeringResult::Done);
        emit.steered(Steered { session, command, request_id }, result, 0);
        self.told(emit)
    }

    fn limit(&mut self, asked: &SetRisk) -> Result<(), SteeringResult> {
        use SteeringResult as No;
        let is_rate_whole = asked.rate_per_s == 0 || asked.rate_burst > 0;
        if !is_rate_whole || asked.collar < Price(0) {
            return Err(No::ValueIncorrect);
        }
        let limits = Limits::of(asked);
        match asked.scope {
            RiskScope::Session => {
                if asked.target >= self.owners.sessions_max() {
                    return Err(No::UnknownSession);
                }
                if asked.position_max != Qty(0) {
                    return Err(No::ValueIncorrect);
                }
                self.risk.limit_session(asked.target, limits, self.now);
            }
            RiskScope::Account => {
                let place = self.name_account(Account(asked.target))?;
                self.risk.limit_account(place, limits, self.now);
            }
        }
        self.risk.is_armed = true;
        Ok(())
    }

    /// Place of an account that has limits, from here on if it had none.
    fn name_account(&mut self, account: Account) -> Result<u32, SteeringResult> {
        if account == Account(0) {
            return Err(SteeringResult::ValueIncorrect);
        }
        if let Some(place) = self.risk.account(account) {
            return Ok(place);
        }
        if !self.risk.name(account) {
            return Err(SteeringResult::NoRoom);
        }
        let place = self.risk.account(account).expect("it was named");
        let mut live = 0;
        for slot in 0..self.orders.used() {
            let node = self.orders.node_mut(slot);
            if node.is_live() && node.order.account == account {
                node.order.flags |= flag::KNOWN;
                live += 1;
            }
        }
        self.risk.accounts[place as usize].1.live = live;
        Ok(place)
    }

    /// Begins to count what an account holds in a symbol, if it was named, is not counted, and
    /// there is room. `aggressor` is an order that is at no level, NIL if there is none.
    pub(crate) fn count_position(&mut self, account: Account, place: u32, aggressor: u32) {
        if let Some(of) = self.risk.account(account) {
            self.position_of((account, of), place, aggressor);
        }
    }

    /// The same of an account by its place: where its position in the symbol is counted, if it is.
    #[inline]
    pub(crate) fn position_of(
        &mut self,
        (account, of): (Account, u32),
        place: u32,
        aggressor: u32,
    ) -> Option<u32> {
        let known = self.risk.positions.find(of, place);
        if known.is_some() || self.risk.positions.is_full() {
            return known;
        }
        Some(self.begin_position((account, of), place, aggressor))
    }

    #[cold]
    fn begin_position(&mut self, (account, of): (Account, u32), place: u32, aggressor: u32) -> u32 {
        let mut open = [0; 2];
        let mut add = |slot| {
            let order = self.orders.order(slot);
            if order.account == account {
                open[usize::from(order.side == Side::Sell)] += self.orders.open(slot).0;
            }
        };
        (0..4).for_each(|ladder| self.for_each_in(place, ladder, &mut add));
        if aggressor != NIL {
            add(aggressor);
        }
        self.risk.positions.begin(Position { account: of, book: place, net: 0, open })
    }

    /// Two orders are about to trade: what their accounts hold is counted from here on. `aggressor`
    /// as above.
    pub(crate) fn count_positions(&mut self, traders: [u32; 2], aggressor: u32) {
        for slot in traders {
            let Order { account, book, flags, .. } = *self.orders.order(slot);
            if flags & flag::KNOWN != 0 {
                self.count_position(account, book, aggressor);
            }
        }
    }

    /// Two orders traded so much.
    pub(crate) fn count_trades(&mut self, traders: [u32; 2], qty: Qty) {
        for slot in traders {
            if self.orders.order(slot).is(flag::KNOWN) {
                self.count_trade(slot, qty);
            }
        }
    }

    /// An order of an account that was named traded so much; what is left of it is known already.
    pub(crate) fn count_trade(&mut self, slot: u32, qty: Qty) {
        let Order { account, book, side, .. } = *self.orders.order(slot);
        let account = self.risk.account(account).expect("a known order's account was named");
        self.risk.positions.traded(account, book, side, qty);
    }

    pub(crate) fn kill(
        &mut self,
        session: SessionSlot,
        asked: &Kill,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let (command, request_id) = (CommandKind::Kill, asked.request_id);
        let steered = Steered { session, command, request_id };
        if let Err(result) = self.switch(asked) {
            emit.steered(steered, result, 0);
            return self.told(emit);
        }
        if asked.action == KillAction::Suspend {
            return self.then(Task::MassCancel(self.killed(asked, steered)));
        }
        emit.steered(steered, SteeringResult::Done, 0);
        self.told(emit)
    }

    fn switch(&mut self, asked: &Kill) -> Result<(), SteeringResult> {
        let is_on = asked.action != KillAction::Reinstate;
        match asked.scope {
            KillScope::Venue => self.risk.is_venue_killed = is_on,
            KillScope::Account => {
                let place = self.name_account(Account(asked.target))?;
                self.risk.accounts[place as usize].1.is_killed = is_on;
            }
            KillScope::Session => {
                let session = self.risk.sessions.get_mut(asked.target as usize);
                session.ok_or(SteeringResult::UnknownSession)?.is_killed = is_on;
            }
            KillScope::Symbol => {
                let place = self.place_of(SymbolId(asked.target));
                let place = place.ok_or(SteeringResult::UnknownSymbol)?;
                self.books[place as usize].is_killed = is_on;
            }
        }
        self.risk.is_armed = true;
        Ok(())
    }
}
