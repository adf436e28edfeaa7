//! The session's reports, put in order: every number once, ascending, without a gap.
//!
//! Inputs -> outputs: sequenced messages as they arrive in; a verdict on each, and requests for
//! retransmission, out.
//! Invariants: `next` only rises; at most one request is open; reports of a sender whose term is
//! not the highest seen are dropped (SAFETY 8).
//! Limits: `early_bytes` of live reports that arrive before their turn; what does not fit is
//! dropped and asked for again.
//! Not here: bytes of connections, what a report says.
//! Source: FIXP 1.1, recoverable flow.

use gavel_types::{Nanos, ReportNo, RetransmitRejectCode, Term};
use gavel_wire::client::LastReport;
use gavel_wire::server::Sequenced;

/// After a refused request that asked for too much at once, the next one waits for this long (ns).
const RETRY_NS: u64 = 10_000_000;

/// What is to be done with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the next one: the application gets it.
    Deliver,
    /// It was delivered before.
    Duplicate,
    /// Its sender is deposed.
    Stale,
    /// There is a gap before it, and it is kept.
    Early,
    /// There is a gap before it, and it will be asked for again.
    Dropped,
}

/// What a refused request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The engine has no longer what lies below this number.
    Lost { from: ReportNo, until: ReportNo },
    /// Ask again later.
    Later,
    /// It makes no sense.
    Senseless,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    from: ReportNo,
    until: ReportNo,
    granted: bool,
    /// When there was progress last (monotone).
    since: Nanos,
}

/// Live reports that wait for their turn: frames with consecutive numbers.
struct Early {
    bytes: Vec<u8>,
    first: ReportNo,
    next: ReportNo,
}

/// One session's reports.
pub(crate) struct Inflow {
    /// Number of the next report to deliver.
    next: ReportNo,
    last: LastReport,
    /// One more than the highest number known to exist.
    end: ReportNo,
    term: Term,
    /// Reports from this number on answer messages of this process.
    answers_from: ReportNo,
    open: Option<Open>,
    retry_at: Nanos,
    request_max: u64,
    request_now_max: u64,
    early: Early,
}

impl Inflow {
    pub(crate) fn new(last: LastReport, request_max: u64, early_bytes: usize) -> Self {
        assert!(request_max >= 1, "a request asks for at least one report");
        let next = ReportNo(last.number.0 + 1);
        Self {
            next,
            last,
            end: next,
            term: last.term,
            answers_from: next,
            open: None,
            retry_at: Nanos(0),
            request_max,
            request_now_max: request_max,
            early: Early { bytes: Vec::with_capacity(early_bytes), first: next, next },
        }
    }

    /// The last report that was delivered.
    pub(crate) fn last(&self) -> LastReport {
        self.last
    }

    /// True if `number` answers a message of this process, rather than of an earlier life.
    pub(crate) fn is_answer(&self, number: ReportNo) -> bool {
        number >= self.answers_from
    }

    /// Reports that exist and were not delivered.
    pub(crate) fn missing(&self) -> u64 {
        self.end.0 - self.next.0
    }

    /// True if every report below `until` was delivered, or named as lost.
    pub(crate) fn is_past(&self, until: ReportNo) -> bool {
        self.next >= until
    }

    /// Goes back to a report: those after it that were delivered do not exist.
    pub(crate) fn go_back(&mut self, last: LastReport) {
        self.next = ReportNo(last.number.0 + 1);
        self.last = last;
        self.term = Term(0);
    }

    /// A new connection, on which the next live report is `next_number`. False if the engine has
    /// fewer reports than were delivered.
    #[must_use]
    pub(crate) fn on_established(&mut self, next_number: ReportNo) -> bool {
        self.end = next_number;
        self.answers_from = next_number;
        self.open = None;
        self.retry_at = Nanos(0);
        self.request_now_max = self.request_max;
        self.early.bytes.clear();
        self.next <= next_number
    }

    /// Judges a report that arrived as `frame`.
    pub(crate) fn on_report(&mut self, now: Nanos, report: &Sequenced<'_>, frame: &[u8]) -> Turn {
        if report.envelope.sender_term < self.term {
            return Turn::Stale;
        }
        self.term = report.envelope.sender_term;
        self.end = self.end.max(ReportNo(report.number.0.saturating_add(1)));
        if report.number < self.next {
            return Turn::Duplicate;
        }
        if report.number == self.next {
            self.deliver(now, report);
            return Turn::Deliver;
        }
        let early = &mut self.early;
        if early.bytes.is_empty() {
            (early.first, early.next) = (report.number, report.number);
        }
        let fits = early.bytes.len() + frame.len() <= early.bytes.capacity();
        if report.number != early.next || !fits {
            // Known already, or to be asked for again.
            let known = (early.first..early.next).contains(&report.number);
            return if known { Turn::Duplicate } else { Turn::Dropped };
        }
        early.bytes.extend_from_slice(frame);
        early.next.0 += 1;
        Turn::Early
    }

    fn deliver(&mut self, now: Nanos, report: &Sequenced<'_>) {
        self.next = ReportNo(report.number.0 + 1);
        let (term, index) = (report.stamp.term, report.stamp.index);
        self.last = LastReport { term, index, number: report.number };
        if let Some(open) = &mut self.open {
            open.since = now;
            if self.next >= open.until {
                self.open = None;
                // What made the engine refuse more need not last.
                self.request_now_max = self.request_now_max.saturating_mul(2).min(self.request_max);
            }
        }
    }

    /// Frames whose turn has come, if there are any; [`Inflow::give_back`] the memory afterwards.
    pub(crate) fn take_ripe(&mut self) -> Option<Vec<u8>> {
        let ripe = !self.early.bytes.is_empty() && self.early.first <= self.next;
        ripe.then(|| core::mem::take(&mut self.early.bytes))
    }

    /// Gives back the memory of [`Inflow::take_ripe`].
    pub(crate) fn give_back(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.early.bytes = bytes;
    }

    /// The engine says that its next live report is `next`.
    pub(crate) fn on_sequence(&mut self, next: ReportNo) {
        self.end = self.end.max(next);
    }

    /// The end of the gap that is to be closed first.
    fn gap_end(&self) -> ReportNo {
        if self.early.bytes.is_empty() { self.end } else { self.early.first }
    }

    /// What to ask for now: the first number, and how many.
    pub(crate) fn request(&mut self, now: Nanos) -> Option<(ReportNo, u64)> {
        let gap = self.gap_end().0.saturating_sub(self.next.0);
        if gap == 0 || self.open.is_some() || now < self.retry_at {
            return None;
        }
        let count = gap.min(self.request_now_max);
        let until = ReportNo(self.next.0 + count);
        self.open = Some(Open { from: self.next, until, granted: false, since: now });
        Some((self.next, count))
    }

    /// When the open request was last answered or made (monotone).
    pub(crate) fn waiting_since(&self) -> Option<Nanos> {
        self.open.map(|open| open.since)
    }

    /// Retransmission: what was asked for follows. False if nobody asked for that.
    #[must_use]
    pub(crate) fn on_granted(&mut self, now: Nanos, from: ReportNo, count: u64) -> bool {
        let Some(open) = &mut self.open else { return false };
        let until = from.0.checked_add(count).map(ReportNo);
        let asked = !open.granted && from == open.from && count > 0;
        let Some(until) = until.filter(|until| asked && *until <= open.until) else { return false };
        (open.granted, open.until, open.since) = (true, until, now);
        if self.next >= until {
            self.open = None;
        }
        true
    }

    /// RetransmitReject.
    pub(crate) fn on_refused(
        &mut self,
        now: Nanos,
        oldest: ReportNo,
        code: RetransmitRejectCode,
    ) -> Refusal {
        if self.open.take().is_none() {
            return Refusal::Senseless;
        }
        match code {
            RetransmitRejectCode::OutOfRange if oldest > self.next => {
                let from = self.next;
                let until = oldest.min(self.gap_end());
                self.next = until;
                Refusal::Lost { from, until }
            }
            RetransmitRejectCode::RequestLimitExceeded => {
                self.request_now_max = (self.request_now_max / 2).max(1);
                self.retry_at = Nanos(now.0 + RETRY_NS);
                Refusal::Later
            }
            RetransmitRejectCode::OutOfRange | RetransmitRejectCode::InvalidSession => {
                Refusal::Senseless
            }
        }
    }
}
