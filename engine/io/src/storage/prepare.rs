//! Makes segments, on a thread of its own.
//!
//! ```text
//! wanted: 8, free below: 5        2 3 4 | 5 6 7
//! the oldest is taken for it      3 4   | 5 6 7 8     renamed, the directory synced
//! with more than are kept         4     | 5 6 7 8     removed, oldest first, after the answer
//! ```
//!
//! Inputs -> outputs: one segment's number, and below which none is needed, in; an open, written,
//! durable file or a fault out.
//! Invariants: a segment gets its final name only after every byte of it was written and synced,
//! and is announced only after that name was synced; a failure leaves nothing behind; a segment
//! that is there already is never written over, and one that is needed is never taken for another.
//! A crash at any step leaves each segment under one name or the other, and below the bound nobody
//! misses one. What is in a segment that was taken stays there until it is written over: recovery
//! (gavel-journal) never takes it for new.
//! Limits: one segment at a time; chunks of [`CHUNK_BYTES`]; [`REMOVALS_MAX`] removals at a time.
//! Not here: when a segment is wanted, and which are needed (the journal is told).

use super::buffers::Buffers;
use super::fault::{fault, refusal};
use super::identity::sync_directory;
use super::segment;
use crate::cpu;
use crate::faults::{self, Step};
use gavel_contract::{BufferId, SegmentInfo, SegmentNo, StoreFault, StoreFaultKind};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Unit of the pre-writing. A log write that waits behind one chunk waits about 90 us; behind 1 MiB
/// it would wait 240 us, and the whole segment would be ready hardly sooner.
const CHUNK_BYTES: usize = 256 * 1024;

/// Most segments removed behind one that was made.
const REMOVALS_MAX: usize = 64;

const IDLE: u8 = 0;
const ASKED: u8 = 1;
const ANSWERED: u8 = 2;

type Answer = Result<File, StoreFault>;

/// What the two threads share. `state` says whose the rest is: the worker's while ASKED, else the
/// owner's.
struct Desk {
    state: AtomicU8,
    stop: AtomicBool,
    segment: AtomicU64,
    free_below: AtomicU64,
    answer: Mutex<Option<Answer>>,
}

/// What a segment is to be.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) directory: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) direct: bool,
    pub(super) freed_segments_max: usize,
    pub(super) housekeeping_cpus: Vec<usize>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) segment: SegmentNo,
    /// Segments below are not needed, and nobody has them open for writing.
    pub(super) free_below: SegmentNo,
}

/// The thread, as seen by the store.
pub(super) struct Preparer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    pub(super) fn start(site: Site) -> Result<Self, StoreFault> {
        let desk = Arc::new(Desk {
            state: AtomicU8::new(IDLE),
            stop: AtomicBool::new(false),
            segment: AtomicU64::new(0),
            free_below: AtomicU64::new(0),
            answer: Mutex::new(None),
        });
        let directory = site.directory.clone();
        let zeros = Buffers::new(1, CHUNK_BYTES)
            .map_err(|e| fault("taking memory to pre-write segments of", &directory, &e))?;
        let theirs = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name("gavel-prepare".to_owned())
            .spawn(move || work(&theirs, &site, zeros))
            .map_err(|e| fault("starting the housekeeping thread of", &directory, &e))?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Asks for a segment.
    pub(super) fn ask(&mut self, wanted: Wanted) {
        let idle = self.desk.state.load(Ordering::Acquire) == IDLE;
        assert!(idle, "at most one segment is prepared at a time");
        self.desk.segment.store(wanted.segment.0, Ordering::Relaxed);
        self.desk.free_below.store(wanted.free_below.0, Ordering::Relaxed);
        self.desk.state.store(ASKED, Ordering::Release);
        let thread = self.thread.as_ref().expect("the thread runs until the value is dropped");
        thread.thread().unpark();
    }

    /// The answer, once.
    pub(super) fn poll(&mut self) -> Option<(SegmentNo, Answer)> {
        if self.desk.state.load(Ordering::Acquire) != ANSWERED {
            return None;
        }
        let segment = SegmentNo(self.desk.segment.load(Ordering::Relaxed));
        let taken = self.desk.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.desk.state.store(IDLE, Ordering::Release);
        Some((segment, taken.expect("who says ANSWERED has left an answer")))
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic over there was printed there.
            let _ = thread.join();
        }
    }
}

fn work(desk: &Desk, site: &Site, mut zeros: Buffers) {
    // The thread inherits the maker's policy and pin, which may be a hot thread's; should the
    // kernel refuse, the work is still right, only elsewhere.
    let _ = cpu::set_policy(cpu::Policy::Normal);
    if !site.housekeeping_cpus.is_empty() {
        let _ = cpu::confine_current(&site.housekeeping_cpus);
    }
    while !desk.stop.load(Ordering::Acquire) {
        if desk.state.load(Ordering::Acquire) != ASKED {
            std::thread::park();
            continue;
        }
        let wanted = Wanted {
            segment: SegmentNo(desk.segment.load(Ordering::Relaxed)),
            free_below: SegmentNo(desk.free_below.load(Ordering::Relaxed)),
        };
        let answer = make(site, wanted, zeros.bytes(BufferId(0)), &desk.stop);
        *desk.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        desk.state.store(ANSWERED, Ordering::Release);
        // What cannot be listed or removed now is tried again behind the next segment.
        let _ = remove_freed(site, wanted.free_below);
    }
}

fn make(site: &Site, wanted: Wanted, zeros: &[u8], stop: &AtomicBool) -> Answer {
    let path = site.directory.join(segment::file_name(wanted.segment));
    let there = faults::call(Step::Look, &path, || path.try_exists());
    if there.map_err(|e| fault("looking at", &path, &e))? {
        // An attempt that failed may have given it the name that it has, and not synced that.
        sync_names(&site.directory)?;
        return open(site, &path);
    }
    let freed = freed(site, wanted.free_below)?;
    if let Some(oldest) = freed.iter().find(|info| info.bytes == site.segment_bytes) {
        assert!(oldest.segment < wanted.segment, "what is wanted is needed");
        give_name(&site.directory.join(segment::file_name(oldest.segment)), &path)?;
        return open(site, &path);
    }
    let aside = path.with_extension("seg.tmp");
    let made = pre_write(site, &aside, zeros, stop).and_then(|()| give_name(&aside, &path));
    if let Err(why) = made {
        // Gone is gone; a leftover that cannot be removed goes at the next start.
        let _ = std::fs::remove_file(&aside);
        return Err(why);
    }
    open(site, &path)
}

/// Segments that are not needed any more, oldest first.
fn freed(site: &Site, free_below: SegmentNo) -> Result<Vec<SegmentInfo>, StoreFault> {
    if free_below.0 <= 1 {
        return Ok(Vec::new());
    }
    let mut listed = segment::list(&site.directory)?;
    listed.retain(|info| info.segment < free_below);
    Ok(listed)
}

/// Removes what is more than worth keeping, and what cannot be taken for another.
fn remove_freed(site: &Site, free_below: SegmentNo) -> Result<(), StoreFault> {
    let freed = freed(site, free_below)?;
    let is_whole = |info: &&SegmentInfo| info.bytes == site.segment_bytes;
    let whole = freed.iter().filter(is_whole).count();
    let more = freed.iter().filter(is_whole).take(whole.saturating_sub(site.freed_segments_max));
    let useless = freed.iter().filter(|info| !is_whole(info));
    for info in useless.chain(more).take(REMOVALS_MAX) {
        let path = site.directory.join(segment::file_name(info.segment));
        faults::call(Step::Remove, &path, || std::fs::remove_file(&path))
            .map_err(|e| fault("removing", &path, &e))?;
    }
    Ok(())
}

/// Opens a segment that is there, if it is what it should be.
pub(super) fn open(site: &Site, path: &Path) -> Answer {
    let file = segment::open_for_writing(path, site.direct)
        .map_err(|e| fault("opening for writing", path, &e))?;
    let bytes = faults::call(Step::Look, path, || file.metadata())
        .map_err(|e| fault("looking at", path, &e))?
        .len();
    if bytes != site.segment_bytes {
        let facts = format!(
            "{} has {bytes} bytes and a segment has {}; was the segment size changed in the \
             configuration? Set it back, or start with an empty directory",
            path.display(),
            site.segment_bytes
        );
        return Err(refusal(StoreFaultKind::Io, facts));
    }
    Ok(file)
}

fn pre_write(site: &Site, aside: &Path, zeros: &[u8], stop: &AtomicBool) -> Result<(), StoreFault> {
    let flags = if site.direct { libc::O_DIRECT } else { 0 };
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags);
    let file = faults::call(Step::Create, aside, || how.open(aside))
        .map_err(|e| fault("making", aside, &e))?;
    faults::call(Step::Reserve, aside, || reserve(&file, site.segment_bytes))
        .map_err(|e| fault("taking space for", aside, &e))?;
    let mut at = 0;
    while at < site.segment_bytes {
        if stop.load(Ordering::Relaxed) {
            let facts = format!("pre-writing {}: given up, the store closes", aside.display());
            return Err(refusal(StoreFaultKind::Io, facts));
        }
        let bytes = zeros.len().min(usize::try_from(site.segment_bytes - at).unwrap_or(usize::MAX));
        faults::call(Step::Write, aside, || file.write_all_at(&zeros[..bytes], at))
            .map_err(|e| fault("pre-writing", aside, &e))?;
        at += bytes as u64;
    }
    faults::call(Step::Sync, aside, || file.sync_all()).map_err(|e| fault("syncing", aside, &e))
}

/// Takes all the space at once: a full disk says so now, and the extents are long.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let bytes = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the call; no memory is named.
    if unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // The filesystem cannot; writing every byte takes the space as well.
        Some(libc::EOPNOTSUPP | libc::ENOSYS) => Ok(()),
        _ => Err(error),
    }
}

/// Gives a file its name, durably.
fn give_name(from: &Path, path: &Path) -> Result<(), StoreFault> {
    faults::call(Step::Rename, path, || std::fs::rename(from, path))
        .map_err(|e| fault("naming", path, &e))?;
    sync_names(path.parent().expect("a segment lies in a directory")).inspect_err(|_| {
        // Not durable, so not there.
        let _ = std::fs::remove_file(path);
    })
}

fn sync_names(directory: &Path) -> Result<(), StoreFault> {
    sync_directory(directory).map_err(|e| {
        // Whatever the reason, a failed sync is never tried again.
        StoreFault { kind: StoreFaultKind::Io, ..fault("syncing", directory, &e) }
    })
}
