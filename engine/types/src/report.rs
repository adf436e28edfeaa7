//! What leaves the machine: reports, 128 bytes each, one body layout per kind.
//!
//! Reports are a function of the log: every node makes the same ones with the same numbers.

use crate::limits::{MD_LEVELS_PER_PART, REPORT_BODY_BYTES};
use crate::order::code;
use crate::{
    Account, BusinessRejectReason, CancelReason, CancelRejectReason, ClOrdId, ExecId,
    MassActionRejectReason, MassActionResponse, MassActionScope, MassActionType, MdReqId,
    OrdStatus, OrderId, OrderRejectReason, Price, Qty, ReportNo, SeqNo, SessionSlot, Side, Stamp,
    SteeringResult, SymbolId, TrdMatchId,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

code! {
    /// Kind of a report.
    ReportKind {
        /// Answer to Negotiate.
        NegotiationAccepted = 1,
        /// Answer to Negotiate.
        NegotiationRefused = 2,
        /// Answer to Establish: from here on the connection carries the session.
        EstablishmentAccepted = 3,
        /// Answer to Establish.
        EstablishmentRefused = 4,
        /// The session's connection ends here.
        ConnectionClosed = 5,
        /// FinishedReceiving: the client's flow is over.
        FlowFinished = 6,
        /// NotApplied.
        NotApplied = 8,
        /// BusinessMessageReject.
        BusinessReject = 9,
        /// ExecutionReport, ExecType New.
        New = 16,
        /// ExecutionReport, ExecType Trade.
        Trade = 17,
        /// ExecutionReport, ExecType Canceled.
        Canceled = 18,
        /// ExecutionReport, ExecType Replaced.
        Replaced = 19,
        /// ExecutionReport, ExecType Rejected.
        Rejected = 20,
        /// OrderCancelReject.
        CancelReject = 21,
        /// MarketDataSnapshotFullRefresh, in parts.
        MarketData = 22,
        /// OrderMassActionReport.
        MassAction = 23,
        /// ExecutionReport, ExecType Order Status.
        Status = 24,
        /// ExecutionReport, ExecType Triggered.
        Triggered = 25,
        /// ExecutionReport, ExecType Restated.
        Restated = 26,
        /// SteeringReport: answers a command that steers the venue.
        Steering = 27,
    }
}

/// One report. All parts of a report in several parts are adjacent and share one number.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Report {
    /// Index, term and time of the record that it answers.
    pub stamp: Stamp,
    /// Number in the session's server flow, 0 if unsequenced.
    pub number: ReportNo,
    /// Session that it goes to, or [`SessionSlot::NONE`] (then the body names the connection).
    pub session: SessionSlot,
    /// A [`ReportKind`] code.
    pub kind: u8,
    /// Position among the parts, from 0.
    pub part: u8,
    /// How many parts there are, at least 1.
    pub parts: u8,
    /// Zero.
    pub reserved: u8,
    /// One of the body structs of this module.
    pub body: [u8; REPORT_BODY_BYTES],
}

const _: () = assert!(size_of::<Report>() == 128);

/// A report whose bytes have no meaning: a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadReport {
    /// The kind's code as found.
    pub kind: u8,
}

macro_rules! body {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(C)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty),+ }

        const _: () = assert!(size_of::<$name>() <= REPORT_BODY_BYTES);
        const _: () = assert!(align_of::<$name>() <= 8);
    };
}

mod connection;
pub use connection::{
    ConnectionClosed, EstablishmentAccepted, EstablishmentRefused, FlowFinished,
    NegotiationAccepted, NegotiationRefused,
};

body! {
    /// Numbers of the client's flow that were never received, and never will be accepted.
    NotAppliedRange {
        /// First of them.
        from: SeqNo,
        /// How many.
        count: u64,
    }
}
body! {
    /// BusinessMessageReject (j).
    BusinessReject {
        /// Tag 45: the message's number in the client's flow.
        ref_seq: SeqNo,
        /// Tag 379.
        ref_id: u64,
        /// Tag 371, 0 if none in particular.
        ref_tag: u32,
        /// Template that the client sent.
        ref_template: u16,
        /// Tag 380.
        reason: BusinessRejectReason,
        /// Zero.
        reserved: u8,
    }
}
body! {
    /// What every execution report says of its order.
    OrderState {
        /// Tag 37.
        order_id: OrderId,
        /// Tag 11.
        cl_ord_id: ClOrdId,
        /// Tag 44; [`Price::NULL`] for a market order.
        price: Price,
        /// Tag 38.
        qty: Qty,
        /// Tag 151.
        leaves_qty: Qty,
        /// Tag 14.
        cum_qty: Qty,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 54.
        side: Side,
        /// Tag 39.
        ord_status: OrdStatus,
        /// What the kind of report makes of it: AggressorIndicator (b'Y' or b'N') in a Trade, a
        /// [`CancelReason`] in a Canceled, an [`OrderRejectReason`] in a Rejected, else 0.
        detail: u8,
        /// Zero.
        reserved: u8,
    }
}
body! {
    /// ExecutionReport New.
    ExecNew {
        /// The order.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
    }
}
body! {
    /// ExecutionReport Trade.
    ExecTrade {
        /// The order, after the trade.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
        /// Tag 31.
        last_px: Price,
        /// Tag 32.
        last_qty: Qty,
        /// Tag 880.
        trd_match_id: TrdMatchId,
    }
}
body! {
    /// ExecutionReport Canceled.
    ExecCanceled {
        /// The order, with nothing left.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
        /// Tag 11 of the request, or the order's own if there was no request.
        request_cl_ord_id: ClOrdId,
    }
}
body! {
    /// ExecutionReport Replaced.
    ExecReplaced {
        /// The order, as it is now; `cl_ord_id` is the new name.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
        /// Tag 41: the name until now.
        orig_cl_ord_id: ClOrdId,
    }
}
body! {
    /// ExecutionReport Rejected.
    ExecRejected {
        /// The order as asked for; `order_id` is 0.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
    }
}
body! {
    /// OrderCancelReject (9).
    CancelReject {
        /// Tag 11 of the request.
        cl_ord_id: ClOrdId,
        /// Tag 41 of the request.
        orig_cl_ord_id: ClOrdId,
        /// Tag 37 of the request, or of the order if it was found.
        order_id: OrderId,
        /// Tag 102.
        reason: CancelRejectReason,
        /// Tag 39 of the order; Rejected if there is none.
        ord_status: OrdStatus,
        /// Tag 434: b'1' answers a cancel, b'2' a replace.
        response_to: u8,
        /// Zero.
        reserved: [u8; 5],
    }
}
body! {
    /// One level of a book.
    MdLevel {
        /// Tag 270.
        price: Price,
        /// Tag 271.
        qty: Qty,
    }
}
body! {
    /// A piece of a MarketDataSnapshotFullRefresh (W): bids best first, then asks best first.
    MarketDataPart {
        /// Tag 262.
        md_req_id: MdReqId,
        /// Tag 48.
        symbol: SymbolId,
        /// Bids in the whole answer.
        bids: u8,
        /// Asks in the whole answer.
        asks: u8,
        /// Levels in this part.
        levels_used: u8,
        /// Zero.
        reserved: u8,
        /// The levels; those not used are zero.
        levels: [MdLevel; MD_LEVELS_PER_PART],
    }
}
body! {
    /// OrderMassActionReport (BZ): follows the Canceled reports of what it ended.
    MassActionReport {
        /// Tag 11 of the request.
        cl_ord_id: ClOrdId,
        /// Tag 1369: the venue's name for this answer; counts them from 1.
        report_id: u64,
        /// Tag 48 of the request; 0 if it asked for all symbols.
        symbol: SymbolId,
        /// Tag 1 of the request.
        account: Account,
        /// Tag 533: orders that were cancelled.
        total_affected: u32,
        /// Tag 1373.
        action: MassActionType,
        /// Tag 1374.
        scope: MassActionScope,
        /// Tag 1375.
        response: MassActionResponse,
        /// Tag 1376.
        reject_reason: MassActionRejectReason,
        /// Tag 54 of the request; 0 for both sides.
        side: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}
body! {
    /// ExecutionReport, ExecType Order Status: answers OrderStatusRequest. It is no execution, so
    /// it has no ExecID.
    ExecStatus {
        /// The order as it is. If there is none of that name: the names asked for, status Rejected,
        /// and `detail` says UnknownOrder.
        order: OrderState,
    }
}

body! {
    /// ExecutionReport Triggered: a stop order's stop price was reached.
    ExecTriggered {
        /// The order.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
    }
}
body! {
    /// ExecutionReport Restated: there is less of an order than was asked for, since it would have
    /// traded with one of its own.
    ExecRestated {
        /// The order as it is now.
        order: OrderState,
        /// Tag 17.
        exec_id: ExecId,
    }
}
body! {
    /// SteeringReport: how a command that steers the venue was answered.
    SteeringReport {
        /// The request's name.
        request_id: u64,
        /// Orders that ended by it.
        total_affected: u64,
        /// A [`crate::CommandKind`] code: what was asked for.
        command: u8,
        /// How it was answered.
        result: SteeringResult,
        /// Zero.
        reserved: [u8; 6],
    }
}

/// A report's body, typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportBody<'a> {
    /// Answer to Negotiate.
    NegotiationAccepted(&'a NegotiationAccepted),
    /// Answer to Negotiate.
    NegotiationRefused(&'a NegotiationRefused),
    /// Answer to Establish.
    EstablishmentAccepted(&'a EstablishmentAccepted),
    /// Answer to Establish.
    EstablishmentRefused(&'a EstablishmentRefused),
    /// The connection ends.
    ConnectionClosed(&'a ConnectionClosed),
    /// NotApplied.
    NotApplied(&'a NotAppliedRange),
    /// BusinessMessageReject.
    BusinessReject(&'a BusinessReject),
    /// ExecutionReport New.
    New(&'a ExecNew),
    /// ExecutionReport Trade.
    Trade(&'a ExecTrade),
    /// ExecutionReport Canceled.
    Canceled(&'a ExecCanceled),
    /// ExecutionReport Replaced.
    Replaced(&'a ExecReplaced),
    /// ExecutionReport Rejected.
    Rejected(&'a ExecRejected),
    /// OrderCancelReject.
    CancelReject(&'a CancelReject),
    /// MarketDataSnapshotFullRefresh, one part.
    MarketData(&'a MarketDataPart),
    /// FinishedReceiving.
    FlowFinished(&'a FlowFinished),
    /// OrderMassActionReport.
    MassAction(&'a MassActionReport),
    /// ExecutionReport, ExecType Order Status.
    Status(&'a ExecStatus),
    /// ExecutionReport Triggered.
    Triggered(&'a ExecTriggered),
    /// ExecutionReport Restated.
    Restated(&'a ExecRestated),
    /// SteeringReport.
    Steering(&'a SteeringReport),
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $fn_name:ident($kind:ident, $body:ty)),+ $(,)?) => {
        impl Report {
            $($(#[$doc])*
            #[must_use]
            #[inline]
            pub fn $fn_name(stamp: Stamp, session: SessionSlot, body: &$body) -> Self {
                Self::from_parts(ReportKind::$kind, stamp, session, body.as_bytes())
            })+

            /// The body, typed.
            ///
            /// # Errors
            /// [`BadReport`] if the kind is unknown or a field is outside its enumeration: a bug.
            #[inline]
            pub fn parse(&self) -> Result<ReportBody<'_>, BadReport> {
                let bad = BadReport { kind: self.kind };
                match ReportKind::from_code(self.kind).ok_or(bad)? {
                    $(ReportKind::$kind => <$body>::try_ref_from_prefix(&self.body)
                        .map(|(body, _)| ReportBody::$kind(body))
                        .map_err(|_| bad),)+
                }
            }
        }
    };
}

constructors! {
    /// Answer to Negotiate.
    negotiation_accepted(NegotiationAccepted, NegotiationAccepted),
    /// Answer to Negotiate.
    negotiation_refused(NegotiationRefused, NegotiationRefused),
    /// Answer to Establish.
    establishment_accepted(EstablishmentAccepted, EstablishmentAccepted),
    /// Answer to Establish.
    establishment_refused(EstablishmentRefused, EstablishmentRefused),
    /// The connection ends.
    connection_closed(ConnectionClosed, ConnectionClosed),
    /// NotApplied.
    not_applied(NotApplied, NotAppliedRange),
    /// BusinessMessageReject.
    business_reject(BusinessReject, BusinessReject),
    /// ExecutionReport New.
    exec_new(New, ExecNew),
    /// ExecutionReport Trade.
    exec_trade(Trade, ExecTrade),
    /// ExecutionReport Canceled.
    exec_canceled(Canceled, ExecCanceled),
    /// ExecutionReport Replaced.
    exec_replaced(Replaced, ExecReplaced),
    /// ExecutionReport Rejected.
    exec_rejected(Rejected, ExecRejected),
    /// OrderCancelReject.
    cancel_reject(CancelReject, CancelReject),
    /// MarketDataSnapshotFullRefresh, one part; set `part` and `parts` after.
    market_data(MarketData, MarketDataPart),
    /// FinishedReceiving.
    flow_finished(FlowFinished, FlowFinished),
    /// OrderMassActionReport.
    mass_action(MassAction, MassActionReport),
    /// ExecutionReport, ExecType Order Status.
    exec_status(Status, ExecStatus),
    /// ExecutionReport Triggered.
    exec_triggered(Triggered, ExecTriggered),
    /// ExecutionReport Restated.
    exec_restated(Restated, ExecRestated),
    /// SteeringReport.
    steering(Steering, SteeringReport),
}

impl Report {
    #[inline]
    fn from_parts(kind: ReportKind, stamp: Stamp, session: SessionSlot, body: &[u8]) -> Self {
        let mut report = Self {
            stamp,
            number: ReportNo(0),
            session,
            kind: kind.code(),
            part: 0,
            parts: 1,
            reserved: 0,
            body: [0; REPORT_BODY_BYTES],
        };
        report.body[..body.len()].copy_from_slice(body);
        report
    }

    /// True for reports that take a number of the session's server flow; the others are addressed
    /// to a connection.
    #[must_use]
    pub fn is_sequenced(&self) -> bool {
        self.kind >= ReportKind::NotApplied.code()
    }

    /// True for the last (or only) part.
    #[must_use]
    pub fn is_last_part(&self) -> bool {
        self.part + 1 == self.parts
    }
}

impl core::fmt::Debug for Report {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Stamp { index, term, .. } = self.stamp;
        write!(f, "Report {{ {term}.{index} session: {} number: {} ", self.session, self.number)?;
        match self.parse() {
            Ok(body) => write!(f, "{body:?} }}"),
            Err(bad) => write!(f, "{bad:?} }}"),
        }
    }
}

/// Keeps the documentation's vocabulary linked to the types that fill [`OrderState::detail`].
const _: (CancelReason, OrderRejectReason) =
    (CancelReason::Requested, OrderRejectReason::UnknownSymbol);
