//! Machine #1: order books and matching, price-time priority, several symbols in one machine.
//!
//! Inputs -> outputs: log records of the kinds NewOrder, Cancel, Replace, MarketData, MassAction
//! and OrderStatus, and the end of a session -> reports; the whole state <-> bytes. Records of any
//! other kind change nothing and make no report.
//!
//! There are two implementations of the same rules: [`Book`], which is fast, and
//! [`reference::ReferenceBook`], which is naive. Equal records give equal reports, byte for byte,
//! and equal digests; the tests run one suite against both.
//!
//! # The rules
//!
//! *Checks of a new order*, the first that fails is the reason: the symbol is known
//! (UnknownSymbol) · no field asks for what is not supported yet, and a market order has no price
//! (UnsupportedOrderCharacteristic) · the quantity is a multiple of the lot, above 0, at most
//! `qty_max` (IncorrectQuantity) · the price is a multiple of the tick within the symbol's limits
//! (InvalidPriceIncrement) · no live order of the session has its ClOrdID (DuplicateOrder) · there
//! is room (BookFull) · for a market order, the other side is not empty (NoLiquidity).
//!
//! *Room* is decided before anything changes, on the safe side: every new order needs a free order
//! slot, even if it would not rest; and every limit order that may rest needs a level of its own
//! side at its price, there already or free, even if it would trade whole. (Trading never changes
//! the aggressor's side, so what is true at entry is true when the rest comes to rest.)
//!
//! *An accepted order* is reported New; then each match is reported twice, aggressor then maker,
//! adjacent, with one TrdMatchID, at the maker's price; then a Day or GTC limit order rests, and
//! what is left of any other is Canceled (ImmediateOrCancel).
//!
//! *A cancel or replace* names its order by OrderID if that is not 0 (OrigClOrdID is not looked at
//! then), else by OrigClOrdID. The order must be live and belong to the session (UnknownOrder), and
//! its symbol and side must be those of the request (Mismatch). What is gone is forgotten, so
//! "too late" is UnknownOrder as well.
//!
//! *A replace* gives the order a new name, price, total quantity and time in force. Checks in this
//! order: the new ClOrdID names no other live order of the session (DuplicateClOrdId) · the
//! quantity is a multiple of the lot, at most `qty_max` (IncorrectQuantity) · the price is legal
//! (InvalidPriceIncrement) · there is a level to rest at, its own level counted as free if it is
//! alone there (BookFull). A quantity of no more than has filled (0 included) cancels the order
//! (ReplacedToFilled). At the same price, no more quantity keeps priority; anything else is
//! reported Replaced, loses priority and trades as an aggressor would. A replace to IOC trades what
//! it can now, and what is left is Canceled (ImmediateOrCancel).
//!
//! *A market data request* is answered with the best levels of both sides as they are then, bids
//! first, in adjacent parts of which there is at least one. A symbol or a depth that there is not
//! is answered by a BusinessReject.
//!
//! *A mass action* cancels the live orders of its session that are in scope (all, or those of one
//! symbol) and of the side and account that it gives, if it gives one (0 gives none; a side that
//! there is not is no order's). They end in the order in which they were entered: a replace,
//! whatever it changes, leaves that alone. Each is Canceled (MassAction) under the request's name;
//! then comes one report that says how many there were (Completed). One symbol that is not traded
//! here: the report alone (Rejected, UnknownSecurity). *The end of a session* cancels all that it
//! has, in the same order, each under its own name; why is the caller's to say, and nothing more is
//! reported.
//!
//! *An order status request* names its order by OrderID if that is not 0 (ClOrdID is not looked at
//! then), else by ClOrdID. If that is a live order of the session, and its symbol and side are
//! those of the request, it is answered by the order as it is; else by the names asked for, without
//! a price (UnknownOrder).
//!
//! *Names.* OrderID is (generation << 32 | slot): the slot freed last is taken first, the
//! generation of a slot starts at 1 and rises each time the slot is freed; a slot whose generation
//! is used up is never taken again, so an OrderID never names two orders. ExecID counts execution
//! reports (a status is none), TrdMatchID counts matches, and mass action reports are counted, all
//! from 1.
//!
//! *A state that is saved and restored* goes on as if nothing had been: with the same names,
//! counters, queues and order of entry. Restoring takes any bytes, and makes a sound book of them
//! or says what is wrong.
//!
//! Invariants: a book is never crossed between records; a rejected command changes nothing but the
//! counter of what answers it; nothing is allocated after construction but by saving and restoring
//! ([`Book`] only).
//! Limits: all in `BookPlan`; `orders_max` * 2^32 orders in the life of a machine.
//! Not here: sessions, numbering of reports, wire, time, risk; other order types and phases.
//! Source: FIX 5.0 SP2 for the words; CME's conventions for priority on replace.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod book;
mod cancel;
mod depth;
mod digest;
mod entry;
mod fetch;
mod ladder;
mod levels;
mod mass;
mod matching;
mod names;
mod orders;
mod owners;
pub mod reference;
mod replace;
mod reports;
mod state;
mod status;
mod verify;

pub use book::Book;
pub use digest::LiveOrder;

/// Template of MarketDataRequest on the wire, which BusinessMessageReject names.
pub const MARKET_DATA_REQUEST_TEMPLATE: u16 = 105;
