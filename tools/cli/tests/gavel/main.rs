//! `gavel` as outsiders call it: real processes, real TCP, a real disk.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod cases;
mod journal;
mod replay;
mod snapshot;
mod steer;
mod verbs;
mod versions;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `gavel` in `dir`.
fn gavel(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command.current_dir(dir).args(args).output().unwrap()
}

/// Its exit status and its one line of JSON.
fn gavel_json(dir: &Path, args: &[&str]) -> (i32, Value) {
    let output = gavel(dir, &[args, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.lines().count(), 1, "one line: {text:?}, and {said}");
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap())
}

/// A directory on a real filesystem, with a configuration of a small node.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let small = "[journal]\nsegment_mib = 4\n[book]\norders_max = 65536\nlevels_max = 1024\n";
    std::fs::write(dir.path().join("small.toml"), small).unwrap();
    dir
}
