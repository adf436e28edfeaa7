//! Notices that the clock was set back, which nothing else shows: stamps never fall, so the log's
//! time goes on at half speed until the clock has caught up, and whatever waits for it is late.
//!
//! Inputs -> outputs: the last record's time at the start, then looks at the clocks -> what
//! changed.
//! Invariants: one message when it begins, one when it is over.
//! Limits: less than [`LEAST_NS`] is what time daemons do, and is not worth a message. What the
//! clock does between two looks is not seen.
//! Source: SAFETY 21.

use gavel_contract::Now;
use gavel_types::Nanos;
use std::time::Duration;

/// Least distance that is told (ns).
const LEAST_NS: u64 = 1_000_000_000;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The clock is behind the log's time, by so much.
    Behind(Duration),
    /// It has caught up.
    CaughtUp,
}

/// Where log time is, and whether the clock is behind it.
#[derive(Debug)]
pub(crate) struct SetBack {
    /// As the sequencer counts it.
    time: Nanos,
    /// At the last look.
    mono: Option<Nanos>,
    is_behind: bool,
}

impl SetBack {
    /// Begins with the time of the log's last record.
    pub(crate) fn new(last: Nanos) -> Self {
        Self { time: last, mono: None, is_behind: false }
    }

    /// Looks at the clocks.
    pub(crate) fn look(&mut self, now: Now) -> Option<Told> {
        let passed = now.mono.since(self.mono.unwrap_or(now.mono));
        self.mono = Some(now.mono);
        self.time = now.utc.max(Nanos(self.time.0 + passed / 2));
        let behind_ns = self.time.since(now.utc);
        match (self.is_behind, behind_ns) {
            (false, LEAST_NS..) => {
                self.is_behind = true;
                Some(Told::Behind(Duration::from_nanos(behind_ns)))
            }
            (true, 0) => {
                self.is_behind = false;
                Some(Told::CaughtUp)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn at(mono_s: u64, utc_ns: u64) -> Now {
        Now { mono: Nanos(mono_s * S), utc: Nanos(utc_ns) }
    }

    #[test]
    fn a_clock_that_goes_on_is_not_worth_a_word() {
        let mut watch = SetBack::new(Nanos(10 * S));
        for (mono, utc) in [(1, 10 * S), (2, 11 * S), (2, 11 * S - S / 2), (4, 13 * S)] {
            assert_eq!(watch.look(at(mono, utc)), None, "{utc}");
        }
    }

    #[test]
    fn one_that_is_set_back_is_told_once_and_once_when_it_has_caught_up() {
        let mut watch = SetBack::new(Nanos(0));
        assert_eq!(watch.look(at(1, 100 * S)), None);
        assert_eq!(watch.look(at(1, 40 * S)), Some(Told::Behind(Duration::from_secs(60))));
        assert_eq!(watch.look(at(11, 50 * S)), None);
        assert_eq!(watch.look(at(11, 30 * S)), None, "further back is the same trouble");
        // UTC is where it was; the log has gone on at half speed, and is at 135 s.
        assert_eq!(watch.look(at(71, 100 * S)), None);
        assert_eq!(watch.look(at(141, 170 * S)), Some(Told::CaughtUp));
        assert_eq!(watch.look(at(142, 171 * S)), None);
    }

    #[test]
    fn a_log_from_the_future_is_told_at_the_start() {
        let mut watch = SetBack::new(Nanos(3_600 * S));
        assert_eq!(watch.look(at(1, S)), Some(Told::Behind(Duration::from_secs(3_599))));
    }
}
