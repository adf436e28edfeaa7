//! What enters the log: commands, 104 bytes each, one body layout per kind.
//!
//! A command is what a client (or the node itself) asked for, before it has an index or a time.
//! Whatever consumes a client or server sequence number is a command (SAFETY 17), so rejects by
//! form and skipped numbers are commands too.

use crate::limits::COMMAND_BODY_BYTES;
use crate::order::code;
use crate::{
    Account, ClOrdId, MassActionScope, MassActionType, MdReqId, Nanos, OrdType, OrderId, Price,
    Qty, SeqNo, SessionSlot, Side, StpInstruction, SymbolId, TimeInForce,
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
        /// OrderReduceRequest.
        Reduce = 22,
        /// SecurityDefinitionRequest: adds a symbol, or changes one.
        DefineSymbol = 32,
        /// SecurityStatusRequest: moves a symbol to a phase.
        SetPhase = 33,
        /// PriceBandsRequest.
        SetBands = 34,
        /// PartyRiskLimitsRequest.
        SetRisk = 35,
        /// PartyActionRequest: a kill switch.
        Kill = 36,
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

mod opening;
mod session;
mod steering;
pub use opening::Opening;
pub use session::{
    AdminStart, DisconnectSession, EstablishSession, FinishSending, NegotiateSession,
    RejectedMessage, SkipSequence,
};
pub use steering::{DefineSymbol, Kill, SetBands, SetPhase, SetRisk};

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
        /// Tag 18: bit set of our own ([`crate::exec_inst`]), 0 if none.
        exec_inst: u8,
        /// Zero.
        reserved: [u8; 3],
        /// Tag 152 (CashOrderQty) of a fill-or-kill market order: the most that a buy may cost, the
        /// least that a sale must bring, in units of 10^-9 of the quote currency; 0 if none.
        budget: u64,
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
        /// Tag 18: [`crate::exec_inst::REQUEUE`] or 0.
        exec_inst: u8,
        /// Zero.
        reserved: u8,
        /// Tag 99 of a stop order that was not triggered; 0 leaves it as it is.
        stop_px: Price,
    }
}
body! {
    /// OrderReduceRequest: less of an order is left from here on; it keeps its place. Names the
    /// order by OrderID if not 0, else by OrigClOrdID.
    ReduceOrder {
        /// Tag 11: name of this request.
        cl_ord_id: ClOrdId,
        /// Tag 41.
        orig_cl_ord_id: ClOrdId,
        /// Tag 37; 0 if the order is named by `orig_cl_ord_id`.
        order_id: OrderId,
        /// By how much; what is not left any more cannot be taken away.
        by: Qty,
        /// Tag 48.
        symbol: SymbolId,
        /// Tag 54.
        side: Side,
        /// Zero.
        reserved: [u8; 3],
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
    /// OrderReduceRequest.
    Reduce(&'a ReduceOrder),
    /// SecurityDefinitionRequest.
    DefineSymbol(&'a DefineSymbol),
    /// SecurityStatusRequest.
    SetPhase(&'a SetPhase),
    /// PriceBandsRequest.
    SetBands(&'a SetBands),
    /// PartyRiskLimitsRequest.
    SetRisk(&'a SetRisk),
    /// PartyActionRequest.
    Kill(&'a Kill),
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
    /// OrderReduceRequest.
    reduce(Reduce, ReduceOrder),
    /// SecurityDefinitionRequest.
    define_symbol(DefineSymbol, DefineSymbol),
    /// SecurityStatusRequest.
    set_phase(SetPhase, SetPhase),
    /// PriceBandsRequest.
    set_bands(SetBands, SetBands),
    /// PartyRiskLimitsRequest.
    set_risk(SetRisk, SetRisk),
    /// PartyActionRequest.
    kill(Kill, Kill),
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
    #[expect(clippy::inline_always, reason = "so that a caller's match and this one become one")]
    #[inline(always)]
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
            CommandKind::Reduce => view!(Reduce, ReduceOrder),
            CommandKind::DefineSymbol => view!(DefineSymbol, DefineSymbol),
            CommandKind::SetPhase => view!(SetPhase, SetPhase),
            CommandKind::SetBands => view!(SetBands, SetBands),
            CommandKind::SetRisk => view!(SetRisk, SetRisk),
            CommandKind::Kill => view!(Kill, Kill),
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
