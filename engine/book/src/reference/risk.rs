//! Limits of risk, and what they count: tokens, positions, the last order.
//!
//! Invariants: what does not pass takes no token and leaves no trace.
//! Source: RULES.md, "Risk".

use super::order::Order;
use super::symbols::Symbol;
use super::{ReferenceBook, ensure, ten_to};
use alloc::vec::Vec;
use gavel_types::{Account, Nanos, OrderRejectReason as No, Price, SetRisk, Side, SymbolId};

/// Units that one order takes from a bucket.
const TOKEN: u128 = 1_000_000_000;

/// A session or account that a SetRisk or Kill named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party {
    pub(super) limits: Limits,
    pub(super) killed: bool,
    /// What the bucket held at `filled_at`.
    pub(super) units: u64,
    pub(super) filled_at: Nanos,
    /// The last new order that passed, and when.
    pub(super) last_order: Option<(Likeness, Nanos)>,
}

/// 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) qty_max: u64,
    pub(super) notional_max: u64,
    pub(super) position_max: u64,
    pub(super) collar: i64,
    pub(super) orders_max: u32,
    pub(super) rate_per_s: u32,
    pub(super) rate_burst: u32,
    pub(super) duplicate_ms: u32,
}

/// What makes two orders duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    pub(super) symbol: SymbolId,
    pub(super) side: Side,
    pub(super) price: Option<Price>,
    pub(super) stop_px: Option<Price>,
    pub(super) qty: u64,
}

impl Limits {
    pub(super) fn asked(asked: &SetRisk) -> Self {
        Self {
            qty_max: asked.qty_max.0,
            notional_max: asked.notional_max,
            position_max: asked.position_max.0,
            collar: asked.collar.0,
            orders_max: asked.orders_max,
            rate_per_s: asked.rate_per_s,
            rate_burst: asked.rate_burst,
            duplicate_ms: asked.duplicate_ms,
        }
    }

    /// Units that the bucket holds at most.
    pub(super) fn bucket(&self) -> u128 {
        u128::from(self.rate_burst) * TOKEN
    }
}

impl Party {
    /// Without limits.
    pub(super) fn new(now: Nanos) -> Self {
        Self::limited(Limits::default(), now)
    }

    /// "Buckets are full anew, and the last order for the duplicate check is forgotten."
    pub(super) fn limited(limits: Limits, now: Nanos) -> Self {
        let units = limits.bucket() as u64;
        Self { limits, killed: false, units, filled_at: now, last_order: None }
    }

    /// What the bucket holds now.
    fn units_at(&self, now: Nanos) -> u128 {
        let gained = u128::from(self.limits.rate_per_s) * u128::from(now.since(self.filled_at));
        (u128::from(self.units) + gained).min(self.limits.bucket())
    }

    fn has_token(&self, now: Nanos) -> bool {
        self.limits.rate_per_s == 0 || self.units_at(now) >= TOKEN
    }

    /// An order passed.
    fn passed(&mut self, now: Nanos, new: Option<Likeness>) {
        if self.limits.rate_per_s != 0 {
            self.units = (self.units_at(now) - TOKEN) as u64;
            self.filled_at = now;
        }
        self.last_order = new.map(|likeness| (likeness, now)).or(self.last_order);
    }

    fn is_duplicate(&self, likeness: &Likeness, now: Nanos) -> bool {
        let within_ns = u64::from(self.limits.duplicate_ms) * 1_000_000;
        self.last_order.is_some_and(|(last, at)| last == *likeness && now.since(at) < within_ns)
    }
}

impl ReferenceBook {
    /// Check 9 of a new order; of a replace, the order is as it would be.
    pub(super) fn pass_risk(&mut self, order: &Order, is_new: bool) -> Result<(), No> {
        self.begin_position(order.account, order.symbol);
        self.check_risk(order, is_new)?;
        let now = self.now;
        let likeness = is_new.then(|| likeness_of(order));
        let session = self.sessions.get_mut(&order.session);
        let account = self.accounts.get_mut(&order.account);
        for party in session.into_iter().chain(account) {
            party.passed(now, likeness);
        }
        Ok(())
    }

    fn check_risk(&self, order: &Order, is_new: bool) -> Result<(), No> {
        let symbol = *self.symbol(order.symbol);
        let session = self.sessions.get(&order.session);
        let account = self.accounts.get(&order.account);
        let parties: Vec<&Party> = session.into_iter().chain(account).collect();
        let killed = self.killed || symbol.killed || parties.iter().any(|p| p.killed);
        ensure(!killed, No::Killed)?;
        ensure(parties.iter().all(|p| p.has_token(self.now)), No::RiskRate)?;
        let limits: Vec<Limits> = parties.iter().map(|p| p.limits).collect();
        let exceeds_qty = |l: &Limits| l.qty_max != 0 && order.qty > l.qty_max;
        ensure(!limits.iter().any(exceeds_qty), No::RiskQty)?;
        let notional = self.notional(order, &symbol);
        let exceeds_notional = |l: &Limits| {
            let most = u128::from(l.notional_max) * ten_to(symbol.terms.qty_scale);
            l.notional_max != 0 && notional.is_some_and(|notional| notional > most)
        };
        ensure(!limits.iter().any(exceeds_notional), No::RiskNotional)?;
        if is_new {
            let of_session = session.map_or(0, |p| p.limits.orders_max);
            let live = self.live.iter().filter(|o| o.session == order.session).count();
            ensure(of_session == 0 || live < of_session as usize, No::RiskOpenOrders)?;
            let of_account = account.map_or(0, |p| p.limits.orders_max);
            let live = self.live.iter().filter(|o| o.account == order.account).count();
            ensure(of_account == 0 || live < of_account as usize, No::RiskOpenOrders)?;
        }
        let position_max = account.map_or(0, |p| p.limits.position_max);
        ensure(self.is_within_position(order, position_max), No::RiskPosition)?;
        ensure(limits.iter().all(|l| is_within_collar(order, &symbol, l.collar)), No::RiskCollar)?;
        let is_duplicate = |p: &&Party| p.is_duplicate(&likeness_of(order), self.now);
        ensure(!(is_new && parties.iter().any(is_duplicate)), No::RiskDuplicate)
    }

    /// Price times quantity, if a price is known: "StopPx, else the other side's best, else the
    /// last trade's, else the reference".
    fn notional(&self, order: &Order, symbol: &Symbol) -> Option<u128> {
        let price = order
            .price
            .or(order.stop_px)
            .or_else(|| self.best(order.symbol, order.side.opposite()))
            .or(symbol.last_or_reference())?;
        Some(u128::from(price.0.unsigned_abs()) * u128::from(order.open()))
    }

    /// "A buy fails if net + open buys + quantity > position_max, a sale if open sells + quantity -
    /// net > position_max."
    fn is_within_position(&self, order: &Order, position_max: u64) -> bool {
        if position_max == 0 {
            return true;
        }
        let key = (order.account, order.symbol);
        let Some(net) = self.positions.get(&key).copied() else { return false };
        let is_counted = |o: &&Order| {
            // A replace: the order is counted as it would be, not as it is.
            (o.account, o.symbol, o.side) == (order.account, order.symbol, order.side)
                && o.id != order.id
        };
        let others: i128 = self.live.iter().filter(is_counted).map(|o| i128::from(o.open())).sum();
        let signed_net = if order.side == Side::Buy { net } else { -net };
        signed_net + others + i128::from(order.open()) <= i128::from(position_max)
    }

    /// The position begins to be counted, at 0, if the account was named before and there is room.
    fn begin_position(&mut self, account: Account, symbol: SymbolId) {
        let has_room = self.positions.len() < self.plan.positions_max as usize;
        if has_room && self.accounts.contains_key(&account) {
            self.positions.entry((account, symbol)).or_insert(0);
        }
    }

    /// A trade changes the position; one that begins with it, by all of it.
    pub(super) fn count_trade(&mut self, order: &Order, qty: u64) {
        self.begin_position(order.account, order.symbol);
        if let Some(net) = self.positions.get_mut(&(order.account, order.symbol)) {
            let qty = i128::from(qty);
            *net += if order.side == Side::Buy { qty } else { -qty };
        }
    }
}

fn is_within_collar(order: &Order, symbol: &Symbol, collar: i64) -> bool {
    let (Some(price), Some(middle)) = (order.price, symbol.last_or_reference()) else {
        return true;
    };
    collar == 0 || price.0.abs_diff(middle.0) <= collar.unsigned_abs()
}

fn likeness_of(order: &Order) -> Likeness {
    Likeness {
        symbol: order.symbol,
        side: order.side,
        price: order.price,
        stop_px: order.stop_px,
        qty: order.qty,
    }
}
