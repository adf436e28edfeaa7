//! How fast a session may send.
//!
//! A token bucket, kept as the time at which it would be full again (the generic cell rate
//! algorithm): one number a session, and no clock that runs while nobody sends.
//!
//! Inputs -> outputs: a message of a session at a time -> whether it goes through.
//! Invariants: in any stretch of time a session's messages that go through are at most the burst
//! and what the rate gives for that time; a session's bucket is the same after it reconnects.
//! Limits: the Plan's rate and burst.
//! Not here: what becomes of a message that does not go through (it is logged as refused).

use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::SessionPlan;
use gavel_types::{Command, CommandKind, Nanos, SessionSlot};

/// Every session's bucket. Empty if there is no limit.
#[derive(Debug)]
pub(crate) struct Throttle {
    interval_ns: u64,
    burst_ns: u64,
    /// When the bucket is full again (monotone).
    full_at: Vec<Nanos>,
}

impl Throttle {
    pub(crate) fn new(plan: &SessionPlan) -> Self {
        let Some(interval_ns) = 1_000_000_000_u64.checked_div(u64::from(plan.throttle_per_s))
        else {
            return Self { interval_ns: 0, burst_ns: 0, full_at: Vec::new() };
        };
        assert!(interval_ns >= 1, "a rate is below one message a nanosecond");
        assert!(plan.throttle_burst >= 1, "a bucket holds a message");
        let full_at = vec![Nanos(0); plan.sessions_max as usize];
        Self { interval_ns, burst_ns: interval_ns * u64::from(plan.throttle_burst), full_at }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.full_at.capacity() * size_of::<Nanos>()
    }

    /// True if the message is one too many. Whoever wants out gets out: cancels, reduces and mass
    /// actions pass, and cost nothing; so do kill switches and phases, which stop others, and what
    /// is refused already.
    #[inline]
    pub(crate) fn refuses(&mut self, now: Nanos, command: &Command) -> bool {
        if self.full_at.is_empty() {
            return false;
        }
        let counts = matches!(
            CommandKind::from_code(command.kind),
            Some(
                CommandKind::NewOrder
                    | CommandKind::Replace
                    | CommandKind::MarketData
                    | CommandKind::OrderStatus
                    | CommandKind::DefineSymbol
                    | CommandKind::SetBands
                    | CommandKind::SetRisk
            )
        );
        counts && !self.take(now, command.session)
    }

    fn take(&mut self, now: Nanos, slot: SessionSlot) -> bool {
        let full_at = &mut self.full_at[slot.0 as usize];
        let after = Nanos(full_at.0.max(now.0) + self.interval_ns);
        let has_token = after.since(now) <= self.burst_ns;
        if has_token {
            *full_at = after;
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_types::{
        CancelOrder, ClOrdId, MarketDataQuery, MdReqId, OrderId, SeqNo, Side, SymbolId,
    };

    const SLOT: SessionSlot = SessionSlot(1);

    fn throttle(per_s: u32, burst: u32) -> Throttle {
        Throttle::new(&SessionPlan {
            sessions_max: 2,
            connections_max: 2,
            keepalive_min_ms: 1,
            keepalive_max_ms: 2,
            establish_timeout_ms: 1,
            cod_window_max_ms: 0,
            idle_expiry_ms: 0,
            throttle_per_s: per_s,
            throttle_burst: burst,
            needs_credentials: false,
        })
    }

    fn query(slot: SessionSlot) -> Command {
        let (md_req_id, symbol) = (MdReqId(1), SymbolId(1));
        let body = MarketDataQuery { md_req_id, symbol, depth: 1, reserved: [0; 3] };
        Command::market_data(slot, SeqNo(1), &body)
    }

    fn cancel() -> Command {
        let body = CancelOrder {
            cl_ord_id: ClOrdId(2),
            orig_cl_ord_id: ClOrdId(1),
            order_id: OrderId(0),
            symbol: SymbolId(1),
            side: Side::Buy,
            reserved: [0; 3],
        };
        Command::cancel(SLOT, SeqNo(1), &body)
    }

    fn passed(throttle: &mut Throttle, now: u64, count: usize) -> usize {
        (0..count).filter(|_| !throttle.refuses(Nanos(now), &query(SLOT))).count()
    }

    #[test]
    fn a_burst_then_the_rate_and_never_more_than_the_bucket_holds() {
        let mut throttle = throttle(1_000, 5);
        let start = 7_000_000_000;
        assert_eq!(passed(&mut throttle, start, 9), 5);
        assert_eq!(passed(&mut throttle, start + 999_999, 3), 0);
        assert_eq!(passed(&mut throttle, start + 1_000_000, 3), 1);
        assert_eq!(passed(&mut throttle, start + 4_000_000, 9), 3);
        assert_eq!(passed(&mut throttle, start + 3_600_000_000_000, 9), 5, "it does not save up");
    }

    #[test]
    fn cancels_pass_and_cost_nothing_and_each_session_has_its_own() {
        let mut throttle = throttle(10, 1);
        let now = Nanos(1_000_000_000);
        assert!(!throttle.refuses(now, &query(SLOT)));
        assert!(throttle.refuses(now, &query(SLOT)));
        for _ in 0..100 {
            assert!(!throttle.refuses(now, &cancel()));
        }
        assert!(!throttle.refuses(now, &query(SessionSlot(0))));
    }

    #[test]
    fn without_a_rate_everything_passes() {
        let mut throttle = throttle(0, 1);
        assert_eq!(passed(&mut throttle, 0, 1_000), 1_000);
        assert_eq!(throttle.memory_bytes(), 0);
    }
}
