//! Every planted bug is found by a checker, within so many seeds, and by one that may find it.

use gavel_sim::{Mutation, hunt};

/// (mutation, most seeds, checkers that may find it).
const TABLE: &[(Mutation, u64, &[&str])] = &[
    (Mutation::DurableAtSubmit, 3, &["durable"]),
    (Mutation::DurableByAnyCompletion, 10, &["durable"]),
    (Mutation::LyingDisk, 3, &["durable", "snapshot"]),
    (Mutation::ReleaseIgnored, 3, &["durable"]),
    (Mutation::RecoveryDropsLastBlock, 3, &["oracle"]),
    (Mutation::IncarnationReused, 3, &["recovery"]),
    (Mutation::SequencesForgotten, 3, &["once"]),
    (Mutation::GatewayDropsWhenTight, 20, &["session", "once", "liveness", "replay"]),
    (Mutation::ShortWriteForgotten, 3, &["durable", "session", "ledger", "delivery"]),
    (Mutation::SentTwice, 3, &["durable", "session", "ledger", "delivery"]),
    (Mutation::Unrepeatable, 3, &["ledger", "oracle"]),
    (Mutation::QuantityLost, 3, &["ledger"]),
    (Mutation::WrongSide, 3, &["ledger", "oracle", "snapshot"]),
    (Mutation::CompletionLost, 10, &["liveness"]),
    (Mutation::SdkRenumbers, 3, &["once"]),
    (Mutation::SdkForgets, 3, &["session", "once"]),
    (Mutation::SdkAlters, 3, &["replay"]),
    (Mutation::DirectoryNotSynced, 10, &["survival", "oracle", "recovery"]),
    (Mutation::SyncRetried, 10, &["durable"]),
    (Mutation::TornTailTrusted, 10, &["recovery", "oracle"]),
    (Mutation::FileSyncRetried, 20, &["snapshot", "delivery", "ledger"]),
    (Mutation::RecycledTooEarly, 10, &["durable", "recovery", "oracle", "snapshot"]),
    (Mutation::ShadowAheadOfDurable, 10, &["durable", "delivery", "snapshot", "oracle"]),
    (Mutation::SnapshotIndexOffByOne, 3, &["snapshot", "recovery", "oracle"]),
    (Mutation::SessionsNotSaved, 3, &["snapshot", "oracle"]),
    (Mutation::SnapshotNameNotSynced, 10, &["snapshot"]),
    (Mutation::FloorOfNewest, 10, &["snapshot"]),
    (Mutation::FloorBeforeDurable, 10, &["snapshot"]),
    (Mutation::ReportsUnflushed, 10, &["delivery", "liveness", "once"]),
    (Mutation::FetchOffByOne, 10, &["delivery", "liveness", "ledger", "session", "once"]),
    (Mutation::CancelsAlthoughBack, 10, &["absence", "oracle", "snapshot", "ledger"]),
    (Mutation::TimersForgotten, 10, &["absence", "oracle", "snapshot", "ledger"]),
];

#[test]
fn every_planted_bug_is_found_by_a_checker() {
    assert_eq!(TABLE.len(), Mutation::ALL.len(), "the table has every mutation");
    for (mutation, most, checkers) in TABLE {
        let found = hunt(*mutation, 1, *most);
        let found = found.unwrap_or_else(|| panic!("{} is not found", mutation.name()));
        println!("{:<26} {:>3}  {:<9} {}", mutation.name(), found.seeds, found.checker, found.what);
        assert!(checkers.contains(&found.checker), "{}: {found:?}", mutation.name());
    }
}
