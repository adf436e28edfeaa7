//! Whatever an operator's file holds, the answer is a configuration or an error that points into
//! it.

use gavel_config::{DEFAULT_TOML, Host, Settings, Topology, parse_decimal};

fn host() -> Host {
    Host { allowed_cpus: (0..8).collect(), numa_nodes: vec![0; 8], fifo: false }
}

/// Puts `bytes` over the text from a place that the first two bytes choose.
fn spoil(text: &str, bytes: &[u8]) -> String {
    let Some((place, patch)) = bytes.split_first_chunk::<2>() else { return text.into() };
    let at = usize::from(u16::from_le_bytes(*place)) % text.len();
    let mut spoilt = text.as_bytes().to_vec();
    let until = (at + patch.len()).min(spoilt.len());
    spoilt.splice(at..until, patch.iter().copied());
    String::from_utf8_lossy(&spoilt).into_owned()
}

fn points_inside(line: Option<usize>, text: &str) {
    assert!(line.is_none_or(|line| line >= 1 && line <= text.lines().count() + 1));
}

#[test]
fn fuzz_settings() {
    bolero::check!().for_each(|bytes: &[u8]| {
        for text in [String::from_utf8_lossy(bytes).into_owned(), spoil(DEFAULT_TOML, bytes)] {
            if let Err(error) = Settings::parse("fuzz.toml", &text) {
                points_inside(error.line, &text);
                assert!(!error.what.is_empty() && !error.fix.is_empty());
            }
        }
    });
}

#[test]
fn fuzz_keys() {
    let good = format!("[[key]]\nid = 1\nname = 'a'\npublic_key = '{}'\n", "ab".repeat(32));
    bolero::check!().for_each(|bytes: &[u8]| {
        for text in [String::from_utf8_lossy(bytes).into_owned(), spoil(&good, bytes)] {
            if let Err(error) = gavel_config::parse_keys("fuzz.toml", &text, |_| true) {
                points_inside(error.line, &text);
                assert!(!error.what.is_empty() && !error.fix.is_empty());
            }
        }
    });
}

#[test]
fn fuzz_topology() {
    let pinned = Topology::built_in("pinned").unwrap();
    bolero::check!().for_each(|bytes: &[u8]| {
        for text in [String::from_utf8_lossy(bytes).into_owned(), spoil(pinned, bytes)] {
            if let Err(error) = Topology::parse("fuzz.toml", &text, &host()) {
                points_inside(error.line, &text);
            }
        }
    });
}

#[test]
fn fuzz_decimal() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        assert!(parse_decimal(&text).is_none_or(|price| price.0 >= 0));
    });
}
