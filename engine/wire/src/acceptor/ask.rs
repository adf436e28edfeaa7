//! Negotiate and Establish: what is refused at once, what is verified, what goes to the log.
//!
//! Not here: what the machine makes of it, the flow of an established session (acceptor.rs).

use super::{Acceptor, COD_TYPE_MAX, Claim, INVALID_STATE, REFUSALS_MAX, SEQ_MAX, State, Verdict};
use crate::client::{Credentials, Establish, Negotiate};
use crate::credentials::Signed;
use gavel_types::{
    Command, EstablishSession, EstablishmentRejectCode, FlowType, Identity, NegotiateSession,
    NegotiationRejectCode, Role, SeqNo, SessionSlot, SessionUuid,
};

/// Who asks where no keys are configured.
const NOBODY: Identity = Identity { key_id: 0, role: Role::Trade };

/// What is asked of the log once it is known who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Negotiate(NegotiateSession),
    Establish(EstablishSession),
}

impl Acceptor {
    /// The authenticator knows who asks, or that nobody whom it knows does. Nothing if the
    /// connection is closing.
    ///
    /// # Panics
    /// If no answer of it is awaited.
    pub fn on_verified(&mut self, identity: Option<Identity>) -> Verdict {
        let (negotiated, ask) = match self.state {
            State::Closing => return Verdict::Nothing,
            State::Verifying { negotiated, ask } => (negotiated, ask),
            _ => panic!("a claim is verified once"),
        };
        if let Some(identity) = identity {
            assert!(identity.key_id != 0, "a key has a name");
            return self.ask(negotiated, ask, identity);
        }
        self.refusals += 1;
        self.state = if negotiated { State::Negotiated } else { State::Connected };
        match ask {
            Ask::Negotiate(NegotiateSession { uuid, timestamp, .. }) => {
                let code = NegotiationRejectCode::Credentials;
                Verdict::RefuseNegotiate { uuid, timestamp, code }
            }
            Ask::Establish(EstablishSession { uuid, timestamp, .. }) => {
                let code = EstablishmentRejectCode::Credentials;
                Verdict::RefuseEstablish { uuid, timestamp, code }
            }
        }
    }

    pub(super) fn negotiate(&mut self, message: &Negotiate) -> Verdict {
        if self.refusals >= REFUSALS_MAX {
            return INVALID_STATE;
        }
        let Negotiate { uuid, timestamp, client_flow, credentials } = *message;
        let refused = if uuid == SessionUuid::default() {
            Some(NegotiationRejectCode::Unspecified)
        } else if client_flow != FlowType::Idempotent {
            Some(NegotiationRejectCode::FlowTypeNotSupported)
        } else if self.limits.needs_credentials == (credentials == Credentials::NONE) {
            // Without keys none can be checked, and none is accepted unchecked.
            Some(NegotiationRejectCode::Credentials)
        } else {
            None
        };
        if let Some(code) = refused {
            self.refusals += 1;
            return Verdict::RefuseNegotiate { uuid, timestamp, code };
        }
        self.uuid = uuid;
        let (conn, reserved) = (self.conn, [0; 7]);
        let (key_id, role) = (NOBODY.key_id, NOBODY.role);
        let body = NegotiateSession { uuid, conn, timestamp, key_id, role, reserved };
        let claim = Claim { uuid, timestamp, message: Signed::Negotiate, credentials };
        self.claim(Ask::Negotiate(body), claim)
    }

    /// Asks the log, or the authenticator first.
    fn claim(&mut self, ask: Ask, claim: Claim) -> Verdict {
        let negotiated = self.state == State::Negotiated;
        if !self.limits.needs_credentials {
            return self.ask(negotiated, ask, NOBODY);
        }
        self.state = State::Verifying { negotiated, ask };
        Verdict::Verify(claim)
    }

    fn ask(&mut self, negotiated: bool, ask: Ask, who: Identity) -> Verdict {
        let Identity { key_id, role } = who;
        let command = match ask {
            Ask::Negotiate(body) => {
                self.state = State::Negotiating;
                let body = NegotiateSession { key_id, role, ..body };
                Command::negotiate(SessionSlot::NONE, SeqNo(0), &body)
            }
            Ask::Establish(body) => {
                self.bound = Some(SessionSlot::NONE);
                self.state = State::Establishing { negotiated };
                let body = EstablishSession { key_id, role, ..body };
                Command::establish(SessionSlot::NONE, SeqNo(0), &body)
            }
        };
        Verdict::Log(command)
    }

    pub(super) fn establish(&mut self, message: &Establish) -> Verdict {
        if self.refusals >= REFUSALS_MAX {
            return INVALID_STATE;
        }
        let Establish { uuid, timestamp, .. } = *message;
        let keepalive = self.limits.keepalive_min_ms..=self.limits.keepalive_max_ms;
        let refused = if uuid == SessionUuid::default() {
            Some(EstablishmentRejectCode::Unnegotiated)
        } else if !keepalive.contains(&message.keepalive_ms) {
            Some(EstablishmentRejectCode::KeepaliveInterval)
        } else if self.limits.needs_credentials == (message.credentials == Credentials::NONE) {
            Some(EstablishmentRejectCode::Credentials)
        } else if !(SeqNo(1)..=SEQ_MAX).contains(&message.next_seq)
            || message.cod_type > COD_TYPE_MAX
        {
            Some(EstablishmentRejectCode::Unspecified)
        } else if message.cod_window_ms > u64::from(self.limits.cod_window_max_ms) {
            Some(EstablishmentRejectCode::CodTimeoutWindow)
        } else {
            None
        };
        if let Some(code) = refused {
            self.refusals += 1;
            return Verdict::RefuseEstablish { uuid, timestamp, code };
        }
        self.uuid = uuid;
        let body = EstablishSession {
            uuid,
            conn: self.conn,
            timestamp,
            next_seq: message.next_seq,
            last_term: message.last.term,
            last_index: message.last.index,
            last_number: message.last.number,
            keepalive_ms: message.keepalive_ms,
            cod_type: message.cod_type,
            role: NOBODY.role,
            reserved: [0; 2],
            cod_window_ms: message.cod_window_ms,
            key_id: NOBODY.key_id,
        };
        let credentials = message.credentials;
        let claim = Claim { uuid, timestamp, message: Signed::Establish, credentials };
        self.claim(Ask::Establish(body), claim)
    }
}
