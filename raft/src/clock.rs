//! Time as the core is told it, and what lasts how long.
//!
//! Inputs -> outputs: readings of two clocks -> elapsed time, from either side of a lease.
//! Invariants: who holds a lease counts the greater of two elapsed times, who waits for its end the
//! lesser (SAFETY 10); nothing here reads a clock.
//! Limits: drift of up to [`Timing::drift_ppm`] between any clock and true time.
//! Not here: whose lease it is (lease.rs).
//! Source: thesis 6.4.1; SplitMix64 (Steele, Lea and Flood 2014) for the timeouts.

use gavel_types::Nanos;

/// Both clocks, read at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Now {
    /// Counts while the host is suspended (CLOCK_BOOTTIME).
    pub boot: Nanos,
    /// Is not slewed (CLOCK_MONOTONIC_RAW).
    pub raw: Nanos,
}

impl Now {
    /// Both clocks show the same.
    #[must_use]
    pub const fn same(now: Nanos) -> Self {
        Self { boot: now, raw: now }
    }

    /// For whoever waits: at least so much time has passed since `then`.
    #[must_use]
    #[inline]
    pub fn least_since(self, then: Self) -> u64 {
        self.boot.since(then.boot).min(self.raw.since(then.raw))
    }

    /// For whoever holds: at most so much time has passed since `then`.
    #[must_use]
    #[inline]
    pub fn most_since(self, then: Self) -> u64 {
        self.boot.since(then.boot).max(self.raw.since(then.raw))
    }

    /// Both clocks, so much later.
    #[must_use]
    #[inline]
    pub fn after(self, ns: u64) -> Self {
        Self { boot: Nanos(self.boot.0 + ns), raw: Nanos(self.raw.0 + ns) }
    }

    /// True if either clock has reached this deadline.
    #[must_use]
    #[inline]
    pub fn is_past(self, deadline: Self) -> bool {
        self.boot >= deadline.boot || self.raw >= deadline.raw
    }
}

/// What lasts how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    /// Shortest time without a leader before an election; the longest is twice that (Raft 5.2).
    pub election_ns: u64,
    /// How far that time may grow while heartbeats come irregularly (see patience.rs); equal to it,
    /// and it does not.
    pub election_max_ns: u64,
    /// Between two rounds of heartbeats.
    pub heartbeat_ns: u64,
    /// What a majority's answer to a round is good for. At most [`Timing::election_ns`].
    pub lease_ns: u64,
    /// Most that a clock may go wrong, parts per million.
    pub drift_ppm: u64,
    /// Taken off the holder's lease, for what lies between a check and the wire.
    pub guard_ns: u64,
    /// Each step of priority below the highest makes a node wait so much longer.
    pub priority_step_ns: u64,
    /// On a sign that the leader died, each voter waits so much longer than the one before it.
    pub suspect_step_ns: u64,
}

impl Default for Timing {
    /// For hosts of one site: the timeouts of the thesis' evaluation, times ten.
    fn default() -> Self {
        Self {
            election_ns: 150_000_000,
            election_max_ns: 600_000_000,
            heartbeat_ns: 15_000_000,
            lease_ns: 120_000_000,
            drift_ppm: 1_000,
            guard_ns: 1_000_000,
            priority_step_ns: 15_000_000,
            suspect_step_ns: 500_000,
        }
    }
}

impl Timing {
    /// What the holder may use of a lease.
    #[must_use]
    #[inline]
    pub fn held_ns(&self) -> u64 {
        (self.lease_ns - self.drift_part_ns()).saturating_sub(self.guard_ns)
    }

    /// How long somebody else's lease must be waited for.
    #[must_use]
    #[inline]
    pub fn waited_ns(&self) -> u64 {
        self.lease_ns + self.drift_part_ns()
    }

    fn drift_part_ns(&self) -> u64 {
        // Rounded up: an error of a nanosecond must be on the safe side.
        (self.lease_ns * self.drift_ppm).div_ceil(1_000_000)
    }

    /// True if the durations fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.heartbeat_ns > 0
            && self.heartbeat_ns < self.election_ns
            && self.election_ns <= self.election_max_ns
            && self.lease_ns <= self.election_ns
            && self.drift_ppm < 1_000_000
    }
}

/// The core's only randomness: a stream that is a function of its seed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`; 0 if `bound` is.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(boot: u64, raw: u64) -> Now {
        Now { boot: Nanos(boot), raw: Nanos(raw) }
    }

    // SAFETY 10: after a suspend one clock has moved and the other has not.
    #[test]
    fn holder_and_waiter_read_two_clocks_differently() {
        let (then, later) = (now(100, 100), now(900, 150));
        assert_eq!(later.most_since(then), 800);
        assert_eq!(later.least_since(then), 50);
        assert!(later.is_past(then.after(500)));
    }

    // Thesis 6.4.1: a lease ends at its holder before it ends at whoever waits for it.
    #[test]
    fn a_holder_stops_before_a_waiter_starts() {
        for lease_ns in [1, 7, 999, 1_000_000, 123_456_789] {
            for drift_ppm in [0, 1, 500, 1_000, 50_000] {
                let timing =
                    Timing { lease_ns, drift_ppm, election_ns: lease_ns, ..Timing::default() };
                let (slow, fast) = (1_000_000 - drift_ppm, 1_000_000 + drift_ppm);
                // True time is the clock's divided by its rate; compared without division.
                let held = u128::from(timing.held_ns()) * u128::from(fast);
                let waited = u128::from(timing.waited_ns()) * u128::from(slow);
                assert!(held <= waited, "{timing:?}");
            }
        }
    }
}
