//! A private node to measure: this program again, as a real process on real TCP.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// First argument that makes a program run as a node.
const NODE: &str = "node";
/// How long a node may take to serve.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Runs as a node if the command line says so. Call this first in `main`.
#[must_use]
pub fn as_node() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    let program = args.next()?;
    (args.next()? == NODE).then(|| gavel_node::cli::run(std::iter::once(program).chain(args)))
}

/// A running node; ended when dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// Where it serves.
    pub address: SocketAddr,
    ready: PathBuf,
}

impl Node {
    /// Starts a node with its data in `directory`, and waits until it serves.
    ///
    /// # Errors
    /// If it does not serve.
    pub fn start(directory: &Path, more: &[OsString]) -> Result<Self> {
        let ready = directory.join("ready");
        let mut child = Command::new(std::env::current_exe()?)
            .arg(NODE)
            .args(["--quiet", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory.join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .context("starting a node")?;
        let began = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                let address = text.trim().parse().context("the ready file")?;
                return Ok(Self { child, address, ready });
            }
            if let Some(status) = child.try_wait()? {
                bail!("the node ended before it served: {status}");
            }
            if began.elapsed() > READY_WITHIN {
                child.kill()?;
                bail!("the node did not serve within {READY_WITHIN:?}");
            }
            std::thread::yield_now();
        }
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.ready);
    }
}
