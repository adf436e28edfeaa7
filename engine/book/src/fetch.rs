//! What records that come next will need, fetched at one time.
//!
//! Inputs -> outputs: records -> nothing; memory that they will touch is in the cache.
//! Invariants: nothing changes; what is looked at need not be what is needed in the end.
//! Limits: [`AHEAD`] records are looked at.
//! Not here: the rules.
//!
//! A core waits for several lines of memory at one time, if it comes to ask for the second before
//! the first is there: so each pass below asks for one thing of every record, and does little else.

use crate::book::Book;
use crate::orders::NIL;
use crate::symbol::resting;
use gavel_types::{Body, ClOrdId, LogRecord, NewOrder, OrderId, SessionSlot};

/// Most records that are looked at.
const AHEAD: usize = 32;

/// What a record will need: an order, or where one would rest.
#[derive(Clone, Copy)]
enum Need {
    Named(u32),
    Rests { vacant: u32, place: u32, ladder: u32, ticks: u64 },
}

impl Book {
    pub(crate) fn fetch(&self, records: &[LogRecord]) {
        let mut needs = [Need::Named(NIL); AHEAD];
        let mut count = 0;
        for (need, record) in needs.iter_mut().zip(records) {
            *need = self.need(record);
            count += 1;
        }
        // Names, then the orders that they name, or those that new ones come to stand behind.
        let mut slots = [NIL; AHEAD];
        for (slot, need) in slots.iter_mut().zip(&needs[..count]) {
            *slot = match *need {
                Need::Named(slot) => slot,
                Need::Rests { place, ladder, ticks, .. } => self.last_at(place, ladder, ticks),
            };
        }
        let mut neighbours = [NIL; AHEAD];
        for (next, &slot) in neighbours.iter_mut().zip(&slots[..count]) {
            if slot != NIL {
                *next = self.orders.node(slot).next;
            }
        }
        let mut seen = 0;
        for (need, &next) in needs.iter().zip(&neighbours[..count]) {
            if next != NIL && next < self.orders.capacity() {
                seen ^= self.orders.node(next).prev;
            }
            if let Need::Rests { vacant, .. } = need {
                seen ^= vacant;
            }
        }
        core::hint::black_box(seen);
    }

    #[inline]
    fn need(&self, record: &LogRecord) -> Need {
        let session = record.command.session;
        let named = |order_id: OrderId, name: ClOrdId| {
            let slot = order_id.0 as u32;
            if order_id == OrderId(0) {
                Need::Named(self.names.at_home(session, name))
            } else if slot < self.orders.capacity() {
                Need::Named(slot)
            } else {
                Need::Named(NIL)
            }
        };
        match record.command.parse() {
            Ok(Body::NewOrder(asked)) => self.place_of_new(session, asked),
            Ok(Body::Cancel(asked)) => named(asked.order_id, asked.orig_cl_ord_id),
            Ok(Body::Replace(asked)) => named(asked.order_id, asked.orig_cl_ord_id),
            Ok(Body::Reduce(asked)) => named(asked.order_id, asked.orig_cl_ord_id),
            _ => Need::Named(NIL),
        }
    }

    /// Where an order would rest, if it may: what is asked for was not checked yet.
    fn place_of_new(&self, session: SessionSlot, asked: &NewOrder) -> Need {
        let Some(place) = self.place_of(asked.symbol) else { return Need::Named(NIL) };
        let rules = &self.books[place as usize].rules;
        if !rules.is_legal_price(asked.price) {
            return Need::Named(NIL);
        }
        let vacant = self.names.at_home(session, asked.cl_ord_id);
        let (ladder, ticks) = (resting(asked.side), rules.ticks(asked.price));
        Need::Rests { vacant, place, ladder, ticks }
    }

    /// The last order in the queue at a price.
    fn last_at(&self, place: u32, ladder: u32, ticks: u64) -> u32 {
        let ladder = &self.books[place as usize].ladders[ladder as usize];
        let level = ladder.find(&self.pages, ticks);
        level.map_or(NIL, |level| self.levels.level(level).tail)
    }
}
