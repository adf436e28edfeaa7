//! What a single thread would answer: the specification that a history is held against.
//!
//! Inputs -> outputs: a state and a call -> the next state and the answer.
//! Invariants: a function: the same state and call always give the same.
//! Not here: time, clients, anything that overlaps.
//! Source: Herlihy and Wing 1990, 2.2 (sequential specifications).

use std::fmt::{Debug, Display, Formatter, Result};
use std::hash::Hash;

/// A sequential specification.
pub trait Sequential {
    /// What is asked for.
    type Call: Clone + Debug;
    /// What is answered.
    type Answer: Clone + Debug + Eq;
    /// What is remembered between calls.
    type State: Clone + Debug + Eq + Hash;

    /// The next state and the answer; `None` if the call cannot happen in this state.
    fn apply(state: &Self::State, call: &Self::Call) -> Option<(Self::State, Self::Answer)>;

    /// Whether a call that is answered so changes no state whatsoever. It makes searches short, and
    /// `false` is never wrong.
    fn only_reads(call: &Self::Call, answer: &Self::Answer) -> bool;
}

/// A specification of many independent objects, each under a key.
pub trait Model: Sequential<Call: Display, Answer: Display> {
    /// Which object.
    type Key: Clone + Ord + Display;

    /// The one object that a call is for.
    fn key(call: &Self::Call) -> Self::Key;

    /// How an object begins.
    fn start(key: &Self::Key) -> Self::State;
}

/// A store of registers, each of which holds a number or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {}

/// A call to a [`Register`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterCall {
    /// To which.
    pub key: u64,
    /// What for.
    pub ask: RegisterAsk,
}

/// What a register is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterAsk {
    /// What it holds.
    Get,
    /// To hold this.
    Put(u64),
    /// To hold the new value if it holds the expected one.
    CompareAndSwap {
        /// What it must hold.
        expected: Option<u64>,
        /// What it then holds.
        new: u64,
    },
}

/// What a register answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterAnswer {
    /// To a get: what it holds.
    Holds(Option<u64>),
    /// To a put.
    Done,
    /// To a compare-and-swap: whether it held what was expected.
    Swapped(bool),
}

impl Sequential for Register {
    type Call = RegisterCall;
    type Answer = RegisterAnswer;
    type State = Option<u64>;

    fn apply(held: &Option<u64>, call: &RegisterCall) -> Option<(Option<u64>, RegisterAnswer)> {
        Some(match call.ask {
            RegisterAsk::Get => (*held, RegisterAnswer::Holds(*held)),
            RegisterAsk::Put(value) => (Some(value), RegisterAnswer::Done),
            RegisterAsk::CompareAndSwap { expected, new } if *held == expected => {
                (Some(new), RegisterAnswer::Swapped(true))
            }
            RegisterAsk::CompareAndSwap { .. } => (*held, RegisterAnswer::Swapped(false)),
        })
    }

    fn only_reads(_: &RegisterCall, answer: &RegisterAnswer) -> bool {
        matches!(answer, RegisterAnswer::Holds(_) | RegisterAnswer::Swapped(false))
    }
}

impl Model for Register {
    type Key = u64;

    fn key(call: &RegisterCall) -> u64 {
        call.key
    }

    fn start(_: &u64) -> Option<u64> {
        None
    }
}

impl Display for RegisterCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.ask {
            RegisterAsk::Get => write!(f, "get {}", self.key),
            RegisterAsk::Put(value) => write!(f, "put {} {value}", self.key),
            RegisterAsk::CompareAndSwap { expected, new } => {
                write!(f, "cas {} {} {new}", self.key, held(expected))
            }
        }
    }
}

impl Display for RegisterAnswer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Holds(value) => f.write_str(&held(*value)),
            Self::Done => f.write_str("done"),
            Self::Swapped(true) => f.write_str("swapped"),
            Self::Swapped(false) => f.write_str("not swapped"),
        }
    }
}

fn held(value: Option<u64>) -> String {
    value.map_or_else(|| String::from("nothing"), |value| value.to_string())
}
