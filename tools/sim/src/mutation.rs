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
    /// The gateway drops a message when the ring to the sequencer is half full.
    GatewayDropsWhenTight,
    /// The transport drops what a full socket did not take.
    ShortWriteForgotten,
    /// The transport takes bytes, says that it took none, and is given them again.
    SentTwice,
    /// The machine's result depends on how long the process has run.
    Unrepeatable,
    /// The machine loses a unit of quantity now and then.
    QuantityLost,
    /// The SDK sends unanswered messages again under new numbers after a reconnect.
    SdkRenumbers,
    /// The SDK's connection forgets a message that was in its buffer when it broke.
    SdkForgets,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 14] = [
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
        Self::SdkRenumbers,
        Self::SdkForgets,
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
            Self::SdkRenumbers => "sdk-renumbers",
            Self::SdkForgets => "sdk-forgets",
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
