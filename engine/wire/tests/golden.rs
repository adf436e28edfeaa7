//! Golden bytes: what a frame looks like today it looks like tomorrow. The foreign codec reads the
//! same files.
//!
//! `GAVEL_GOLDEN=write cargo test -p gavel-wire --test golden` writes them anew, after a change
//! that is meant; the difference is then reviewed like code.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod samples;

use std::collections::BTreeSet;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Lower-case hex, 32 bytes a line.
fn hex(bytes: &[u8]) -> String {
    let line = |chunk: &[u8]| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(|chunk| line(chunk) + "\n").collect()
}

#[test]
fn frames_are_the_golden_bytes() {
    let frames: Vec<_> =
        samples::client_frames().into_iter().chain(samples::server_frames()).collect();
    let write = std::env::var("GAVEL_GOLDEN").is_ok_and(|value| value == "write");
    for (name, bytes) in &frames {
        let path = folder().join(format!("{name}.hex"));
        if write {
            std::fs::write(&path, hex(bytes)).unwrap();
        }
        let golden = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(hex(bytes), golden, "{name}");
    }
    let names: BTreeSet<_> = frames.iter().map(|(name, _)| format!("{name}.hex")).collect();
    let found: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, names, "every golden file has its message");
}

/// Written down by hand from the specifications, so that no encoder of ours is its own judge.
#[test]
fn a_sequence_message_byte_by_byte() {
    let (_, frame) =
        samples::client_frames().into_iter().find(|(n, _)| *n == "008_Sequence").unwrap();
    let expected = [
        0, 0, 0, 22, 0xEB, 0x50, // SOFH, big endian: 6 + 8 + 8 bytes, SBE 1.0 little endian
        8, 0, 8, 0, 0x56, 0x47, 1,
        0, // blockLength 8, templateId 8, schemaId 18262, version 1
        10, 0, 0, 0, 0, 0, 0, 0, // NextSeqNo
    ];
    assert_eq!(frame, expected);
}

/// The same, for an order.
#[test]
fn an_order_byte_by_byte() {
    let (_, frame) = samples::client_frames()
        .into_iter()
        .find(|(name, _)| *name == "100_NewOrderSingle_market")
        .unwrap();
    let mut expected = vec![0, 0, 0, 107, 0xEB, 0x50, 93, 0, 100, 0, 0x56, 0x47, 1, 0];
    expected.extend(1_100_001_u64.to_le_bytes()); // ClOrdID
    expected.extend([48, 0, 0, 0]); // SecurityID
    expected.extend(*b"213"); // Side Sell, OrdType Market, TimeInForce IOC
    expected.push(0); // ExecInst
    expected.extend(i64::MAX.to_le_bytes()); // Price: null
    expected.extend([38, 0, 0, 0, 0, 0, 0, 0]); // OrderQty
    expected.extend(i64::MAX.to_le_bytes()); // StopPx: null
    expected.extend([0; 8 * 4]); // MinQty, DisplayQty, ExpireTime, SMPID: null
    expected.extend([0; 4]); // Account
    expected.push(0); // SMPInstruction
    expected.extend(1_700_000_000_000_000_060_u64.to_le_bytes()); // TransactTime
    expected.extend([0; 8]); // CashOrderQty: null
    assert_eq!(frame, expected);
}

/// What was sent, and what was kept for retransmission, before there was a version 1. The files
/// are never written again.
#[test]
fn frames_of_version_0_say_what_they_said() {
    let folder = folder().with_file_name("golden_version_0");
    let mut files = 0;
    let bytes_of = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.hex"))).ok()?;
        let text: String = text.split_whitespace().collect();
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        Some((0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>())
    };
    for (name, message) in samples::client_messages() {
        let Some(bytes) = bytes_of(name) else { continue };
        files += 1;
        assert_eq!(bytes[12..14], [0, 0], "{name} is of version 0");
        assert_eq!(samples::decode_client(&bytes), message, "{name}");
    }
    for (name, frame) in samples::server_frames() {
        let Some(bytes) = bytes_of(name) else { continue };
        files += 1;
        assert_eq!(bytes[12..14], [0, 0], "{name} is of version 0");
        assert_eq!(samples::decode_server(&bytes), samples::decode_server(&frame), "{name}");
    }
    assert_eq!(files, std::fs::read_dir(folder).unwrap().count(), "every file has its message");
}
