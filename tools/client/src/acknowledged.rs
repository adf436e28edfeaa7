//! What was acknowledged lately: what a rollback can be held against.
//!
//! Inputs -> outputs: answers as they are delivered; on a rollback, those that the log lost.
//! Invariants: ascending by record; what the log lost is the end of the row (SAFETY 19: terms and
//! indexes rise along it).
//! Limits: `acknowledged_max`, the newest; older ones are forgotten, and a rollback that reaches
//! beyond them says that it is not complete.
//! Not here: what is done about it.

use gavel_types::SeqNo;
use gavel_wire::client::LastReport;
use gavel_wire::server::EstablishmentReject;
use std::collections::VecDeque;

/// A message that the engine has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The number that [`Client::submit`](crate::Client::submit) gave it.
    pub seq: SeqNo,
    /// Its ClOrdID, OrderID or MDReqID.
    pub name: u64,
    /// The report that answered it, with its record's term and index.
    pub report: LastReport,
}

/// The newest answers.
pub(crate) struct History {
    answers: VecDeque<Acknowledged>,
    answers_max: usize,
    /// Some were forgotten for want of room, or happened before this process.
    has_forgotten: bool,
}

/// What a rollback comes to.
pub(crate) struct Rollback<'a> {
    /// The newest answer that the log still has; all 0 if none is known.
    pub(crate) surviving: LastReport,
    pub(crate) lost: &'a [Acknowledged],
    /// Nothing else was lost that this client was told.
    pub(crate) is_complete: bool,
}

/// True if the log behind this refusal has the report.
pub(crate) fn survives(report: &LastReport, reject: &EstablishmentReject<'_>) -> bool {
    report.number < reject.next_number
        && reject.runs.hold(report.term, report.index, reject.log_index)
}

impl History {
    pub(crate) fn new(answers_max: usize) -> Self {
        assert!(answers_max >= 1, "the newest answer is remembered");
        let answers = VecDeque::with_capacity(answers_max);
        Self { answers, answers_max, has_forgotten: false }
    }

    /// There were answers that this process has not seen.
    pub(crate) fn forget_earlier(&mut self) {
        self.has_forgotten = true;
    }

    pub(crate) fn push(&mut self, answer: Acknowledged) {
        if self.answers.len() == self.answers_max {
            self.answers.pop_front();
            self.has_forgotten = true;
        }
        self.answers.push_back(answer);
    }

    /// What the log behind this refusal lost.
    pub(crate) fn rollback(&mut self, reject: &EstablishmentReject<'_>) -> Rollback<'_> {
        let answers = &*self.answers.make_contiguous();
        let kept = answers.partition_point(|answer| survives(&answer.report, reject));
        let (kept, lost) = answers.split_at(kept);
        let surviving = kept.last().map(|answer| answer.report);
        Rollback {
            is_complete: surviving.is_some() || !self.has_forgotten,
            surviving: surviving.unwrap_or_default(),
            lost,
        }
    }

    /// Forgets what comes after a report.
    pub(crate) fn forget_after(&mut self, last: &LastReport) {
        while self.answers.back().is_some_and(|answer| answer.report.number > last.number) {
            self.answers.pop_back();
        }
    }
}
