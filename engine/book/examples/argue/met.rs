//! What a run met, so that a run that met little is seen.

use gavel_types::{
    BusinessRejectReason, CancelReason, CancelRejectReason, CommandKind, LogRecord,
    MassActionResponse, OrderRejectReason, Report, ReportBody, ReportKind, SteeringResult,
};
use std::collections::BTreeMap;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) commands: u64,
    pub(crate) pauses: u64,
    pub(crate) restores: u64,
    /// New orders that were asked for.
    pub(crate) asked: u64,
    outcomes: BTreeMap<(u8, u8), u64>,
}

impl Met {
    pub(crate) fn answered(&mut self, record: &LogRecord, reports: &[Report]) {
        self.asked += u64::from(record.command.kind == CommandKind::NewOrder.code());
        for report in reports {
            *self.outcomes.entry(outcome(report)).or_default() += 1;
        }
    }

    /// Outcomes by name, and how often each was met.
    pub(crate) fn named(&self) -> BTreeMap<String, u64> {
        self.outcomes.iter().map(|(key, count)| (name(*key), *count)).collect()
    }
}

/// A report's kind, and the byte that says why or how, 0 if it has none.
fn outcome(report: &Report) -> (u8, u8) {
    let why = match report.parse().expect("a book's reports have a meaning") {
        ReportBody::Canceled(r) => r.order.detail,
        ReportBody::Rejected(r) => r.order.detail,
        ReportBody::Status(r) => r.order.detail,
        ReportBody::Trade(r) => r.order.detail,
        ReportBody::CancelReject(r) => r.reason.code(),
        ReportBody::BusinessReject(r) => r.reason.code(),
        ReportBody::Steering(r) => r.result.code(),
        ReportBody::MassAction(r) => r.response.code(),
        _ => 0,
    };
    (report.kind, why)
}

fn name((kind, why): (u8, u8)) -> String {
    let kind = ReportKind::from_code(kind).expect("a report has a kind");
    let why = match kind {
        ReportKind::Canceled => CancelReason::from_code(why).map(|why| format!("{why:?}")),
        ReportKind::Rejected => OrderRejectReason::from_code(why).map(|why| format!("{why:?}")),
        ReportKind::CancelReject => {
            CancelRejectReason::from_code(why).map(|why| format!("{why:?}"))
        }
        ReportKind::BusinessReject => {
            BusinessRejectReason::from_code(why).map(|why| format!("{why:?}"))
        }
        ReportKind::Steering => SteeringResult::from_code(why).map(|why| format!("{why:?}")),
        ReportKind::Trade => Some(char::from(why).into()),
        ReportKind::MassAction => MassActionResponse::from_code(why).map(|how| format!("{how:?}")),
        ReportKind::Status => OrderRejectReason::from_code(why).map(|why| format!("{why:?}")),
        _ => Some(why.to_string()).filter(|_| why != 0),
    };
    why.map_or_else(|| format!("{kind:?}"), |why| format!("{kind:?} {why}"))
}
