//! The clocks: UTC for stamps, and a monotone time that never runs slow for whoever holds a lease.
//!
//! Inputs -> outputs: the kernel's clocks in; [`Now`], and the latest that a moment can be, out.
//! Invariants: monotone time never falls, on any thread; between two readings it advances at least
//! as much as CLOCK_MONOTONIC_RAW, and [`SystemClock::latest`] at least as much as the greater of
//! that and CLOCK_BOOTTIME, which goes on while the machine is suspended (SAFETY 10).
//! Limits: CLOCK_BOOTTIME is looked at once a [`REBASE_NS`] by `now`, each time by `latest`.
//! Not here: the lesser of the two clocks, for whoever waits for a lease to end.
//! Source: clock_gettime(2); vDSO. All four clocks are read without entering the kernel.

use gavel_contract::{Clock, Now};
use gavel_types::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How long one pair of readings is measured from. The two clocks are not read at one instant; the
/// error, some 50 ns, is added once per base, so it stays below 1 part in 10 million.
pub const REBASE_NS: u64 = 1_000_000_000;

/// Where the present base stands on each clock, and the monotone time there.
#[derive(Clone, Copy)]
struct Base {
    mono: u64,
    raw: u64,
    boot: u64,
}

/// A [`Base`] that any thread may read and any may replace: odd while it is being replaced.
struct SharedBase {
    version: AtomicU64,
    mono: AtomicU64,
    raw: AtomicU64,
    boot: AtomicU64,
}

/// The host's clocks. Clones share one monotone time; two made apart have nothing to do with each
/// other.
#[derive(Clone)]
pub struct SystemClock {
    base: Arc<SharedBase>,
}

impl SystemClock {
    /// A clock whose monotone time begins at zero, now.
    #[must_use]
    pub fn new() -> Self {
        let base = SharedBase {
            version: AtomicU64::new(0),
            mono: AtomicU64::new(0),
            raw: AtomicU64::new(read(libc::CLOCK_MONOTONIC_RAW)),
            boot: AtomicU64::new(read(libc::CLOCK_BOOTTIME)),
        };
        Self { base: Arc::new(base) }
    }

    /// Monotone time. If the machine was suspended less than a [`REBASE_NS`] ago it may still lag
    /// behind [`SystemClock::latest`]: a lease counted from it ends early, never late.
    #[must_use]
    pub fn mono(&self) -> Nanos {
        let base = self.base.load();
        let passed = read(libc::CLOCK_MONOTONIC_RAW).saturating_sub(base.raw);
        if passed >= REBASE_NS {
            return self.rebase();
        }
        Nanos(base.mono + passed)
    }

    /// The latest that it can be on the monotone scale: both clocks are read, the greater counts.
    #[must_use]
    pub fn latest(&self) -> Nanos {
        Nanos(self.base.load().advanced().mono)
    }

    fn rebase(&self) -> Nanos {
        let old = self.base.load();
        let new = old.advanced();
        self.base.replace(old, new);
        Nanos(new.mono)
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { mono: self.mono(), utc: Nanos(read(libc::CLOCK_REALTIME)) }
    }
}

impl Base {
    fn advanced(self) -> Self {
        self.advanced_to(read(libc::CLOCK_MONOTONIC_RAW), read(libc::CLOCK_BOOTTIME))
    }

    fn advanced_to(self, raw: u64, boot: u64) -> Self {
        let passed = raw.saturating_sub(self.raw).max(boot.saturating_sub(self.boot));
        Self { mono: self.mono + passed, raw, boot }
    }
}

impl SharedBase {
    fn load(&self) -> Base {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let base = Base {
                mono: self.mono.load(Ordering::Relaxed),
                raw: self.raw.load(Ordering::Relaxed),
                boot: self.boot.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            let unchanged = self.version.load(Ordering::Relaxed) == version;
            if unchanged && version.is_multiple_of(2) {
                return base;
            }
            std::hint::spin_loop();
        }
    }

    /// Replaces the base if it is still the old one; another thread's newer one serves as well.
    fn replace(&self, old: Base, new: Base) {
        let version = self.version.load(Ordering::Relaxed);
        if !version.is_multiple_of(2) {
            return;
        }
        let taken = self.version.compare_exchange(
            version,
            version + 1,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if taken.is_err() {
            return;
        }
        fence(Ordering::Release);
        if self.raw.load(Ordering::Relaxed) == old.raw {
            self.mono.store(new.mono, Ordering::Relaxed);
            self.raw.store(new.raw, Ordering::Relaxed);
            self.boot.store(new.boot, Ordering::Relaxed);
        }
        self.version.store(version + 2, Ordering::Release);
    }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec, which is ours.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(failed, 0, "Linux has this clock");
    // A UTC before 1970 is taken for 1970.
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Base = Base { mono: 1_000, raw: 500, boot: 800 };

    #[test]
    fn the_greater_of_the_two_clocks_counts() {
        // Suspended for 70: only CLOCK_BOOTTIME saw it.
        assert_eq!(BASE.advanced_to(510, 880).mono, 1_080);
        // Slewed back: CLOCK_MONOTONIC_RAW was not.
        assert_eq!(BASE.advanced_to(510, 809).mono, 1_010);
        // And a suspension once counted stays counted.
        assert_eq!(BASE.advanced_to(510, 880).advanced_to(520, 890).mono, 1_090);
    }

    #[test]
    fn time_does_not_fall_on_any_thread_while_it_is_rebased() {
        let clock = SystemClock::new();
        let origin = read(libc::CLOCK_MONOTONIC_RAW);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = clock.mono();
                    for i in 0..20_000 {
                        let now = match i % 3 {
                            0 => clock.rebase(),
                            _ => clock.mono(),
                        };
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                });
            }
        });
        let passed = read(libc::CLOCK_MONOTONIC_RAW) - origin;
        let counted = clock.mono().0;
        assert!(counted + 1_000_000 >= passed, "{counted} ns counted of {passed}");
        assert!(clock.latest() >= Nanos(counted));
    }

    #[test]
    fn utc_is_the_present_age() {
        let now = SystemClock::new().now();
        let year_2025 = 1_735_689_600_000_000_000;
        assert!(now.utc.0 > year_2025);
        assert!(now.mono.0 < 1_000_000_000, "monotone time begins when the clock is made");
    }
}
