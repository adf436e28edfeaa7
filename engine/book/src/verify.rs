//! The whole state checked against itself. For tests and simulation: takes time in proportion to
//! the state.
//!
//! Inputs -> outputs: a book between two records -> a panic that names the rule that does not hold.
//! Not here: whether the state is the right one (reference.rs).

use crate::book::{Book, SymbolBook};
use crate::orders::{NIL, Node};
use gavel_types::{Price, Qty, SessionSlot, Side};

impl Book {
    /// Checks every invariant of the state between two records.
    ///
    /// # Panics
    /// If one does not hold: a bug.
    pub fn verify(&self) {
        let mut orders = 0;
        let mut levels = 0;
        for (at, book) in self.books.iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                levels += book.ladder(side).len();
                orders += self.verify_side(at, book, side);
            }
            let best = |side| book.ladder(side).best().map(|id| self.levels.level(id).price);
            if let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) {
                assert!(bid < ask, "a book is not crossed: {bid} {ask}");
            }
        }
        assert_eq!(orders, self.orders.live() as usize, "every live order rests once");
        assert_eq!(orders, self.names.len(), "there are as many names as live orders");
        for slot in self.orders.live_slots() {
            let order = self.orders.order(slot);
            let named = self.names.find(order.session, order.cl_ord_id);
            assert_eq!(named, Some(slot), "a live order is found by its name");
            assert_eq!(self.orders.find(self.orders.id(slot)), Some(slot), "and by its handle");
        }
        self.verify_owners();
        self.verify_free(levels);
    }

    /// Returns how many orders rest there.
    fn verify_side(&self, at: usize, book: &SymbolBook, side: Side) -> usize {
        let mut resting = 0;
        let mut better: Option<Price> = None;
        for id in book.ladder(side).best_first() {
            let level = self.levels.level(id);
            let worse_than = |better: Price| match side {
                Side::Buy => level.price < better,
                Side::Sell => level.price > better,
            };
            assert!(better.is_none_or(worse_than), "levels go from best to worst");
            assert_eq!(book.ladder(side).find(level.price), Some(id), "a level is at its price");
            better = Some(level.price);
            resting += self.verify_level(at, book, side, id);
        }
        resting
    }

    fn verify_level(&self, at: usize, book: &SymbolBook, side: Side, id: u32) -> usize {
        let level = self.levels.level(id);
        let (mut sum, mut count, mut before) = (0, 0, NIL);
        for slot in self.levels.queue(&self.orders, id) {
            let node = self.orders.node(slot);
            let order = &node.order;
            assert_eq!((node.level, node.prev), (id, before), "links are sound");
            assert_eq!((order.book as usize, order.side), (at, side), "an order is on its side");
            assert_eq!(order.price, level.price, "an order rests at its price");
            assert!(order.may_rest(), "only what may rest rests");
            assert!(order.leaves > Qty(0), "a resting order has something left");
            assert!(order.leaves <= order.qty, "no more is left than was asked for");
            assert!(book.rules.is_legal_price(order.price), "a resting price is legal");
            let is_legal = |qty| book.rules.is_legal_qty(qty);
            assert!(is_legal(order.qty) && is_legal(order.leaves), "a resting quantity is legal");
            sum += order.leaves.0;
            count += 1;
            before = slot;
        }
        assert!(count > 0, "a level holds an order");
        assert_eq!(level.tail, before, "the tail is the last order");
        assert_eq!((level.qty.0, level.count), (sum, count), "a level is the sum of its orders");
        count as usize
    }

    fn verify_owners(&self) {
        let mut listed = 0;
        for session in (0..self.owners.sessions_max()).map(SessionSlot) {
            let (mut count, mut before) = (0, NIL);
            let mut slot = self.owners.first(session);
            while slot != NIL {
                assert_eq!(self.owners.before(slot), before, "a session's links are sound");
                assert!(self.orders.node(slot).is_live(), "a session's orders are live");
                let owner = self.orders.order(slot).session;
                assert_eq!(owner, session, "a session's orders are its own");
                before = slot;
                slot = self.owners.after(slot);
                count += 1;
            }
            assert_eq!(self.owners.last(session), before, "a session's last order is the last");
            assert_eq!(self.owners.count(session), count, "a session's orders are counted");
            listed += count;
        }
        assert_eq!(listed, self.orders.live(), "every live order is in its session's list");
    }

    fn verify_free(&self, levels_used: usize) {
        let capacity = self.levels.capacity();
        assert_eq!(self.levels.free_count() + levels_used, capacity, "no level is lost");
        let free = self.orders.free_slots().count();
        let is_retired = |node: &&Node| node.is_retired();
        let retired = self.orders.nodes(self.orders.capacity()).iter().filter(is_retired).count();
        assert_eq!(retired, self.orders.retired() as usize, "slots that are used up are counted");
        let accounted = free + self.orders.live() as usize + retired;
        assert_eq!(accounted, capacity, "no slot is lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Order;
    use gavel_contract::{BookPlan, SymbolSpec};
    use gavel_types::{Account, ClOrdId, SymbolId, TimeInForce};

    /// Two bids in one queue (slots 0 and 1), one ask (slot 2).
    fn sound() -> Book {
        let symbol = SymbolSpec {
            symbol: SymbolId(1),
            name: "SYM1".into(),
            tick: Price(1),
            lot: Qty(1),
            price_min: Price(1),
            price_max: Price(1_000),
            qty_max: Qty(1_000),
        };
        let plan =
            BookPlan { symbols: vec![symbol], orders_max: 8, levels_max: 4, sessions_max: 2 };
        let mut book = Book::new(&plan);
        for (name, side, price) in [(1, Side::Buy, 100), (2, Side::Buy, 100), (3, Side::Sell, 101)]
        {
            let order = Order {
                cl_ord_id: ClOrdId(name),
                price: Price(price),
                qty: Qty(10),
                leaves: Qty(10),
                session: SessionSlot(0),
                account: Account(0),
                book: 0,
                side,
                time_in_force: TimeInForce::Gtc,
            };
            let slot = book.begin(order);
            book.rest(slot);
        }
        book.verify();
        book
    }

    macro_rules! finds {
        ($($name:ident($rule:literal): $damage:expr;)+) => {$(
            #[test]
            #[should_panic(expected = $rule)]
            fn $name() {
                let mut book = sound();
                let damage: fn(&mut Book) = $damage;
                damage(&mut book);
                book.verify();
            }
        )+};
    }

    finds! {
        a_crossed_book("not crossed"): |book| {
            let moved = Order { price: Price(100), ..*book.orders.order(2) };
            book.unrest(2);
            *book.orders.order_mut(2) = moved;
            book.rest(2);
        };
        a_wrong_sum("sum of its orders"): |book| book.orders.order_mut(0).leaves = Qty(9);
        a_broken_link("links are sound"): |book| book.orders.node_mut(1).prev = NIL;
        a_lost_name("as many names"): |book| book.names.remove(SessionSlot(0), ClOrdId(1));
        a_wrong_name("found by its name"): |book| {
            book.names.remove(SessionSlot(0), ClOrdId(1));
            book.names.insert(SessionSlot(0), ClOrdId(9), 0);
        };
        an_order_that_rests_nowhere("rests once"): |book| book.unrest(0);
        a_lost_level("no level is lost"): |book| {
            book.levels.take(Price(5));
        };
        an_order_in_no_list("in its session's list"): |book| {
            book.owners.remove(SessionSlot(0), 1);
        };
        an_order_in_a_wrong_list("its own"): |book| {
            book.owners.remove(SessionSlot(0), 2);
            book.owners.append(SessionSlot(1), 2);
        };
        an_order_at_a_wrong_price("rests at its price"): |book| {
            book.orders.order_mut(0).price = Price(99);
        };
        a_filled_order_that_rests("has something left"): |book| {
            book.orders.order_mut(0).leaves = Qty(0);
        };
    }
}
