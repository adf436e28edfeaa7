//! New orders of every kind.

use super::flow::{ACCOUNTS, Flow};
use gavel_types::{
    Account, Command, Nanos, NewOrder, OrdType, Price, Qty, Side, StpInstruction, SymbolId,
    TimeInForce, exec_inst,
};

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Ways in which an order can be more than plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    FillOrKill,
    Timed,
    Market,
    Budget,
    MinQty,
    Iceberg,
    Shy,
    Whole,
    Stop,
    Scrambled,
}

const KINDS: [Kind; 13] = [
    Kind::FillOrKill,
    Kind::Timed,
    Kind::Timed,
    Kind::Market,
    Kind::Budget,
    Kind::MinQty,
    Kind::Iceberg,
    Kind::Iceberg,
    Kind::Shy,
    Kind::Whole,
    Kind::Stop,
    Kind::Stop,
    Kind::Scrambled,
];

/// Kinds that a flow may have a taste for.
pub(crate) const TASTES: [Kind; 5] =
    [Kind::Whole, Kind::Iceberg, Kind::Whole, Kind::Stop, Kind::Timed];

impl Flow {
    pub(crate) fn new_order(&mut self) -> Command {
        if let Some((session, last)) = self.last.filter(|_| self.dice.one_in(40)) {
            let order = NewOrder { cl_ord_id: self.name(), ..last };
            return Command::new_order(session, self.seq(), &order);
        }
        let session = self.session();
        let (symbol, tick) = self.symbol();
        let any = self.dice.of(&SIDES);
        let side = self.bias.filter(|_| !self.dice.one_in(8)).unwrap_or(any);
        let lot = if symbol == SymbolId(3) { 10 } else { 1 };
        let price = self.price(side, tick);
        let time_in_force = self.dice.of(&[
            TimeInForce::Day,
            TimeInForce::Gtc,
            TimeInForce::Gtc,
            TimeInForce::Gtc,
            TimeInForce::Ioc,
        ]);
        let mut order = NewOrder {
            cl_ord_id: self.name(),
            price,
            qty: Qty(self.qty().0 * lot),
            min_qty: Qty(0),
            display_qty: Qty(0),
            stop_px: Price::NULL,
            expire_time: Nanos(0),
            stp_id: 0,
            symbol,
            account: Account(self.dice.below(ACCOUNTS) as u32),
            side,
            ord_type: OrdType::Limit,
            time_in_force,
            stp: StpInstruction::Default,
            exec_inst: 0,
            reserved: [0; 3],
            budget: 0,
        };
        if self.dice.below(100) < self.exotic {
            self.make_exotic(&mut order, tick, lot);
        }
        self.last = Some((session, order));
        Command::new_order(session, self.seq(), &order)
    }

    fn make_exotic(&mut self, order: &mut NewOrder, tick: i64, lot: u64) {
        order.stp = self.dice.of(StpInstruction::ALL);
        if self.dice.one_in(6) {
            order.stp_id = self.dice.below(3);
        }
        if self.dice.one_in(60) {
            order.time_in_force = self.dice.of(TimeInForce::ALL);
        }
        let any = self.dice.of(&KINDS);
        let kind = self.taste.filter(|_| self.dice.one_in(2)).unwrap_or(any);
        self.make(kind, order, tick, lot);
        if self.dice.one_in(5) {
            // Two of them may go together.
            let kind = self.dice.of(&KINDS);
            self.make(kind, order, tick, lot);
        }
    }

    fn make(&mut self, kind: Kind, order: &mut NewOrder, tick: i64, lot: u64) {
        match kind {
            Kind::FillOrKill => order.time_in_force = TimeInForce::Fok,
            Kind::Timed => {
                order.time_in_force = TimeInForce::Gtd;
                let ahead = self.dice.of(&[0, 1, 50, 1_000, 2_000_000, 50_000_000]);
                order.expire_time = Nanos(self.now + ahead);
            }
            Kind::Market => {
                order.ord_type = OrdType::Market;
                order.price = Price::NULL;
                if self.dice.one_in(3) {
                    order.min_qty = Qty(1 + self.dice.below(order.qty.0 + 2));
                }
            }
            Kind::Budget => {
                order.ord_type = OrdType::Market;
                (order.price, order.time_in_force) = (Price::NULL, TimeInForce::Fok);
                let each = (self.mid + self.dice.below(9) as i64 - 4) * tick;
                order.budget = order.qty.0 * each as u64 / self.dice.of(&[1, 10, 100]);
            }
            Kind::MinQty => {
                order.time_in_force = TimeInForce::Ioc;
                order.min_qty = Qty(1 + self.dice.below(order.qty.0 + 2));
            }
            Kind::Iceberg => {
                order.display_qty = Qty(lot * self.dice.of(&[1, 2, 5, 10, 50]));
                if order.time_in_force == TimeInForce::Ioc {
                    order.time_in_force = TimeInForce::Gtc;
                }
            }
            Kind::Shy => {
                order.exec_inst = self.dice.of(&[exec_inst::POST_ONLY, exec_inst::POST_ONLY_SLIDE]);
                order.time_in_force = TimeInForce::Gtc;
            }
            Kind::Whole => {
                order.exec_inst = exec_inst::ALL_OR_NONE;
                if order.time_in_force == TimeInForce::Ioc {
                    order.time_in_force = TimeInForce::Day;
                }
                if self.is_crowded {
                    let most = self.dice.of(&[20, 20, 60, 900]);
                    order.qty = Qty(lot * (1 + self.dice.below(most)));
                    if most == 900 && self.dice.one_in(2) {
                        // One that reaches all of the other side.
                        let away = if order.side == Side::Buy { 100 } else { -100 };
                        order.price = Price((self.mid + away) * tick);
                    }
                }
            }
            Kind::Stop => {
                let away = self.dice.below(12) as i64 - 6;
                order.stop_px = Price((self.mid + away) * tick);
                order.ord_type = OrdType::StopLimit;
                if self.dice.one_in(4) {
                    order.time_in_force = TimeInForce::Fok;
                }
                if self.dice.one_in(2) {
                    order.ord_type = OrdType::Stop;
                    order.price = Price::NULL;
                }
            }
            Kind::Scrambled => self.scramble(order),
        }
    }

    /// Fields that mostly do not go together.
    fn scramble(&mut self, order: &mut NewOrder) {
        order.exec_inst = self.dice.below(10) as u8;
        order.ord_type = self.dice.of(OrdType::ALL);
        order.time_in_force = self.dice.of(TimeInForce::ALL);
        if self.dice.one_in(3) {
            order.price = Price::NULL;
        }
        if self.dice.one_in(4) {
            order.display_qty = self.qty();
        }
    }

    pub(crate) fn price(&mut self, side: Side, tick: i64) -> Price {
        let spread = self.dice.of(&[2, 4, 10, 10, 70, 900]);
        let away = self.dice.below(spread) as i64 - (spread as i64) / 4;
        let ticks = match side {
            Side::Buy => self.mid - away,
            Side::Sell => self.mid + away,
        };
        let off = i64::from(self.dice.one_in(200));
        Price(ticks * tick + off)
    }

    fn qty(&mut self) -> Qty {
        let n = self.dice.of(&[1, 2, 3, 5, 10, 10, 20, 30, 40, 60]);
        let n = if self.is_crowded { n.min(4) } else { n };
        Qty(if self.dice.one_in(100) { self.dice.below(1_500) } else { n })
    }
}
