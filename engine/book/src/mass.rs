//! Many orders of one session end at once: OrderMassActionRequest, and what a session's end asks
//! for.
//!
//! Inputs -> outputs: [`MassAction`] -> a Canceled for every order in scope, then one
//! MassActionReport; a session -> a Canceled for every order of it.
//! Invariants: orders end in the order in which they were entered; a refused request changes
//! nothing but the count of reports.
//! Limits: [`LOOKED_AT_MAX`] orders a step; then, or when the outbox has no room, it pauses.
//! Not here: when a session's orders end with it (the session layer's).

use crate::book::Book;
use crate::orders::{NIL, Order};
use crate::reports::Emit;
use gavel_contract::{Outbox, Progress};
use gavel_types::limits::BURST;
use gavel_types::{
    Account, CancelReason, MassAction, MassActionRejectReason, MassActionScope, MassActionType,
    SessionSlot, SymbolId,
};

/// Most orders that one step looks at: a session may have very many of which few are meant, and the
/// tile's other agents want their turn.
const LOOKED_AT_MAX: usize = BURST;

/// A mass cancel that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MassCancel {
    session: SessionSlot,
    /// The order that is looked at next, NIL behind the last.
    next: u32,
    /// Orders that ended so far.
    affected: u32,
    why: CancelReason,
    /// The request, which says what is in scope and is answered at the end. Without one everything
    /// is, and nothing more is said.
    asked: Option<MassAction>,
}

impl Book {
    /// Begins what the request asks for, or refuses it.
    pub(crate) fn mass_action(
        &self,
        session: SessionSlot,
        asked: &MassAction,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<MassCancel> {
        match asked.action {
            MassActionType::CancelOrders => {}
        }
        if asked.scope == MassActionScope::Security && self.book_of(asked.symbol).is_none() {
            emit.mass_action(session, asked, 0, MassActionRejectReason::UnknownSecurity);
            return None;
        }
        let why = CancelReason::MassAction;
        Some(MassCancel { asked: Some(*asked), ..self.whole_session(session, why) })
    }

    /// What ends every order of a session.
    pub(crate) fn whole_session(&self, session: SessionSlot, why: CancelReason) -> MassCancel {
        MassCancel { session, next: self.owners.first(session), affected: 0, why, asked: None }
    }

    /// Goes on with a mass cancel until it is done, there is no room, or it was long enough.
    pub(crate) fn mass_cancel(
        &mut self,
        mass: &mut MassCancel,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Progress {
        let mut looked_at = 0;
        loop {
            let slot = mass.next;
            if slot == NIL && mass.asked.is_none() {
                return Progress::Done;
            }
            if looked_at == LOOKED_AT_MAX || !emit.has_room(1) {
                return Progress::Paused;
            }
            if let (NIL, Some(asked)) = (slot, &mass.asked) {
                let none = MassActionRejectReason::None;
                emit.mass_action(mass.session, asked, mass.affected, none);
                return Progress::Done;
            }
            mass.next = self.owners.after(slot);
            let order = self.orders.order(slot);
            let symbol = self.symbols[order.book as usize];
            if mass.asked.is_none_or(|asked| is_in_scope(&asked, symbol, order)) {
                let own_name = order.cl_ord_id;
                let request = mass.asked.map_or(own_name, |asked| asked.cl_ord_id);
                self.unrest(slot);
                emit.canceled(self.shown(slot), mass.why, request);
                self.end(slot);
                mass.affected += 1;
            }
            looked_at += 1;
        }
    }
}

/// True if the request means this order.
fn is_in_scope(asked: &MassAction, symbol: SymbolId, order: &Order) -> bool {
    let symbol = match asked.scope {
        MassActionScope::AllOrders => true,
        MassActionScope::Security => asked.symbol == symbol,
    };
    let side = asked.side == 0 || asked.side == order.side.code();
    let account = asked.account == Account(0) || asked.account == order.account;
    symbol && side && account
}
