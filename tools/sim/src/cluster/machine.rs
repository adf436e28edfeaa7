//! A small store of registers, driven by the log: each command of a session has its effect once.
//!
//! Inputs -> outputs: entries by rising index -> what each command is answered, and a digest.
//! Invariants: a function of the entries applied; a command that came again changes nothing and is
//! answered as it was the first time.
//! Limits: one command of a session is under way at a time, so the last answer of each suffices.
//! Not here: when an entry may be applied, and when an answer may leave (node.rs).

use crate::linear::{OpId, RegisterAnswer, RegisterAsk, RegisterCall};
use gavel_raft::memory::{Entry, Payload};
use gavel_types::Index;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// A session of a client: it lives in the log, not in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session(pub u64);

/// What an entry of a client's stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whose.
    pub session: Session,
    /// Its number in the session, from 1.
    pub seq: u64,
    /// Which operation of the history it is.
    pub op: OpId,
    /// What is asked for.
    pub call: RegisterCall,
}

/// What became of a client's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which command.
    pub command: usize,
    /// The answer.
    pub answer: RegisterAnswer,
    /// False if it had its effect before.
    pub is_first: bool,
}

/// The state.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    applied: Index,
    registers: BTreeMap<u64, u64>,
    sessions: BTreeMap<Session, (u64, RegisterAnswer)>,
    /// Sums of hashes, so that the order of keys is of no matter.
    registers_sum: u64,
    sessions_sum: u64,
    /// A planted bug: commands that come again have their effect again.
    pub forgets_sessions: bool,
}

fn hash<const N: usize>(words: [u64; N]) -> u64 {
    xxh3_64(words.map(u64::to_le_bytes).as_flattened())
}

fn code(answer: RegisterAnswer) -> u64 {
    match answer {
        RegisterAnswer::Done => 0,
        RegisterAnswer::Swapped(swapped) => 1 + u64::from(swapped),
        RegisterAnswer::Holds(None) => 3,
        RegisterAnswer::Holds(Some(value)) => 4 + value,
    }
}

impl Machine {
    /// The last entry that it applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// Of the whole state, sessions included.
    #[must_use]
    pub fn digest(&self) -> u64 {
        hash([self.applied.0, self.registers_sum, self.sessions_sum])
    }

    /// What a register holds.
    #[must_use]
    pub fn read(&self, key: u64) -> RegisterAnswer {
        RegisterAnswer::Holds(self.registers.get(&key).copied())
    }

    /// The answer to a command that was applied, if it is its session's last.
    #[must_use]
    pub fn answered(&self, command: &Command) -> Option<RegisterAnswer> {
        let (seq, answer) = self.sessions.get(&command.session)?;
        (*seq == command.seq).then_some(*answer)
    }

    /// Applies the next entry.
    pub fn apply(&mut self, entry: &Entry, commands: &[Command]) -> Option<Applied> {
        self.applied = self.applied.next();
        let Payload::Value(place) = entry.payload else { return None };
        let place = place as usize;
        let command = commands[place];
        let last = self.sessions.get(&command.session).copied();
        if let Some((seq, answer)) = last
            && command.seq <= seq
            && !self.forgets_sessions
        {
            return Some(Applied { command: place, answer, is_first: false });
        }
        let answer = self.perform(command.call);
        if let Some((seq, answer)) = last {
            let gone = hash([command.session.0, seq, code(answer)]);
            self.sessions_sum = self.sessions_sum.wrapping_sub(gone);
        }
        let here = hash([command.session.0, command.seq, code(answer)]);
        self.sessions_sum = self.sessions_sum.wrapping_add(here);
        self.sessions.insert(command.session, (command.seq, answer));
        Some(Applied { command: place, answer, is_first: true })
    }

    fn perform(&mut self, call: RegisterCall) -> RegisterAnswer {
        let held = self.registers.get(&call.key).copied();
        match call.ask {
            RegisterAsk::Get => RegisterAnswer::Holds(held),
            RegisterAsk::Put(value) => {
                self.put(call.key, held, value);
                RegisterAnswer::Done
            }
            RegisterAsk::CompareAndSwap { expected, new } => {
                let swaps = held == expected;
                if swaps {
                    self.put(call.key, held, new);
                }
                RegisterAnswer::Swapped(swaps)
            }
        }
    }

    fn put(&mut self, key: u64, held: Option<u64>, value: u64) {
        if let Some(held) = held {
            self.registers_sum = self.registers_sum.wrapping_sub(hash([key, held]));
        }
        self.registers_sum = self.registers_sum.wrapping_add(hash([key, value]));
        self.registers.insert(key, value);
    }

    /// A planted bug: a value changes that nobody wrote.
    pub fn drift(&mut self) {
        let Some((&key, &value)) = self.registers.last_key_value() else { return };
        self.put(key, Some(value), value ^ 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_types::Term;

    #[test]
    fn a_command_that_comes_again_changes_nothing() {
        let call = |ask| RegisterCall { key: 1, ask };
        let swap = RegisterAsk::CompareAndSwap { expected: None, new: 5 };
        let session = Session(1);
        let commands = [
            Command { session, seq: 1, op: OpId(0), call: call(swap) },
            Command { session, seq: 2, op: OpId(1), call: call(RegisterAsk::Get) },
        ];
        let entry = |value| Entry { term: Term(1), payload: Payload::Value(value) };
        let mut machine = Machine::default();
        let first = machine.apply(&entry(0), &commands).unwrap();
        assert_eq!((first.answer, first.is_first), (RegisterAnswer::Swapped(true), true));
        let again = machine.apply(&entry(0), &commands).unwrap();
        assert_eq!((again.answer, again.is_first), (RegisterAnswer::Swapped(true), false));
        let read = machine.apply(&entry(1), &commands).unwrap();
        assert_eq!(read.answer, RegisterAnswer::Holds(Some(5)));
    }

    #[test]
    fn a_digest_is_of_the_state() {
        let call = |key| RegisterCall { key, ask: RegisterAsk::Put(key + 10) };
        let of = |session, key| {
            let (session, op) = (Session(session), OpId(key as usize));
            Command { session, seq: 1, op, call: call(key) }
        };
        let commands = [of(1, 1), of(2, 2), of(3, 3)];
        let digest = |order: [u64; 2]| {
            let mut machine = Machine::default();
            for value in order {
                machine.apply(&Entry { term: Term(1), payload: Payload::Value(value) }, &commands);
            }
            machine.digest()
        };
        assert_eq!(digest([0, 1]), digest([1, 0]));
        assert_ne!(digest([0, 1]), digest([0, 2]));
    }
}
