//! The vocabulary of Gavel: every number, order, command, report and log record that rooms hand to
//! each other.
//!
//! Inputs -> outputs: none; this crate only names things.
//! Invariants: a newtype for every number that could be swapped for another; whatever lies in a
//! ring, on a wire or on a disk has a fixed layout, checked at compile time; little endian only.
//! Limits: see [`limits`].
//! Not here: behaviour. No matching, no encoding, no I/O, no clock.
//! Source: FIX 5.0 SP2 for order terms and code values; the Raft paper for index and term.
#![no_std]
#![forbid(unsafe_code)]

mod command;
mod event;
pub mod limits;
mod number;
mod order;
mod reason;
mod record;
mod report;
mod session;

pub use command::{
    AdminStart, BadCommand, Body, CancelOrder, Command, CommandKind, DefineSymbol,
    DisconnectSession, EstablishSession, FinishSending, Kill, MarketDataQuery, MassAction,
    NegotiateSession, NewOrder, Opening, OrderStatusQuery, ReduceOrder, RejectedMessage,
    ReplaceOrder, SetBands, SetPhase, SetRisk, SkipSequence,
};
pub use event::{Event, EventKind};
pub use number::{
    Account, ClOrdId, ConnId, ExecId, Index, MdReqId, Nanos, NodeId, OrderId, Price, Qty, ReportNo,
    SeqNo, SessionSlot, SessionUuid, SymbolId, Term, TrdMatchId,
};
pub use order::{
    BandAction, KillAction, KillScope, MassActionRejectReason, MassActionResponse, MassActionScope,
    MassActionType, OrdStatus, OrdType, RiskScope, Side, SteeringResult, StpInstruction,
    TimeInForce, TradingPhase, exec_inst,
};
pub use reason::{
    BusinessRejectReason, CancelReason, CancelRejectReason, DisconnectCause,
    EstablishmentRejectCode, NegotiationRejectCode, OrderRejectReason, TerminationCode,
};
pub use record::{LogRecord, Stamp};
pub use report::{
    BadReport, BusinessReject, CancelReject, ConnectionClosed, EstablishmentAccepted,
    EstablishmentRefused, ExecCanceled, ExecNew, ExecRejected, ExecReplaced, ExecRestated,
    ExecStatus, ExecTrade, ExecTriggered, FlowFinished, MarketDataPart, MassActionReport, MdLevel,
    NegotiationAccepted, NegotiationRefused, NotAppliedRange, OrderState, Report, ReportBody,
    ReportKind, SteeringReport,
};
pub use session::{
    AckRuleCode, ExecType, FlowType, Identity, IntakeReason, IntakeState, RetransmitRejectCode,
    Role,
};

const _: () = assert!(cfg!(target_endian = "little"), "layouts are little endian");
