//! Notices that the clock was set back, which nothing else shows: stamps never fall, so the log's
//! time goes on at half speed until the clock has caught up, and whatever waits for it is late.
//!
//! Inputs -> outputs: the last record's time at the start, then looks at UTC -> what changed.
//! Invariants: one message when it begins, one when it is over.
//! Limits: less than [`LEAST_NS`] is what time daemons do, and is not worth a message. Between two
//! looks the log's time may have gone further than was seen.
//! Source: SAFETY 21.

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

/// The highest time seen, and whether the clock is behind it.
#[derive(Debug)]
pub(crate) struct SetBack {
    highest: Nanos,
    is_behind: bool,
}

impl SetBack {
    /// Begins with the time of the log's last record.
    pub(crate) fn new(last: Nanos) -> Self {
        Self { highest: last, is_behind: false }
    }

    /// Looks at the clock.
    pub(crate) fn look(&mut self, utc: Nanos) -> Option<Told> {
        let behind_ns = self.highest.0.saturating_sub(utc.0);
        self.highest = self.highest.max(utc);
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

    #[test]
    fn a_clock_that_goes_on_is_not_worth_a_word() {
        let mut watch = SetBack::new(Nanos(10 * S));
        for utc in [10 * S, 11 * S, 11 * S - S / 2, 12 * S] {
            assert_eq!(watch.look(Nanos(utc)), None, "{utc}");
        }
    }

    #[test]
    fn one_that_is_set_back_is_told_once_and_once_when_it_has_caught_up() {
        let mut watch = SetBack::new(Nanos(0));
        assert_eq!(watch.look(Nanos(100 * S)), None);
        assert_eq!(watch.look(Nanos(40 * S)), Some(Told::Behind(Duration::from_secs(60))));
        assert_eq!(watch.look(Nanos(50 * S)), None);
        assert_eq!(watch.look(Nanos(30 * S)), None, "further back is the same trouble");
        assert_eq!(watch.look(Nanos(100 * S)), Some(Told::CaughtUp));
        assert_eq!(watch.look(Nanos(101 * S)), None);
    }

    #[test]
    fn a_log_from_the_future_is_told_at_the_start() {
        let mut watch = SetBack::new(Nanos(3_600 * S));
        assert_eq!(watch.look(Nanos(S)), Some(Told::Behind(Duration::from_secs(3_599))));
    }
}
