//! The one place where `gavel` sleeps.
//!
//! A person's tool on a small machine shares its cores with the node that it watches, so it does
//! not spin; and what it waits for (several sockets at once, a file that another process makes, a
//! random moment) has no single event to wait for.

use std::time::Duration;

/// Sleeps for at least `time`.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
