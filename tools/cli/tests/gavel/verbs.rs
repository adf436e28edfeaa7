//! The other verbs.

use crate::{gavel, gavel_json, place};
use std::process::Command;

/// As for `gavel cases --json | head -1`.
#[test]
fn where_nobody_reads_on_it_ends_quietly() {
    for words in [&["cases", "--list"][..], &["cases", "--list", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        let output = command.args(words).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{words:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_storm_leaves_everything_standing_and_a_log_that_says_so() {
    let dir = place();
    let args = ["storm", "--kills", "4", "--seed", "7", "--spell-ms", "150", "--sessions", "3"];
    let more = ["--config", "small.toml", "--data", "log"];
    let (status, report) = gavel_json(dir.path(), &[&args[..], &more[..]].concat());
    assert_eq!(status, 0, "{report}");
    assert_eq!(report["kills"], 4);
    for nothing in ["missing", "duplicated", "gaps", "faults", "books_different"] {
        assert_eq!(report[nothing], 0, "{nothing} in {report}");
    }
    for something in ["answered", "accepted", "trades", "books_compared"] {
        assert!(report[something].as_u64().unwrap() > 0, "{something} in {report}");
    }
    let digest = ["journal", "digest", "log", "--config", "small.toml"];
    let (status, log) = gavel_json(dir.path(), &digest);
    assert_eq!(status, 0);
    assert_eq!(log["book_digest"], report["book_digest"]);
    assert_eq!(log["sessions"], 3);
}

#[test]
fn a_demonstration_tells_its_story() {
    let dir = place();
    let args = ["demo", "--orders", "3000", "--rate", "3000", "--config", "small.toml"];
    let (status, report) = gavel_json(dir.path(), &args);
    assert_eq!(status, 0, "{report}");
    for nothing in ["lost", "duplicated", "faults"] {
        assert_eq!(report[nothing], 0, "{nothing} in {report}");
    }
    assert!(report["recovery_ms"].as_f64().unwrap() > 0.0);
    assert!(report["before"]["p50"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["book_digest"], report["expected_digest"]);
    let output = gavel(dir.path(), &args);
    let story = String::from_utf8(output.stdout).unwrap();
    assert!(story.contains("Every order once, every report once."), "{story}");
}

#[test]
fn a_directory_without_a_log_is_left_alone() {
    let dir = place();
    let output = gavel(dir.path(), &["journal", "digest", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!dir.path().join("nothing").exists(), "looking makes nothing");
    let (status, said) = gavel_json(dir.path(), &["journal", "digest", "nothing"]);
    assert_eq!(status, 2);
    assert!(said["error"].as_str().unwrap().contains("nothing is no node's data directory"));
}

#[test]
fn the_command_line_explains_itself() {
    let dir = place();
    let output = gavel(dir.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for verb in ["replay", "cases", "demo", "storm", "journal", "snapshot", "steer"] {
        assert!(help.contains(verb), "{help}");
    }
    assert_eq!(gavel(dir.path(), &["fly"]).status.code(), Some(2));
}
