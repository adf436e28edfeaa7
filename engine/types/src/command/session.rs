//! What the session layer handles: connections, numbers, and who is there.

use crate::limits::COMMAND_BODY_BYTES;
use crate::{
    BusinessRejectReason, ConnId, DisconnectCause, Index, Nanos, ReportNo, Role, SeqNo,
    SessionUuid, Term, TerminationCode,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

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
