//! Many orders end at once: OrderMassActionRequest, what a session's end asks for, kill switches.
//!
//! Inputs -> outputs: [`MassAction`] -> a Canceled for every order in scope, then one
//! MassActionReport; a session -> a Canceled for every order of it; a kill switch -> a Canceled for
//! every order in its scope, then one SteeringReport.
//! Invariants: orders of a session end in the order in which they were entered; a refused request
//! changes nothing but the count of reports.
//! Limits: [`LOOKED_AT_MAX`] orders a step; then, or when the outbox has no room, it pauses.
//! Not here: when a session's orders end with it (the session layer's), the switch (steering.rs).

use crate::book::{Book, Step, Task};
use crate::orders::{NIL, Order};
use crate::reports::{Counters, Emit, Steered};
use gavel_contract::Outbox;
use gavel_types::limits::BURST;
use gavel_types::{
    Account, CancelReason, Kill, KillScope, MassAction, MassActionRejectReason, MassActionScope,
    MassActionType, SessionSlot, SteeringResult, SymbolId,
};

/// Most orders that one step looks at: a session may have very many of which few are meant, and the
/// tile's other agents want their turn.
const LOOKED_AT_MAX: usize = BURST;

/// Who asked for it.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// A request, which says what is in scope and is answered at the end.
    Request(MassAction),
    /// The end of a session: everything is in scope, and nothing more is said.
    Session,
    /// A kill switch, which goes on with the next session up to one.
    Switch { kill: Kill, steered: Steered, last: u32 },
}

/// A mass cancel that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MassCancel {
    session: SessionSlot,
    /// The order that is looked at next, NIL behind the last.
    next: u32,
    /// Orders that ended so far.
    affected: u32,
    why: CancelReason,
    asked: Asked,
}

impl Book {
    /// Begins what the request asks for, or refuses it.
    pub(crate) fn mass_action(
        &mut self,
        session: SessionSlot,
        asked: &MassAction,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        match asked.action {
            MassActionType::CancelOrders => {}
        }
        if asked.scope == MassActionScope::Security && self.place_of(asked.symbol).is_none() {
            let (why, report_id) = (MassActionRejectReason::UnknownSecurity, self.counters.mass());
            emit.mass_action(report_id, session, asked, 0, why);
            return self.told(emit);
        }
        let whole = self.whole_session(session, CancelReason::MassAction);
        self.then(Task::MassCancel(MassCancel { asked: Asked::Request(*asked), ..whole }))
    }

    /// What ends every order of a session.
    pub(crate) fn whole_session(&self, session: SessionSlot, why: CancelReason) -> MassCancel {
        let next = self.owners.first(session);
        MassCancel { session, next, affected: 0, why, asked: Asked::Session }
    }

    /// What ends every order in the scope of a kill switch.
    pub(crate) fn killed(&self, kill: &Kill, steered: Steered) -> MassCancel {
        let (first, last) = match kill.scope {
            KillScope::Session => (kill.target, kill.target),
            KillScope::Venue | KillScope::Account | KillScope::Symbol => {
                (0, self.owners.sessions_max() - 1)
            }
        };
        let whole = self.whole_session(SessionSlot(first), CancelReason::Killed);
        MassCancel { asked: Asked::Switch { kill: *kill, steered, last }, ..whole }
    }

    /// Goes on with a mass cancel until it is done, there is no room, or it was long enough.
    pub(crate) fn mass_cancel(
        &mut self,
        mut mass: MassCancel,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let mut looked_at = 0;
        loop {
            if mass.next == NIL && self.next_session(&mut mass) {
                continue;
            }
            if mass.next == NIL && matches!(mass.asked, Asked::Session) {
                return self.told(emit);
            }
            if looked_at == LOOKED_AT_MAX || !emit.has_room(1) {
                return self.pause(Task::MassCancel(mass));
            }
            if mass.next == NIL {
                answer(&mass, &mut self.counters, emit);
                return self.told(emit);
            }
            self.end_if_meant(&mut mass, emit);
            looked_at += 1;
        }
    }

    /// Goes on with the next session, if there is one that is meant too.
    fn next_session(&self, mass: &mut MassCancel) -> bool {
        let Asked::Switch { last, .. } = mass.asked else { return false };
        let mut later = mass.session.0 + 1..=last;
        let next = later.find(|&session| self.owners.count(SessionSlot(session)) > 0);
        mass.session = SessionSlot(next.unwrap_or(last));
        if let Some(session) = next {
            mass.next = self.owners.first(SessionSlot(session));
        }
        next.is_some()
    }

    fn end_if_meant(&mut self, mass: &mut MassCancel, emit: &mut Emit<'_, impl Outbox>) {
        let slot = mass.next;
        mass.next = self.owners.after(slot);
        let order = self.orders.order(slot);
        let symbol = self.books[order.book as usize].rules.symbol;
        let (is_meant, request) = match &mass.asked {
            Asked::Request(asked) => (is_in_scope(asked, symbol, order), asked.cl_ord_id),
            Asked::Session => (true, order.cl_ord_id),
            Asked::Switch { kill, .. } => (is_killed(kill, symbol, order), order.cl_ord_id),
        };
        if is_meant {
            self.cancel_resting(slot, mass.why, request, emit);
            mass.affected += 1;
        }
    }
}

/// Says how many orders ended.
fn answer(mass: &MassCancel, counters: &mut Counters, emit: &mut Emit<'_, impl Outbox>) {
    match &mass.asked {
        Asked::Request(asked) => {
            let (why, report_id) = (MassActionRejectReason::None, counters.mass());
            emit.mass_action(report_id, mass.session, asked, mass.affected, why);
        }
        Asked::Switch { steered, .. } => {
            emit.steered(*steered, SteeringResult::Done, mass.affected.into());
        }
        Asked::Session => {}
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

/// True if the switch is for this order.
fn is_killed(kill: &Kill, symbol: SymbolId, order: &Order) -> bool {
    match kill.scope {
        KillScope::Venue => true,
        KillScope::Account => order.account == Account(kill.target),
        KillScope::Session => order.session == SessionSlot(kill.target),
        KillScope::Symbol => symbol == SymbolId(kill.target),
    }
}
