//! What a client asks for: orders around a moving price, cancels one by one and many at once,
//! replaces, how orders stand, market data.
//!
//! Inputs -> outputs: a stream of numbers, and what became of earlier orders -> messages.
//! Invariants: a name is never used twice in a session, in no life of the client.
//! Limits: [`REMEMBERED`] orders are remembered; older ones rest where they are.
//! Not here: sessions.

use crate::profile::SYMBOLS;
use crate::random::Random;
use gavel_client::{Application, Limit, MassCancel, SequencedBody, StatusOf};
use gavel_types::{
    Account, CancelOrder, ClOrdId, MarketDataQuery, MdReqId, NewOrder, OrdType, OrderId, Price,
    Qty, ReplaceOrder, Side, SymbolId, TimeInForce,
};
use std::collections::VecDeque;

/// Orders that a client remembers.
pub const REMEMBERED: usize = 48;

#[derive(Clone, Copy, Debug)]
struct Known {
    name: u64,
    order_id: OrderId,
    symbol: SymbolId,
    side: Side,
}

/// A client's trading.
#[derive(Debug, Default)]
pub struct Flow {
    next_name: u64,
    known: VecDeque<Known>,
}

impl Flow {
    /// The next message.
    pub fn message(&mut self, random: &mut Random) -> Application {
        self.next_name += 1;
        let name = self.next_name;
        match random.weighted(&[46, 12, 6, 16, 14, 6, 4, 1]) {
            0 => self.limit(name, TimeInForce::Gtc, random),
            1 => self.limit(name, TimeInForce::Ioc, random),
            2 => self.market(name, random),
            3 => self.cancel(name, random),
            4 => self.replace(name, random),
            6 => self.status(random),
            7 => self.cancel_many(name, random),
            _ => Application::MarketData(MarketDataQuery {
                md_req_id: MdReqId(name),
                symbol: symbol(random),
                depth: random.between(1, 10) as u8,
                reserved: [0; 3],
            }),
        }
    }

    fn limit(&mut self, name: u64, time_in_force: TimeInForce, random: &mut Random) -> Application {
        let (symbol, side) = (symbol(random), side(random));
        if time_in_force == TimeInForce::Gtc {
            self.remember(Known { name, order_id: OrderId(0), symbol, side });
        }
        let limit = Limit {
            cl_ord_id: ClOrdId(name),
            symbol,
            side,
            price: price(random),
            qty: qty(random),
            time_in_force,
        };
        Application::NewOrder(NewOrder { account: account(random), ..limit.into() })
    }

    fn cancel_many(&mut self, name: u64, random: &mut Random) -> Application {
        MassCancel {
            cl_ord_id: ClOrdId(name),
            symbol: random.one_in(2).then(|| symbol(random)),
            side: random.one_in(2).then(|| side(random)),
            account: account(random),
        }
        .into()
    }

    fn status(&mut self, random: &mut Random) -> Application {
        let Known { name, order_id, symbol, side } = self.some_order(random);
        let order_id = if random.one_in(2) { order_id } else { OrderId(0) };
        StatusOf { cl_ord_id: ClOrdId(name), order_id, symbol, side }.into()
    }

    fn market(&mut self, name: u64, random: &mut Random) -> Application {
        let limit = Limit {
            cl_ord_id: ClOrdId(name),
            symbol: symbol(random),
            side: side(random),
            price: Price::NULL,
            qty: qty(random),
            time_in_force: TimeInForce::Day,
        };
        Application::NewOrder(NewOrder { ord_type: OrdType::Market, ..limit.into() })
    }

    fn cancel(&mut self, name: u64, random: &mut Random) -> Application {
        let order = self.some_order(random);
        let by_id = order.order_id.0 != 0 && random.one_in(3);
        Application::Cancel(CancelOrder {
            cl_ord_id: ClOrdId(name),
            orig_cl_ord_id: ClOrdId(order.name),
            order_id: if by_id { order.order_id } else { OrderId(0) },
            symbol: order.symbol,
            side: order.side,
            reserved: [0; 3],
        })
    }

    fn replace(&mut self, name: u64, random: &mut Random) -> Application {
        let order = self.some_order(random);
        let by_id = order.order_id.0 != 0 && random.one_in(3);
        Application::Replace(ReplaceOrder {
            cl_ord_id: ClOrdId(name),
            orig_cl_ord_id: ClOrdId(order.name),
            order_id: if by_id { order.order_id } else { OrderId(0) },
            price: price(random),
            qty: qty(random),
            symbol: order.symbol,
            side: order.side,
            time_in_force: TimeInForce::Gtc,
            exec_inst: 0,
            reserved: 0,
            stop_px: Price(0),
        })
    }

    fn some_order(&self, random: &mut Random) -> Known {
        let unknown =
            Known { name: 0, order_id: OrderId(0), symbol: symbol(random), side: side(random) };
        if self.known.is_empty() || random.one_in(20) {
            return Known { name: u64::MAX - random.below(9), ..unknown };
        }
        self.known[random.place(self.known.len())]
    }

    fn remember(&mut self, known: Known) {
        if self.known.len() == REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back(known);
    }

    /// A report was delivered.
    pub fn on_report(&mut self, body: &SequencedBody<'_>) {
        match body {
            SequencedBody::New(exec) => {
                if let Some(known) = self.find(exec.order.cl_ord_id) {
                    known.order_id = exec.order.order_id;
                }
            }
            SequencedBody::Replaced(exec) => {
                if let Some(known) = self.find(exec.orig_cl_ord_id) {
                    known.name = exec.order.cl_ord_id.0;
                }
            }
            SequencedBody::Trade(exec) if exec.order.leaves_qty.0 == 0 => {
                self.forget(exec.order.cl_ord_id);
            }
            SequencedBody::Canceled(exec) => self.forget(exec.order.cl_ord_id),
            SequencedBody::Rejected(exec) => self.forget(exec.order.cl_ord_id),
            _ => {}
        }
    }

    fn find(&mut self, name: ClOrdId) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.name == name.0)
    }

    fn forget(&mut self, name: ClOrdId) {
        self.known.retain(|known| known.name != name.0);
    }
}

fn symbol(random: &mut Random) -> SymbolId {
    // One in a hundred asks for an instrument that does not exist.
    if random.one_in(100) {
        SymbolId(SYMBOLS + 1)
    } else {
        SymbolId(random.between(1, u64::from(SYMBOLS)) as u32)
    }
}

fn side(random: &mut Random) -> Side {
    if random.one_in(2) { Side::Buy } else { Side::Sell }
}

fn price(random: &mut Random) -> Price {
    // Now and then between two ticks.
    let off = i64::from(random.one_in(60));
    Price(10_000 + 10 * random.below(16) as i64 + off)
}

/// None most of the time.
fn account(random: &mut Random) -> Account {
    Account(random.below(6).saturating_sub(3) as u32)
}

fn qty(random: &mut Random) -> Qty {
    Qty(if random.one_in(12) { random.between(100, 900) } else { random.between(1, 40) })
}
