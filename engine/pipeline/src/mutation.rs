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
    /// A session's orders are cancelled for its absence although it came back in time.
    CancelsAlthoughBack,
    /// A start of a leader forgets whose orders are to be cancelled.
    TimersForgotten,
    /// The shadow applies what is in the log's files, durable or not.
    ShadowAheadOfDurable,
    /// A snapshot names the record after the one that its state holds.
    SnapshotIndexOffByOne,
    /// A snapshot holds the sessions as if nobody had sent anything.
    SessionsNotSaved,
    /// The directory is not synced after a snapshot got its name.
    DirectoryUnsynced,
    /// The log is given up to where the newest snapshot needs it, not the oldest.
    FloorOfNewest,
    /// The log is given up before the snapshot that needs less of it is durable.
    FloorBeforeDurable,
    /// A snapshot is written before the reports that belong to it.
    ReportsUnflushed,
    /// Stored reports are sent from the one after the one wanted.
    FetchOffByOne,
}
