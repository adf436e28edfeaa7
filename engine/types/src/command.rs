//! What enters the log: commands, 104 bytes each, one body layout per kind.
//!
//! A command is what a client (or the node itself) asked for, before it has an index or a time.
//! Whatever consumes a client or server sequence number is a command (SAFETY 17), so rejects by
//! form and skipped numbers are commands too.

use crate::limits::COMMAND_BODY_BYTES;
use crate::order::code;
use crate::{
    Account, BusinessRejectReason, ClOrdId, ConnId, DisconnectCause, Index, MassActionScope,
    MassActionType, MdReqId, Nanos, OrdType, OrderId, Price, Qty, ReportNo, Role, SeqNo,
    SessionSlot, SessionUuid, Side, StpInstruction, SymbolId, Term, TerminationCode, TimeInForce,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

code! {
    /// Kind of a command. Values are part of the log format: never reuse one.
    CommandKind {
        /// A leader begins: every session is disconnected (SAFETY 21).
        AdminStart = 1,
        /// FIXP Negotiate.
        Negotiate = 2,
        /// FIXP Establish.
        Establish = 3,
        /// The session lost its connection.
        Disconnect = 4,
        /// The client skipped numbers: answered by NotApplied.
        Skip = 5,
        /// An application message that the gateway refused: answered by BusinessMessageReject.
        Rejected = 6,
        /// Time passes: drives timers when nothing else does.
        Tick = 7,
        /// FIXP FinishedSending: the client's flow is over.
        Finish = 8,
        /// NewOrderSingle.
        NewOrder = 16,
        /// OrderCancelRequest.
        Cancel = 17,
        /// OrderCancelReplaceRequest.
        Replace = 18,
        /// MarketDataRequest.
        MarketData = 19,
        /// OrderMassActionRequest.
        MassAction = 20,
        /// OrderStatusRequest.
        OrderStatus = 21,
    }
}

/// One command. `client_seq` is 0 for kinds that consume no client number.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Command {
    /// Session that it belongs to, or [`SessionSlot::NONE`].
    pub session: SessionSlot,
    /// A [`CommandKind`] code.
    pub kind: u8,
    /// Zero.
    pub reserved: u8,
    /// Bytes of `body` that mean something; the rest is zero.
    pub len: u16,
    /// Number in the client's flow.
    pub client_seq: SeqNo,
    /// One of the body structs of this module.
    pub body: [u8; COMMAND_BODY_BYTES],
}

const _: () = assert!(size_of::<Command>() == 104);
const _: () = assert!(align_of::<Command>() == 8);

/// A command whose bytes have no meaning: an unknown kind or a field outside its enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCommand {
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

        const _: () = assert!(size_of::<$name>() <= COMMAND_BODY_BYTES);
        const _: () = assert!(align_of::<$name>() <= 8);
    };
}

body! {
    /// A leader begins its term on this node.
    AdminStart {
        /// Process incarnation of the node that began.
        incarnation: u64,
        /// Digest of what the machine's answers depend on beside the log: instruments and sizes. A
        /// node with another must not replay this log; 0 = not said.
        configuration: u64,
        /// A session without connection and live orders is forgotten after so long (ms); 0 = never.
        /// From this record on: it is in the log, so that it may change between two starts.
        idle_expiry_ms: u64,
    }
}
body! {
    /// FIXP Negotiate: the session id is to be known from here on.
    NegotiateSession {
        /// The client's name for the session.
        uuid: SessionUuid,
        /// Where the answer goes.
        conn: ConnId,
        /// The client's timestamp (UTC), echoed.
        timestamp: Nanos,
        /// Key that proved who asks, 0 if none was asked for.
        key_id: u64,
        /// What that key may do.
        role: Role,
        /// Zero.
        reserved: [u8; 7],
    }
}
body! {
    /// FIXP Establish: the session is to be bound to this connection.
    EstablishSession {
        /// The session.
        uuid: SessionUuid,
        /// The connection.
        conn: ConnId,
        /// The client's timestamp (UTC), echoed.
        timestamp: Nanos,
        /// Number of the first message that the client will send.
        next_seq: SeqNo,
        /// Last report that the client has: its term, 0 if none.
        last_term: Term,
        /// Last report that the client has: its index, 0 if none.
        last_index: Index,
        /// Last report that the client has: its number, 0 if none.
        last_number: ReportNo,
        /// Keep-alive interval that the client asks for (ms).
        keepalive_ms: u32,
        /// Cancel-on-disconnect type (0 = off).
        cod_type: u8,
        /// What the key may do.
        role: Role,
        /// Zero.
        reserved: [u8; 2],
        /// Cancel-on-disconnect window (ms).
        cod_window_ms: u64,
        /// Key that proved who asks, 0 if none was asked for.
        key_id: u64,
    }
}
body! {
    /// The session's connection is gone.
    DisconnectSession {
        /// The connection that was bound, or waited to be.
        conn: ConnId,
        /// Why, for the log.
        cause: DisconnectCause,
        /// What the client is told, if it can still be told.
        code: TerminationCode,
        /// What the client said, if `cause` is that it terminated.
        said: TerminationCode,
        /// Zero.
        reserved: [u8; 5],
    }
}
body! {
    /// FIXP FinishedSending: the client will send no more application messages.
    FinishSending {
        /// The connection that carries the session.
        conn: ConnId,
        /// Number of the client's last message; those before it that never came are burnt.
        last_seq: SeqNo,
    }
}
body! {
    /// The client opened its flow beyond the expected number: `client_seq` up to `until` (not
    /// included) are skipped, and burnt for ever.
    SkipSequence {
        /// First number that is not skipped.
        until: SeqNo,
    }
}
body! {
    /// An application message that the gateway could not turn into a command.
    RejectedMessage {
        /// Template that the client sent.
        ref_template: u16,
        /// Why (tag 380).
        reason: BusinessRejectReason,
        /// Zero.
        reserved: u8,
        /// Tag that is wrong (tag 371), 0 if none in particular.
        ref_tag: u32,
        /// ClOrdID or MDReqID of the message (tag 379), 0 if it could not be read.
        ref_id: u64,
    }
}
body! {
    /// NewOrderSingle (D).
    NewOrder {
        /// Tag 11.
        cl_ord_id: ClOrdId,
        /// Tag 44; [`Price::NULL`] for a market order.
        price: Price,
        /// Tag 38.
        qty: Qty,
        /// Tag 110; 0 if none.
        min_qty: Qty,
        /// Tag 1138; 0 if the whole order is displayed.
        display_qty: Qty,
        /// Tag 99; [`Price::NULL`] if none.
        stop_px: Price,
        /// Tag 126; 0 if none.
        expire_time: Nanos,
        /// Tag 2362; 0 if none.
        stp_id: u64,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 1.
        account: Account,
        /// Tag 54.
        side: Side,
        /// Tag 40.
        ord_type: OrdType,
        /// Tag 59.
        time_in_force: TimeInForce,
        /// Tag 2964.
        stp: StpInstruction,
        /// Tag 18: bit set of our own, 0 if none.
        exec_inst: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// OrderCancelRequest (F). Names the order by OrderID if not 0, else by OrigClOrdID.
    CancelOrder {
        /// Tag 11: name of this request.
        cl_ord_id: ClOrdId,
        /// Tag 41.
        orig_cl_ord_id: ClOrdId,
        /// Tag 37; 0 if the order is named by `orig_cl_ord_id`.
        order_id: OrderId,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 54.
        side: Side,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// OrderCancelReplaceRequest (G). `qty` is FIX's total: what has filled is included.
    ReplaceOrder {
        /// Tag 11: the order's name from here on.
        cl_ord_id: ClOrdId,
        /// Tag 41.
        orig_cl_ord_id: ClOrdId,
        /// Tag 37; 0 if the order is named by `orig_cl_ord_id`.
        order_id: OrderId,
        /// Tag 44.
        price: Price,
        /// Tag 38.
        qty: Qty,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 54.
        side: Side,
        /// Tag 59.
        time_in_force: TimeInForce,
        /// Zero.
        reserved: [u8; 2],
    }
}
body! {
    /// MarketDataRequest (V): the top of one book at this point of the log.
    MarketDataQuery {
        /// Tag 262.
        md_req_id: MdReqId,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 264: levels a side, 1 to 64.
        depth: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// OrderMassActionRequest (CA): cancels the session's live orders that it names.
    MassAction {
        /// Tag 11: name of this request.
        cl_ord_id: ClOrdId,
        /// Tag 48; looked at only if the scope asks for one symbol.
        symbol: SymbolId,
        /// Tag 1; 0 for every account.
        account: Account,
        /// Tag 1373.
        action: MassActionType,
        /// Tag 1374.
        scope: MassActionScope,
        /// Tag 54: a [`Side`] code; 0 for both sides.
        side: u8,
        /// Zero.
        reserved: [u8; 5],
    }
}
body! {
    /// OrderStatusRequest (H). Names the order by OrderID if not 0, else by ClOrdID.
    OrderStatusQuery {
        /// Tag 11.
        cl_ord_id: ClOrdId,
        /// Tag 37; 0 if the order is named by `cl_ord_id`.
        order_id: OrderId,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 54.
        side: Side,
        /// Zero.
        reserved: [u8; 3],
    }
}

/// A command's body, typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A leader begins.
    AdminStart(&'a AdminStart),
    /// FIXP Negotiate.
    Negotiate(&'a NegotiateSession),
    /// FIXP Establish.
    Establish(&'a EstablishSession),
    /// The connection is gone.
    Disconnect(&'a DisconnectSession),
    /// The client's flow is over.
    Finish(&'a FinishSending),
    /// Numbers were skipped.
    Skip(&'a SkipSequence),
    /// A message was refused by its form.
    Rejected(&'a RejectedMessage),
    /// Time passes.
    Tick,
    /// NewOrderSingle.
    NewOrder(&'a NewOrder),
    /// OrderCancelRequest.
    Cancel(&'a CancelOrder),
    /// OrderCancelReplaceRequest.
    Replace(&'a ReplaceOrder),
    /// MarketDataRequest.
    MarketData(&'a MarketDataQuery),
    /// OrderMassActionRequest.
    MassAction(&'a MassAction),
    /// OrderStatusRequest.
    OrderStatus(&'a OrderStatusQuery),
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $fn_name:ident($kind:ident, $body:ty)),+ $(,)?) => {
        impl Command {
            $($(#[$doc])*
            #[must_use]
            pub fn $fn_name(session: SessionSlot, client_seq: SeqNo, body: &$body) -> Self {
                Self::from_parts(CommandKind::$kind, session, client_seq, body.as_bytes())
            })+
        }
    };
}

constructors! {
    /// A leader begins.
    admin_start(AdminStart, AdminStart),
    /// FIXP Negotiate.
    negotiate(Negotiate, NegotiateSession),
    /// FIXP Establish.
    establish(Establish, EstablishSession),
    /// The connection is gone.
    disconnect(Disconnect, DisconnectSession),
    /// The client's flow is over.
    finish(Finish, FinishSending),
    /// Numbers were skipped.
    skip(Skip, SkipSequence),
    /// A message was refused by its form.
    rejected(Rejected, RejectedMessage),
    /// NewOrderSingle.
    new_order(NewOrder, NewOrder),
    /// OrderCancelRequest.
    cancel(Cancel, CancelOrder),
    /// OrderCancelReplaceRequest.
    replace(Replace, ReplaceOrder),
    /// MarketDataRequest.
    market_data(MarketData, MarketDataQuery),
    /// OrderMassActionRequest.
    mass_action(MassAction, MassAction),
    /// OrderStatusRequest.
    order_status(OrderStatus, OrderStatusQuery),
}

impl Command {
    /// Time passes.
    #[must_use]
    pub fn tick() -> Self {
        Self::from_parts(CommandKind::Tick, SessionSlot::NONE, SeqNo(0), &[])
    }

    fn from_parts(kind: CommandKind, session: SessionSlot, client_seq: SeqNo, body: &[u8]) -> Self {
        let mut command = Self {
            session,
            kind: kind.code(),
            reserved: 0,
            len: body.len() as u16,
            client_seq,
            body: [0; COMMAND_BODY_BYTES],
        };
        command.body[..body.len()].copy_from_slice(body);
        command
    }

    /// The body, typed.
    ///
    /// # Errors
    /// [`BadCommand`] if the kind is unknown or a field is outside its enumeration; that is a log
    /// of another version, or a bug: no client input reaches this unchecked.
    pub fn parse(&self) -> Result<Body<'_>, BadCommand> {
        let bad = BadCommand { kind: self.kind };
        macro_rules! view {
            ($variant:ident, $ty:ty) => {
                <$ty>::try_ref_from_prefix(&self.body)
                    .map(|(body, _)| Body::$variant(body))
                    .map_err(|_| bad)
            };
        }
        match CommandKind::from_code(self.kind).ok_or(bad)? {
            CommandKind::AdminStart => view!(AdminStart, AdminStart),
            CommandKind::Negotiate => view!(Negotiate, NegotiateSession),
            CommandKind::Establish => view!(Establish, EstablishSession),
            CommandKind::Disconnect => view!(Disconnect, DisconnectSession),
            CommandKind::Finish => view!(Finish, FinishSending),
            CommandKind::Skip => view!(Skip, SkipSequence),
            CommandKind::Rejected => view!(Rejected, RejectedMessage),
            CommandKind::Tick => Ok(Body::Tick),
            CommandKind::NewOrder => view!(NewOrder, NewOrder),
            CommandKind::Cancel => view!(Cancel, CancelOrder),
            CommandKind::Replace => view!(Replace, ReplaceOrder),
            CommandKind::MarketData => view!(MarketData, MarketDataQuery),
            CommandKind::MassAction => view!(MassAction, MassAction),
            CommandKind::OrderStatus => view!(OrderStatus, OrderStatusQuery),
        }
    }
}

impl core::fmt::Debug for Command {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Command {{ session: {}, client_seq: {}, ", self.session, self.client_seq)?;
        match self.parse() {
            Ok(body) => write!(f, "{body:?} }}"),
            Err(bad) => write!(f, "{bad:?} }}"),
        }
    }
}
