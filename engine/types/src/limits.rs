//! Limits that more than one room depends on. Each is a bound that something enforces.

/// Most reports that one agent step may produce before it must look at its output again (slots).
/// A sweep longer than this pauses between fills and resumes.
pub const BURST: usize = 64;

/// Free slots that the gateway wants in each ring that it writes to before it reads a client; such
/// a ring is deeper than this, or no client is ever read.
pub const GATEWAY_ROOM_MIN: usize = 80;

/// Most levels a side that one market data query may ask for.
pub const MD_DEPTH_MAX: usize = 64;

/// Levels carried by one [`crate::MarketDataPart`].
pub const MD_LEVELS_PER_PART: usize = 4;

/// Most report slots that one market data answer takes.
pub const MD_PARTS_MAX: usize = (2 * MD_DEPTH_MAX).div_ceil(MD_LEVELS_PER_PART);

/// Most numbers of its flow that a client may skip at once; more is taken for a mistake and
/// refused.
pub const GAP_MAX: u64 = 1 << 32;

/// Bytes of a command's body.
pub const COMMAND_BODY_BYTES: usize = 88;

/// Bytes of a report's body.
pub const REPORT_BODY_BYTES: usize = 88;

// A whole market data answer is written in one step.
const _: () = assert!(MD_PARTS_MAX < BURST);
