//! What a client with a key signs.
//!
//! Inputs -> outputs: the engine's challenge and the message that answers it in, the signed bytes
//! out.
//! Invariants: bytes signed for one connection, session, moment or kind of message are those of no
//! other, and of nothing that is not Gavel's.
//! Limits: [`SIGNED_BYTES`].
//! Not here: signing and verifying (clients and the rim do that), whose key it is, whether a nonce
//! is good (it is, if nobody can guess or repeat it: see the authenticator in the pipeline).
//! Source: Ed25519 (RFC 8032).

use crate::template::{self as wire, Template};
use gavel_types::{Nanos, SessionUuid};

/// Keeps these bytes apart from anything else that a key may be made to sign.
const DOMAIN: &[u8; 16] = b"GAVEL-SESSION-01";

/// Length of what is signed.
pub const SIGNED_BYTES: usize = 16 + 32 + 16 + 8 + 2;

/// Which message carries the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Negotiate.
    Negotiate,
    /// Establish.
    Establish,
}

impl Signed {
    fn template(self) -> u16 {
        match self {
            Self::Negotiate => wire::Negotiate::ID,
            Self::Establish => wire::Establish::ID,
        }
    }
}

/// What is signed: domain, nonce, session, timestamp of the message, its template id; numbers
/// little endian.
#[must_use]
pub fn signed_bytes(
    nonce: &[u8; 32],
    uuid: SessionUuid,
    timestamp: Nanos,
    message: Signed,
) -> [u8; SIGNED_BYTES] {
    let mut bytes = [0; SIGNED_BYTES];
    let parts: [&[u8]; 5] =
        [DOMAIN, nonce, &uuid.0, &timestamp.0.to_le_bytes(), &message.template().to_le_bytes()];
    let mut at = 0;
    for part in parts {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    assert!(at == SIGNED_BYTES, "the parts fill what is signed");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_is_signed() {
        let uuid = SessionUuid([3; 16]);
        let base = signed_bytes(&[1; 32], uuid, Nanos(7), Signed::Negotiate);
        for other in [
            signed_bytes(&[2; 32], uuid, Nanos(7), Signed::Negotiate),
            signed_bytes(&[1; 32], SessionUuid([4; 16]), Nanos(7), Signed::Negotiate),
            signed_bytes(&[1; 32], uuid, Nanos(8), Signed::Negotiate),
            signed_bytes(&[1; 32], uuid, Nanos(7), Signed::Establish),
        ] {
            assert_ne!(base, other);
        }
    }

    /// Written down from the schema's words, for those who sign elsewhere.
    #[test]
    fn the_layout_is_what_the_schema_says() {
        let mut expected = b"GAVEL-SESSION-01".to_vec();
        expected.extend([0x5A; 32]);
        expected.extend([9; 16]);
        expected.extend([8, 7, 6, 5, 4, 3, 2, 1]);
        expected.extend([5, 0]);
        let (uuid, timestamp) = (SessionUuid([9; 16]), Nanos(0x0102_0304_0506_0708));
        assert_eq!(
            signed_bytes(&[0x5A; 32], uuid, timestamp, Signed::Establish).to_vec(),
            expected
        );
    }
}
