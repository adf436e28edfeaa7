//! NewOrderSingle: is it legal, is there room, and in it goes.
//!
//! Inputs -> outputs: [`NewOrder`] -> Rejected, or New and what follows.
//! Invariants: a rejected order changes nothing but the ExecID counter, tokens of risk that it
//! took, and the phase if its price left a band that halts.
//! Not here: what an order may ask for (kinds.rs), what happens then (matching.rs).
//! The order of the checks is that of RULES.md, *A new order*.

use crate::book::{Book, Step};
use crate::kinds::is_supported;
use crate::names::Vacancy;
use crate::orders::{Extra, Order, flag};
use crate::reports::Emit;
use crate::symbol::{SymbolBook, resting, waiting};
use gavel_contract::Outbox;
use gavel_types::{
    BandAction, Nanos, NewOrder, OrdType, OrderRejectReason, Price, Qty, SessionSlot, Side,
    TimeInForce, TradingPhase, exec_inst,
};

/// What was found out about an order that may come in.
struct Admitted {
    vacancy: Vacancy,
    /// Place of its symbol's book.
    place: u32,
    flags: u8,
}

/// Why an order may not come in, and at which price it was by then.
struct Refusal {
    reason: OrderRejectReason,
    price: Price,
}

impl Book {
    #[inline(never)]
    pub(crate) fn enter(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        if let Some(step) = self.enter_quick(session, asked, emit) {
            return step;
        }
        self.enter_any(session, asked, emit)
    }

    #[cold]
    pub(crate) fn reject(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
        reason: OrderRejectReason,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        emit.rejected(self.counters.exec(), session, asked, reason);
        self.after_reject(asked, reason, emit)
    }

    /// The way of every order.
    #[inline(never)]
    fn enter_any(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        match self.admit(session, asked) {
            Ok((vacancy, order)) => {
                let slot = self.begin(vacancy, &order);
                if order.is(flag::EXTRA) {
                    self.begin_extra(slot, &extra_of(asked));
                }
                emit.accepted(self.counters.exec(), self.shown(slot));
                self.go_in(slot, emit)
            }
            Err(Refusal { reason, price }) => {
                let asked = NewOrder { price, ..*asked };
                self.reject(session, &asked, reason, emit)
            }
        }
    }

    /// A live order that is at no level goes to where it belongs.
    #[inline]
    pub(crate) fn go_in(&mut self, slot: u32, emit: &mut Emit<'_, impl Outbox>) -> Step {
        let order = self.orders.order(slot);
        let place = order.book;
        if self.is_continuous(place) && !order.is(flag::WAITS) {
            return self.aggress(slot, emit);
        }
        if order.is(flag::WAITS) {
            self.rest(slot, emit);
            return self.after(place, emit);
        }
        self.display(slot);
        self.rest(slot, emit);
        self.after(place, emit)
    }

    /// A price that left its band may halt trading.
    fn after_reject(
        &mut self,
        asked: &NewOrder,
        reason: OrderRejectReason,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let Some(place) = self.place_of(asked.symbol) else {
            return self.told(emit);
        };
        if reason == OrderRejectReason::PriceExceedsBand {
            self.halt_if_asked(place, emit);
        }
        self.after(place, emit)
    }

    /// A price left the static band.
    pub(crate) fn halt_if_asked(&mut self, place: u32, emit: &mut Emit<'_, impl Outbox>) {
        let halts = self.books[place as usize].bands.action == BandAction::Halt;
        if halts && self.is_continuous(place) {
            self.move_to(place, TradingPhase::Halt, emit);
        }
    }

    /// The order that was asked for, or the first reason against it.
    fn admit(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
    ) -> Result<(Vacancy, Order), Refusal> {
        let refusal = |reason| Refusal { reason, price: asked.price };
        let admitted = self.admit_form(session, asked).map_err(refusal)?;
        let mut order = order_of(session, admitted.place, asked, admitted.flags);
        self.check_post_only(&mut order).map_err(refusal)?;
        let price = order.price;
        let refusal = |reason| Refusal { reason, price };
        if self.orders.is_full() || !self.has_place(&order, asked.stop_px) {
            return Err(refusal(OrderRejectReason::BookFull));
        }
        self.check_reach(&order, asked).map_err(refusal)?;
        Ok((admitted.vacancy, order))
    }

    /// The checks up to that of risk.
    fn admit_form(
        &mut self,
        session: SessionSlot,
        asked: &NewOrder,
    ) -> Result<Admitted, OrderRejectReason> {
        use OrderRejectReason as No;
        let place = self.place_of(asked.symbol).ok_or(No::UnknownSymbol)?;
        let book = &self.books[place as usize];
        let rules = &book.rules;
        if !is_supported(asked) {
            return Err(No::UnsupportedOrderCharacteristic);
        }
        let is_legal = asked.qty != Qty(0) && rules.is_legal_qty(asked.qty);
        let parts = rules.is_lots(asked.display_qty) && asked.min_qty <= asked.qty;
        if !is_legal || !parts {
            return Err(No::IncorrectQuantity);
        }
        let is_legal = |price| price == Price::NULL || rules.is_legal_price(price);
        if !is_legal(asked.price) || !is_legal(asked.stop_px) {
            return Err(No::InvalidPriceIncrement);
        }
        let vacancy = self.names.vacancy(&self.orders, session, asked.cl_ord_id);
        let vacancy = vacancy.ok_or(No::DuplicateOrder)?;
        let flags = flags_of(asked);
        let mut admitted = Admitted { vacancy, place, flags };
        if book.phase != TradingPhase::Continuous
            && !may_collect(book, &order_of(session, admitted.place, asked, admitted.flags))
        {
            return Err(No::ExchangeClosed);
        }
        if !book.is_within_band(asked.price) {
            return Err(No::PriceExceedsBand);
        }
        let is_gtd = asked.time_in_force == TimeInForce::Gtd;
        if is_gtd && asked.expire_time <= self.now {
            return Err(No::TooLateToEnter);
        }
        if self.risk.is_armed {
            admitted.flags |=
                self.check_new(&order_of(session, admitted.place, asked, admitted.flags), asked)?;
        }
        Ok(admitted)
    }

    /// A post-only order must not trade, and one that slides gives way.
    fn check_post_only(&self, order: &mut Order) -> Result<(), OrderRejectReason> {
        let is_shy = order.is(flag::POST_ONLY | flag::SLIDES);
        if !is_shy || !self.is_continuous(order.book) || !self.would_trade(order) {
            return Ok(());
        }
        let slid = self.slid(order).filter(|_| order.is(flag::SLIDES));
        order.price = slid.ok_or(OrderRejectReason::PostOnly)?;
        Ok(())
    }

    /// True if an order of this price, which it has, meets somebody.
    #[inline]
    pub(crate) fn would_trade(&self, order: &Order) -> bool {
        let book = &self.books[order.book as usize];
        book.other(order.side).reaches(book.rules.ticks(order.price))
    }

    /// One tick less good than the other side's best, if that is legal.
    fn slid(&self, order: &Order) -> Option<Price> {
        let book = &self.books[order.book as usize];
        let best = self.levels.level(book.side(order.side.opposite()).first()?).ticks;
        let ticks = match order.side {
            Side::Buy => best - 1,
            Side::Sell => best + 1,
        };
        Some(book.rules.price(ticks)).filter(|&price| book.rules.is_legal_price(price))
    }

    /// True if there is room where the order would rest or wait, if it may.
    #[inline]
    fn has_place(&self, order: &Order, stop_px: Price) -> bool {
        if order.is(flag::WAITS) {
            return self.has_level_at(order.book, waiting(order.side), stop_px, 0);
        }
        !order.may_rest() || self.has_level(order, 0)
    }

    /// True if the order could rest: its level is there, or there is room for it once `freed`
    /// levels of its side are gone.
    #[inline]
    pub(crate) fn has_level(&self, order: &Order, freed: u32) -> bool {
        self.has_level_at(order.book, resting(order.side), order.price, freed)
    }

    /// The same of any ladder.
    #[inline]
    pub(crate) fn has_level_at(&self, place: u32, ladder: u32, price: Price, freed: u32) -> bool {
        let book = &self.books[place as usize];
        let ladder = &book.ladders[ladder as usize];
        ladder.has_room(&self.pages, self.levels_max, freed)
            || ladder.find(&self.pages, book.rules.ticks(price)).is_some()
    }

    /// What trades at once or not at all finds enough.
    #[inline]
    fn check_reach(&self, order: &Order, asked: &NewOrder) -> Result<(), OrderRejectReason> {
        use OrderRejectReason as No;
        if order.is(flag::WAITS) {
            return self.check_stop(order, asked);
        }
        let other = self.books[order.book as usize].side(order.side.opposite());
        if order.price == Price::NULL && asked.budget == 0 && other.first().is_none() {
            return Err(No::NoLiquidity);
        }
        let is_whole = order.time_in_force == TimeInForce::Fok;
        if !is_whole && asked.min_qty == Qty(0) {
            return Ok(());
        }
        let reach = self.reach(&self.terms(order, asked.stp_id), order.qty);
        if is_whole && reach.qty < order.qty.0 {
            return Err(No::FillOrKill);
        }
        if reach.qty < asked.min_qty.0 {
            return Err(No::MinQty);
        }
        let units = self.books[order.book as usize].rules.units();
        let budget = u128::from(asked.budget) * units;
        let is_kept = match order.side {
            Side::Buy => reach.cost <= budget,
            Side::Sell => reach.cost >= budget,
        };
        if asked.budget == 0 || is_kept { Ok(()) } else { Err(No::FillOrKill) }
    }

    /// Where the convention asks for it, a stop price lies ahead.
    fn check_stop(&self, order: &Order, asked: &NewOrder) -> Result<(), OrderRejectReason> {
        let last = self.books[order.book as usize].last;
        let is_reached = last != Price::NULL
            && match order.side {
                Side::Buy => asked.stop_px <= last,
                Side::Sell => asked.stop_px >= last,
            };
        if is_reached && self.conventions.refuse_stop_beyond_last {
            return Err(OrderRejectReason::InvalidPriceIncrement);
        }
        Ok(())
    }
}

/// True if a phase that collects takes the order.
fn may_collect(book: &SymbolBook, order: &Order) -> bool {
    let instructions = flag::POST_ONLY | flag::SLIDES | flag::ALL_OR_NONE;
    book.phase.is_collecting()
        && (order.may_rest() || order.is(flag::WAITS))
        && !order.is(instructions)
}

/// The order as it would be.
#[inline]
pub(crate) fn order_of(session: SessionSlot, place: u32, asked: &NewOrder, flags: u8) -> Order {
    Order {
        cl_ord_id: asked.cl_ord_id,
        price: asked.price,
        qty: asked.qty,
        leaves: asked.qty,
        session,
        account: asked.account,
        book: place,
        side: asked.side,
        time_in_force: asked.time_in_force,
        flags,
        stp: asked.stp,
    }
}

fn flags_of(asked: &NewOrder) -> u8 {
    let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
    let flags = flag(matches!(asked.ord_type, OrdType::Stop | OrdType::StopLimit), flag::WAITS)
        | flag(asked.display_qty != Qty(0), flag::ICEBERG)
        | flag(asked.exec_inst == exec_inst::ALL_OR_NONE, flag::ALL_OR_NONE)
        | flag(asked.exec_inst == exec_inst::POST_ONLY, flag::POST_ONLY)
        | flag(asked.exec_inst == exec_inst::POST_ONLY_SLIDE, flag::SLIDES)
        | flag(asked.stp_id != 0, flag::SMP_ID);
    let has_extra = flags & (flag::WAITS | flag::ICEBERG | flag::SMP_ID) != 0;
    flags | flag(has_extra || asked.expire_time != Nanos(0), flag::EXTRA)
}

fn extra_of(asked: &NewOrder) -> Extra {
    Extra {
        display: asked.display_qty,
        stop_px: asked.stop_px,
        expire_time: asked.expire_time,
        smp_id: asked.stp_id,
        ..Extra::NONE
    }
}
