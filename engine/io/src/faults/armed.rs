//! The failpoints, in a build that has them.
//!
//! Inputs -> outputs: a directory and a [`Failure`] from a test -> errors for whoever works there.
//! Invariants: nothing fails in a directory that no test watches.
//! Not here: which steps there are.

use super::Step;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step that fails, counted from 0.
    pub at: u64,
    /// What the system says of it: `libc::EIO`, `libc::ENOSPC`.
    pub errno: i32,
    /// True: so do all steps after it.
    pub for_ever: bool,
    /// True: the operation is done, and yet reported as failed.
    pub takes_effect: bool,
}

/// A step that failed because a test asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What it was.
    pub step: Step,
    /// Of what.
    pub path: PathBuf,
}

#[derive(Default)]
struct Count {
    passed: u64,
    failure: Option<Failure>,
    failed: Option<Failed>,
    steps: Vec<Failed>,
}

struct Watch {
    directory: PathBuf,
    count: Mutex<Count>,
}

static WATCHED: AtomicUsize = AtomicUsize::new(0);
static WATCHES: Mutex<Vec<Arc<Watch>>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches the steps in a directory for as long as it lives.
pub struct Failpoints {
    watch: Arc<Watch>,
}

impl Failpoints {
    /// Counts steps in a directory and below it, and has one fail if `failure` says so.
    #[must_use]
    pub fn watch(directory: &Path, failure: Option<Failure>) -> Self {
        let count = Mutex::new(Count { failure, ..Count::default() });
        let watch = Arc::new(Watch { directory: directory.to_owned(), count });
        lock(&WATCHES).push(Arc::clone(&watch));
        WATCHED.fetch_add(1, Ordering::Release);
        Self { watch }
    }

    /// Steps so far.
    #[must_use]
    pub fn passed(&self) -> u64 {
        lock(&self.watch.count).passed
    }

    /// The first that was made to fail, if it came to that.
    #[must_use]
    pub fn failed(&self) -> Option<Failed> {
        lock(&self.watch.count).failed.clone()
    }

    /// Every step so far, in the order in which they were taken.
    #[must_use]
    pub fn steps(&self) -> Vec<Failed> {
        lock(&self.watch.count).steps.clone()
    }
}

impl Drop for Failpoints {
    fn drop(&mut self) {
        lock(&WATCHES).retain(|watch| !Arc::ptr_eq(watch, &self.watch));
        WATCHED.fetch_sub(1, Ordering::Release);
    }
}

/// True if some operation may be made to fail: only then a path is worth making for it.
#[inline]
pub(crate) fn armed() -> bool {
    WATCHED.load(Ordering::Acquire) > 0
}

/// Does the operation, or fails as a test asked for.
///
/// # Errors
/// The operation's, or the test's.
pub(crate) fn call<T>(
    step: Step,
    path: &Path,
    operation: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    match verdict(step, path) {
        None => operation(),
        Some(Failure { errno, takes_effect, .. }) => {
            if takes_effect {
                drop(operation()?);
            }
            Err(io::Error::from_raw_os_error(errno))
        }
    }
}

fn verdict(step: Step, path: &Path) -> Option<Failure> {
    if !armed() {
        return None;
    }
    let watches = lock(&WATCHES);
    let watch = watches.iter().find(|watch| path.starts_with(&watch.directory))?;
    let mut count = lock(&watch.count);
    let number = count.passed;
    let this = Failed { step, path: path.to_owned() };
    count.passed += 1;
    count.steps.push(this.clone());
    let failure = count.failure?;
    let fails = number == failure.at || number > failure.at && failure.for_ever;
    if fails {
        count.failed.get_or_insert(this);
    }
    fails.then_some(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(path: &str, effects: &mut u32) -> Result<(), i32> {
        let operation = || {
            *effects += 1;
            Ok(())
        };
        call(Step::Write, Path::new(path), operation).map_err(|e| e.raw_os_error().unwrap_or(0))
    }

    #[test]
    fn the_step_that_was_named_fails_and_no_other() {
        let failure = Failure { at: 1, errno: 5, for_ever: false, takes_effect: false };
        let points = Failpoints::watch(Path::new("/nowhere/a"), Some(failure));
        let mut effects = 0;
        let went: Vec<_> = (0..3).map(|_| step("/nowhere/a/x", &mut effects)).collect();
        assert_eq!(went, [Ok(()), Err(5), Ok(())]);
        assert_eq!(step("/nowhere/ab", &mut effects), Ok(()), "another directory");
        assert_eq!((effects, points.passed(), points.steps().len()), (3, 3, 3));
        let failed = Failed { step: Step::Write, path: "/nowhere/a/x".into() };
        assert_eq!(points.failed(), Some(failed));
        drop(points);
        assert_eq!(step("/nowhere/a/x", &mut effects), Ok(()), "nobody watches any more");
    }

    #[test]
    fn a_step_can_fail_for_ever_and_after_it_was_done() {
        let failure = Failure { at: 0, errno: 28, for_ever: true, takes_effect: true };
        let _points = Failpoints::watch(Path::new("/nowhere/b"), Some(failure));
        let mut effects = 0;
        let went: Vec<_> = (0..3).map(|_| step("/nowhere/b", &mut effects)).collect();
        assert_eq!((went, effects), (vec![Err(28); 3], 3));
    }
}
