//! Ends: of the client's flow (FIXP FinishedSending), and of a connection that is given up.
//!
//! Not here: Terminate of a client that is done (initiator.rs).

use super::{Close, Initiator, Now};
use gavel_types::{ReportNo, SeqNo};
use gavel_wire::client::{encode_finished_sending, encode_terminate};

/// How the end of the client's flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// Messages may follow.
    No,
    /// The application has none any more; FinishedSending follows the last one.
    Asked,
    /// FinishedSending was said on this connection.
    Said,
    /// The engine's log holds it; every report that was made before has a number below this one.
    Done { until: ReportNo },
}

impl Initiator {
    /// No message follows: the engine is told so after the last one, and again until it has heard.
    /// What was submitted is still answered.
    pub fn finish(&mut self) {
        if self.finish == Finish::No {
            self.finish = Finish::Asked;
        }
    }

    /// True once the engine's log holds that no message follows, and every report that was made
    /// before that has been delivered.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.finish, Finish::Done { until } if self.inflow.is_past(until))
    }

    pub(super) fn say_finished(&mut self, now: Now) {
        let session = self.config.session;
        let last = SeqNo(self.pending.next_seq().0 - 1);
        self.say(now, |out| encode_finished_sending(session, last, out));
    }

    /// Terminate, for a connection that is given up for this reason. None if the engine is not
    /// told, or could not tell it from the rest of a message.
    #[must_use]
    pub fn farewell(&self, reason: Close, out: &mut [u8]) -> Option<usize> {
        let code = reason.farewell().filter(|_| self.out_sent == 0)?;
        Some(encode_terminate(self.config.session, code, out))
    }
}
