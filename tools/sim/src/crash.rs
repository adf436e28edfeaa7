//! Death between any two calls of a port.
//!
//! Every port of the node counts its calls here. Once the count that a crash was set for is used
//! up, the process is dead: what it still calls in that duty cycle has no effect on the world, and
//! the driver buries it after the cycle. So a crash falls after any write, sync or send, not only
//! between duty cycles.
//!
//! Inputs -> outputs: calls in; whether they may have an effect, out.
//! Not here: what is lost (disk and network say).

use std::cell::Cell;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lives,
    DiesAfter(u64),
    Dead,
}

/// The fate of one process, shared by its ports and the driver.
#[derive(Clone, Debug)]
pub struct CrashPoint(Rc<Cell<Fate>>);

impl Default for CrashPoint {
    fn default() -> Self {
        Self(Rc::new(Cell::new(Fate::Lives)))
    }
}

impl CrashPoint {
    /// The process dies right after so many more port calls: at once if that is 0.
    pub fn set(&self, calls: u64) {
        self.0.set(if calls == 0 { Fate::Dead } else { Fate::DiesAfter(calls) });
    }

    /// A port is called. False if the process is dead, and the call must have no effect.
    #[must_use]
    pub fn call(&self) -> bool {
        match self.0.get() {
            Fate::Lives => true,
            Fate::Dead => false,
            Fate::DiesAfter(calls) => {
                self.set(calls - 1);
                true
            }
        }
    }

    /// True if it is to die, or has.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.get() != Fate::Lives
    }

    /// True once the process is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.get() == Fate::Dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_have_an_effect_and_no_more() {
        let point = CrashPoint::default();
        assert!(point.call() && !point.is_dead());
        point.set(2);
        assert!(point.call() && !point.is_dead());
        assert!(point.call() && point.is_dead());
        assert!(!point.call());
    }
}
