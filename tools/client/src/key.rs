//! Who the client is: an Ed25519 key.
//!
//! Inputs -> outputs: the text of a key file, as `gaveld --make-key` writes it -> signatures.
//! Invariants: the secret is wiped from memory when the key goes, and never shown.
//! Not here: what is signed (gavel-wire's `credentials`).

use ed25519_dalek::SigningKey;
use gavel_types::{Nanos, SessionUuid};
use gavel_wire::client::Credentials;
use gavel_wire::credentials::{Signed, signed_bytes};

/// A secret key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(SigningKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key(public {:02x?})", self.0.verifying_key().to_bytes())
    }
}

impl Key {
    /// The key of this secret seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key file: 64 hex digits, and lines that begin with `#`. None if it is no such text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let mut lines = lines.by_ref().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (digits, rest) = (lines.next()?, lines.next());
        if digits.len() != 64 || !digits.is_ascii() || rest.is_some() {
            return None;
        }
        let mut seed = [0; 32];
        for (at, byte) in seed.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self::from_seed(&seed))
    }

    /// The public key, for the engine's key file.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn credentials(
        &self,
        nonce: &[u8; 32],
        uuid: SessionUuid,
        timestamp: Nanos,
        message: Signed,
    ) -> Credentials {
        use ed25519_dalek::Signer as _;
        let bytes = signed_bytes(nonce, uuid, timestamp, message);
        let signature = self.0.sign(&bytes).to_bytes();
        Credentials { public_key: self.public(), signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_whole_or_not_at_all() {
        let digits = "0123456789abcdef".repeat(4);
        let key = Key::from_text(&format!("# desk 1\n\n  {digits}\n")).unwrap();
        assert_eq!(key, Key::from_text(&digits).unwrap());
        assert!(!format!("{key:?}").contains("0123456789"), "the secret is not shown");
        for wrong in ["", "abc", &digits[1..], &format!("{digits}\n{digits}"), &"é".repeat(32)] {
            assert_eq!(Key::from_text(wrong), None, "{wrong:?}");
        }
        assert_eq!(Key::from_text(&digits.replace('a', "g")), None);
    }
}
