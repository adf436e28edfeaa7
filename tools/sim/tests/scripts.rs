//! The interaction scripts of `raft/testdata` agree, and planted bugs make some of them disagree.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use gavel_raft::Mutation;
use gavel_sim::script::{Failure, play};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Names and texts of all scripts.
fn scripts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../raft/testdata");
    let mut scripts: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn all_scripts_agree() {
    let scripts = scripts();
    assert!(scripts.len() >= 80, "the scripts are found");
    let failed: Vec<String> = scripts
        .iter()
        .filter_map(|(name, text)| {
            let ended = catch_unwind(AssertUnwindSafe(|| play(text, None)));
            let ended = ended.unwrap_or_else(|_| {
                Err(Failure::Unplayable { line: 0, what: String::from("it panicked") })
            });
            ended.err().map(|failure| format!("{name}: {failure}"))
        })
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// The page that says how to write a script has two whole ones.
#[test]
fn the_examples_of_the_page_agree() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../raft/testdata/README.md");
    let page = fs::read_to_string(page).unwrap();
    let mut examples = vec![String::new()];
    for line in page.lines() {
        match line.strip_prefix("    ") {
            Some(line) => *examples.last_mut().unwrap() += &format!("{line}\n"),
            None => examples.push(String::new()),
        }
    }
    let is_whole = |text: &&String| text.lines().any(|line| line.starts_with("cluster "));
    let whole: Vec<&String> = examples.iter().filter(is_whole).collect();
    assert_eq!(whole.len(), 2, "the examples are found");
    for text in whole {
        assert_eq!(play(text, None), Ok(()), "{text}");
    }
}

/// What a shell sees: 0 if all agree, 1 if one disagrees, 2 if one cannot be played or read; and
/// the line of each.
#[test]
fn the_exit_status_says_how_it_ended() {
    let folder = std::env::temp_dir().join(format!("gavel-scripts-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let right = "cluster 3\ncampaign 1\nstabilize\nexpect leader=1\n";
    for (name, text) in [
        ("right", right.to_owned()),
        ("wrong", right.replace("leader=1", "leader=2")),
        ("unknown", right.replace("stabilize", "dance")),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    for (names, status, said) in [
        (&["right"][..], 0, "right: agrees"),
        (&["right", "wrong", "right"], 1, "wrong: line 4: expect leader=2: leader is 1, not 2"),
        (&["wrong", "unknown"], 2, "unknown: line 3: cannot be played: no command is named dance"),
        (&["absent"], 2, ""),
        (&[], 2, ""),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gavel-sim"));
        let ended = command.arg("script").args(names).current_dir(&folder).output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{names:?}");
        let out = String::from_utf8(ended.stdout).unwrap();
        assert!(out.contains(said), "{out}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// Each planted bug, and a script that tells of it. Others may disagree too.
const TOLD_BY: &[(Mutation, &str)] = &[
    (Mutation::CommitOldTerm, "figure-8"),
    (Mutation::VoteForStaleLog, "figure-8-committed"),
    (Mutation::VoteTwice, "split-vote"),
    (Mutation::VoteBeforeSync, "vote-survives-a-crash"),
    (Mutation::TruncateOnMatch, "reordered-appends"),
    (Mutation::OldCompletionCounts, "async-aba"),
    (Mutation::CountSelfBeforeSync, "parallel-persist"),
    (Mutation::WitnessCounts, "witness"),
    (Mutation::LearnerCounts, "learners"),
    (Mutation::ReadBeforeOwnCommit, "read-before-commit"),
    (Mutation::ReadWithoutRound, "read-index-partition"),
    (Mutation::ReadByOldRound, "read-fresh-round"),
    (Mutation::ReleaseBeforeOwnCommit, "release-after-own-commit"),
    (Mutation::LeaseFromReceipt, "lease-drift"),
    (Mutation::LeaseGrows, "patience-and-lease"),
    (Mutation::NoHoldBack, "suspicion-is-no-proof"),
    (Mutation::EvidenceUnannounced, "evidence-unannounced"),
    (Mutation::EvidenceOfOlder, "evidence-of-an-older-holder"),
    (Mutation::HalfOfJoint, "joint-new-half"),
    (Mutation::LeaseKeptOnTransfer, "transfer-fails"),
    (Mutation::OldSnapshotInstalled, "snapshot-broken"),
    (Mutation::WipedDiskCounts, "wiped-disk"),
    (Mutation::CommitUnverified, "stale-leader"),
    (Mutation::PrevUnchecked, "figure-7"),
    (Mutation::ChangeTooEarly, "change-too-early"),
    (Mutation::ReceivedSurvives, "held"),
    (Mutation::ReadNameReused, "read-names"),
];

#[test]
fn every_planted_bug_is_told_of() {
    std::panic::set_hook(Box::new(|_| {}));
    let scripts = scripts();
    let text = |name: &str| &scripts.iter().find(|(script, _)| script == name).unwrap().1;
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        let (_, name) = TOLD_BY.iter().find(|(told, _)| *told == mutation).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| play(text(name), Some(mutation))));
        match ended {
            Ok(Err(Failure::Disagrees { line, what })) => {
                println!("{mutation:?}: {name}, line {line}: {what}");
            }
            other => missed.push(format!("{mutation:?} in {name}: {other:?}")),
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not told of:\n{}", missed.join("\n"));
}
