//! The textbook book: ordered maps, and nothing that is fast. It says what a core must do.
//!
//! Inputs -> outputs: operations -> trades, and what is live.
//! Invariants: of each side, the first key is the best price, and of that the order that came
//! first.
//! Limits: a few hundred nanoseconds an operation.
//! Not here: reports, sessions, any rule but price and time.

use super::{Op, OpKind, OpSide, Tally};
use std::collections::{BTreeMap, HashMap};

/// Best first: the price, negated for bids, and the order's place among those of its price.
type Key = (i64, u64);

/// One live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Its side.
    pub side: OpSide,
    /// Its price.
    pub price: i64,
    /// What is left.
    pub open: u64,
    /// What has filled.
    pub filled: u64,
    key: Key,
}

/// A book of one symbol.
#[derive(Debug, Default)]
pub struct TextBook {
    bids: BTreeMap<Key, u64>,
    asks: BTreeMap<Key, u64>,
    live: HashMap<u64, Resting>,
    arrivals: u64,
    tally: Tally,
    /// Orders that ended in the last operation because they filled or were reduced to nothing.
    ended: Vec<u64>,
}

impl TextBook {
    /// Applies one operation. One that names no live order, or an order that is live already,
    /// does nothing.
    pub fn apply(&mut self, op: &Op) {
        self.ended.clear();
        let qty = u64::from(op.qty);
        match op.kind {
            OpKind::Gtc | OpKind::Ioc if self.live.contains_key(&op.id) => {}
            OpKind::Gtc => self.enter(op.id, op.side, op.price, qty, 0),
            OpKind::Ioc => {
                self.trade(op.id, op.side, op.price, qty);
            }
            OpKind::Cancel => {
                self.take(op.id);
            }
            OpKind::Move => {
                if let Some(old) = self.take(op.id) {
                    self.enter(op.id, old.side, op.price, old.open, old.filled);
                }
            }
            OpKind::Modify => {
                if let Some(old) = self.take(op.id) {
                    self.enter(op.id, old.side, op.price, qty, old.filled);
                }
            }
            OpKind::Reduce => self.reduce(op.id, qty),
        }
    }

    /// The order of this id, if it is live.
    #[must_use]
    pub fn find(&self, id: u64) -> Option<&Resting> {
        self.live.get(&id)
    }

    /// Orders that the last operation filled, or reduced to nothing.
    #[must_use]
    pub fn ended(&self) -> &[u64] {
        &self.ended
    }

    /// How many orders are live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// True if none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// How many prices have an order, of both sides.
    #[must_use]
    pub fn levels(&self) -> usize {
        let count = |orders: &BTreeMap<Key, u64>| {
            let mut prices: Vec<i64> = orders.keys().map(|key| key.0).collect();
            prices.dedup();
            prices.len()
        };
        count(&self.bids) + count(&self.asks)
    }

    /// All trades so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The best price of a side; 0 if it is empty.
    #[must_use]
    pub fn best(&self, side: OpSide) -> i64 {
        let first = self.orders(side).first_key_value();
        first.map_or(0, |(key, _)| if side == OpSide::Buy { -key.0 } else { key.0 })
    }

    fn orders(&self, side: OpSide) -> &BTreeMap<Key, u64> {
        match side {
            OpSide::Buy => &self.bids,
            OpSide::Sell => &self.asks,
        }
    }

    fn orders_mut(&mut self, side: OpSide) -> &mut BTreeMap<Key, u64> {
        match side {
            OpSide::Buy => &mut self.bids,
            OpSide::Sell => &mut self.asks,
        }
    }

    /// Trades what it can; the rest joins the end of the queue at its price.
    fn enter(&mut self, id: u64, side: OpSide, price: i64, qty: u64, filled: u64) {
        let open = self.trade(id, side, price, qty);
        if open == 0 {
            self.ended.push(id);
            return;
        }
        self.arrivals += 1;
        let key = (if side == OpSide::Buy { -price } else { price }, self.arrivals);
        self.orders_mut(side).insert(key, id);
        let filled = filled + qty - open;
        self.live.insert(id, Resting { side, price, open, filled, key });
    }

    /// Returns what is left.
    fn trade(&mut self, taker: u64, side: OpSide, limit: i64, mut qty: u64) -> u64 {
        while qty > 0 {
            let Some((_, &maker)) = self.orders(side.opposite()).first_key_value() else { break };
            let Some(resting) = self.live.get_mut(&maker) else { break };
            let is_in_reach = match side {
                OpSide::Buy => resting.price <= limit,
                OpSide::Sell => resting.price >= limit,
            };
            if !is_in_reach {
                break;
            }
            let traded = qty.min(resting.open);
            qty -= traded;
            resting.open -= traded;
            resting.filled += traded;
            self.tally.trade(maker, taker, resting.price, traded);
            if resting.open == 0 {
                self.take(maker);
                self.ended.push(maker);
            }
        }
        qty
    }

    fn reduce(&mut self, id: u64, by: u64) {
        let Some(resting) = self.live.get_mut(&id) else { return };
        if by < resting.open {
            resting.open -= by;
        } else {
            self.take(id);
            self.ended.push(id);
        }
    }

    fn take(&mut self, id: u64) -> Option<Resting> {
        let resting = self.live.remove(&id)?;
        self.orders_mut(resting.side).remove(&resting.key);
        Some(resting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(kind: OpKind, side: OpSide, id: u64, qty: u32, price: i64) -> Op {
        Op { kind, side, uid: 0, qty, id, price }
    }

    #[test]
    fn price_then_time_and_a_move_is_last_of_its_price() {
        use OpKind::{Cancel, Gtc, Ioc, Modify, Move, Reduce};
        use OpSide::{Buy, Sell};
        let mut book = TextBook::default();
        for op in [
            op(Gtc, Sell, 1, 10, 101),
            op(Gtc, Sell, 2, 10, 101),
            op(Gtc, Sell, 3, 10, 100),
            // The same price: its place is lost all the same.
            op(Move, Sell, 1, 0, 101),
            op(Ioc, Buy, 4, 15, 101),
        ] {
            book.apply(&op);
        }
        let mut expected = Tally::default();
        expected.trade(3, 4, 100, 10);
        expected.trade(2, 4, 101, 5);
        assert_eq!(book.tally(), expected);
        assert_eq!((book.ended(), book.len(), book.levels()), (&[3][..], 2, 1));
        assert_eq!((book.best(Buy), book.best(Sell)), (0, 101));
        assert_eq!(book.find(2).map(|order| (order.open, order.filled)), Some((5, 5)));
        book.apply(&op(Reduce, Sell, 2, 4, 0));
        assert_eq!(book.find(2).map(|order| (order.open, order.filled)), Some((1, 5)));
        book.apply(&op(Modify, Sell, 2, 3, 102));
        assert_eq!(book.find(2).map(|order| (order.open, order.filled)), Some((3, 5)));
        book.apply(&op(Reduce, Sell, 2, 3, 0));
        assert_eq!(book.ended(), [2]);
        book.apply(&op(Cancel, Buy, 1, 0, 0));
        assert!(book.is_empty());
        book.apply(&op(Cancel, Buy, 1, 0, 0));
        assert_eq!(book.tally(), expected);
    }
}
