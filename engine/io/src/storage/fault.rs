//! Turns what the system said into a [`StoreFault`]: what was done, to which path, why, what helps.

use gavel_contract::{StoreFault, StoreFaultKind};
use std::io;
use std::path::Path;

/// A fault of `doing` something to `path`.
pub(crate) fn fault(doing: &str, path: &Path, error: &io::Error) -> StoreFault {
    let kind = kind_of(error);
    let advice = match kind {
        StoreFaultKind::Full => "; free space on that filesystem",
        StoreFaultKind::Missing => "; is the disk mounted, and the path the right one?",
        StoreFaultKind::Denied => {
            "; run as the directory's owner, on a filesystem mounted for writing"
        }
        StoreFaultKind::Io => "; see what the kernel says of the device (dmesg)",
    };
    StoreFault { kind, facts: format!("{doing} {}: {error}{advice}", path.display()) }
}

/// A fault that no system call reported.
pub(crate) fn refusal(kind: StoreFaultKind, facts: String) -> StoreFault {
    StoreFault { kind, facts }
}

fn kind_of(error: &io::Error) -> StoreFaultKind {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT) => StoreFaultKind::Full,
        Some(libc::ENOENT) => StoreFaultKind::Missing,
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => StoreFaultKind::Denied,
        _ => StoreFaultKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_deed_the_path_and_the_reason() {
        let error = io::Error::from_raw_os_error(libc::ENOSPC);
        let fault = fault("writing", Path::new("/x/wal"), &error);
        assert_eq!(fault.kind, StoreFaultKind::Full);
        assert!(fault.facts.contains("writing /x/wal: No space left"), "{}", fault.facts);
        for (errno, kind) in [
            (libc::EDQUOT, StoreFaultKind::Full),
            (libc::ENOENT, StoreFaultKind::Missing),
            (libc::EROFS, StoreFaultKind::Denied),
            (libc::EIO, StoreFaultKind::Io),
        ] {
            assert_eq!(kind_of(&io::Error::from_raw_os_error(errno)), kind);
        }
    }
}
