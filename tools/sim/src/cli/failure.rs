//! What is told of a world in which a rule did not hold, or in which the product asserts that.
//!
//! Inputs -> outputs: a trial and what came of it -> a report for a person, and a part of the line
//! of JSON: the seed, the commit, the last events, the command that plays it again, the smallest
//! world that fails in the same way, and the line that makes it a regression test.
//! Invariants: an assertion of the product is told of like any violation, also in builds that do
//! not unwind: there a hook does it, before the process ends.
//! Not here: how the smallest is found (shrink.rs).

use super::kind::{Ran, Trial};
use super::shrink::{self, Shrunk};
use super::{Cli, say, sweep};
use crate::check::Violation;
use crate::run::{ASSERTION, text};
use serde_json::{Value, json};
use std::panic::PanicHookInfo;
use std::process::Command;

/// What a shell says of a process that a closed pipe ended: 128, and the number of SIGPIPE.
const CLOSED_PIPE: i32 = 128 + 13;

/// A failure, and what was made of it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    trial: Trial,
    violation: Violation,
    elapsed_ns: u64,
    faults: Vec<(u64, &'static str)>,
    timeline: String,
    commit: String,
    shrunk: Option<Shrunk>,
}

impl Failure {
    /// Looks for a smaller one, for so long (s).
    pub(super) fn new(trial: Trial, ran: &Ran, shrink_seconds: u64) -> Self {
        let nothing = || Violation::new(ASSERTION, "nothing was said");
        let violation = ran.violation.clone().unwrap_or_else(nothing);
        let shrunk = (shrink_seconds > 0)
            .then(|| shrink::with_processes(&trial, &violation, shrink_seconds))
            .flatten();
        Self {
            violation,
            elapsed_ns: ran.elapsed_ns,
            faults: ran.befell.iter().map(|fault| (fault.number, fault.kind)).collect(),
            timeline: ran.timeline.clone(),
            commit: commit(),
            shrunk,
            trial,
        }
    }

    /// For a person.
    pub(super) fn report(&self) -> String {
        let Self { trial, violation, timeline, commit, .. } = self;
        let (seed, kind, ms) = (trial.seed, trial.kind.name(), self.elapsed_ns / 1_000_000);
        let smallest = match &self.shrunk {
            None => String::new(),
            Some(Shrunk { trial, tries, seconds, faults, .. }) => format!(
                "smaller:  {}\n          fails in the same way, with {faults} numbered faults \
                 (found in {tries} tries, {seconds:.0} s)\n",
                trial.command()
            ),
        };
        format!(
            "{timeline}\n\
             violation: seed {seed} of {kind}, commit {commit}, after {ms} ms, {} numbered faults\n\
             \x20          {violation}\n\
             again:    {}\n\
             {smallest}\
             to keep it, add this line to {}:\n    {}\n",
            self.faults.len(),
            trial.command(),
            crate::regressions::FILE,
            crate::regressions::line(kind, seed, commit, &violation.to_string())
        )
    }

    pub(super) fn json(&self) -> Value {
        let shrunk = self.shrunk.as_ref();
        json!({
            "profile": self.trial.kind.name(),
            "seed": self.trial.seed,
            "commit": self.commit,
            "checker": self.violation.checker,
            "what": self.violation.what,
            "elapsed_ns": self.elapsed_ns,
            "faults": self.faults,
            "again": self.trial.command(),
            "smaller": shrunk.map(|shrunk| shrunk.trial.command()),
            "tries": shrunk.map(|shrunk| shrunk.tries),
        })
    }
}

/// The commit of the checkout that this was built in, and whether files differ from it.
fn commit() -> String {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(words);
        let output = git.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]);
    let is_changed = changes.is_none_or(|changes| !changes.is_empty());
    if is_changed { format!("{commit}+changes") } else { commit }
}

/// Who reads our standard output may stop before its end, as `head` does, and `println!` panics
/// then. Nothing went wrong.
fn is_closed_pipe(panic: &PanicHookInfo<'_>) -> bool {
    let said = panic.payload_as_str().unwrap_or_default();
    said.starts_with("failed printing to stdout") && said.contains("Broken pipe")
}

/// Where the build unwinds, a failed assertion is a violation like any other, and nothing is said
/// at the spot. Where it does not, this is the last that is heard of it.
pub(super) fn hook(cli: &Cli) {
    let cli = cli.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let Some((trial, mut ran)) = Trial::running() else {
            if is_closed_pipe(panic) {
                std::process::exit(CLOSED_PIPE);
            }
            eprintln!("{panic}");
            return;
        };
        if cfg!(panic = "unwind") && !cli.no_unwind {
            return;
        }
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        let what = text(panic.payload()) + &place.unwrap_or_default();
        ran.violation = Some(Violation::new(ASSERTION, what));
        // Held to the end: of two worlds that fail at one time, one is told of.
        let mut under_way = sweep::under_way();
        match under_way.as_mut() {
            Some(run) => {
                run.take(&trial, &ran);
                say::run(run);
            }
            None => eprintln!("{}", Failure::new(trial, &ran, cli.shrink_seconds).report()),
        }
        std::process::exit(1);
    }));
}
