//! Limits of risk and kill switches of sessions and accounts, and what they need to know.
//!
//! Inputs -> outputs: what a party wants to do -> nothing, or the reason against it.
//! Invariants: nothing here depends on anything but the log; what is refused changes nothing.
//! Limits: `sessions_max` sessions, `accounts_max` accounts, `positions_max` positions.
//! Not here: which commands ask (entry.rs, replace.rs), what ends orders (kill.rs).

use crate::positions::Positions;
use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch_whole;
use gavel_types::{Account, Nanos, OrderRejectReason, Price, Qty, SessionSlot, SetRisk, Side};

/// Units of a token: a bucket that fills at n tokens a second gains n units each nanosecond.
const TOKEN: u64 = 1_000_000_000;

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

/// Limits of one party; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) qty_max: u64,
    pub(crate) notional_max: u64,
    pub(crate) position_max: u64,
    pub(crate) collar: i64,
    pub(crate) orders_max: u32,
    pub(crate) rate_per_s: u32,
    pub(crate) rate_burst: u32,
    pub(crate) duplicate_ms: u32,
}

impl Limits {
    pub(crate) fn of(asked: &SetRisk) -> Self {
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
}

/// What makes an order the same as another for the duplicate check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Likeness {
    pub(crate) symbol: u32,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) stop_px: Price,
    pub(crate) qty: Qty,
}

/// A session or an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    pub(crate) limits: Limits,
    pub(crate) is_killed: bool,
    /// Units of tokens in the bucket, as of `filled_at`.
    pub(crate) units: u64,
    pub(crate) filled_at: Nanos,
    /// The last order that passed, and when; kept only where it is asked for.
    pub(crate) last: Option<(Likeness, Nanos)>,
    /// Live orders; counted here for accounts only.
    pub(crate) live: u32,
}

const NOBODY: Party = Party {
    limits: Limits {
        qty_max: 0,
        notional_max: 0,
        position_max: 0,
        collar: 0,
        orders_max: 0,
        rate_per_s: 0,
        rate_burst: 0,
        duplicate_ms: 0,
    },
    is_killed: false,
    units: 0,
    filled_at: Nanos(0),
    last: None,
    live: 0,
};

impl Party {
    /// True if anything was ever said of it.
    pub(crate) fn is_somebody(&self) -> bool {
        self.is_killed || self.limits != Limits::default() || self.filled_at != Nanos(0)
    }

    /// True if the bucket holds no more than it can, and has something to hold where it fills.
    pub(crate) fn is_bucket_sound(&self) -> bool {
        let has_burst = self.limits.rate_per_s == 0 || self.limits.rate_burst > 0;
        has_burst && self.units <= u64::from(self.limits.rate_burst) * TOKEN
    }

    /// New limits: the bucket is full, the last order forgotten.
    fn limit(&mut self, limits: Limits, now: Nanos) {
        self.limits = limits;
        self.units = u64::from(limits.rate_burst) * TOKEN;
        self.filled_at = now;
        self.last = None;
    }

    /// Units in the bucket by now. Whatever does not fit in 64 bits is more than full.
    #[inline]
    fn units_at(&self, now: Nanos) -> u64 {
        let gained = now.since(self.filled_at).saturating_mul(self.limits.rate_per_s.into());
        let full = u64::from(self.limits.rate_burst) * TOKEN;
        self.units.saturating_add(gained).min(full)
    }

    /// What passed all checks; `units` are those that were in the bucket.
    #[inline]
    fn pass(&mut self, wish: &Wish, units: u64) {
        if self.limits.rate_per_s != 0 {
            self.units = units - TOKEN;
            self.filled_at = wish.now;
        }
        if wish.is_new && self.limits.duplicate_ms != 0 {
            self.last = Some((wish.likeness, wish.now));
        }
    }

    fn is_duplicate(&self, wish: &Wish) -> bool {
        let within = u64::from(self.limits.duplicate_ms) * MS;
        within != 0
            && self
                .last
                .is_some_and(|(last, at)| last == wish.likeness && wish.now.since(at) < within)
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) now: Nanos,
    pub(crate) session: SessionSlot,
    /// A new order, not a replace.
    pub(crate) is_new: bool,
    pub(crate) is_symbol_killed: bool,
    /// Place of the symbol's book, side, price, quantity that would be open.
    pub(crate) likeness: Likeness,
    /// Total quantity of the order.
    pub(crate) qty: Qty,
    /// What is open of the order that is replaced.
    pub(crate) replaced: Qty,
    /// What a unit of quantity is reckoned at, if anything is known.
    pub(crate) valued_at: Option<Price>,
    /// Ten to the symbol's scale.
    pub(crate) units: u128,
    /// What prices are measured by, if anything is known.
    pub(crate) market: Option<Price>,
    /// Live orders of the session.
    pub(crate) session_live: u32,
}

/// All parties.
#[derive(Debug)]
pub(crate) struct Risk {
    /// True once a command named limits or a switch: until then nothing is asked.
    pub(crate) is_armed: bool,
    pub(crate) is_venue_killed: bool,
    /// By slot.
    pub(crate) sessions: Vec<Party>,
    /// In the order in which they were named.
    pub(crate) accounts: Vec<(Account, Party)>,
    /// A power of two of places in `accounts`.
    by_account: Vec<u32>,
    pub(crate) positions: Positions,
}

const NONE: u32 = u32::MAX;

impl Risk {
    pub(crate) fn new(sessions_max: u32, accounts_max: u32, positions_max: u32) -> Self {
        let places = (accounts_max as usize * 2).max(2).next_power_of_two();
        Self {
            is_armed: false,
            is_venue_killed: false,
            sessions: vec![NOBODY; sessions_max as usize],
            accounts: Vec::with_capacity(accounts_max as usize),
            by_account: vec![NONE; places],
            positions: Positions::new(positions_max),
        }
    }

    /// Place of an account that was named.
    #[inline]
    pub(crate) fn account(&self, account: Account) -> Option<u32> {
        let place = self.by_account[self.seek(account)];
        (place != NONE).then_some(place)
    }

    /// Fetches what is known of an account, and of what it holds in a book, if they are where most
    /// are.
    #[inline(always)]
    pub(crate) fn fetch(&self, account: Account, book: u32) {
        let place = self.by_account[self.home(account)];
        prefetch_whole(&self.accounts, (place as usize).min(self.accounts.len()));
        self.positions.fetch(place, book);
    }

    #[inline(always)]
    fn home(&self, account: Account) -> usize {
        account.0.wrapping_mul(0x9E37_79B1) as usize & (self.by_account.len() - 1)
    }

    fn seek(&self, account: Account) -> usize {
        let mask = self.by_account.len() - 1;
        let mut at = self.home(account);
        while self.by_account[at] != NONE
            && self.accounts[self.by_account[at] as usize].0 != account
        {
            at = (at + 1) & mask;
        }
        at
    }

    /// Names an account; false if there is no room.
    pub(crate) fn name(&mut self, account: Account) -> bool {
        if self.accounts.len() == self.accounts.capacity() {
            return false;
        }
        let at = self.seek(account);
        self.by_account[at] = self.accounts.len() as u32;
        self.accounts.push((account, NOBODY));
        true
    }

    pub(crate) fn limit_session(&mut self, session: u32, limits: Limits, now: Nanos) {
        self.sessions[session as usize].limit(limits, now);
    }

    pub(crate) fn limit_account(&mut self, place: u32, limits: Limits, now: Nanos) {
        self.accounts[place as usize].1.limit(limits, now);
    }

    /// Whether a wish may come true; if so it counts from here on.
    ///
    /// `place` is that of the order's account, if it was named; `position` that of what it holds in
    /// the symbol, if that is counted.
    #[inline(always)]
    pub(crate) fn check(
        &mut self,
        wish: &Wish,
        place: Option<u32>,
        position: Option<u32>,
    ) -> Result<(), OrderRejectReason> {
        let session = &self.sessions[wish.session.0 as usize];
        let account = place.map_or(&NOBODY, |place| &self.accounts[place as usize].1);
        let is_killed = self.is_venue_killed || wish.is_symbol_killed;
        let units = [session.units_at(wish.now), account.units_at(wish.now)];
        check_parties(is_killed, [session, account], units, wish)?;
        let limit = account.limits.position_max;
        if limit != 0 {
            let fits = position.is_some_and(|place| self.positions.fits(place, wish, limit));
            fits.then_some(()).ok_or(OrderRejectReason::RiskPosition)?;
        }
        check_prices([session, account], wish)?;
        self.sessions[wish.session.0 as usize].pass(wish, units[0]);
        if let Some(place) = place {
            self.accounts[place as usize].1.pass(wish, units[1]);
        }
        Ok(())
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.sessions.capacity() * size_of::<Party>()
            + self.accounts.capacity() * size_of::<(Account, Party)>()
            + self.by_account.capacity() * size_of::<u32>()
            + self.positions.memory_bytes()
    }
}

/// What concerns the parties and the size of what they want.
#[inline(always)]
fn check_parties(
    is_killed: bool,
    both: [&Party; 2],
    units: [u64; 2],
    wish: &Wish,
) -> Result<(), OrderRejectReason> {
    use OrderRejectReason as No;
    let [session, account] = both;
    // Asked of both in any case: a second look costs less than a wrong guess.
    let either = |holds: fn(&Party, &Wish) -> bool| holds(session, wish) | holds(account, wish);
    let refuse = |holds: bool, why| if holds { Err(why) } else { Ok(()) };
    refuse(is_killed | session.is_killed | account.is_killed, No::Killed)?;
    let lacks_token = |party: &Party, units| party.limits.rate_per_s != 0 && units < TOKEN;
    refuse(lacks_token(session, units[0]) | lacks_token(account, units[1]), No::RiskRate)?;
    refuse(either(|party, wish| is_above(wish.qty.0, party.limits.qty_max)), No::RiskQty)?;
    let qty = u128::from(wish.likeness.qty.0);
    let notional = wish.valued_at.map_or(0, |price| price.0 as u128 * qty);
    let is_too_much = |party: &Party| {
        let limit = u128::from(party.limits.notional_max);
        limit != 0 && notional > limit * wish.units
    };
    refuse(is_too_much(session) | is_too_much(account), No::RiskNotional)?;
    let is_full = |party: &Party, live: u32| is_above(u64::from(live) + 1, party.limits.orders_max);
    let full = is_full(session, wish.session_live) | is_full(account, account.live);
    refuse(wish.is_new && full, No::RiskOpenOrders)
}

/// True if there is a limit, and a value is above it.
#[inline]
fn is_above(value: u64, limit: impl Into<u64>) -> bool {
    let limit = limit.into();
    limit != 0 && value > limit
}

/// What concerns prices, and what was asked for before.
#[inline(always)]
fn check_prices(both: [&Party; 2], wish: &Wish) -> Result<(), OrderRejectReason> {
    use OrderRejectReason as No;
    let price = wish.likeness.price;
    let is_far = |party: &&Party| {
        let collar = party.limits.collar as u64;
        let far = |market: Price| price.0.abs_diff(market.0) > collar;
        collar != 0 && price != Price::NULL && wish.market.is_some_and(far)
    };
    if both.iter().any(is_far) {
        return Err(No::RiskCollar);
    }
    if wish.is_new && both.iter().any(|party| party.is_duplicate(wish)) {
        return Err(No::RiskDuplicate);
    }
    Ok(())
}
