//! What accounts hold and could come to hold: net, and what their live orders would add.
//!
//! Inputs -> outputs: trades and changes of live orders in; whether another order fits, out.
//! Invariants: a position that is counted knows the sum of its account's live orders in the symbol.
//! Limits: `positions_max`, in at least twice as many places.
//! Not here: which accounts are counted (risk.rs), the walk over live orders when one begins to be
//! (steering.rs).

use crate::risk::Wish;
use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch_whole;
use gavel_types::{Qty, Side};

const NONE: u32 = u32::MAX;

/// One account in one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Place of the account.
    pub(crate) account: u32,
    /// Place of the symbol's book.
    pub(crate) book: u32,
    /// Bought less sold.
    pub(crate) net: i128,
    /// Open quantity of its live orders: of buys, of sales.
    pub(crate) open: [u64; 2],
}

/// All positions.
#[derive(Debug)]
pub(crate) struct Positions {
    list: Vec<Position>,
    /// A power of two of places in `list`.
    places: Vec<u32>,
}

const fn of(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Positions {
    pub(crate) fn new(positions_max: u32) -> Self {
        let places = (positions_max as usize * 2).max(2).next_power_of_two();
        Self { list: Vec::with_capacity(positions_max as usize), places: vec![NONE; places] }
    }

    /// Fetches a position, if it is where most are.
    #[inline(always)]
    pub(crate) fn fetch(&self, account: u32, book: u32) {
        let place = self.places[self.home(account, book)];
        prefetch_whole(&self.list, (place as usize).min(self.list.len()));
    }

    #[inline(always)]
    fn home(&self, account: u32, book: u32) -> usize {
        let key = u64::from(account) << 32 | u64::from(book);
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.places.len() - 1)
    }

    fn seek(&self, account: u32, book: u32) -> usize {
        let mask = self.places.len() - 1;
        let mut at = self.home(account, book);
        while let Some(position) = self.list.get(self.places[at] as usize) {
            if (position.account, position.book) == (account, book) {
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }

    /// Its place in the list, if it is counted.
    #[inline]
    pub(crate) fn find(&self, account: u32, book: u32) -> Option<u32> {
        let place = self.places[self.seek(account, book)];
        (place != NONE).then_some(place)
    }

    /// True if no other can be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() == self.list.capacity()
    }

    /// Begins to count a position; its place.
    ///
    /// # Panics
    /// If it is counted, or there is no room: callers look first.
    pub(crate) fn begin(&mut self, position: Position) -> u32 {
        assert!(!self.is_full(), "room is looked for before");
        let at = self.seek(position.account, position.book);
        assert!(self.places[at] == NONE, "a position is counted once");
        let place = self.list.len() as u32;
        self.places[at] = place;
        self.list.push(position);
        place
    }

    /// There is more or less open of an order.
    #[inline]
    pub(crate) fn opened(&mut self, account: u32, book: u32, side: Side, from: Qty, to: Qty) {
        let at = self.seek(account, book);
        if let Some(position) = self.list.get_mut(self.places[at] as usize) {
            let open = &mut position.open[of(side)];
            *open = *open - from.0 + to.0;
        }
    }

    /// So much of an order traded, and is open no more.
    #[inline]
    pub(crate) fn traded(&mut self, account: u32, book: u32, side: Side, qty: Qty) {
        let at = self.seek(account, book);
        if let Some(position) = self.list.get_mut(self.places[at] as usize) {
            position.open[of(side)] -= qty.0;
            position.net += match side {
                Side::Buy => i128::from(qty.0),
                Side::Sell => -i128::from(qty.0),
            };
        }
    }

    /// True if the position cannot become larger than the limit by what is wished.
    #[inline]
    pub(crate) fn fits(&self, place: u32, wish: &Wish, limit: u64) -> bool {
        let likeness = &wish.likeness;
        let position = &self.list[place as usize];
        let net = position.net;
        let open = i128::from(position.open[of(likeness.side)]) - i128::from(wish.replaced.0);
        let held = match likeness.side {
            Side::Buy => net,
            Side::Sell => -net,
        };
        held + open + i128::from(likeness.qty.0) <= i128::from(limit)
    }

    pub(crate) fn list(&self) -> &[Position] {
        &self.list
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Position>() + self.places.capacity() * size_of::<u32>()
    }
}
