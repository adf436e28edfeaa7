//! One call of storage fails: which, the driver says, and tries every one.
//!
//! Every call of the ports that reach the disk (the log's reader and store, files beside the log)
//! counts here, over all processes of a world. The call of the number that was set fails, once.
//!
//! Inputs -> outputs: calls in; the fault of the one that fails, out.
//! Invariants: the same world makes the same calls up to the one that fails.
//! Not here: what a call that failed has done all the same (the disk says).

use gavel_contract::{StoreFault, StoreFaultKind};
use std::cell::RefCell;
use std::rc::Rc;

/// The call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailCall {
    /// Its number, from 1.
    pub call: u64,
    /// How.
    pub kind: StoreFaultKind,
}

impl FailCall {
    /// From a command line: a number, and `io` or `full`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (call, kind) = text.split_once(':')?;
        let kind = match kind {
            "io" => StoreFaultKind::Io,
            "full" => StoreFaultKind::Full,
            _ => return None,
        };
        Some(Self { call: call.parse().ok()?, kind })
    }

    /// For a command line.
    #[must_use]
    pub fn option(&self) -> String {
        let kind = if self.kind == StoreFaultKind::Full { "full" } else { "io" };
        format!("--fail-call {}:{kind}", self.call)
    }
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    fails: Option<FailCall>,
    failed: Option<&'static str>,
}

/// The calls of a world. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Countdown(Rc<RefCell<State>>);

impl Countdown {
    /// Of a world in which that call fails.
    #[must_use]
    pub fn new(fails: Option<FailCall>) -> Self {
        Self(Rc::new(RefCell::new(State { fails, ..State::default() })))
    }

    /// A call.
    ///
    /// # Errors
    /// The fault, if this is the call that fails.
    pub fn call(&self, what: &'static str) -> Result<(), StoreFault> {
        let state = &mut *self.0.borrow_mut();
        state.calls += 1;
        match state.fails {
            Some(FailCall { call, kind }) if call == state.calls => {
                state.failed = Some(what);
                Err(StoreFault { kind, facts: format!("{what}: {kind:?} (call {call})") })
            }
            _ => Ok(()),
        }
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.borrow().calls
    }

    /// What failed, if anything has.
    #[must_use]
    pub fn failed(&self) -> Option<&'static str> {
        self.0.borrow().failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_the_call_again() {
        for kind in [StoreFaultKind::Io, StoreFaultKind::Full] {
            let fails = FailCall { call: 17, kind };
            let option = fails.option();
            assert_eq!(FailCall::parse(option.split_once(' ').unwrap().1), Some(fails));
        }
        assert!(FailCall::parse("17").is_none() && FailCall::parse("17:no").is_none());
    }

    #[test]
    fn one_call_fails_and_those_around_it_do_not() {
        let fails = FailCall { call: 2, kind: StoreFaultKind::Io };
        let countdown = Countdown::new(Some(fails));
        assert!(countdown.call("a").is_ok() && countdown.failed().is_none());
        assert_eq!(countdown.clone().call("b").unwrap_err().kind, StoreFaultKind::Io);
        assert!(countdown.call("c").is_ok());
        assert_eq!((countdown.calls(), countdown.failed()), (3, Some("b")));
    }
}
