//! The command line, as its users meet it: what it prints, what it answers, how a failure is told.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use gavel_sim::cli::{Kind, Trial};
use gavel_sim::less::Less;
use serde_json::Value;
use std::process::{Command, Output};

fn sim(words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel-sim"));
    command.args(words.split_whitespace()).output().unwrap()
}

/// The one line on standard output.
fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.lines().count(), 1, "one line of JSON:\n{text}\n{told}");
    serde_json::from_str(&text).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The words after `cargo xtask sim` of the line that begins so.
fn command(told: &str, begins: &str) -> String {
    let line = told.lines().find_map(|line| line.trim_start().strip_prefix(begins));
    let line = line.unwrap_or_else(|| panic!("no `{begins}` in:\n{told}"));
    line.trim().strip_prefix("cargo xtask sim ").unwrap().to_owned()
}

#[test]
fn seeds_of_both_kinds_come_to_one_line_and_are_the_same_in_another_process() {
    let words = "--profile all --seeds 1 --from 3 --until 2s --json";
    let (one, two) = (sim(&format!("{words} --jobs 2")), sim(&format!("{words} --jobs 1")));
    assert!(one.status.success(), "{}", told(&one));
    let (one, two) = (json(&one), json(&two));
    let profiles = one["profiles"].as_array().unwrap();
    assert_eq!(profiles.len(), Kind::all().len());
    assert_eq!(one["seeds"].as_u64(), Some(profiles.len() as u64));
    assert_eq!((one["violations"].as_u64(), one["from"].as_u64()), (Some(0), Some(3)));
    assert!(one["simulated_s"].as_f64() > Some(10.0) && one["faults"]["crash_at_call"].is_u64());
    for (kind, profile) in Kind::all().into_iter().zip(profiles) {
        let less = Less { until_ns: Some(2_000_000_000), ..Less::default() };
        let here = Trial { seed: 3, kind, bug: None, fails: None, less }.run();
        assert_eq!(profile["profile"], kind.name());
        assert_eq!(profile["hash"], format!("{:016x}", here.hash), "{}", kind.name());
    }
    assert_eq!(one["profiles"], two["profiles"]);
}

#[test]
fn a_person_is_shown_a_table_of_faults_and_how_fast_it_was() {
    let output = sim("--profile cluster-crashes --seeds 1 --until 30s");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", told(&output));
    for word in ["crash_at_write", "hours a minute", "times real time", "elected", "1 seeds"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}

/// As for `gavel-sim --list | head -1`.
#[test]
fn where_nobody_reads_on_it_ends_quietly() {
    for words in ["--list", "--profile cluster-calm --seeds 1 --until 1s --json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel-sim"));
        let output = command.args(words.split_whitespace()).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{words}");
        assert_eq!(told(&output), "", "{words}");
    }
}

#[test]
fn what_cannot_be_run_is_said_and_is_status_2() {
    for words in [
        "--profile none",
        "--mutate none",
        "--mutate state-drifts --profile storm",
        "--mutate state-drifts --mixed",
        "--profile storm --without wipe",
        "--profile cluster-calm --countdown",
        "--until 12",
    ] {
        let output = sim(words);
        assert_eq!(output.status.code(), Some(2), "{words}: {}", told(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words}");
    }
}

/// The seed, the commit, what came before, the command, a smaller world and its command, the line
/// for the regressions.
fn is_told_of(words: &str, how: &str, checker: &str) {
    let output = sim(&format!("{words} {how} --seeds 20 --json"));
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let (line, told) = (json(&output), told(&output));
    let failure = &line["failure"];
    assert_eq!(failure["checker"], checker, "{told}");
    assert_eq!(line["first_violation_seed"], failure["seed"]);
    assert!(failure["commit"].as_str().is_some_and(|commit| !commit.is_empty()));
    assert!(told.contains("violation: seed ") && told.contains(&format!("{checker}: ")), "{told}");
    assert!(told.lines().filter(|line| line.contains(" ms  ")).count() > 20, "{told}");
    let (profile, seed) = (failure["profile"].as_str().unwrap(), failure["seed"].as_u64().unwrap());
    let kept = gavel_sim::regressions::line(profile, seed, "", "");
    assert!(told.contains(kept.trim_end()), "{told}");

    let again = command(&told, "again:");
    let same = json(&sim(&format!("{again} --json --shrink-seconds 0 {how}")));
    assert_eq!(same["failure"]["what"], failure["what"]);
    assert_eq!(same["failure"]["elapsed_ns"], failure["elapsed_ns"]);
    assert_eq!(failure["again"].as_str(), Some(format!("cargo xtask sim {again}").as_str()));

    let smaller = command(&told, "smaller:");
    let small = json(&sim(&format!("{smaller} --json --shrink-seconds 0")));
    assert_eq!(small["failure"]["checker"], checker, "{smaller}");
    let faults = |line: &Value| line["failure"]["faults"].as_array().unwrap().len();
    assert!(faults(&small) <= faults(&same), "{smaller}");
    let lasts_ms = |line: &Value| line["failure"]["elapsed_ns"].as_u64().unwrap() / 1_000_000;
    assert!(lasts_ms(&small) <= lasts_ms(&same) + 1, "{smaller}");
}

#[test]
fn a_failure_of_one_node_is_told_of_and_made_small() {
    is_told_of("--mutate quantity-lost", "", "ledger");
}

#[test]
fn a_failure_of_a_cluster_is_told_of_and_made_small() {
    is_told_of("--mutate vote-forgotten", "", "one-vote");
}

/// Where builds unwind, and where they do not: there the process ends at the spot.
#[test]
fn an_assertion_of_the_product_is_told_of_as_well() {
    for profile in ["storm", "cluster-everything"] {
        let words = format!("--profile {profile} --assert-at-fault 4");
        is_told_of(&words, "", "assertion");
        is_told_of(&words, "--no-unwind", "assertion");
    }
}

#[test]
fn an_assertion_ends_the_count_of_seeds_only_where_builds_do_not_unwind() {
    let words = "--profile cluster-crashes --assert-at-fault 2 --seeds 3 --shrink-seconds 0 --json";
    let whole = json(&sim(words));
    assert_eq!((&whole["seeds"], &whole["violations"]), (&Value::from(3), &Value::from(3)));
    let cut = json(&sim(&format!("{words} --no-unwind --jobs 1")));
    assert_eq!((&cut["seeds"], &cut["violations"]), (&Value::from(1), &Value::from(1)));
}
