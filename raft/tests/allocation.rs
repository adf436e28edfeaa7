//! After its start a core takes no memory: rounds, heartbeats, elections.

use gavel_io::hot_alloc::{self, HotGuard};
use gavel_raft::memory::Trio;

#[global_allocator]
static GUARD: HotGuard = HotGuard;

#[test]
fn a_step_allocates_nothing() {
    let mut trio = Trio::new();
    hot_alloc::mark_hot();
    let seen = Box::new(1);
    drop(seen);
    let planted = hot_alloc::counted();
    for entries in 1..2_000 {
        trio.round(entries % 300 + 1);
        if entries % 50 == 0 {
            trio.beat(15_000_000);
        }
        if entries % 200 == 0 {
            trio.change_leaders();
        }
    }
    hot_alloc::mark_cold();
    assert!(planted > 0, "the allocator counts");
    assert_eq!(hot_alloc::counted(), planted);
}
