//! Bodies of reports that are addressed to a connection and take no number.

use crate::limits::REPORT_BODY_BYTES;
use crate::{
    ConnId, EstablishmentRejectCode, Index, Nanos, NegotiationRejectCode, ReportNo, SeqNo,
    SessionSlot, SessionUuid, TerminationCode,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

body! {
    /// The session id is known now.
    NegotiationAccepted {
        /// The client's name for the session.
        uuid: SessionUuid,
        /// Where the answer goes.
        conn: ConnId,
        /// The client's timestamp, echoed.
        timestamp: Nanos,
        /// The session's place: what an earlier session of that slot was sent is nobody's now.
        slot: SessionSlot,
        /// Zero.
        reserved: [u8; 4],
    }
}
body! {
    /// The session id is not accepted.
    NegotiationRefused {
        /// The client's name for the session.
        uuid: SessionUuid,
        /// Where the answer goes.
        conn: ConnId,
        /// The client's timestamp, echoed.
        timestamp: Nanos,
        /// Why.
        code: NegotiationRejectCode,
        /// Zero.
        reserved: [u8; 7],
    }
}
body! {
    /// The session is bound to the connection.
    EstablishmentAccepted {
        /// The client's name for the session.
        uuid: SessionUuid,
        /// The connection.
        conn: ConnId,
        /// The client's timestamp, echoed.
        timestamp: Nanos,
        /// Number of the next report of the session.
        next_number: ReportNo,
        /// Number that the machine expects next from the client.
        expected_seq: SeqNo,
        /// Number with which the client says that it will begin.
        client_next_seq: SeqNo,
        /// Keep-alive interval that is in force (ms).
        keepalive_ms: u32,
        /// 1 if the client's flow is finished: it may fetch reports, and send nothing.
        finished: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
body! {
    /// The session is not bound to the connection.
    EstablishmentRefused {
        /// The client's name for the session.
        uuid: SessionUuid,
        /// Where the answer goes.
        conn: ConnId,
        /// The client's timestamp, echoed.
        timestamp: Nanos,
        /// Why.
        code: EstablishmentRejectCode,
        /// Zero.
        reserved: [u8; 7],
        /// Number of the session's next report, 0 if there is no such session.
        next_number: ReportNo,
        /// Number that the machine expects next from the client, 0 if there is no such session.
        expected_seq: SeqNo,
        /// Last record of the log that this answer knows of, 0 if the log was not asked.
        log_index: Index,
    }
}
body! {
    /// Whatever the session's connection is still owed ends here.
    ConnectionClosed {
        /// The connection.
        conn: ConnId,
        /// What the client is told, if it can still be told.
        code: TerminationCode,
        /// Zero.
        reserved: [u8; 7],
    }
}
body! {
    /// The client said that it will send no more, and the log holds that.
    FlowFinished {
        /// The connection.
        conn: ConnId,
        /// The client's name for the session.
        uuid: SessionUuid,
        /// Number of the session's next report: what comes before it was made before the end.
        next_number: ReportNo,
    }
}
