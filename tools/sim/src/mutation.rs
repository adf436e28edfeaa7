//! Planted bugs: each must be found by a checker, or the checkers are worth nothing.
//!
//! Inputs -> outputs: a name -> which room errs, and how.
//! Invariants: a run without a mutation is a run of the product as it is.
//! Not here: the bugs themselves (journal and pipeline behind their feature `mutate`, ports.rs,
//! machine.rs, client.rs, node.rs).

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The journal raises `durable` when it submits a block.
    DurableAtSubmit,
    /// The journal raises `durable` to any block that completes, whatever is before it.
    DurableByAnyCompletion,
    /// The store drops the durable flag: what completes may be lost.
    LyingDisk,
    /// Egress sends whatever the executor made, released or not.
    ReleaseIgnored,
    /// Recovery does not see the last block.
    RecoveryDropsLastBlock,
    /// A restarted process takes its predecessor's incarnation.
    IncarnationReused,
    /// After a restart the machine expects every session to begin its numbers anew.
    SequencesForgotten,
    /// The gateway drops a message when some wait in the ring to the sequencer.
    GatewayDropsWhenTight,
    /// The transport drops what a full socket did not take.
    ShortWriteForgotten,
    /// The transport takes bytes, says that it took none, and is given them again.
    SentTwice,
    /// The machine's result depends on how long the process has run.
    Unrepeatable,
    /// The machine loses a unit of quantity now and then.
    QuantityLost,
    /// The machine takes a buyer for a seller now and then, and always the same.
    WrongSide,
    /// The store loses a completion now and then.
    CompletionLost,
    /// The SDK sends unanswered messages again under new numbers after a reconnect.
    SdkRenumbers,
    /// The SDK takes what a full socket left over for sent.
    SdkForgets,
    /// The SDK sends another quantity than it was given, now and then.
    SdkAlters,
    /// The store does not sync the directory: a segment's name may be lost.
    DirectoryNotSynced,
    /// The store tries a failed sync again, and takes its success for that of the first.
    SyncRetried,
    /// The same, of a file beside the log.
    FileSyncRetried,
    /// Recovery takes a torn block at the end for whole.
    TornTailTrusted,
    /// The store takes one segment more for a new one than it may.
    RecycledTooEarly,
    /// The shadow applies what is in the log's files, durable or not.
    ShadowAheadOfDurable,
    /// A snapshot names the record after the one that its state holds.
    SnapshotIndexOffByOne,
    /// A snapshot holds the sessions as if nobody had sent anything.
    SessionsNotSaved,
    /// The directory is not synced after a snapshot got its name.
    SnapshotNameNotSynced,
    /// The log is given up to where the newest snapshot needs it, not the oldest.
    FloorOfNewest,
    /// The log is given up before the snapshot that needs less of it is durable.
    FloorBeforeDurable,
    /// A snapshot is written before the reports that belong to it.
    ReportsUnflushed,
    /// Stored reports are sent from the one after the one wanted.
    FetchOffByOne,
    /// A session's orders are cancelled for its absence although it came back in time.
    CancelsAlthoughBack,
    /// A start forgets whose orders are to be cancelled.
    TimersForgotten,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::DurableAtSubmit,
        Self::DurableByAnyCompletion,
        Self::LyingDisk,
        Self::ReleaseIgnored,
        Self::RecoveryDropsLastBlock,
        Self::IncarnationReused,
        Self::SequencesForgotten,
        Self::GatewayDropsWhenTight,
        Self::ShortWriteForgotten,
        Self::SentTwice,
        Self::Unrepeatable,
        Self::QuantityLost,
        Self::WrongSide,
        Self::CompletionLost,
        Self::SdkRenumbers,
        Self::SdkForgets,
        Self::SdkAlters,
        Self::DirectoryNotSynced,
        Self::SyncRetried,
        Self::FileSyncRetried,
        Self::TornTailTrusted,
        Self::RecycledTooEarly,
        Self::ShadowAheadOfDurable,
        Self::SnapshotIndexOffByOne,
        Self::SessionsNotSaved,
        Self::SnapshotNameNotSynced,
        Self::FloorOfNewest,
        Self::FloorBeforeDurable,
        Self::ReportsUnflushed,
        Self::FetchOffByOne,
        Self::CancelsAlthoughBack,
        Self::TimersForgotten,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DurableAtSubmit => "durable-at-submit",
            Self::DurableByAnyCompletion => "durable-by-any-completion",
            Self::LyingDisk => "lying-disk",
            Self::ReleaseIgnored => "release-ignored",
            Self::RecoveryDropsLastBlock => "recovery-drops-last-block",
            Self::IncarnationReused => "incarnation-reused",
            Self::SequencesForgotten => "sequences-forgotten",
            Self::GatewayDropsWhenTight => "gateway-drops-when-tight",
            Self::ShortWriteForgotten => "short-write-forgotten",
            Self::SentTwice => "sent-twice",
            Self::Unrepeatable => "unrepeatable",
            Self::QuantityLost => "quantity-lost",
            Self::WrongSide => "wrong-side",
            Self::CompletionLost => "completion-lost",
            Self::SdkAlters => "sdk-alters",
            Self::SdkRenumbers => "sdk-renumbers",
            Self::SdkForgets => "sdk-forgets",
            Self::DirectoryNotSynced => "directory-not-synced",
            Self::SyncRetried => "sync-retried",
            Self::FileSyncRetried => "file-sync-retried",
            Self::TornTailTrusted => "torn-tail-trusted",
            Self::RecycledTooEarly => "recycled-too-early",
            Self::ShadowAheadOfDurable => "shadow-ahead-of-durable",
            Self::SnapshotIndexOffByOne => "snapshot-index-off-by-one",
            Self::SessionsNotSaved => "sessions-not-saved",
            Self::SnapshotNameNotSynced => "snapshot-name-not-synced",
            Self::FloorOfNewest => "floor-of-newest",
            Self::FloorBeforeDurable => "floor-before-durable",
            Self::ReportsUnflushed => "reports-unflushed",
            Self::FetchOffByOne => "fetch-off-by-one",
            Self::CancelsAlthoughBack => "cancels-although-back",
            Self::TimersForgotten => "timers-forgotten",
        }
    }

    /// The kind of world in which it shows.
    #[must_use]
    pub fn profile(self) -> &'static str {
        match self {
            // What one client alone asked for says what the book must be.
            Self::SdkAlters => "single",
            // No crash may hide that somebody waits for ever.
            Self::CompletionLost => "calm",
            // Elsewhere no call to files fails.
            Self::FileSyncRetried => "tight",
            _ => "storm",
        }
    }

    /// A bug of the session rules. The oracle's machine has it as well, so that it need not show as
    /// a difference between the two.
    #[must_use]
    pub fn of_rules(self) -> Option<gavel_pipeline::Mutation> {
        match self {
            Self::CancelsAlthoughBack => Some(gavel_pipeline::Mutation::CancelsAlthoughBack),
            Self::TimersForgotten => Some(gavel_pipeline::Mutation::TimersForgotten),
            _ => None,
        }
    }

    /// The mutation of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutation| mutation.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_one() {
        for mutation in Mutation::ALL {
            assert_eq!(Mutation::named(mutation.name()), Some(mutation));
        }
        assert_eq!(Mutation::named("none"), None);
    }
}
