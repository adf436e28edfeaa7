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
