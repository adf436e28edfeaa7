//! The checker against stories, against every permutation, against another checker.
//!
//! A story is told in lines: `client> call` and `client< answer`, one operation of a client at a
//! time. `client>! call` will be lost by the next fail-over, which is the line `--`.

mod examples;
mod lost;
mod naive;
mod other;
mod random;
mod speed;

use super::*;
use RegisterAsk::{CompareAndSwap, Get, Put};
use std::collections::BTreeMap;

/// The history of a story, and its fail-overs.
fn told(story: &str) -> (History<Register>, FailOvers) {
    let (mut history, mut fail_overs) = (History::default(), FailOvers::default());
    let (mut open, mut lost) = (BTreeMap::new(), Vec::new());
    for (at, line) in story.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let at = Nanos(at as u64 * 1_000);
        if line == "--" {
            fail_overs.add(history.now(), lost.drain(..));
        } else if let Some((client, call)) = line.split_once('>') {
            let (is_lost, call) = call.strip_prefix('!').map_or((false, call), |call| (true, call));
            let id = history.call(Client(client.parse().unwrap()), call_of(call), at);
            assert_eq!(open.insert(client, id), None, "one at a time");
            lost.extend(is_lost.then_some(id));
        } else {
            let (client, answer) = line.split_once('<').unwrap();
            let id = open.remove(client).unwrap();
            match answer.trim() {
                "refused" => history.refuse(id, at),
                answer => history.answer(id, answer_of(answer), at),
            }
        }
    }
    assert!(lost.is_empty(), "who loses {lost:?}?");
    (history, fail_overs)
}

fn value_of(text: &str) -> Option<u64> {
    (text != "nothing").then(|| text.parse().unwrap())
}

fn call_of(text: &str) -> RegisterCall {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (key, ask) = match words.as_slice() {
        ["get", key] => (key, Get),
        ["put", key, value] => (key, Put(value.parse().unwrap())),
        ["cas", key, expected, new] => {
            (key, CompareAndSwap { expected: value_of(expected), new: new.parse().unwrap() })
        }
        _ => panic!("what is {text}?"),
    };
    RegisterCall { key: key.parse().unwrap(), ask }
}

fn answer_of(text: &str) -> RegisterAnswer {
    match text {
        "done" => RegisterAnswer::Done,
        "swapped" => RegisterAnswer::Swapped(true),
        "not swapped" => RegisterAnswer::Swapped(false),
        value => RegisterAnswer::Holds(value_of(value)),
    }
}

fn is_well(decision: &Decision) -> bool {
    match decision {
        Decision::Linearizable { .. } => true,
        Decision::Violated(_) => false,
        Decision::Undecided { keys } => panic!("{keys:?} are undecided"),
    }
}

fn decided(history: &History<Register>, fail_overs: &FailOvers) -> Decision {
    check_prefix(history, fail_overs, CONFIGURATIONS_MAX)
}

#[track_caller]
fn accepts(story: &str) {
    let (history, fail_overs) = told(story);
    if let Decision::Violated(refutation) = decided(&history, &fail_overs) {
        panic!("{refutation}");
    }
}

#[track_caller]
fn rejects(story: &str) -> Refutation {
    let (history, fail_overs) = told(story);
    match decided(&history, &fail_overs) {
        Decision::Violated(refutation) => *refutation,
        decision => panic!("{decision:?} of {story}"),
    }
}
