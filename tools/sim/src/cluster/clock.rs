//! A node's two clocks, as functions of true time.
//!
//! Inputs -> outputs: true time -> what both clocks show.
//! Invariants: each runs within the bound of drift; only a suspended host's CLOCK_MONOTONIC_RAW
//! stands still.
//! Not here: clocks beyond the bound, a host whose clocks both stand still: no lease survives that.

use crate::random::Random;
use gavel_raft::Now;
use gavel_types::Nanos;

/// Most that a clock goes wrong here: what the core is told, and no more.
const DRIFT_PPM_MAX: u64 = 1_000;

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    boot_ppm: i64,
    raw_ppm: i64,
    boot_ns: u64,
    raw_ns: u64,
    /// True time that the raw clock missed.
    raw_missed_ns: u64,
    /// Since when, and until when, it stands still.
    still: (Nanos, Nanos),
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
        let (boot_ns, raw_ns) = (random.below(1 << 40), random.below(1 << 40));
        Self { boot_ppm, raw_ppm, boot_ns, raw_ns, raw_missed_ns: 0, still: (Nanos(0), Nanos(0)) }
    }

    /// The host is suspended from now on, until then.
    pub fn suspend(&mut self, now: Nanos, until: Nanos) {
        self.raw_missed_ns += self.missed(now);
        self.still = (now, until);
    }

    /// The host wakes earlier than it was to, or begins anew.
    pub fn wake(&mut self, now: Nanos) {
        self.still.1 = self.still.1.min(now.max(self.still.0));
    }

    /// What the raw clock misses by the newest suspension.
    fn missed(&self, now: Nanos) -> u64 {
        now.min(self.still.1).since(self.still.0)
    }

    /// What they show.
    #[must_use]
    pub fn read(&self, now: Nanos) -> Now {
        let missed_ns = self.raw_missed_ns + self.missed(now);
        Now {
            boot: Nanos(self.boot_ns + shown(now.0, self.boot_ppm)),
            raw: Nanos(self.raw_ns + shown(now.0 - missed_ns, self.raw_ppm)),
        }
    }
}

fn shown(run: u64, ppm: i64) -> u64 {
    let drift = i128::from(run) * i128::from(ppm) / 1_000_000;
    (i128::from(run) + drift) as u64
}
