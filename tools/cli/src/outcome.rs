//! How a verb ended.

use std::process::ExitCode;

/// Exit status of `gavel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was looked at agrees.
    Agrees,
    /// It disagrees, or falls short.
    Disagrees,
    /// There was nothing to look at.
    CouldNotRun,
}

impl Outcome {
    /// [`Outcome::Agrees`] if so.
    #[must_use]
    pub fn agrees_if(agrees: bool) -> Self {
        if agrees { Self::Agrees } else { Self::Disagrees }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Agrees => 0,
            Outcome::Disagrees => 1,
            Outcome::CouldNotRun => 2,
        })
    }
}
