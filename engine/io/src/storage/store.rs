//! The log store over files: buffers, open segments, and one of two engines underneath.
//!
//! Inputs -> outputs: `LogStore` as the journal sees it.
//! Invariants: a write lands once; its buffer and its file stay until then; less than the whole
//! length is a failure.
//! Limits: [`super::StoreOptions`].
//! Not here: how bytes become durable (uring.rs, writer.rs), how segments come to be (prepare.rs).

use super::buffers::{ALIGNMENT_BYTES, Buffers};
use super::fault::fault;
use super::prepare::{self, Preparer, Site, Wanted};
use super::probe;
use super::uring::Uring;
use super::writer::Writer;
use super::{DurableMode, OPEN_SEGMENTS_MAX, StoreOptions, segment};
use crate::faults::{self, Step};
use gavel_contract::{BufferId, LogDone, LogStore, LogWrite, SegmentNo, StoreFault};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const BUFFERS_MAX: usize = 256;

/// How long a closing store, and a probe, wait for the device.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One write, as an engine sees it.
pub(super) struct Job {
    pub(super) buffer: BufferId,
    pub(super) slot: usize,
    pub(super) file: RawFd,
    pub(super) address: *const u8,
    pub(super) len_bytes: u32,
    pub(super) offset_bytes: u64,
}

// SAFETY: the address is only handed to the kernel; the store keeps what it names alive and
// untouched until the job has landed.
unsafe impl Send for Job {}

/// One write's result: bytes, or a negative errno.
pub(super) struct Landed {
    pub(super) buffer: BufferId,
    pub(super) result: i32,
    pub(super) doing: &'static str,
}

pub(super) enum Engine {
    Uring(Box<Uring>),
    Writer(Writer),
}

impl Engine {
    pub(super) fn submit(&mut self, job: Job) {
        match self {
            Self::Uring(uring) => uring.submit(&job),
            Self::Writer(writer) => writer.submit(job),
        }
    }

    pub(super) fn poll(&mut self) -> Option<Landed> {
        match self {
            Self::Uring(uring) => uring.poll(),
            Self::Writer(writer) => writer.poll(),
        }
    }

    pub(super) fn install(&mut self, slot: usize, file: RawFd) -> io::Result<()> {
        match self {
            Self::Uring(uring) => uring.install(slot, file),
            Self::Writer(_) => Ok(()),
        }
    }
}

struct OpenSegment {
    segment: SegmentNo,
    file: File,
    in_flight: usize,
}

/// A log store over a directory. One owner, one thread at a time; may be moved before first use.
pub struct FileLogStore {
    site: Site,
    mode: DurableMode,
    notes: Vec<String>,
    preparer: Preparer,
    preparing: Option<SegmentNo>,
    open: [Option<OpenSegment>; OPEN_SEGMENTS_MAX],
    /// By buffer: the write in flight and its segment's slot.
    writes: Box<[Option<(LogWrite, usize)>]>,
    /// Writes that failed before they reached an engine.
    failed: VecDeque<(LogWrite, StoreFault)>,
    engine: ManuallyDrop<Engine>,
    buffers: Buffers,
    _lock: File,
}

impl FileLogStore {
    /// `lock` is the directory's, held as long as something may write.
    pub(super) fn open(
        directory: &Path,
        lock: File,
        options: &StoreOptions,
    ) -> Result<Self, StoreFault> {
        assert!((1..=BUFFERS_MAX).contains(&options.buffers), "a store has 1 to 256 buffers");
        let unit = ALIGNMENT_BYTES as u64;
        assert!(
            options.segment_bytes > 0 && options.segment_bytes.is_multiple_of(unit),
            "a segment is a multiple of 4,096 bytes"
        );
        let buffers = Buffers::new(options.buffers, options.buffer_bytes)
            .map_err(|e| fault("taking memory for the write buffers of", directory, &e))?;
        let mut notes = Vec::new();
        let direct = probe::direct(directory, &mut notes)?;
        let (engine, mode) =
            probe::choose_engine(directory, options, &buffers, direct, &mut notes)?;
        let site = Site {
            directory: directory.to_owned(),
            segment_bytes: options.segment_bytes,
            direct,
            freed_segments_max: options.freed_segments_max,
            housekeeping_cpus: options.housekeeping_cpus.clone(),
        };
        let mut store = Self {
            preparer: Preparer::start(site.clone())?,
            site,
            mode,
            notes,
            preparing: None,
            open: [const { None }; OPEN_SEGMENTS_MAX],
            writes: vec![None; options.buffers].into(),
            failed: VecDeque::with_capacity(options.buffers),
            engine: ManuallyDrop::new(engine),
            buffers,
            _lock: lock,
        };
        store.open_newest()?;
        Ok(store)
    }

    /// Opens the segments that a restarted journal most likely goes on with: the newest, in as many
    /// slots as leave one for the next. Others are opened when written to.
    fn open_newest(&mut self) -> Result<(), StoreFault> {
        let found = segment::list(&self.site.directory)?;
        let bytes = self.site.segment_bytes;
        let whole = found.iter().filter(|info| info.bytes == bytes);
        for info in whole.rev().take(OPEN_SEGMENTS_MAX - 1) {
            let file = prepare::open(&self.site, &self.path(info.segment))?;
            self.install(info.segment, file)?;
        }
        Ok(())
    }

    /// How writes are made durable here, which may be less than what was asked for.
    #[must_use]
    pub fn mode(&self) -> DurableMode {
        self.mode
    }

    /// True if writes go past the page cache.
    #[must_use]
    pub fn direct(&self) -> bool {
        self.site.direct
    }

    /// What the host could not do, in sentences for the operator.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn path(&self, segment: SegmentNo) -> PathBuf {
        self.site.directory.join(segment::file_name(segment))
    }

    fn slot_of(&self, segment: SegmentNo) -> Option<usize> {
        let holds =
            |open: &Option<OpenSegment>| open.as_ref().is_some_and(|o| o.segment == segment);
        self.open.iter().position(holds)
    }

    /// Puts an open file into a slot: a free one, or that of the oldest segment at rest.
    fn install(&mut self, segment: SegmentNo, file: File) -> Result<usize, StoreFault> {
        assert!(self.slot_of(segment).is_none(), "a segment is open once");
        let at_rest = |open: &Option<OpenSegment>| match open {
            None => Some(SegmentNo(0)),
            Some(open) => (open.in_flight == 0).then_some(open.segment),
        };
        let slots = self.open.iter().enumerate();
        let (_, slot) = slots
            .filter_map(|(slot, open)| at_rest(open).map(|age| (age, slot)))
            .min()
            .expect("writes in flight span fewer segments than may be open");
        self.engine
            .install(slot, file.as_raw_fd())
            .map_err(|e| fault("registering with io_uring", &self.path(segment), &e))?;
        self.open[slot] = Some(OpenSegment { segment, file, in_flight: 0 });
        Ok(slot)
    }

    /// The slot of a segment that a write goes to. One that was there at the start is opened now.
    fn open_for(&mut self, segment: SegmentNo) -> Result<usize, StoreFault> {
        if let Some(slot) = self.slot_of(segment) {
            return Ok(slot);
        }
        let path = self.path(segment);
        assert!(path.exists(), "a write goes to a prepared segment");
        let file = prepare::open(&self.site, &path)?;
        self.install(segment, file)
    }

    /// What a test wants to go wrong with a write.
    fn failpoint(&self, step: Step, segment: SegmentNo) -> Option<io::Error> {
        if !faults::armed() {
            return None;
        }
        faults::call(step, &self.path(segment), || Ok(())).err()
    }

    fn finish(&mut self, landed: &Landed) -> LogDone {
        let (write, slot) = self.writes[landed.buffer.0].take().expect("a job lands once");
        self.buffers.land(landed.buffer);
        let open = self.open[slot].as_mut().expect("a segment with writes in flight stays open");
        open.in_flight -= 1;
        let failed = self.failpoint(Step::Land, write.segment);
        if failed.is_none() && landed.result as i64 == write.len_bytes as i64 {
            return LogDone::Written(write);
        }
        // The process ends of this; what to tell the operator takes memory.
        crate::hot_alloc::mark_cold();
        let error = match failed {
            Some(error) => error,
            None if landed.result < 0 => io::Error::from_raw_os_error(-landed.result),
            None => io::Error::other(format!("only {} bytes were written durably", landed.result)),
        };
        let doing =
            format!("{} {} bytes at {} of", landed.doing, write.len_bytes, write.offset_bytes);
        LogDone::WriteFailed(write, fault(&doing, &self.path(write.segment), &error))
    }

    fn prepared(&mut self, segment: SegmentNo, file: Result<File, StoreFault>) -> LogDone {
        assert_eq!(self.preparing.take(), Some(segment), "the answer is to what was asked");
        // It may have been there, and open, before it was asked for.
        let open = self.slot_of(segment);
        match file.and_then(|file| open.map_or_else(|| self.install(segment, file), Ok)) {
            Ok(_) => LogDone::Prepared(segment),
            Err(why) => LogDone::PrepareFailed(segment, why),
        }
    }
}

impl LogStore for FileLogStore {
    fn buffer_bytes(&self) -> usize {
        self.buffers.buffer_bytes()
    }

    fn buffers(&self) -> usize {
        self.buffers.count()
    }

    fn segment_bytes(&self) -> u64 {
        self.site.segment_bytes
    }

    fn buffer(&mut self, id: BufferId) -> &mut [u8] {
        self.buffers.bytes(id)
    }

    fn submit(&mut self, write: LogWrite) {
        let unit = ALIGNMENT_BYTES;
        assert!(
            write.len_bytes > 0 && write.len_bytes.is_multiple_of(unit),
            "a write is a multiple of 4,096 bytes"
        );
        assert!(write.len_bytes <= self.buffer_bytes(), "a write fits in its buffer");
        assert!(write.offset_bytes.is_multiple_of(unit as u64), "an offset is a multiple of 4,096");
        let end = write.offset_bytes.checked_add(write.len_bytes as u64);
        assert!(end.is_some_and(|e| e <= self.segment_bytes()), "a write fits in its segment");
        if let Some(error) = self.failpoint(Step::Write, write.segment) {
            let why = fault("submitting a write to", &self.path(write.segment), &error);
            return self.failed.push_back((write, why));
        }
        let slot = match self.open_for(write.segment) {
            Ok(slot) => slot,
            Err(why) => return self.failed.push_back((write, why)),
        };
        self.buffers.take_off(write.buffer);
        let open = self.open[slot].as_mut().expect("open_for names an open slot");
        open.in_flight += 1;
        let job = Job {
            buffer: write.buffer,
            slot,
            file: open.file.as_raw_fd(),
            address: self.buffers.address(write.buffer).as_ptr(),
            len_bytes: u32::try_from(write.len_bytes).expect("a buffer is below 4 GiB"),
            offset_bytes: write.offset_bytes,
        };
        self.writes[write.buffer.0] = Some((write, slot));
        self.engine.submit(job);
    }

    fn prepare(&mut self, segment: SegmentNo, free_below: SegmentNo) {
        assert!(self.preparing.is_none(), "at most one segment is prepared at a time");
        self.preparing = Some(segment);
        // A segment that is open here is not taken for another.
        let open = self.open.iter().flatten().map(|open| open.segment).min();
        let free_below = open.map_or(free_below, |open| open.min(free_below));
        self.preparer.ask(Wanted { segment, free_below });
    }

    fn poll(&mut self) -> Option<LogDone> {
        if let Some(landed) = self.engine.poll() {
            return Some(self.finish(&landed));
        }
        if let Some((write, why)) = self.failed.pop_front() {
            return Some(LogDone::WriteFailed(write, why));
        }
        self.preparing?;
        let (segment, file) = self.preparer.poll()?;
        Some(self.prepared(segment, file))
    }
}

impl Drop for FileLogStore {
    /// Waits for what is in flight: the device may still be reading the buffers.
    fn drop(&mut self) {
        let since = Instant::now();
        while self.buffers.any_in_flight() && since.elapsed() < PATIENCE {
            match self.engine.poll() {
                Some(landed) => drop(self.finish(&landed)),
                None => std::thread::yield_now(),
            }
        }
        if self.buffers.any_in_flight() {
            // A hung device. Its memory and its ring are left to it for the life of the process.
            self.buffers.leak();
            if let Engine::Writer(writer) = &mut *self.engine {
                writer.abandon();
            }
        }
        // SAFETY: dropped once, here, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.engine) };
    }
}
