//! Ed25519: who signed, and keys to sign with.
//!
//! Inputs -> outputs: the system's randomness -> challenges and keys; signatures -> yes or no.
//! Invariants: a challenge is a keyed digest of its connection, under a secret that this process
//! made and that no other has, so it is not guessed and does not come again; weak keys and
//! signatures that two verifiers could judge differently are refused (RFC 8032 leaves some to
//! taste); secrets are wiped when they go.
//! Limits: none.
//! Not here: whose key it is, what was to be signed (pipeline, wire).

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use gavel_contract::Verifier;
use gavel_types::ConnId;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The system's source of randomness. It never blocks once the system is up.
const RANDOM: &str = "/dev/urandom";

fn random() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    File::open(RANDOM)?.read_exact(&mut bytes[..])?;
    Ok(bytes)
}

/// Checks signatures.
pub struct Ed25519 {
    secret: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Ed25519 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ed25519")
    }
}

impl Ed25519 {
    /// A verifier with a new secret.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn new() -> io::Result<Self> {
        Ok(Self { secret: random()? })
    }
}

impl Verifier for Ed25519 {
    fn challenge(&self, conn: ConnId) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"gavel challenge");
        digest.update(&self.secret[..]);
        digest.update(conn.0.to_le_bytes());
        digest.finalize().into()
    }

    fn is_signed(&self, public_key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(public_key) else { return false };
        key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
    }
}

/// True if these bytes are a public key under which only its holder can sign.
#[must_use]
pub fn is_public_key(bytes: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(bytes).is_ok_and(|key| !key.is_weak())
}

/// Makes a key, writes its secret to a new file that only its owner may read, and returns the
/// public key.
///
/// # Errors
/// If the file is there already or cannot be written, or the system gives no randomness.
pub fn make_key(path: &Path) -> io::Result<[u8; 32]> {
    let seed = random()?;
    let public_key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut text =
        Zeroizing::new(String::from("# Secret key of a Gavel client (Ed25519). Keep it.\n"));
    for byte in seed.iter() {
        let digits = b"0123456789abcdef";
        text.push(char::from(digits[usize::from(byte >> 4)]));
        text.push(char::from(digits[usize::from(byte & 15)]));
    }
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(public_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn signed(seed: u8, bytes: &[u8]) -> ([u8; 32], [u8; 64]) {
        use ed25519_dalek::Signer as _;
        let key = SigningKey::from_bytes(&[seed; 32]);
        (key.verifying_key().to_bytes(), key.sign(bytes).to_bytes())
    }

    #[test]
    fn only_the_holders_signature_of_exactly_these_bytes_is_one() {
        let verifier = Ed25519::new().unwrap();
        let (key, signature) = signed(1, b"these bytes");
        assert!(verifier.is_signed(&key, b"these bytes", &signature));
        assert!(!verifier.is_signed(&key, b"those bytes", &signature));
        assert!(!verifier.is_signed(&signed(2, b"").0, b"these bytes", &signature));
        for at in [0, 31, 32, 63] {
            let mut spoilt = signature;
            spoilt[at] ^= 1;
            assert!(!verifier.is_signed(&key, b"these bytes", &spoilt), "byte {at}");
        }
    }

    /// Under a key of small order a signature can be made for anything by anybody.
    #[test]
    fn weak_keys_are_no_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(!is_public_key(&identity));
        assert!(!is_public_key(&[0; 32]));
        assert!(is_public_key(&signed(1, b"").0));
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!Ed25519::new().unwrap().is_signed(&identity, b"anything", &signature));
    }

    #[test]
    fn a_challenge_is_its_connections_and_its_processs() {
        let (one, other) = (Ed25519::new().unwrap(), Ed25519::new().unwrap());
        assert_eq!(one.challenge(ConnId(1)), one.challenge(ConnId(1)));
        assert_ne!(one.challenge(ConnId(1)), one.challenge(ConnId(2)));
        assert_ne!(one.challenge(ConnId(1)), other.challenge(ConnId(1)));
    }

    #[test]
    fn a_secret_is_its_owners_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("desk.key");
        let public_key = make_key(&path).unwrap();
        assert!(is_public_key(&public_key));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = std::fs::read_to_string(&path).unwrap();
        assert_eq!(make_key(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert!(before.lines().any(|line| line.len() == 64));
    }
}
