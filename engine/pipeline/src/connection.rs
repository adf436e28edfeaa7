//! What gateway, egress and authenticator tell each other about connections. Everything else that
//! they share goes through the log.

use gavel_types::{
    ConnId, EstablishmentRejectCode, Identity, Nanos, NegotiationRejectCode, SeqNo, SessionSlot,
    SessionUuid, TerminationCode,
};
use gavel_wire::acceptor::Claim;
use gavel_wire::client::RetransmitRequest;

/// Gateway to egress: unsequenced answers and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToEgress {
    /// Answer NegotiationReject.
    RefuseNegotiate {
        /// Where.
        conn: ConnId,
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// Why.
        code: NegotiationRejectCode,
    },
    /// Answer EstablishmentReject.
    RefuseEstablish {
        /// Where.
        conn: ConnId,
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// Why.
        code: EstablishmentRejectCode,
    },
    /// Say Challenge.
    Challenge {
        /// Where.
        conn: ConnId,
        /// What is to be signed.
        nonce: [u8; 32],
    },
    /// Send reports again, or say why not.
    Retransmit {
        /// Where.
        conn: ConnId,
        /// Which.
        request: RetransmitRequest,
    },
    /// Say Terminate and let go: a connection of which the log holds nothing that is still open.
    Close {
        /// Which.
        conn: ConnId,
        /// The session that it named, all zero if none.
        uuid: SessionUuid,
        /// What to say.
        code: TerminationCode,
    },
    /// Tell every established session whether intake is stopped.
    Intake {
        /// It is.
        stopped: bool,
    },
}

/// Gateway to authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToAuthenticator {
    /// What is the client on this connection to sign?
    Challenge {
        /// Which.
        conn: ConnId,
    },
    /// Who is this?
    Verify {
        /// Where.
        conn: ConnId,
        /// What the client says.
        claim: Claim,
    },
}

/// Authenticator to gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromAuthenticator {
    /// This.
    Challenge {
        /// Where.
        conn: ConnId,
        /// What is to be signed.
        nonce: [u8; 32],
    },
    /// Who it is, if it is anybody.
    Verified {
        /// Where.
        conn: ConnId,
        /// The key's name and what it may do.
        identity: Option<Identity>,
    },
}

/// Egress to gateway: what became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromEgress {
    /// The machine answered Negotiate.
    Negotiated {
        /// Where.
        conn: ConnId,
        /// How.
        accepted: bool,
    },
    /// The machine bound the session to the connection.
    Established {
        /// Which.
        conn: ConnId,
        /// The session.
        slot: SessionSlot,
        /// Keep-alive interval in force (ms).
        keepalive_ms: u32,
        /// Number with which the client begins.
        client_next_seq: SeqNo,
        /// Number behind the last of the client's flow, if that is finished.
        ended_at: Option<SeqNo>,
    },
    /// The machine did not bind the session.
    EstablishRefused {
        /// Where.
        conn: ConnId,
    },
    /// The connection does not drain, or is broken: nothing more will be sent to it.
    Stuck {
        /// Which.
        conn: ConnId,
        /// It is broken, not slow.
        broken: bool,
    },
    /// Egress will never send to the connection again: its slot may be used anew.
    Released {
        /// Which.
        conn: ConnId,
    },
}
