//! A foreign implementation, generated from the schema alone, trades with a running node.
//!
//! Needs the Python of `cargo xtask test` (GAVEL_PYTHON); says SKIPPED without it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(30);

struct Node {
    child: Child,
    address: String,
}

impl Node {
    fn start(directory: &Path) -> Self {
        let ready = directory.join("ready");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gaveld"))
            .args(["--quiet", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory.join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                return Self { child, address: text.trim().into() };
            }
            assert!(child.try_wait().unwrap().is_none(), "the node ended before it served");
            assert!(began.elapsed() < READY_WITHIN, "the node does not serve");
            std::thread::yield_now();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_foreign_client_trades_over_the_wire() {
    let Some(python) = std::env::var_os("GAVEL_PYTHON") else {
        println!("SKIPPED: GAVEL_PYTHON is not set; `cargo xtask test` sets it");
        return;
    };
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/foreign");
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let node = Node::start(directory.path());
    let (host, port) = node.address.rsplit_once(':').unwrap();
    // Twice: the second session finds a node that has traded.
    for _ in 0..2 {
        let output = Command::new(&python)
            .arg(scripts.join("session.py"))
            .args([host, port])
            .output()
            .unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "the session failed: {out}\n{err}");
        assert_eq!(out.matches("ExecutionReportTrade").count(), 2, "{out}");
        assert_eq!(out.matches("MarketDataSnapshotFullRefresh").count(), 1, "{out}");
    }
}
