//! How a verb ended.

use gavel_client::{ClientError, DisconnectReason};
use std::process::ExitCode;

/// A promise of the node's that did not hold: a disagreement, although there is nothing to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The node's log lacks reports that it had sent.
    RolledBack,
    /// The node broke a rule of the session.
    Protocol(&'static str),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RolledBack => f.write_str("the node's log lacks reports that it had sent"),
            Self::Protocol(rule) => write!(f, "the node broke the session: {rule}"),
        }
    }
}

impl std::error::Error for Broken {}

/// Tells a node that broke its promise from one that could not be reached.
pub(crate) fn judge(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Fatal(DisconnectReason::Protocol(rule)) => Broken::Protocol(rule).into(),
        other => other.into(),
    }
}

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
    /// What an error comes to.
    #[must_use]
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<Broken>() { Self::Disagrees } else { Self::CouldNotRun }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_no_excuse() {
        let fatal = ClientError::Fatal(DisconnectReason::Protocol("a rule"));
        assert_eq!(Outcome::of(&judge(fatal).context("polling")), Outcome::Disagrees);
        assert_eq!(Outcome::of(&Broken::RolledBack.into()), Outcome::Disagrees);
        let (attempts, last) = (3, DisconnectReason::PeerClosed);
        let gone = ClientError::GaveUp { attempts, last };
        assert_eq!(Outcome::of(&judge(gone)), Outcome::CouldNotRun);
    }
}
