//! Runs the worlds of an agenda, several at one time, and adds up what came of them.
//!
//! Inputs -> outputs: an agenda -> [`Sum`]s by kind of world, said; true if every rule held.
//! Invariants: results are taken in the agenda's order, whichever world ends first, so that the
//! first failure is the same on every machine.
//! Not here: how results look (say.rs), what is told of a failure (failure.rs).

use super::agenda::Agenda;
use super::failure::Failure;
use super::kind::{Bug, Kind, Ran, Trial};
use super::{Cli, say};
use crate::check::Sights;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What all seeds of a kind together came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) seeds: u64,
    pub(super) violations: u64,
    pub(super) first: Option<u64>,
    pub(super) simulated: Duration,
    pub(super) events: u64,
    pub(super) commands: u64,
    pub(super) answers: u64,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) sights: Sights,
    /// Of each seed (ns).
    pub(super) recovered: Vec<u64>,
    /// Of all worlds' hashes, in order.
    pub(super) hash: u64,
}

impl Sum {
    pub(super) fn add(&mut self, seed: u64, ran: &Ran) {
        self.seeds += 1;
        self.simulated += Duration::from_nanos(ran.elapsed_ns);
        self.events += ran.events;
        self.commands += ran.commands;
        self.answers += ran.answers;
        self.sights.add(&ran.sights);
        self.recovered.extend(ran.recovered_ns);
        self.hash = self.hash.rotate_left(7) ^ ran.hash;
        ran.faults.iter().for_each(|(kind, n)| *self.faults.entry(kind).or_default() += n);
        if ran.violation.is_some() {
            self.violations += 1;
            self.first.get_or_insert(seed);
        }
    }

    /// Adds the worlds of another kind.
    pub(super) fn join(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.violations += other.violations;
        self.first = self.first.or(other.first);
        self.simulated += other.simulated;
        self.events += other.events;
        self.commands += other.commands;
        self.answers += other.answers;
        self.sights.add(&other.sights);
        self.recovered.extend(&other.recovered);
        self.hash = self.hash.rotate_left(7) ^ other.hash;
        other.faults.iter().for_each(|(kind, n)| *self.faults.entry(kind).or_default() += n);
    }
}

/// A run, as far as it has come.
pub(super) struct Run {
    pub(super) cli: Cli,
    pub(super) began: Instant,
    pub(super) sums: Vec<(Kind, Sum)>,
    pub(super) failure: Option<Failure>,
    bar: ProgressBar,
}

/// The run that is under way: a hook must be able to say what has come of it so far.
static RUN: Mutex<Option<Run>> = Mutex::new(None);

pub(super) fn under_way() -> MutexGuard<'static, Option<Run>> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run {
    /// Takes what came of a world, and the first failure with it.
    pub(super) fn take(&mut self, trial: &Trial, ran: &Ran) {
        let of_kind = |(kind, _): &&mut (Kind, Sum)| kind.name() == trial.kind.name();
        if let Some((_, sum)) = self.sums.iter_mut().find(of_kind) {
            sum.add(trial.seed, ran);
        }
        if ran.violation.is_some() && self.failure.is_none() {
            let failure = Failure::new(trial.clone(), ran, self.cli.shrink_seconds);
            self.bar.suspend(|| eprintln!("{}", failure.report()));
            self.failure = Some(failure);
        }
        let violations = self.violations();
        let word = format!("seed {} of {}, {violations} violations", trial.seed, trial.kind.name());
        self.bar.set_message(word);
        self.bar.inc(1);
    }

    pub(super) fn violations(&self) -> u64 {
        self.sums.iter().map(|(_, sum)| sum.violations).sum()
    }
}

/// Runs all of it; true if no rule was broken.
pub(super) fn run(cli: &Cli, agenda: &Agenda, bug: Option<Bug>) -> bool {
    let sums = agenda.kinds().into_iter().map(|kind| (kind, Sum::default())).collect();
    let bar = progress(agenda.count());
    let began = Instant::now();
    let run = Run { cli: cli.clone(), began, sums, failure: None, bar: bar.clone() };
    *under_way() = Some(run);
    let trial = |(kind, seed)| {
        let (fails, less) = (cli.fail_call, cli.less.clone());
        Trial { seed, kind, bug, fails, less }
    };
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = |results: &Sender<(u64, Trial, Ran)>| {
        while !is_over.load(Ordering::Relaxed)
            && cli.minutes.is_none_or(|limit| began.elapsed() < limit)
        {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = agenda.at(n).map(trial) else { return };
            let ran = trial.run();
            if results.send((n, trial, ran)).is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..cli.threads() {
            let sender = sender.clone();
            scope.spawn(move || work(&sender));
        }
        drop(sender);
        take_in_order(&receiver, |trial, ran| {
            // A planted bug is found once.
            let is_enough = bug.is_some() && ran.violation.is_some();
            if let Some(run) = under_way().as_mut() {
                run.take(trial, ran);
            }
            is_over.fetch_or(is_enough, Ordering::Relaxed);
            is_enough
        });
    });
    bar.finish_and_clear();
    let Some(run) = under_way().take() else { return false };
    say::run(&run);
    run.violations() == 0
}

/// Hands on what comes by its number, until that is enough.
fn take_in_order(
    results: &Receiver<(u64, Trial, Ran)>,
    mut take: impl FnMut(&Trial, &Ran) -> bool,
) {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for (n, trial, ran) in results {
        early.insert(n, (trial, ran));
        while let Some((trial, ran)) = early.remove(&next) {
            next += 1;
            if take(&trial, &ran) {
                return;
            }
        }
    }
}

/// Drawn only on a terminal.
pub(super) fn progress(length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => {
            (ProgressBar::new(length), "{bar:30} {pos}/{len} {elapsed} (left {eta}) {msg}")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {pos} worlds {elapsed} {msg}"),
    };
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Violation;

    #[test]
    fn the_first_failure_is_the_first_of_the_agenda_whichever_ends_first() {
        let kind = Kind::all()[0];
        let (sender, receiver) = channel();
        for n in [2_u64, 0, 3, 1] {
            let trial = Trial { seed: n, kind, bug: None, fails: None, less: Default::default() };
            let violation = (n > 0).then(|| Violation::new("x", "y"));
            let ran = Ran { violation, ..Ran::default() };
            sender.send((n, trial, ran)).expect("it is received");
        }
        drop(sender);
        let mut sum = Sum::default();
        take_in_order(&receiver, |trial, ran| {
            sum.add(trial.seed, ran);
            trial.seed == 2
        });
        assert_eq!((sum.seeds, sum.violations, sum.first), (3, 2, Some(1)));
    }
}
