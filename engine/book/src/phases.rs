//! SecurityStatusRequest: a symbol moves to another phase, and what that brings with it.
//!
//! Inputs -> outputs: [`SetPhase`] -> trades of the uncross, day orders that expire, one
//! SteeringReport.
//! Invariants: whatever leaves a phase that collects uncrosses first, so that trading is never
//! continuous in a crossed book.
//! Limits: pauses when the outbox has no room; [`LOOKED_AT_MAX`] orders a step.
//! Not here: the auction's price (auction.rs).

use crate::auction::Uncross;
use crate::book::{Book, Step, Task};
use crate::orders::NIL;
use crate::reports::{Emit, Steered};
use gavel_contract::Outbox;
use gavel_types::limits::BURST;
use gavel_types::{
    CancelReason, CommandKind, Event, EventKind, Price, SessionSlot, SetPhase, SteeringResult,
    TimeInForce, TradingPhase,
};

/// Most orders that one step looks at: few of very many may be day orders.
const LOOKED_AT_MAX: usize = BURST;

/// A symbol on its way to another phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    place: u32,
    to: TradingPhase,
    steered: Steered,
    stage: Stage,
    /// Day orders that expired so far.
    expired: u64,
    /// Trading is continuous from here on, and was not before.
    begins: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The book is uncrossed.
    Uncross(Uncross),
    /// The phase is set.
    Move,
    /// Day orders expire: this one of this ladder is looked at next.
    DayEnd { ladder: u32, at: u32 },
    /// The answer is given.
    Answer,
}

impl Book {
    pub(crate) fn set_phase(
        &mut self,
        session: SessionSlot,
        asked: &SetPhase,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let (command, request_id) = (CommandKind::SetPhase, asked.request_id);
        let steered = Steered { session, command, request_id };
        let Some(place) = self.place_of(asked.symbol) else {
            emit.steered(steered, SteeringResult::UnknownSymbol, 0);
            return self.told(emit);
        };
        if asked.reference < Price(1) {
            emit.steered(steered, SteeringResult::ValueIncorrect, 0);
            return self.after(place, emit);
        }
        let book = &mut self.books[place as usize];
        if asked.reference != Price::NULL {
            book.reference = asked.reference;
        }
        let continuous = TradingPhase::Continuous;
        let begins = asked.phase == continuous && book.phase != continuous;
        let uncrosses = book.phase.is_collecting() && !asked.phase.is_collecting();
        let stage = match self.auction(place) {
            Some(auction) if uncrosses => Stage::Uncross(Uncross::at(auction.ticks)),
            _ => Stage::Move,
        };
        let (to, expired) = (asked.phase, 0);
        self.then(Task::Leaving(Leaving { place, to, steered, stage, expired, begins }))
    }

    /// Goes on with the way to another phase.
    pub(crate) fn leave(&mut self, mut leaving: Leaving, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let place = leaving.place;
        let mut looked_at = 0;
        loop {
            let needed = if matches!(leaving.stage, Stage::Uncross(_)) { 2 } else { 1 };
            if looked_at == LOOKED_AT_MAX || !emit.has_room(needed) {
                return self.pause(Task::Leaving(leaving));
            }
            looked_at += 1;
            leaving.stage = match leaving.stage {
                Stage::Uncross(mut uncross) => {
                    if self.uncross(place, &mut uncross, emit) {
                        Stage::Uncross(uncross)
                    } else {
                        Stage::Move
                    }
                }
                Stage::Move => {
                    let closes = leaving.to == TradingPhase::Closed
                        && self.books[place as usize].phase != TradingPhase::Closed;
                    self.move_to(place, leaving.to, emit);
                    let at = self.first_in(place, 0);
                    if closes { Stage::DayEnd { ladder: 0, at } } else { Stage::Answer }
                }
                Stage::DayEnd { ladder, at } => self.end_day(&mut leaving, ladder, at, emit),
                Stage::Answer => {
                    emit.steered(leaving.steered, SteeringResult::Done, leaving.expired);
                    if leaving.begins && self.books[place as usize].all_or_none > 0 {
                        return self.give_all_a_chance(place);
                    }
                    return self.after(place, emit);
                }
            };
        }
    }

    /// Ends an order if it is a day order; says where to go on.
    fn end_day(
        &mut self,
        leaving: &mut Leaving,
        ladder: u32,
        at: u32,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Stage {
        if at == NIL {
            return match ladder {
                3 => Stage::Answer,
                _ => Stage::DayEnd {
                    ladder: ladder + 1,
                    at: self.first_in(leaving.place, ladder + 1),
                },
            };
        }
        let next = self.following(at);
        let order = self.orders.order(at);
        if order.time_in_force == TimeInForce::Day {
            let own_name = order.cl_ord_id;
            self.cancel_resting(at, CancelReason::Expired, own_name, emit);
            leaving.expired += 1;
        }
        Stage::DayEnd { ladder, at: next }
    }

    /// A symbol's phase from here on.
    pub(crate) fn move_to(
        &mut self,
        place: u32,
        phase: TradingPhase,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        self.books[place as usize].phase = phase;
        let (kind, flags) = (EventKind::Phase.code(), phase.code());
        self.tell_event(place, emit, Event { kind, flags, ..Event::default() });
    }
}
