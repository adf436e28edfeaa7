//! Order flow of our own making: a mid price that wanders, and orders around it.
//!
//! Inputs -> outputs: a seed and what is live -> the next message of a session.
//! Invariants: every message is legal for the symbols given, so that any reject is news; names are
//! never used twice.
//! Limits: [`LIVE_MAX`] live orders a session.
//! Not here: sending, judging.

use super::IN_FLIGHT_MAX;
use super::ledger::{Ledger, Live};
use super::random::Random;
use gavel_client::{Application, Limit};
use gavel_contract::SymbolSpec;
use gavel_types::{
    CancelOrder, ClOrdId, MarketDataQuery, MdReqId, OrderId, Price, Qty, ReplaceOrder, Side,
    SymbolId, TimeInForce,
};

/// Live orders from which a session only cancels.
const LIVE_MAX: usize = 500;

/// The flow's price step: 0.01.
const STEP: i64 = 10_000_000;

/// The mid price begins at 100.00 and stays within 1.00 of it (steps).
const MID: i64 = 10_000;
const MID_RANGE: i64 = 100;

/// Orders rest at most so far from the mid price (steps).
const DEPTH: u64 = 12;

/// Instruments and where they trade; shared by all sessions.
pub(crate) struct Market {
    instruments: Vec<Instrument>,
}

#[derive(Clone, Copy)]
struct Instrument {
    symbol: SymbolId,
    lot: u64,
    mid: i64,
}

impl Market {
    /// The symbols that can trade around 100.00 in steps of 0.01.
    pub(crate) fn new(symbols: &[SymbolSpec]) -> Self {
        let (low, high) = ((MID - 2 * MID_RANGE) * STEP, (MID + 2 * MID_RANGE) * STEP);
        let fits = |spec: &&SymbolSpec| {
            STEP % spec.tick.0 == 0 && spec.price_min.0 <= low && spec.price_max.0 >= high
        };
        let instrument =
            |spec: &SymbolSpec| Instrument { symbol: spec.symbol, lot: spec.lot.0, mid: MID };
        Self { instruments: symbols.iter().filter(fits).map(instrument).collect() }
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = SymbolId> {
        self.instruments.iter().map(|instrument| instrument.symbol)
    }

    fn pick(&mut self, random: &mut Random) -> Instrument {
        let at = random.below(self.instruments.len() as u64) as usize;
        let instrument = &mut self.instruments[at];
        match random.below(8) {
            0 if instrument.mid < MID + MID_RANGE => instrument.mid += 1,
            1 if instrument.mid > MID - MID_RANGE => instrument.mid -= 1,
            _ => {}
        }
        *instrument
    }
}

/// One session's flow.
pub(crate) struct Trader {
    random: Random,
    last_name: u64,
    /// Names of orders that were live once; looked through by chance, and cleaned on the way.
    names: Vec<u64>,
}

impl Trader {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), last_name: 0, names: Vec::new() }
    }

    fn name(&mut self) -> u64 {
        self.last_name += 1;
        self.last_name
    }

    /// The session's next message.
    pub(crate) fn next(&mut self, market: &mut Market, ledger: &Ledger) -> Application {
        let crowded = ledger.live().len() > LIVE_MAX;
        let dice = self.random.below(100);
        let target = if crowded || dice < 38 { self.pick_live(ledger) } else { None };
        match (dice, target) {
            (25..38, Some((name, live))) if !crowded => self.replace(name, &live),
            (_, Some((name, live))) => self.cancel(name, &live),
            (38..52, None) => self.add(market, TimeInForce::Ioc),
            (52..53, None) => self.query(market),
            _ => self.add(market, TimeInForce::Gtc),
        }
    }

    fn pick_live(&mut self, ledger: &Ledger) -> Option<(u64, Live)> {
        for _ in 0..8 {
            let count = self.names.len() as u64;
            if count == 0 {
                return None;
            }
            let at = self.random.below(count) as usize;
            let name = self.names[at];
            match ledger.live().get(&name) {
                Some(live) => return Some((name, *live)),
                // What is that old was answered, so it is gone; the rest may be on its way.
                None if name + (IN_FLIGHT_MAX as u64) < self.last_name => {
                    self.names.swap_remove(at);
                }
                None => {}
            }
        }
        None
    }

    fn add(&mut self, market: &mut Market, time_in_force: TimeInForce) -> Application {
        let Instrument { symbol, lot, mid } = market.pick(&mut self.random);
        let side = if self.random.percent(50) { Side::Buy } else { Side::Sell };
        let away = self.random.below(DEPTH) as i64;
        // Immediate orders reach across the mid price, the others stay on their side of it.
        let away = if time_in_force == TimeInForce::Ioc { -away / 3 } else { 1 + away };
        let price = match side {
            Side::Buy => mid - away,
            Side::Sell => mid + away,
        };
        let name = self.name();
        if time_in_force != TimeInForce::Ioc {
            self.names.push(name);
        }
        let qty = Qty((1 + self.random.below(20)) * lot);
        let (cl_ord_id, price) = (ClOrdId(name), Price(price * STEP));
        Limit { cl_ord_id, symbol, side, price, qty, time_in_force }.into()
    }

    fn cancel(&mut self, orig: u64, live: &Live) -> Application {
        Application::Cancel(CancelOrder {
            cl_ord_id: ClOrdId(self.name()),
            orig_cl_ord_id: ClOrdId(orig),
            order_id: OrderId(0),
            symbol: live.symbol,
            side: live.side,
            reserved: [0; 3],
        })
    }

    /// Half of them take something off, half of them move.
    fn replace(&mut self, orig: u64, live: &Live) -> Application {
        let name = self.name();
        self.names.push(name);
        let (mut price, mut qty) = (live.price, live.qty);
        if self.random.percent(50) {
            let lots = qty.0 / live.lot;
            qty = Qty(1.max(lots - lots / 3) * live.lot);
        } else {
            price.0 += if self.random.percent(50) { STEP } else { -STEP };
        }
        Application::Replace(ReplaceOrder {
            cl_ord_id: ClOrdId(name),
            orig_cl_ord_id: ClOrdId(orig),
            order_id: OrderId(0),
            price,
            qty,
            symbol: live.symbol,
            side: live.side,
            time_in_force: TimeInForce::Gtc,
            exec_inst: 0,
            reserved: 0,
            stop_px: Price(0),
        })
    }

    fn query(&mut self, market: &mut Market) -> Application {
        let symbol = market.pick(&mut self.random).symbol;
        self.query_of(symbol, 5)
    }

    /// A question for the top of a book.
    pub(crate) fn query_of(&mut self, symbol: SymbolId, depth: u8) -> Application {
        let md_req_id = MdReqId(self.name());
        Application::MarketData(MarketDataQuery { md_req_id, symbol, depth, reserved: [0; 3] })
    }
}
