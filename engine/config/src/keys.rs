//! The file of keys that may open sessions.

use crate::ConfigError;
use crate::error::{from_toml, line_of};
use gavel_contract::SessionKey;
use gavel_types::{Identity, Role, SessionUuid};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    id: u64,
    name: String,
    #[serde(default = "trade")]
    role: String,
    public_key: String,
    #[serde(default)]
    sessions: Vec<String>,
}

fn trade() -> String {
    "trade".into()
}

/// Reads a file of keys. `is_key` says whether 32 bytes are a public key that may be trusted.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn parse_keys(
    file: &str,
    text: &str,
    is_key: impl Fn(&[u8; 32]) -> bool,
) -> Result<Vec<SessionKey>, ConfigError> {
    let raw: File = toml::from_str(text).map_err(|error| ConfigError {
        fix: "Keys are explained under [sessions] keys (gaveld --print-config)".into(),
        ..from_toml(file, text, &error)
    })?;
    let mut keys: Vec<SessionKey> = Vec::with_capacity(raw.key.len());
    for (nth, entry) in raw.key.iter().enumerate() {
        let refuse = |key: &str, what: String, fix: &str| ConfigError {
            file: file.into(),
            line: line_of(text, "key", nth, key),
            what: format!("key.{key} {what}"),
            fix: fix.into(),
        };
        let key = one(entry, &is_key, refuse)?;
        let is = |same: fn(&SessionKey, &SessionKey) -> bool| {
            keys.iter().find(|other| same(other, &key)).map(|other| other.name.clone())
        };
        if let Some(other) = is(|a, b| a.identity.key_id == b.identity.key_id) {
            let what = format!("{} is {other:?}'s already", entry.id);
            return Err(refuse("id", what, "Give every key its own id"));
        }
        if is(|a, b| a.name == b.name).is_some() {
            let what = format!("{:?} is given twice", entry.name);
            return Err(refuse("name", what, "Give every key its own name"));
        }
        if let Some(other) = is(|a, b| a.public_key == b.public_key) {
            let what = format!("is {other:?}'s already");
            return Err(refuse("public_key", what, "Give every client its own key"));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(ConfigError {
            file: file.into(),
            line: None,
            what: "there is no key, so nobody could open a session".into(),
            fix: "Add a [[key]], or leave sessions.keys empty to let anybody in".into(),
        });
    }
    Ok(keys)
}

fn one(
    entry: &RawKey,
    is_key: impl Fn(&[u8; 32]) -> bool,
    refuse: impl Fn(&str, String, &str) -> ConfigError,
) -> Result<SessionKey, ConfigError> {
    if entry.id == 0 {
        return Err(refuse("id", "is 0".into(), "Ids begin at 1: 0 is whoever has no key"));
    }
    if entry.name.trim().is_empty() {
        return Err(refuse("name", "is empty".into(), "Name it after its client"));
    }
    let role = match entry.role.as_str() {
        "trade" => Role::Trade,
        "read" => Role::Read,
        "admin" => Role::Admin,
        other => {
            return Err(refuse("role", format!("is {other:?}"), "Choose trade, read or admin"));
        }
    };
    let public_key = hex::<32>(&entry.public_key).filter(is_key).ok_or_else(|| {
        let fix = "Write the 64 hex digits that gaveld --make-key showed";
        refuse("public_key", "is no Ed25519 public key".into(), fix)
    })?;
    let mut sessions = Vec::with_capacity(entry.sessions.len());
    for name in &entry.sessions {
        let uuid = hex::<16>(&name.replace('-', "")).map(SessionUuid);
        let uuid = uuid.filter(|uuid| *uuid != SessionUuid::default()).ok_or_else(|| {
            let fix = "Write 32 hex digits, with or without dashes, not all of them 0";
            refuse("sessions", format!("has {name:?}, which is no session id"), fix)
        })?;
        sessions.push(uuid);
    }
    let identity = Identity { key_id: entry.id, role };
    Ok(SessionKey { name: entry.name.clone(), identity, public_key, sessions })
}

/// Hex digits, exactly so many bytes of them.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, name: &str, digit: char, more: &str) -> String {
        let public_key = digit.to_string().repeat(64);
        format!("[[key]]\nid = {id}\nname = {name:?}\npublic_key = {public_key:?}\n{more}\n")
    }

    /// Keys that begin with a zero digit are none.
    fn is_key(bytes: &[u8; 32]) -> bool {
        bytes[0] >= 0x10
    }

    #[test]
    fn a_key_has_a_name_a_role_and_its_sessions() {
        let uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        let text = entry(7, "desk", 'a', &format!("sessions = [{uuid:?}]"))
            + &entry(8, "screen", 'b', "role = 'read'");
        let keys = parse_keys("k.toml", &text, is_key).unwrap();
        assert_eq!(keys[0].identity, Identity { key_id: 7, role: Role::Trade });
        assert_eq!(keys[0].public_key, [0xAA; 32]);
        assert_eq!(keys[0].sessions.len(), 1);
        assert_eq!(keys[0].sessions[0].to_string(), uuid);
        assert_eq!(keys[1].identity, Identity { key_id: 8, role: Role::Read });
        assert!(keys[1].sessions.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_a_way_out() {
        let good = entry(1, "a", 'a', "");
        let cases = [
            (String::new(), None, "there is no key"),
            (format!("{good}{}", entry(1, "b", 'b', "")), Some(7), "1 is \"a\"'s already"),
            (format!("{good}{}", entry(2, "a", 'b', "")), Some(8), "given twice"),
            (format!("{good}{}", entry(2, "b", 'a', "")), Some(9), "is \"a\"'s already"),
            (entry(0, "a", 'a', ""), Some(2), "begin at 1"),
            (entry(1, " ", 'a', ""), Some(3), "is empty"),
            (entry(1, "a", '0', ""), Some(4), "no Ed25519 public key"),
            (entry(1, "a", 'g', ""), Some(4), "no Ed25519 public key"),
            (entry(1, "a", 'a', "role = 'root'"), Some(5), "trade, read or admin"),
            (entry(1, "a", 'a', "sessions = ['xyz']"), Some(5), "no session id"),
            (entry(1, "a", 'a', "secret = 'x'"), Some(5), "unknown field `secret`"),
        ];
        for (text, line, part) in cases {
            let error = parse_keys("k.toml", &text, is_key).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.line, line, "{error}");
        }
    }
}
