//! Which report answers which message.
//!
//! The machine applies a session's messages in the order of their numbers, and answers each by
//! exactly one report that is of a kind with no other cause:
//!
//! | message | answered by exactly one of |
//! |---|---|
//! | NewOrderSingle | New, Rejected |
//! | OrderCancelRequest | Canceled as requested, OrderCancelReject |
//! | OrderCancelReplaceRequest | Replaced, Canceled as replaced to filled, OrderCancelReject |
//! | OrderMassActionRequest | OrderMassActionReport |
//! | OrderStatusRequest | ExecutionReportStatus |
//! | MarketDataRequest | MarketDataSnapshotFullRefresh |
//! | any | BusinessMessageReject, which names its number; NotApplied, which names a range |
//!
//! What else a session is sent (Trade, and Canceled that no cancel asked for) answers nothing. So
//! the n-th answer belongs to the n-th message, and its name must be that message's; a client for
//! which it is not has lost the engine, or the engine its mind.
//!
//! Inputs -> outputs: a message or a report in, what identifies it out.
//! Not here: the queue of what waits (pending.rs).

use gavel_types::{CancelReason, ClOrdId, OrderId, SeqNo};
use gavel_wire::client::Application;
use gavel_wire::server::SequencedBody;

/// Kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    NewOrder,
    Cancel,
    Replace,
    MassAction,
    /// An order, by ClOrdID.
    StatusOfName,
    /// An order, by OrderID.
    StatusOfId,
    MarketData,
}

/// What an answer repeats of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: RequestKind,
    /// ClOrdID, OrderID or MDReqID.
    pub(crate) name: u64,
}

impl Request {
    pub(crate) const NONE: Self = Self { kind: RequestKind::NewOrder, name: 0 };

    pub(crate) fn of(message: &Application) -> Self {
        let (kind, name) = match message {
            Application::NewOrder(order) => (RequestKind::NewOrder, order.cl_ord_id.0),
            Application::Cancel(request) => (RequestKind::Cancel, request.cl_ord_id.0),
            Application::Replace(request) => (RequestKind::Replace, request.cl_ord_id.0),
            Application::MassAction(request) => (RequestKind::MassAction, request.cl_ord_id.0),
            Application::OrderStatus(query) if query.order_id == OrderId(0) => {
                (RequestKind::StatusOfName, query.cl_ord_id.0)
            }
            Application::OrderStatus(query) => (RequestKind::StatusOfId, query.order_id.0),
            Application::MarketData(query) => (RequestKind::MarketData, query.md_req_id.0),
            Application::Refused(refused) => (RequestKind::NewOrder, refused.ref_id),
        };
        Self { kind, name }
    }
}

/// What a report answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The oldest message, which must be this one.
    To(Request),
    /// The oldest message, which must ask for the status of this order by one of its names.
    ToStatus(ClOrdId, OrderId),
    /// The oldest message, which must have this number.
    ToNumber(SeqNo),
}

impl Answer {
    /// True if it answers this message, which has this number.
    pub(crate) fn fits(self, request: Request, seq: SeqNo) -> bool {
        match self {
            Self::To(asked) => asked == request,
            Self::ToStatus(cl_ord_id, order_id) => match request.kind {
                RequestKind::StatusOfName => request.name == cl_ord_id.0,
                RequestKind::StatusOfId => request.name == order_id.0,
                _ => false,
            },
            Self::ToNumber(number) => number == seq,
        }
    }
}

/// What a report answers; None if it answers no single message.
pub(crate) fn answer_of(body: &SequencedBody<'_>) -> Option<Answer> {
    let (kind, name) = match body {
        SequencedBody::New(exec) => (RequestKind::NewOrder, exec.order.cl_ord_id.0),
        SequencedBody::Rejected(exec) => (RequestKind::NewOrder, exec.order.cl_ord_id.0),
        SequencedBody::Replaced(exec) => (RequestKind::Replace, exec.order.cl_ord_id.0),
        SequencedBody::Canceled(exec) => {
            let kind = match CancelReason::from_code(exec.order.detail)? {
                CancelReason::Requested => RequestKind::Cancel,
                CancelReason::ReplacedToFilled => RequestKind::Replace,
                CancelReason::ImmediateOrCancel
                | CancelReason::MassAction
                | CancelReason::CancelOnDisconnect => return None,
            };
            (kind, exec.request_cl_ord_id.0)
        }
        SequencedBody::CancelReject(reject) => {
            let is_cancel = reject.response_to == b'1';
            let kind = if is_cancel { RequestKind::Cancel } else { RequestKind::Replace };
            (kind, reject.cl_ord_id.0)
        }
        SequencedBody::MassAction(report) => (RequestKind::MassAction, report.cl_ord_id.0),
        SequencedBody::Status(exec) => {
            return Some(Answer::ToStatus(exec.order.cl_ord_id, exec.order.order_id));
        }
        SequencedBody::MarketData(snapshot) => (RequestKind::MarketData, snapshot.md_req_id.0),
        SequencedBody::BusinessReject(reject) => return Some(Answer::ToNumber(reject.ref_seq)),
        SequencedBody::Trade(_) | SequencedBody::NotApplied(_) => return None,
    };
    Some(Answer::To(Request { kind, name }))
}
