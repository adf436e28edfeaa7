//! the write-ahead log: format, group commit, recovery.
