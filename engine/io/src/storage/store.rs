//! The log store over files: buffers, open segments, and one of two engines underneath.
//!
//! Inputs -> outputs: `LogStore` as the journal sees it.
//! Invariants: a write lands once; its buffer and its file stay until then; less than the whole
//! length is a failure.
//! Limits: [`super::StoreOptions`].
//! Not here: how bytes become durable (uring.rs, writer.rs), how segments come to be (prepare.rs).

use super::buffers::{ALIGNMENT_BYTES, Buffers};
use super::fault::fault;
use super::prepare::{self, Preparer, Site};
use super::uring::Uring;
use super::writer::{Habits, Writer};
use super::{DurableMode, OPEN_SEGMENTS_MAX, StoreOptions, segment};
use gavel_contract::{BufferId, LogDone, LogStore, LogWrite, SegmentNo, StoreFault};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const BUFFERS_MAX: usize = 256;

/// How long a closing store, and a probe, wait for the device.
const PATIENCE: Duration = Duration::from_secs(5);

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

enum Engine {
    Uring(Box<Uring>),
    Writer(Writer),
}

impl Engine {
    fn submit(&mut self, job: Job) {
        match self {
            Self::Uring(uring) => uring.submit(&job),
            Self::Writer(writer) => writer.submit(job),
        }
    }

    fn poll(&mut self) -> Option<Landed> {
        match self {
            Self::Uring(uring) => uring.poll(),
            Self::Writer(writer) => writer.poll(),
        }
    }

    fn install(&mut self, slot: usize, file: RawFd) -> io::Result<()> {
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
        let direct = probe_direct(directory, &mut notes)?;
        let (engine, mode) = choose_engine(directory, options, &buffers, direct, &mut notes)?;
        let site = Site {
            directory: directory.to_owned(),
            segment_bytes: options.segment_bytes,
            direct,
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

    fn finish(&mut self, landed: &Landed) -> LogDone {
        let (write, slot) = self.writes[landed.buffer.0].take().expect("a job lands once");
        self.buffers.land(landed.buffer);
        let open = self.open[slot].as_mut().expect("a segment with writes in flight stays open");
        open.in_flight -= 1;
        if landed.result as i64 == write.len_bytes as i64 {
            return LogDone::Written(write);
        }
        // The process ends of this; what to tell the operator takes memory.
        crate::hot_alloc::mark_cold();
        let error = if landed.result < 0 {
            io::Error::from_raw_os_error(-landed.result)
        } else {
            io::Error::other(format!("only {} bytes were written durably", landed.result))
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

    fn prepare(&mut self, segment: SegmentNo, _free_below: SegmentNo) {
        assert!(self.preparing.is_none(), "at most one segment is prepared at a time");
        self.preparing = Some(segment);
        self.preparer.ask(segment);
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

/// True if the filesystem takes O_DIRECT.
fn probe_direct(directory: &Path, notes: &mut Vec<String>) -> Result<bool, StoreFault> {
    let path = directory.join("probe.tmp");
    let open = |flags: i32| {
        let mut how = OpenOptions::new();
        how.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags).open(&path)
    };
    let direct = match open(libc::O_DIRECT) {
        Ok(_) => true,
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
            open(0).map_err(|e| fault("making", &path, &e))?;
            notes.push(format!(
                "{}: the filesystem refuses O_DIRECT; the log goes through the page cache, \
                 durable all the same but slower",
                directory.display()
            ));
            false
        }
        Err(e) => return Err(fault("making", &path, &e)),
    };
    std::fs::remove_file(&path).map_err(|e| fault("removing", &path, &e))?;
    Ok(direct)
}

/// The engine asked for, tried out by a durable write; else the thread.
fn choose_engine(
    directory: &Path,
    options: &StoreOptions,
    buffers: &Buffers,
    direct: bool,
    notes: &mut Vec<String>,
) -> Result<(Engine, DurableMode), StoreFault> {
    if options.mode != DurableMode::Thread && !direct {
        // A failed write-back is told once per open file: of two syncs under way one could hear of
        // the other's write, and its own be taken for durable.
        notes.push(format!(
            "{:?} needs O_DIRECT; the log is written by a thread, one block at a time",
            options.mode
        ));
    } else if options.mode != DurableMode::Thread {
        // A ring of its own: one made for a single thread would belong to this one.
        let tried = try_out(directory, options.mode, options, direct)
            .and_then(|_| build(options.mode, options, buffers));
        match tried {
            Ok((engine, more)) => {
                notes.extend(more);
                return Ok((engine, options.mode));
            }
            Err(why) => notes.push(format!(
                "{:?} does not work here ({why}); the log is written by a thread instead \
                 (is kernel.io_uring_disabled set, or a seccomp filter in the way?)",
                options.mode
            )),
        }
    }
    try_out(directory, DurableMode::Thread, options, direct)
        .map_err(|e| fault("writing durably to", directory, &e))?;
    let (engine, more) = build(DurableMode::Thread, options, buffers)
        .map_err(|e| fault("starting the writer thread of", directory, &e))?;
    notes.extend(more);
    Ok((engine, DurableMode::Thread))
}

fn build(
    mode: DurableMode,
    options: &StoreOptions,
    buffers: &Buffers,
) -> io::Result<(Engine, Option<String>)> {
    let cpus = &options.housekeeping_cpus;
    if mode == DurableMode::Thread {
        let spin = Duration::from_micros(u64::from(options.writer_spin_us));
        let habits = Habits { cpus: cpus.clone(), fifo: options.writer_fifo, spin };
        let (writer, refused) = Writer::start(buffers.count(), habits)?;
        return Ok((Engine::Writer(writer), refused));
    }
    let piece = |id| libc::iovec {
        iov_base: buffers.address(BufferId(id)).as_ptr().cast(),
        iov_len: buffers.buffer_bytes(),
    };
    let pieces: Vec<libc::iovec> = (0..buffers.count()).map(piece).collect();
    let uring = Uring::new(mode, options.uring, &pieces, cpus)?;
    let unregistered = (!uring.registered_buffers()).then(|| {
        "io_uring could not register the write buffers (raise LimitMEMLOCK); they are pinned for \
         each write instead"
            .to_owned()
    });
    Ok((Engine::Uring(Box::new(uring)), unregistered))
}

/// Writes one page durably in the given mode and takes it away again.
fn try_out(
    directory: &Path,
    mode: DurableMode,
    options: &StoreOptions,
    direct: bool,
) -> io::Result<()> {
    let path = directory.join("probe.tmp");
    let flags = if direct { libc::O_DIRECT } else { 0 };
    let mut how = OpenOptions::new();
    let file =
        how.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags).open(&path)?;
    let mut buffers = Buffers::new(1, ALIGNMENT_BYTES)?;
    let (mut engine, _) = build(mode, options, &buffers)?;
    engine.install(0, file.as_raw_fd())?;
    engine.submit(Job {
        buffer: BufferId(0),
        slot: 0,
        file: file.as_raw_fd(),
        address: buffers.address(BufferId(0)).as_ptr(),
        len_bytes: ALIGNMENT_BYTES as u32,
        offset_bytes: 0,
    });
    let since = Instant::now();
    let landed = loop {
        if let Some(landed) = engine.poll() {
            break landed;
        }
        if since.elapsed() > PATIENCE {
            buffers.leak();
            // Whatever still hangs in it keeps its file.
            std::mem::forget(engine);
            return Err(io::Error::other("a durable write of one page took more than 5 s"));
        }
        std::thread::yield_now();
    };
    std::fs::remove_file(&path)?;
    match landed.result {
        bytes if bytes == ALIGNMENT_BYTES as i32 => Ok(()),
        errno if errno < 0 => Err(io::Error::from_raw_os_error(-errno)),
        short => Err(io::Error::other(format!("a write of one page wrote {short} bytes"))),
    }
}
