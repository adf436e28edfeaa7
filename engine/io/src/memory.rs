//! Memory that is there before it is needed: locked, in huge pages, touched.
//!
//! Inputs -> outputs: ranges of ours in; the system's consent, or what it refused, out.
//! Invariants: the content of memory is never changed.
//! Limits: advice is advice; what matters is measured (page faults on the path).
//! Not here: hugetlbfs, NUMA placement.
//! Source: mlockall(2), madvise(2) MADV_HUGEPAGE and MADV_POPULATE_WRITE, getrusage(2).

use std::io;

/// Memory that could not be had as asked.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {error}; {advice}")]
pub struct MemoryFault {
    /// What was being done.
    pub doing: &'static str,
    /// What the system said.
    pub error: io::Error,
    /// What helps.
    pub advice: &'static str,
}

/// Locks what the process has and will have into memory, so that nothing is paged out.
///
/// # Errors
/// [`MemoryFault`] if the limit forbids it; the node can go on, at the risk of page faults.
pub fn lock_all() -> Result<(), MemoryFault> {
    // SAFETY: names no memory of ours; changes no content.
    if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } == 0 {
        return Ok(());
    }
    Err(MemoryFault {
        doing: "locking the process into memory",
        error: io::Error::last_os_error(),
        advice: "raise LimitMEMLOCK (ulimit -l) to infinity, or accept page faults under pressure",
    })
}

/// Locks what the process has by now, and no more what it will have: for memory that may be paged
/// out, and that a limit on locked memory should not forbid.
///
/// # Errors
/// As [`lock_all`].
pub fn lock_no_more() -> Result<(), MemoryFault> {
    // SAFETY: names no memory of ours; changes no content.
    if unsafe { libc::mlockall(libc::MCL_CURRENT) } == 0 {
        return Ok(());
    }
    Err(MemoryFault {
        doing: "locking the process into memory, as far as it goes by now",
        error: io::Error::last_os_error(),
        advice: "raise LimitMEMLOCK (ulimit -l) to infinity, or accept page faults under pressure",
    })
}

/// Asks for huge pages under the whole pages of `range`.
///
/// # Errors
/// [`MemoryFault`] if the kernel knows of none.
pub fn advise_huge<T>(range: &mut [T]) -> Result<(), MemoryFault> {
    advise(range, libc::MADV_HUGEPAGE).map_err(|error| MemoryFault {
        doing: "asking for huge pages",
        error,
        advice: "set transparent_hugepage/enabled to madvise, or accept small pages",
    })
}

/// Touches every page of `range`, so that no first touch is left for the hot path. First touches
/// are slow: 4 ms for a huge page of 2 MiB on the machine that this was built on.
///
/// # Errors
/// [`MemoryFault`] if there is not enough memory.
pub fn prefault<T>(range: &mut [T]) -> Result<(), MemoryFault> {
    let done = match advise(range, libc::MADV_POPULATE_WRITE) {
        // Linux before 5.14.
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
            touch(range);
            Ok(())
        }
        other => other,
    };
    done.map_err(|error| MemoryFault {
        doing: "touching memory before use",
        error,
        advice: "give the node more memory, or plan smaller sizes",
    })
}

/// Page faults of the calling thread so far: (minor, major). A hot thread's do not grow.
///
/// # Panics
/// Never on Linux.
#[must_use]
pub fn page_faults() -> (u64, u64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel writes one rusage, which is ours.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    assert_eq!(failed, 0, "Linux counts a thread's page faults");
    // SAFETY: all zeros is a value of rusage, and the kernel has filled it.
    let usage = unsafe { usage.assume_init() };
    (usage.ru_minflt.unsigned_abs(), usage.ru_majflt.unsigned_abs())
}

fn page_bytes() -> usize {
    // SAFETY: takes no memory.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })
        .expect("Linux knows its page size")
}

/// Advises on all pages that `range` lies in. The advice used here changes no content, so that it
/// may cover neighbours in the first and the last page.
fn advise<T>(range: &mut [T], advice: libc::c_int) -> io::Result<()> {
    let page = page_bytes();
    let from = range.as_mut_ptr() as usize;
    let to = (from + size_of_val(range)).next_multiple_of(page);
    let from = from & !(page - 1);
    if to == from {
        return Ok(());
    }
    // SAFETY: the pages hold `range`, so they are mapped; MADV_HUGEPAGE and MADV_POPULATE_WRITE
    // change no content.
    if unsafe { libc::madvise(from as *mut libc::c_void, to - from, advice) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// Writes a byte of each page back to where it was read.
fn touch<T>(range: &mut [T]) {
    let bytes = size_of_val(range);
    let start = range.as_mut_ptr().cast::<u8>();
    for offset in (0..bytes).step_by(page_bytes()) {
        // SAFETY: below the range's length.
        let at = unsafe { start.add(offset) };
        // SAFETY: in the range, which is borrowed for writing; any byte of it may be read, if as
        // one that need not be initialised.
        let byte = unsafe { at.cast::<std::mem::MaybeUninit<u8>>().read_volatile() };
        // SAFETY: as above; the byte is what was there.
        unsafe { at.cast::<std::mem::MaybeUninit<u8>>().write_volatile(byte) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 8 << 20;

    #[test]
    fn touched_memory_faults_no_more_and_keeps_its_content() {
        for way in ["populate", "touch"] {
            let mut memory = vec![0u8; BYTES];
            memory[4096] = 7;
            match way {
                "populate" => prefault(&mut memory).unwrap(),
                _ => touch(&mut memory),
            }
            let before = page_faults().0;
            for at in (0..BYTES).step_by(4096) {
                std::hint::black_box(&mut memory)[at] += 1;
            }
            let faults = page_faults().0 - before;
            assert!(faults < 16, "{way}: {faults} faults on {} touched pages", BYTES / 4096);
            assert_eq!((memory[0], memory[4096], memory[8192]), (1, 8, 1), "{way}");
        }
    }

    #[test]
    fn huge_pages_are_granted_or_named() {
        let mut memory = vec![0u64; BYTES / 8];
        if let Err(refused) = advise_huge(&mut memory) {
            assert!(refused.to_string().contains("transparent_hugepage"), "{refused}");
        }
        advise(&mut memory[..0], libc::MADV_HUGEPAGE).unwrap();
    }
}
