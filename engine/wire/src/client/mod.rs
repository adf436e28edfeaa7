//! What clients send: messages, their decoder (for the gateway) and their encoders (for clients).
//!
//! Inputs -> outputs: a [`Frame`](crate::frame::Frame) in, a [`ClientMessage`] out; a message in, a
//! frame's bytes out.
//! Invariants: a frame in the application range (100 and up) always decodes: what cannot be done as
//! asked becomes [`Application::Refused`], which takes the client's number like any other (SAFETY
//! 17). Only session messages can be faults.
//! Limits: [`crate::frame::MAX_CLIENT_FRAME_BYTES`].
//! Not here: numbers of the client's flow (implicit, see [`crate::acceptor`]); what depends on a
//! symbol or on the book, which the machine decides.
//! Source: FIXP 1.1; FIX 5.0 SP2 for the fields of orders.

mod decode;
mod encode;
mod steering;

pub use decode::decode;
pub use encode::{
    encode_application, encode_cancel, encode_establish, encode_finished_sending,
    encode_market_data, encode_mass_action, encode_negotiate, encode_new_order,
    encode_order_status, encode_reduce, encode_replace, encode_retransmit_request, encode_sequence,
    encode_terminate, encode_unsequenced_heartbeat,
};
pub use steering::{
    encode_define_symbol, encode_kill, encode_set_bands, encode_set_phase, encode_set_risk,
};

use crate::template::{self as wire, Template};
use gavel_types::{
    BusinessReject, BusinessRejectReason, CancelOrder, Command, CommandKind, DefineSymbol,
    FlowType, Index, Kill, MarketDataQuery, MassAction, Nanos, NewOrder, OrderStatusQuery,
    ReduceOrder, RejectedMessage, ReplaceOrder, ReportNo, SeqNo, SessionSlot, SessionUuid,
    SetBands, SetPhase, SetRisk, Term, TerminationCode,
};

/// A message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// A session id is to be known.
    Negotiate(Negotiate),
    /// A session is to be bound to this connection.
    Establish(Establish),
    /// Number of the next application message; also the heartbeat of the client's flow.
    Sequence {
        /// That number.
        next_seq: SeqNo,
    },
    /// A sign of life.
    UnsequencedHeartbeat,
    /// Reports that the client has not.
    RetransmitRequest(RetransmitRequest),
    /// The client ends the session's connection.
    Terminate {
        /// The session.
        uuid: SessionUuid,
        /// Why.
        code: TerminationCode,
    },
    /// The client will send no more application messages.
    FinishedSending {
        /// The session.
        uuid: SessionUuid,
        /// Number of its last one.
        last_seq: SeqNo,
    },
    /// A message that takes a number of the client's flow.
    Application(Application),
}

/// Proof of who opens a session: a challenge signed by Ed25519. All zero: none is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Whose signature it is.
    pub public_key: [u8; 32],
    /// The signature.
    pub signature: [u8; 64],
}

impl Credentials {
    /// None is offered.
    pub const NONE: Self = Self { public_key: [0; 32], signature: [0; 64] };
}

/// FIXP Negotiate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiate {
    /// The client's name for the session.
    pub uuid: SessionUuid,
    /// The client's timestamp (UTC), to be echoed.
    pub timestamp: Nanos,
    /// What the client promises of its flow.
    pub client_flow: FlowType,
    /// Who it is.
    pub credentials: Credentials,
}

/// The last report that a client has; all 0 if none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastReport {
    /// Term of its record.
    pub term: Term,
    /// Index of its record.
    pub index: Index,
    /// Its number.
    pub number: ReportNo,
}

/// FIXP Establish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Establish {
    /// The session.
    pub uuid: SessionUuid,
    /// The client's timestamp (UTC), to be echoed.
    pub timestamp: Nanos,
    /// Keep-alive interval asked for (ms).
    pub keepalive_ms: u32,
    /// Number of the first message that the client will send.
    pub next_seq: SeqNo,
    /// What happens to the session's orders when it loses its connection (0 = nothing).
    pub cod_type: u8,
    /// How long the session may take to return before it happens (ms).
    pub cod_window_ms: u64,
    /// Where the client's knowledge of its reports ends (SAFETY 18).
    pub last: LastReport,
    /// Who it is.
    pub credentials: Credentials,
}

/// FIXP RetransmitRequest. The range is as the client says: zero, beyond the end and overflowing
/// are all possible, and all answered by RetransmitReject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetransmitRequest {
    /// The session.
    pub uuid: SessionUuid,
    /// The client's timestamp (UTC), to be echoed.
    pub timestamp: Nanos,
    /// First report.
    pub from: ReportNo,
    /// How many.
    pub count: u64,
}

/// A message that takes a number of the client's flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// NewOrderSingle (D).
    NewOrder(NewOrder),
    /// OrderCancelRequest (F).
    Cancel(CancelOrder),
    /// OrderCancelReplaceRequest (G).
    Replace(ReplaceOrder),
    /// OrderMassActionRequest (CA).
    MassAction(MassAction),
    /// OrderStatusRequest (H).
    OrderStatus(OrderStatusQuery),
    /// MarketDataRequest (V).
    MarketData(MarketDataQuery),
    /// OrderReduceRequest.
    Reduce(ReduceOrder),
    /// SecurityDefinitionRequest (c).
    DefineSymbol(DefineSymbol),
    /// SecurityStatusRequest (e).
    SetPhase(SetPhase),
    /// PriceBandsRequest.
    SetBands(SetBands),
    /// PartyRiskLimitsRequest (CL).
    SetRisk(SetRisk),
    /// PartyActionRequest (DH).
    Kill(Kill),
    /// A message that cannot be done as asked: to be answered by BusinessMessageReject.
    Refused(RejectedMessage),
}

impl Application {
    /// The command that carries it into the log.
    #[must_use]
    pub fn command(&self, session: SessionSlot, client_seq: SeqNo) -> Command {
        match self {
            Self::NewOrder(body) => Command::new_order(session, client_seq, body),
            Self::Cancel(body) => Command::cancel(session, client_seq, body),
            Self::Replace(body) => Command::replace(session, client_seq, body),
            Self::MassAction(body) => Command::mass_action(session, client_seq, body),
            Self::OrderStatus(body) => Command::order_status(session, client_seq, body),
            Self::MarketData(body) => Command::market_data(session, client_seq, body),
            Self::Reduce(body) => Command::reduce(session, client_seq, body),
            Self::DefineSymbol(body) => Command::define_symbol(session, client_seq, body),
            Self::SetPhase(body) => Command::set_phase(session, client_seq, body),
            Self::SetBands(body) => Command::set_bands(session, client_seq, body),
            Self::SetRisk(body) => Command::set_risk(session, client_seq, body),
            Self::Kill(body) => Command::kill(session, client_seq, body),
            Self::Refused(body) => Command::rejected(session, client_seq, body),
        }
    }
}

/// Template of the message that a client's command came in, or none if it is no client's.
#[must_use]
pub const fn template_of(kind: CommandKind) -> Option<u16> {
    Some(match kind {
        CommandKind::NewOrder => wire::NewOrderSingle::ID,
        CommandKind::Cancel => wire::OrderCancelRequest::ID,
        CommandKind::Replace => wire::OrderCancelReplaceRequest::ID,
        CommandKind::MassAction => wire::OrderMassActionRequest::ID,
        CommandKind::OrderStatus => wire::OrderStatusRequest::ID,
        CommandKind::MarketData => wire::MarketDataRequest::ID,
        CommandKind::Reduce => wire::OrderReduceRequest::ID,
        CommandKind::DefineSymbol => wire::SecurityDefinitionRequest::ID,
        CommandKind::SetPhase => wire::SecurityStatusRequest::ID,
        CommandKind::SetBands => wire::PriceBandsRequest::ID,
        CommandKind::SetRisk => wire::PartyRiskLimitsRequest::ID,
        CommandKind::Kill => wire::PartyActionRequest::ID,
        CommandKind::AdminStart
        | CommandKind::Negotiate
        | CommandKind::Establish
        | CommandKind::Disconnect
        | CommandKind::Skip
        | CommandKind::Rejected
        | CommandKind::Tick
        | CommandKind::Finish => return None,
    })
}

/// The refusal of an application message that was understood, but will not be done.
///
/// # Panics
/// If the command is no client's application message: a bug.
#[must_use]
pub fn refusal(command: &Command, reason: BusinessRejectReason) -> RejectedMessage {
    let ref_template = CommandKind::from_code(command.kind)
        .and_then(template_of)
        .expect("only a client's application message is refused");
    // As on the wire, every body begins with the name that the message goes by.
    let name = command.body.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let ref_id = name.expect("a body holds a name");
    RejectedMessage { ref_template, reason, reserved: 0, ref_tag: 0, ref_id }
}

/// BusinessMessageReject, the answer to a message that was refused.
#[must_use]
pub fn business_reject(ref_seq: SeqNo, why: &RejectedMessage) -> BusinessReject {
    let RejectedMessage { ref_template, reason, ref_tag, ref_id, .. } = *why;
    BusinessReject { ref_seq, ref_id, ref_tag, ref_template, reason, reserved: 0 }
}

/// Why a session message, or a server's message, makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeFault {
    /// No template of this side has that number.
    Template {
        /// The number.
        template: u16,
    },
    /// The block or its groups are too short or too long for the template and version.
    Size {
        /// The template.
        template: u16,
    },
    /// A field holds a value that its type does not have.
    Value {
        /// The template.
        template: u16,
        /// The field, as the schema names it.
        field: &'static str,
    },
}

impl core::fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Template { template } => write!(f, "template {template} is unknown here"),
            Self::Size { template } => {
                write!(f, "the block or groups of template {template} have a wrong size")
            }
            Self::Value { template, field } => {
                write!(f, "{field} of template {template} holds a value outside its enumeration")
            }
        }
    }
}
