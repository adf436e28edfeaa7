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
//! | MarketDataRequest | MarketDataSnapshotFullRefresh |
//! | any | BusinessMessageReject, which names its number; NotApplied, which names a range |
//!
//! What else a session is sent (Trade, and Canceled of the rest of an immediate order) answers
//! nothing. So the n-th answer belongs to the n-th message, and its name must be that message's; a
//! client for which it is not has lost the engine, or the engine its mind.
//!
//! Inputs -> outputs: a message or a report in, what identifies it out.
//! Not here: the queue of what waits (pending.rs).

use gavel_types::{CancelReason, SeqNo};
use gavel_wire::client::Application;
use gavel_wire::server::SequencedBody;

/// Kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    NewOrder,
    Cancel,
    Replace,
    MarketData,
}

/// What an answer repeats of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: RequestKind,
    /// ClOrdID or MDReqID.
    pub(crate) name: u64,
}

impl Request {
    pub(crate) const NONE: Self = Self { kind: RequestKind::NewOrder, name: 0 };

    pub(crate) fn of(message: &Application) -> Self {
        let (kind, name) = match message {
            Application::NewOrder(order) => (RequestKind::NewOrder, order.cl_ord_id.0),
            Application::Cancel(request) => (RequestKind::Cancel, request.cl_ord_id.0),
            Application::Replace(request) => (RequestKind::Replace, request.cl_ord_id.0),
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
    /// The oldest message, which must have this number.
    ToNumber(SeqNo),
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
        SequencedBody::MarketData(snapshot) => (RequestKind::MarketData, snapshot.md_req_id.0),
        SequencedBody::BusinessReject(reject) => return Some(Answer::ToNumber(reject.ref_seq)),
        SequencedBody::Trade(_) | SequencedBody::NotApplied(_) => return None,
    };
    Some(Answer::To(Request { kind, name }))
}
