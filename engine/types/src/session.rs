//! Codes that only the session layer says, in the order of FIXP where FIXP has them.

use crate::order::code;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

code! {
    /// FIXP FlowType: what a sender promises of its flow.
    FlowType {
        /// Exactly once: the receiver can ask for retransmission.
        Recoverable = 0,
        /// Best effort.
        Unsequenced = 1,
        /// At most once: the receiver says what it missed.
        Idempotent = 2,
        /// No application messages.
        None = 3,
    }
}

code! {
    /// Tag 150 (ExecType).
    ExecType {
        /// The order is accepted.
        New = b'0',
        /// The order is gone: cancelled.
        Canceled = b'4',
        /// The order has changed.
        Replaced = b'5',
        /// The order was never accepted.
        Rejected = b'8',
        /// The order traded.
        Trade = b'F',
        /// Nothing happened: how the order stands.
        OrderStatus = b'I',
        /// A stop order's stop price was reached.
        Triggered = b'L',
        /// There is less of the order than was asked for.
        Restated = b'D',
    }
}

code! {
    /// Acknowledgement rule under which a report was sent (its envelope says so).
    AckRuleCode {
        /// Durable on the primary.
        Local = 1,
    }
}

code! {
    /// FIXP RetransmitReject code.
    RetransmitRejectCode {
        /// Some of the numbers are not there: not yet sent, or older than what is kept.
        OutOfRange = 0,
        /// The request names another session.
        InvalidSession = 1,
        /// More was asked for than one request may.
        RequestLimitExceeded = 2,
    }
}

code! {
    /// What the holder of a key may do. Zero is the role of everybody where no keys are configured,
    /// and what a log says that was written before there were any: whoever has it without a key
    /// (key 0) may steer the venue as well, since there is nobody else who could.
    Role {
        /// Everything that a trading session does.
        Trade = 0,
        /// Ask, not trade: MarketDataRequest and OrderStatusRequest.
        Read = 1,
        /// What trade may, and steer the venue: symbols, phases, bands, limits of risk, kill
        /// switches.
        Admin = 2,
    }
}

impl Role {
    /// True if it may enter, change and end orders.
    #[must_use]
    pub const fn may_trade(self) -> bool {
        match self {
            Self::Trade | Self::Admin => true,
            Self::Read => false,
        }
    }

    /// True if a key with it may steer the venue.
    #[must_use]
    pub const fn may_steer(self) -> bool {
        match self {
            Self::Admin => true,
            Self::Trade | Self::Read => false,
        }
    }
}

/// Who proved to be at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Names the key, not 0.
    pub key_id: u64,
    /// What it may do.
    pub role: Role,
}

code! {
    /// Whether the engine takes application messages now.
    IntakeState {
        /// It does.
        Open = 0,
        /// It does not, for the reason given: what is sent waits unread.
        Stopped = 1,
    }
}

code! {
    /// Why intake stopped.
    IntakeReason {
        /// It has not stopped.
        None = 0,
        /// The log's disk has no room for another segment.
        DiskFull = 1,
    }
}
