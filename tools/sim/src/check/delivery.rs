//! Every report reaches the client's application once and in order, or is named to it as lost.
//!
//! Judged where the application stands, behind the SDK, and by numbers alone: a life of a client
//! begins behind its checkpoint, or with report 1; from there every number is delivered or named
//! lost, each once, none left out, to the last that the log gives.
//!
//! Inputs -> outputs: lives, deliveries and losses -> verdicts.
//! Not here: what a report says (ledger.rs), which message it answers (once.rs).
//! Source: ARCHITECTURE.md, what a client sees.

use super::{Verdict, Violation};

const CHECKER: &str = "delivery";

/// The checker, of one session.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    next: u64,
    delivered: u64,
    lost: u64,
    /// Reports may be lost at all.
    may_lose: bool,
}

impl Delivery {
    /// Of a client that has not been there.
    #[must_use]
    pub fn new(may_lose: bool) -> Self {
        Self { next: 1, delivered: 0, lost: 0, may_lose }
    }

    /// A life begins, whose memory reaches to this number.
    pub fn on_life(&mut self, last: u64) {
        self.next = last + 1;
    }

    /// A report was delivered.
    pub fn on_report(&mut self, number: u64) -> Verdict {
        let expected = self.next;
        if number != expected {
            return fail(format!("report {number} is delivered where {expected} should follow"));
        }
        self.next += 1;
        self.delivered += 1;
        Ok(())
    }

    /// Reports were named as lost: from the first up to the second (not included).
    pub fn on_lost(&mut self, from: u64, until: u64) -> Verdict {
        if !self.may_lose {
            return fail(format!("reports {from} to before {until} are lost for good"));
        }
        if from != self.next || until <= from {
            return fail(format!(
                "reports {from} to before {until} are named as lost where {} should follow",
                self.next
            ));
        }
        self.lost += until - from;
        self.next = until;
        Ok(())
    }

    /// In the end: the log gives so many.
    pub fn finish(&self, reports: u64) -> Verdict {
        if self.next != reports + 1 {
            let at = self.next - 1;
            return fail(format!("the client has come to report {at}, and the log to {reports}"));
        }
        Ok(())
    }

    /// Number of the next report.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }
}

fn fail(what: String) -> Verdict {
    Err(Violation::new(CHECKER, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_once_in_order_to_the_last() {
        let mut delivery = Delivery::new(true);
        assert!(delivery.on_report(1).is_ok() && delivery.on_report(2).is_ok());
        assert!(delivery.finish(3).is_err() && delivery.finish(2).is_ok());
        delivery.on_life(1);
        assert!(delivery.on_report(2).is_ok() && delivery.on_lost(3, 7).is_ok());
        assert!(delivery.on_report(7).is_ok() && delivery.finish(7).is_ok());
    }

    #[test]
    fn twice_left_out_and_lost_in_silence_are_not() {
        let mut delivery = Delivery::new(true);
        assert!(delivery.on_report(2).is_err());
        assert!(delivery.on_report(1).is_ok() && delivery.on_report(1).is_err());
        assert!(delivery.on_lost(3, 5).is_err() && delivery.on_lost(2, 2).is_err());
        assert!(Delivery::new(false).on_lost(1, 2).is_err());
    }
}
