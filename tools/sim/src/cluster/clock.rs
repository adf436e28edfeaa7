//! A node's two clocks, as functions of true time.
//!
//! Inputs -> outputs: true time -> what both clocks show.
//! Invariants: each runs within the bound of drift; only a suspended host's CLOCK_MONOTONIC_RAW
//! stands still. [`Clocks::freeze`] and [`Clocks::jump`] break both, beyond the model: no lease
//! survives that.
//! Not here: when they do (beyond.rs).

use crate::random::Random;
use gavel_raft::Now;
use gavel_types::Nanos;

/// Most that a clock goes wrong here: what the core is told, and no more.
const DRIFT_PPM_MAX: u64 = 1_000;

/// Most by which clocks jump, where they do (ns).
pub const JUMP_NS_MAX: u64 = 1_000_000_000;

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    boot_ppm: i64,
    raw_ppm: i64,
    boot_ns: u64,
    raw_ns: u64,
    /// True time that the raw clock missed.
    raw_missed_ns: u64,
    /// True time that both clocks missed.
    both_missed_ns: u64,
    /// Since when, and until when, it stands still.
    still: (Nanos, Nanos),
    /// Both do.
    is_frozen: bool,
}

impl Clocks {
    /// Clocks of a host.
    pub fn new(drifts: bool, random: &mut Random) -> Self {
        let mut ppm = || match (drifts, random.below(4)) {
            (false, _) => 0,
            // Most hosts are at the edge: that is where a lease is short.
            (true, 0) => random.below(2 * DRIFT_PPM_MAX + 1) as i64 - DRIFT_PPM_MAX as i64,
            (true, 1) => -(DRIFT_PPM_MAX as i64),
            (true, _) => DRIFT_PPM_MAX as i64,
        };
        let (boot_ppm, raw_ppm) = (ppm(), ppm());
        // Far enough from 0 that a jump back is one.
        let mut begins = || JUMP_NS_MAX * 64 + random.below(1 << 40);
        let (boot_ns, raw_ns) = (begins(), begins());
        Self {
            boot_ppm,
            raw_ppm,
            boot_ns,
            raw_ns,
            raw_missed_ns: 0,
            both_missed_ns: 0,
            still: (Nanos(0), Nanos(0)),
            is_frozen: false,
        }
    }

    /// The host is suspended from now on, until then.
    pub fn suspend(&mut self, now: Nanos, until: Nanos) {
        self.settle(now);
        (self.still, self.is_frozen) = ((now, until), false);
    }

    /// The whole host is stopped from now on, until then: neither clock counts that.
    pub fn freeze(&mut self, now: Nanos, until: Nanos) {
        self.settle(now);
        (self.still, self.is_frozen) = ((now, until), true);
    }

    /// Both clocks are set, forth or back, by at most [`JUMP_NS_MAX`].
    pub fn jump(&mut self, ns: i64) {
        self.boot_ns = self.boot_ns.saturating_add_signed(ns);
        self.raw_ns = self.raw_ns.saturating_add_signed(ns);
    }

    fn settle(&mut self, now: Nanos) {
        match self.is_frozen {
            true => self.both_missed_ns += self.missed(now),
            false => self.raw_missed_ns += self.missed(now),
        }
    }

    /// The host wakes earlier than it was to, or begins anew.
    pub fn wake(&mut self, now: Nanos) {
        self.still.1 = self.still.1.min(now.max(self.still.0));
    }

    /// What is missed by the newest suspension.
    fn missed(&self, now: Nanos) -> u64 {
        now.min(self.still.1).since(self.still.0)
    }

    /// What they show.
    #[must_use]
    pub fn read(&self, now: Nanos) -> Now {
        let (mut boot_ns, mut raw_ns) = (self.both_missed_ns, self.both_missed_ns);
        raw_ns += self.raw_missed_ns + self.missed(now);
        boot_ns += if self.is_frozen { self.missed(now) } else { 0 };
        Now {
            boot: Nanos(self.boot_ns + shown(now.0 - boot_ns, self.boot_ppm)),
            raw: Nanos(self.raw_ns + shown(now.0 - raw_ns, self.raw_ppm)),
        }
    }
}

/// What a clock shows after so much true time, which is far below the 2^64 / [`DRIFT_PPM_MAX`] ns
/// (213 days) at which the product would not fit.
fn shown(run: u64, ppm: i64) -> u64 {
    let drift = run * ppm.unsigned_abs() / 1_000_000;
    if ppm < 0 { run - drift } else { run + drift }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SAFETY 10: a suspended host loses time on one clock, a stopped one on both.
    #[test]
    fn clocks_stand_still_and_go_on() {
        let at = |ms: u64| Nanos(ms * 1_000_000);
        let mut clocks = Clocks::new(false, &mut Random::new(1));
        let begin = clocks.read(at(0));
        clocks.suspend(at(10), at(20));
        clocks.freeze(at(30), at(50));
        let later = clocks.read(at(100));
        assert_eq!(later.boot.since(begin.boot), at(80).0);
        assert_eq!(later.raw.since(begin.raw), at(70).0);
        clocks.jump(-5_000_000);
        assert_eq!(clocks.read(at(100)).raw.since(begin.raw), at(65).0);
    }
}
