//! How long silence is borne: an election timeout that follows the gaps between heartbeats.
//!
//! Inputs -> outputs: when the other side was heard -> how long its next silence may last. A
//! follower hears its leader's heartbeats, a leader the answers of a majority.
//! Invariants: between [`Timing::election_ns`] and [`Timing::election_max_ns`]; it changes only
//! when something is heard, so that a promise that begins then lasts as long as was meant
//! (SAFETY 26).
//! Limits: one gap is remembered, the longest, and fades.
//! Not here: leases, which never follow it (lease.rs); the draw that spreads elections
//! (election.rs).
//! Source: Raft 5.6: a timeout must be far longer than a message takes, whatever the weather.

use crate::clock::{Now, Timing};

/// A silence may last as long as so many of the longest gap.
const GAPS: u64 = 4;

/// A gap is forgotten within so many times its length.
const FADES: u64 = 32;

/// What was heard so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Patience {
    heard: Option<Now>,
    gap_ns: u64,
}

impl Patience {
    /// The other side is heard. By the slower of two clocks: time that this host itself stood still
    /// is nobody's gap.
    pub(crate) fn hear(&mut self, now: Now, timing: &Timing) {
        if let Some(heard) = self.heard {
            // What asks for more than the longest timeout says no more than that.
            let most_ns = timing.election_max_ns.div_ceil(GAPS);
            let gap_ns = now.least_since(heard).min(most_ns);
            // By time and not by count: reads bring heartbeats closer together.
            let faded_ns = self.gap_ns.saturating_sub(gap_ns / FADES);
            self.gap_ns = gap_ns.max(faded_ns);
        }
        self.heard = Some(now);
    }

    /// Somebody else is listened to from now on: the silence between them is no gap.
    pub(crate) fn turn(&mut self, now: Option<Now>) {
        self.heard = now;
    }

    /// How long the next silence may last.
    pub(crate) fn lasts_ns(&self, timing: &Timing) -> u64 {
        (GAPS * self.gap_ns).clamp(timing.election_ns, timing.election_max_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Random;
    use gavel_types::Nanos;

    const MS: u64 = 1_000_000;

    /// Hears at these times since the beginning.
    fn after(gaps: impl IntoIterator<Item = u64>, timing: &Timing) -> Patience {
        let mut patience = Patience::default();
        let mut now = 0;
        patience.hear(Now::same(Nanos(now)), timing);
        for gap in gaps {
            now += gap;
            patience.hear(Now::same(Nanos(now)), timing);
        }
        patience
    }

    #[test]
    fn what_comes_in_time_leaves_the_timeout_as_it_was() {
        let timing = Timing::default();
        let calm = after([timing.heartbeat_ns; 100], &timing);
        assert_eq!(calm.lasts_ns(&timing), timing.election_ns);
        assert_eq!(Patience::default().lasts_ns(&timing), timing.election_ns);
    }

    // Raft 5.6: longer than the longest gap by far, unless that is beyond the bound.
    #[test]
    fn a_gap_makes_patient_and_fades() {
        let timing = Timing::default();
        let gap = 100 * MS;
        assert_eq!(after([gap], &timing).lasts_ns(&timing), GAPS * gap);
        assert_eq!(after([10_000 * MS], &timing).lasts_ns(&timing), timing.election_max_ns);
        let beats = FADES * gap / timing.heartbeat_ns;
        let calm = vec![timing.heartbeat_ns; beats as usize];
        let faded = after([gap].into_iter().chain(calm), &timing);
        assert_eq!(faded.lasts_ns(&timing), timing.election_ns);
    }

    #[test]
    fn hearing_more_often_does_not_forget_sooner() {
        let timing = Timing::default();
        let with = |step: u64| {
            let calm = vec![step; (640 * MS / step) as usize];
            after([100 * MS].into_iter().chain(calm), &timing).lasts_ns(&timing)
        };
        assert!(with(10 * MS).abs_diff(with(MS)) < MS / 10);
        assert!(with(10 * MS) > 300 * MS && with(MS) < 330 * MS);
    }

    // SAFETY 26: whatever is heard, within the bounds, and never below the last gap as it counts.
    #[test]
    fn it_stays_within_its_bounds() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let floor = 1 + random.below(300 * MS);
            let timing = Timing {
                election_ns: floor,
                election_max_ns: floor + random.below(900 * MS),
                ..Timing::default()
            };
            let (mut patience, mut now) = (Patience::default(), 0);
            let mut last: Option<Now> = None;
            for _ in 0..200 {
                let most = 1 << random.below(34);
                now += random.below(most);
                let clocks = Now { boot: Nanos(now + random.below(MS)), raw: Nanos(now) };
                patience.hear(clocks, &timing);
                let lasts = patience.lasts_ns(&timing);
                assert!((timing.election_ns..=timing.election_max_ns).contains(&lasts));
                if let Some(last) = last {
                    let wanted = (GAPS * clocks.least_since(last)).min(timing.election_max_ns);
                    assert!(lasts >= wanted, "seed {seed}");
                }
                last = Some(clocks);
            }
        }
    }
}
