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
    /// Recovery takes a torn block at the end for whole.
    TornTailTrusted,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 20] = [
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
        Self::TornTailTrusted,
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
            Self::TornTailTrusted => "torn-tail-trusted",
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
            _ => "storm",
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
