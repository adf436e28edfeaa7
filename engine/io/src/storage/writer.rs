//! Durable writes by pwritev2(RWF_DSYNC) on a thread of the store's own, for hosts where io_uring
//! is refused or its workers come late.
//!
//! Inputs -> outputs: jobs through one ring, the system's result for each through another.
//! Invariants: jobs are written in the order submitted; the hot side never blocks (it pushes, and
//! wakes the thread if that sleeps); a result is pushed after the device has the bytes.
//! Limits: as many jobs as buffers; neighbours in the file go out in one call, at most
//! [`GATHER_MAX`].
//! Not here: short writes and errors (the store judges results).

use super::store::{Job, Landed};
use crate::cpu;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most jobs in one system call.
const GATHER_MAX: usize = 16;

/// How the thread lives.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    pub(super) cpus: Vec<usize>,
    pub(super) fifo: Option<u8>,
    pub(super) spin: Duration,
}

pub(super) struct Writer {
    jobs: rtrb::Producer<Job>,
    landed: rtrb::Consumer<Landed>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Writer {
    /// Starts the thread. The second value is what of its habits the system refused.
    pub(super) fn start(jobs_max: usize, habits: Habits) -> io::Result<(Self, Option<String>)> {
        let (jobs, their_jobs) = rtrb::RingBuffer::new(jobs_max);
        let (their_landed, landed) = rtrb::RingBuffer::new(jobs_max);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let (tell, told) = std::sync::mpsc::channel();
        let thread =
            std::thread::Builder::new().name("gavel-writer".to_owned()).spawn(move || {
                // The maker waits for this one message.
                let _ = tell.send(settle(&habits));
                work(their_jobs, their_landed, &theirs, habits.spin);
            })?;
        let refused = told.recv().map_err(io::Error::other)?;
        Ok((Self { jobs, landed, shared, thread: Some(thread) }, refused))
    }

    pub(super) fn submit(&mut self, job: Job) {
        let pushed = self.jobs.push(job).is_ok();
        assert!(pushed, "the job ring holds a job for every buffer");
        // Pairs with the fence in `rest`: either the thread sees the job, or this sees it asleep.
        fence(Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    pub(super) fn poll(&mut self) -> Option<Landed> {
        self.landed.pop().ok()
    }

    /// Leaves the thread to itself: it hangs in a write.
    pub(super) fn abandon(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.thread = None;
    }

    fn wake(&self) {
        let thread = self.thread.as_ref().expect("the thread runs until the value is dropped");
        thread.thread().unpark();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic over there was printed there.
            let _ = thread.join();
        }
    }
}

/// The thread inherits its maker's pin and policy; this gives it its own.
fn settle(habits: &Habits) -> Option<String> {
    let policy = habits.fifo.map_or(cpu::Policy::Normal, cpu::Policy::Fifo);
    let mut refused = cpu::set_policy(policy).err();
    if !habits.cpus.is_empty() {
        refused = cpu::confine_current(&habits.cpus).err().or(refused);
    }
    refused.map(|fault| format!("the log's writer thread runs as it is: {fault}"))
}

fn work(
    mut jobs: rtrb::Consumer<Job>,
    mut landed: rtrb::Producer<Landed>,
    shared: &Shared,
    spin: Duration,
) {
    let mut batch = Vec::with_capacity(GATHER_MAX);
    while !shared.stop.load(Ordering::Acquire) {
        gather(&mut jobs, &mut batch);
        if batch.is_empty() {
            rest(&jobs, shared, spin);
            continue;
        }
        let result = write(&batch);
        let whole: i64 = batch.iter().map(|job| i64::from(job.len_bytes)).sum();
        for job in batch.drain(..) {
            // A short write of several says nothing sure of any of them.
            let result = match result {
                Ok(bytes) if bytes == whole => job.len_bytes as i32,
                Ok(bytes) if whole == i64::from(job.len_bytes) => bytes as i32,
                Ok(_) => 0,
                Err(errno) => -errno,
            };
            let done = Landed { buffer: job.buffer, result, doing: "pwritev2 of" };
            let pushed = landed.push(done).is_ok();
            assert!(pushed, "the result ring holds a result for every buffer");
        }
    }
}

/// Takes the next job, and those behind it that go on where it ends.
fn gather(jobs: &mut rtrb::Consumer<Job>, batch: &mut Vec<Job>) {
    while batch.len() < GATHER_MAX {
        let Ok(next) = jobs.peek() else { break };
        if let Some(last) = batch.last() {
            let end = last.offset_bytes + u64::from(last.len_bytes);
            if next.file != last.file || next.offset_bytes != end {
                break;
            }
        }
        batch.extend(jobs.pop());
    }
}

fn write(batch: &[Job]) -> Result<i64, i32> {
    let mut pieces = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; GATHER_MAX];
    for (piece, job) in pieces.iter_mut().zip(batch) {
        piece.iov_base = job.address.cast_mut().cast();
        piece.iov_len = job.len_bytes as usize;
    }
    let first = &batch[0];
    loop {
        // SAFETY: the pieces name buffers in flight, which the store neither touches nor unmaps
        // until their results are out; the file is open as long.
        let bytes = unsafe {
            libc::pwritev2(
                first.file,
                pieces.as_ptr(),
                batch.len() as libc::c_int,
                first.offset_bytes as libc::off_t,
                libc::RWF_DSYNC,
            )
        };
        if bytes >= 0 {
            return Ok(bytes as i64);
        }
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        // Nothing was written yet: not a retry of a failed write.
        if errno != libc::EINTR {
            return Err(errno);
        }
    }
}

/// Looks for more work for a while, then sleeps until woken.
fn rest(jobs: &rtrb::Consumer<Job>, shared: &Shared, spin: Duration) {
    let since = Instant::now();
    while since.elapsed() < spin {
        if !jobs.is_empty() || shared.stop.load(Ordering::Relaxed) {
            return;
        }
        std::hint::spin_loop();
    }
    shared.asleep.store(true, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    if jobs.is_empty() && !shared.stop.load(Ordering::Acquire) {
        std::thread::park();
    }
    shared.asleep.store(false, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_contract::BufferId;

    fn job(file: i32, offset_bytes: u64, len_bytes: u32) -> Job {
        let (address, slot) = (std::ptr::null(), 0);
        Job { buffer: BufferId(0), slot, file, address, len_bytes, offset_bytes }
    }

    /// Lengths of the batches that the jobs are written in.
    fn batches(of: Vec<Job>) -> Vec<usize> {
        let (mut jobs, mut theirs) = rtrb::RingBuffer::new(of.len());
        of.into_iter().for_each(|job| assert!(jobs.push(job).is_ok()));
        let mut lengths = Vec::new();
        while !theirs.is_empty() {
            let mut batch = Vec::new();
            gather(&mut theirs, &mut batch);
            lengths.push(batch.len());
        }
        lengths
    }

    #[test]
    fn neighbours_in_one_file_go_out_together_and_nothing_else_does() {
        assert_eq!(batches(vec![job(3, 0, 4096), job(3, 4096, 8192), job(3, 12_288, 4096)]), [3]);
        assert_eq!(batches(vec![job(3, 0, 4096), job(3, 8192, 4096)]), [1, 1], "a hole");
        assert_eq!(batches(vec![job(3, 4096, 4096), job(3, 0, 4096)]), [1, 1], "backwards");
        assert_eq!(batches(vec![job(3, 0, 4096), job(3, 0, 4096)]), [1, 1], "the same place");
        assert_eq!(batches(vec![job(3, 0, 4096), job(4, 4096, 4096)]), [1, 1], "another file");
        let many = (0..20).map(|i| job(3, i * 4096, 4096)).collect();
        assert_eq!(batches(many), [GATHER_MAX, 20 - GATHER_MAX]);
    }
}
