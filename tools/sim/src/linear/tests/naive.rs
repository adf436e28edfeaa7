//! The definitions, word for word: every choice, every permutation, no cleverness, and none of the
//! checker's code. For a handful of operations.

use super::*;

type Store = BTreeMap<u64, Option<u64>>;

/// One operation, as the definitions need it.
#[derive(Clone, Copy, Debug)]
struct One {
    call: RegisterCall,
    called: usize,
    /// When it ended, and with what.
    answer: Option<(usize, RegisterAnswer)>,
    closed: Option<usize>,
    is_refused: bool,
    is_orphan: bool,
}

/// All of a prefix.
fn all(history: &History<Register>, lost: &[OpId], until: usize) -> Vec<One> {
    let operations = history.operations().iter().enumerate();
    let operations = operations.filter(|(_, operation)| operation.called.0 < until);
    let one = |(at, operation): (usize, &Operation<Register>)| {
        let closed = operation.closed.map(|closed| closed.0).filter(|closed| *closed < until);
        let answer = match (closed, &operation.ended) {
            (Some(closed), Ended::Answered(answer)) => Some((closed, *answer)),
            _ => None,
        };
        One {
            call: operation.call,
            called: operation.called.0,
            answer,
            closed,
            is_refused: closed.is_some() && operation.ended == Ended::Refused,
            is_orphan: lost.contains(&OpId(at)),
        }
    };
    operations.map(one).collect()
}

/// A single thread: whether it would have given these answers.
fn runs(store: &mut Store, order: &[One]) -> bool {
    order.iter().all(|one| {
        let held = store.entry(one.call.key).or_default();
        let told = match one.call.ask {
            Get => RegisterAnswer::Holds(*held),
            Put(value) => {
                *held = Some(value);
                RegisterAnswer::Done
            }
            CompareAndSwap { expected, new } => {
                let is_equal = *held == expected;
                if is_equal {
                    *held = Some(new);
                }
                RegisterAnswer::Swapped(is_equal)
            }
        };
        one.answer.is_none_or(|(_, answer)| answer == told)
    })
}

/// No operation follows another that was called only after its own end.
fn respects_time(order: &[One]) -> bool {
    let ended_before = |one: &One, other: &One| one.answer.is_some_and(|(at, _)| at < other.called);
    order.iter().enumerate().all(|(i, one)| !order[i..].iter().any(|o| ended_before(o, one)))
}

/// Whether some permutation does.
fn any_order(
    rest: &mut Vec<One>,
    order: &mut Vec<One>,
    does: &mut impl FnMut(&[One]) -> bool,
) -> bool {
    if rest.is_empty() {
        return respects_time(order) && does(order);
    }
    (0..rest.len()).any(|i| {
        order.push(rest.remove(i));
        let is_found = any_order(rest, order, does);
        let one = order.pop().expect("it was pushed");
        rest.insert(i, one);
        is_found
    })
}

/// Whether the first `until` events are linearizable.
pub(super) fn is_linearizable(history: &History<Register>, until: usize) -> bool {
    let all = all(history, &[], until).into_iter().filter(|one| !one.is_refused);
    let (ended, open): (Vec<One>, Vec<One>) = all.partition(|one| one.answer.is_some());
    (0_u32..1 << open.len()).any(|chosen| {
        let is_chosen = |(i, _): &(usize, &One)| chosen >> i & 1 == 1;
        let happened = open.iter().enumerate().filter(is_chosen).map(|(_, one)| *one);
        let mut rest = ended.iter().copied().chain(happened).collect();
        any_order(&mut rest, &mut Vec::new(), &mut |order| runs(&mut Store::new(), order))
    })
}

/// Whether a history is linearizable but for the tail that one fail-over lost: there is a log that
/// is kept, a place in it where the fail-over falls, and a tail that follows what is before.
pub(super) fn is_prefix_linearizable(
    history: &History<Register>,
    at: usize,
    lost: &[OpId],
) -> bool {
    let all = all(history, lost, history.now().0);
    // Of each operation: whether it is in the kept log, whether it or a copy of it is in the tail.
    (0_u32..1 << (2 * all.len())).any(|fates| {
        let (mut kept, mut tail) = (Vec::new(), Vec::new());
        for (i, one) in all.iter().enumerate() {
            let (is_kept, is_in_tail) = (fates >> (2 * i) & 1 == 1, fates >> (2 * i + 1) & 1 == 1);
            let is_answered = one.answer.is_some();
            let can_be = match one.is_orphan {
                true => !is_kept && (is_in_tail || !is_answered),
                false => {
                    let was_open = one.closed.is_none_or(|closed| closed >= at);
                    (is_kept || !is_answered)
                        && !(is_kept && one.is_refused)
                        && (was_open || !is_in_tail)
                }
            };
            if !can_be {
                return false;
            }
            if is_kept {
                kept.push(*one);
            }
            if is_in_tail {
                // An orphan's answer may arrive late, but it happened before. A copy has none.
                let answer = one.answer.filter(|_| one.is_orphan);
                tail.push(One { answer: answer.map(|(closed, a)| (closed.min(at), a)), ..*one });
            }
        }
        tail.iter().all(|one| one.called < at)
            && any_order(&mut kept, &mut Vec::new(), &mut |log| fails_over(log, &mut tail, at))
    })
}

/// Whether a log could have been cut at that moment, and the tail have been what was cut off.
fn fails_over(log: &[One], tail: &mut Vec<One>, at: usize) -> bool {
    runs(&mut Store::new(), log)
        && (0..=log.len()).any(|place| {
            let (before, after) = log.split_at(place);
            let is_before = before.iter().all(|one| one.called < at);
            let is_after = after.iter().all(|one| one.answer.is_none_or(|(ended, _)| ended >= at));
            let mut store = Store::new();
            runs(&mut store, before);
            let mut is_told = |order: &[One]| {
                respects_time(&[before, order].concat()) && runs(&mut store.clone(), order)
            };
            is_before && is_after && any_order(tail, &mut Vec::new(), &mut is_told)
        })
}
