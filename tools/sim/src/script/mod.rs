//! Interaction scripts: stories about the consensus core, told in commands and what they answer.
//!
//! Inputs -> outputs: the text of a script -> agreed, or where it disagrees; `raft/testdata` has
//! the scripts, and a page on how to write one.
//! Invariants: the same script always plays the same; after every command all that must hold of any
//! cluster is checked, whatever the script expects.
//! Limits: [`MESSAGES_MAX`] messages a command, [`STEPS_MAX`] commands.
//! Not here: nodes with machines and sessions (the rest of this crate).
//! Source: the data-driven interaction tests of etcd's raft, for the idea.

mod command;
mod expect;
mod inject;
mod names;
mod network;
mod show;
mod time;
mod words;
mod world;

use std::ffi::OsString;
use std::fmt::Write;
use std::process::ExitCode;
pub use world::World;

/// Most messages that one command delivers.
pub const MESSAGES_MAX: usize = 100_000;

/// Most commands of a script, with what is repeated.
pub const STEPS_MAX: u64 = 100_000;

/// Why a script did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What happened is not what the script expects.
    Disagrees {
        /// The command's line.
        line: usize,
        /// What was expected and what happened.
        what: String,
    },
    /// The script cannot be played.
    Unplayable {
        /// The command's line.
        line: usize,
        /// Why not.
        what: String,
    },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disagrees { line, what } => write!(f, "line {line}: {what}"),
            Self::Unplayable { line, what } => write!(f, "line {line}: cannot be played: {what}"),
        }
    }
}

/// One command, and the answer that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step<'a> {
    line: usize,
    command: &'a str,
    expected: Option<Vec<&'a str>>,
}

/// Splits a script into its commands.
fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut is_answer = false;
    for (place, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if is_answer {
            match (line.is_empty(), steps.last_mut().and_then(|step| step.expected.as_mut())) {
                (false, Some(expected)) => expected.push(line.trim_start()),
                _ => is_answer = false,
            }
        } else if line == "----" {
            is_answer = true;
            if let Some(step) = steps.last_mut() {
                step.expected = Some(Vec::new());
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            steps.push(Step { line: place + 1, command: line.trim_start(), expected: None });
        }
    }
    steps
}

/// Writes out what `repeat 10` and `end` enclose, so many times.
fn unroll<'a>(steps: &[Step<'a>]) -> Result<Vec<Step<'a>>, Failure> {
    let unplayable = |line, what: &str| Failure::Unplayable { line, what: what.to_owned() };
    let mut unrolled: Vec<Step<'a>> = Vec::new();
    let mut open: Vec<(usize, u64, usize)> = Vec::new();
    for step in steps {
        let line = step.line;
        if let Some(count) = step.command.strip_prefix("repeat ") {
            let count = count.trim().parse().ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| unplayable(line, "repeat how often? repeat 10"))?;
            open.push((line, count, unrolled.len()));
        } else if step.command == "end" {
            let Some((_, count, first)) = open.pop() else {
                return Err(unplayable(line, "end of what? There is no repeat before it"));
            };
            let body = unrolled[first..].to_vec();
            if body.len() as u64 * count > STEPS_MAX {
                return Err(unplayable(line, "that often is too long a story"));
            }
            (1..count).for_each(|_| unrolled.extend_from_slice(&body));
        } else {
            unrolled.push(step.clone());
        }
    }
    match open.pop() {
        Some((line, ..)) => Err(unplayable(line, "a repeat has no end")),
        None => Ok(unrolled),
    }
}

/// Plays a script, perhaps with a bug planted in every core.
///
/// # Errors
/// [`Failure`] at the first command that does not answer as expected, or breaks what must hold.
pub fn play(text: &str, planted: Option<gavel_raft::Mutation>) -> Result<(), Failure> {
    let mut world = World::new(planted);
    for step in unroll(&steps(text))? {
        let Step { line, command, ref expected } = step;
        let answer = match command::run(&mut world, command) {
            Ok(answer) => answer,
            Err(command::Stop::Unplayable(what)) => {
                return Err(Failure::Unplayable { line, what: format!("{what} in: {command}") });
            }
            Err(command::Stop::Disagrees(what)) => {
                return Err(Failure::Disagrees { line, what: format!("{command}: {what}") });
            }
        };
        if let Some(violation) = world.violation() {
            let what = format!("{command}: what must always hold does not: {violation}");
            return Err(Failure::Disagrees { line, what });
        }
        let answer: Vec<&str> = answer.lines().map(str::trim).collect();
        let is_refused = answer.first().is_some_and(|first| first.starts_with("refused"));
        let agrees = match expected {
            Some(expected) if expected.as_slice() == ["ok"] => answer.is_empty(),
            Some(expected) if expected.as_slice() == ["refused"] => is_refused,
            Some(expected) if expected.as_slice() == ["any"] => true,
            Some(expected) => *expected == answer,
            None => !is_refused,
        };
        if !agrees {
            return Err(Failure::Disagrees { line, what: differs(command, expected, &answer) });
        }
    }
    Ok(())
}

fn differs(command: &str, expected: &Option<Vec<&str>>, answer: &[&str]) -> String {
    let mut text = format!("{command}\n");
    let mut list = |title: &str, lines: &[&str]| {
        let written = writeln!(text, "  {title}:\n    {}", lines.join("\n    "));
        written.expect("a String takes every write");
    };
    match expected {
        Some(expected) => list("expected", expected),
        None => list("expected", &["that it is not refused"]),
    }
    list("answered", if answer.is_empty() { &["ok"] } else { answer });
    text.trim_end().to_owned()
}

/// The command line `gavel-sim script FILE...`: none if it says something else. Exit status 0: all
/// agree, 1: one disagrees, 2: one could not be played.
#[must_use]
pub fn main(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    args.next()?;
    if args.next()? != "script" {
        return None;
    }
    let files: Vec<OsString> = args.collect();
    if files.is_empty() {
        eprintln!("gavel-sim script: names no file: gavel-sim script raft/testdata/*.txt");
        return Some(ExitCode::from(2));
    }
    let mut worst = 0;
    for file in &files {
        let name = file.to_string_lossy();
        let status = match std::fs::read_to_string(file) {
            Err(fault) => {
                eprintln!("{name}: cannot be read: {fault}");
                2
            }
            Ok(text) => match play(&text, None) {
                Ok(()) => {
                    println!("{name}: agrees");
                    0
                }
                Err(failure) => {
                    println!("{name}: {failure}");
                    if matches!(failure, Failure::Unplayable { .. }) { 2 } else { 1 }
                }
            },
        };
        worst = worst.max(status);
    }
    Some(ExitCode::from(worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_at_an_empty_line() {
        let text = "# a story\ncluster 3\n\nstatus 1\n----\n1: follower\n2: x\n\nheal\n";
        let steps = steps(text);
        assert_eq!(steps.len(), 3);
        assert_eq!((steps[1].line, steps[1].command), (4, "status 1"));
        assert_eq!(steps[1].expected, Some(vec!["1: follower", "2: x"]));
        assert_eq!(steps[2].expected, None);
    }

    #[test]
    fn a_story_that_is_wrong_disagrees_and_says_where() {
        let right = "cluster 3\ncampaign 1\nstabilize\nexpect leader=1\n";
        assert_eq!(play(right, None), Ok(()));
        let wrong = right.replace("leader=1", "leader=2");
        let Err(Failure::Disagrees { line: 4, what }) = play(&wrong, None) else {
            panic!("node 2 does not lead")
        };
        assert!(what.contains("leader"), "{what}");
        let expected = format!("{right}propose 2\n----\nrefused\n");
        assert_eq!(play(&expected, None), Ok(()));
        let refused = format!("{right}propose 2\n");
        assert!(matches!(play(&refused, None), Err(Failure::Disagrees { line: 5, .. })));
    }

    #[test]
    fn a_story_that_nobody_understands_cannot_be_played() {
        for (text, line, word) in [
            ("dance 1\n", 1, "begins with a cluster"),
            ("campaign 1\n", 1, "begins with a cluster"),
            ("cluster 3\n\ndance 1\n", 3, "no command is named dance"),
            ("cluster 3\ntick soon\n", 2, "soon is no duration"),
            ("cluster 3\ncut 1\n", 2, "1 is no link"),
            ("cluster 3\ncut 1->9\n", 2, "no node 9"),
            ("cluster 3 luck=1\n", 1, "no option is named luck"),
            ("cluster 3\ncampaign 1 now\n", 2, "now is not understood"),
            ("cluster 3\ndeliver apend\n", 2, "no message is a apend"),
            ("cluster 3\nexpect apend<=3\n", 2, "apend is nothing of a cluster"),
            ("cluster 3\nexpect 1 roll=leader\n", 2, "a node has no roll"),
            ("cluster 3\nexpect\n", 2, "what is expected is missing"),
            ("cluster 3\nrun 5ms while x=1\n", 2, "neither until nor holding"),
            ("cluster 3\nweather\n", 2, "weather is fair"),
        ] {
            let Err(Failure::Unplayable { line: found, what }) = play(text, None) else {
                panic!("{text} is played")
            };
            assert!(found == line && what.contains(word), "{text} at {found}: {what}");
        }
    }

    #[test]
    fn what_is_repeated_is_played_so_often() {
        let text = "cluster 3\nrepeat 2\nrun 2s until leader!=none\nrepeat 3\npropose leader\nend\n\
                    run 50ms\nend\nexpect committed=7\n";
        assert_eq!(play(text, None), Ok(()));
        for (text, line, word) in [
            ("cluster 3\nrepeat 2\nrun 1s\n", 2, "has no end"),
            ("cluster 3\nend\n", 2, "end of what"),
            ("cluster 3\nrepeat often\nend\n", 2, "repeat how often"),
            ("cluster 3\nrepeat 60000\nheal\nheal\nend\n", 5, "too long"),
            ("cluster 3\nrepeat 2\nheal\nexpect wire=1\nend\n", 4, "wire is 0"),
        ] {
            let failure = play(text, None).expect_err(text).to_string();
            assert!(failure.starts_with(&format!("line {line}:")), "{failure}");
            assert!(failure.contains(word), "{failure}");
        }
    }

    #[test]
    fn what_is_held_is_on_its_way_for_as_long_as_the_story_says() {
        let text = "cluster 3 pre-vote=off\ncampaign 1\nhold 1->2 vote\nexpect wire=1 aside=1\n\
                    stabilize\nexpect 2 term=0\nexpect leader=1\nwire 1->2 vote\n----\n\n\
                    release to=3\nexpect aside=1\nrelease\nwire 1->2 vote\n----\n\
                    1->2 vote term=1 last=0/0\n\ncrash 2,3\nexpect 3 down\nrestart others\n\
                    expect 2 term=0\n";
        let failure =
            play(text, None).expect_err("a heartbeat told node 2 of the term").to_string();
        assert!(failure.starts_with("line 6:"), "{failure}");
        let text = text.replace("hold 1->2 vote", "cut 1->2\nhold 1->2 vote");
        assert_eq!(play(&text, None), Ok(()));
    }

    #[test]
    fn time_runs_until_something_is_so_or_while_it_stays_so() {
        let text = "cluster 3\nrun 2s until leader!=none\npropose leader\nrun 100ms\n\
                    expect committed>=2\nrun 500ms holding leader!=none term-over<=0\n\
                    isolate leader\n";
        assert_eq!(play(text, None), Ok(()));
        let never = format!("{text}run 100ms until leader=none\n");
        let Err(Failure::Disagrees { line: 8, what }) = play(&never, None) else {
            panic!("the old one leads for a while")
        };
        assert!(what.contains("not in all that time"), "{what}");
        let lost = format!("{text}isolate others\nrun 500ms holding leader!=none\n");
        assert!(matches!(play(&lost, None), Err(Failure::Disagrees { line: 9, .. })));
    }

    #[test]
    fn weather_is_the_same_for_the_same_seed() {
        let text = "cluster 3\nweather loss=20% dup=10% late=30ms seed=3\n\
                    run 3s until leader!=none\npropose leader 20\nrun 2s\ncount\nrun 100ms\n";
        let sent = |seed: &str| {
            let text = text.replace("seed=3", seed);
            let Err(Failure::Disagrees { line: 8, what }) =
                play(&format!("{text}expect messages=0\n"), None)
            else {
                panic!("a cluster is not silent for so long")
            };
            what
        };
        assert_eq!(sent("seed=3"), sent("seed=3"));
        assert_ne!(sent("seed=3"), sent("seed=4"));
    }

    // A planted bug: the checkers are on in every script.
    #[test]
    fn what_must_hold_is_checked_after_each_command() {
        let text = "cluster 3 pre-vote=off\npersist 1 slow\npersist 2 slow\npersist 3 slow\n\
                    campaign 1\npersist 1 hard\nstabilize\npersist 2 hard\nstabilize\n\
                    propose 1\nstabilize\n";
        assert_eq!(play(text, None), Ok(()));
        let planted = Some(gavel_raft::Mutation::CountSelfBeforeSync);
        let text = format!("{text}persist 2 log 9\nstabilize\n");
        let Err(Failure::Disagrees { what, .. }) = play(&text, planted) else {
            panic!("an entry that is on one disk only is committed")
        };
        assert!(what.contains("durable on a majority"), "{what}");
    }
}
