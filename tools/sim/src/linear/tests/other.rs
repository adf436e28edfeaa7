//! Against another checker: crate `todc-utils`, its own specification of one etcd register.
//!
//! It takes complete histories only. An operation that was never answered is closed at the very
//! end with an unknown result, which says the same: calls are total, so to never have happened and
//! to have happened after everything cannot be told apart. A get without an answer is left out, as
//! is what was refused.

use super::random::{Bug, Run, SMALL, Shape};
use super::*;
use todc_utils::specifications::etcd::{EtcdOperation, EtcdSpecification, EtcdStatus};
use todc_utils::{Action, History as Other, WGLChecker};

fn narrow(value: u64) -> u32 {
    value.try_into().expect("values are small")
}

/// A call, or its answer, in the other's terms.
fn said(operation: &Operation<Register>, status: EtcdStatus) -> EtcdOperation {
    match (operation.call.ask, &operation.ended) {
        (Get, Ended::Answered(RegisterAnswer::Holds(value))) => {
            EtcdOperation::Read(status, value.map(narrow))
        }
        (Get, _) => EtcdOperation::Read(status, None),
        (Put(value), _) => EtcdOperation::Write(status, narrow(value)),
        (CompareAndSwap { expected, new }, ended) => {
            let is_not = *ended == Ended::Answered(RegisterAnswer::Swapped(false));
            let status = match status {
                EtcdStatus::Okay if is_not => EtcdStatus::Fail,
                status => status,
            };
            let expected = narrow(expected.expect("it has no way to expect nothing"));
            EtcdOperation::CompareAndSwap(status, (expected, narrow(new)))
        }
    }
}

fn translated(history: &History<Register>) -> Vec<(usize, Action<EtcdOperation>)> {
    let (mut actions, mut unknown) = (Vec::new(), Vec::new());
    for event in history.events() {
        let (Event::Called(id) | Event::Ended(id)) = event;
        let operation = history.operation(*id);
        let is_get = operation.call.ask == Get;
        match (event, &operation.ended) {
            (_, Ended::Refused) => {}
            (_, Ended::Open) if is_get => {}
            (Event::Ended(_), _) => {
                actions.push((id.0, Action::Response(said(operation, EtcdStatus::Okay))));
            }
            (Event::Called(_), ended) => {
                actions.push((id.0, Action::Call(said(operation, EtcdStatus::Invoke))));
                if *ended == Ended::Open {
                    let response = said(operation, EtcdStatus::Unknown);
                    unknown.push((id.0, Action::Response(response)));
                }
            }
        }
    }
    actions.append(&mut unknown);
    actions
}

#[test]
fn another_checker_decides_the_same() {
    let (mut accepted, mut rejected, mut open) = (0, 0, 0);
    for bug in [Bug::None, Bug::StaleRead, Bug::LostUpdate, Bug::DoneTwice, Bug::AnyAnswer] {
        for seed in 0..8_000_u64 {
            let operations = 2 + seed as usize % 14;
            let shape = Shape { operations, clients: 4, keys: 1, values: 4, bug, ..SMALL };
            let open_one_in = 4 + seed / 14 % 16;
            let shape = Shape { expects_nothing: false, open_one_in, ..shape };
            let Run { history, .. } = Run::new(seed, shape).finish();
            let actions = translated(&history);
            if actions.is_empty() {
                continue; // which it does not take
            }
            let other =
                WGLChecker::<EtcdSpecification>::is_linearizable(Other::from_actions(actions));
            let ours = is_well(&check(&history, CONFIGURATIONS_MAX));
            assert_eq!(ours, other, "{bug:?}, seed {seed}");
            assert!(ours || bug != Bug::None, "seed {seed}");
            *(if ours { &mut accepted } else { &mut rejected }) += 1;
            open += history.operations().iter().filter(|one| one.ended == Ended::Open).count();
        }
    }
    println!("{accepted} accepted, {rejected} rejected, {open} operations without an answer");
    assert!(accepted > 10_000 && rejected > 5_000 && open > 10_000, "{accepted} {rejected} {open}");
}
