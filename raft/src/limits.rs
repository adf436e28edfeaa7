//! Bounds of the core. Each is enforced where its name is used.

/// Node ids lie below this; 0 names no node. A set of nodes is one word.
pub const NODES_MAX: usize = 32;

/// Most members of a configuration, old and new halves, learners and witnesses together.
pub const MEMBERS_MAX: usize = 16;

/// Runs of equal term that a log has room for from the start. There are as many as there were terms
/// since the log begins: never more than entries, and a compaction forgets them. Whoever has more
/// takes memory for them, at an election. None is forgotten before its entries are, because a
/// follower may need them; none is refused, because that log could be the only one that can lead.
pub const RUNS_MAX: usize = 256;

/// No term and no index gets there, at a thousand million a second for a hundred years. Whoever
/// names a higher one errs or lies, and arithmetic on it could not be trusted.
pub const NUMBER_MAX: u64 = 1 << 62;

/// Terms of one cluster generation: at a thousand elections a second it has as many for 49 days, at
/// one a second for 136 years.
pub const TERMS_PER_GENERATION: u64 = 1 << 32;

/// Most runs that one message carries.
pub const RUNS_PER_MESSAGE: usize = 4;

/// Most appends in flight to one peer.
pub const WINDOW_MAX: usize = 64;

/// Most appends that one step sends to one peer; its answers bring the next ones.
pub const APPENDS_PER_STEP: usize = 4;

/// Most reads that wait for a round of heartbeats, or for the leader's answer.
pub const READS_MAX: usize = 64;

/// Rounds of heartbeats whose time of sending is remembered. An answer to an older one counts for
/// nothing.
pub const ROUNDS_MAX: usize = 64;

/// Configurations of a log that are remembered, newest last. Of two in a log the older one is
/// committed, so two are needed at most.
pub const CONFIGS_MAX: usize = 4;

/// Most messages that one step makes: a round of heartbeats, a round of appends, an answer to each
/// waiting read, and one more.
pub const STEP_SENDS_MAX: usize = MEMBERS_MAX * (APPENDS_PER_STEP + 2) + READS_MAX + 1;

/// Messages that an output has room for.
pub const SENDS_MAX: usize = 2 * STEP_SENDS_MAX;

/// Highest priority of a node in elections.
pub const PRIORITY_MAX: u8 = 10;

/// Election timeouts after which a leader whose `commit` does not move gives up (SAFETY 14).
pub const STALL_TIMEOUTS: u64 = 4;

// A set is a u32.
const _: () = assert!(NODES_MAX == u32::BITS as usize);
const _: () = assert!(MEMBERS_MAX < NODES_MAX);
const _: () = assert!(WINDOW_MAX.is_power_of_two() && ROUNDS_MAX.is_power_of_two());
const _: () = assert!(CONFIGS_MAX >= 2);
