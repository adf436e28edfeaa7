//! Named steps, timed, and the table at the end.
//!
//! Inputs -> outputs: names and work -> rows; rows -> a table.
//! Invariants: a step is ok, failed or SKIPPED with a reason; nothing else, and never silently.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// Could not run here, and why.
    Skipped(String),
}

impl Outcome {
    /// Of a step that either passed or failed.
    pub(crate) fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    name: String,
    took: Duration,
    outcome: Outcome,
}

/// Steps that ran so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    rows: Vec<Row>,
}

impl Steps {
    /// Runs one step, prints its name before and its time after; false if it failed.
    pub(crate) fn run(
        &mut self,
        name: &str,
        work: impl FnOnce() -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<bool> {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let outcome = work()?;
        let took = start.elapsed();
        let word = match &outcome {
            Outcome::Passed => String::from("ok"),
            Outcome::Failed => String::from("FAILED"),
            Outcome::Skipped(why) => format!("SKIPPED: {why}"),
        };
        eprintln!("== {name}: {word} ({:.1} s)", took.as_secs_f64());
        let go_on = outcome != Outcome::Failed;
        self.rows.push(Row { name: name.to_owned(), took, outcome });
        Ok(go_on)
    }

    /// True if none failed.
    pub(crate) fn all_passed(&self) -> bool {
        self.rows.iter().all(|row| row.outcome != Outcome::Failed)
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
        let mut table = format!("{:width$}  {:>8}  outcome\n", "step", "seconds");
        for row in &self.rows {
            let outcome = match &row.outcome {
                Outcome::Passed => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Skipped(why) => &format!("SKIPPED: {why}"),
            };
            let seconds = row.took.as_secs_f64();
            let written = writeln!(table, "{:width$}  {seconds:>8.1}  {outcome}", row.name);
            written.expect("a String takes every write");
        }
        let total: Duration = self.rows.iter().map(|row| row.took).sum();
        let written = writeln!(table, "{:width$}  {:>8.1}", "all", total.as_secs_f64());
        written.expect("a String takes every write");
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_and_is_named() {
        let mut steps = Steps::default();
        assert!(steps.run("one", || Ok(Outcome::Passed)).expect("ran"));
        assert!(steps.run("two", || Ok(Outcome::Skipped(String::from("no data")))).expect("ran"));
        assert!(steps.all_passed());
        assert!(!steps.run("three", || Ok(Outcome::Failed)).expect("ran"));
        assert!(!steps.all_passed());
        let table = steps.table();
        assert!(table.contains("SKIPPED: no data"), "{table}");
        let three = table.lines().find(|line| line.starts_with("three"));
        assert!(three.is_some_and(|line| line.ends_with("FAILED")), "{table}");
    }
}
