//! The one door for developers: `cargo xtask ...`. What a person runs here, CI runs too.
//!
//! Inputs -> outputs: a command line and the checkout -> child processes, findings for people, and
//! an exit status: 0 all is well, 1 something falls short, 2 it could not be tried.
//! Invariants: nothing in the checkout is changed, but for `.venv` and the target directory; a step
//! that did not run is called SKIPPED with its reason, never passed.
//! Limits: Linux; a checkout with its git directory.
//! Not here: anything that a node or an operator needs. No other crate may depend on this one.
//! Source: the xtask convention (matklad/cargo-xtask); tigerbeetle's tidy for the idea of it.
#![forbid(unsafe_code)]

mod check;
mod ci;
mod cli;
mod doctor;
mod fuzz;
mod source;
mod spec;
mod steps;
mod test;
mod tidy;
mod workspace;

pub use cli::main;
