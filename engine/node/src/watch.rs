//! Watches the node from a thread that may block, and tells the operator what changed.

use crate::say;
use crate::set_back::SetBack;
use gavel_contract::Now;
use gavel_link::{Reader, Watermark};
use gavel_pipeline::Handles;
use std::time::{Duration, Instant};

/// What was last seen.
pub(crate) struct Watch {
    intake: Watermark,
    /// What the store says of a full disk.
    full_disk: Reader<String>,
    why: String,
    stopped: Option<Instant>,
    clock: SetBack,
    quiet: bool,
}

impl Watch {
    /// How often it looks.
    pub(crate) const EVERY: Duration = Duration::from_millis(100);

    pub(crate) fn new(handles: &Handles, full_disk: Reader<String>, quiet: bool) -> Self {
        let intake = handles.intake.clone();
        let clock = SetBack::new(handles.recovered.last.time);
        Self { intake, full_disk, why: String::new(), stopped: None, clock, quiet }
    }

    /// Says what changed since the last look. A full disk and a clock that was set back are said
    /// even by a quiet node.
    pub(crate) fn look(&mut self, handles: &mut Handles, now: Now) {
        if let Some(told) = self.clock.look(now) {
            say::clock(told);
        }
        while let Some(news) = handles.news.pop() {
            say::shadow(&news, self.quiet);
        }
        while let Some(why) = self.full_disk.pop() {
            self.why = why;
        }
        let stopped = self.intake.read().index.0 % 2 == 1;
        match (self.stopped, stopped) {
            (None, true) => {
                self.stopped = Some(Instant::now());
                say::complain!(
                    "gaveld: INTAKE STOPPED: no room on the disk for another segment of the log. \
                     Nothing acknowledged is at risk; clients wait. Make room: intake resumes by \
                     itself. Durable up to record {}. The system says: {}",
                    handles.durable.read().index,
                    self.why
                );
            }
            (Some(since), false) => {
                self.stopped = None;
                if !self.quiet {
                    say::complain!("gaveld: intake resumed after {:.1?}", since.elapsed());
                }
            }
            _ => {}
        }
    }
}
