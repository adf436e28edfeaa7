//! Names and addresses of sessions.

use anyhow::{Context, Result, ensure};
use gavel_types::SessionUuid;
use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::BuildHasher;
use std::net::{SocketAddr, ToSocketAddrs};

/// A session's name that no other client has: 128 random bits in the form of a UUID, version 4.
#[must_use]
pub(crate) fn new_uuid() -> SessionUuid {
    let mut bytes = [0; 16];
    for (i, half) in bytes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // The standard library's only source of randomness: a hasher seeded by the system.
        let random = RandomState::new().hash_one((i, std::process::id()));
        *half = random.to_le_bytes();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    SessionUuid(bytes)
}

/// The addresses behind `HOST:PORT`.
pub(crate) fn resolve(text: &str) -> Result<Vec<SocketAddr>> {
    let found = text.to_socket_addrs();
    let addrs: Vec<_> = found.with_context(|| format!("{text} is no HOST:PORT"))?.collect();
    ensure!(!addrs.is_empty(), "{text} has no address");
    Ok(addrs)
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
