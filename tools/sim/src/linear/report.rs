//! Why a history is not linearizable, for a person.
//!
//! Inputs -> outputs: the smallest prefix that no order explains -> lines in real time, by call.
//! Limits: [`LINES_MAX`].
//! Not here: the search for it (decide).

use super::model::Model;
use super::prefix::{FailOvers, Torn};
use super::{Ended, History, Moment, OpId};
use gavel_types::Nanos;
use std::fmt::{Display, Formatter, Result};

/// Operations that are shown: the last ones, by call.
pub const LINES_MAX: usize = 40;

/// Earlier operations that are shown beside them, for they are open, and may still happen.
const OPEN_LINES_MAX: usize = 20;

/// Why a history is not linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refutation {
    /// In a sentence.
    pub what: String,
    /// The operation whose answer cannot be.
    pub last: OpId,
    /// Events of the smallest prefix that no order explains.
    pub events: usize,
    /// What it could have answered instead; some of it, if there is much.
    pub possible: Vec<String>,
    /// The operations of that prefix on that key, by call.
    pub operations: Vec<OpId>,
    /// They, and fail-overs, in real time; if there are many, the last ones, and open ones before.
    pub lines: Vec<String>,
}

/// What was found.
pub(super) struct Facts {
    pub(super) key: String,
    pub(super) last: OpId,
    pub(super) operations: Vec<OpId>,
    pub(super) possible: Vec<String>,
    pub(super) until: Moment,
}

impl Refutation {
    pub(super) fn new<M: Model>(
        history: &History<M>,
        fail_overs: &FailOvers,
        facts: Facts,
    ) -> Self {
        let Facts { key, last, operations, possible, until } = facts;
        let operation = history.operation(last);
        let answer = answer_of(history, last, until);
        let instead = match possible.as_slice() {
            [] => String::from("and no other answer would explain it"),
            possible => format!("where it could have answered {}", possible.join(" or ")),
        };
        let (client, call) = (operation.client.0, &operation.call);
        let what = format!(
            "no order of the operations on key {key} explains what client {client} was told: \
             `{call}` answered {answer}, {instead}"
        );
        let lines = lines(history, fail_overs, &operations, until);
        Self { what, last, events: until.0, possible, operations, lines }
    }

    /// Of a fail-over that lost something else than a suffix.
    pub(super) fn of_torn<M: Model>(
        history: &History<M>,
        fail_overs: &FailOvers,
        torn: &Torn,
    ) -> Self {
        let [orphan, kept] = [torn.orphan, torn.kept].map(|id| &history.operation(id).call);
        let number = torn.fail_over;
        let what = format!(
            "fail-over {number} lost `{orphan}`, which was answered, and kept `{kept}`, which was \
             called after that: what it lost is no suffix of the log"
        );
        let operations = vec![torn.orphan, torn.kept];
        let until = fail_overs.moments()[number];
        let lines = lines(history, fail_overs, &operations, until);
        Self { what, last: torn.kept, events: until.0, possible: Vec::new(), operations, lines }
    }
}

impl Display for Refutation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{}", self.what)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

fn lines<M: Model>(
    history: &History<M>,
    fail_overs: &FailOvers,
    operations: &[OpId],
    until: Moment,
) -> Vec<String> {
    let (earlier, latest) = operations.split_at(operations.len().saturating_sub(LINES_MAX));
    let is_open = |id: &&OpId| !history.operation(**id).is_closed_before(until);
    let open = earlier.iter().rev().filter(is_open).take(OPEN_LINES_MAX);
    let mut shown: Vec<OpId> = open.chain(latest).copied().collect();
    shown.sort_unstable();
    let mut lines = Vec::new();
    let Some(first) = shown.first().map(|id| history.operation(*id).called) else { return lines };
    match operations.len() - shown.len() {
        0 => {}
        hidden => lines.push(format!("({hidden} earlier operations of that key are not shown)")),
    }
    let is_shown = |(_, at): &(usize, &Moment)| first <= **at && **at <= until;
    let mut past = fail_overs.moments().iter().enumerate().filter(is_shown).peekable();
    for id in shown {
        let called = history.operation(id).called;
        while let Some((number, _)) = past.next_if(|(_, at)| **at <= called) {
            lines.push(format!("-- fail-over {number} --"));
        }
        lines.push(line(history, fail_overs, id, until));
    }
    lines.extend(past.map(|(number, _)| format!("-- fail-over {number} --")));
    lines
}

fn line<M: Model>(history: &History<M>, fail_overs: &FailOvers, id: OpId, until: Moment) -> String {
    let operation = history.operation(id);
    let end = match operation.is_closed_before(until) {
        true => ms(operation.ended_at),
        false => String::new(),
    };
    let fate = fail_overs.lost_by(id);
    let fate = fate.map_or(String::new(), |by| format!("  (lost by fail-over {by})"));
    format!(
        "#{:<5} client {:<3} {:>13} .. {:>13} ms  {} -> {}{fate}",
        id.0,
        operation.client.0,
        ms(operation.called_at),
        end,
        operation.call,
        answer_of(history, id, until),
    )
}

fn answer_of<M: Model>(history: &History<M>, id: OpId, until: Moment) -> String {
    let operation = history.operation(id);
    match &operation.ended {
        Ended::Answered(answer) if operation.is_closed_before(until) => answer.to_string(),
        Ended::Refused if operation.is_closed_before(until) => String::from("refused"),
        _ => String::from("(open)"),
    }
}

fn ms(at: Nanos) -> String {
    format!("{}.{:06}", at.0 / 1_000_000, at.0 % 1_000_000)
}
