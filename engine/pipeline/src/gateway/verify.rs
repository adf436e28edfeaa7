//! The gateway beside the authenticator: challenges and claims, where keys are configured.
//!
//! Not here: who anybody is (authenticator.rs).

use super::{Conn, Gateway};
use crate::connection::{FromAuthenticator, ToAuthenticator, ToEgress};
use gavel_contract::Ingress;
use gavel_link::{Reader, Writer};
use gavel_types::{ConnId, Nanos};
use gavel_wire::acceptor::Verdict;

/// The gateway's side of the authenticator's rings.
#[derive(Debug)]
pub struct AuthenticatorRings {
    /// To the authenticator.
    pub questions: Writer<ToAuthenticator>,
    /// From the authenticator.
    pub answers: Reader<FromAuthenticator>,
}

impl<P: Ingress> Gateway<P> {
    /// Hears the authenticator, as long as what its answers come to has room.
    pub(super) fn take_answers(&mut self) -> usize {
        let mut taken = 0;
        while self.room() > 0 {
            let Some(rings) = &mut self.links.authenticator else { break };
            let Some(answer) = rings.answers.pop() else { break };
            taken += 1;
            match answer {
                FromAuthenticator::Challenge { conn: id, nonce } => {
                    if self.conn(id).is_some_and(|conn| !conn.is_told) {
                        self.links.requests.push(ToEgress::Challenge { conn: id, nonce });
                    }
                }
                FromAuthenticator::Verified { conn: id, identity } => {
                    if let Some(conn) = self.conn(id) {
                        let verdict = conn.acceptor.on_verified(identity);
                        self.carry_out_verified(id, verdict);
                    }
                    self.queue(id);
                }
            }
        }
        taken
    }

    fn carry_out_verified(&mut self, id: ConnId, verdict: Verdict) {
        let at = id.0 as u32 as usize;
        let mut conn = self.conns[at].take().expect("whoever is answered is there");
        // No message of the flow, so its throttle is not asked what time it is.
        self.carry_out(&mut conn, Nanos(0), verdict);
        self.conns[at] = Some(conn);
    }

    /// Asks the authenticator what there is to ask. False if it has no room for that.
    pub(super) fn ask_authenticator(&mut self, conn: &mut Conn) -> bool {
        let Some(rings) = &mut self.links.authenticator else { return true };
        let id = conn.acceptor.conn();
        if conn.is_unchallenged && rings.questions.has_room(1) {
            rings.questions.push(ToAuthenticator::Challenge { conn: id });
            conn.is_unchallenged = false;
        }
        if rings.questions.has_room(1)
            && let Some(claim) = conn.claim.take()
        {
            rings.questions.push(ToAuthenticator::Verify { conn: id, claim });
        }
        !conn.is_unchallenged && conn.claim.is_none()
    }
}
