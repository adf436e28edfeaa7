//! Keys of clients, and the port that checks what they signed.

use alloc::string::String;
use alloc::vec::Vec;
use gavel_types::{ConnId, Identity, SessionUuid};

/// A key that may open sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Name for people.
    pub name: String,
    /// What the log calls it, and what it may do.
    pub identity: Identity,
    /// The public key.
    pub public_key: [u8; 32],
    /// Sessions that it may open; empty = any.
    pub sessions: Vec<SessionUuid>,
}

/// Makes challenges and checks what was signed. Slow work (tens of microseconds): only housekeeping
/// calls it.
pub trait Verifier {
    /// What the client on this connection is to sign: the same whenever it is asked for, of no
    /// other connection in the life of any process, and not to be guessed.
    fn challenge(&self, conn: ConnId) -> [u8; 32];

    /// True if the holder of the key signed exactly these bytes.
    fn is_signed(&self, public_key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool;
}
