//! Why something was refused or ended. Codes follow FIX where FIX has one; our own start at 100.

use crate::order::code;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

code! {
    /// Tag 103 (OrdRejReason).
    OrderRejectReason {
        /// The symbol is not traded here.
        UnknownSymbol = 1,
        /// The symbol's phase does not allow it.
        ExchangeClosed = 2,
        /// The order exceeds a limit of the symbol.
        OrderExceedsLimit = 3,
        /// Its ExpireTime has passed.
        TooLateToEnter = 4,
        /// No live order of the session has that name (answers OrderStatusRequest).
        UnknownOrder = 5,
        /// ClOrdID names a live order of this session.
        DuplicateOrder = 6,
        /// The combination of fields is not supported.
        UnsupportedOrderCharacteristic = 11,
        /// Quantity is zero, above the symbol's limit or not a multiple of the lot.
        IncorrectQuantity = 13,
        /// Price is outside the symbol's price band.
        PriceExceedsBand = 16,
        /// Price is outside the symbol's limits or not a multiple of the tick.
        InvalidPriceIncrement = 18,
        /// The book has no room for another order or level.
        BookFull = 100,
        /// A market order met an empty book.
        NoLiquidity = 101,
        /// A fill-or-kill order cannot fill now, or not within its budget.
        FillOrKill = 102,
        /// A post-only order would trade.
        PostOnly = 103,
        /// Less than MinQty can trade now.
        MinQty = 104,
        /// A kill switch is on.
        Killed = 110,
        /// More orders a second than allowed.
        RiskRate = 111,
        /// A larger quantity than allowed.
        RiskQty = 112,
        /// A larger notional than allowed.
        RiskNotional = 113,
        /// More live orders than allowed.
        RiskOpenOrders = 114,
        /// The position could become larger than allowed.
        RiskPosition = 115,
        /// Price is further from the market than allowed.
        RiskCollar = 116,
        /// The same order was entered a moment ago.
        RiskDuplicate = 117,
    }
}

code! {
    /// Tag 102 (CxlRejReason).
    CancelRejectReason {
        /// The order is gone already.
        TooLateToCancel = 0,
        /// No live order of this session has that name.
        UnknownOrder = 1,
        /// The new ClOrdID names another live order of this session.
        DuplicateClOrdId = 6,
        /// The new price is outside the symbol's limits or not a multiple of the tick.
        InvalidPriceIncrement = 18,
        /// The new quantity is above the limit or not a multiple of the lot. (Zero cancels.)
        IncorrectQuantity = 100,
        /// The book has no room for another level.
        BookFull = 101,
        /// Symbol or side contradicts the order named.
        Mismatch = 102,
        /// The symbol's phase does not allow it.
        ExchangeClosed = 103,
        /// Price is outside the symbol's price band.
        PriceExceedsBand = 104,
        /// The combination of fields is not supported.
        Unsupported = 105,
        /// A post-only order would trade.
        PostOnly = 106,
        /// A kill switch is on.
        Killed = 110,
        /// More orders a second than allowed.
        RiskRate = 111,
        /// A larger quantity than allowed.
        RiskQty = 112,
        /// A larger notional than allowed.
        RiskNotional = 113,
        /// The position could become larger than allowed.
        RiskPosition = 115,
        /// Price is further from the market than allowed.
        RiskCollar = 116,
    }
}

code! {
    /// Tag 378 (ExecRestatementReason) of a Canceled report: what ended the order.
    CancelReason {
        /// The client asked.
        Requested = 0,
        /// The rest of an immediate-or-cancel or market order.
        ImmediateOrCancel = 1,
        /// A replace asked for no more than had filled.
        ReplacedToFilled = 2,
        /// The client asked for all orders of a kind to be cancelled.
        MassAction = 3,
        /// The session lost its connection, and had asked for this.
        CancelOnDisconnect = 4,
        /// It would have traded with an order of its own.
        SelfTrade = 5,
        /// Its time in force ended (OrdStatus is Expired).
        Expired = 6,
        /// A stop order that was triggered could not fill or kill.
        FillOrKill = 7,
        /// A stop order that was triggered met an empty book.
        NoLiquidity = 8,
        /// Its next trade would have left the price band.
        PriceBand = 9,
        /// A kill switch.
        Killed = 10,
        /// A stop order that was triggered found no room to rest.
        BookFull = 11,
    }
}

code! {
    /// Tag 380 (BusinessRejectReason).
    BusinessRejectReason {
        /// None of the others.
        Other = 0,
        /// The template is not one that a client may send.
        UnsupportedMessageType = 3,
        /// A required field is absent or null.
        ConditionallyRequiredFieldMissing = 5,
        /// The session's key may not do this.
        NotAuthorized = 6,
        /// The session sends more messages than it may.
        ThrottleLimitExceeded = 8,
        /// A field holds a value that its type does not have.
        ValueIncorrect = 100,
        /// The symbol is not traded here.
        UnknownSymbol = 2,
    }
}

code! {
    /// FIXP NegotiationReject code.
    NegotiationRejectCode {
        /// The credentials do not match.
        Credentials = 0,
        /// Unspecified.
        Unspecified = 1,
        /// The flow type asked for is not supported.
        FlowTypeNotSupported = 2,
        /// The session id was negotiated before.
        DuplicateId = 3,
        /// Every session slot is taken.
        NoRoom = 100,
    }
}

code! {
    /// FIXP EstablishmentReject code.
    EstablishmentRejectCode {
        /// The session id was never negotiated.
        Unnegotiated = 0,
        /// The session is established on another connection.
        AlreadyEstablished = 1,
        /// This session may not.
        SessionBlocked = 2,
        /// Keep-alive outside 100 ms to 60 s.
        KeepaliveInterval = 3,
        /// The credentials do not match.
        Credentials = 4,
        /// Unspecified.
        Unspecified = 5,
        /// The client says that it has seen a report that this log does not contain.
        RolledBack = 100,
        /// The cancel-on-disconnect window is longer than this engine allows.
        CodTimeoutWindow = 101,
    }
}

code! {
    /// FIXP Terminate code.
    TerminationCode {
        /// The end was agreed.
        Finished = 0,
        /// Unspecified.
        UnspecifiedError = 1,
        /// A retransmission was asked for of reports that were never sent.
        ReRequestOutOfBounds = 2,
        /// A retransmission was asked for while one was under way.
        ReRequestInProgress = 3,
        /// No message within the keep-alive interval.
        KeepaliveTimeout = 100,
        /// The bytes are not a message of this protocol.
        Unrecognized = 101,
        /// A session message that this state does not allow.
        InvalidState = 102,
        /// The connection did not drain; reconnect and ask for retransmission.
        SlowReader = 103,
        /// The node is stopping.
        ShuttingDown = 104,
        /// Every connection slot is taken.
        NoRoom = 105,
    }
}

code! {
    /// Why a session lost its connection, as the log records it.
    DisconnectCause {
        /// The peer closed or reset the connection.
        PeerClosed = 0,
        /// The client sent Terminate.
        Terminated = 1,
        /// Silence for longer than the keep-alive allows.
        KeepaliveTimeout = 2,
        /// The client broke the protocol.
        ProtocolError = 3,
        /// The connection did not drain.
        SlowReader = 4,
        /// The node is stopping.
        ShuttingDown = 5,
    }
}
