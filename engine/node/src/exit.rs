//! Exit statuses of a node, each with one meaning.

/// Stopped because it was asked to.
pub const OK: u8 = 0;
/// The command line or the configuration is wrong.
pub const USAGE: u8 = 2;
/// The data directory cannot be used: permissions, another process, not enough room.
pub const DIRECTORY: u8 = 3;
/// Recovery refused the log: serving from it could lose or repeat an order.
pub const RECOVERY: u8 = 4;
/// The address cannot be listened on.
pub const ADDRESS: u8 = 5;
/// A write or sync of the log failed while running: never retried (ARCHITECTURE.md, invariant
/// 7).
pub const STORAGE: u8 = 6;
