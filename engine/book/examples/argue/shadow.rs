//! The displayed book as somebody outside has it, who sees nothing but events.

use gavel_types::{
    Event, EventKind, OrdStatus, OrderRejectReason, Price, Qty, Report, ReportBody, Side, SymbolId,
    TradingPhase, TrdMatchId,
};
use std::collections::BTreeMap;

/// Queues of (OrderID, displayed quantity) by symbol, side and price.
#[derive(Default)]
pub(crate) struct Shadow {
    queues: BTreeMap<(SymbolId, u8, Price), Vec<(u64, u64)>>,
    best: BTreeMap<(SymbolId, u8), (Price, Qty)>,
    phases: BTreeMap<SymbolId, TradingPhase>,
    /// What auctions would do: price, quantity, imbalance.
    indicative: BTreeMap<SymbolId, (Price, Qty, u64)>,
    last_match: u64,
}

/// A live order, as far as an auction sees it.
#[derive(Clone, Copy)]
pub(crate) struct Collected {
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) qty: u64,
}

impl Shadow {
    pub(crate) fn take(&mut self, event: &Event) {
        let kind = EventKind::from_code(event.kind).expect("an event has a kind");
        let key = (event.symbol, event.side, event.price);
        let id = event.order_id.0;
        match kind {
            EventKind::Add => {
                let queue = self.queues.entry(key).or_default();
                let front_of = queue.iter().position(|(order, _)| *order == event.other);
                let at = if event.other == 0 { Some(queue.len()) } else { front_of };
                let at = at.unwrap_or_else(|| panic!("{event:?} is in front of an order"));
                queue.insert(at, (id, event.qty.0));
            }
            EventKind::Execute | EventKind::Reduce | EventKind::Delete | EventKind::Replace => {
                self.less(id, event, kind);
            }
            EventKind::BestBid | EventKind::BestAsk => {
                self.best.insert((event.symbol, event.side), (event.price, event.qty));
            }
            EventKind::Trade => {
                let TrdMatchId(last) = TrdMatchId(event.other);
                assert!(last > self.last_match, "matches are told in order");
                self.last_match = last;
            }
            EventKind::Phase => {
                let phase = TradingPhase::from_code(event.flags).expect("a phase has a code");
                self.phases.insert(event.symbol, phase);
            }
            EventKind::Indicative => {
                self.indicative.insert(event.symbol, (event.price, event.qty, event.other));
            }
        }
    }

    fn less(&mut self, id: u64, event: &Event, kind: EventKind) {
        let side = (event.symbol, event.side);
        let mut queues = self.queues.iter_mut().filter(|((s, d, _), _)| (*s, *d) == side);
        let found = queues.find_map(|(key, queue)| {
            queue.iter().position(|(order, _)| *order == id).map(|at| (*key, at))
        });
        let (key, at) =
            found.unwrap_or_else(|| panic!("{event:?} is about an order that is there"));
        let queue = self.queues.get_mut(&key).expect("it was found");
        assert!(queue[at].1 >= event.qty.0, "{event:?} takes no more than there is");
        queue[at].1 -= event.qty.0;
        let is_gone = matches!(kind, EventKind::Delete | EventKind::Replace);
        assert!(!is_gone || queue[at].1 == 0, "{event:?} takes all that is displayed");
        if queue[at].1 == 0 {
            queue.remove(at);
        }
        if self.queues[&key].is_empty() {
            self.queues.remove(&key);
        }
    }

    /// Every displayed order, symbols and sides ascending, prices ascending, first in first out.
    pub(crate) fn orders(&self) -> Vec<(SymbolId, u8, Price, u64)> {
        let mut orders = Vec::new();
        for ((symbol, side, price), queue) in &self.queues {
            orders.extend(queue.iter().map(|(_, qty)| (*symbol, *side, *price, *qty)));
        }
        orders
    }

    /// What is told of best prices is what the orders that were told say.
    pub(crate) fn check_best(&self) {
        let mut best: BTreeMap<(SymbolId, u8), (Price, Qty)> = BTreeMap::new();
        for ((symbol, side, price), queue) in &self.queues {
            let level = (*price, Qty(queue.iter().map(|(_, qty)| qty).sum()));
            // Prices ascend: the last bid is the best, and the first ask.
            if *side == Side::Buy.code() {
                best.insert((*symbol, *side), level);
            } else {
                best.entry((*symbol, *side)).or_insert(level);
            }
        }
        let told = self.best.iter().filter(|(_, level)| **level != (Price(0), Qty(0)));
        let told: BTreeMap<_, _> = told.map(|(key, level)| (*key, *level)).collect();
        assert_eq!(told, best, "the best prices were told");
    }

    /// What is accepted, and what is refused, fits the phase that was told before.
    pub(crate) fn check_phase(&self, report: &Report) {
        let order = match report.parse() {
            Ok(ReportBody::New(new)) => &new.order,
            Ok(ReportBody::Rejected(rejected)) => &rejected.order,
            _ => return,
        };
        let Some(phase) = self.phases.get(&order.symbol) else { return };
        let is_open = *phase == TradingPhase::Continuous;
        if order.ord_status != OrdStatus::Rejected {
            assert!(is_open || phase.is_collecting(), "{report:?} in {phase:?}");
        } else if order.detail == OrderRejectReason::ExchangeClosed.code() {
            assert!(!is_open, "{report:?} in {phase:?}");
        }
    }

    /// What is told of auctions is what they would do, if these orders are live. (Of prices that
    /// are equally good by volume and imbalance any will do here: reports show which one it is.)
    pub(crate) fn check_indicative(&self, orders: &[Collected]) {
        for (symbol, phase) in &self.phases {
            let none = (Price(0), Qty(0), 0);
            let (price, qty, imbalance) = self.indicative.get(symbol).copied().unwrap_or(none);
            if !matches!(phase, TradingPhase::OpeningAuction | TradingPhase::ClosingAuction) {
                assert_eq!((price, qty, imbalance), none, "no auction of {symbol:?} collects");
                continue;
            }
            let orders = || orders.iter().filter(|order| order.symbol == *symbol);
            let at = |price: Price| {
                let of = |side, reaches: &dyn Fn(Price) -> bool| -> u64 {
                    let meant = orders().filter(|o| o.side == side && reaches(o.price));
                    meant.map(|order| order.qty).sum()
                };
                let demand = of(Side::Buy, &|limit| limit >= price);
                let supply = of(Side::Sell, &|limit| limit <= price);
                (demand.min(supply), core::cmp::Reverse(demand.abs_diff(supply)))
            };
            let best = orders().map(|order| at(order.price)).max().filter(|best| best.0 > 0);
            match best {
                None => assert_eq!((price, qty, imbalance), none, "nothing of {symbol:?} trades"),
                Some(best) => {
                    let told = (qty.0, core::cmp::Reverse(imbalance));
                    assert_eq!(told, at(price), "what is told of {symbol:?} is true");
                    assert!(told >= best, "what is told of {symbol:?} is the best");
                }
            }
        }
    }
}
