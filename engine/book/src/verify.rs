//! The whole state checked against itself. For tests and simulation: takes time in proportion to
//! the state.
//!
//! Inputs -> outputs: a book between two records -> a panic that names the rule that does not hold.
//! Not here: whether the state is the right one (reference.rs).

use crate::book::Book;
use crate::orders::{Extra, NIL, Node, flag};
use crate::symbol::{resting, row, waiting};
use gavel_types::{Price, Qty, SessionSlot, Side, TimeInForce};

impl Book {
    /// Checks every invariant of the state between two records.
    ///
    /// # Panics
    /// If one does not hold: a bug.
    pub fn verify(&self) {
        let (mut orders, mut levels, mut pages) = (0, 0, 0);
        for place in 0..self.books.len() as u32 {
            let book = &self.books[place as usize];
            assert_eq!(self.place_of(book.rules.symbol), Some(place), "a symbol is found");
            let resting = orders;
            for ladder in 0..4 {
                levels += book.ladders[ladder].len() as usize;
                pages += book.ladders[ladder].verify(&self.pages);
                orders += self.verify_ladder(place, ladder as u32);
            }
            assert_eq!(orders - resting, book.live as usize, "a symbol's orders are counted");
            assert!(!self.is_crossed(place), "a book is not crossed");
            self.verify_sums(place);
        }
        assert_eq!(orders, self.orders.live() as usize, "every live order rests once");
        assert_eq!(orders, self.names.len(), "there are as many names as live orders");
        for slot in self.orders.live_slots() {
            let order = self.orders.order(slot);
            let named = self.names.find(&self.orders, order.session, order.cl_ord_id);
            assert_eq!(named, Some(slot), "a live order is found by its name");
            assert_eq!(self.orders.find(self.orders.id(slot)), Some(slot), "and by its handle");
        }
        let all = pages + self.pages.free_count();
        assert_eq!(all, self.pages.capacity(), "no page is lost");
        self.timers.verify(&self.orders);
        self.verify_owners();
        self.verify_accounts();
        self.verify_free(levels);
        assert!(self.touched.is_empty(), "everybody was told everything");
    }

    /// What is kept up for a whole symbol is what its orders say.
    fn verify_sums(&self, place: u32) {
        let book = &self.books[place as usize];
        let (mut digest, mut all_or_none, mut icebergs) = (0_u64, 0, 0);
        for ladder in 0..4 {
            self.for_each_in(place, ladder, |slot| {
                let order = self.orders.order(slot);
                digest = digest.wrapping_add(self.term_of(slot));
                all_or_none += u32::from(order.is(flag::ALL_OR_NONE));
                icebergs += u32::from(order.is(flag::ICEBERG));
            });
        }
        assert_eq!(digest, book.digest, "a digest is the sum of its orders");
        let counted = (book.all_or_none, book.icebergs);
        assert_eq!((all_or_none, icebergs), counted, "orders of a kind are counted");
    }

    /// Returns how many orders rest or wait there.
    fn verify_ladder(&self, place: u32, which: u32) -> usize {
        let book = &self.books[place as usize];
        let ladder = &book.ladders[which as usize];
        let (mut orders, mut levels) = (0, 0);
        let mut before: Option<u64> = None;
        let mut level = ladder.first();
        let is_high_first = which == resting(Side::Buy) || which == waiting(Side::Sell);
        while let Some(id) = level {
            let ticks = self.levels.level(id).ticks;
            let is_behind =
                |before: u64| if is_high_first { ticks < before } else { ticks > before };
            assert!(before.is_none_or(is_behind), "levels go from first to last");
            let found = ladder.find(&self.pages, ticks);
            assert_eq!(found, Some(id), "a level is at its price");
            assert_eq!(ladder.before(&self.pages, ticks).is_some(), before.is_some(), "both ways");
            before = Some(ticks);
            orders += self.verify_level(place, which, id);
            levels += 1;
            level = ladder.after(&self.pages, ticks);
        }
        assert_eq!(levels, ladder.len(), "levels are counted");
        orders
    }

    fn verify_level(&self, place: u32, which: u32, id: u32) -> usize {
        let level = self.levels.level(id);
        let rules = &self.books[place as usize].rules;
        assert_eq!(level.ladder, row(place, which), "a level knows its ladder");
        let (mut sum, mut count, mut before) = (0, 0, NIL);
        for slot in self.levels.queue(&self.orders, id) {
            let node = self.orders.node(slot);
            let order = &node.order;
            assert_eq!((node.level, node.prev), (id, before), "links are sound");
            assert_eq!(order.book, place, "an order is in its book");
            assert_eq!(self.ladder_of(slot), which, "an order is on its side");
            let (_, _, price) = self.home_of(slot);
            assert_eq!(price, rules.price(level.ticks), "an order rests at its price");
            assert!(rules.is_legal_price(price), "a resting price is legal");
            let may_wait = order.is(flag::WAITS) || order.may_rest();
            assert!(may_wait, "only what may rest rests");
            self.verify_order(slot);
            sum += order.leaves.0;
            count += 1;
            before = slot;
        }
        assert!(count > 0, "a level holds an order");
        assert_eq!(level.tail, before, "the tail is the last order");
        assert_eq!((level.qty.0, level.count), (sum, count), "a level is the sum of its orders");
        count as usize
    }

    fn verify_order(&self, slot: u32) {
        let order = self.orders.order(slot);
        let rules = &self.books[order.book as usize].rules;
        let open = self.orders.open(slot);
        assert!(order.leaves > Qty(0), "a resting order has something left");
        assert!(open <= order.qty, "no more is left than was asked for");
        let is_legal = |qty| rules.is_legal_qty(qty);
        let legal = is_legal(order.qty) && is_legal(order.leaves) && is_legal(open);
        assert!(legal, "a resting quantity is legal");
        let extra = self.orders.extra(slot);
        if !order.is(flag::EXTRA) {
            assert_eq!(*extra, Extra::NONE, "what is said of few is said of them alone");
        }
        let is_iceberg = order.is(flag::ICEBERG);
        assert_eq!(extra.display > Qty(0), is_iceberg, "an iceberg displays something");
        assert!(is_iceberg || extra.hidden == Qty(0), "only an iceberg hides");
        assert_eq!(extra.smp_id != 0, order.is(flag::SMP_ID), "an SMPID is marked");
        let is_gtd = order.time_in_force == TimeInForce::Gtd;
        assert_eq!(extra.timer != NIL, is_gtd, "orders good till a date expire, and no others");
        assert!(!order.is(flag::WAITS) || extra.stop_px != Price::NULL, "what waits has a price");
    }

    /// What is kept up for accounts is what their live orders say.
    fn verify_accounts(&self) {
        for (account, party) in &self.risk.accounts {
            let live = self
                .orders
                .live_slots()
                .filter(|&slot| self.orders.order(slot).account == *account);
            assert_eq!(live.count(), party.live as usize, "an account's orders are counted");
        }
        for slot in self.orders.live_slots() {
            let order = self.orders.order(slot);
            let is_known = self.risk.account(order.account).is_some();
            assert_eq!(order.is(flag::KNOWN), is_known, "orders of known accounts are marked");
        }
        for position in self.risk.positions.list() {
            let (account, _) = self.risk.accounts[position.account as usize];
            let mut open = [0; 2];
            for slot in self.orders.live_slots() {
                let order = self.orders.order(slot);
                if order.account == account && order.book == position.book {
                    open[usize::from(order.side == Side::Sell)] += self.orders.open(slot).0;
                }
            }
            assert_eq!(open, position.open, "what is open is summed");
        }
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
    use crate::testing::{order, plan};
    use gavel_types::ClOrdId;

    /// Two bids in one queue (slots 0 and 1), one ask (slot 2).
    fn sound() -> Book {
        let mut book = Book::new(&plan(8));
        for (name, side, price) in [(1, Side::Buy, 100), (2, Side::Buy, 100), (3, Side::Sell, 101)]
        {
            let slot = book.begin_live(order(name, side, price));
            book.queue(slot);
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
            book.queue(2);
        };
        a_wrong_sum("sum of its orders"): |book| book.orders.order_mut(0).leaves = Qty(9);
        a_broken_link("links are sound"): |book| book.orders.node_mut(1).prev = NIL;
        a_lost_name("as many names"): |book| book.names.remove(SessionSlot(0), ClOrdId(1), 0);
        a_wrong_name("found by its name"): |book| {
            book.names.remove(SessionSlot(0), ClOrdId(1), 0);
            let vacancy = book.names.vacancy(&book.orders, SessionSlot(0), ClOrdId(9)).unwrap();
            book.names.insert(vacancy, 0);
        };
        an_order_that_rests_nowhere("are counted"): |book| {
            book.unrest(0);
        };
        a_lost_level("no level is lost"): |book| {
            book.levels.take(0, 5);
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
        a_wrong_digest("a digest is the sum"): |book| book.books[0].digest ^= 1;
        a_lost_page("no page is lost"): |book| book.pages.lose_one();
        a_stray_extra("said of them alone"): |book| book.orders.extra_mut(1).display = Qty(1);
        a_wrong_count_of_a_kind("of a kind are counted"): |book| book.books[0].icebergs = 1;
    }
}
