//! The authenticator: who is at the other end of a connection.
//!
//! Inputs -> outputs: `gateway_to_authenticator` -> `authenticator_to_gateway`.
//! Invariants: every question is answered, and one answer is yes: a key of the list signed this
//! connection's challenge, for this session and this message, and may open this session.
//! Limits: [`CLAIMS_PER_CYCLE`]; the rings.
//! Not here: cryptography (the port has it); what a key may do in a session (the machine knows).
//!
//! A signature takes longer to verify than a hundred orders to match, so this runs on a
//! housekeeping thread, never on a hot tile. It remembers nothing: a challenge is a function of the
//! connection and of a secret that the port made at its start.

use crate::connection::{FromAuthenticator, ToAuthenticator};
use alloc::vec::Vec;
use gavel_contract::{Agent, Now, SessionKey, Verifier};
use gavel_link::{Reader, Writer};
use gavel_types::{ConnId, Identity};
use gavel_wire::acceptor::Claim;
use gavel_wire::credentials::signed_bytes;

/// Most questions answered in one duty cycle.
pub const CLAIMS_PER_CYCLE: usize = 16;

/// The authenticator's rings.
#[derive(Debug)]
pub struct AuthenticatorLinks {
    /// From the gateway.
    pub questions: Reader<ToAuthenticator>,
    /// To the gateway.
    pub answers: Writer<FromAuthenticator>,
}

/// Answers who somebody is.
#[derive(Debug)]
pub struct Authenticator<V> {
    links: AuthenticatorLinks,
    /// Ascending by public key.
    keys: Vec<SessionKey>,
    verifier: V,
}

impl<V: Verifier> Authenticator<V> {
    /// An authenticator that knows these keys.
    #[must_use]
    pub fn new(mut keys: Vec<SessionKey>, links: AuthenticatorLinks, verifier: V) -> Self {
        assert!(keys.iter().all(|key| key.identity.key_id != 0), "a key has a name");
        keys.sort_by_key(|key| key.public_key);
        let is_twice = keys.windows(2).any(|pair| pair[0].public_key == pair[1].public_key);
        assert!(!is_twice, "a key is listed once");
        Self { links, keys, verifier }
    }

    fn identify(&self, conn: ConnId, claim: &Claim) -> Option<Identity> {
        let public_key = &claim.credentials.public_key;
        let at = self.keys.binary_search_by_key(public_key, |key| key.public_key).ok()?;
        let key = &self.keys[at];
        if !key.sessions.is_empty() && !key.sessions.contains(&claim.uuid) {
            return None;
        }
        let nonce = self.verifier.challenge(conn);
        let bytes = signed_bytes(&nonce, claim.uuid, claim.timestamp, claim.message);
        let is_signed = self.verifier.is_signed(public_key, &bytes, &claim.credentials.signature);
        is_signed.then_some(key.identity)
    }
}

impl<V: Verifier> Agent for Authenticator<V> {
    fn name(&self) -> &'static str {
        "authenticator"
    }

    fn duty_cycle(&mut self, _now: Now) -> usize {
        let mut answered = 0;
        while answered < CLAIMS_PER_CYCLE && self.links.answers.has_room(1) {
            let Some(question) = self.links.questions.pop() else { break };
            self.links.answers.push(match question {
                ToAuthenticator::Challenge { conn } => {
                    FromAuthenticator::Challenge { conn, nonce: self.verifier.challenge(conn) }
                }
                ToAuthenticator::Verify { conn, claim } => {
                    FromAuthenticator::Verified { conn, identity: self.identify(conn, &claim) }
                }
            });
            answered += 1;
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_link::ring;
    use gavel_types::{Nanos, Role, SessionUuid};
    use gavel_wire::client::Credentials;
    use gavel_wire::credentials::Signed;

    /// "Signs" by adding up what it signs, key included.
    #[derive(Debug)]
    struct Sum;

    fn sign(public_key: &[u8; 32], bytes: &[u8]) -> [u8; 64] {
        let sum = public_key.iter().chain(bytes).zip(1..).fold(0_u64, |sum, (byte, weight)| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte) * weight)
        });
        let mut signature = [1; 64];
        signature[..8].copy_from_slice(&sum.to_le_bytes());
        signature
    }

    impl Verifier for Sum {
        fn challenge(&self, conn: ConnId) -> [u8; 32] {
            let mut nonce = [0x5A; 32];
            nonce[..8].copy_from_slice(&conn.0.to_le_bytes());
            nonce
        }

        fn is_signed(&self, public_key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
            sign(public_key, bytes) == *signature
        }
    }

    const CONN: ConnId = ConnId(5);
    const UUID: SessionUuid = SessionUuid([7; 16]);

    fn key(byte: u8, role: Role, sessions: &[SessionUuid]) -> SessionKey {
        let identity = Identity { key_id: u64::from(byte), role };
        SessionKey {
            name: "k".into(),
            identity,
            public_key: [byte; 32],
            sessions: sessions.to_vec(),
        }
    }

    fn claim(byte: u8, uuid: SessionUuid, message: Signed) -> Claim {
        let (public_key, timestamp) = ([byte; 32], Nanos(3));
        let bytes = signed_bytes(&Sum.challenge(CONN), uuid, timestamp, message);
        let credentials = Credentials { public_key, signature: sign(&public_key, &bytes) };
        Claim { uuid, timestamp, message, credentials }
    }

    #[test]
    fn only_a_listed_key_that_signed_exactly_this_is_somebody() {
        let (mut ask, questions) = ring(64);
        let (answers, mut told) = ring(2);
        let keys = vec![key(9, Role::Read, &[]), key(4, Role::Admin, &[SessionUuid([8; 16])])];
        let mut agent = Authenticator::new(keys, AuthenticatorLinks { questions, answers }, Sum);
        let good = claim(9, UUID, Signed::Negotiate);
        let reader = Some(Identity { key_id: 9, role: Role::Read });
        let admin = Some(Identity { key_id: 4, role: Role::Admin });
        let cases = [
            (CONN, good, reader),
            (ConnId(6), good, None), // signed for another connection
            (CONN, Claim { timestamp: Nanos(4), ..good }, None),
            (CONN, Claim { uuid: SessionUuid([6; 16]), ..good }, None),
            (CONN, Claim { message: Signed::Establish, ..good }, None),
            (CONN, claim(3, UUID, Signed::Negotiate), None), // not on the list
            (CONN, claim(4, UUID, Signed::Negotiate), None), // not its session
            (CONN, claim(4, SessionUuid([8; 16]), Signed::Establish), admin),
        ];
        for (conn, claim, _) in cases {
            ask.push(ToAuthenticator::Verify { conn, claim });
        }
        ask.push(ToAuthenticator::Challenge { conn: CONN });
        let now = Now { mono: Nanos(0), utc: Nanos(0) };
        let mut heard = Vec::new();
        while heard.len() <= cases.len() {
            assert!(agent.duty_cycle(now) > 0, "a full ring only delays");
            heard.extend(std::iter::from_fn(|| told.pop()));
        }
        for (said, (conn, _, identity)) in heard.iter().zip(cases) {
            assert_eq!(*said, FromAuthenticator::Verified { conn, identity });
        }
        let nonce = Sum.challenge(CONN);
        assert_eq!(heard.last(), Some(&FromAuthenticator::Challenge { conn: CONN, nonce }));
    }
}
