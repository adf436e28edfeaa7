//! Looks for a smaller world that fails as the first one did.
//!
//! ```text
//! end earlier -> no faults at all, or fewer kinds -> fewer of the numbered faults
//!             -> fewer nodes, clients, commands -> end earlier again -> fewer faults again
//! ```
//!
//! Inputs -> outputs: a trial that fails -> one that leaves more out and fails by the same checker.
//! Invariants: what it finds has failed when it was tried last; it ends in time.
//! Limits: it finds a small one, not the smallest: another order of leaving out may find another.
//! Source: Zeller and Hildebrandt, Simplifying and isolating failure-inducing input (2002), for the
//! halves of halves.

use super::attempt::{self, Attempt};
use super::kind::Trial;
use crate::check::Violation;
use crate::less::{Less, Numbers};
use std::time::{Duration, Instant};

/// Times that the end is looked for in the middle of what is left.
const HALVINGS: u32 = 7;

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Shrunk {
    pub(super) trial: Trial,
    pub(super) tries: u64,
    pub(super) seconds: f64,
    /// Numbered faults that happen in it.
    pub(super) faults: usize,
}

/// Tries worlds in processes of their own; none if none is smaller.
pub(super) fn with_processes(trial: &Trial, found: &Violation, seconds: u64) -> Option<Shrunk> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut attempt =
        |trial: &Trial| attempt::run(trial, deadline.saturating_duration_since(Instant::now()));
    shrink(trial, found.checker, deadline, &mut attempt)
}

type Attempts<'a> = &'a mut dyn FnMut(&Trial) -> Option<Attempt>;

struct Shrinker<'a> {
    best: Trial,
    /// Of the best.
    found: Attempt,
    tries: u64,
    deadline: Instant,
    attempt: Attempts<'a>,
}

fn shrink(
    trial: &Trial,
    checker: &str,
    deadline: Instant,
    attempt: Attempts<'_>,
) -> Option<Shrunk> {
    let began = Instant::now();
    // What is known of it so far came from elsewhere: it must fail here as well.
    let found = attempt(trial).filter(|found| found.checker == checker)?;
    let mut shrinker = Shrinker { best: trial.clone(), found, tries: 1, deadline, attempt };
    shrinker.all();
    let Shrinker { best, found, tries, .. } = shrinker;
    let seconds = began.elapsed().as_secs_f64();
    let faults = found.faults.len();
    (best.less != trial.less).then_some(Shrunk { trial: best, tries, seconds, faults })
}

impl Shrinker<'_> {
    fn all(&mut self) {
        self.earlier();
        let is_calm = self.try_less(|less| less.only = Some(Numbers::default()));
        self.kinds();
        if !is_calm {
            self.numbers();
        }
        self.smaller();
        self.earlier();
        if !is_calm {
            self.numbers();
        }
    }

    /// True if it still fails, and by the same checker: then it is the best.
    fn try_less(&mut self, change: impl FnOnce(&mut Less)) -> bool {
        let mut trial = self.best.clone();
        change(&mut trial.less);
        if trial.less == self.best.less || Instant::now() >= self.deadline {
            return false;
        }
        self.tries += 1;
        match (self.attempt)(&trial) {
            Some(found) if found.checker == self.found.checker => {
                (self.best, self.found) = (trial, found);
                true
            }
            _ => false,
        }
    }

    /// The weather ends earlier.
    fn earlier(&mut self) {
        let mut least_ms = 0;
        let failed_ms = |found: &Attempt| found.elapsed_ns.div_ceil(1_000_000);
        let until_ms = |less: &Less| less.until_ns.map_or(u64::MAX, |ns| ns / 1_000_000);
        let at_ms = failed_ms(&self.found);
        if at_ms < until_ms(&self.best.less) {
            self.try_less(|less| less.until_ns = Some(at_ms * 1_000_000));
        }
        for _ in 0..HALVINGS {
            let most_ms = until_ms(&self.best.less).min(failed_ms(&self.found));
            let middle_ms = least_ms + most_ms.saturating_sub(least_ms) / 2;
            if !self.try_less(|less| less.until_ns = Some(middle_ms * 1_000_000)) {
                least_ms = middle_ms;
            }
        }
    }

    /// Kinds of faults that need not be.
    fn kinds(&mut self) {
        for kind in self.found.kinds.clone() {
            if self.best.less.has(&kind) {
                self.try_less(|less| less.without.push(kind));
            }
        }
    }

    /// Numbered faults that need not be: all of them, then halves of halves.
    fn numbers(&mut self) {
        let mut size = self.found.faults.len();
        while size > 0 {
            let mut start = 0;
            while start < self.found.faults.len() {
                let mut left = self.found.faults.clone();
                let end = left.len().min(start + size);
                left.drain(start..end);
                if !self.try_less(|less| less.only = Some(Numbers(left))) {
                    start += size;
                }
            }
            size /= 2;
        }
    }

    /// Fewer nodes, clients and commands.
    fn smaller(&mut self) {
        if self.best.kind.is_cluster() {
            self.try_less(|less| less.nodes = Some(3));
        }
        let _ = (1..=3).any(|clients| self.try_less(|less| less.clients = Some(clients)));
        for _ in 0..HALVINGS {
            let half = self.found.commands / 2;
            if half == 0 || !self.try_less(|less| less.commands = Some(half)) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Kind;

    /// A world of 40 faults, of which a few matter: it fails at 20 s if they happen.
    fn fails(trial: &Trial, needs: &[u64]) -> Option<Attempt> {
        let less = &trial.less;
        let kind = |number: u64| if number.is_multiple_of(3) { "crash" } else { "wipe" };
        let faults: Vec<u64> = (1..=40).filter(|n| less.has_fault(*n, kind(*n))).collect();
        let is_long = less.until_ns.is_none_or(|ns| ns >= 12_000_000_000);
        let is_there = needs.iter().all(|number| faults.contains(number));
        let checker = if less.clients == Some(1) { "another" } else { "once" };
        (is_long && is_there).then(|| Attempt {
            checker: checker.to_owned(),
            elapsed_ns: 20_000_000_000.min(less.until_ns.unwrap_or(u64::MAX)),
            commands: less.commands.unwrap_or(5_000).min(5_000),
            kinds: faults.iter().map(|number| kind(*number).to_owned()).collect(),
            faults,
            ..Attempt::default()
        })
    }

    fn shrunk(needs: &[u64]) -> Shrunk {
        let kind = Kind::named("cluster-everything").expect("a kind");
        let trial = Trial { seed: 1, kind, bug: None, fails: None, less: Less::default() };
        let deadline = Instant::now() + Duration::from_secs(600);
        shrink(&trial, "once", deadline, &mut |trial| fails(trial, needs)).expect("a smaller one")
    }

    #[test]
    fn what_does_not_matter_is_left_out_and_what_matters_stays() {
        let less = shrunk(&[3, 17, 21]).trial.less;
        assert_eq!(less.only, Some(Numbers(vec![3, 17, 21])));
        let until_s = less.until_ns.expect("it ends earlier") / 1_000_000_000;
        assert!((12..14).contains(&until_s), "{until_s} s");
        // With one client another rule breaks: that is another failure.
        assert_eq!((less.clients, less.nodes), (Some(2), Some(3)));
        assert!(less.commands.is_some_and(|commands| commands < 100));
        let less = shrunk(&[]).trial.less;
        assert_eq!(less.only, Some(Numbers(Vec::new())));
        let less = shrunk(&[3, 21]).trial.less;
        assert_eq!(
            (less.only, &less.without[..]),
            (Some(Numbers(vec![3, 21])), &["wipe".into()][..])
        );
    }

    #[test]
    fn what_is_out_of_time_or_does_not_fail_again_is_not_made_smaller() {
        let kind = Kind::all()[0];
        let trial = Trial { seed: 1, kind, bug: None, fails: None, less: Less::default() };
        let fail = |trial: &Trial| fails(trial, &[3]);
        assert!(shrink(&trial, "once", Instant::now(), &mut { fail }).is_none());
        let later = Instant::now() + Duration::from_secs(600);
        assert!(shrink(&trial, "another", later, &mut { fail }).is_none());
    }
}
