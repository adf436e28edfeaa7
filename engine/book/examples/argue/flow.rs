//! Random commands of every kind, aimed at where books are delicate: few prices, few parties, names
//! that repeat, phases that change, limits that are near.

use super::dice::Dice;
use super::orders::{Kind, TASTES};
use gavel_contract::{BookPlan, Conventions, SymbolSpec};
use gavel_types::{
    Account, CancelOrder, CancelReject, CancelRejectReason, ClOrdId, Command, MarketDataQuery,
    MassAction, MassActionScope, MassActionType, MdReqId, Nanos, NewOrder, OrderId,
    OrderStatusQuery, Price, Qty, ReduceOrder, ReplaceOrder, Report, ReportBody, SeqNo,
    SessionSlot, Side, StpInstruction, SymbolId, TimeInForce, TradingPhase,
};

pub(crate) const SESSIONS: u64 = 4;
pub(crate) const ACCOUNTS: u64 = 4;

/// A name that an order had lately.
#[derive(Clone, Copy)]
struct Known {
    session: SessionSlot,
    name: ClOrdId,
    id: OrderId,
    symbol: SymbolId,
    side: Side,
    price: Price,
    qty: Qty,
    cum: Qty,
}

/// What kind of life a flow leads.
pub(crate) struct Flow {
    pub(crate) dice: Dice,
    pub(crate) ticks: Vec<(SymbolId, i64)>,
    pub(crate) mid: i64,
    pub(crate) now: u64,
    /// A kind of order that comes more often than others.
    pub(crate) taste: Option<Kind>,
    /// The side that most orders are of, for a while.
    pub(crate) bias: Option<Side>,
    /// Orders are small and stay: long queues, long rows, many second chances.
    pub(crate) is_crowded: bool,
    /// The phase that was asked for last.
    pub(crate) phase: Option<TradingPhase>,
    /// The order that was entered last.
    pub(crate) last: Option<(SessionSlot, NewOrder)>,
    /// Commands that come next.
    pub(crate) repairs: Vec<Command>,
    known: Vec<Known>,
    names: u64,
    seq: u64,
    /// Steering commands come this often, in a thousand.
    steering: u64,
    /// Kinds of orders other than plain ones come this often, in a hundred.
    pub(crate) exotic: u64,
}

/// A plan whose every limit is near.
pub(crate) fn plan(dice: &mut Dice) -> BookPlan {
    let symbol = |n: u32, tick: i64, lot: u64, stp| SymbolSpec {
        symbol: SymbolId(n),
        name: format!("SYM{n}"),
        tick: Price(tick),
        lot: Qty(lot),
        price_min: Price(tick),
        price_max: Price(4_000 * tick),
        qty_max: Qty(1_000 * lot),
        qty_scale: (n % 3) as u8,
        stp,
        protection: Price(if n == 3 { 3 * tick } else { 0 }),
    };
    let mut flip = || dice.one_in(4);
    let conventions = Conventions {
        refuse_replace_to_filled: flip(),
        refuse_replace_that_trades: flip(),
        requeue_on_decrease: flip(),
        iceberg_keeps_place: flip(),
        refuse_stop_beyond_last: flip(),
        market_rest_rests: flip(),
        post_only_on_entry_only: flip(),
        surplus_before_reference: flip(),
    };
    // Sweeps that pause and long rows need many orders.
    let orders_max = 20 + dice.below(60) as u32 + if dice.one_in(3) { 500 } else { 0 };
    BookPlan {
        symbols: vec![
            symbol(1, 1, 1, StpInstruction::Allow),
            symbol(3, 5, 10, StpInstruction::CancelResting),
            symbol(70, 1_000, 1, StpInstruction::Allow),
        ],
        orders_max,
        levels_max: 6 + dice.below(40) as u32,
        sessions_max: SESSIONS as u32 + 1,
        symbols_max: 5,
        pages_max: 16 + dice.below(90) as u32,
        accounts_max: 3,
        positions_max: 4,
        conventions,
    }
}

impl Flow {
    pub(crate) fn new(seed: u64, plan: &BookPlan) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let ticks = plan.symbols.iter().map(|spec| (spec.symbol, spec.tick.0)).collect();
        let steering = dice.of(&[0, 5, 30, 120]);
        let exotic = dice.of(&[0, 20, 50, 80]);
        let taste = dice.of(&[None, Some(())]).map(|()| dice.of(&TASTES));
        let is_crowded = plan.orders_max > 400 && dice.one_in(2);
        Self {
            dice,
            ticks,
            mid: 2_000,
            now: 1_000,
            taste,
            bias: None,
            is_crowded,
            phase: None,
            last: None,
            repairs: Vec::new(),
            known: Vec::new(),
            names: 0,
            seq: 0,
            steering,
            exotic,
        }
    }

    /// The next command and its time.
    pub(crate) fn next(&mut self) -> (Command, Nanos) {
        if self.dice.one_in(3) {
            self.now += self.dice.of(&[0, 1, 10, 1_000, 1_000_000]);
        }
        if !self.is_crowded && self.dice.one_in(200) {
            self.mid = (self.mid + self.dice.below(401) as i64 - 200).clamp(30, 3_970);
        }
        if self.dice.one_in(if self.is_crowded { 600 } else { 150 }) {
            self.bias = self.dice.of(&[None, None, Some(Side::Buy), Some(Side::Sell)]);
        }
        let repair = self.repairs.pop();
        let command = if let Some(repair) = repair {
            repair
        } else if self.dice.below(1_000) < self.steering {
            self.steering_command()
        } else {
            match self.dice.below(100) {
                0..55 => self.new_order(),
                55..85 if self.is_crowded && !self.dice.one_in(4) => self.new_order(),
                55..70 => self.cancel(),
                70..78 => self.reduce(),
                78..94 => self.replace(),
                94 => self.mass_action(),
                95 => self.market_data(),
                96 => self.status(),
                97 => Command::tick(),
                _ => self.new_order(),
            }
        };
        (command, Nanos(self.now))
    }

    /// Remembers names that reports show, and forgets most of those that are gone.
    pub(crate) fn saw(&mut self, report: &Report) {
        let session = report.session;
        let order = match report.parse() {
            Ok(ReportBody::Canceled(canceled)) => return self.forget(canceled.order.order_id),
            Ok(ReportBody::Trade(trade)) if trade.order.leaves_qty == Qty(0) => {
                return self.forget(trade.order.order_id);
            }
            Ok(ReportBody::CancelReject(refused)) => return self.was_refused(session, refused),
            Ok(ReportBody::Rejected(rejected)) => return self.repair(session, rejected),
            Ok(ReportBody::New(new)) => &new.order,
            Ok(ReportBody::Replaced(replaced)) => &replaced.order,
            Ok(ReportBody::Restated(restated)) => &restated.order,
            Ok(ReportBody::Trade(trade)) => &trade.order,
            _ => return,
        };
        let known = Known {
            session,
            name: order.cl_ord_id,
            id: order.order_id,
            symbol: order.symbol,
            side: order.side,
            price: order.price,
            qty: order.qty,
            cum: order.cum_qty,
        };
        if let Some(other) = self.known.iter_mut().find(|other| other.id == known.id) {
            *other = known;
        } else if self.known.len() < 48 {
            self.known.push(known);
        } else {
            let at = self.dice.below(48) as usize;
            self.known[at] = known;
        }
    }

    /// Most of what is gone is not named again.
    fn forget(&mut self, id: OrderId) {
        if !self.dice.one_in(20) {
            self.known.retain(|known| known.id != id);
        }
    }

    fn was_refused(&mut self, session: SessionSlot, refused: &CancelReject) {
        if refused.reason == CancelRejectReason::UnknownOrder {
            let (name, id) = (refused.orig_cl_ord_id, refused.order_id);
            let is_it =
                |known: &Known| known.id == id || (known.session == session && known.name == name);
            self.known.retain(|known| !is_it(known));
        }
    }

    pub(crate) fn seq(&mut self) -> SeqNo {
        self.seq += 1;
        SeqNo(self.seq)
    }

    pub(crate) fn session(&mut self) -> SessionSlot {
        SessionSlot(self.dice.below(SESSIONS) as u32)
    }

    pub(crate) fn symbol(&mut self) -> (SymbolId, i64) {
        if self.dice.one_in(300) {
            return (SymbolId(self.dice.below(200) as u32), 1);
        }
        // Most commands are for one symbol: there they meet.
        if self.dice.one_in(4) { self.dice.of(&self.ticks.clone()) } else { self.ticks[0] }
    }

    pub(crate) fn name(&mut self) -> ClOrdId {
        if self.dice.one_in(40) && !self.known.is_empty() {
            return self.dice.of(&self.known.clone()).name;
        }
        self.names += 1;
        ClOrdId(self.names)
    }

    fn known(&mut self) -> Option<Known> {
        let (session, symbol) = (self.session(), self.symbol().0);
        if self.known.is_empty() {
            return None;
        }
        let mut known = self.dice.of(&self.known.clone());
        if self.dice.one_in(50) {
            known.session = session;
        }
        if self.dice.one_in(60) {
            known.symbol = symbol;
        }
        if self.dice.one_in(60) {
            known.side = known.side.opposite();
        }
        if self.dice.one_in(2) {
            known.id = OrderId(0);
        }
        Some(known)
    }

    fn cancel(&mut self) -> Command {
        let Some(known) = self.known() else { return self.new_order() };
        let request = CancelOrder {
            cl_ord_id: self.name(),
            orig_cl_ord_id: known.name,
            order_id: known.id,
            symbol: known.symbol,
            side: known.side,
            reserved: [0; 3],
        };
        let seq = self.seq();
        Command::cancel(known.session, seq, &request)
    }

    fn reduce(&mut self) -> Command {
        let Some(known) = self.known() else { return self.new_order() };
        let by = if self.dice.one_in(10) { 0 } else { self.dice.below(1 + known.qty.0) };
        let by = if known.symbol == SymbolId(3) { by / 10 * 10 } else { by };
        let request = ReduceOrder {
            cl_ord_id: self.name(),
            orig_cl_ord_id: known.name,
            order_id: known.id,
            by: Qty(by),
            symbol: known.symbol,
            side: known.side,
            reserved: [0; 3],
        };
        let seq = self.seq();
        Command::reduce(known.session, seq, &request)
    }

    fn replace(&mut self) -> Command {
        let Some(known) = self.known() else { return self.new_order() };
        let tick = self.ticks.iter().find(|(symbol, _)| *symbol == known.symbol);
        let tick = tick.map_or(1, |(_, tick)| *tick);
        let lot = if known.symbol == SymbolId(3) { 10 } else { 1 };
        let price = if self.dice.one_in(3) { known.price } else { self.price(known.side, tick) };
        let price = if self.dice.one_in(40) { Price::NULL } else { price };
        let price = if known.price == Price::NULL { known.price } else { price };
        let qty = match self.dice.below(6) {
            0 => known.qty.0,
            1 => known.qty.0.saturating_sub(lot * self.dice.below(8)),
            2 => known.qty.0 + lot * self.dice.below(8),
            3 => known.cum.0,
            _ => known.cum.0 + lot * self.dice.below(30),
        };
        let stop_px = if self.dice.one_in(8) {
            Price((self.mid + self.dice.below(12) as i64 - 6) * tick)
        } else {
            Price(0)
        };
        let name = if self.dice.one_in(3) { known.name } else { self.name() };
        let time_in_force = if self.dice.one_in(12) {
            self.dice.of(&[TimeInForce::Gtd, TimeInForce::Fok])
        } else {
            self.dice.of(&[TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc])
        };
        let request = ReplaceOrder {
            cl_ord_id: name,
            orig_cl_ord_id: known.name,
            order_id: known.id,
            price,
            qty: Qty(qty),
            symbol: known.symbol,
            side: known.side,
            time_in_force,
            exec_inst: if self.dice.one_in(30) { 1 } else { self.dice.of(&[0, 0, 8]) },
            reserved: 0,
            stop_px,
        };
        let seq = self.seq();
        Command::replace(known.session, seq, &request)
    }

    fn mass_action(&mut self) -> Command {
        let scope = self.dice.of(MassActionScope::ALL);
        let request = MassAction {
            cl_ord_id: self.name(),
            symbol: self.symbol().0,
            account: Account(self.dice.below(ACCOUNTS) as u32),
            action: MassActionType::CancelOrders,
            scope,
            side: self.dice.of(&[0, b'1', b'2']),
            reserved: [0; 5],
        };
        let (session, seq) = (self.session(), self.seq());
        Command::mass_action(session, seq, &request)
    }

    fn market_data(&mut self) -> Command {
        let symbol = self.symbol().0;
        let depth = self.dice.of(&[0, 1, 5, 64, 65]);
        let request = MarketDataQuery { md_req_id: MdReqId(7), symbol, depth, reserved: [0; 3] };
        let (session, seq) = (self.session(), self.seq());
        Command::market_data(session, seq, &request)
    }

    fn status(&mut self) -> Command {
        let Some(known) = self.known() else { return self.new_order() };
        let request = OrderStatusQuery {
            cl_ord_id: known.name,
            order_id: known.id,
            symbol: known.symbol,
            side: known.side,
            reserved: [0; 3],
        };
        let seq = self.seq();
        Command::order_status(known.session, seq, &request)
    }
}
