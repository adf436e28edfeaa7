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
//! | OrderReduceRequest | Replaced under its own name, Canceled as requested, OrderCancelReject |
//! | OrderMassActionRequest | OrderMassActionReport |
//! | OrderStatusRequest | ExecutionReportStatus |
//! | MarketDataRequest | MarketDataSnapshotFullRefresh |
//! | whatever steers the venue | SteeringReport |
//! | any | BusinessMessageReject, which names its number; NotApplied, which names a range |
//!
//! What else a session is sent (Trade, Triggered, Restated, and Canceled that no cancel asked for)
//! answers nothing. So
//! the n-th answer belongs to the n-th message, and its name must be that message's; a client for
//! which it is not has lost the engine, or the engine its mind.
//!
//! Inputs -> outputs: a message or a report in, what identifies it out.
//! Not here: the queue of what waits (pending.rs).

use gavel_types::{CancelReason, ClOrdId, ExecReplaced, OrderId, SeqNo};
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
    /// Of an order, by its ClOrdID.
    ReduceOfName(ClOrdId),
    /// Of an order, by its OrderID.
    ReduceOfId(OrderId),
    Steering,
}

/// What an answer repeats of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: RequestKind,
    /// ClOrdID, OrderID, MDReqID or the name of a steering request.
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
            Application::Reduce(request) if request.order_id == OrderId(0) => {
                (RequestKind::ReduceOfName(request.orig_cl_ord_id), request.cl_ord_id.0)
            }
            Application::Reduce(request) => {
                (RequestKind::ReduceOfId(request.order_id), request.cl_ord_id.0)
            }
            Application::DefineSymbol(request) => (RequestKind::Steering, request.request_id),
            Application::SetPhase(request) => (RequestKind::Steering, request.request_id),
            Application::SetBands(request) => (RequestKind::Steering, request.request_id),
            Application::SetRisk(request) => (RequestKind::Steering, request.request_id),
            Application::Kill(request) => (RequestKind::Steering, request.request_id),
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
    /// The oldest message, which must be this one, or a reduce of this name: a reduce is answered
    /// as a cancel is, or refused as one or as a replace.
    ToOrReduce(Request),
    /// The oldest message, which must have changed this order: a replace that gave it its name, or
    /// a reduce, after which it has the name that it had.
    ToChange { cl_ord_id: ClOrdId, orig_cl_ord_id: ClOrdId, order_id: OrderId },
    /// The oldest message, which must have this number.
    ToNumber(SeqNo),
}

impl Answer {
    /// True if it answers this message, which has this number.
    pub(crate) fn fits(self, request: Request, seq: SeqNo) -> bool {
        match self {
            Self::To(asked) => asked == request,
            Self::ToOrReduce(asked) => match request.kind {
                RequestKind::ReduceOfName(_) | RequestKind::ReduceOfId(_) => {
                    asked.name == request.name
                }
                _ => asked == request,
            },
            Self::ToChange { cl_ord_id, orig_cl_ord_id, order_id } => match request.kind {
                RequestKind::Replace => request.name == cl_ord_id.0,
                RequestKind::ReduceOfName(name) => name == cl_ord_id && name == orig_cl_ord_id,
                RequestKind::ReduceOfId(id) => id == order_id && cl_ord_id == orig_cl_ord_id,
                _ => false,
            },
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
        SequencedBody::Replaced(exec) => return Some(change(exec)),
        SequencedBody::Canceled(exec) => {
            let kind = match CancelReason::from_code(exec.order.detail)? {
                CancelReason::Requested => {
                    let name = exec.request_cl_ord_id.0;
                    return Some(Answer::ToOrReduce(Request { kind: RequestKind::Cancel, name }));
                }
                CancelReason::ReplacedToFilled => RequestKind::Replace,
                CancelReason::ImmediateOrCancel
                | CancelReason::MassAction
                | CancelReason::CancelOnDisconnect
                | CancelReason::SelfTrade
                | CancelReason::Expired
                | CancelReason::FillOrKill
                | CancelReason::NoLiquidity
                | CancelReason::PriceBand
                | CancelReason::Killed
                | CancelReason::BookFull => return None,
            };
            (kind, exec.request_cl_ord_id.0)
        }
        SequencedBody::CancelReject(reject) => {
            let is_cancel = reject.response_to == b'1';
            let kind = if is_cancel { RequestKind::Cancel } else { RequestKind::Replace };
            let name = reject.cl_ord_id.0;
            return Some(Answer::ToOrReduce(Request { kind, name }));
        }
        SequencedBody::MassAction(report) => (RequestKind::MassAction, report.cl_ord_id.0),
        SequencedBody::Status(exec) => {
            return Some(Answer::ToStatus(exec.order.cl_ord_id, exec.order.order_id));
        }
        SequencedBody::MarketData(snapshot) => (RequestKind::MarketData, snapshot.md_req_id.0),
        SequencedBody::BusinessReject(reject) => return Some(Answer::ToNumber(reject.ref_seq)),
        SequencedBody::Steering(report) => (RequestKind::Steering, report.request_id),
        SequencedBody::Trade(_)
        | SequencedBody::Triggered(_)
        | SequencedBody::Restated(_)
        | SequencedBody::NotApplied(_) => return None,
    };
    Some(Answer::To(Request { kind, name }))
}

fn change(exec: &ExecReplaced) -> Answer {
    let (cl_ord_id, order_id) = (exec.order.cl_ord_id, exec.order.order_id);
    Answer::ToChange { cl_ord_id, orig_cl_ord_id: exec.orig_cl_ord_id, order_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KillParty, Reduce, Steer};
    use gavel_types::{
        CancelReject, CancelRejectReason, ExecCanceled, ExecId, KillAction, OrdStatus, OrderState,
        Price, Qty, Side, SteeringReport, SteeringResult, SymbolId,
    };

    fn order(name: u64, detail: u8) -> OrderState {
        OrderState {
            order_id: OrderId(70),
            cl_ord_id: ClOrdId(name),
            price: Price(1),
            qty: Qty(1),
            leaves_qty: Qty(1),
            cum_qty: Qty(0),
            symbol: SymbolId(1),
            side: Side::Buy,
            ord_status: OrdStatus::New,
            detail,
            reserved: 0,
        }
    }

    fn reduce(order_id: u64) -> Request {
        let request = Reduce {
            cl_ord_id: ClOrdId(9),
            orig_cl_ord_id: ClOrdId(1),
            order_id: OrderId(order_id),
            by: Qty(1),
            symbol: SymbolId(1),
            side: Side::Buy,
        };
        Request::of(&request.into())
    }

    fn replaced(name: u64, orig: u64) -> SequencedBody<'static> {
        let orig_cl_ord_id = ClOrdId(orig);
        let exec_id = ExecId(1);
        SequencedBody::Replaced(ExecReplaced { order: order(name, 0), exec_id, orig_cl_ord_id })
    }

    fn canceled(reason: CancelReason, request: u64) -> SequencedBody<'static> {
        SequencedBody::Canceled(ExecCanceled {
            order: order(1, reason.code()),
            exec_id: ExecId(1),
            request_cl_ord_id: ClOrdId(request),
        })
    }

    fn refused(response_to: u8) -> SequencedBody<'static> {
        SequencedBody::CancelReject(CancelReject {
            cl_ord_id: ClOrdId(9),
            orig_cl_ord_id: ClOrdId(1),
            order_id: OrderId(0),
            reason: CancelRejectReason::UnknownOrder,
            ord_status: OrdStatus::Rejected,
            response_to,
            reserved: [0; 5],
        })
    }

    #[track_caller]
    fn fits(body: &SequencedBody<'_>, request: Request) -> bool {
        answer_of(body).expect("it answers something").fits(request, SeqNo(1))
    }

    #[test]
    fn a_reduce_is_answered_in_three_ways() {
        let reduces = [reduce(0), reduce(70)];
        for request in reduces {
            assert!(fits(&replaced(1, 1), request), "less is left of it");
            assert!(!fits(&replaced(9, 1), request), "it keeps its name");
            assert!(fits(&canceled(CancelReason::Requested, 9), request), "nothing is");
            assert!(!fits(&canceled(CancelReason::Requested, 8), request));
            assert!(fits(&refused(b'1'), request) && fits(&refused(b'2'), request));
        }
        assert!(!fits(&replaced(2, 2), reduces[0]), "another order");
        assert!(!fits(&replaced(1, 1), reduce(71)), "another order");
    }

    #[test]
    fn what_answers_a_reduce_still_answers_what_it_did() {
        let request = |kind| Request { kind, name: 9 };
        let (cancel, replace) = (request(RequestKind::Cancel), request(RequestKind::Replace));
        assert!(fits(&replaced(9, 1), replace) && !fits(&replaced(9, 1), cancel));
        assert!(fits(&refused(b'1'), cancel) && !fits(&refused(b'1'), replace));
        assert!(fits(&refused(b'2'), replace) && !fits(&refused(b'2'), cancel));
        assert!(fits(&canceled(CancelReason::Requested, 9), cancel));
        assert!(!fits(&canceled(CancelReason::Requested, 9), replace));
    }

    #[test]
    fn ends_that_nobody_asked_for_answer_nothing() {
        for &reason in CancelReason::ALL {
            let answers = [CancelReason::Requested, CancelReason::ReplacedToFilled];
            let answer = answer_of(&canceled(reason, 9));
            assert_eq!(answer.is_some(), answers.contains(&reason), "{reason:?}");
        }
    }

    #[test]
    fn steering_is_answered_by_its_name() {
        let request = Request::of(&Steer(5).kill(KillParty::Venue, KillAction::Suspend));
        let body = |request_id| {
            SequencedBody::Steering(SteeringReport {
                request_id,
                total_affected: 0,
                command: 36,
                result: SteeringResult::Done,
                reserved: [0; 6],
            })
        };
        assert!(fits(&body(5), request) && !fits(&body(6), request));
    }
}
