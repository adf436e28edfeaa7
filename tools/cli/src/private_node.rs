//! A node of our own: this same binary, as a process of its own, on real TCP and a real disk.
//!
//! Inputs -> outputs: where its log shall live -> a process and its address.
//! Invariants: the process does not outlive its [`PrivateNode`]; a restart keeps directory and
//! address.
//! Limits: [`READY_MAX`] from start to serving.
//! Not here: what the node does.

use crate::pause::pause;
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The hidden verb that makes `gavel` a node; what follows it is gaveld's command line.
pub const VERB: &str = "node";

/// Longest time from start to serving: two segments are written whole, and the log is replayed.
pub const READY_MAX: Duration = Duration::from_secs(120);

/// How a private node is made.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Where the log goes; None for a directory that is removed afterwards.
    pub data: Option<PathBuf>,
    /// gaveld's configuration file; None for its defaults.
    pub config: Option<PathBuf>,
}

/// A node that runs, or was killed and can be started again.
#[derive(Debug)]
pub struct PrivateNode {
    binary: PathBuf,
    data: PathBuf,
    config: Option<PathBuf>,
    /// Holds the ready file, and the log if nobody asked for it elsewhere.
    scratch: tempfile::TempDir,
    addr: Option<SocketAddr>,
    child: Option<Child>,
}

impl PrivateNode {
    /// Starts a node and waits until it serves.
    ///
    /// # Errors
    /// If it does not start, with what it said on standard error left there.
    pub fn start(setup: &Setup) -> Result<Self> {
        Self::start_as(std::env::current_exe().context("the own binary has no path")?, setup)
    }

    /// As [`PrivateNode::start`], with `binary` for the own binary: tests are not `gavel`.
    ///
    /// # Errors
    /// As for [`PrivateNode::start`].
    pub fn start_as(binary: PathBuf, setup: &Setup) -> Result<Self> {
        let scratch = scratch_dir()?;
        let data = setup.data.clone().unwrap_or_else(|| scratch.path().join("data"));
        let mut node =
            Self { binary, data, config: setup.config.clone(), scratch, addr: None, child: None };
        node.spawn()?;
        node.wait_ready()?;
        Ok(node)
    }

    /// Where it serves.
    ///
    /// # Panics
    /// Never: a node that was started has an address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr.expect("a node that was started has an address")
    }

    /// Where its log lives.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Ends it with SIGKILL: no warning, no farewell.
    ///
    /// # Errors
    /// If there is no process.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the node does not run")?;
        child.kill().context("the node cannot be killed")?;
        child.wait().context("the killed node cannot be waited for")?;
        Ok(())
    }

    /// Starts it again after [`PrivateNode::kill`] or [`PrivateNode::stop`], on the same log and
    /// address, without waiting until it serves.
    ///
    /// # Errors
    /// If the process cannot be made.
    pub fn restart(&mut self) -> Result<()> {
        assert!(self.child.is_none(), "one process at a time writes a log");
        self.spawn()
    }

    /// True once a node that was started or restarted serves.
    ///
    /// # Errors
    /// If it ended instead.
    pub fn is_ready(&mut self) -> Result<bool> {
        if let Some(status) = self.ended()? {
            bail!("the private node ended with {status} before it served");
        }
        Ok(self.ready_file().exists())
    }

    /// The status with which it ended by itself, if it did.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => child.try_wait().context("the private node cannot be looked at"),
            None => Ok(None),
        }
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// If it ends instead, or takes longer than [`READY_MAX`].
    pub fn wait_ready(&mut self) -> Result<()> {
        let until = Instant::now() + READY_MAX;
        while !self.is_ready()? {
            if Instant::now() > until {
                bail!("the private node did not serve within {READY_MAX:?}");
            }
            pause(Duration::from_millis(1));
        }
        let text = std::fs::read_to_string(self.ready_file()).context("the ready file")?;
        let addr = text.trim().parse().with_context(|| format!("the ready file says {text:?}"))?;
        self.addr = Some(addr);
        Ok(())
    }

    /// Asks it to stop, and waits until it has: its log is then sealed and nobody's.
    ///
    /// # Errors
    /// If it does not end, or not in good order.
    pub fn stop(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the node does not run")?;
        // SIGTERM by the system's own tool: the standard library can only kill.
        let asked = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            child.kill().context("the node cannot be ended")?;
        }
        let status = child.wait().context("the node cannot be waited for")?;
        if !status.success() {
            bail!("the private node ended with {status}");
        }
        Ok(())
    }

    fn ready_file(&self) -> PathBuf {
        self.scratch.path().join("ready")
    }

    fn spawn(&mut self) -> Result<()> {
        let ready = self.ready_file();
        if ready.exists() {
            std::fs::remove_file(&ready).context("the old ready file cannot be removed")?;
        }
        let listen = self.addr.map_or_else(|| "127.0.0.1:0".into(), |addr| addr.to_string());
        let mut command = Command::new(&self.binary);
        command.arg(VERB).arg("--quiet").arg("--listen").arg(listen);
        command.arg("--data").arg(&self.data).arg("--ready-file").arg(ready);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.child = Some(command.spawn().context("the private node cannot be started")?);
        Ok(())
    }
}

impl Drop for PrivateNode {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; there is nobody left to tell.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A directory for a private node: below ./target where there is one, since the system's temporary
/// directory may be in memory, where direct I/O is impossible.
fn scratch_dir() -> Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("gavel-");
    let here = Path::new("target");
    if here.is_dir()
        && let Ok(dir) = builder.tempdir_in(here)
    {
        return Ok(dir);
    }
    builder.tempdir().context("no temporary directory can be made; name one with --data")
}
