//! Failpoints: every operation on a file passes here, so that a test can have any of them fail.
//!
//! ```ignore
//! faults::call(Step::Rename, &path, || std::fs::rename(&aside, &path))
//! ```
//!
//! Inputs -> outputs: a step, the path it concerns, the operation -> what the operation returns, or
//! the error that a test asked for. Without the feature `faults`: the operation, and nothing else.
//! Invariants: one step is one operation that can be the last before a crash. Steps are counted per
//! directory, whatever thread takes them, so tests in one process do not meet.
//! Limits: paths are compared by their beginning; a test names the directory as the rim does.
//! Not here: what an operation is for. A crash: have everything fail from one step on, then drop
//! whatever stands for the process.

/// What is done to a file or a directory.
#[cfg_attr(not(feature = "faults"), expect(unreachable_pub, reason = "tests name steps"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Makes a directory.
    MakeDirectory,
    /// Lists a directory.
    List,
    /// Asks for what a directory knows of a file.
    Look,
    /// Opens what is there.
    Open,
    /// Makes a file.
    Create,
    /// Locks a file.
    Lock,
    /// Takes space for a file.
    Reserve,
    /// Reads.
    Read,
    /// Writes. Of a write that is only submitted here: whether it is.
    Write,
    /// A submitted write is over.
    Land,
    /// Makes a file longer or shorter.
    Resize,
    /// Syncs a file.
    Sync,
    /// Gives a file another name.
    Rename,
    /// Syncs a directory.
    SyncDirectory,
    /// Removes a file.
    Remove,
}

#[cfg(feature = "faults")]
mod armed;
#[cfg(feature = "faults")]
pub use armed::{Failed, Failpoints, Failure};
#[cfg(feature = "faults")]
pub(crate) use armed::{armed, call};

#[cfg(not(feature = "faults"))]
mod disarmed {
    use super::Step;
    use std::io;
    use std::path::Path;

    /// True if some operation may be made to fail: only then a path is worth making for it.
    #[inline]
    pub(crate) const fn armed() -> bool {
        false
    }

    /// Does the operation.
    ///
    /// # Errors
    /// The operation's.
    #[inline]
    pub(crate) fn call<T>(
        _: Step,
        _: &Path,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        operation()
    }
}
#[cfg(not(feature = "faults"))]
pub(crate) use disarmed::{armed, call};
