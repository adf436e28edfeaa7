//! Bugs that are planted to see whether they are found: each is what a careless edit could leave.
//!
//! Inputs -> outputs: none; agents that have such a bug offer `plant`.
//! Not here: the bugs of other rooms; the checkers.

/// Commands that wait, from which on a gateway with that bug drops some.
pub(crate) const TIGHT: usize = 16;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Egress sends whatever the executor made, released or not.
    ReleaseIgnored,
    /// The gateway drops a message when [`TIGHT`] wait in the ring to the sequencer.
    DropsWhenTight,
    /// A machine that was recovered expects every session to begin its numbers anew.
    SequencesForgotten,
}
