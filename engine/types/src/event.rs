//! What everybody may know of a book, order by order: 64 bytes each, made with the reports.
//!
//! Whoever applies a symbol's events in their order to an empty book has the symbol's displayed
//! book: Add puts an order there; Execute, Reduce, Delete and Replace take from it. An order of
//! which nothing is displayed any more is gone, until it is added again.

use crate::order::code;
use crate::{OrderId, Price, Qty, Stamp, SymbolId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

code! {
    /// What happened.
    EventKind {
        /// An order came to rest at its price, `qty` of it displayed: in front of the order
        /// `other`, or at the end of the queue if that is 0.
        Add = b'A',
        /// A resting order traded: `qty` of what it displays is gone, at `price`; `other` is the
        /// match.
        Execute = b'E',
        /// A resting order displays `qty` less; it keeps its place.
        Reduce = b'X',
        /// A resting order is gone, with the `qty` that it displayed.
        Delete = b'D',
        /// A resting order leaves its place under other terms, with the `qty` that it displayed; an
        /// Add under the same OrderID follows if it comes to rest again.
        Replace = b'U',
        /// A match: `qty` at `price`; `other` is the match, `flags` a Side code of the aggressor,
        /// or 0 in an auction.
        Trade = b'P',
        /// The symbol's phase: `flags` is a TradingPhase code.
        Phase = b'H',
        /// The best bid is `qty` at `price`, 0 at 0 if there is none.
        BestBid = b'B',
        /// The best ask is `qty` at `price`, 0 at 0 if there is none.
        BestAsk = b'S',
        /// An auction would trade `qty` at `price` now, 0 at 0 if nothing; `other` is the
        /// imbalance.
        Indicative = b'I',
    }
}

/// One event of one symbol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Event {
    /// Index, term and time of the record that it comes from.
    pub stamp: Stamp,
    /// The order, 0 if it is about none.
    pub order_id: OrderId,
    /// See [`EventKind`].
    pub price: Price,
    /// See [`EventKind`].
    pub qty: Qty,
    /// See [`EventKind`].
    pub other: u64,
    /// Tag 48.
    pub symbol: SymbolId,
    /// An [`EventKind`] code.
    pub kind: u8,
    /// A [`crate::Side`] code, 0 if it is about none.
    pub side: u8,
    /// See [`EventKind`].
    pub flags: u8,
    /// Zero.
    pub reserved: u8,
}

const _: () = assert!(size_of::<Event>() == 64);
