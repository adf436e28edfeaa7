//! `gavel-sim`: runs seeds of either kind of world, and says what came of them.
//!
//! ```text
//! command line -> Cli -> Agenda (which worlds) -> sweep -> Sums -> tables, or one line of JSON
//!                                                  |
//!                                  the first failure -> report, and the least that still fails
//! ```
//!
//! Inputs -> outputs: the command line -> tables or one line of JSON on standard output, progress
//! and failures on standard error; exit status 0 no violation, 1 a violation (or a planted bug that
//! nobody found), 2 it could not run.
//! Not here: worlds.

mod agenda;
mod attempt;
mod countdown;
mod failure;
mod kind;
mod planted;
mod say;
mod shrink;
mod sweep;

pub use kind::{Bug, Kind, Ran, Trial};

use crate::countdown::FailCall;
use crate::less::Less;
use agenda::Agenda;
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seeds of each kind of world, unless told.
const SEEDS: u64 = 100;

/// Runs whole nodes and clusters in virtual time, one seed after the other, and checks what must
/// hold.
#[derive(Clone, Debug, Parser)]
#[command(name = "gavel-sim")]
struct Cli {
    /// How many seeds of each profile; without it 100, or as many as there is time for.
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first seed; `fresh` takes one from the clock, and prints it.
    #[arg(long, value_name = "K", default_value = "1", value_parser = first_seed)]
    from: u64,
    /// The kind of world; `--list` says which there are. Without it: storm, or the one in which the
    /// planted bug shows. `all`, `node-all` and `cluster-all` are groups of them.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Plant a bug, and stop at the first violation. `all` plants one after the other, prints how
    /// many seeds each took, and fails if one of them was not found.
    #[arg(long, value_name = "NAME")]
    mutate: Option<String>,
    /// With `--mutate all`: plant each bug in all kinds of worlds in turn, and not only in that in
    /// which it shows.
    #[arg(long, requires = "mutate")]
    mixed: bool,
    /// Fail the storage call of that number, as N:io or N:full.
    #[arg(long, value_name = "CALL", value_parser = fail_call)]
    fail_call: Option<FailCall>,
    /// Run every seed again for each of its storage calls, which fails, with each kind of fault.
    #[arg(long, conflicts_with_all = ["mutate", "fail_call", "regressions"])]
    countdown: bool,
    /// Run the seeds that once found something (tools/sim/testdata/regressions.txt).
    #[arg(long, conflicts_with_all = ["seeds", "profile", "mutate", "fail_call"])]
    regressions: bool,
    /// Stop after so many minutes, also if seeds are left.
    #[arg(long, value_name = "M", value_parser = minutes)]
    minutes: Option<Duration>,
    /// Longest search for a smaller world that fails as the first failure did; 0 for none.
    #[arg(long, value_name = "S", default_value_t = 60)]
    shrink_seconds: u64,
    /// Worlds at one time; without it as many as there are CPUs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: Option<u64>,
    /// Do as builds do that do not unwind: end the process where an assertion fails.
    #[arg(long, hide = true)]
    no_unwind: bool,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Print profiles, faults and mutations, and stop.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    less: Less,
}

fn fail_call(text: &str) -> Result<FailCall, String> {
    FailCall::parse(text).ok_or_else(|| "a call is N:io or N:full".to_owned())
}

fn first_seed(text: &str) -> Result<u64, String> {
    if text == "fresh" {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        return since
            .map(|since| since.as_secs())
            .map_err(|_| "the clock is before 1970".to_owned());
    }
    text.parse().map_err(|_| format!("{text} is no seed"))
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    Duration::try_from_secs_f64(60.0 * minutes).map_err(|_| format!("{text} is no time"))
}

impl Cli {
    fn threads(&self) -> usize {
        let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.jobs.map_or_else(cpus, |jobs| jobs as usize)
    }

    /// Seeds of each kind, at most.
    fn most(&self) -> u64 {
        let unless_told = if self.minutes.is_some() { u64::MAX } else { SEEDS };
        self.seeds.unwrap_or(unless_told)
    }
}

/// Does what a command line says.
#[must_use]
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(words);
    failure::hook(&cli);
    if cli.list {
        say::list();
        return ExitCode::SUCCESS;
    }
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("gavel-sim: {why}");
            ExitCode::from(2)
        }
    }
}

/// False if something falls short.
fn run(cli: &Cli) -> Result<bool, String> {
    if cli.mutate.as_deref() == Some("all") {
        return planted::table(cli);
    }
    if cli.mixed {
        return Err("--mixed goes with --mutate all".to_owned());
    }
    let bug = match cli.mutate.as_deref() {
        None => None,
        Some(name) => Some(Bug::named(name).ok_or(format!("no mutation is named {name}: --list"))?),
    };
    let kinds = chosen(cli, bug)?;
    if let Some(kind) = cli.less.without.iter().find(|kind| !Kind::is_fault(&kinds, kind)) {
        return Err(format!("{kind} is no fault of such a world: try --list"));
    }
    if cli.countdown {
        let Kind::Node(profile) = kinds[0] else {
            return Err("storage calls of clusters cannot be counted down".to_owned());
        };
        return Ok(countdown::run(cli, profile));
    }
    let agenda = match cli.regressions {
        true => Agenda::List(crate::regressions::all()?),
        false => Agenda::Seeds { kinds, from: cli.from, most: cli.most() },
    };
    Ok(sweep::run(cli, &agenda, bug))
}

fn chosen(cli: &Cli, bug: Option<Bug>) -> Result<Vec<Kind>, String> {
    let usual = match bug {
        Some(bug) => bug.kind().name(),
        None if cli.countdown => "countdown",
        None => Kind::all()[0].name(),
    };
    let name = cli.profile.as_deref().unwrap_or(usual);
    let kinds = Kind::chosen(name).ok_or(format!("no profile is named {name}: try --list"))?;
    if let Some(bug) = bug
        && kinds.iter().any(|kind| kind.is_cluster() != bug.kind().is_cluster())
    {
        let (name, kind) = (bug.name(), bug.kind().name());
        return Err(format!("{name} is no bug of all such worlds: it shows in {kind}"));
    }
    if kinds.iter().any(|kind| kind.is_cluster()) && cli.fail_call.is_some() {
        return Err("storage calls of clusters have no numbers".to_owned());
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &str) -> Cli {
        Cli::parse_from(std::iter::once("gavel-sim").chain(words.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        assert_eq!(parse("").most(), 100);
        assert_eq!(parse("--minutes 0.5").most(), u64::MAX);
        assert_eq!(parse("--minutes 0.5").minutes, Some(Duration::from_secs(30)));
        assert_eq!(parse("--minutes 3 --seeds 9").most(), 9);
        assert!(parse("--from fresh").from > 1_700_000_000);
    }

    #[test]
    fn a_planted_bug_says_which_world_it_shows_in() {
        let name = |words: &str| {
            let cli = parse(words);
            let bug = cli.mutate.as_deref().map(|name| Bug::named(name).expect("a bug"));
            chosen(&cli, bug).map(|kinds| kinds[0].name())
        };
        assert_eq!(name(""), Ok("storm"));
        assert_eq!(name("--countdown"), Ok("countdown"));
        assert_eq!(name("--mutate sdk-alters"), Ok("single"));
        assert_eq!(name("--mutate vote-forgotten"), Ok("cluster-everything"));
        assert!(name("--mutate vote-forgotten --profile storm").is_err());
        assert!(name("--mutate vote-forgotten --profile all").is_err());
        assert!(name("--profile none").is_err());
    }
}
